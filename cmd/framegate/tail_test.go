package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"framegate/engine"
	"framegate/engine/console"
)

// startConsole serves the console of a gateway without ports. What its journal holds is put there by hand: records before the
// console can be reached, others later.
func startConsole(t *testing.T, listen, token string, records ...engine.Record) (*engine.Gateway, *console.Console) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	g := engine.New(log, func(context.Context, *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
		return &engine.Snapshot{}, nil
	})
	if _, err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	addAll(g, records)
	c := console.New(g, engine.Console{Listen: listen, Token: token}, "test", log)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopConsole(t, c)
		g.Shutdown(context.Background())
	})
	return g, c
}

func stopConsole(t *testing.T, c *console.Console) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// everything is a record of each sort, in the order of a session.
func everything() []engine.Record {
	at := time.Date(2026, 11, 21, 9, 8, 7, 65_000_000, time.UTC)
	record := func(kind engine.RecordKind, r engine.Record) engine.Record {
		at = at.Add(1500 * time.Microsecond)
		r.Kind, r.At = kind, at
		if r.Session == "" {
			r.Session = "K7QX2MABCDEFGHIJKLMNOPQRST"
		}
		if r.Path == "" {
			r.Path = "/chat"
		}
		return r
	}
	client := func(op, before string, r engine.Record) engine.Record {
		r.Dir, r.Op, r.Before = "client", op, []byte(before)
		if r.Size == 0 {
			r.Size = int64(len(before))
		}
		return record(engine.FrameRecord, r)
	}
	host := func(op, before string, r engine.Record) engine.Record {
		r = client(op, before, r)
		r.Dir = "host"
		return r
	}
	stamp := []engine.Step{{
		Policy: "stamp", Filter: "stamp", Type: "script", Arrow: "end: pass", Micros: 41.25, Log: []string{"room \x1b[2J\nis b1"},
		Changes: []engine.Change{{Name: "content.body", Before: engine.StringValue("a"), After: engine.StringValue("b")}},
	}}
	return []engine.Record{
		record(engine.UpgradeRecord, engine.Record{
			Status: 101, Outcome: "connected", Host: "chat (127.0.0.1:9001)", Client: "127.0.0.1", Subject: "alice", Duration: 3210 * time.Microsecond, Policy: "admit",
			Trail: []engine.Step{
				{Policy: "admit", Filter: "key", Type: "api-key", Result: engine.Failed, Arrow: "failure → login", Reason: "no key", Micros: 1.5},
				{Policy: "admit", Filter: "login", Type: "policy", Arrow: "success → connect-to-url", Micros: 812.3},
				{Policy: "users", Filter: "http-basic", Type: "http-basic", Depth: 1, Arrow: "end: pass", Log: []string{"alice"}},
				{Policy: "admit", Filter: "connect-to-url", Type: "connect-to-url", Arrow: "end: pass"},
			},
		}),
		record(engine.UpgradeRecord, engine.Record{
			Session: "REFUSED3", Path: "/x\x1b[31m", Status: 403, Outcome: "refused", Client: "::1", Reason: "filter ip-address: not allowed", Duration: time.Second,
			Trail: []engine.Step{{Filter: "ip-address", Type: "ip-address", Result: engine.Aborted, Arrow: "abort"}},
		}),
		client("text", `{"a":1}`, engine.Record{Outcome: "changed", After: []byte(`{"a":1,"device":"x1"}`), AfterSize: 21, Trail: stamp}),
		host("text", "\x1b]0;owned\a<b>\u202e€", engine.Record{Outcome: "relayed"}),
		client("text", "", engine.Record{Outcome: "relayed"}),
		client("text", strings.Repeat("é", 200), engine.Record{Outcome: "relayed", Size: 5000}),
		client("text", "", engine.Record{Outcome: "relayed", Size: 12}), // no payloads are logged
		client("binary", "\x00\x01\xff", engine.Record{Outcome: "relayed"}),
		host("binary", strings.Repeat("\xab", 40), engine.Record{Outcome: "relayed"}),
		client("ping", "are you there", engine.Record{Outcome: "relayed"}),
		host("text", "psst", engine.Record{Outcome: "sent", Injected: true}),
		client("text", "bad", engine.Record{
			Outcome: "failed", Reason: "filter schema: not an order", Policy: "orders",
			Trail: []engine.Step{{Filter: "schema", Type: "schema", Result: engine.Failed, Arrow: "end: fail", Reason: "not an order"}},
		}),
		record(engine.CloseRecord, engine.Record{
			Code: 1008, By: "policy", Reason: "refused by policy", Duration: 63 * time.Second, Client: "127.0.0.1",
			In: engine.Traffic{Messages: 1, Bytes: 7}, Out: engine.Traffic{Messages: 20, Bytes: 1},
		}),
		record(engine.CloseRecord, engine.Record{Code: 4001, By: "client", Duration: 12345 * time.Millisecond}),
	}
}

