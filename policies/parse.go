package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"gopkg.in/yaml.v3"
)

// Limits of what is read. Within them reading takes well under a second.
const (
	maxConfigFile = 256 << 10 // bytes of a configuration file
	maxDataFile   = 4 << 20   // bytes of a file of records
	maxDepth      = 64        // maps and lists in each other
	maxNodes      = 200_000   // values of a configuration file with its aliases written out
	maxDataNodes  = 1_000_000 // the same of a file of records
)

// parse reads the YAML of a source into its root. It reports what is wrong with
// the text; the root is nil when nothing can be made of it.
func (r *report) parse(s *source) {
	if !r.readable(s) {
		return
	}
	root, err := firstDocument(s.text)
	if err != nil {
		r.syntax(s, err)
		return
	}
	if root == nil {
		return
	}
	if second := secondDocument(s.text); second > 0 {
		r.errorf(place{s, second, 1, 3}, "put it into a file of its own, or delete the --- line", "a second document in the file; only the first would be read")
		return
	}
	s.root = root
}

// readable tells whether the bytes are text that YAML can be.
func (r *report) readable(s *source) bool {
	s.text = strings.TrimPrefix(s.text, "\ufeff")
	if strings.HasPrefix(s.text, "\xff\xfe") || strings.HasPrefix(s.text, "\xfe\xff") {
		r.errorf(place{source: s}, "save the file as UTF-8", "the file is UTF-16")
		return false
	}
	for i := 0; i < len(s.text); {
		c, size := utf8.DecodeRuneInString(s.text[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			r.errorf(s.atOffset(i), "save the file as UTF-8", "byte 0x%02X is not UTF-8", s.text[i])
			return false
		case c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f:
			r.errorf(s.atOffset(i), fmt.Sprintf(`delete it; in a double-quoted text it can be written "\x%02x"`, c), "control character 0x%02X", c)
			return false
		}
		i += size
	}
	return true
}

// atOffset is the place of a byte of the text.
func (s *source) atOffset(i int) place {
	before := s.text[:i]
	start := strings.LastIndexByte(before, '\n') + 1
	return place{s, strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1, 1}
}

// firstDocument parses the text as YAML; nil for an empty one.
func firstDocument(text string) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, fmt.Errorf("yaml: %v", p)
		}
	}()
	var document yaml.Node
	err = yaml.NewDecoder(strings.NewReader(text)).Decode(&document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(document.Content) == 0 {
		return nil, nil
	}
	root = document.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return nil, nil
	}
	return root, nil
}

// secondDocument finds the line on which a second document begins; 0 without one.
func secondDocument(text string) int {
	content, ended := false, false
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " \t\r")
		switch {
		case line == "---" || strings.HasPrefix(line, "--- "):
			if content {
				return i + 1
			}
			content = line != "---"
		case line == "...":
			ended = true
		case ended && line != "" && !strings.HasPrefix(strings.TrimSpace(line), "#"):
			return i + 1
		case line != "" && !strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.HasPrefix(line, "%"):
			content = true
		}
	}
	return 0
}

// syntax reports a syntax error, with the true place and what to write instead.
func (r *report) syntax(s *source, err error) {
	at, what := s.syntaxPlace(err)
	// What a line before opens and does not close is found there.
	for _, n := range []int{at.line, at.line - 1} {
		line := s.line(n)
		if len(line) > maxTrapLine {
			continue
		}
		for _, trap := range traps {
			if hint, col, width, ok := trap(line, err.Error()); ok {
				r.errorf(place{s, n, col, width}, hint, "%s", what)
				return
			}
		}
	}
	r.errorf(at, "look at the indentation, colons and quotes of this line and the one above", "%s", what)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

var unknownAnchor = regexp.MustCompile(`unknown anchor '([^']+)'`)

// maxReparsed is the longest text that is parsed again to find a syntax error.
const maxReparsed = 64 << 10

// syntaxPlace asks the second parser where the error is, because the first
// knows the line only and is often one off. The message is the first's.
func (s *source) syntaxPlace(err error) (place, string) {
	match := yamlLine.FindStringSubmatch(err.Error())
	what := "not YAML: " + strings.TrimPrefix(err.Error(), match[0])
	at := place{s, 1, 1, 1}
	if n, convErr := strconv.Atoi(match[1]); convErr == nil && n > 0 {
		at.line = min(n, strings.Count(s.text, "\n")+1)
		at.col = indent(s.line(at.line)) + 1
	}
	if line := s.tabbed(); line > 0 {
		return place{s, line, strings.IndexByte(s.line(line), '\t') + 1, 1}, "not YAML: a tab in the indentation"
	}
	if anchor := unknownAnchor.FindStringSubmatch(err.Error()); anchor != nil {
		if i := strings.Index(s.text, "*"+anchor[1]); i >= 0 {
			at = s.atOffset(i)
			at.width = len(anchor[1]) + 1
			return at, fmt.Sprintf("not YAML: no &%s for the alias *%s", anchor[1], anchor[1])
		}
	}
	if token, message := s.reparse(); token != nil {
		at.line, at.col = token.Position.Line, token.Position.Column
		if value := strings.TrimSpace(token.Value); value != "" && !strings.Contains(value, "\n") {
			at.width = utf8.RuneCountInString(value)
		}
		what = "not YAML: " + strings.ToLower(message[:1]) + message[1:]
	}
	return at, what
}

// tabbed finds the first line that is indented with a tab.
func (s *source) tabbed() int {
	for i := 1; i <= strings.Count(s.text, "\n")+1; i++ {
		line := s.line(i)
		if blank := line[:len(line)-len(strings.TrimLeft(line, " \t"))]; strings.Contains(blank, "\t") && blank != line {
			return i
		}
	}
	return 0
}

// reparse returns the token at which the second parser stops, if it does.
func (s *source) reparse() (at *token.Token, message string) {
	if !s.tame() {
		return nil, ""
	}
	defer func() {
		if recover() != nil {
			at, message = nil, ""
		}
	}()
	_, err := parser.ParseBytes(bytes.TrimPrefix([]byte(s.text), []byte("\ufeff")), 0)
	var syntax interface {
		GetToken() *token.Token
		GetMessage() string
	}
	if !errors.As(err, &syntax) || syntax.GetToken() == nil || syntax.GetToken().Position == nil || syntax.GetMessage() == "" {
		return nil, ""
	}
	return syntax.GetToken(), syntax.GetMessage()
}

// tame tells whether the second parser, whose time grows with the square of the
// nesting, may have the text.
func (s *source) tame() bool {
	if len(s.text) > maxReparsed {
		return false
	}
	open := 0
	for n := 1; n <= strings.Count(s.text, "\n")+1; n++ {
		line := s.line(n)
		open += strings.Count(line, "[") + strings.Count(line, "{") - strings.Count(line, "]") - strings.Count(line, "}")
		if len(line) > maxTrapLine || open > maxDepth {
			return false
		}
	}
	return true
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
