package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
	"unicode/utf8"

	"framegate/engine/wire"
)

type benchCommand struct {
	URL         target        `arg:"" help:"The WebSocket to measure; it must answer each message with one message."`
	Connections int           `default:"64" help:"Connections (${default})."`
	Window      int           `default:"1" help:"Messages in flight per connection (${default})."`
	Apart       bool          `help:"Write each message on its own, as most applications do, not all that are due in one piece."`
	Size        int           `default:"128" placeholder:"BYTES" help:"Payload of the text message that is sent (${default})."`
	Text        string        `xor:"message" placeholder:"TEXT" help:"Send this text instead."`
	File        string        `xor:"message" type:"existingfile" placeholder:"PATH" help:"Send the content of this file instead: text if it is UTF-8, else binary."`
	Duration    time.Duration `default:"5s" help:"Measured time of a round; with --idle the wait before memory is read (${default})."`
	Warmup      time.Duration `default:"500ms" help:"Time before it (${default})."`
	Rounds      int           `default:"3" help:"Rounds, of which the medians are printed (${default})."`
	Header      []header      `short:"H" sep:"none" placeholder:"'NAME: VALUE'" help:"A header of the upgrade requests; repeatable."`
	Subprotocol []string      `placeholder:"NAME" help:"A subprotocol to offer, best first; repeatable."`
	Insecure    bool          `help:"Take any TLS certificate."`
	PID         int           `name:"pid" placeholder:"PID" help:"Measure the CPU of this process too, with its children (Linux)."`
	Compare     *target       `placeholder:"URL" help:"Measure this WebSocket too, its rounds between those of the other, and print ratios."`
	PID2        int           `name:"pid2" placeholder:"PID" help:"As --pid, of the process behind --compare."`
	Idle        bool          `help:"Measure the memory that open connections without traffic cost --pid, in one round."`
	Upgrades    bool          `help:"Measure upgrades instead of messages: open and close connections, --connections at a time."`
	JSON        bool          `name:"json" help:"Print one JSON object instead of the table."`
}

func (benchCommand) Help() string {
	return `
Every connection keeps --window messages in flight and answers each reply with the next message. CPU per message is the figure
to compare: throughput and latency also depend on what bench and the back end leave of the machine, and the row "CPU of bench"
says how much that is. A reply is any data message; what it holds is not looked at, so that a policy may change it.

With --upgrades nothing is sent but the Close: one upgrade is a TCP connection, the handshake with the answer checked, and the
Close of both sides. Latency is then from the connect to the 101.

For --idle start the measured process afresh: one that had traffic before reuses memory it already holds.

Latency is measured from the write of a message to the read of its reply, to 1/64. The exit code is 1 when a connection failed.

    framegate bench ws://127.0.0.1:8080/echo --pid "$(pgrep -f 'framegate run')"
    framegate bench ws://127.0.0.1:8080/echo --pid 4711 --compare ws://127.0.0.1:9910/ --pid2 4712
    framegate bench ws://127.0.0.1:8080/echo --connections 16 --size 65536 --window 2 --rounds 5 --json
    framegate bench ws://127.0.0.1:8080/echo --upgrades --connections 16 --pid 4711
    framegate bench ws://127.0.0.1:8080/echo --idle --connections 4000 --pid 4711`
}

// maxInFlight bounds the memory that the frames of one window take.
const maxInFlight = 256 << 20

// Validate is called by kong once all flags are known.
func (c *benchCommand) Validate() error {
	switch {
	case c.Connections < 1 || c.Window < 1 || c.Rounds < 1:
		return errors.New("--connections, --window and --rounds must be at least 1")
	case c.Size < 0:
		return errors.New("--size cannot be negative")
	case c.Size > maxInFlight/c.Window:
		return fmt.Errorf("--window times --size is more than %d MiB", maxInFlight>>20)
	case c.Duration <= 0 || c.Warmup < 0:
		return errors.New("--duration must be more than 0, and --warmup cannot be negative")
	case c.PID2 != 0 && c.Compare == nil:
		return errors.New("--pid2 belongs to --compare")
	case c.Idle && c.Upgrades:
		return errors.New("--idle and --upgrades are two measurements: give one of them")
	case c.Idle && (c.PID == 0 || c.Compare != nil && c.PID2 == 0):
		return errors.New("--idle needs --pid, and --pid2 with --compare: it measures their memory")
	}
	return nil
}

