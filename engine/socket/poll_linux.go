package socket

import (
	"net"
	"os"
	"syscall"
	"time"
)

// polled is what Go's poller knows of a connection.
type polled struct {
	file *os.File
	raw  syscall.RawConn
}

// closing is added to a connection's users when it is closed: the last of them
// closes the descriptor, which until then cannot become another connection's.
const closing = 1 << 30

// hold keeps the descriptor open until letGo.
func (c *Conn) hold() error {
	for {
		users := c.users.Load()
		if users&closing != 0 {
			return net.ErrClosed
		}
		if c.users.CompareAndSwap(users, users+1) {
			return nil
		}
	}
}

func (c *Conn) letGo() {
	if c.users.Add(-1) == closing {
		c.end()
	}
}

// Close closes the connection, under whoever reads or writes it.
func (c *Conn) Close() error {
	users := c.users.Or(closing)
	if users&closing != 0 {
		return c.fail("close", net.ErrClosed)
	}
	c.mu.Lock()
	c.rouse()
	c.mu.Unlock()
	if users == 0 {
		c.end()
	}
	return nil
}

func (c *Conn) isClosed() bool { return c.users.Load()&closing != 0 }

// end closes the descriptor. The scheduler is not told of the long part, which
// is to send the FIN.
func (c *Conn) end() {
	if p := c.polled.Load(); p != nil {
		syscall.RawSyscall(syscall.SYS_SHUTDOWN, uintptr(c.fd), syscall.SHUT_WR, 0)
		p.file.Close() // ends those who wait
		return
	}
	syscall.RawSyscall(syscall.SYS_CLOSE, uintptr(c.fd), 0, 0)
}

// control calls f with the descriptor.
func (c *Conn) control(f func(fd uintptr)) error {
	if err := c.hold(); err != nil {
		return err
	}
	defer c.letGo()
	f(uintptr(c.fd))
	return nil
}

// wait calls f until it returns true, each time that the connection may be read
// or written again.
func (c *Conn) wait(way int, f func(fd uintptr) bool) error {
	p := c.polled.Load()
	if p == nil {
		done, err := c.try(way, f)
		if done || err != nil {
			return err
		}
		if p, err = c.poll(); err != nil {
			return err
		}
	}
	if way == reading {
		return p.raw.Read(f)
	}
	return p.raw.Write(f)
}

// waitFirst is wait in the lot, as long as a connection may wait there.
func (c *Conn) waitFirst(way int, f func(fd uintptr) bool) error {
	for c.polled.Load() == nil {
		if done, err := c.try(way, f); done || err != nil {
			return err
		}
		if !c.waitInLot(way) {
			break
		}
	}
	return c.wait(way, f)
}

// try calls f once, unless the time is over.
func (c *Conn) try(way int, f func(fd uintptr) bool) (done bool, err error) {
	if err := c.hold(); err != nil {
		return false, err
	}
	defer c.letGo()
	c.mu.Lock()
	until := c.until[way]
	c.mu.Unlock()
	if until != 0 && until <= time.Now().UnixNano() {
		return false, os.ErrDeadlineExceeded
	}
	return f(uintptr(c.fd)), nil
}

// poll makes Go's poller know the connection.
func (c *Conn) poll() (*polled, error) {
	if err := c.hold(); err != nil {
		return nil, err
	}
	defer c.letGo()
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.polled.Load(); p != nil {
		return p, nil
	}
	if err := c.settle(); err != nil {
		return nil, err
	}
	p := &polled{file: os.NewFile(uintptr(c.fd), "tcp")}
	raw, err := p.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	p.raw = raw
	for way, set := range [2]func(time.Time) error{p.file.SetReadDeadline, p.file.SetWriteDeadline} {
		if until := c.until[way]; until != 0 {
			if err := set(time.Unix(0, until)); err != nil {
				return nil, err
			}
		}
	}
	c.polled.Store(p)
	c.rouse() // to wait there too
	return p, nil
}

// Settle sets the options of a connection that was dialled with a lot. They are
// of use to one that lasts: without Settle it gets them as soon as Go's poller
// has to wait for it.
func (c *Conn) Settle() error {
	if err := c.hold(); err != nil {
		return err
	}
	defer c.letGo()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settle()
}

// settle sets the options, once. mu is held.
func (c *Conn) settle() error {
	o := c.unset
	if o == nil {
		return nil
	}
	c.unset = nil
	inq, err := o.set(c.fd)
	c.inq.Store(inq)
	return err
}

// setDeadline sets when reading or writing ends.
func (c *Conn) setDeadline(way int, t time.Time) error {
	p := c.polled.Load()
	if p == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		if p = c.polled.Load(); p == nil {
			c.until[way] = 0
			if !t.IsZero() {
				c.until[way] = t.UnixNano()
			}
			c.rouse()
			return nil
		}
	}
	if way == reading {
		return p.file.SetReadDeadline(t)
	}
	return p.file.SetWriteDeadline(t)
}

// rawConn is the connection as a [syscall.RawConn].
type rawConn Conn

// Control calls f with the descriptor.
func (c *rawConn) Control(f func(fd uintptr)) error { return (*Conn)(c).control(f) }

// Read calls f until it returns true, each time that there may be something to read.
func (c *rawConn) Read(f func(fd uintptr) bool) error { return (*Conn)(c).wait(reading, f) }

// Write calls f until it returns true, each time that there may be room to write.
func (c *rawConn) Write(f func(fd uintptr) bool) error { return (*Conn)(c).wait(writing, f) }
