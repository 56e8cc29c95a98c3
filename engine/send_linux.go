package engine

import (
	"sync"
	"syscall"
	"unsafe"
)

// writing is one write to a TCP connection. Short writes go to the kernel
// without telling Go's scheduler: they never block, and a machine under load
// otherwise takes the processor away from the goroutine for each of them.
type writing struct {
	p   []byte
	err error
	do  func(fd uintptr) bool
}

var writings = sync.Pool{New: func() any {
	w := &writing{}
	w.do = w.write
	return w
}}

// shortWrite is up to which length the scheduler is not told.
const shortWrite = 16 << 10

// write writes until all is written or the connection takes no more; then it
// returns false, to be called again when it does.
func (w *writing) write(fd uintptr) bool {
	for len(w.p) > 0 {
		call := syscall.RawSyscall6
		if len(w.p) > shortWrite {
			call = syscall.Syscall6
		}
		n, _, errno := call(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(w.p))), uintptr(len(w.p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == syscall.EINTR:
		case errno == syscall.EAGAIN:
			return false
		case errno != 0:
			w.err = errno
			return true
		default:
			w.p = w.p[n:]
		}
	}
	return true
}

// send writes p whole, waiting for the peer where it must.
func (l *leg) send(p []byte) error {
	if l.raw == nil || l.sealed {
		_, err := l.conn.Write(p)
		return err
	}
	w := writings.Get().(*writing)
	w.p, w.err = p, nil
	err := l.raw.Write(w.do)
	if err == nil {
		err = w.err
	}
	w.p, w.err = nil, nil
	writings.Put(w)
	return err
}
