package remotehosts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
)

var (
	errTooMuchSent     = errors.New("the body is longer than maxSent")
	errTooMuchReceived = errors.New("the answer is longer than maxReceived")
	errSwitched        = errors.New("answered 101 to a request that asked for no upgrade")
)

// upload is the body of a request on its way to the host. The client that it
// comes from, or the limit, may break it off.
type upload struct {
	request *http.Request
	limit   int64 // 0: none
	tried   bool

	mu    sync.Mutex
	begun bool
	err   error // of reading it
}

// next is the request for one more address.
func (u *upload) next(ctx context.Context, address string, secure bool, s *stalls) *http.Request {
	q := u.request.WithContext(ctx)
	target := *u.request.URL
	target.Scheme, target.Host = "http", address
	if secure {
		target.Scheme = "https"
	}
	q.URL = &target
	again := u.tried
	u.tried = true
	if q.Body == nil || q.Body == http.NoBody {
		return q
	}
	if q.GetBody != nil {
		if again {
			if body, err := q.GetBody(); err == nil {
				q.Body = body
			}
		}
		return q
	}
	q.Body = &uploadReader{u: u, source: u.request.Body, stalls: s}
	return q
}

// repeatable tells whether the whole body can be sent once more.
func (u *upload) repeatable() bool {
	if u.request.Body == nil || u.request.Body == http.NoBody || u.request.GetBody != nil {
		return true
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return !u.begun
}

// failure is what broke while the body was read.
func (u *upload) failure() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// uploadReader is the body for one address. It does not close its source, which
// another address may need.
type uploadReader struct {
	u      *upload
	source io.Reader
	stalls *stalls
	count  int64
}

func (r *uploadReader) Read(p []byte) (int, error) {
	r.u.mu.Lock()
	r.u.begun = true
	r.u.mu.Unlock()
	r.stalls.uploading(false)
	n, err := r.source.Read(p)
	r.stalls.uploading(true)
	if r.count += int64(n); r.u.limit > 0 && r.count > r.u.limit {
		n, err = 0, errTooMuchSent
	}
	if err != nil && err != io.EOF {
		r.u.mu.Lock()
		r.u.err = err
		r.u.mu.Unlock()
	}
	return n, err
}

func (r *uploadReader) Close() error { return nil }

// download is the body of an answer on its way. With its end it gives back what
// the request holds.
type download struct {
	x       *sending
	address *address
	body    io.ReadCloser
	ctx     context.Context
	end     context.CancelCauseFunc
	stalls  *stalls
	limit   int64 // 0: none
	count   int64
	carried bool      // counts as open at the address
	sent    io.Closer // the request's body, to be closed with the answer; may be nil
	left    sync.Once
	ended   sync.Once
}

// check refuses answers that cannot be passed on.
func (d *download) check(r *http.Response) error {
	h := d.x.h
	switch {
	case r.StatusCode == http.StatusSwitchingProtocols:
		return h.fail(d.x.c, 502, errSwitched.Error(), errSwitched)
	case d.limit > 0 && r.ContentLength > d.limit && d.x.up.request.Method != http.MethodHead:
		return h.fail(d.x.c, 502, fmt.Sprintf("answered with a body of more than %s (maxReceived)", h.def.MaxReceived), errTooMuchReceived)
	}
	return nil
}

// Read reads the next block; waiting for it, the host may stall no longer than
// the active timeout.
func (d *download) Read(p []byte) (int, error) {
	d.stalls.wait()
	n, err := d.body.Read(p)
	d.stalls.rest()
	if d.count += int64(n); d.limit > 0 && d.count > d.limit {
		n, err = 0, errTooMuchReceived
	}
	if err == nil {
		return n, nil
	}
	if err != io.EOF || context.Cause(d.ctx) != nil { // what ends because it was broken off is not whole
		err = d.explain(err)
	}
	d.finish()
	return n, err
}

// explain says why an answer broke off.
func (d *download) explain(err error) error {
	h, c := d.x.h, d.x.c
	switch cause := context.Cause(d.ctx); {
	case cause == errStalled:
		err = fmt.Errorf("%w: nothing came for %s", errStalled, c.ActiveTimeout)
	case cause != nil:
		err = cause
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("it closed the connection: %w", err)
	}
	return fmt.Errorf("the answer of remote host %s (%s) broke off after %d bytes: %w", h.def.Name, d.address.key, d.count, err)
}

// Close lets go of what has not been read.
func (d *download) Close() error {
	d.finish()
	return nil
}

// finish ends the answer and gives the place at the host back.
func (d *download) finish() {
	d.ended.Do(func() {
		d.drop()
		d.x.h.slots.release()
		d.x.leave()
		if d.sent != nil {
			d.sent.Close()
		}
	})
}

// drop ends the answer of one address; the request keeps its place.
func (d *download) drop() {
	d.left.Do(func() {
		d.stalls.rest()
		if d.body != nil {
			d.body.Close()
		}
		d.end(nil)
		if d.carried {
			d.x.h.pool.release(d.address)
		}
	})
}
