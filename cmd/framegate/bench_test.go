package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine/wire"
)

// benchOf makes one connection of a bench to url, with its load.
func benchOf(t *testing.T, url string, message string, window int) *benchConn {
	t.Helper()
	var to target
	if err := to.UnmarshalText([]byte(url)); err != nil {
		t.Fatal(err)
	}
	c, err := newLoad(wire.Text, []byte(message), 1, window).dial(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.conn.Close() })
	return c
}

// readMessages reads n messages of a client and returns them unmasked.
func readMessages(c io.Reader, r *wire.Reader, n int) (messages []string, err error) {
	in := make([]byte, 1)
	for len(messages) < n {
		if _, err := io.ReadFull(c, in); err != nil {
			return messages, err
		}
		ev, _, err := r.Next(in)
		if err != nil {
			return messages, err
		}
		if ev.Kind == wire.Message {
			messages = append(messages, string(ev.Payload))
		}
	}
	return messages, nil
}

func TestBenchCountsWhatTheServerCounts(t *testing.T) {
	const window, bursts = 4, 50
	seen := make(chan int, 1)
	url := startRaw(t, func(c net.Conn, key string) {
		io.WriteString(c, switching(key)+"\r\n")
		in, count := bufio.NewReader(c), 0
		var r wire.Reader
		for range bursts { // a burst is answered in pieces: one message, then the others
			messages, err := readMessages(in, &r, window)
			for _, m := range messages {
				if m != "count me" {
					t.Errorf("the server got %q", m)
				}
			}
			if err != nil {
				t.Error(err)
				return
			}
			count += len(messages)
			io.WriteString(c, serverFrame(wire.Text, "reply"))
			io.WriteString(c, strings.Repeat(serverFrame(wire.Binary, ""), window-1))
		}
		messages, _ := readMessages(in, &r, window) // the last refill
		io.WriteString(c, serverFrame(wire.Close, closePayload(1000, "enough")))
		seen <- count + len(messages)
	})
	c := benchOf(t, url, "count me", window)
	var phase atomic.Int32
	phase.Store(counting)
	c.run(&phase)
	if c.err == nil || !strings.Contains(c.err.Error(), `closed by the server: 1000 normal closure, reason "enough"`) {
		t.Errorf("ended with %v", c.err)
	}
	if got := <-seen; got != (bursts+1)*window {
		t.Errorf("the server saw %d messages, want %d", got, (bursts+1)*window)
	}
	if c.messages != bursts*window || c.latencies.total != bursts*window {
		t.Errorf("%d replies and %d latencies counted, want %d", c.messages, c.latencies.total, bursts*window)
	}
}

func TestBenchRefillsABurstInOneWrite(t *testing.T) {
	const window = 16
	c := benchOf(t, startEcho(t), "message", window)
	counted := &countedListener{}
	c.conn = countedConn{c.conn, &counted.writes}
	var phase atomic.Int32
	c.send(window)
	reply := strings.Repeat(serverFrame(wire.Text, "message"), window)
	before := counted.writes.Load()
	n, err := c.take([]byte(reply), &phase)
	if err != nil || n != window {
		t.Fatalf("%d replies, %v", n, err)
	}
	if c.send(n); counted.writes.Load() != before+1 {
		t.Errorf("%d writes for %d refills", counted.writes.Load()-before, n)
	}
	if c.messages != 0 {
		t.Errorf("%d messages counted while warming up", c.messages)
	}
	c.load.apart = true
	before = counted.writes.Load()
	if c.send(n); counted.writes.Load() != before+window {
		t.Errorf("%d writes for %d refills apart", counted.writes.Load()-before, n)
	}
}

func TestBenchTimesEachMessageFromItsOwnSending(t *testing.T) {
	c := newBenchConn(repeated{}, newLoad(wire.Text, nil, 1, 2), nil)
	var phase atomic.Int32
	phase.Store(counting)
	c.sent[0], c.sent[1] = time.Now().Add(-10*time.Minute), time.Now().Add(-5*time.Minute)
	for i, want := range []time.Duration{10 * time.Minute, 5 * time.Minute, 0, 0} { // the answers to the first two leave at once
		c.latencies = histogram{}
		if _, err := c.take([]byte(serverFrame(wire.Text, "")), &phase); err != nil {
			t.Fatal(err)
		}
		if got := c.latencies.max; got < want || got >= want+5*time.Minute {
			t.Errorf("reply %d took %v, want %v", i, got, want)
		}
	}
}

func TestBenchCanBeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	url := startRaw(t, func(c net.Conn, key string) {
		io.WriteString(c, switching(key)+"\r\n")
		cancel()
		io.Copy(io.Discard, c)
	})
	var errs strings.Builder
	code := run(ctx, []string{"bench", url, "--connections=1", "--duration=1h"}, stdio{nil, io.Discard, &errs})
	if code != exitFailed || !strings.Contains(errs.String(), "interrupted") && !strings.Contains(errs.String(), "canceled") {
		t.Errorf("exit code %d, standard error:\n%s", code, &errs)
	}
}

func TestBenchAllocatesNothingPerMessage(t *testing.T) {
	const window = 8
	l := newLoad(wire.Text, []byte("message"), 1, window)
	c := newBenchConn(repeated{}, l, nil)
	replies := []byte(strings.Repeat(serverFrame(wire.Text, "message"), window))
	var phase atomic.Int32
	phase.Store(counting)
	allocs := testing.AllocsPerRun(100, func() {
		if n, err := c.take(replies, &phase); err != nil || c.send(n) != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for %d messages", allocs, window)
	}
}

func TestBenchFramesAreMaskedEachWithItsOwnKey(t *testing.T) {
	l := newLoad(wire.Binary, []byte("payload"), 1, 3)
	messages, err := readMessages(strings.NewReader(string(l.burst)), &wire.Reader{}, 3)
	if err != nil || !slices.Equal(messages, []string{"payload", "payload", "payload"}) {
		t.Errorf("%q, %v", messages, err)
	}
	frame := len(l.burst) / 3
	if string(l.burst[:frame]) == string(l.burst[frame:2*frame]) {
		t.Error("two frames have the same key")
	}
}

// TestBenchWithMoreInFlightThanSocketsHold: the server answers before it has read everything, so that a client that only
// writes until all is written would wait for ever.
func TestBenchWithMoreInFlightThanSocketsHold(t *testing.T) {
	const window, payload, bursts = 64, 64 << 10, 2
	url := startRaw(t, func(c net.Conn, key string) {
		c.(*net.TCPConn).SetReadBuffer(128 << 10)
		c.(*net.TCPConn).SetWriteBuffer(128 << 10)
		io.WriteString(c, switching(key)+"\r\n")
		counted := &countedListener{}
		e := echoConn{Conn: countedConn{c, &counted.writes}, in: make([]byte, 4<<10)}
		for e.err == nil && counted.writes.Load() < window*bursts { // one write per message: they are long
			e.read()
			e.flush()
		}
		io.WriteString(c, serverFrame(wire.Close, closePayload(1000, "")))
		io.Copy(io.Discard, c)
	})
	c := benchOf(t, url, strings.Repeat("x", payload), window)
	c.conn.(*net.TCPConn).SetReadBuffer(128 << 10)
	c.conn.(*net.TCPConn).SetWriteBuffer(128 << 10)
	var phase atomic.Int32
	phase.Store(counting)
	c.run(&phase)
	if c.messages != window*bursts || !strings.Contains(fmt.Sprint(c.err), "1000 normal closure") {
		t.Errorf("%d replies, then %v", c.messages, c.err)
	}
}

func TestBenchAnswersPings(t *testing.T) {
	got := make(chan string, 1)
	url := startRaw(t, func(c net.Conn, key string) {
		io.WriteString(c, switching(key)+"\r\n"+serverFrame(wire.Ping, "there?"))
		var r wire.Reader
		in := make([]byte, 1)
		for {
			if _, err := io.ReadFull(c, in); err != nil {
				got <- err.Error()
				return
			}
			if ev, _, err := r.Next(in); err != nil || ev.Kind == wire.Control {
				got <- fmt.Sprintf("%v %s %v", ev.Op, ev.Payload, err)
				return
			}
		}
	})
	c := benchOf(t, url, "x", 1)
	var phase atomic.Int32
	c.run(&phase)
	if answer := <-got; answer != "pong there? <nil>" {
		t.Errorf("the server got %s", answer)
	}
}

func TestBenchFailures(t *testing.T) {
	tests := []struct {
		name   string
		answer func(c net.Conn, key string)
		errs   string
	}{
		{"wrong accept", func(c net.Conn, key string) { io.WriteString(c, switching("other")+"\r\n") }, "no connection: upgrade: check upgrade: answer's Sec-WebSocket-Accept"},
		{"masked frames", func(c net.Conn, key string) {
			io.WriteString(c, switching(key)+"\r\n"+string(clientFrame(true, wire.Text, "x")))
			io.Copy(io.Discard, c)
		}, "the server broke the protocol: server frame with mask"},
		{"more replies than messages", func(c net.Conn, key string) {
			io.WriteString(c, switching(key)+"\r\n"+strings.Repeat(serverFrame(wire.Text, ""), 9))
			io.Copy(io.Discard, c)
		}, "more replies than messages: is this an echo?"},
		{"a lost connection", func(c net.Conn, key string) { io.WriteString(c, switching(key)+"\r\n") }, "1 connections failed, the first: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, _, errs := framegate(t, "", "bench", startRaw(t, test.answer), "--connections=1", "--rounds=1", "--warmup=0s", "--duration=20s")
			if code != exitFailed || !strings.Contains(errs, test.errs) {
				t.Errorf("exit code %d, standard error should hold %q:\n%s", code, test.errs, errs)
			}
		})
	}
}

