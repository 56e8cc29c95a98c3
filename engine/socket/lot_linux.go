package socket

import (
	"fmt"
	"os"
	"sync"
	"syscall"
	"unsafe"
)

// Lot is where connections wait that no goroutine waits on, or only for a
// moment: as one entry in an epoll set each. The set is itself waited on by Go's
// poller, so that it costs no thread.
type Lot struct {
	set  int // the epoll set
	file *os.File
	raw  syscall.RawConn
	done chan struct{}

	mu    sync.Mutex
	slots []slot
	free  []int32
}

// slot is a place in the lot. The generation tells an event of what had the
// place before.
type slot struct {
	w          Waker
	generation uint32
}

// NewLot opens a lot and starts its goroutine.
func NewLot() (*Lot, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open an epoll set: %w", os.NewSyscallError("epoll_create1", err))
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // or Go does not poll it
		syscall.Close(fd)
		return nil, fmt.Errorf("open an epoll set: %w", err)
	}
	l := &Lot{set: fd, file: os.NewFile(uintptr(fd), "waiting connections"), done: make(chan struct{})}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		l.file.Close()
		return nil, fmt.Errorf("open an epoll set: %w", err)
	}
	go l.watch()
	return l, nil
}

// Close ends the lot's goroutine; nothing may wait there any more.
func (l *Lot) Close() {
	l.file.Close()
	<-l.done
}

// watch wakes those for whom something has come, until the lot is closed.
func (l *Lot) watch() {
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
				if w := l.at(e.Fd, uint32(e.Pad)); w != nil {
					w.Wake()
				}
			}
			if n < len(events) { // what comes from here on wakes the poller again
				return false
			}
		}
	})
}

func (l *Lot) at(index int32, generation uint32) Waker {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.slots[index]; s.generation == generation {
		return s.w
	}
	return nil
}

// Enter gives a place, which is w's until it leaves.
func (l *Lot) Enter(w Waker) (place int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.free); n > 0 {
		place, l.free = l.free[n-1], l.free[:n-1]
	} else {
		place = int32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	l.slots[place].w = w
	return place
}

// Leave frees a place; what the set still says of it means nobody.
func (l *Lot) Leave(place int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots[place] = slot{generation: l.slots[place].generation + 1}
	l.free = append(l.free, place)
}

// epollWait gives the events that are there.
func epollWait(set uintptr, events []syscall.EpollEvent) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, set, uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	return int(n), errno
}

// Arm wakes once whoever has the place: as soon as the connection has something
// to read, which it may have already.
func (l *Lot) Arm(place int32, raw syscall.RawConn) (err error) {
	if c, ok := raw.(*rawConn); ok {
		return (*Conn)(c).arm(l, place, toRead)
	}
	refused := raw.Control(func(fd uintptr) { // holds the descriptor: it cannot become another connection's
		known := false
		err = l.arm(place, fd, &known, toRead)
	})
	if refused != nil {
		return refused
	}
	return err
}

// What is waited for.
const (
	toRead  = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT
	toWrite = syscall.EPOLLOUT | syscall.EPOLLONESHOT
)

// arm tells the set what to wait for. known says, and notes, that the set has the descriptor.
func (l *Lot) arm(place int32, fd uintptr, known *bool, events uint32) error {
	l.mu.Lock()
	e := syscall.EpollEvent{Events: events, Fd: place, Pad: int32(l.slots[place].generation)}
	op := syscall.EPOLL_CTL_ADD
	if *known {
		op = syscall.EPOLL_CTL_MOD
	}
	*known = true // under the lock, which whoever is woken by the event has seen taken: see at
	l.mu.Unlock()
	errno := epollCtl(l.set, op, fd, &e)
	if errno == syscall.EEXIST {
		errno = epollCtl(l.set, syscall.EPOLL_CTL_MOD, fd, &e)
	}
	if errno != 0 {
		return os.NewSyscallError("epoll_ctl", errno)
	}
	return nil
}

// epollCtl does not tell the scheduler: it never blocks.
func epollCtl(set, op int, fd uintptr, e *syscall.EpollEvent) syscall.Errno {
	_, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_CTL, uintptr(set), uintptr(op), fd, uintptr(unsafe.Pointer(e)), 0, 0)
	return errno
}
