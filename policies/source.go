package policies

import (
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// source is a YAML file of the gateway, as it was read.
type source struct {
	name  string // relative to the gateway's directory, with slashes
	text  string
	root  *yaml.Node // nil for an empty or broken file
	lines []string
}

// line returns a line of the text, counted from 1.
func (s *source) line(n int) string {
	if s.lines == nil {
		s.lines = strings.Split(s.text, "\n")
	}
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return strings.TrimSuffix(s.lines[n-1], "\r")
}

// place is where in a file something stands, and how many columns it takes.
type place struct {
	source    *source
	line, col int
	width     int
}

// at is the place of a node.
func (s *source) at(n *yaml.Node) place {
	width := 1
	switch n.Kind {
	case yaml.ScalarNode:
		width = utf8.RuneCountInString(n.Value)
		if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
			width += 2
		}
		if n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			width = 1
		}
	case yaml.MappingNode, yaml.SequenceNode:
		if n.Style&yaml.FlowStyle == 0 && len(n.Content) > 0 {
			return s.at(n.Content[0])
		}
	}
	p := place{s, n.Line, n.Column, width}
	if rest := utf8.RuneCountInString(s.line(n.Line)) - n.Column + 1; p.width > rest {
		p.width = rest
	}
	return p
}

// position is the place as the engine has it.
func (p place) position() engine.Position {
	if p.source == nil {
		return engine.Position{}
	}
	return engine.Position{File: p.source.name, Line: p.line, Col: p.col}
}

// maxLineShown is how much of a source line a problem quotes, in runes.
const maxLineShown = 200

// problem makes a problem of the place.
func (p place) problem(what, hint string) engine.Problem {
	out := engine.Problem{Position: p.position(), What: what, Hint: hint, Width: max(1, p.width)}
	if p.source == nil {
		return out
	}
	line := p.source.line(p.line)
	if utf8.RuneCountInString(line) > maxLineShown {
		if p.col > maxLineShown {
			return out
		}
		line = string([]rune(line)[:maxLineShown])
		out.Width = min(out.Width, maxLineShown-p.col+1)
	}
	out.Source = printable(line)
	return out
}

// printable replaces what a terminal must not get by a question mark.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, text)
}
