package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"framegate/engine/console"
)

type tailCommand struct {
	URL     string   `default:"http://127.0.0.1:8090" placeholder:"URL" help:"The console of the gateway (${default})."`
	Token   string   `env:"FRAMEGATE_TOKEN" placeholder:"TOKEN" help:"The token that the console asks for; the environment shows it to fewer people."`
	Session []string `placeholder:"ID" help:"Only these sessions, by their ids or how they begin."`
	Kind    []string `enum:"upgrade,frame,close,request" placeholder:"KIND" help:"Only these: ${enum}."`
	Dir     string   `enum:",client,host" default:"" placeholder:"WHO" help:"Only what the client or the host sent: client, host."`
	Op      []string `enum:"text,binary,ping,pong" placeholder:"OP" help:"Only these opcodes: ${enum}."`
	Path    []string `sep:"none" placeholder:"/PATH" help:"Only this path and all below it; with a * at the end, all that begin so."`
	Outcome []string `enum:"${outcomes}" placeholder:"OUTCOME" help:"Only these outcomes: ${enum}."`
	Since   *uint64  `xor:"begin" placeholder:"SEQ" help:"Begin after the record with this number, 0 for all that is kept."`
	Last    *uint64  `xor:"begin" placeholder:"N" help:"Begin with the newest N records, at most 1000 (10)."`
	Follow  bool     `default:"true" negatable:"" help:"Wait for what comes (on)."`
	Trail   bool     `help:"Print the trail of frames too, not only of upgrades, requests and of what failed."`
	JSON    bool     `name:"json" help:"Print each record as one line of JSON, payloads as far as the log kept them."`
}

func (tailCommand) Help() string {
	return `
One line per record: time, session, path, → from the client to the host or ← back, opcode, size, outcome, and the begin of
the payload. Under it, as far as there is any: the trail of filters (✓ passed, ✗ failed, ! aborted) with arrows, microseconds
and log lines, and what a policy changed, before (-) and after (+). Records go to standard output, everything else to standard
error. When the gateway goes away tail waits for it and goes on; Ctrl-C ends it. Control characters are shown as escapes.

    framegate tail
    framegate tail --path /chat --outcome changed,failed,aborted
    framegate tail --last 20 --no-follow
    framegate tail --json --since 0 --no-follow | jq 'select(.size > 1000)'`
}

// defaultLast is how many records come first when nothing else is said.
const defaultLast = 10

// Validate is called by kong once all flags are known.
func (c *tailCommand) Validate() error {
	if err := checkConsoleURL(c.URL); err != nil {
		return err
	}
	if c.Last != nil && *c.Last > 1000 {
		return errors.New("--last is at most 1000")
	}
	return nil
}

// query is the filter as the console wants it.
func (c *tailCommand) query() url.Values {
	q := url.Values{}
	for name, values := range map[string][]string{"session": c.Session, "kind": c.Kind, "op": c.Op, "path": c.Path, "outcome": c.Outcome} {
		for _, v := range values {
			q.Add(name, v)
		}
	}
	if c.Dir != "" {
		q.Set("dir", c.Dir)
	}
	return q
}

// Run prints records until the context ends, or all that are there.
func (c *tailCommand) Run(ctx context.Context, std stdio) error {
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	t := &tail{
		console: consoleClient{base: strings.TrimSuffix(c.URL, "/"), token: c.Token, http: http.Client{Transport: transport}},
		query:   c.query(),
		print:   printer{out: std.out, json: c.JSON, trails: c.Trail, colour: isTerminal(std.out) && os.Getenv("NO_COLOR") == "", zone: time.Local},
		notes:   std.err,
		seen:    c.Since,
		last:    defaultLast,
	}
	if c.Last != nil {
		t.last = *c.Last
	}
	var err error
	if c.Follow {
		err = t.follow(ctx)
	} else {
		err = t.all(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// tail reads the traffic log of a gateway and prints it.
type tail struct {
	console  consoleClient
	query    url.Values
	print    printer
	notes    io.Writer
	seen     *uint64 // the number of the last record; nil: begin with the last so many
	last     uint64
	instance string // of the gateway; another one counts anew
}

// begin is the query of a request that goes on where the last one ended.
func (t *tail) begin() url.Values {
	q := url.Values{}
	for name, values := range t.query {
		q[name] = values
	}
	if t.seen != nil {
		q.Set("after", strconv.FormatUint(*t.seen, 10))
	} else {
		q.Set("last", strconv.FormatUint(t.last, 10))
	}
	return q
}

// all prints what is there.
func (t *tail) all(ctx context.Context) error {
	for {
		var page console.Frames
		q := t.begin()
		q.Set("limit", "500")
		if err := t.console.get(ctx, "frames", q, &page); err != nil {
			return err
		}
		t.lost(page.Lost)
		for i := range page.Records {
			if err := t.print.record(&page.Records[i]); err != nil {
				return err
			}
		}
		if t.seen == nil || *t.seen == page.Next {
			return nil
		}
		t.seen = &page.Next
	}
}

func (t *tail) lost(n uint64) {
	if n > 0 {
		fmt.Fprintf(t.notes, "%d records are lost: they are no longer kept\n", n)
	}
}

const (
	firstPause   = 250 * time.Millisecond // before the first try to come back
	longestPause = 5 * time.Second
)

// follow prints what comes, and comes back when the gateway does. Not to find
// one at the start is an error; so is what a console refuses.
func (t *tail) follow(ctx context.Context) error {
	pause, gone := firstPause, false
	for {
		var refused *consoleRefusal
		live, err := t.stream(ctx, gone)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &refused) && refused.status != http.StatusServiceUnavailable, !live && !gone, errors.Is(err, errPrinting):
			return err
		case live:
			pause, gone = firstPause, false
		}
		if errors.Is(err, errRestarted) {
			continue
		}
		if !gone {
			fmt.Fprintf(t.notes, "the gateway is gone; waiting for it at %s\n", t.console.base)
			gone = true
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
		pause = min(2*pause, longestPause)
	}
}

var (
	// errRestarted says that the records are numbered anew.
	errRestarted = errors.New("the gateway was started again")
	// errPrinting says that nobody reads our output.
	errPrinting = errors.New("printing")
)

// stream reads one stream to its end; live tells whether there was one.
func (t *tail) stream(ctx context.Context, gone bool) (live bool, err error) {
	err = t.console.stream(ctx, t.begin(), func(e serverEvent) error {
		if !live && gone {
			fmt.Fprintln(t.notes, "connected again")
		}
		live = true
		return t.take(e)
	})
	return live, err
}

// take deals with one event.
func (t *tail) take(e serverEvent) error {
	switch e.name {
	case "gateway":
		var hello console.Hello
		if err := e.decode(&hello); err != nil {
			return err
		}
		restarted := t.instance != "" && t.instance != hello.Instance
		t.instance = hello.Instance
		if restarted {
			t.seen = new(uint64)
			return errRestarted
		}
	case "lost":
		var lost console.Lost
		if err := e.decode(&lost); err != nil {
			return err
		}
		t.lost(lost.Lost)
	case "":
		var r console.Record
		if err := e.decode(&r); err != nil {
			return err
		}
		if err := t.print.record(&r); err != nil {
			return fmt.Errorf("%w: %w", errPrinting, err)
		}
	}
	if e.id != nil {
		t.seen = e.id
	}
	return nil
}
