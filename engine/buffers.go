package engine

import "sync"

// Sizes of the pooled buffers. A session holds none while it waits.
const (
	smallBuffer = 16 << 10
	largeBuffer = 128 << 10 // while long messages pass
	headroom    = 256       // in front of what was read, for bytes held back from the read before
)

// buffer is a pooled array: a pump reads into it, or puts together in it what it writes.
type buffer struct {
	b    []byte
	call call
}

var (
	smallBuffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, smallBuffer)} }}
	largeBuffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, largeBuffer)} }}
)

func takeBuffer(large bool) *buffer {
	if large {
		return largeBuffers.Get().(*buffer)
	}
	return smallBuffers.Get().(*buffer)
}

// giveBuffer puts a buffer back. One that grew past the large size is left to the collector.
func giveBuffer(b *buffer) {
	b.b = b.b[:cap(b.b)]
	switch {
	case cap(b.b) > 2*largeBuffer:
	case cap(b.b) >= largeBuffer:
		largeBuffers.Put(b)
	case cap(b.b) >= smallBuffer:
		smallBuffers.Put(b)
	}
}
