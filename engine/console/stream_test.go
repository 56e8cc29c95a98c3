package console

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"framegate/engine"
)

// waitFor waits until something that another goroutine does is done.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in 10 s")
		}
		time.Sleep(time.Millisecond)
	}
}

// sse is an event as it came.
type sse struct{ name, id, data string }

func (e sse) record(t *testing.T) (r Record) {
	t.Helper()
	if err := json.Unmarshal([]byte(e.data), &r); err != nil {
		t.Fatalf("%v in %q", err, e.data)
	}
	return r
}

// reading is a stream that a test reads; the event "gateway" has been taken.
type reading struct {
	t     *testing.T
	in    *bufio.Reader
	body  interface{ Close() error }
	alive int // heartbeats
	last  string
}

func (r *running) stream(query string, headers ...string) *reading {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	r.t.Cleanup(cancel)
	q, _ := http.NewRequestWithContext(ctx, "GET", "http://"+r.Address()+"/api/v1/stream?"+query, nil)
	for _, h := range headers {
		if name, value, given := strings.Cut(h, ": "); given {
			q.Header.Set(name, value)
		}
	}
	a, err := client.Transport.RoundTrip(q)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.StatusCode != 200 || a.Header.Get("Content-Type") != "text/event-stream" || a.Header.Get("Content-Security-Policy") == "" {
		r.t.Fatal(a.Status, a.Header)
	}
	s := &reading{t: r.t, in: bufio.NewReader(a.Body), body: a.Body}
	r.t.Cleanup(func() { s.body.Close() })
	if first, err := s.event(); err != nil || first.name != "gateway" || !strings.Contains(first.data, r.instance) {
		r.t.Fatalf("the first event is %+v, %v", first, err)
	}
	return s
}

// event reads the next event.
func (s *reading) event() (e sse, err error) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e.data != "":
			return e, nil
		case line == "":
			e = sse{}
		case name == "":
			s.alive++
		case name == "id":
			e.id, s.last = value, value
		case name == "event":
			e.name = value
		case name == "data":
			e.data = value
		}
	}
}

func (s *reading) next() sse {
	s.t.Helper()
	e, err := s.event()
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

func (r *running) add(records ...engine.Record) {
	for i := range records {
		r.gateway.Journal().Add(&records[i])
	}
}

func numbered(op string, n int) engine.Record {
	return engine.Record{Kind: engine.FrameRecord, Op: op, Path: "/x", Reason: strconv.Itoa(n)}
}

func TestStreamGivesRecordsAsTheyHappen(t *testing.T) {
	r := start(t, engine.Console{})
	r.add(numbered("text", 1))
	s := r.stream("")
	_, id := r.dial()
	if up := s.next(); up.record(t).Kind != "upgrade" || up.record(t).Session != id || up.id != "2" || up.name != "" {
		t.Fatalf("got %+v", up)
	}
	frame := s.next().record(t)
	if frame.Outcome != "changed" || frame.Before.Text != "hello" || frame.After.Text != "HELLO" {
		t.Errorf("got %+v", frame)
	}
	if len(frame.Trail) != 1 || frame.Trail[0].Filter != "f0" || frame.Trail[0].Micros == 0 {
		t.Errorf("while somebody follows, trails hold times: %+v", frame.Trail)
	}
}

func TestStreamResumes(t *testing.T) {
	r := start(t, engine.Console{})
	for n := range 5 {
		r.add(numbered("text", n+1))
	}
	tests := []struct {
		query, header string
		first         string
	}{
		{"after=0", "", "1"},
		{"after=3", "", "4"},
		{"after=0", "Last-Event-ID: 4", "5"},
		{"last=2", "", "4"},
		{"last=2", "Last-Event-ID: 1", "2"},
		{"after=99", "", "1"}, // of the run before
	}
	for _, test := range tests {
		if got := r.stream(test.query, test.header).next(); got.id != test.first {
			t.Errorf("%s %s: the first is %s, want %s", test.query, test.header, got.id, test.first)
		}
	}
}

func TestStreamFilters(t *testing.T) {
	r := start(t, engine.Console{}, func(c *Console) { c.heartbeat = 5 * time.Millisecond })
	s := r.stream("op=ping")
	r.add(numbered("text", 1), numbered("ping", 2), numbered("text", 3))
	if e := s.next(); e.id != "2" {
		t.Fatalf("got %+v", e)
	}
	for s.last != "3" { // heartbeats carry how far the reader is
		line, err := s.in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "id: "); ok {
			s.last = id
		}
	}
}

func TestStreamTellsWhatIsLost(t *testing.T) {
	r := start(t, engine.Console{})
	for n := range engine.DefaultJournal + 50 {
		r.add(numbered("text", n))
	}
	s := r.stream("after=10")
	if e := s.next(); e.name != "lost" || e.data != `{"lost":40}` || e.id != "50" {
		t.Fatalf("got %+v", e)
	}
	if e := s.next(); e.id != "51" {
		t.Fatalf("got %+v", e)
	}
}

