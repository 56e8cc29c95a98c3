package filters

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Bounds of an introspector.
const (
	maxIntrospection = 64 << 10         // bytes of an answer
	maxAnswers       = 4096             // that are remembered
	maxAsking        = 32               // questions at once
	rememberInactive = 10 * time.Second // at most
)

// introspector asks an authorization server about tokens, each at most once at a
// time. It remembers answers by the hashes of the tokens.
type introspector struct {
	url    string
	client introspectionClient
	keep   time.Duration
	wait   time.Duration
	slots  chan struct{}

	mu        sync.Mutex
	transport http.RoundTripper
	known     map[[sha256.Size]byte]*introspection
	asking    map[[sha256.Size]byte]*question
}

// introspection is an answer of the server.
type introspection struct {
	active bool
	claims claims
	asked  time.Time
	until  time.Time // when it is not worth remembering any more
}

// question is one that is under way.
type question struct {
	done   chan struct{} // closed when it has ended
	answer *introspection
	err    error
}

func newIntrospector(url string, client introspectionClient, keep, wait time.Duration) *introspector {
	return &introspector{
		url: url, client: client, keep: keep, wait: wait, slots: make(chan struct{}, maxAsking),
		known: make(map[[sha256.Size]byte]*introspection), asking: make(map[[sha256.Size]byte]*question),
	}
}

// use makes the transport the way to the server.
func (i *introspector) use(transport http.RoundTripper) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.transport = transport
}

// ask finds out about a token, by an answer that is no older than that, or by the server.
func (i *introspector) ask(ctx context.Context, token string, now time.Time, oldest time.Duration) (*introspection, error) {
	name := sha256.Sum256([]byte(token))
	i.mu.Lock()
	if a := i.known[name]; a != nil && now.Before(a.until) && now.Sub(a.asked) < oldest {
		i.mu.Unlock()
		return a, nil
	}
	q := i.asking[name]
	if q == nil {
		q = &question{done: make(chan struct{})}
		i.asking[name] = q
		go i.put(q, name, token, now)
	}
	i.mu.Unlock()
	select {
	case <-q.done:
		return q.answer, q.err
	case <-ctx.Done():
		return nil, fmt.Errorf("introspect a token: %w", context.Cause(ctx))
	}
}

// put is the goroutine of a question. It belongs to all who wait for it, so it
// ends with none of them, but in time.
func (i *introspector) put(q *question, name [sha256.Size]byte, token string, now time.Time) {
	defer func() {
		if p := recover(); p != nil {
			q.err = fmt.Errorf("introspect a token: panic: %v", p)
		}
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.asking, name)
		if q.err == nil {
			i.remember(name, q.answer, now)
		}
		close(q.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), i.wait)
	defer cancel()
	select {
	case i.slots <- struct{}{}:
		defer func() { <-i.slots }()
	case <-ctx.Done():
		q.err = errors.New("introspect a token: too many questions at once")
		return
	}
	if q.answer, q.err = i.request(ctx, token); q.err == nil {
		q.answer.asked, q.answer.until = now, q.answer.goodUntil(now, i.keep)
	}
}

// goodUntil is for how long the answer may be remembered.
func (a *introspection) goodUntil(now time.Time, keep time.Duration) time.Time {
	if !a.active {
		return now.Add(min(keep, rememberInactive))
	}
	until := now.Add(keep)
	if expires, err := a.claims.moment("exp"); err == nil && !expires.IsZero() && expires.Before(until) {
		return expires
	}
	return until
}

// remember keeps an answer; when there are too many, those that have expired go,
// and any at all if that is not enough.
func (i *introspector) remember(name [sha256.Size]byte, a *introspection, now time.Time) {
	if len(i.known) >= maxAnswers {
		for name, old := range i.known {
			if !now.Before(old.until) {
				delete(i.known, name)
			}
		}
		for name := range i.known {
			if len(i.known) < maxAnswers {
				break
			}
			delete(i.known, name)
		}
	}
	i.known[name] = a
}

// request asks the server (RFC 7662 §2.1).
func (i *introspector) request(ctx context.Context, token string) (*introspection, error) {
	i.mu.Lock()
	transport := i.transport
	i.mu.Unlock()
	q, err := i.form(ctx, token)
	if err != nil {
		return nil, fmt.Errorf("introspect a token at %s: %w", i.url, err)
	}
	a, err := transport.RoundTrip(q)
	if err != nil {
		return nil, fmt.Errorf("introspect a token: %w", err)
	}
	defer a.Body.Close()
	text, err := readBounded(a.Body, maxIntrospection)
	switch kind, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type")); {
	case err != nil:
		return nil, fmt.Errorf("introspect a token at %s: %w", i.url, err)
	case a.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("introspect a token at %s: the answer is %d", i.url, a.StatusCode)
	case kind != "application/json" && !strings.HasSuffix(kind, "+json"):
		return nil, fmt.Errorf("introspect a token at %s: the answer is %q, not JSON", i.url, kind)
	}
	c, err := parseClaims(text)
	if err != nil {
		return nil, fmt.Errorf("introspect a token at %s: the answer: %w", i.url, err)
	}
	active, ok := c["active"].(bool)
	if !ok {
		return nil, fmt.Errorf("introspect a token at %s: the answer does not say whether it is active", i.url)
	}
	return &introspection{active: active, claims: c}, nil
}

// form is the request about a token.
func (i *introspector) form(ctx context.Context, token string) (*http.Request, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	if i.client.Auth == "post" && i.client.ID != "" {
		form.Set("client_id", i.client.ID)
		form.Set("client_secret", i.client.Secret)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, i.url, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Accept", "application/json")
	switch {
	case i.client.Auth == "bearer":
		q.Header.Set("Authorization", "Bearer "+i.client.Secret)
	case i.client.Auth == "basic" && i.client.ID != "": // form-encoded first: RFC 6749 §2.3.1
		pair := url.QueryEscape(i.client.ID) + ":" + url.QueryEscape(i.client.Secret)
		q.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(pair)))
	}
	return q, nil
}
