package wire_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"framegate/engine/wire"
)

func TestAcceptKey(t *testing.T) {
	for key, want := range map[string]string{
		"dGhlIHNhbXBsZSBub25jZQ==": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", // RFC 6455 §1.3
		"x3JJHMbDL1EzLkh9GBhXDw==": "HSmrc0sMlYUkAGmm5OPpG2HaGWk=",
	} {
		if got := wire.AcceptKey(key); got != want {
			t.Errorf("AcceptKey(%s) = %s, want %s", key, got, want)
		}
	}
}

func TestNewKey(t *testing.T) {
	a, b := wire.NewKey(), wire.NewKey()
	if nonce, err := base64.StdEncoding.DecodeString(a); len(nonce) != 16 || err != nil || a == b {
		t.Errorf("%q, %q, %v", a, b, err)
	}
}

// request is the RFC's sample (§1.2) with some lines replaced: a line takes the place of the one of the same name, "-Name"
// removes one, "+Name: value" adds one.
func request(t *testing.T, changes ...string) *wire.Headers {
	t.Helper()
	lines := []string{"Host: server.example.com", "Upgrade: websocket", "Connection: Upgrade",
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Origin: http://example.com",
		"Sec-WebSocket-Protocol: chat, superchat", "Sec-WebSocket-Version: 13"}
	for _, c := range changes {
		if more, ok := strings.CutPrefix(c, "+"); ok {
			lines = append(lines, more)
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(c, "-"), ":")
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
		if lines[at] = c; c[0] == '-' {
			lines = slices.Delete(lines, at, at+1)
		}
	}
	return parse(t, lines...)
}

