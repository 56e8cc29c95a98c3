package engine

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"framegate/engine/wire"
)

// kosme is the Greek word that Markus Kuhn's UTF-8 stress test begins with.
const kosme = "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"

// textCases are §6: text must be UTF-8, and is failed with the byte after which
// it cannot become so.
func textCases() []conformanceCase {
	const greeting = "Hello-µ@ßöäüàá-UTF-8!!"
	const surrogate = kosme + "\xed\xa0\x80edited" // wrong from byte 12 on
	middle := "middle frame payload"
	cases := []conformanceCase{
		echoed("6.1.1", 0, []wsEvent{textBack("")}, text("")),
		echoed("6.1.2", 0, []wsEvent{textBack("")}, begin(""), more(""), last("")),
		echoed("6.1.3", 0, []wsEvent{textBack(middle)}, begin(""), more(middle), last("")),
		echoed("6.2.1", 0, []wsEvent{textBack(greeting)}, text(greeting)),
		echoed("6.2.2", 0, []wsEvent{textBack(greeting)}, begin("Hello-µ@ßöä"), last("üàá-UTF-8!!")),
		echoed("6.2.3", 0, []wsEvent{textBack(greeting)}, fragments(opText, greeting, 1)...),
		echoed("6.2.4", 0, []wsEvent{textBack(kosme)}, fragments(opText, kosme, 1)...),
		notUTF8("6.3.1", text(surrogate)),
		notUTF8("6.3.2", fragments(opText, surrogate, 1)...),
	}
	cases = append(cases, failFastCases()...)
	for i, section := range utf8Sections() {
		for j, body := range section {
			number := fmt.Sprintf("6.%d.%d", i+5, j+1)
			if utf8.ValidString(body) {
				cases = append(cases, echoed(number, 0, []wsEvent{textBack(body)}, text(body)))
			} else {
				cases = append(cases, notUTF8(number, text(body)))
			}
		}
	}
	return cases
}

func notUTF8(number string, send ...piece) conformanceCase {
	return conformanceCase{number: number, send: send, closed: wire.CloseInvalidPayload, by: peerFails, utf8: true}
}

// failFastCases are 6.4: the part that makes the text invalid must fail the
// connection although the message goes on. What goes on is never sent here.
func failFastCases() []conformanceCase {
	const bad, rest = "\xf4\x90\x80\x80", "edited" // U+110000: wrong from its second byte on
	const whole = kosme + bad + rest
	const at = len(kosme) + 1
	part := func(from, to int, then pause) piece {
		s := piece{body: whole[from:to], from: from, then: then}
		if from == 0 {
			s.first, s.length = final|opText, len(whole)
		}
		return s
	}
	return []conformanceCase{
		notUTF8("6.4.1", begin(kosme).after(quiet), more(bad).after(noMore), last(rest)),
		notUTF8("6.4.2", begin(whole[:at]).after(quiet), more(whole[at:at+1]).after(noMore), last(whole[at+1:])),
		notUTF8("6.4.3", part(0, len(kosme), quiet), part(len(kosme), len(kosme+bad), noMore), part(len(kosme+bad), len(whole), goOn)),
		notUTF8("6.4.4", part(0, at, quiet), part(at, at+1, noMore), part(at+1, len(whole), goOn)),
	}
}

// utf8Sections are the texts of 6.5 to 6.23, after Markus Kuhn's UTF-8 decoder
// capability and stress test.
func utf8Sections() [][]string {
	cut := []string{"\xc0", "\xe0\x80", "\xf0\x80\x80", "\xf8\x80\x80\x80", "\xfc\x80\x80\x80\x80",
		"\xdf", "\xef\xbf", "\xf7\xbf\xbf", "\xfb\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf"}
	return [][]string{
		{"hello\x24world", "hello\xc2\xa2world", "hello\xe2\x82\xacworld", "hello\xf0\xa4\xad\xa2world", kosme},
		prefixes(kosme),
		{"\x00", "\xc2\x80", "\xe0\xa0\x80", "\xf0\x90\x80\x80"},
		{"\xf8\x88\x80\x80\x80", "\xfc\x84\x80\x80\x80\x80"},
		{"\x7f", "\xdf\xbf", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf"},
		{"\xf7\xbf\xbf\xbf", "\xfb\xbf\xbf\xbf\xbf", "\xfd\xbf\xbf\xbf\xbf\xbf"},
		{"\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbd", "\xf4\x8f\xbf\xbf", "\xf4\x90\x80\x80"},
		{"\x80", "\xbf", "\x80\xbf", "\x80\xbf\x80", "\x80\xbf\x80\xbf", "\x80\xbf\x80\xbf\x80", "\x80\xbf\x80\xbf\x80\xbf", between(0x80, 0xbf, "")},
		{between(0xc0, 0xdf, " "), between(0xe0, 0xef, " "), between(0xf0, 0xf7, " "), between(0xf8, 0xfb, " "), between(0xfc, 0xfd, " ")},
		cut,
		{strings.Join(cut, "")},
		{"\xfe", "\xff", "\xfe\xfe\xff\xff"},
		{"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xf8\x80\x80\x80\xaf", "\xfc\x80\x80\x80\x80\xaf"},
		{"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf8\x87\xbf\xbf\xbf", "\xfc\x83\xbf\xbf\xbf\xbf"},
		{"\xc0\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80", "\xf8\x80\x80\x80\x80", "\xfc\x80\x80\x80\x80\x80"},
		{"\xed\xa0\x80", "\xed\xad\xbf", "\xed\xae\x80", "\xed\xaf\xbf", "\xed\xb0\x80", "\xed\xbe\x80", "\xed\xbf\xbf"},
		{"\xed\xa0\x80\xed\xb0\x80", "\xed\xa0\x80\xed\xbf\xbf", "\xed\xad\xbf\xed\xb0\x80", "\xed\xad\xbf\xed\xbf\xbf",
			"\xed\xae\x80\xed\xb0\x80", "\xed\xae\x80\xed\xbf\xbf", "\xed\xaf\xbf\xed\xb0\x80", "\xed\xaf\xbf\xed\xbf\xbf"},
		nonCharacters(),
		{"\xef\xbf\xb9", "\xef\xbf\xba", "\xef\xbf\xbb", "\xef\xbf\xbc", "\xef\xbf\xbd", "\xef\xbf\xbe", "\xef\xbf\xbf"},
	}
}

func prefixes(s string) []string {
	var all []string
	for n := range len(s) {
		all = append(all, s[:n+1])
	}
	return all
}

// between strings together the bytes from first up to but not last.
func between(first, last byte, separator string) string {
	s := ""
	for b := first; b < last; b++ {
		s += string([]byte{b}) + separator
	}
	return s
}

// nonCharacters are the last two code points of each plane, which are valid.
func nonCharacters() []string {
	var all []string
	for plane := rune(0); plane <= 0x10; plane++ {
		all = append(all, string(plane<<16|0xFFFE), string(plane<<16|0xFFFF))
	}
	return all
}
