package engine

import (
	"fmt"
	"slices"
	"strings"

	"framegate/engine/wire"
)

// conformanceCases lists all cases, in the order of the suite.
func conformanceCases() []conformanceCase {
	return slices.Concat(framingCases(), pingCases(), reservedCases(), fragmentCases(), textCases(), closeCases(), sizeCases())
}

// Frames, by what they are in the suite's words.
func text(body string) piece      { return piece{first: final | opText, body: body} }
func binaryMsg(body string) piece { return piece{first: final | opBinary, body: body} }
func ping(body string) piece      { return piece{first: final | opPing, body: body} }
func pong(body string) piece      { return piece{first: final | opPong, body: body} }
func shut(body string) piece      { return piece{first: final | opClose, body: body} }
func begin(body string) piece     { return piece{first: opText, body: body} }
func more(body string) piece      { return piece{first: opContinuation, body: body} }
func last(body string) piece      { return piece{first: final | opContinuation, body: body} }
func frame(first byte, body string) piece {
	return piece{first: first, body: body}
}

// What comes back.
func textBack(body string) wsEvent { return wsEvent{opText, body} }
func pongBack(body string) wsEvent { return wsEvent{opPong, body} }

// echoed is a case without a violation.
func echoed(number string, chop int, want []wsEvent, send ...piece) conformanceCase {
	return conformanceCase{number: number, send: send, chop: chop, want: want, closed: wire.CloseNormal}
}

// refused is a case with a protocol error.
func refused(number string, chop int, want []wsEvent, send ...piece) conformanceCase {
	return conformanceCase{number: number, send: send, chop: chop, want: want, closed: wire.CloseProtocolError, by: peerFails}
}

// framingCases are §1: lengths at the edges of the header's forms.
func framingCases() []conformanceCase {
	var cases []conformanceCase
	lengths := []int{0, 125, 126, 127, 128, 65535, 65536, 65536}
	for i, first := range []byte{final | opText, final | opBinary} {
		filler := []string{"*", "\xfe"}[i]
		for j, n := range lengths {
			body, chop := strings.Repeat(filler, n), 0
			if j == len(lengths)-1 {
				chop = 997
			}
			want := []wsEvent{{first &^ final, body}}
			cases = append(cases, echoed(fmt.Sprintf("1.%d.%d", i+1, j+1), chop, want, frame(first, body)))
		}
	}
	return cases
}

// pingCases are §2.
func pingCases() []conformanceCase {
	const odd = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	long := strings.Repeat("\xfe", 125)
	var ten []piece
	var answers []wsEvent
	for i := range 10 {
		body := fmt.Sprintf("payload-%d", i)
		ten, answers = append(ten, ping(body)), append(answers, pongBack(body))
	}
	unsolicited := pong("unsolicited pong payload")
	normal := closeBody(wire.CloseNormal, "")
	closing := func(number string, send ...piece) conformanceCase {
		return conformanceCase{number: number, send: send, closed: wire.CloseNormal, by: caseCloses}
	}
	return []conformanceCase{
		echoed("2.1", 0, []wsEvent{pongBack("")}, ping("")),
		echoed("2.2", 0, []wsEvent{pongBack("Hello, world!")}, ping("Hello, world!")),
		echoed("2.3", 0, []wsEvent{pongBack(odd)}, ping(odd)),
		echoed("2.4", 0, []wsEvent{pongBack(long)}, ping(long)),
		refused("2.5", 0, nil, ping(long+"\xfe")),
		echoed("2.6", 1, []wsEvent{pongBack(long)}, ping(long)),
		closing("2.7", pong(""), shut(normal)),
		closing("2.8", unsolicited, shut(normal)),
		echoed("2.9", 0, []wsEvent{pongBack("ping payload")}, unsolicited, ping("ping payload")),
		echoed("2.10", 0, answers, ten...),
		echoed("2.11", 1, answers, ten...),
	}
}

