package wire_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"framegate/engine/wire"
)

// orders are messages such as services send.
func orders(size int) [][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	var all [][]byte
	for range 64 {
		var b bytes.Buffer
		for b.Len() < size {
			fmt.Fprintf(&b, `{"type":"order","id":"%08x","user":"user-%d","symbol":"%s","price":%d.%02d,"at":"2026-11-21T10:%02d:%02dZ"},`,
				r.Uint32(), r.IntN(1000), []string{"EURUSD", "GBPUSD", "BTCEUR"}[r.IntN(3)], r.IntN(10000), r.IntN(100), r.IntN(60), r.IntN(60))
		}
		all = append(all, b.Bytes()[:size])
	}
	return all
}

func BenchmarkDeflate(b *testing.B) {
	for _, size := range []int{150, 1 << 10, 16 << 10} {
		for _, context := range []int{0, 1 << 10, 2 << 10, 8 << 10} {
			b.Run(fmt.Sprintf("%d bytes/context %d", size, context), func(b *testing.B) {
				d := wire.Deflater{Side: wire.DeflateSide{Bits: 15, NoContext: context == 0}, Context: context}
				messages := orders(size)
				var out []byte
				var i, sent, said int
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					var ok bool
					if out, ok = d.Append(out[:0], messages[i%64]); !ok {
						out = messages[i%64]
					}
					i, sent, said = i+1, sent+len(out), said+size
					if !ok {
						out = nil
					}
				}
				b.ReportMetric(100*float64(sent)/float64(said), "%size")
			})
		}
	}
}

func BenchmarkInflate(b *testing.B) {
	for _, size := range []int{150, 1 << 10, 16 << 10} {
		b.Run(fmt.Sprintf("%d bytes", size), func(b *testing.B) {
			in := wire.Inflater{Side: wire.DeflateSide{Bits: 15, NoContext: true}}
			p := deflated(b, orders(size)[0])
			var out []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				var err error
				if out, _, err = in.Append(out[:0], p, 1<<20); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
