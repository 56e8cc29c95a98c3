package main

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"time"

	"framegate/engine/wire"

	"github.com/alecthomas/kong"
	"github.com/valyala/fasthttp"
)

var echoModes = []string{"echo", "upper", "tick", "slow", "close-after", "refuse"}

type echoCommand struct {
	Listen string `default:"127.0.0.1:9001" placeholder:"HOST:PORT" help:"Where to listen; port 0 takes a free one (${default})."`
	echoSettings
}

// echoSettings say how a connection of the built-in back end behaves.
type echoSettings struct {
	Mode   string        `enum:"${echoModes}" default:"echo" help:"What to do: ${enum} (${default})."`
	Every  time.Duration `default:"1s" help:"Time between two messages of mode tick (${default})."`
	Delay  time.Duration `default:"1s" help:"Time before each answer of mode slow (${default})."`
	After  int           `default:"1" placeholder:"N" help:"Answers before mode close-after closes (${default})."`
	Code   uint16        `default:"1000" help:"Close code of mode close-after (${default})."`
	Reason string        `placeholder:"TEXT" help:"Close reason of mode close-after."`
	Status int           `default:"403" help:"HTTP status of mode refuse (${default})."`
	Body   string        `placeholder:"TEXT" help:"Body of the answer of mode refuse."`
	Hello  bool          `help:"Send the upgrade request as the first message, in JSON."`
}

// defaultEchoSettings is what the command does without flags.
func defaultEchoSettings() (s echoSettings, err error) {
	err = kong.ApplyDefaults(&s, tagVars)
	return s, err
}

func (echoCommand) Help() string {
	return `
The modes:

    echo          sends every message back
    upper         sends text back in upper case
    tick          sends "tick 1", "tick 2", … whatever it receives
    slow          sends every message back after --delay, one after the other
    close-after   sends N messages back, then closes with --code and --reason
    refuse        answers the upgrade with --status and --body

Each connection can choose for itself: the last segment of the path is the mode if it is the name of one, and every setting
can be given in the query. The first subprotocol that is offered is chosen.

    framegate echo
    framegate echo --listen 127.0.0.1:9002 --mode tick --every 200ms
    framegate connect 'ws://127.0.0.1:9001/close-after?after=3&code=4000&hello=1'`
}

// Validate is called by kong once all flags are known.
func (c *echoCommand) Validate() error { return c.check() }

func (s echoSettings) check() error {
	switch {
	case !slices.Contains(echoModes, s.Mode):
		return fmt.Errorf("there is no mode %q; want one of %q", s.Mode, echoModes)
	case s.Every < time.Millisecond:
		return fmt.Errorf("every must be at least 1ms, not %v", s.Every)
	case s.Delay < 0 || s.After < 0:
		return fmt.Errorf("delay and after cannot be negative")
	case !wire.ValidCode(s.Code):
		return fmt.Errorf("close code %d must not be sent; use 1000-1003, 1007-1014 or 3000-4999", s.Code)
	case len(s.Reason) > wire.MaxReason:
		return fmt.Errorf("a close reason holds at most %d bytes, this one has %d", wire.MaxReason, len(s.Reason))
	case s.Status < 200 || s.Status > 599:
		return fmt.Errorf("status must be 200 to 599, not %d", s.Status)
	}
	return nil
}

// Run serves until the context ends.
func (c *echoCommand) Run(ctx context.Context, std stdio) error {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	s := newEchoServer(c.echoSettings)
	s.Start(l)
	fmt.Fprintf(std.out, "echo: ws://%s/ in mode %s\ntry:  framegate connect ws://%s/\n", l.Addr(), c.Mode, l.Addr())
	<-ctx.Done()
	return s.Close()
}

// of is s as changed by the URL of one connection.
func (s echoSettings) of(uri *fasthttp.URI) (echoSettings, error) {
	if mode := path.Base(string(uri.Path())); slices.Contains(echoModes, mode) {
		s.Mode = mode
	}
	for name, value := range uri.QueryArgs().All() {
		if err := s.set(string(name), string(value)); err != nil {
			return s, fmt.Errorf("query parameter %s: %w", name, err)
		}
	}
	return s, s.check()
}

// set changes one setting by its name; other names are somebody else's.
func (s *echoSettings) set(name, value string) (err error) {
	switch name {
	case "mode":
		s.Mode = value
	case "every":
		s.Every, err = time.ParseDuration(value)
	case "delay":
		s.Delay, err = time.ParseDuration(value)
	case "after":
		s.After, err = strconv.Atoi(value)
	case "code":
		var n uint64
		n, err = strconv.ParseUint(value, 10, 16)
		s.Code = uint16(n)
	case "reason":
		s.Reason = value
	case "status":
		s.Status, err = strconv.Atoi(value)
	case "body":
		s.Body = value
	case "hello":
		s.Hello, err = strconv.ParseBool(value)
	}
	return err
}