func TestBenchSendsHeaders(t *testing.T) {
	lines := make(chan string, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		head, _ := readRequestHead(c)
		lines <- head
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	}()
	framegate(t, "", "bench", "ws://"+l.Addr().String()+"/a?b=c", "-H", "x-Odd-CASE: yes", "-H", "host: example.test", "--subprotocol=b", "--subprotocol=a", "--connections=1", "--rounds=1")
	head := <-lines
	for _, line := range []string{"GET /a?b=c HTTP/1.1\r\n", "\r\nHost: example.test\r\n", "\r\nx-Odd-CASE: yes\r\n", "\r\nSec-WebSocket-Version: 13\r\n", "\r\nSec-WebSocket-Protocol: b, a\r\n"} {
		if !strings.Contains(head, line) {
			t.Errorf("%q is not in the request:\n%s", line, head)
		}
	}
	if strings.Count(strings.ToLower(head), "\r\nhost:") != 1 {
		t.Errorf("not one Host:\n%s", head)
	}
}

func readRequestHead(c io.Reader) (head string, err error) {
	in := bufio.NewReader(c)
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			return head, err
		}
		head += line
	}
	return head, nil
}

func TestBenchReportsProcesses(t *testing.T) {
	url, pid := startEcho(t), fmt.Sprint(os.Getpid())
	code, out, errs := framegate(t, "", "bench", url, "--pid", pid, "--connections=2", "--window=2", "--rounds=2", "--warmup=0s", "--duration=60ms", "--json")
	var report struct {
		Results []struct {
			PID    int
			Rounds []map[string]float64
			Median map[string]float64
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	r := report.Results[0]
	_, measured := r.Median["cpuMicrosPerMessage"] // 0 in a round shorter than a clock tick of the process
	if r.PID != os.Getpid() || len(r.Rounds) != 2 || r.Median["messagesPerSecond"] <= 0 || !measured {
		t.Errorf("%s", out)
	}
	code, out, errs = framegate(t, "", "bench", url, "--pid", pid, "--idle", "--connections=20", "--duration=1ms")
	if code != exitDone || !strings.HasPrefix(out, "20 idle connections, memory after 1ms\n") || !strings.Contains(out, "KiB/connection") || strings.Contains(out, "messages/s") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	code, _, errs = framegate(t, "", "bench", url+"/close-after?after=0&code=1013", "--pid", pid, "--idle", "--connections=3", "--duration=50ms")
	if code != exitFailed || !strings.Contains(errs, "3 connections failed, the first: closed by the server: 1013") {
		t.Errorf("exit code %d when idle connections are closed\n%s", code, errs)
	}
}

func TestBenchCountsUpgrades(t *testing.T) {
	var opened, closed atomic.Uint64
	url := startRaw(t, func(c net.Conn, key string) {
		opened.Add(1)
		io.WriteString(c, switching(key)+"\r\n")
		var r wire.Reader
		for in := make([]byte, 1); ; {
			if _, err := io.ReadFull(c, in); err != nil {
				return
			}
			if ev, _, err := r.Next(in); err == nil && ev.Kind == wire.Control && ev.Op == wire.Close {
				closed.Add(1)
				io.WriteString(c, serverFrame(wire.Text, "a message before")+serverFrame(wire.Close, string(ev.Payload)))
				return
			}
		}
	})
	code, out, errs := framegate(t, "", "bench", url, "--upgrades", "--connections=2", "--rounds=1", "--warmup=0s", "--duration=100ms", "--json")
	var report struct {
		Results []struct{ Median map[string]float64 }
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitDone {
		t.Fatalf("exit code %d, %v\n%s%s", code, err, out, errs)
	}
	m := report.Results[0].Median
	if n := m["upgradesPerSecond"]; n <= 0 || n > 10*float64(opened.Load())+1 || opened.Load() != closed.Load() {
		t.Errorf("%v upgrades/s, the server saw %d upgrades and %d Closes", n, opened.Load(), closed.Load())
	}
	if _, messages := m["messagesPerSecond"]; messages || m["p50Micros"] <= 0 {
		t.Errorf("%s", out)
	}
}

func TestBenchUpgradesThatFail(t *testing.T) {
	for _, test := range []struct{ what, answer, want string }{
		{"refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "no connection: upgrade: upgrade refused: 403 Forbidden"},
		{"no Close", "", "close: EOF"},
	} {
		t.Run(test.what, func(t *testing.T) {
			url := startRaw(t, func(c net.Conn, key string) {
				if test.answer != "" {
					io.WriteString(c, test.answer)
					return
				}
				io.WriteString(c, switching(key)+"\r\n")
				io.ReadFull(c, make([]byte, 8)) // the Close
			})
			code, _, errs := framegate(t, "", "bench", url, "--upgrades", "--connections=1", "--rounds=1", "--warmup=0s", "--duration=20s")
			if code != exitFailed || !strings.Contains(errs, test.want) {
				t.Errorf("exit code %d, standard error should hold %q:\n%s", code, test.want, errs)
			}
		})
	}
}

func TestBenchMessages(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "binary")
	if err := os.WriteFile(binary, []byte{0xff}, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		command benchCommand
		op      wire.Op
		want    string
	}{
		{benchCommand{Size: 0}, wire.Text, ""},
		{benchCommand{Size: 10}, wire.Text, "xxxxxxxxxx"},
		{benchCommand{Size: 11}, wire.Text, `{"fill":""}`},
		{benchCommand{Size: 14}, wire.Text, `{"fill":"xxx"}`},
		{benchCommand{Size: 14, Text: "hello"}, wire.Text, "hello"},
		{benchCommand{Size: 14, File: binary}, wire.Binary, "\xff"},
	}
	for _, test := range tests {
		op, got, err := test.command.message()
		if op != test.op || string(got) != test.want || err != nil {
			t.Errorf("%+v sends %v %q, %v; want %v %q", test.command, op, got, err, test.op, test.want)
		}
	}
}

func TestMediansAndRatios(t *testing.T) {
	round := func(messages uint64, took time.Duration, cpu time.Duration) figures {
		r := round{messages: messages, took: took, cpu: cpu}
		r.latencies.add(50*time.Nanosecond, messages)
		return r.figures(1000, true)
	}
	a := medians([]figures{round(100, time.Second, time.Second), round(900, time.Second, time.Second), round(400, 2*time.Second, time.Second)})
	b := medians([]figures{round(100, time.Second, 2*time.Second), round(300, time.Second, time.Second)})
	r := ratios(a, b)
	tests := []struct {
		what      string
		got, want float64
	}{
		{"messages/s of A", a[perSecond], 200},
		{"MB/s of A", a[megabytes], 0.2},
		{"p50 of A", a[p50], 0.05},
		{"CPU of A", a[cpuEach], 2500},
		{"messages/s of B, the mean of two", b[perSecond], 200},
		{"ratio of messages/s", r[perSecond], 1},
		{"ratio of CPU", r[cpuEach], 2500 / ((20000 + 1e6/300) / 2)},
	}
	for _, test := range tests {
		if math.Abs(test.got-test.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", test.what, test.got, test.want)
		}
	}
	if !math.IsNaN(a[residentEach]) || !math.IsNaN(r[residentEach]) || !math.IsNaN(a[ownCPUEach]) {
		t.Error("figures that were not measured are not NaN")
	}
}
