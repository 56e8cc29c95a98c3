package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"
)

// leakChecked is a test run that fails when goroutines are left.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	code := m.M.Run()
	// fasthttp's own, which end seconds after their server or never
	idle := goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2")
	date := goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1")
	if err := goleak.Find(idle, date); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"framegate": main})
}

// TestScripts runs command lines. $ECHO is the address of a back end, $FREE one where nobody listens.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			s, l, err := newEcho()
			if err != nil {
				return err
			}
			env.Defer(func() { s.Close() })
			free, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			free.Close()
			env.Setenv("ECHO", l.Addr().String())
			env.Setenv("FREE", free.Addr().String())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"await": await},
	})
}

// await waits until somebody listens on an address.
func await(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		c, err := net.Dial("tcp", args[0])
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("nobody listens: %v", err)
		}
	}
}

func newEcho() (*echoServer, net.Listener, error) {
	settings, err := defaultEchoSettings()
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s := newEchoServer(settings)
	s.Start(l)
	return s, l, nil
}

// startEcho is a back end for one test, as a ws:// URL without a path.
func startEcho(t *testing.T) string {
	t.Helper()
	s, l, err := newEcho()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the back end: %v", err)
		}
	})
	return "ws://" + l.Addr().String()
}

// framegate runs a command line and returns its exit code and output.
func framegate(t *testing.T, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code = run(ctx, args, stdio{strings.NewReader(stdin), &stdout, &stderr})
	if ctx.Err() != nil {
		t.Errorf("framegate %q took more than 30 s", args)
	}
	return code, stdout.String(), stderr.String()
}

func TestEveryCommandExplainsItself(t *testing.T) {
	parser, err := newParser(stdio{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range shown(parser.Model) {
		if c.Help == "" || strings.Contains(c.Help, "\n") {
			t.Errorf("%s has no help of one line", c.Name)
		}
		if !strings.Contains(c.Detail, "    framegate "+c.Name) && !strings.Contains(c.Detail, "(framegate "+c.Name) {
			t.Errorf("the help of %s has no example", c.Name)
		}
		if !c.Leaf() {
			t.Errorf("%s has commands of its own, which completion does not know", c.Name)
		}
		for _, f := range flagsOf(c) {
			if f.Help == "" {
				t.Errorf("%s --%s has no help", c.Name, f.Name)
			}
		}
	}
}

func TestExitCodes(t *testing.T) {
	echo := startEcho(t)
	tests := []struct {
		args []string
		code int
		errs string
	}{
		{[]string{"version"}, exitDone, ""},
		{[]string{"--help"}, exitDone, ""},
		{[]string{"connect", "--help"}, exitDone, ""},
		{nil, exitUsage, "Commands:"},
		{[]string{"conect"}, exitUsage, `did you mean "connect"? (see framegate --help)`},
		{[]string{"connect"}, exitUsage, "(see framegate connect --help)"},
		{[]string{"connect", "chat"}, exitUsage, "want one like ws://"},
		{[]string{"connect", echo, "--wait=-1"}, exitUsage, "cannot be negative"},
		{[]string{"echo", "--mode", "loud"}, exitUsage, "--mode must be one of"},
		{[]string{"echo", "--code", "1006"}, exitUsage, "1006 must not be sent"},
		{[]string{"echo", "--listen", "127.0.0.1:1:1"}, exitFailed, "listen on 127.0.0.1:1:1"},
		{[]string{"bench", echo, "--window=0"}, exitUsage, "at least 1"},
		{[]string{"bench", echo, "--size=1000000000"}, exitUsage, "more than 256 MiB"},
		{[]string{"bench", echo, "--pid2=1"}, exitUsage, "belongs to --compare"},
		{[]string{"bench", echo, "--idle"}, exitUsage, "needs --pid"},
		{[]string{"bench", echo, "--text=a", "--file=main.go"}, exitUsage, "can't be used together"},
		{[]string{"completion", "cmd"}, exitUsage, "must be one of"},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			code, _, errs := framegate(t, "", test.args...)
			if code != test.code || !strings.Contains(errs, test.errs) {
				t.Errorf("exit code %d, want %d; standard error should hold %q:\n%s", code, test.code, test.errs, errs)
			}
		})
	}
}