func TestASlowReaderLosesRecordsAndKnowsHowMany(t *testing.T) {
	r := start(t, engine.Console{})
	conn, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /api/v1/stream?after=0 HTTP/1.1\r\nHost: %s\r\n\r\n", r.Address())
	waitFor(t, r.gateway.Journal().Following)
	const total = 4 * engine.DefaultJournal
	fat := engine.Record{Kind: engine.FrameRecord, Op: "text", Size: 1 << 10, Before: bytes.Repeat([]byte("x"), 1<<10)}
	for range total {
		r.add(fat)
	}
	s := &reading{t: t, in: bufio.NewReader(conn)}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	for line := ""; line != "\r\n"; { // the head
		if line, err = s.in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	var got, lost, last uint64
	for last < total {
		e := s.next()
		switch e.name {
		case "lost":
			var l Lost
			json.Unmarshal([]byte(e.data), &l)
			lost += l.Lost
		case "":
			got++
		}
		if e.id != "" {
			last, _ = strconv.ParseUint(e.id, 10, 64)
		}
	}
	if lost == 0 || got+lost != total {
		t.Errorf("got %d and lost %d of %d", got, lost, total)
	}
}

func TestStreamsEndWithTheConsoleAndWithTheirReaders(t *testing.T) {
	r := start(t, engine.Console{})
	s := r.stream("")
	waitFor(t, r.gateway.Journal().Following)
	s.body.Close()
	waitFor(t, func() bool { return !r.gateway.Journal().Following() })

	s = r.stream("")
	r.stop(r.Shutdown)
	if e, err := s.event(); err == nil {
		t.Errorf("after the end came %+v", e)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	r := start(t, engine.Console{}, func(c *Console) { c.streaming = make(chan struct{}, 1) })
	r.stream("")
	status, text, head := r.do("GET", "/api/v1/stream", "")
	if status != 503 || head.Get("Retry-After") == "" {
		t.Errorf("a stream too many: %d %s", status, text)
	}
}

func TestQuietStreamsShowThatTheyLive(t *testing.T) {
	r := start(t, engine.Console{}, func(c *Console) { c.heartbeat = time.Millisecond })
	s := r.stream("")
	for range 3 {
		for line := ""; line != ": alive\n"; {
			var err error
			if line, err = s.in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestRecordsAreSafeToShow(t *testing.T) {
	nasty := "<img onerror>\x1b[2J\u2028\r\n"
	r := start(t, engine.Console{})
	s := r.stream("")
	r.add(engine.Record{Kind: engine.FrameRecord, Op: "text", Path: nasty, Reason: nasty, Before: []byte(nasty), Size: int64(len(nasty)), Trail: []engine.Step{{Log: []string{nasty + "\xff"}}}})
	e := s.next()
	if strings.ContainsAny(e.data, "<\x1b\u2028\r") {
		t.Errorf("raw in the stream: %q", e.data)
	}
	if got := e.record(t); got.Path != nasty || got.Before.Text != nasty || got.Trail[0].Log[0] != nasty+"\uFFFD" {
		t.Errorf("got %+v", got)
	}
}

func TestPayloads(t *testing.T) {
	tests := []struct {
		op, head string
		size     int64
		want     Payload
	}{
		{"text", "abc", 3, Payload{Size: 3, Text: "abc"}},
		{"text", "a\xe2\x82", 4, Payload{Size: 4, Text: "a", Truncated: true}},
		{"text", "a\xf0\x9f\x98", 5, Payload{Size: 5, Text: "a", Truncated: true}},
		{"text", "a€", 9, Payload{Size: 9, Text: "a€", Truncated: true}},
		{"text", "a\xff", 2, Payload{Size: 2, Base64: []byte("a\xff")}},
		{"text", "a\xe2\x82", 3, Payload{Size: 3, Base64: []byte("a\xe2\x82")}},
		{"binary", "abc", 3, Payload{Size: 3, Base64: []byte("abc")}},
		{"ping", "abc", 3, Payload{Size: 3, Text: "abc"}},
		{"text", "", 9, Payload{Size: 9, Truncated: true}},
	}
	for _, test := range tests {
		got := payloadOf(test.op, []byte(test.head), test.size)
		if fmt.Sprintf("%+v", *got) != fmt.Sprintf("%+v", test.want) {
			t.Errorf("%s %q of %d: %+v, want %+v", test.op, test.head, test.size, *got, test.want)
		}
	}
}

func TestSilentConnectionsDoNotHoldTheEndUp(t *testing.T) {
	r := start(t, engine.Console{})
	conn, err := net.Dial("tcp", r.Address()) // browsers open some in advance
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r.do("GET", "/", "") // by now the server has accepted both
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