func TestCheckUpgrade(t *testing.T) {
	tests := []struct {
		name    string
		status  int // 0: accepted
		changes []string
	}{
		{"the sample", 0, nil},
		{"Upgrade in any case", 0, []string{"Upgrade: WebSocket"}},
		{"several Connection tokens", 0, []string{"Connection: keep-alive, Upgrade"}},
		{"several Connection lines", 0, []string{"Connection: keep-alive", "+Connection: upgrade"}},
		{"h2c, websocket", 0, []string{"Upgrade: h2c, websocket"}},
		{"Upgrade on two lines", 0, []string{"Upgrade: h2c", "+Upgrade: websocket"}},
		{"h2c alone", 400, []string{"Upgrade: h2c"}},
		{"no Upgrade", 400, []string{"-Upgrade"}},
		{"Upgrade: websockets", 400, []string{"Upgrade: websockets"}},
		{"no Connection", 400, []string{"-Connection"}},
		{"Connection without Upgrade", 400, []string{"Connection: keep-alive"}},
		{"no Host", 400, []string{"-Host"}},
		{"two Hosts", 400, []string{"+Host: other.example.com"}},

		{"no version", 400, []string{"-Sec-WebSocket-Version"}},
		{"two versions", 400, []string{"+Sec-WebSocket-Version: 13"}},
		{"8, 13", 400, []string{"Sec-WebSocket-Version: 8, 13"}},
		{"version thirteen", 400, []string{"Sec-WebSocket-Version: thirteen"}},
		{"version 8", 426, []string{"Sec-WebSocket-Version: 8"}},
		{"version 777", 426, []string{"Sec-WebSocket-Version: 777"}},

		{"no key", 400, []string{"-Sec-WebSocket-Key"}},
		{"two different keys", 400, []string{"+Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw=="}},
		{"the same key twice", 400, []string{"+Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}},
		{"short key", 400, []string{"Sec-WebSocket-Key: short"}},
		{"empty key", 400, []string{"Sec-WebSocket-Key:"}},
		{"key of 15 bytes", 400, []string{"Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1"}},
		{"key of 17 bytes", 400, []string{"Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Njc="}},
		{"key of 18 bytes in 24 characters", 400, []string{"Sec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Njc4"}},
		{"key that is not base64", 400, []string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!=="}},
		{"key with loose bits, as in §4.1", 0, []string{"Sec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEC=="}},

		{"Content-Length 8", 400, []string{"+Content-Length: 8"}},
		{"Content-Length 0", 0, []string{"+Content-Length: 0"}},
		{"chunked", 400, []string{"+Transfer-Encoding: chunked"}},

		{"no subprotocol", 0, []string{"-Sec-WebSocket-Protocol"}},
		{"subprotocols on two lines", 0, []string{"+Sec-WebSocket-Protocol: third"}},
		{"subprotocol twice", 400, []string{"Sec-WebSocket-Protocol: chat, chat"}},
		{"subprotocol that is no token", 400, []string{"Sec-WebSocket-Protocol: chat room"}},
		{"extension", 0, []string{"+Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x"}},
		{"malformed extension", 400, []string{"+Sec-WebSocket-Extensions: permessage-deflate; =3"}},
	}
	for _, tt := range tests {
		h := request(t, tt.changes...)
		status := 0
		if r := wire.CheckUpgrade("GET", "HTTP/1.1", h, false); r != nil {
			status = r.Status
			if r.Reason == "" || !strings.Contains(r.Error(), r.Reason) {
				t.Errorf("%s: no reason", tt.name)
			}
			if got := r.Headers.Get("Sec-WebSocket-Version"); (got == "13") != (status == 426) {
				t.Errorf("%s: answers Sec-WebSocket-Version %q", tt.name, got)
			}
		}
		if status != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, status, tt.status)
		}
	}
}

func TestCheckUpgradeOfOtherRequests(t *testing.T) {
	h := request(t)
	tests := []struct {
		method, proto string
		body          bool
		status        int
	}{
		{"GET", "HTTP/1.1", true, 400}, {"GET", "HTTP/1.0", false, 400}, {"GET", "HTTP/2.0", false, 400}, {"GET", "", false, 400},
		{"POST", "HTTP/1.1", false, 405}, {"get", "HTTP/1.1", false, 405}, {"CONNECT", "HTTP/1.1", false, 405},
	}
	for _, tt := range tests {
		r := wire.CheckUpgrade(tt.method, tt.proto, h, tt.body)
		if r == nil || r.Status != tt.status || (r.Headers.Get("Allow") == "GET") != (r.Status == 405) {
			t.Errorf("%s %s, body %v: %v", tt.method, tt.proto, tt.body, r)
		}
	}
	if !wire.IsUpgrade(h) || wire.IsUpgrade(request(t, "Upgrade: h2c")) || !wire.IsUpgrade(request(t, "-Connection")) || wire.IsUpgrade(nil) {
		t.Error("IsUpgrade")
	}
}

func TestCheckAnswer(t *testing.T) {
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	answer := []string{"Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}
	tests := []struct {
		name  string
		lines []string
		want  string // part of the error
	}{
		{"the sample", answer, ""},
		{"in any case", []string{"UPGRADE: WebSocket", "connection: keep-alive", "connection: upgrade", answer[2]}, ""},
		{"no Upgrade", answer[1:], "Upgrade"},
		{"Upgrade of two", append([]string{"Upgrade: h2c, websocket"}, answer[1:]...), "Upgrade"},
		{"no Connection", []string{answer[0], answer[2]}, "Connection"},
		{"no Accept", answer[:2], "Accept"},
		{"Accept of another key", append(answer[:2:2], "Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk="), "Accept"},
		{"two Accepts", append(answer[:3:3], answer[2]), "Accept"},
		{"offered subprotocol", append(answer[:3:3], "Sec-WebSocket-Protocol: chat"), ""},
		{"other subprotocol", append(answer[:3:3], "Sec-WebSocket-Protocol: mqtt"), "not offered"},
		{"subprotocol in another case", append(answer[:3:3], "Sec-WebSocket-Protocol: Chat"), "not offered"},
		{"empty subprotocol", append(answer[:3:3], "Sec-WebSocket-Protocol:"), "not offered"},
		{"two subprotocols", append(answer[:3:3], "Sec-WebSocket-Protocol: chat, superchat"), "more than one"},
		{"subprotocols on two lines", append(answer[:3:3], "Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"), "more than one"},
		{"offered extension", append(answer[:3:3], "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover"), ""},
		{"other extension", append(answer[:3:3], "Sec-WebSocket-Extensions: permessage-deflate-foo"), "not offered"},
		{"extension twice", append(answer[:3:3], "Sec-WebSocket-Extensions: permessage-deflate, permessage-deflate"), "twice"},
		{"malformed extension", append(answer[:3:3], "Sec-WebSocket-Extensions: permessage-deflate; ;"), "not a token"},
	}
	offered := []wire.Extension{{Name: "permessage-deflate"}}
	for _, tt := range tests {
		err := wire.CheckAnswer(101, parse(t, tt.lines...), key, []string{"chat", "superchat"}, offered)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := wire.CheckAnswer(200, parse(t, answer...), key, nil, nil); err == nil {
		t.Error("200 is taken for an upgrade")
	}
	if err := wire.CheckAnswer(101, parse(t, append(answer, "Sec-WebSocket-Protocol: chat")...), key, nil, nil); err == nil {
		t.Error("a subprotocol is taken where none was offered")
	}
}

func TestParseExtensions(t *testing.T) {
	tests := []struct {
		lines []string
		want  string
		ok    bool
	}{
		{nil, "", true},
		{[]string{"foo"}, "foo", true},
		{[]string{"foo, bar; baz=2", "x;y"}, "foo|bar baz=2|x y=", true},
		{[]string{`deflate; bits="1\0" ; client`}, "deflate bits=10 client=", true},
		{[]string{`foo; a="b;c"`}, "", false}, {[]string{`foo; a="b,c"`}, "", false}, {[]string{`foo; a=""`}, "", false},
		{[]string{`foo; a="b`}, "", false}, {[]string{"foo; a="}, "", false}, {[]string{"foo;"}, "", false},
		{[]string{"foo bar"}, "", false}, {[]string{";a"}, "", false}, {[]string{"foo; a b=c"}, "", false},
	}
	for _, tt := range tests {
		h := &wire.Headers{}
		for _, l := range tt.lines {
			if err := h.Add("Sec-WebSocket-Extensions", l); err != nil {
				t.Fatal(err)
			}
		}
		list, err := wire.ParseExtensions(h)
		var got []string
		for _, e := range list {
			s := e.Name
			for _, p := range e.Params {
				s += " " + p.Name + "=" + p.Value
			}
			got = append(got, s)
		}
		if (err == nil) != tt.ok || err == nil && strings.Join(got, "|") != tt.want {
			t.Errorf("%q: %q, %v", tt.lines, got, err)
		}
	}
}

// FuzzHandshake: what is accepted has one key of 16 bytes, and its own answer is accepted in turn.
func FuzzHandshake(f *testing.F) {
	f.Add("GET", "HTTP/1.1", []byte("Host: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "+
		"dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n"+
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=\"15\"\r\n"))
	f.Add("GET", "HTTP/1.1", []byte("Host: a\r\nUpgrade: h2c, websocket\r\nConnection: x\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\nSec-WebSocket-Version: 8\r\n"))
	f.Fuzz(func(t *testing.T, method, proto string, block []byte) {
		h, err := wire.ParseHeaders(block)
		if err != nil {
			return
		}
		if r := wire.CheckUpgrade(method, proto, h, false); r != nil {
			if r.Status != 400 && r.Status != 405 && r.Status != 426 {
				t.Fatalf("%d", r.Status)
			}
			return
		}
		keys := slices.Collect(h.Values("sec-websocket-key"))
		if nonce, err := base64.StdEncoding.DecodeString(keys[0]); len(keys) != 1 || err != nil || len(nonce) != 16 {
			t.Fatalf("accepted keys %q", keys)
		}
		answer := &wire.Headers{}
		for _, f := range [][2]string{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}, {"Sec-WebSocket-Accept", wire.AcceptKey(keys[0])}} {
			if err := answer.Add(f[0], f[1]); err != nil {
				t.Fatal(err)
			}
		}
		subprotocols := slices.Collect(h.Tokens("Sec-WebSocket-Protocol"))
		if len(subprotocols) > 0 {
			if err := answer.Add("Sec-WebSocket-Protocol", subprotocols[0]); err != nil {
				t.Fatal(err)
			}
		}
		extensions, _ := wire.ParseExtensions(h)
		if err := wire.CheckAnswer(101, answer, keys[0], subprotocols, extensions); err != nil {
			t.Fatal(err)
		}
	})
}
