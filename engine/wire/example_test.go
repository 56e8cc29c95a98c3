package wire_test

import (
	"fmt"

	"framegate/engine/wire"
)

// A pump in message mode: whatever arrived goes into Next until it is used up; then the buffer is free again.
func ExampleReader() {
	host := wire.Reader{State: wire.State{Side: wire.FromServer}, CheckUTF8: true}
	for _, chunk := range []string{"\x01\x03Hel", "\x89\x00\x80", "\x02lo\x88\x02\x03\xE8"} {
		for p := []byte(chunk); len(p) > 0; {
			ev, n, err := host.Next(p)
			if err != nil {
				code, _ := wire.CodeOf(err)
				fmt.Println("close", code, err)
				return
			}
			if ev.Kind != wire.None {
				fmt.Printf("%v %q\n", ev.Op, ev.Payload)
			}
			p = p[n:]
		}
	}
	// Output:
	// ping ""
	// text "Hello"
	// close "\x03\xe8"
}

// A pump in raw mode: Held, the passed part of the chunk, and the control frame go on in this order.
func ExampleFollower() {
	host := wire.Follower{State: wire.State{Side: wire.FromServer}}
	var out []byte
	for _, chunk := range []string{"\x81\x05He", "llo\x89\x04pi", "ng\x82", "\x01\xFF"} {
		for p := []byte(chunk); len(p) > 0; {
			ev, n, err := host.Next(p)
			out = append(append(out, ev.Held...), p[:ev.Pass]...)
			if err != nil {
				fmt.Println(err)
				return
			}
			if ev.Kind == wire.Control {
				out = append(out, ev.Frame...) // or not: a pong to a ping of our own
			}
			p = p[n:]
		}
		fmt.Printf("%q boundary %v\n", out, host.Boundary())
		out = out[:0]
	}
	fmt.Println(host.Messages, "messages,", host.Bytes, "bytes")
	// Output:
	// "\x81\x05He" boundary false
	// "llo" boundary true
	// "\x89\x04ping" boundary true
	// "\x82\x01\xff" boundary true
	// 2 messages, 6 bytes
}
