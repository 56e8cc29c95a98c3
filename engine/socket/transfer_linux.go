package socket

import (
	"sync"
	"syscall"
	"unsafe"
)

// transfer is one read or write. It is pooled, as what it calls back would
// otherwise be made anew for each.
type transfer struct {
	p           []byte
	n           int
	errno       syscall.Errno
	waits       bool // nothing was there to be read, or no room to be written to
	read, write func(fd uintptr) bool

	tryRead, tryWrite func(fd uintptr)
}

var transfers = sync.Pool{New: func() any {
	t := &transfer{}
	t.read, t.write = t.readFrom, t.writeTo
	t.tryRead = func(fd uintptr) { t.waits = !t.readFrom(fd) }
	t.tryWrite = func(fd uintptr) { t.waits = !t.writeTo(fd) }
	return t
}}

func takeTransfer(p []byte) *transfer {
	t := transfers.Get().(*transfer)
	t.p, t.n, t.errno, t.waits = p, 0, 0, false
	return t
}

// end puts the transfer back. err is what waiting came to.
func (t *transfer) end(err error) (int, error) {
	n := t.n
	if err == nil && t.errno != 0 {
		err = t.errno
	}
	t.p = nil
	transfers.Put(t)
	return n, err
}

// short is up to which length the scheduler is not told of a copy.
const short = 16 << 10

// readFrom reads once. It returns false where nothing is there, to be called again when something is.
func (t *transfer) readFrom(fd uintptr) bool {
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(t.p))), uintptr(len(t.p)), syscall.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			t.n = int(n)
			received(fd)
			return true
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.errno = errno
			return true
		}
	}
}

// writeTo writes until all is written or the connection takes no more; then it
// returns false, to be called again when it does.
func (t *transfer) writeTo(fd uintptr) bool {
	sending()
	for t.n < len(t.p) {
		call := syscall.RawSyscall6
		rest := t.p[t.n:]
		if len(rest) > short {
			call = syscall.Syscall6
		}
		n, _, errno := call(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(rest))), uintptr(len(rest)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch errno {
		case 0:
			t.n += int(n)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			t.errno = errno
			return true
		}
	}
	return true
}
