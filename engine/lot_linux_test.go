package engine

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"framegate/engine/socket"
	"framegate/engine/wire"
)

// lotDial is dial over a connection that waits in the gateway's lot.
type lotDial struct{ address string }

func (d lotDial) Run(m *Message) (bool, error) {
	o := socket.Options{KeepAlive: 40 * time.Second, KeepAliveEvery: 7 * time.Second, KeepAliveProbes: 5, Lot: m.Lot()}
	conn, err := socket.Dial(m.Context(), netip.MustParseAddrPort(d.address), time.Time{}, o)
	if err != nil {
		return false, err
	}
	return dial{d.address}.upgrade(m, conn)
}

// lasting tells whether the session's connection to the host has its options.
func (s *Session) lasting() (is bool) {
	raw, _ := s.legs[HostSide].tcp().SyscallConn()
	raw.Control(func(fd uintptr) {
		value, _ := syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_KEEPALIVE)
		is = value == 1
	})
	return is
}

// unswept makes the sweep leave the connection as it is.
func (s *Session) unswept() {
	s.gateway.sweepMu.Lock()
	defer s.gateway.sweepMu.Unlock()
	s.sweep.settled = true
}

// A session that ends as it began needs no options on its connection to the host;
// one that lasts, or relays, has them.
func TestConnectionsToHostsGetTheirOptions(t *testing.T) {
	for name, last := range map[string]func(r *running, client, host *wsPeer){
		"with the first message": func(r *running, client, host *wsPeer) {
			r.only().unswept()
			client.send(opText, "hello")
			host.gets(r.t, opText, "hello")
		},
		"with the first message of ours": func(r *running, _, host *wsPeer) {
			r.only().unswept()
			r.only().Send(HostSide, wire.Text, []byte("hello"))
			host.gets(r.t, opText, "hello")
		},
		"by the sweep": func(r *running, _, _ *wsPeer) {
			r.only()
			r.Sweep()
		},
	} {
		t.Run(name, func(t *testing.T) {
			host := newWSHost(t)
			r := start(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", lotDial{host.address})}))
			client, h := pair(t, r.address, host, "/")
			s := r.only()
			last(r, client, h)
			eventually(t, "it has its options", s.lasting)
			client.Close()
			h.Close()
			r.gone()
		})
	}
}

// A parked peer that does not answer the Close that it was sent is waited for
// without a goroutine, and not for longer than the grace.
func TestParkedPeersGetTheGrace(t *testing.T) {
	host := newWSHost(t)
	stands := time.Now()
	r := startGateway(t, snapshotOf(&Websocket{Path: "/", Upgrade: policyOf("admit", lotDial{host.address})}), func(g *Gateway) {
		g.Clock = func() time.Time { return stands } // the sweep's own patience never ends
	})
	client, h := pair(t, r.address, host, "/")
	s := r.only()
	allParked(t, r)
	client.sendClose(4001, "bye")
	h.getsClose(t, 4001, "bye")
	if !s.pumps[HostSide].parked.Load() {
		t.Error("the host's pump has a goroutine")
	}
	client.getsClose(t, 4001, "bye")
	h.getsEnd(t)
	h.Close()
	client.Close()
	if c := r.gone(); c.Code != 4001 || c.By != "client" {
		t.Errorf("recorded as %+v", c)
	}
}
