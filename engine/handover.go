package engine

import (
	"net"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"framegate/engine/wire"
)

// handshakeWrite is how long the client may take to accept its 101.
const handshakeWrite = 10 * time.Second

// settle makes the session what policy and host have made of it, and hands
// everything that is held for it over to it. It returns the head of the 101;
// none where the client has had it before.
func (u *upgrading) settle(c *portConn, q *Request) []byte {
	s, upstream := u.s, u.m.upstream
	s.Extensions = strings.Clone(upstream.Extensions) // out of the host's answer, which is not kept
	s.Host, s.Address = upstream.Host, upstream.Address
	if !u.early.has101() {
		s.Subprotocol = strings.Clone(upstream.Subprotocol)
	}
	if s.Subprotocol == "" {
		s.Subprotocol = u.m.Offer.Marker
	}
	s.snapshot = u.snapshot
	q.Headers.Pack()
	q.Host = strings.Clone(q.Host) // out of the block that the headers came in
	s.upgrade = &upgradeState{request: q, attrs: u.m.attrs}
	s.legs[HostSide].conn, s.legs[HostSide].side = upstream.Conn, HostSide
	var deflate *wire.Deflate
	extension := ""
	if u.early == nil {
		deflate, extension = u.acceptDeflate(q)
	}
	s.agreeDeflate(deflate, upstream.Deflate, &u.w.Compression)
	s.release = upstream.Release
	var head []byte
	if !u.early.has101() {
		head = u.switching(q, upstream, extension)
	}
	u.record(q)
	u.taken, c.http.pending = true, s
	u.g.live.Add(1)
	return head
}

// handOver takes the connection out of fasthttp and starts the session. The
// 101 is ours to write: when the client is gone by then, the remote host's
// connection is closed and nothing is left.
func (u *upgrading) handOver(ctx *fasthttp.RequestCtx, c *portConn, q *Request) {
	s, head, early := u.s, u.settle(c, q), u.m.upstream.Early
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		defer func() {
			if r := recover(); r != nil {
				s.gateway.panicked("hijack", r)
				c.Close()
			}
		}()
		begun := readBuffered(conn)
		conn = conn.(interface{ UnsafeConn() net.Conn }).UnsafeConn()
		conn.SetDeadline(time.Time{})
		s.start(conn, c, head, begun, early)
	})
}

// freeHost gives back the session's place at the remote host and at the
// websocket's limits.
func (s *Session) freeHost() {
	if s.release != nil {
		s.release()
	}
	s.leavePlaces()
}

// acceptDeflate chooses among the client's offers of compression, where it ends at the gateway.
func (u *upgrading) acceptDeflate(q *Request) (d *wire.Deflate, answer string) {
	if !u.w.Compression.Client || !u.w.needsMessages() {
		return nil, ""
	}
	offers, err := wire.ParseExtensions(q.Headers)
	if err != nil { // checked before; a filter may have spoilt it
		return nil, ""
	}
	if agreed, answer, ok := wire.AcceptDeflate(offers, u.w.Compression.terms()); ok {
		return &agreed, answer
	}
	return nil, ""
}

// notPassed tells whether a header of the host's 101 is for its connection only.
func notPassed(name string) bool {
	for _, own := range [...]string{"Upgrade", "Connection", "Sec-WebSocket-Accept", "Sec-WebSocket-Version", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Keep-Alive", "Proxy-Connection"} {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

// switching is the head of the 101: the remote host's own headers, and ours. An extension is the client's and ours, where
// there is one, else what it agreed on with the host.
func (u *upgrading) switching(q *Request, upstream *Socket, extension string) []byte {
	head := make([]byte, 0, 256+upstream.Headers.Size()+u.m.Answer.Headers.Size())
	head = append(head, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	head = append(head, wire.AcceptKey(q.Headers.Get("Sec-WebSocket-Key"))...)
	head = append(head, "\r\n"...)
	if h := upstream.Headers; h != nil {
		for name, value := range h.All() {
			if !notPassed(name) && (!u.w.needsMessages() || !strings.EqualFold(name, "Sec-WebSocket-Extensions")) {
				head = append(append(append(append(head, name...), ": "...), value...), "\r\n"...)
			}
		}
	}
	if upstream.Subprotocol == "" && u.m.Offer.Marker != "" {
		head = append(head, "Sec-WebSocket-Protocol: "+u.m.Offer.Marker+"\r\n"...)
	}
	if extension != "" {
		head = append(head, "Sec-WebSocket-Extensions: "+extension+"\r\n"...)
	}
	head = u.m.Answer.Headers.AppendTo(head)
	return append(head, "\r\n"...)
}

// start writes the 101 and starts the pumps. begun is what the client sent together
// with its request, early what came with the host's own 101. The goroutine it runs
// in must not be kept: it may be one of fasthttp.
func (s *Session) start(conn net.Conn, c *portConn, head, begun, early []byte) {
	conn, _ = unwrap(conn)
	c.hijacked.Store(true)
	c.left()
	if err := c.writeHead(conn, head); len(head) > 0 && err != nil {
		c.Close() // and with it, what is pending
		return
	}
	if !c.http.by.IsZero() || c.http.ending.Load() {
		c.http.by = time.Time{}
		conn.SetReadDeadline(time.Time{})
	}
	c.http = nil
	s.legs[ClientSide].conn, s.legs[ClientSide].side = conn, ClientSide
	for side := range s.pumps {
		p := &s.pumps[side]
		p.s, p.from = s, Side(side)
		p.runsBy.Store(s.websocket.Load())
		p.attach()
	}
	s.running.Store(2)
	began := s.snapshot
	s.gateway.sessions.add(s)
	s.followOvertaken(began)
	s.refuseOvertaken()
	if s.gateway.draining.Load() {
		s.Stop(Cause{By: "shutdown", Code: wire.CloseGoingAway, Reason: "gateway is shutting down"})
	}
	s.pumps[ClientSide].launch(begun)
	s.pumps[HostSide].launch(early)
}

// abandon frees a session that was dialled and never ran: its client went away.
func (s *Session) abandon() {
	s.legs[HostSide].conn.Close()
	s.freeHost()
	s.gateway.journal.Add(&Record{
		Kind: CloseRecord, At: s.gateway.now(), Session: s.ID, Port: s.Port, Path: s.Path, Client: s.Client.Addr().String(),
		Code: wire.CloseAbnormal, By: "client", Reason: "gone before its 101",
	})
	s.gateway.left(s)
}

// left is the last that happens to a session.
func (g *Gateway) left(s *Session) {
	g.sessions.remove(s)
	for i := range s.pumps {
		if s.pumps[i].has {
			g.lot.Leave(s.pumps[i].place)
		}
	}
	for _, snapshot := range s.takeSnapshots() {
		snapshot.release()
	}
	g.live.Done()
}

// readBuffered takes the bytes that the client sent together with its request:
// reading with a deadline in the past gives what is buffered and asks no socket.
func readBuffered(conn net.Conn) []byte {
	conn.SetReadDeadline(longAgo)
	defer conn.SetReadDeadline(time.Time{})
	b := takeBuffer(false)
	defer giveBuffer(b)
	var all []byte
	for {
		n, err := conn.Read(b.b)
		all = append(all, b.b[:n]...)
		if err != nil || n == 0 {
			return all
		}
	}
}
