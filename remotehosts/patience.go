package remotehosts

import (
	"context"
	"errors"
	"sync"
	"time"
)

// errStalled and errTooLong end requests whose host lets a block wait for too
// long, or that take too long as a whole.
var (
	errStalled = errors.New("the host has stalled")
	errTooLong = errors.New("the transaction took too long")
)

// stalls ends a request when the host, and not the one who reads or writes at
// the gateway's other side, lets a block wait for longer than a limit.
type stalls struct {
	mu       sync.Mutex
	limit    time.Duration
	timer    *time.Timer // nil: has never run
	end      context.CancelCauseFunc
	answered bool // the body of the request says nothing any more
}

func newStalls(limit time.Duration, end context.CancelCauseFunc) *stalls {
	return &stalls{limit: limit, end: end}
}

// wait begins to wait for the host anew.
func (s *stalls) wait() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.start()
}

func (s *stalls) start() {
	if s.timer == nil {
		s.timer = time.AfterFunc(s.limit, func() { s.end(errStalled) })
		return
	}
	s.timer.Reset(s.limit)
}

// rest stops waiting: it is the other side's turn.
func (s *stalls) rest() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop()
}

func (s *stalls) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// answer stops waiting for the head of the answer.
func (s *stalls) answer() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = true
	s.stop()
}

// uploading says whose turn it is while the body of the request is sent: the
// host's, or that of the client who has to send more. Once the host has answered
// it means nothing.
func (s *stalls) uploading(host bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.answered:
	case host:
		s.start()
	default:
		s.stop()
	}
}