// reservedCases are §3, reserved bits, and §4, reserved opcodes. What stood
// before the violation is answered, what stands behind it is not.
func reservedCases() []conformanceCase {
	const hello = "Hello, world!"
	const odd = "\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
	answer := []wsEvent{textBack(hello)}
	rsv := func(n byte, s piece) piece {
		s.first |= n << 4
		return s
	}
	cases := []conformanceCase{
		refused("3.1", 0, nil, rsv(1, text(hello))),
		refused("3.2", 0, answer, text(hello), rsv(2, text(hello)), ping("")),
		refused("3.3", wholeFrames, answer, text(hello), rsv(3, text(hello)), ping("")),
		refused("3.4", 1, answer, text(hello), rsv(4, text(hello)), ping("")),
		refused("3.5", 0, nil, rsv(5, binaryMsg(odd))),
		refused("3.6", 0, nil, rsv(6, ping(hello))),
		refused("3.7", 0, nil, rsv(7, shut(""))),
	}
	for i, op := range []byte{3, 11} { // 4.1: not control, 4.2: control
		number := func(j int) string { return fmt.Sprintf("4.%d.%d", i+1, j) }
		cases = append(cases,
			refused(number(1), 0, nil, frame(final|op, "")),
			refused(number(2), 0, nil, frame(final|(op+1), "reserved opcode payload")),
			refused(number(3), 0, answer, text(hello), frame(final|(op+2), ""), ping("")),
			refused(number(4), 0, answer, text(hello), frame(final|(op+3), hello), ping("")),
			refused(number(5), 1, answer, text(hello), frame(final|(op+4), hello), ping("")),
		)
	}
	return cases
}

// fragmentCases are §5.
func fragmentCases() []conformanceCase {
	const f1, f2, f3, f4, f5 = "fragment1", "fragment2", "fragment3", "fragment4", "fragment5"
	whole := []wsEvent{textBack(f1 + f2)}
	interrupted := []wsEvent{pongBack("ping payload"), textBack(f1 + f2)}
	five := []wsEvent{pongBack("pongme 1!"), pongBack("pongme 2!"), textBack(f1 + f2 + f3 + f4 + f5)}
	fiveSent := []piece{begin(f1), more(f2), ping("pongme 1!").after(answered), more(f3), more(f4), ping("pongme 2!"), last(f5)}
	nothing, hello := "non-continuation payload", text("Hello, world!")
	return []conformanceCase{
		refused("5.1", 0, nil, frame(opPing, f1), last(f2)),
		refused("5.2", 0, nil, frame(opPong, f1), last(f2)),
		echoed("5.3", 0, whole, begin(f1), last(f2)),
		echoed("5.4", wholeFrames, whole, begin(f1), last(f2)),
		echoed("5.5", 1, whole, begin(f1), last(f2)),
		echoed("5.6", 0, interrupted, begin(f1), ping("ping payload"), last(f2)),
		echoed("5.7", wholeFrames, interrupted, begin(f1), ping("ping payload"), last(f2)),
		echoed("5.8", 1, interrupted, begin(f1), ping("ping payload"), last(f2)),
		refused("5.9", 0, nil, last(nothing), hello),
		refused("5.10", wholeFrames, nil, last(nothing), hello),
		refused("5.11", 1, nil, last(nothing), hello),
		refused("5.12", 0, nil, more(nothing), hello),
		refused("5.13", wholeFrames, nil, more(nothing), hello),
		refused("5.14", 1, nil, more(nothing), hello),
		refused("5.15", 0, whole, begin(f1), last(f2), more(f3), text(f4)),
		refused("5.16", 0, nil, more(f1), begin(f2), last(f3), more(f1), begin(f2), last(f3)),
		refused("5.17", 0, nil, last(f1), begin(f2), last(f3), last(f1), begin(f2), last(f3)),
		refused("5.18", 0, nil, begin(f1), text(f2)),
		echoed("5.19", 0, five, fiveSent...),
		echoed("5.20", wholeFrames, five, fiveSent...),
	}
}

