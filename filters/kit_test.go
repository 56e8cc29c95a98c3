package filters

import (
	"encoding"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

// build makes a filter with the defaults of its tags, then the settings, and prepares it.
func build[T any, P interface {
	*T
	engine.Filter
}](t testing.TB, env *Env, settings func(P)) P {
	t.Helper()
	f, err := try(env, settings)
	if err != nil {
		t.Fatalf("prepare: %v", err)
	}
	return f
}

// try is build for filters that may be refused.
func try[T any, P interface {
	*T
	engine.Filter
}](env *Env, settings func(P)) (P, error) {
	f := P(new(T))
	v := reflect.ValueOf(f).Elem()
	for _, field := range Fields(v.Type()) {
		if field.HasDefault {
			setText(v.FieldByIndex(field.Index), field.Default)
		}
	}
	if settings != nil {
		settings(f)
	}
	if env == nil {
		env = &Env{}
	}
	if p, ok := any(f).(Preparer); ok {
		return f, p.Prepare(env)
	}
	return f, nil
}

func setText(v reflect.Value, text string) {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(text == "true")
	case reflect.Int, reflect.Int64:
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		v.SetInt(int64(n))
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{text}))
	default:
		v.SetString(text)
	}
}

// refused tells of a filter that Prepare accepted, or refused for another field.
func refused(t *testing.T, err error, field string) {
	t.Helper()
	var wrong *FieldError
	switch {
	case err == nil:
		t.Error("was accepted")
	case !errors.As(err, &wrong):
		t.Errorf("%v is not a FieldError", err)
	case wrong.Field != field:
		t.Errorf("the problem is with %q, want %q: %v", wrong.Field, field, err)
	case wrong.Hint == "":
		t.Errorf("no hint beside: %v", err)
	}
}

func sel(text string) engine.Selector {
	s, err := engine.ParseSelector(text)
	if err != nil {
		panic(err)
	}
	return s
}

func expr(text string) pattern {
	var p pattern
	if err := p.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return p
}

func networks(texts ...string) []engine.Prefix {
	list := make([]engine.Prefix, len(texts))
	for i, text := range texts {
		if err := list[i].UnmarshalText([]byte(text)); err != nil {
			panic(err)
		}
	}
	return list
}

// upgrade is an upgrade request for a target, with header lines "Name: value".
func upgrade(target string, lines ...string) *engine.Message {
	q := &engine.Request{Method: "GET", URI: target, Headers: &engine.Headers{}, Client: netip.MustParseAddrPort("192.0.2.7:4711")}
	q.Path, q.Query, _ = strings.Cut(target, "?")
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if err := q.Headers.Add(name, value); err != nil {
			panic(err)
		}
	}
	return engine.NewMessage(engine.OnUpgrade, q, 0, nil)
}

// frame is a text message from the client.
func frame(body string) *engine.Message {
	q := &engine.Request{Method: "GET", URI: "/chat", Path: "/chat", Headers: &engine.Headers{}, Client: netip.MustParseAddrPort("192.0.2.7:4711")}
	return engine.NewMessage(engine.OnClientFrame, q, wire.Text, []byte(body))
}

func binaryFrame(body string) *engine.Message {
	m := frame("")
	m.Receive(wire.Binary, []byte(body))
	return m
}

// passes runs the filter, which must pass.
func passes(t *testing.T, f engine.Filter, m *engine.Message) {
	t.Helper()
	if pass, err := f.Run(m); !pass || err != nil {
		_, _, reason := m.Refusal()
		t.Errorf("ended with %v, %v (%s); want a pass", pass, err, reason)
	}
}

// fails runs the filter, which must fail with the status.
func fails(t *testing.T, f engine.Filter, m *engine.Message, status int) {
	t.Helper()
	pass, err := f.Run(m)
	got, _, reason := m.Refusal()
	if pass || err != nil || got != status {
		t.Errorf("ended with %v, %v, %d; want a failure with %d", pass, err, got, status)
	}
	if reason == "" {
		t.Error("failed without a reason")
	}
}

// aborts runs the filter, which must abort with an error that has the text.
func aborts(t *testing.T, f engine.Filter, m *engine.Message, text string) {
	t.Helper()
	if pass, err := f.Run(m); pass || err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("ended with %v, %v; want an abort with %q", pass, err, text)
	}
}

func attribute(m *engine.Message, name string) string { return m.Get(engine.AttrOf(name)).String() }

// sent lists what a message sends: "client text hello".
func sent(m *engine.Message) []string {
	var all []string
	m.Sends(func(to engine.Side, op wire.Op, body []byte) {
		all = append(all, to.String()+" "+op.String()+" "+string(body))
	})
	return all
}

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// withStore is an Env with one store.
func withStore(name string, records map[string]any) *Env {
	values := make(map[string]engine.Value, len(records))
	for key, record := range records {
		values[key] = engine.TreeValue(record)
	}
	store := engine.NewStore(name, values)
	return &Env{Log: slog.New(slog.DiscardHandler), Store: func(asked string) (*engine.Store, error) {
		if asked != name {
			return nil, errors.New("no such store")
		}
		return store, nil
	}}
}

// runs is a policy of one filter under a name.
func runs(name string, f engine.Filter) *engine.Policy {
	return &engine.Policy{Name: name, Fault: -1, Nodes: []engine.Node{{Name: name, Type: name, Filter: f, Success: engine.EndPass, Failure: engine.EndFail}}}
}

// withPolicies is an Env with policies of one filter each.
func withPolicies(policies ...*engine.Policy) *Env {
	return &Env{Call: func(name string) (*engine.Policy, error) {
		for _, p := range policies {
			if p.Name == name {
				return p, nil
			}
		}
		return nil, errors.New("no such policy")
	}}
}

// from is an upgrade from a client's address.
func from(client string) *engine.Message {
	return engine.NewMessage(engine.OnUpgrade, &engine.Request{Headers: &engine.Headers{}, Client: netip.MustParseAddrPort(client)}, 0, nil)
}
