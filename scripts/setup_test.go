package scripts

import (
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/engine"
	"framegate/engine/wire"
)

// A hostile script runs in a process of its own: TestMain is the child's main when the variable names a script.
func TestMain(m *testing.M) {
	if name := os.Getenv(childVariable); name != "" {
		os.Exit(childMain(name))
	}
	// The regular expressions that backtrack are timed by a goroutine of their library, which ends by itself a while
	// after the last of them; the stop function is its own for tests.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/dlclark/regexp2/v2.runClock"))
}

const patience = 20 * time.Second

func request(headers string) *engine.Request {
	h, err := wire.ParseHeaders([]byte(headers))
	if err != nil {
		panic(err)
	}
	return &engine.Request{
		Method: "GET", URI: "/chat?room=a%20b", Path: "/chat", Query: "room=a%20b", Host: "chat.example.test", Headers: h,
	}
}

// library has a limit of time that a slow machine does not reach.
func library(t testing.TB) *Library {
	l := NewLibrary(Limits{Call: patience, Load: patience}, nil, nil)
	t.Cleanup(func() { l.Close() })
	return l
}

// inline is a script in a policy: the text begins at line 7, column 9 of the file.
func inline(text string) Source {
	return Source{Text: text, At: engine.Position{File: "policies/x.yaml", Line: 7, Col: 9}}
}

func compiled(t testing.TB, l *Library, text string) *Program {
	t.Helper()
	p, err := l.Compile(nil, inline(text))
	if err != nil {
		t.Fatalf("compile: %v", err)
	}
	return p
}

func textMessage(body string) *engine.Message {
	return engine.NewMessage(engine.OnClientFrame, request("X-Device-Id: d1\r\nCookie: a=1\r\nCookie: b=2\r\n"), wire.Text, []byte(body))
}

func run(t testing.TB, p *Program, m *engine.Message) bool {
	t.Helper()
	pass, err := p.Run(m)
	if err != nil {
		t.Fatalf("run: %v", err)
	}
	return pass
}

// value runs a script whose function leaves something in the body, and returns the body.
func value(t testing.TB, body string) string {
	t.Helper()
	p := compiled(t, library(t), "export function invoke(msg) { msg.body = String("+body+"); return true }")
	m := textMessage("")
	run(t, p, m)
	return string(m.Body())
}

// aborted runs a script that must abort with an [Error].
func aborted(t testing.TB, p *Program, m *engine.Message) *Error {
	t.Helper()
	pass, err := p.Run(m)
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, %v instead of an abort", pass, err)
	}
	return e
}
