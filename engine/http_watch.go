package engine

import (
	"net"
	"sync"
	"time"
)

// watcher finds out that a client goes away while a request of it is on its way:
// it reads the connection whenever nobody else does, and keeps what it reads, the
// beginning of the next request, for later.
type watcher struct {
	conn net.Conn
	gone func(error)

	mu     sync.Mutex
	wanted bool // somebody waits for a remote host
	idle   bool // nobody else reads
	over   bool
	done   chan struct{} // closed when its goroutine has ended; nil: it was never started
	seen   []byte
}

// maxSeen is how much is read ahead. A client that sends more is there.
const maxSeen = 16 << 10

// want begins to watch as soon as the connection is free.
func (w *watcher) want() { w.start(&w.wanted) }

// free says that nobody else reads the connection any more.
func (w *watcher) free() { w.start(&w.idle) }

func (w *watcher) start(condition *bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	*condition = true
	if w.wanted && w.idle && !w.over && w.done == nil {
		w.done = make(chan struct{})
		go w.run()
	}
}

func (w *watcher) run() {
	defer close(w.done)
	var block [512]byte
	for len(w.seen) < maxSeen {
		n, err := w.conn.Read(block[:])
		w.seen = append(w.seen, block[:n]...)
		if err != nil {
			w.mu.Lock()
			over := w.over
			w.mu.Unlock()
			if !over {
				w.gone(err)
			}
			return
		}
	}
}

// stop ends the watch and returns what was read ahead.
func (w *watcher) stop() []byte {
	w.mu.Lock()
	w.over = true
	done := w.done
	w.mu.Unlock()
	if done == nil {
		return nil
	}
	w.conn.SetReadDeadline(longAgo)
	<-done
	w.conn.SetReadDeadline(time.Time{})
	return w.seen
}