// Run measures and prints.
func (c *benchCommand) Run(ctx context.Context, std stdio) error {
	l, err := c.load()
	if err != nil {
		return err
	}
	subjects, err := c.subjects()
	if err != nil {
		return err
	}
	switch {
	case c.Idle:
		err = measureIdle(ctx, l, subjects)
	case c.Upgrades:
		err = measureUpgrades(ctx, l, subjects, c.Rounds)
	default:
		err = measure(ctx, l, subjects, c.Rounds)
	}
	if err != nil {
		return err
	}
	report := benchReport{command: c, payload: l.payload, subjects: subjects}
	if c.JSON {
		err = report.writeJSON(std.out)
	} else {
		err = report.writeTable(std.out)
	}
	return errors.Join(err, failures(subjects))
}

// subject is one WebSocket that is measured, and what came of it.
type subject struct {
	to      target
	pid     int
	watched *process // nil without a pid
	rounds  []figures
	failed  int
	failure error
}

func (c *benchCommand) subjects() ([]*subject, error) {
	subjects := []*subject{{to: c.URL, pid: c.PID}}
	if c.Compare != nil {
		subjects = append(subjects, &subject{to: *c.Compare, pid: c.PID2})
	}
	for _, s := range subjects {
		if s.pid == 0 {
			continue
		}
		p, err := findProcess(s.pid)
		if err != nil {
			return nil, err
		}
		s.watched = &p
	}
	return subjects, nil
}

func (c *benchCommand) load() (*load, error) {
	op, message, err := c.message()
	if err != nil {
		return nil, err
	}
	if len(message) > maxInFlight/c.Window {
		return nil, usagef("--window times the size of the file is more than %d MiB", maxInFlight>>20)
	}
	l := newLoad(op, message, c.Connections, c.Window)
	l.warmup, l.duration, l.apart = c.Warmup, c.Duration, c.Apart
	l.headers, l.subprotocols, l.insecure = c.Header, c.Subprotocol, c.Insecure
	return l, nil
}

// message is what is sent again and again. That of --size is JSON as far as it fits, as most messages are.
func (c *benchCommand) message() (wire.Op, []byte, error) {
	switch {
	case c.Text != "":
		return wire.Text, []byte(c.Text), nil
	case c.File == "":
		return wire.Text, filler(c.Size), nil
	}
	p, err := os.ReadFile(c.File)
	if err != nil {
		return 0, nil, err
	}
	if utf8.Valid(p) {
		return wire.Text, p, nil
	}
	return wire.Binary, p, nil
}

// filler is a text of the given size: a JSON object if that is possible.
func filler(size int) []byte {
	const head, tail = `{"fill":"`, `"}`
	p := make([]byte, 0, size)
	if size < len(head)+len(tail) {
		return append(p, "xxxxxxxxxx"[:size]...)
	}
	p = append(p, head...)
	for len(p) < size-len(tail) {
		p = append(p, 'x')
	}
	return append(p, tail...)
}

// measure runs the rounds, those of all subjects interleaved so that all see the machine in the same mood.
func measure(ctx context.Context, l *load, subjects []*subject, rounds int) error {
	for range rounds {
		for _, s := range subjects {
			r, err := l.run(ctx, s.to, s.watched)
			if err != nil {
				return fmt.Errorf("bench %s: %w", s.to, err)
			}
			s.rounds = append(s.rounds, r.figures(l.payload, s.watched != nil))
			s.fail(r.failed, r.failure)
		}
	}
	return nil
}

// fail adds failed connections; the first cause stays.
func (s *subject) fail(n int, err error) {
	s.failed += n
	if s.failure == nil {
		s.failure = err
	}
}

// failures is the error that the command ends with when connections failed.
func failures(subjects []*subject) error {
	var errs []error
	for _, s := range subjects {
		if s.failed > 0 {
			errs = append(errs, fmt.Errorf("bench %s: %d connections failed, the first: %w", s.to, s.failed, s.failure))
		}
	}
	return errors.Join(errs...)
}
