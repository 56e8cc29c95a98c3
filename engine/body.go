package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Body is the content of an HTTP request or answer, which may still be on its
// way. Nothing of it is held in memory until somebody asks for its bytes. A nil
// Body is empty. It is for one goroutine at a time.
type Body struct {
	length int64
	source io.ReadCloser // nil: held is all there is
	held   []byte
	begun  bool // some of source has been read
	err    error
}

// ErrBodyTooLong is the error of [Body.Bytes] for more than its limit.
var ErrBodyTooLong = errors.New("the body is too long")

// NewBody makes a body of what a source gives: length bytes, or -1 where only
// its end tells. The body owns the source.
func NewBody(source io.ReadCloser, length int64) *Body { return &Body{length: length, source: source} }

// BytesBody makes a body of bytes, which must not change.
func BytesBody(p []byte) *Body { return &Body{length: int64(len(p)), held: p} }

// Length is how many bytes the body has in all; -1 where only its end tells.
func (b *Body) Length() int64 {
	if b == nil {
		return 0
	}
	return b.length
}

// Bytes reads the whole body and keeps it, so that it can still be sent on. Of
// more than limit bytes the error is [ErrBodyTooLong]; what breaks on the way is
// another. After an error the body cannot be used any more.
func (b *Body) Bytes(limit int64) ([]byte, error) {
	switch {
	case b == nil:
		return nil, nil
	case b.err != nil:
		return nil, b.err
	case b.source == nil:
		return b.held, nil
	case b.length > limit:
		b.err = fmt.Errorf("%w: %d bytes, and %d may be read into memory", ErrBodyTooLong, b.length, limit)
		return nil, b.err
	}
	var all bytes.Buffer
	if b.length > 0 {
		all.Grow(int(b.length) + bytes.MinRead)
	}
	b.begun = true
	n, err := all.ReadFrom(io.LimitReader(b.source, limit+1))
	b.source.Close()
	switch {
	case err != nil:
		b.err = fmt.Errorf("read the body: %w", err)
		return nil, b.err
	case n > limit:
		b.err = fmt.Errorf("%w: more than the %d bytes that may be read into memory", ErrBodyTooLong, limit)
		return nil, b.err
	}
	b.source, b.held, b.length = nil, all.Bytes(), n
	return b.held, nil
}

// Held returns the bytes of a body that is whole in memory, so that it can be
// sent more than once.
func (b *Body) Held() ([]byte, bool) {
	if b == nil {
		return nil, true
	}
	return b.held, b.source == nil && b.err == nil
}

// Begun tells whether a part of a body that is not held has been read.
func (b *Body) Begun() bool { return b != nil && b.source != nil && b.begun }

// Stream is the reader of a body that is sent on. Its Close closes the body.
func (b *Body) Stream() io.ReadCloser {
	switch {
	case b == nil:
		return io.NopCloser(bytes.NewReader(nil))
	case b.source == nil:
		return io.NopCloser(bytes.NewReader(b.held))
	}
	return (*stream)(b)
}

// Close lets go of what is still on its way.
func (b *Body) Close() error {
	if b == nil || b.source == nil {
		return nil
	}
	return b.source.Close()
}

// stream is a body while it is read block by block.
type stream Body

func (s *stream) Read(p []byte) (int, error) {
	s.begun = true
	if s.err != nil {
		return 0, s.err
	}
	return s.source.Read(p)
}

func (s *stream) Close() error { return s.source.Close() }
