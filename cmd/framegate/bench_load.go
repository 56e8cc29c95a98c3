package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"framegate/engine/wire"
)

// load is what a bench puts on a target.
type load struct {
	connections  int
	window       int           // messages in flight per connection
	apart        bool          // each message in a write of its own
	payload      int           // bytes of the message
	burst        []byte        // window frames of it, masked each with its own key; shared by all connections, only read
	warmup       time.Duration // before counting begins
	duration     time.Duration // of counting
	headers      []header
	subprotocols []string
	insecure     bool
}

// newLoad prepares the frames, text where the message is UTF-8 and asked for as text.
func newLoad(op wire.Op, message []byte, connections, window int) *load {
	l := &load{connections: connections, window: window, payload: len(message)}
	var keys wire.Keys
	for range window {
		l.burst = wire.AppendFrame(l.burst, wire.Header{Fin: true, Op: op, Masked: true, Key: keys.Next()}, message)
	}
	return l
}

// The phases of a round. Connections look at them once per read.
const (
	warming int32 = iota
	counting
	done
)

// round is what happened in one round.
type round struct {
	messages  uint64
	took      time.Duration
	latencies histogram
	cpu, own  time.Duration // of the measured process, and of this one
	failed    int           // connections
	failure   error         // the first of theirs
}

// run opens the connections, keeps them busy, and counts. watched may be nil.
func (l *load) run(ctx context.Context, to target, watched *process) (*round, error) {
	var phase atomic.Int32
	conns, errs := l.open(ctx, to)
	r := &round{}
	r.fail(errs...)
	if len(conns) == 0 {
		return nil, fmt.Errorf("no connection: %w", r.failure)
	}
	var running sync.WaitGroup
	for _, c := range conns {
		running.Go(func() { c.run(&phase) })
	}
	ended := make(chan struct{})
	go func() { running.Wait(); close(ended) }()

	err := sleep(ctx, l.warmup, ended)
	if err == nil {
		err = r.count(ctx, l.duration, &phase, watched, ended)
	}
	phase.Store(done)
	for _, c := range conns {
		c.conn.SetDeadline(time.Unix(1, 0))
	}
	<-ended
	for _, c := range conns {
		c.conn.Close()
		r.messages += c.messages
		r.latencies.merge(&c.latencies)
		r.fail(c.err)
	}
	return r, err
}

// count lets the connections count for a while and takes the CPU times around it.
func (r *round) count(ctx context.Context, d time.Duration, phase *atomic.Int32, watched *process, ended <-chan struct{}) error {
	before, err := cpuOf(watched)
	if err != nil {
		return err
	}
	own, begin := ownCPU(), time.Now()
	phase.Store(counting)
	waited := sleep(ctx, d, ended)
	phase.Store(done)
	r.took, r.own = time.Since(begin), ownCPU()-own
	after, err := cpuOf(watched)
	r.cpu = after - before
	return errors.Join(waited, err)
}

func cpuOf(p *process) (time.Duration, error) {
	if p == nil {
		return 0, nil
	}
	return p.cpu()
}

// fail counts the errors among errs.
func (r *round) fail(errs ...error) {
	for _, err := range errs {
		if err == nil {
			continue
		}
		if r.failed++; r.failure == nil {
			r.failure = err
		}
	}
}

// sleep waits for d; it ends early, and that is no error, when all connections have ended.
func sleep(ctx context.Context, d time.Duration, ended <-chan struct{}) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ended:
	case <-ctx.Done():
		return errors.New("interrupted")
	}
	return nil
}

// maxDialling is how many upgrades are under way at once.
const maxDialling = 64

// open dials and upgrades all connections; what fails is among the errors.
func (l *load) open(ctx context.Context, to target) (conns []*benchConn, errs []error) {
	var (
		mu      sync.Mutex
		dialing sync.WaitGroup
		slots   = make(chan struct{}, maxDialling)
	)
	for range l.connections {
		slots <- struct{}{}
		dialing.Go(func() {
			defer func() { <-slots }()
			c, err := l.dial(ctx, to)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				conns = append(conns, c)
			}
		})
	}
	dialing.Wait()
	return conns, errs
}

// dial opens one connection and verifies the answer to its upgrade.
func (l *load) dial(ctx context.Context, to target) (*benchConn, error) {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	conn, err := dialNet(ctx, to, l.insecure)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	conn.SetDeadline(deadline)
	rest, err := shake(conn, to, l.headers, l.subprotocols)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("upgrade: %w", err)
	}
	conn.SetDeadline(time.Time{})
	return newBenchConn(conn, l, rest), nil
}

func dialNet(ctx context.Context, to target, insecure bool) (net.Conn, error) {
	if to.url.Scheme == "wss" {
		d := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: insecure, NextProtos: []string{"http/1.1"}}}
		return d.DialContext(ctx, "tcp", to.address())
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", to.address())
}

// shake upgrades conn and returns what came after the 101.
func shake(conn net.Conn, to target, headers []header, subprotocols []string) (rest []byte, err error) {
	key := wire.NewKey()
	lines, err := upgradeHeaders(to, key, headers, subprotocols)
	if err != nil {
		return nil, err
	}
	request := lines.AppendTo(fmt.Appendf(nil, "GET %s HTTP/1.1\r\n", to.url.RequestURI()))
	if _, err := conn.Write(append(request, "\r\n"...)); err != nil {
		return nil, err
	}
	in := bufio.NewReader(conn)
	head, err := readAnswer(in)
	if err != nil {
		return nil, err
	}
	line, block, _ := bytes.Cut(head, []byte("\r\n"))
	answer, err := wire.ParseHeaders(block)
	if err != nil {
		return nil, err
	}
	status, _ := strconv.Atoi(string(bytes.Fields(line)[1]))
	if err := wire.CheckAnswer(status, answer, key, subprotocols, nil); err != nil {
		return nil, err
	}
	rest = make([]byte, in.Buffered())
	_, err = in.Read(rest)
	return rest, err
}

// upgradeHeaders are the lines of an upgrade request, RFC 6455 §4.1, and the caller's own after them.
func upgradeHeaders(to target, key string, own []header, subprotocols []string) (*wire.Headers, error) {
	all := []header{
		{"Host", to.url.Host},
		{"Upgrade", "websocket"},
		{"Connection", "Upgrade"},
		{"Sec-WebSocket-Key", key},
		{"Sec-WebSocket-Version", wire.Version},
	}
	if len(subprotocols) > 0 {
		all = append(all, header{"Sec-WebSocket-Protocol", strings.Join(subprotocols, ", ")})
	}
	var lines wire.Headers
	for _, h := range append(all, own...) {
		add := lines.Add
		if strings.EqualFold(h.name, "Host") {
			add = lines.Set
		}
		if err := add(h.name, h.value); err != nil {
			return nil, err
		}
	}
	return &lines, nil
}
