package wire_test

import (
	"bytes"
	"fmt"
	"testing"
	"unicode/utf8"

	"framegate/engine/wire"
)

var key = [4]byte{0x12, 0x34, 0x56, 0x78}

// burst is a chunk of n bytes of masked text messages with size bytes each.
func burst(n, size int) []byte {
	h := wire.Header{Fin: true, Op: wire.Text, Masked: true, Key: key}
	frame := wire.AppendFrame(nil, h, bytes.Repeat([]byte("x"), size))
	return bytes.Repeat(frame, n/len(frame))
}

func BenchmarkMask(b *testing.B) {
	for _, size := range []int{16, 125, 1024, 16 << 10, 64 << 10} {
		for _, pos := range []int{0, 3} {
			b.Run(fmt.Sprintf("%d+%d", size, pos), func(b *testing.B) {
				p := make([]byte, size+pos)[pos:]
				b.SetBytes(int64(size))
				for b.Loop() {
					wire.Mask(p, key, pos)
				}
			})
		}
	}
}

func BenchmarkKeys(b *testing.B) {
	var k wire.Keys
	for b.Loop() {
		k.Next()
	}
}

func BenchmarkFollower(b *testing.B) {
	for _, stop := range []wire.Stop{wire.StopControls, wire.StopMessages} {
		for _, size := range []int{16, 128, 4000} {
			b.Run(fmt.Sprintf("stop%d/%d", stop, size), func(b *testing.B) {
				p := burst(16<<10, size)
				f := wire.Follower{Stop: stop}
				b.SetBytes(int64(len(p)))
				for b.Loop() {
					for rest := p; len(rest) > 0; {
						_, n, err := f.Next(rest)
						if err != nil {
							b.Fatal(err)
						}
						rest = rest[n:]
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(f.Messages), "ns/message")
			})
		}
	}
}

func BenchmarkReader(b *testing.B) {
	for _, size := range []int{16, 128, 4000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := burst(16<<10, size)
			r := wire.Reader{CheckUTF8: true}
			messages := 0
			b.SetBytes(int64(len(p)))
			buf := make([]byte, len(p))
			for b.Loop() {
				copy(buf, p)
				for rest := buf; len(rest) > 0; {
					ev, n, err := r.Next(rest)
					if err != nil {
						b.Fatal(err)
					}
					if ev.Kind == wire.Message {
						messages++
					}
					rest = rest[n:]
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
		})
	}
}

// BenchmarkReaderBig reads 64 KiB messages: the first 16 KiB come with the header, the rest goes straight into Buf.
func BenchmarkReaderBig(b *testing.B) {
	p := burst(70<<10, 64<<10)
	r := wire.Reader{}
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		_, n, err := r.Next(p[:16<<10])
		if err != nil {
			b.Fatal(err)
		}
		n = copy(r.Space(1<<20), p[n:])
		if ev, err := r.Filled(n); err != nil || ev.Kind != wire.Message {
			b.Fatal(ev.Kind, err)
		}
	}
}

func BenchmarkUTF8(b *testing.B) {
	for name, text := range map[string]string{"ascii": "hello, world; ", "german": "Grüße aus Köln; ", "cjk": "世界你好"} {
		p := bytes.Repeat([]byte(text), 4096/len(text))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			var u wire.UTF8
			for b.Loop() {
				u.Check(p, true)
			}
		})
		b.Run(name+"/std", func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				utf8.Valid(p)
			}
		})
	}
}