func addAll(g *engine.Gateway, records []engine.Record) {
	for i := range records {
		g.Journal().Add(&records[i])
	}
}

// newTail is what tail makes of a command line without flags.
func newTail(address string, out io.Writer) *tail {
	return &tail{
		console: consoleClient{base: "http://" + address, http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}},
		print:   printer{out: out, zone: time.UTC}, notes: io.Discard, last: 100,
	}
}

func TestTailPrintsEverySortOfRecord(t *testing.T) {
	g, c := startConsole(t, "127.0.0.1:0", "")
	addAll(g, everything())
	var out bytes.Buffer
	if err := newTail(c.Address(), &out).all(t.Context()); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "tail.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); diff != "" {
		t.Errorf("-want +got; UPDATE_GOLDEN=1 writes it\n%s", diff)
	}
	if strings.ContainsAny(out.String(), "\x1b\a\u202e") {
		t.Error("control characters of a payload reached the terminal")
	}
}

func TestTailPaintsOnlyItsOwn(t *testing.T) {
	g, c := startConsole(t, "127.0.0.1:0", "")
	addAll(g, everything())
	var plain, painted bytes.Buffer
	if err := newTail(c.Address(), &plain).all(t.Context()); err != nil {
		t.Fatal(err)
	}
	coloured := newTail(c.Address(), &painted)
	coloured.print.colour = true
	if err := coloured.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	stripped := painted.String()
	for _, colour := range []string{"0", faint, red, green, yellow, magenta, cyan} {
		stripped = strings.ReplaceAll(stripped, "\x1b["+colour+"m", "")
	}
	if stripped == painted.String() || stripped != plain.String() {
		t.Error("colours are more than colours, or there are none")
	}
}

func TestTailOnTheCommandLine(t *testing.T) {
	g, c := startConsole(t, "127.0.0.1:0", "secret")
	addAll(g, everything())
	url := "--url=http://" + c.Address()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	tests := []struct {
		name  string
		args  []string
		code  int
		lines int    // of standard output
		says  string // on either
	}{
		{"the last ten", []string{url, "--token=secret", "--json"}, exitDone, 10, `"seq":14`},
		{"the last two", []string{url, "--token=secret", "--json", "--last=2"}, exitDone, 2, `"codeText":"code of the application"`},
		{"all", []string{url, "--token=secret", "--json", "--since=0"}, exitDone, 14, `"seq":1,`},
		{"since", []string{url, "--token=secret", "--json", "--since=12"}, exitDone, 2, `"seq":13,`},
		{"changed", []string{url, "--token=secret", "--json", "--outcome=changed"}, exitDone, 1, `"after":{"size":21,"text":"{\"a\":1,\"device\":\"x1\"}"}`},
		{"filters together", []string{url, "--token=secret", "--json", "--dir=host", "--op=text,binary", "--path=/chat", "--session=K7QX2M", "--kind=frame"}, exitDone, 3, `"seq":11`},
		{"no token", []string{url}, exitFailed, 0, "wants its token, or another one: set FRAMEGATE_TOKEN"},
		{"wrong token", []string{url, "--token=x"}, exitFailed, 0, "wants its token"},
		{"nobody there", []string{"--url=http://" + free.Addr().String()}, exitFailed, 0, "start one with framegate dev DIR"},
		{"no URL", []string{"--url=127.0.0.1:8090"}, exitUsage, 0, "want one like http://127.0.0.1:8090"},
		{"no such outcome", []string{"--outcome=good"}, exitUsage, 0, "--outcome must be one of"},
		{"two beginnings", []string{"--since=1", "--last=1"}, exitUsage, 0, "--since and --last can't be used together"},
		{"too many", []string{"--last=1001"}, exitUsage, 0, "--last is at most 1000"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := framegate(t, "", append([]string{"tail", "--no-follow"}, test.args...)...)
			if code != test.code || strings.Count(out, "\n") != test.lines || !strings.Contains(out+errs, test.says) {
				t.Errorf("exit code %d, want %d; %d lines, want %d with %q:\n%s%s", code, test.code, strings.Count(out, "\n"), test.lines, test.says, out, errs)
			}
			for line := range strings.Lines(out) {
				if !json.Valid([]byte(line)) {
					t.Errorf("no JSON: %s", line)
				}
			}
		})
	}
}

