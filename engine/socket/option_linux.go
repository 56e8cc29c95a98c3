package socket

import (
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"
)

// What of linux/tcp.h package syscall has no names for.
const (
	tcpUserTimeout = 18
	tcpINQ         = 36
)

// set sets the options, on a connection or on a listener, whose connections
// inherit them. inq tells whether the kernel knows TCP_INQ.
func (o *Options) set(fd int) (inq bool, err error) {
	set := func(level, name, value int) {
		if err == nil {
			err = os.NewSyscallError("setsockopt", setOption(fd, level, name, value))
		}
	}
	set(syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	if o.KeepAlive > 0 {
		set(syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1)
		set(syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, seconds(o.KeepAlive))
		set(syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, seconds(o.KeepAliveEvery))
		set(syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, o.KeepAliveProbes)
	}
	if o.UserTimeout > 0 {
		set(syscall.IPPROTO_TCP, tcpUserTimeout, int(o.UserTimeout.Milliseconds()))
	}
	return setOption(fd, syscall.IPPROTO_TCP, tcpINQ, 1) == nil, err
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func setOption(fd, level, name, value int) error {
	v := int32(value)
	_, _, errno := syscall.RawSyscall6(syscall.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(unsafe.Pointer(&v)), unsafe.Sizeof(v), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// rawAddr is a socket address as the kernel has it.
type rawAddr struct {
	any    syscall.RawSockaddrAny
	length uint32
}

// addrPort reads it; not valid for what is no TCP.
func (a *rawAddr) addrPort() netip.AddrPort {
	switch a.any.Addr.Family {
	case syscall.AF_INET:
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&a.any))
		return netip.AddrPortFrom(netip.AddrFrom4(in.Addr), hostOrder(in.Port))
	case syscall.AF_INET6:
		in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(&a.any))
		return netip.AddrPortFrom(netip.AddrFrom16(in.Addr), hostOrder(in.Port))
	}
	return netip.AddrPort{}
}

// put writes an address.
func (a *rawAddr) put(to netip.AddrPort) error {
	if addr := to.Addr().Unmap(); addr.Is4() {
		in := (*syscall.RawSockaddrInet4)(unsafe.Pointer(&a.any))
		in.Family, in.Addr, in.Port = syscall.AF_INET, addr.As4(), hostOrder(to.Port())
		a.length = syscall.SizeofSockaddrInet4
		return nil
	}
	in := (*syscall.RawSockaddrInet6)(unsafe.Pointer(&a.any))
	in.Family, in.Addr, in.Port = syscall.AF_INET6, to.Addr().As16(), hostOrder(to.Port())
	a.length = syscall.SizeofSockaddrInet6
	if zone := to.Addr().Zone(); zone != "" {
		link, err := net.InterfaceByName(zone)
		if err != nil {
			return err
		}
		in.Scope_id = uint32(link.Index)
	}
	return nil
}

// hostOrder changes a port from network byte order to the machine's, or back.
func hostOrder(port uint16) uint16 {
	b := (*[2]byte)(unsafe.Pointer(&port))
	return uint16(b[0])<<8 | uint16(b[1])
}
