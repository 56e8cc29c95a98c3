package engine

import (
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"unsafe"
)

// receiver reads a TCP socket with recvmsg and learns with every read what is
// left (TCP_INQ, tcp(7)): a burst costs one system call, and a FIN that arrives
// together with data is not missed. All of it runs inside one
// [syscall.RawConn.Read]: its poller keeps a readiness that arrives while the
// callback runs, so returning false after a drained read waits for the next
// bytes without asking the kernel once more. The connection must not be closed
// inside the callback.
type receiver struct {
	inq   bool
	large bool // long messages pass: read into large buffers

	wakes   atomic.Uint32 // how often there was something to read
	checked uint32        // the wake after which the sweep looked; see broken
}

// call is the arguments of one recvmsg. They lie in the buffer that is read
// into, so that a session that waits does not hold them.
type call struct {
	msg syscall.Msghdr
	iov syscall.Iovec
	oob [24]byte // a cmsghdr and the int of TCP_CM_INQ
}

// tcpINQ is TCP_INQ and TCP_CM_INQ of linux/tcp.h.
const tcpINQ = 36

// attach prepares the pump to read its connection without holding a buffer
// while it waits. Other connections than TCP keep one.
func (p *pump) attach() {
	conn := p.src.conn
	if accepted, ok := conn.(*portConn); ok {
		conn = accepted.Conn
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	raw.Control(func(fd uintptr) {
		p.recv.inq = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpINQ, 1) == nil
	})
	p.raw, p.ready = raw, p.readable
}

// readable reads and consumes until nothing is left. It returns true to end.
func (p *pump) readable(fd uintptr) bool {
	p.recv.wakes.Add(1)
	for {
		if p.s.halted.Load() {
			p.err = errStopped
			return true
		}
		b := takeBuffer(p.recv.large)
		n, left, err := p.recv.read(fd, b.b[headroom:], &b.call)
		if n > 0 {
			p.recv.large = n == len(b.b)-headroom || left > smallBuffer || p.recv.large && n > smallBuffer
			err = p.consume(b.b, n, left == 0)
		}
		giveBuffer(b)
		if n == 0 { // what was put together while more seemed to come
			if flushed := p.flush(); flushed != nil {
				err = flushed
			}
		}
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil:
			p.err = err
			return true
		case p.recv.inq && left == 0:
			return false
		}
	}
}

// broken tells the sweep of a reset that the pump cannot see. One that arrives
// in the same event as the data before it is not announced again, and TCP_INQ
// speaks of FINs only: a pump that has read all would wait for ever. One look
// after every wake is enough, as a later reset is an event of its own.
func (p *pump) broken() error {
	wakes := p.recv.wakes.Load()
	if p.raw == nil || wakes == p.recv.checked {
		return nil
	}
	p.recv.checked = wakes
	var err error
	p.raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return nil
	}
	return err
}

// read reads once. left is how much more is there, at least 1 when that is not
// known or the peer has sent its FIN.
func (r *receiver) read(fd uintptr, b []byte, c *call) (n, left int, err error) {
	c.iov.Base = unsafe.SliceData(b)
	c.iov.SetLen(len(b))
	c.msg = syscall.Msghdr{Iov: &c.iov, Iovlen: 1}
	if r.inq {
		c.msg.Control = &c.oob[0]
		c.msg.SetControllen(len(c.oob))
	}
	for {
		got, _, errno := syscall.RawSyscall(syscall.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&c.msg)), syscall.MSG_DONTWAIT)
		switch {
		case errno == syscall.EINTR:
			continue
		case errno != 0:
			return 0, 0, errno
		case got == 0:
			return 0, 0, io.EOF
		case !r.inq:
			return int(got), 1, nil
		}
		return int(got), c.left(), nil
	}
}

// left reads the control message of the read.
func (c *call) left() int {
	h := (*syscall.Cmsghdr)(unsafe.Pointer(&c.oob[0]))
	if c.msg.Controllen < syscall.SizeofCmsghdr+4 || h.Level != syscall.IPPROTO_TCP || h.Type != tcpINQ {
		return 1
	}
	return int(*(*int32)(unsafe.Pointer(&c.oob[syscall.SizeofCmsghdr])))
}
