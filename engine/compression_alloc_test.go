package engine

import (
	"fmt"
	"testing"

	"framegate/engine/wire"
)

func TestNoAllocationPerCompressedMessage(t *testing.T) {
	if racing {
		t.Skip("the race detector makes sync.Pool drop values at random")
	}
	for name, policy := range map[string]*Policy{"unchanged": native(), "changed": shout()} {
		t.Run(name, func(t *testing.T) {
			p, burst := deflatingPump(policy, 1000)
			var b [smallBuffer]byte
			relay := func() {
				if err := p.consume(b[:], copy(b[headroom:], burst), true); err != nil {
					t.Fatal(err)
				}
			}
			for range 10 {
				relay()
			}
			if n := testing.AllocsPerRun(100, relay); n >= 1 {
				t.Errorf("%v allocations for a burst", n)
			}
		})
	}
}

// shout changes every message, in place of a filter that allocates.
func shout() *Policy {
	var body [64 << 10]byte
	return policyOf("shout", filterFunc(func(m *Message) (bool, error) {
		n := copy(body[:], m.Body())
		body[0] = '!'
		m.SetBody(body[:n])
		return true, nil
	}))
}

// deflatingPump is the pump from a client to a sink, and a compressed message.
func deflatingPump(policy *Policy, size int) (*pump, []byte) {
	w := &Websocket{Log: LogRules{Off: true}, ClientFrame: policy, Compression: on, snapshot: &Snapshot{}}
	p, _ := pumpFor(ClientSide, w)
	agreed := wire.Deflate{{NoContext: true, Bits: 15}, {Bits: 15}}
	toHost := wire.Deflate{{Bits: 15}, {NoContext: true, Bits: 15}}
	p.s.agreeDeflate(&agreed, &toHost, &w.Compression)
	p.use(w)
	packed := newPeerDeflate(true).pack(jsonData()[:size])
	return p, wire.AppendFrame(nil, wire.Header{Fin: true, Rsv: wire.Rsv1, Op: wire.Binary, Masked: true, Key: maskKey}, []byte(packed))
}

// A message inflated, looked at, and passed on as it came, or changed and
// deflated: MB/s are of plain text.
func BenchmarkCompressed(b *testing.B) {
	for _, name := range []string{"unchanged", "changed"} {
		for _, size := range []int{150, 1 << 10, 16 << 10} {
			b.Run(fmt.Sprintf("%s/%d bytes", name, size), func(b *testing.B) {
				policy := native()
				if name == "changed" {
					policy = shout()
				}
				p, burst := deflatingPump(policy, size)
				buf := make([]byte, largeBuffer)
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					if err := p.consume(buf, copy(buf[headroom:], burst), true); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