// closeCases are §7. The Close of the case goes through to the other peer and
// its answer comes back, code and reason; one that must not be sent is answered
// with 1002, or 1007 where its reason is not UTF-8.
func closeCases() []conformanceCase {
	const hello = "Hello World!"
	code := func(n int) string { return closeBody(uint16(n), "") }
	normal := shut(code(1000))
	long := strings.Repeat("BAsd7&jh23", 256<<10/10+1)[:256<<10]
	sends := func(number string, closed uint16, want []wsEvent, send ...piece) conformanceCase {
		return conformanceCase{number: number, send: send, want: want, closed: closed, by: caseCloses}
	}
	cases := []conformanceCase{
		echoed("7.1.1", 0, []wsEvent{textBack(hello)}, text(hello)),
		sends("7.1.2", 1000, nil, normal, shut("")),
		sends("7.1.3", 1000, nil, normal, ping("")),
		sends("7.1.4", 1000, nil, normal, text(hello)),
		sends("7.1.5", 1000, nil, begin("fragment1"), normal, last("fragment2")),
		// Informational in the suite; here both messages must come back before the Close.
		sends("7.1.6", 1000, []wsEvent{textBack(long), textBack(hello)}, text(long), text(hello), normal, ping("")),
		sends("7.3.1", 1005, nil, shut("")),
		sends("7.3.2", 1002, nil, shut("a")),
		sends("7.3.3", 1000, nil, normal),
		sends("7.3.4", 1000, nil, shut(closeBody(1000, hello))),
		sends("7.3.5", 1000, nil, shut(closeBody(1000, strings.Repeat("*", 123)))),
		sends("7.3.6", 1002, nil, shut(closeBody(1000, strings.Repeat("*", 124)))),
		sends("7.5.1", 1007, nil, shut(closeBody(1000, kosme+"\xed\xa0\x80edited"))),
	}
	for i, n := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999} {
		cases = append(cases, sends(fmt.Sprintf("7.7.%d", i+1), uint16(n), nil, shut(code(n))))
	}
	bad := func(n int) piece { return shut(string([]byte{byte(n >> 8), byte(n)})) }
	for i, n := range []int{0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999} {
		cases = append(cases, sends(fmt.Sprintf("7.9.%d", i+1), 1002, nil, bad(n)))
	}
	// Informational in the suite: RFC 6455 §7.4.2 gives these codes no meaning.
	return append(cases, sends("7.13.1", 1002, nil, bad(5000)), sends("7.13.2", 1002, nil, bad(65535)))
}

// sizeCases are §9, sizes and many messages, and §10, fragments of an odd size.
// The race detector sees nothing more in the sixteenth MiB than in the first: under
// it sizes and counts are a sixteenth. Without it the suite is as it is.
func sizeCases() []conformanceCase {
	const k = 1 << 10
	m, count := 1<<20, 1000
	if racing {
		m, count = m/16, count/16
	}
	var cases []conformanceCase
	add := func(group, i, chop int, op byte, body string, send ...piece) {
		cases = append(cases, echoed(fmt.Sprintf("9.%d.%d", group, i+1), chop, []wsEvent{{op, body}}, send...))
	}
	fill := func(pattern string, n int) string { return strings.Repeat(pattern, n/len(pattern)+1)[:n] }
	for kind, op := range []byte{opText, opBinary} {
		pattern := []string{"BAsd7&jh23", "\x00\xfe\x23\xfa\xf0"}[kind]
		for i, n := range []int{min(64*k, m), min(256*k, m), m, 4 * m, 8 * m, 16 * m} { // 9.1, 9.2
			body := fill(pattern, n)
			add(1+kind, i, 0, op, body, frame(final|op, body))
		}
		body := fill([]string{"*", "\xfe"}[kind], 4*m)
		for i, n := range []int{64, 256, k, 4 * k, 16 * k, 64 * k, min(256*k, 4*m), m, 4 * m} { // 9.3, 9.4
			add(3+kind, i, 0, op, body, fragments(op, body, n)...)
		}
		body = fill(pattern, m)
		for i, chop := range []int{64, 128, 256, 512, k, 2 * k} { // 9.5, 9.6
			add(5+kind, i, chop, op, body, frame(final|op, body))
		}
		for i, n := range []int{0, 16, 64, 256, k, 4 * k} { // 9.7, 9.8: one message after the answer to the last
			body := strings.Repeat([]string{"*", "\xfe"}[kind], n)
			var send []piece
			var want []wsEvent
			for range count {
				send, want = append(send, frame(final|op, body).after(answered)), append(want, wsEvent{op, body})
			}
			cases = append(cases, echoed(fmt.Sprintf("9.%d.%d", 7+kind, i+1), 0, want, send...))
		}
	}
	body := strings.Repeat("*", 65536)
	return append(cases, echoed("10.1.1", 0, []wsEvent{textBack(body)}, fragments(opText, body, 1300)...))
}

// fragments cuts a message into frames of n bytes.
func fragments(op byte, body string, n int) []piece {
	var steps []piece
	for ; len(body) > n; op, body = opContinuation, body[n:] {
		steps = append(steps, frame(op, body[:n]))
	}
	return append(steps, frame(final|op, body))
}
