package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// consoleClient talks to the console of a gateway.
type consoleClient struct {
	base  string // http://host:port
	token string
	http  http.Client
}

// checkConsoleURL checks what was given as --url.
func checkConsoleURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url %q is not the address of a console; want one like http://127.0.0.1:8090", text)
	}
	return nil
}

// consoleRefusal is an answer of a console other than success.
type consoleRefusal struct {
	status int
	text   string
}

func (r *consoleRefusal) Error() string { return r.text }

// maxEvent bounds one record on its way: two heads of 64 KiB in base64, and a trail.
const maxEvent = 16 << 20

// streamQuiet is for how long a stream may say nothing: the console says every 15 s that it lives.
const streamQuiet = 60 * time.Second

// get asks for something of the API as JSON.
func (c *consoleClient) get(ctx context.Context, what string, query url.Values, v any) error {
	answer, err := c.ask(ctx, http.MethodGet, what, query, nil)
	if err != nil {
		return err
	}
	return c.decode(answer, v)
}

// post tells the API to do something; what it answers goes into v.
func (c *consoleClient) post(ctx context.Context, what string, body, v any) error {
	return c.tell(ctx, http.MethodPost, what, body, v)
}

// delete tells the API to undo something; what it answers goes into v.
func (c *consoleClient) delete(ctx context.Context, what string, body, v any) error {
	return c.tell(ctx, http.MethodDelete, what, body, v)
}

func (c *consoleClient) tell(ctx context.Context, method, what string, body, v any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := c.ask(ctx, method, what, nil, text)
	if err != nil {
		return err
	}
	return c.decode(answer, v)
}

func (c *consoleClient) decode(answer *http.Response, v any) error {
	defer answer.Body.Close()
	if err := json.NewDecoder(answer.Body).Decode(v); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.base, err)
	}
	return nil
}

func (c *consoleClient) ask(ctx context.Context, method, what string, query url.Values, body []byte) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1/"+what+"?"+query.Encode(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		q.Header.Set("Authorization", "Bearer "+c.token)
	}
	answer, err := c.http.Do(q)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("no gateway listens on %s: start one with framegate dev DIR, or say where its console is with --url", c.base)
	case err != nil:
		return nil, fmt.Errorf("the console: %w", err)
	case answer.StatusCode == http.StatusOK:
		return answer, nil
	}
	defer answer.Body.Close()
	return nil, c.refused(answer)
}

// refused makes an error of an answer.
func (c *consoleClient) refused(answer *http.Response) error {
	if answer.StatusCode == http.StatusUnauthorized {
		return &consoleRefusal{answer.StatusCode, "the console at " + c.base + " wants its token, or another one: set FRAMEGATE_TOKEN or --token to console.token of the configuration"}
	}
	var body struct {
		Error string `json:"error"`
	}
	if json.NewDecoder(io.LimitReader(answer.Body, 64<<10)).Decode(&body) != nil || body.Error == "" {
		return &consoleRefusal{answer.StatusCode, fmt.Sprintf("what answers at %s is no framegate console: %s", c.base, printable(answer.Status))}
	}
	return &consoleRefusal{answer.StatusCode, "the console says: " + printable(body.Error)}
}

// serverEvent is a server-sent event (WHATWG HTML §9.2).
type serverEvent struct {
	name string  // empty for a record
	id   *uint64 // nil where none was given
	data []byte
}

func (e *serverEvent) decode(v any) error {
	if err := json.Unmarshal(e.data, v); err != nil {
		return fmt.Errorf("reading the event %s of the console: %w", e.name, err)
	}
	return nil
}

// stream gives the events of the live stream to take, until the stream ends, take returns an error or ctx ends.
func (c *consoleClient) stream(ctx context.Context, query url.Values, take func(serverEvent) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answer, err := c.ask(ctx, http.MethodGet, "stream", query, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "text/event-stream" {
		return &consoleRefusal{answer.StatusCode, "what answers at " + c.base + " is no framegate console"}
	}
	quiet := time.AfterFunc(streamQuiet, cancel)
	defer quiet.Stop()
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxEvent)
	var e serverEvent
	for lines.Scan() {
		quiet.Reset(streamQuiet)
		if lines.Text() != "" {
			e.line(lines.Text())
			continue
		}
		if err := take(e); err != nil {
			return err
		}
		e = serverEvent{}
	}
	return lines.Err()
}

// line takes in one line of an event; comments and what is unknown are skipped.
func (e *serverEvent) line(text string) {
	name, value, _ := strings.Cut(text, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "event":
		e.name = value
	case "data":
		e.data = append(e.data, value...)
	case "id":
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			e.id = &n
		}
	}
}
