package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"framegate/engine/console"
	"framegate/engine/wire"
)

// printer writes records for people, or as JSON.
type printer struct {
	out    io.Writer
	json   bool
	trails bool // of frames too
	colour bool
	zone   *time.Location
}

// How much of a payload is shown, in characters.
const (
	previewLength = 100  // on the line of its record
	changeLength  = 1000 // before and after
	margin        = "              "
)

// record prints one record in one write.
func (p *printer) record(r *console.Record) error {
	var b strings.Builder
	if p.json {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		b.Write(text)
		b.WriteByte('\n')
	} else {
		p.lines(&b, r)
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

func (p *printer) lines(b *strings.Builder, r *console.Record) {
	fmt.Fprintf(b, "%s  %s  %s  ", p.paint(faint, r.At.In(p.zone).Format("15:04:05.000")), shortID(r.Session), printable(r.Path))
	trail := p.trails
	switch r.Kind {
	case "upgrade":
		p.upgrade(b, r)
		trail = true
	case "close":
		p.close(b, r)
		trail = true
	case "request":
		p.request(b, r)
		trail = true
	default:
		p.frame(b, r)
		trail = trail || r.Outcome == "failed" || r.Outcome == "aborted"
	}
	if r.After != nil && r.Kind != "request" {
		fmt.Fprintf(b, "%s%s\n", margin, p.paint(red, "- "+p.payload(r.Before, r.Size, changeLength)))
		fmt.Fprintf(b, "%s%s\n", margin, p.paint(green, "+ "+p.payload(r.After, r.After.Size, changeLength)))
	}
	for i := range r.Trail {
		p.step(b, &r.Trail[i], trail)
	}
}

func (p *printer) upgrade(b *strings.Builder, r *console.Record) {
	colour := green
	if r.Status != 101 {
		colour = red
	}
	fmt.Fprintf(b, "%s", p.paint(colour, fmt.Sprintf("upgrade %d %s", r.Status, r.Outcome)))
	if r.Host != "" {
		fmt.Fprintf(b, "  → %s", printable(r.Host))
	}
	fmt.Fprintf(b, "  client %s", printable(r.Client))
	if r.Subject != "" {
		fmt.Fprintf(b, "  subject %s", printable(r.Subject))
	}
	fmt.Fprintf(b, "  %s%s\n", millisWord(r.Millis), p.reason(r))
}

func (p *printer) request(b *strings.Builder, r *console.Record) {
	colour := green
	if r.Status >= 400 || r.Outcome == "cut" {
		colour = red
	}
	fmt.Fprintf(b, "%s", p.paint(colour, fmt.Sprintf("%s %d %s", printable(r.Method), r.Status, r.Outcome)))
	if r.Host != "" {
		fmt.Fprintf(b, "  → %s", printable(r.Host))
	}
	fmt.Fprintf(b, "  client %s", printable(r.Client))
	if r.Subject != "" {
		fmt.Fprintf(b, "  subject %s", printable(r.Subject))
	}
	fmt.Fprintf(b, "  %s%s\n", millisWord(r.Millis), p.reason(r))
	if r.Before != nil {
		fmt.Fprintf(b, "%s%s\n", margin, p.paint(cyan, "→ "+p.payload(r.Before, r.Size, changeLength)))
	}
	if r.After != nil {
		fmt.Fprintf(b, "%s%s\n", margin, p.paint(magenta, "← "+p.payload(r.After, r.After.Size, changeLength)))
	}
}

func (p *printer) close(b *strings.Builder, r *console.Record) {
	fmt.Fprintf(b, "%s %d %s, by %s", p.paint(yellow, "close"), r.Code, wire.CodeText(r.Code), printable(r.By))
	if r.Reason != "" {
		fmt.Fprintf(b, `, "%s"`, printable(r.Reason))
	}
	fmt.Fprintf(b, "  after %s", millisWord(r.Millis))
	if r.In != nil && r.Out != nil {
		fmt.Fprintf(b, "  → %s  ← %s", trafficWord(r.In.Messages, r.In.Bytes), trafficWord(r.Out.Messages, r.Out.Bytes))
	}
	b.WriteByte('\n')
}

// outcomeColours are for what is not everyday.
var outcomeColours = map[string]string{"changed": yellow, "replied": yellow, "dropped": red, "closed": red, "failed": red, "aborted": red}

func (p *printer) frame(b *strings.Builder, r *console.Record) {
	arrow := p.paint(cyan, "→")
	if r.Dir == "host" {
		arrow = p.paint(magenta, "←")
	}
	fmt.Fprintf(b, "%s %s %s  %s", arrow, r.Op, bytesWord(int(r.Size)), p.paint(outcomeColours[r.Outcome], r.Outcome))
	if r.Compressed > 0 {
		fmt.Fprintf(b, " (compressed to %s)", bytesWord(int(r.Compressed)))
	}
	if r.Injected {
		b.WriteString(" by the gateway")
	}
	b.WriteString(p.reason(r))
	if r.Before != nil && r.After == nil {
		fmt.Fprintf(b, "  %s", p.payload(r.Before, r.Size, previewLength))
	}
	b.WriteByte('\n')
}

func (p *printer) reason(r *console.Record) string {
	if r.Reason == "" {
		return ""
	}
	return "  (" + printable(r.Reason) + ")"
}

// payload shows the begin of a payload: text with escapes, anything else in hex.
func (p *printer) payload(v *console.Payload, size int64, most int) string {
	switch {
	case v == nil:
		return fmt.Sprintf("(%s, not logged)", bytesWord(int(size)))
	case len(v.Base64) > 0:
		digits, more := fmt.Sprintf("% x", v.Base64[:min(len(v.Base64), hexHead)]), ""
		if v.Truncated || len(v.Base64) > hexHead {
			more = " …"
		}
		return digits + more
	case v.Text == "" && size == 0:
		return "(empty)"
	case v.Text == "":
		return fmt.Sprintf("(%s, not logged)", bytesWord(int(size)))
	}
	text, cut := cutRunes(v.Text, most)
	if cut || v.Truncated {
		return printable(text) + "…"
	}
	return printable(text)
}

func cutRunes(s string, most int) (head string, cut bool) {
	for at := range s {
		if most == 0 {
			return s[:at], true
		}
		most--
	}
	return s, false
}

// marks are what became of a filter.
var marks = map[string]struct{ sign, colour string }{"pass": {"✓", green}, "fail": {"✗", red}, "abort": {"!", red}}

// step prints a filter of a trail; without whole, only what it logged.
func (p *printer) step(b *strings.Builder, s *console.Step, whole bool) {
	indent := margin + strings.Repeat("  ", min(s.Depth, 20))
	if whole {
		mark := marks[s.Result]
		fmt.Fprintf(b, "%s%s %s", indent, p.paint(mark.colour, mark.sign), printable(s.Filter))
		if s.Type != s.Filter {
			fmt.Fprintf(b, " %s", p.paint(faint, printable(s.Type)))
		}
		fmt.Fprintf(b, "  %s", printable(s.Arrow))
		if s.Micros > 0 {
			fmt.Fprintf(b, "  %.1fµs", s.Micros)
		}
		if s.Reason != "" {
			fmt.Fprintf(b, "  (%s)", printable(s.Reason))
		}
		b.WriteByte('\n')
	}
	for _, line := range s.Log {
		fmt.Fprintf(b, "%s  %s %s\n", indent, p.paint(faint, "│"), printable(line))
	}
	if !whole {
		return
	}
	for _, c := range s.Changes {
		fmt.Fprintf(b, "%s  %s: %s ⇒ %s\n", indent, printable(c.Name), valueWord(c.Before), valueWord(c.After))
	}
}

// valueWord is an attribute's value in one line.
func valueWord(v any) string {
	if v == nil {
		return "(none)"
	}
	text, ok := v.(string)
	if !ok {
		asJSON, err := json.Marshal(v)
		if err != nil {
			return "?"
		}
		text = string(asJSON)
	}
	text, cut := cutRunes(text, previewLength)
	if cut {
		text += "…"
	}
	return printable(text)
}

// shortID is enough of a session's id to tell it from others, and for --session.
func shortID(id string) string {
	id = printable(id)
	return id[:min(len(id), 6)] + strings.Repeat(" ", max(0, 6-utf8.RuneCountInString(id)))
}

func trafficWord(messages, size int64) string {
	word := "messages"
	if messages == 1 {
		word = "message"
	}
	return fmt.Sprintf("%d %s, %s", messages, word, bytesWord(int(size)))
}

func millisWord(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// The colours of a terminal, ECMA-48 §8.3.117.
const (
	faint   = "2"
	red     = "31"
	green   = "32"
	yellow  = "33"
	magenta = "35"
	cyan    = "36"
)

func (p *printer) paint(colour, text string) string {
	if !p.colour || colour == "" {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}
