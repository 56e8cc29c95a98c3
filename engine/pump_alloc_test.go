package engine

import (
	"fmt"
	"log/slog"
	"net"
	"testing"
	"time"

	"framegate/engine/wire"
)

// sink is a connection that takes everything and gives nothing.
type sink struct {
	net.Conn
	taken int
}

func (s *sink) Write(p []byte) (int, error)      { s.taken += len(p); return len(p), nil }
func (s *sink) SetReadDeadline(time.Time) error  { return nil }
func (s *sink) SetWriteDeadline(time.Time) error { return nil }

// pumpFor makes the pump of one direction that writes to a sink.
func pumpFor(from Side, w *Websocket) (*pump, *sink) {
	s := &Session{ID: "test", gateway: New(slog.New(slog.DiscardHandler), nil)}
	w.snapshot = &Snapshot{}
	s.websocket.Store(w)
	out := &sink{}
	for side := range s.pumps {
		s.legs[side] = leg{conn: out, side: Side(side)}
		p := &s.pumps[side]
		p.s, p.from = s, Side(side)
		p.runsBy.Store(w)
		p.begin()
	}
	return &s.pumps[from], out
}

// frames is n text messages as one side sends them.
func frames(from Side, n, size int) []byte {
	var all []byte
	var keys wire.Keys
	for i := range n {
		h := wire.Header{Fin: true, Op: wire.Text, Masked: from == ClientSide}
		if h.Masked {
			h.Key = keys.Next()
		}
		all = wire.AppendFrame(all, h, []byte(fmt.Sprintf("%0*d", size, i)))
	}
	return all
}

// native is a policy of filters as the native ones are: they look at the body
// and set attributes, and nothing is recorded.
func native() *Policy {
	seen, length := AttrOf("seen"), AttrOf("websock.message.length")
	return policyOf("native",
		filterFunc(func(m *Message) (bool, error) { return m.Get(length).Int() < 1<<20, nil }),
		filterFunc(func(m *Message) (bool, error) { return true, m.Set(seen, BoolValue(true)) }),
	)
}

func relayCases() map[string]*Websocket {
	return map[string]*Websocket{
		"raw":            {Log: LogRules{Off: true}},
		"raw, logged":    {},
		"message":        {Log: LogRules{Off: true}, MessageMode: true},
		"native filters": {Log: LogRules{Off: true}, ClientFrame: native(), ServerFrame: native()},
	}
}

func TestNoAllocationPerMessage(t *testing.T) {
	if racing {
		t.Skip("the race detector makes sync.Pool drop values at random")
	}
	for name, w := range relayCases() {
		for _, from := range []Side{ClientSide, HostSide} {
			t.Run(name+" from "+from.String(), func(t *testing.T) {
				p, out := pumpFor(from, w)
				if name == "raw, logged" {
					p.s.gateway.journal = NewJournal(64)
				}
				burst := frames(from, 16, 128)
				var b [smallBuffer]byte
				relay := func() {
					n := copy(b[headroom:], burst)
					if err := p.consume(b[:], n, true); err != nil {
						t.Fatal(err)
					}
				}
				for range 10 { // fill pools and ring
					relay()
				}
				before := out.taken
				if n := testing.AllocsPerRun(100, relay); n >= 1 {
					t.Errorf("%v allocations for a burst of 16 messages", n)
				}
				if out.taken == before || p.messages.Load() == 0 {
					t.Error("nothing was relayed")
				}
			})
		}
	}
}

func BenchmarkRelay(b *testing.B) {
	for name, w := range relayCases() {
		for _, size := range []int{128, 16000} {
			b.Run(fmt.Sprintf("%s/%d bytes", name, size), func(b *testing.B) {
				p, _ := pumpFor(ClientSide, w)
				burst := frames(ClientSide, max(1, 2048/size), size)
				buf := make([]byte, largeBuffer)
				b.SetBytes(int64(len(burst)))
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
