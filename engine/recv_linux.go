package engine

import (
	"crypto/tls"
	"errors"
	"io"
	"syscall"
	"unsafe"

	"framegate/engine/socket"
)

// call is the arguments of one recvmsg. They lie in the buffer that is read
// into, so that a session that waits does not hold them.
type call struct {
	msg syscall.Msghdr
	iov syscall.Iovec
	oob [24]byte // a cmsghdr and the int of TCP_CM_INQ
}

// tcpINQ is TCP_INQ and TCP_CM_INQ of linux/tcp.h.
const tcpINQ = 36

// A pump reads a TCP socket with recvmsg and learns with every read what is
// left (TCP_INQ, tcp(7)): a burst costs one system call, and a FIN that arrives
// together with data is not missed. All of it runs inside one
// [syscall.RawConn.Read]: its poller keeps a readiness that arrives while the
// callback runs, so returning false after a drained read waits for the next
// bytes without asking the kernel once more. A reset in the same event as data is
// not seen by the read that drains it and not announced again, as TCP_INQ speaks
// of FINs only: the next look finds it, after [parkAfter] at most. The connection
// must not be closed inside the callback.

// attach prepares the pump to read its connection without holding a buffer
// while it waits. Other connections than TCP keep one.
func (p *pump) attach() {
	l := &p.s.legs[p.from]
	conn := l.conn
	if secured, ok := conn.(*tls.Conn); ok {
		l.attachTLS(secured)
		return
	}
	if accepted, ok := conn.(*portConn); ok {
		conn = accepted.Conn
	}
	tcp, ok := conn.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return
	}
	if own, ok := tcp.(*socket.Conn); ok {
		p.own = own
	} else {
		raw.Control(func(fd uintptr) {
			p.inq = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpINQ, 1) == nil
		})
	}
	l.raw = raw
}

// readable reads and consumes until nothing is left. It returns true to end.
func (p *pump) readable(fd uintptr) bool {
	if p.src.sealed {
		return p.readableTLS(fd)
	}
	p.wakes++
	for {
		if p.s.halted.Load() {
			p.err = errStopped
			return true
		}
		b := takeBuffer(p.large)
		inq := p.inq || p.own != nil && p.own.TellsRest()
		n, left, err := b.call.read(fd, b.b[headroom:], inq)
		if n > 0 {
			p.large = n == len(b.b)-headroom || left > smallBuffer || p.large && n > smallBuffer
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
		case inq && left == 0:
			return false
		}
	}
}

// read reads once. left is how much more is there, at least 1 when that is not
// known or the peer has sent its FIN.
func (c *call) read(fd uintptr, b []byte, inq bool) (n, left int, err error) {
	c.iov.Base = unsafe.SliceData(b)
	c.iov.SetLen(len(b))
	c.msg = syscall.Msghdr{Iov: &c.iov, Iovlen: 1}
	if inq {
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
		case !inq:
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