func TestTailKnowsWhatIsNoConsole(t *testing.T) {
	address := strings.TrimPrefix(startEcho(t), "ws://")
	code, _, errs := framegate(t, "", "tail", "--url=http://"+address)
	if code != exitFailed || !strings.Contains(errs, "no framegate console") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// lineLog collects what several goroutines write and waits for texts in it.
type lineLog struct {
	mu   sync.Mutex
	text strings.Builder
	grew chan struct{}
}

func newLineLog() *lineLog { return &lineLog{grew: make(chan struct{}, 1)} }

func (l *lineLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.grew <- struct{}{}:
	default:
	}
	return l.text.Write(p)
}

func (l *lineLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lineLog) await(t *testing.T, text string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for !strings.Contains(l.String(), text) {
		select {
		case <-l.grew:
		case <-late:
			t.Fatalf("%q did not come:\n%s", text, l)
		}
	}
}

// frame is the record of a text.
func frame(text string) engine.Record {
	return engine.Record{Kind: engine.FrameRecord, Session: "ABCDEFG", Path: "/chat", Dir: "client", Op: "text", Size: int64(len(text)), Before: []byte(text), Outcome: "relayed"}
}

func TestTailGoesOnWhereAConnectionWasCut(t *testing.T) {
	g, c := startConsole(t, "127.0.0.1:0", "", frame("first"), frame("second"))
	out := newLineLog()
	tail := newTail(c.Address(), out)
	for _, text := range []string{"second", "third"} {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			tail.stream(ctx, false)
		}()
		out.await(t, text)
		cancel()
		<-ended
		addAll(g, []engine.Record{frame("third")})
	}
	if n := strings.Count(out.String(), "\n"); n != 3 {
		t.Errorf("every record once:\n%s", out)
	}
}

func TestTailGoesOnWhenTheGatewayIsStartedAgain(t *testing.T) {
	g, c := startConsole(t, "127.0.0.1:0", "", frame("before"), frame("and now"))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, errs := newLineLog(), newLineLog()
	exit := make(chan int)
	go func() {
		exit <- run(ctx, []string{"tail", "--url=http://" + c.Address(), "--last=1"}, stdio{strings.NewReader(""), out, errs})
	}()
	out.await(t, "and now")
	addAll(g, []engine.Record{frame("live")})
	out.await(t, "live")

	stopConsole(t, c)
	errs.await(t, "the gateway is gone; waiting for it at http://"+c.Address()+"\n")
	another, _ := startConsole(t, c.Address(), "", frame("number 1 again"), frame("number 2"), frame("number 3"), frame("number 4"))
	errs.await(t, "connected again\n")
	out.await(t, "number 1 again")
	out.await(t, "number 4")
	addAll(another, []engine.Record{frame("onward")})
	out.await(t, "onward")

	cancel()
	if code := <-exit; code != exitDone {
		t.Errorf("exit code %d after the end was asked for: %s", code, errs)
	}
	if text := out.String(); strings.Contains(text, "before") || strings.Count(text, "\n") != 7 {
		t.Errorf("every record once, and none before the last one:\n%s", text)
	}
}
