package policies

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A trap is a mistake that YAML's own message does not explain. It looks at the
// line of a syntax error and tells what to write instead, and where.
type trap func(line, message string) (hint string, at, width int, ok bool)

// maxTrapLine is the longest line, in bytes, that is searched for traps.
const maxTrapLine = 1000

// traps, the surest first.
var traps = []trap{tabTrap, valueTrap, selectorTrap, starTrap, reservedTrap, escapeTrap, colonTrap, quoteTrap, closingTrap}

func tabTrap(line, _ string) (string, int, int, bool) {
	blank := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
	at := strings.IndexByte(blank, '\t')
	return "YAML is indented with spaces: write two spaces for each tab", at + 1, 1, at >= 0
}

var (
	bareValue    = regexp.MustCompile(`(?:[:,\[{-]\s+|[\[{])(\{\{[^'"\n]*?\}\}[^\s,'"]*|[^\s'"{\[,#]+\{\{.*?\}\}[^\s,'"]*)`)
	bareSelector = regexp.MustCompile(`[^\s'",{}\[\]$]*\$\{[^}\n]*\}[^\s'",{}\[\]]*`)
	flowLine     = regexp.MustCompile(`[{\[]`)
	bareStar     = regexp.MustCompile(`(?:[:\[,-]\s*)(\*[^\s,\]}]*)`)
	bareReserved = regexp.MustCompile("(?:[:\\[,-]\\s+)([@`%][^\\s,\\]}]*)")
	badEscape    = regexp.MustCompile(`"[^"]*\\[^"]*"`)
	colonInText  = regexp.MustCompile(`^\s*(?:- )?[\w.-]+:\s+([^'"\s{\[|>&#][^'"]*:\s.*|[^'"\s{\[|>&#][^'"]*:)$`)
)

// valueTrap: {{name}} without quotes is a map in a map to YAML.
func valueTrap(line, _ string) (string, int, int, bool) {
	found := bareValue.FindStringSubmatchIndex(line)
	if found == nil || quoted(line, found[2]) {
		return "", 0, 0, false
	}
	text := line[found[2]:found[3]]
	return fmt.Sprintf("quote a text with {{…}} in it: %s", quote(text)), column(line, found[2]), utf8.RuneCountInString(text), true
}

// selectorTrap: the braces of ${name} end a {flow: map}.
func selectorTrap(line, _ string) (string, int, int, bool) {
	found := bareSelector.FindStringIndex(line)
	if found == nil || quoted(line, found[0]) || !flowLine.MatchString(line[:found[0]]) {
		return "", 0, 0, false
	}
	text := line[found[0]:found[1]]
	return fmt.Sprintf("quote a text with ${…} in it inside { } or [ ]: %s", quote(text)), column(line, found[0]), utf8.RuneCountInString(text), true
}

// starTrap: a star begins an alias.
func starTrap(line, message string) (string, int, int, bool) {
	if !strings.Contains(message, "alias") && !strings.Contains(message, "anchor") && !strings.Contains(message, "alphabetic") {
		return "", 0, 0, false
	}
	return quoteFound(bareStar, line, "a text that begins with * must be quoted")
}

// reservedTrap: @ and ` begin nothing in YAML, % a directive.
func reservedTrap(line, _ string) (string, int, int, bool) {
	return quoteFound(bareReserved, line, "a text that begins with @, % or ` must be quoted")
}

func quoteFound(pattern *regexp.Regexp, line, hint string) (string, int, int, bool) {
	found := pattern.FindStringSubmatchIndex(line)
	if found == nil || quoted(line, found[2]) {
		return "", 0, 0, false
	}
	text := line[found[2]:found[3]]
	return fmt.Sprintf("%s: %s", hint, quote(text)), column(line, found[2]), utf8.RuneCountInString(text), true
}

// escapeTrap: regular expressions in double quotes.
func escapeTrap(line, message string) (string, int, int, bool) {
	if !strings.Contains(message, "escape") {
		return "", 0, 0, false
	}
	found := badEscape.FindStringIndex(line)
	if found == nil {
		return "", 0, 0, false
	}
	text := line[found[0]+1 : found[1]-1]
	return fmt.Sprintf("in single quotes a backslash is itself: %s", quote(text)), column(line, found[0]), utf8.RuneCountInString(text) + 2, true
}

// colonTrap: a colon and a space in a text begin a map.
func colonTrap(line, message string) (string, int, int, bool) {
	if !strings.Contains(message, "mapping values") {
		return "", 0, 0, false
	}
	found := colonInText.FindStringSubmatchIndex(line)
	if found == nil {
		return "", 0, 0, false
	}
	text := strings.TrimSpace(line[found[2]:found[3]])
	return fmt.Sprintf("quote a text with a colon and a space in it: %s", quote(text)), column(line, found[2]), utf8.RuneCountInString(text), true
}

// quoteTrap: a quote that is opened and not closed.
func quoteTrap(line, _ string) (string, int, int, bool) {
	var open byte
	at := 0
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case open == '"' && c == '\\':
			i++
		case open == c:
			open = 0
		case open == 0 && c == '#' && (i == 0 || line[i-1] == ' '):
			return "", 0, 0, false
		case open == 0 && (c == '"' || c == '\'') && (i == 0 || strings.IndexByte(" [{,:", line[i-1]) >= 0):
			open, at = c, i
		}
	}
	if open == 0 {
		return "", 0, 0, false
	}
	return fmt.Sprintf("close the quote with a second %c; inside a text in '…' a quote is written ''", open), column(line, at), 1, true
}

// closingTrap: a bracket that is opened and not closed on its line.
func closingTrap(line, _ string) (string, int, int, bool) {
	var open []int
	for i := 0; i < len(line); i++ {
		if quoted(line, i) {
			continue
		}
		switch line[i] {
		case '#':
			i = len(line)
		case '{', '[':
			open = append(open, i)
		case '}', ']':
			if len(open) == 0 {
				return fmt.Sprintf("nothing is opened that %c could close: delete it, or quote the text", line[i]), column(line, i), 1, true
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return "", 0, 0, false
	}
	at := open[len(open)-1]
	closing := map[byte]byte{'{': '}', '[': ']'}[line[at]]
	return fmt.Sprintf("close the %c with a %c", line[at], closing), column(line, at), 1, true
}

// quoted tells whether a byte of the line stands inside quotes.
func quoted(line string, at int) bool {
	var open byte
	for i := 0; i < at; i++ {
		switch c := line[i]; {
		case open == '"' && c == '\\':
			i++
		case open == c:
			open = 0
		case open == 0 && (c == '"' || c == '\''):
			open = c
		}
	}
	return open != 0
}

// quote writes a text in single quotes as YAML has them.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func column(line string, byteAt int) int { return utf8.RuneCountInString(line[:byteAt]) + 1 }
