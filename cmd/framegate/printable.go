package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable makes text from the network safe to show on a terminal, on one line: control characters, escape sequences,
// characters that turn the direction of writing around, and bytes that are not UTF-8 are written as escapes.
func printable(s string) string { return escaped(s, false) }

// printableLines is [printable] for texts of several lines, such as the body of an HTTP answer.
func printableLines(s string) string { return escaped(strings.ReplaceAll(s, "\r\n", "\n"), true) }

func escaped(s string, lines bool) string {
	var b strings.Builder
	for i, size := 0, 0; i < len(s); i += size {
		var r rune
		r, size = utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case safe(r), lines && (r == '\n' || r == '\t'):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// safe reports whether a terminal shows r and does nothing else with it. The zero width joiner is the one invisible character
// let through: emoji are made with it.
func safe(r rune) bool {
	return unicode.IsGraphic(r) && r != '\u2028' && r != '\u2029' || r == '\u200d'
}

// hexHead is the number of bytes that binary messages are shown with.
const hexHead = 32

// binarySummary describes a binary message: its size and its first bytes in hex.
func binarySummary(p []byte) string {
	digits := hex.EncodeToString(p[:min(len(p), hexHead)])
	var b strings.Builder
	fmt.Fprintf(&b, "binary, %s:", bytesWord(len(p)))
	for i := 0; i < len(digits); i += 2 {
		b.WriteString(" " + digits[i:i+2])
	}
	if len(p) > hexHead {
		b.WriteString(" …")
	}
	return strings.TrimSuffix(b.String(), ":")
}

func bytesWord(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return strconv.Itoa(n) + " bytes"
}

// quotedHead shows the begin of bytes that should have been something else.
func quotedHead(p []byte) string { return strconv.QuoteToASCII(string(p[:min(len(p), 60)])) }
