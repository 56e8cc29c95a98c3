package engine

import (
	"fmt"
	"strings"
)

// Position is a place in a configuration. Line and Col count from 1; 0 means
// unknown.
type Position struct {
	File      string
	Line, Col int
}

// String is "file:line:col" as editors and compilers write it.
func (p Position) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Problem is one thing wrong with a configuration. Its Error is
// "file:line:col: what"; [Problem.Excerpt] adds the source line and a caret.
type Problem struct {
	Position
	What    string // what is wrong, lowercase
	Hint    string // what to write instead; may be empty
	Source  string // the source line, without its newline; may be empty
	Width   int    // how many columns the caret underlines; at least 1
	Warning bool   // worth saying, but no reason to refuse the configuration
}

// Error is the problem in one line.
func (p Problem) Error() string {
	level := ""
	if p.Warning {
		level = "warning: "
	}
	if p.Position == (Position{}) {
		return level + p.What
	}
	return p.Position.String() + ": " + level + p.What
}

// Excerpt is the problem as a person reads it: the line of [Problem.Error], the
// source line with a caret under the place, and the hint.
func (p Problem) Excerpt() string {
	var b strings.Builder
	b.WriteString(p.Error())
	if p.Source != "" && p.Line > 0 {
		number := fmt.Sprintf("%5d | ", p.Line)
		fmt.Fprintf(&b, "\n%s%s", number, strings.ReplaceAll(p.Source, "\t", " "))
		if p.Col > 0 {
			fmt.Fprintf(&b, "\n%s| %s%s", strings.Repeat(" ", len(number)-2), strings.Repeat(" ", p.Col-1), strings.Repeat("^", max(1, p.Width)))
		}
	}
	if p.Hint != "" {
		b.WriteString("\n        = " + p.Hint)
	}
	return b.String()
}

// Broken tells whether any of the problems is more than a warning.
func Broken(problems []Problem) bool {
	for _, p := range problems {
		if !p.Warning {
			return true
		}
	}
	return false
}
