package engine

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// lot is where the pumps of idle sessions are parked: without a goroutine, a
// stack or a buffer, as one entry in an epoll set each. Bytes, a FIN or a reset
// start the pump's goroutine again; so does the session when it ends. The set is
// itself waited on by Go's poller, so that it costs no thread.
type lot struct {
	file *os.File
	raw  syscall.RawConn
	done chan struct{}

	mu    sync.Mutex
	slots []slot
	free  []int32
}

// slot is a pump's place in the set. The generation tells an event of the pump
// that had the place before.
type slot struct {
	p          *pump
	generation uint32
}

// newLot opens the set and starts its goroutine.
func newLot() (*lot, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("park idle sessions: %w", os.NewSyscallError("epoll_create1", err))
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or Go does not poll it
		syscall.Close(fd)
		return nil, fmt.Errorf("park idle sessions: %w", err)
	}
	l := &lot{file: os.NewFile(uintptr(fd), "idle sessions"), done: make(chan struct{})}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		l.file.Close()
		return nil, fmt.Errorf("park idle sessions: %w", err)
	}
	go l.watch()
	return l, nil
}

// close ends the lot's goroutine; no pump may be parked any more.
func (l *lot) close() {
	l.file.Close()
	<-l.done
}

// watch starts the pumps for which something has come, until the lot is closed.
func (l *lot) watch() {
	defer close(l.done)
	var events [128]syscall.EpollEvent
	l.raw.Read(func(fd uintptr) bool {
		for {
			n, err := epollWait(fd, events[:])
			switch {
			case err == syscall.EINTR:
				continue
			case err != 0:
				return true
			}
			for _, e := range events[:n] {
				if p := l.at(e.Fd, uint32(e.Pad)); p != nil {
					p.unpark()
				}
			}
			if n < len(events) { // what comes from here on wakes the poller again
				return false
			}
		}
	})
}

func (l *lot) at(index int32, generation uint32) *pump {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.slots[index]; s.generation == generation {
		return s.p
	}
	return nil
}

// enter gives a pump its slot for as long as its session lasts.
func (l *lot) enter(p *pump) (index int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		index, l.free = l.free[n-1], l.free[:n-1]
	} else {
		index = int32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	l.slots[index].p = p
	return index
}

// leave frees a slot; what the set still says of it means nobody.
func (l *lot) leave(index int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[index] = slot{generation: l.slots[index].generation + 1}
	l.free = append(l.free, index)
}

// epollWait gives the events that are there.
func epollWait(set uintptr, events []syscall.EpollEvent) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, set, uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// epollCtl does not tell the scheduler: it never blocks.
func epollCtl(set uintptr, op int, fd uintptr, e *syscall.EpollEvent) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, set, uintptr(op), fd, uintptr(unsafe.Pointer(e)), 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// arm makes the set speak once: as soon as the pump's connection has something
// to read, which it may have already.
func (l *lot) arm(p *pump) error {
	l.mu.Lock()
	e := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT, Fd: p.slot, Pad: int32(l.slots[p.slot].generation)}
	l.mu.Unlock()
	var err error
	refused := p.s.legs[p.from].raw.Control(func(fd uintptr) { // holds the descriptor: it cannot become another connection's
		l.raw.Control(func(set uintptr) {
			op := syscall.EPOLL_CTL_MOD
			if !p.known {
				op, p.known = syscall.EPOLL_CTL_ADD, true
			}
			err = epollCtl(set, op, fd, &e)
		})
	})
	if refused != nil {
		return refused
	}
	return err
}
