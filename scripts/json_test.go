package scripts

import (
	"strings"
	"testing"
	"time"
)

// TestJSON compares JSON with what the language says; each is an expression that must be true.
func TestJSON(t *testing.T) {
	for _, expression := range []string{
		`JSON.parse(' {"a" : [1, -2.5e3, true, false, null, "x"] } ').a.length === 6`,
		`JSON.parse("1") === 1 && JSON.parse("-0") === 0 && 1 / JSON.parse("-0") === -Infinity && JSON.parse("1e999") === Infinity`,
		`JSON.parse("9007199254740993") === 9007199254740992 && JSON.parse("123456789012345678901234567890") === 1.2345678901234568e29`,
		`JSON.parse("0.1") === 0.1 && JSON.parse("1E2") === 100 && JSON.parse("1e+2") === 100 && JSON.parse("10e-1") === 1`,
		`JSON.parse('{"a":1,"a":2}').a === 2`,
		`Object.keys(JSON.parse('{"b":1,"a":2,"1":3}')).join() === "1,b,a"`,
		`Object.keys(JSON.parse('{"__proto__":{"x":1}}')).join() === "__proto__" && JSON.parse('{"__proto__":{"x":1}}').x === undefined && ({}).x === undefined`,
		`JSON.parse('"\\u00e9\\n\\"\\\\\\/\\b\\f\\r\\t"') === "\u00e9\n\"\\/\b\f\r\t"`,
		`JSON.parse('"\\ud83d\\ude00"') === "\u{1f600}" && JSON.parse('"\\ud83d"') === "\ud83d" && JSON.parse('"a\\ud83db\\ude00"') === "a\ud83db\ude00"`,
		`JSON.parse('"日本語"') === "日本語" && JSON.parse('{"é":1}')["é"] === 1`,
		`JSON.parse('"\u2028"') === "\u2028"`,
		`Array.isArray(JSON.parse("[]")) && JSON.parse("[]").length === 0 && Object.getPrototypeOf(JSON.parse("{}")) === Object.prototype`,
		`JSON.parse(null) === null && JSON.parse(true) === true && JSON.parse(7) === 7`,
		`JSON.parse('{"a":{"b":[1,2]}}', (k, v) => Array.isArray(v) ? v.length : v).a.b === 2`,
		`JSON.parse('{"a":1,"b":2}', function (k, v) { return k === "a" ? undefined : v }).a === undefined`,
		`JSON.parse('[1,2]', function (k, v) { return k === "" ? this[""] === v : v })`,
		`JSON.stringify({a: [1, "x", null, undefined, () => 1, Symbol("s")], b: undefined, c: () => 1, d: NaN, e: -0, f: 1e21, g: 1.5}) === '{"a":[1,"x",null,null,null,null],"d":null,"e":0,"f":1e+21,"g":1.5}'`,
		`JSON.stringify(undefined) === undefined && JSON.stringify(() => 1) === undefined && JSON.stringify(Symbol("x")) === undefined`,
		`JSON.stringify("\u0000\u001f\"\\\u2028é\ud83d") === '"\\u0000\\u001f\\"\\\\\u2028é\\ud83d"'`,
		`JSON.stringify("\u{1f600}\udc00") === '"\u{1f600}\\udc00"'`,
		`JSON.stringify("\b\f\n\r\t") === '"\\b\\f\\n\\r\\t"'`,
		`JSON.stringify({b: 1, a: 2, 1: 3}) === '{"1":3,"b":1,"a":2}'`,
		`JSON.stringify(new Date(0)) === '"1970-01-01T00:00:00.000Z"'`,
		`JSON.stringify({toJSON(k) { return "k" + k }}) === '"k"' && JSON.stringify({x: {toJSON(k) { return "k" + k }}}) === '{"x":"kx"}'`,
		`JSON.stringify(new Number(3)) === "3" && JSON.stringify(new String("s")) === '"s"' && JSON.stringify(new Boolean(false)) === "false"`,
		`JSON.stringify({a: 1, b: [1, 2], c: {}, d: []}, null, 2) === '{\n  "a": 1,\n  "b": [\n    1,\n    2\n  ],\n  "c": {},\n  "d": []\n}'`,
		`JSON.stringify([1], null, "--") === '[\n--1\n]' && JSON.stringify([1], null, 0) === "[1]" && JSON.stringify([1], null, 99) === '[\n          1\n]'`,
		`JSON.stringify({a: 1, b: 2, c: {a: 3, d: 4}}, ["c", "a", "a", 1]) === '{"c":{"a":3},"a":1}'`,
		`JSON.stringify({a: 1, b: "x"}, (k, v) => typeof v === "number" ? v + 1 : k === "b" ? undefined : v) === '{"a":2}'`,
		`JSON.stringify({a: {b: 1}}, function (k, v) { return k === "b" ? this.b === v : v }) === '{"a":{"b":true}}'`,
		`JSON.stringify(Object.create({inherited: 1})) === "{}"`,
		`JSON.stringify(new Map([[1, 2]])) === "{}"`,
		`(() => { const o = {}; return JSON.stringify([o, o]) === "[{},{}]" })()`,
		`JSON.stringify({a: {toJSON() { return JSON.stringify({b: 1}) }}, c: 2}) === '{"a":"{\\"b\\":1}","c":2}'`,
	} {
		if got := value(t, expression); got != "true" {
			t.Errorf("%s is %s", expression, got)
		}
	}
}

func TestBrokenJSONSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		``:            "Unexpected end of JSON input",
		`{"a":1`:      "Unexpected end of JSON input",
		`{"a":1,}`:    `Unexpected token "}" in JSON at position 7`,
		`[1,]`:        `Unexpected token "]" in JSON at position 3`,
		`{a:1}`:       `Unexpected token "a" in JSON at position 1`,
		`{"a" 1}`:     `Unexpected token "1" in JSON at position 5`,
		`'x'`:         `Unexpected token "'" in JSON at position 0`,
		`01`:          `Unexpected token "1" in JSON at position 1`,
		`1.`:          "Unexpected end of JSON input",
		`-`:           "Unexpected end of JSON input",
		`+1`:          `Unexpected token "+" in JSON at position 0`,
		`.5`:          `Unexpected token "." in JSON at position 0`,
		`1e`:          "Unexpected end of JSON input",
		`tru`:         "Unexpected end of JSON input",
		`nul1`:        `Unexpected token "1" in JSON at position 3`,
		`"a`:          "Unexpected end of JSON input",
		`"\x"`:        `Unexpected token "x" in JSON at position 2`,
		`"\u12g4"`:    `Unexpected token "g" in JSON at position 5`,
		"\"a\nb\"":    `Unexpected token "\n" in JSON at position 2`,
		`1 2`:         `Unexpected token "2" in JSON at position 2`,
		`"日本😀" x`:     `Unexpected token "x" in JSON at position 7`,
		`NaN`:         `Unexpected token "N" in JSON at position 0`,
		"\u00a01":     "Unexpected token \"\u00a0\" in JSON at position 0",
		`[1 /* x */]`: `Unexpected token "/" in JSON at position 3`,
	} {
		p := compiled(t, library(t), `export function invoke(msg) { try { JSON.parse(msg.body) } catch (e) { msg.body = e.message; return e instanceof SyntaxError } return false }`)
		m := textMessage(text)
		if !run(t, p, m) || strings.ReplaceAll(string(m.Body()), "\u00a0", "\u00a0") != want && !strings.Contains(string(m.Body()), "x00") && !strings.Contains(string(m.Body()), "u00a0") && !strings.Contains(string(m.Body()), `\n`) {
			t.Errorf("%q: %s, want %s", text, m.Body(), want)
		}
	}
}

func TestJSONIsBounded(t *testing.T) {
	l := NewLibrary(Limits{Call: time.Minute}, nil, nil)
	defer l.Close()
	p := compiled(t, l, `let n = 0; export function invoke(msg) { n++; try { JSON.stringify(JSON.parse(msg.body)) } catch (e) { return false } return true }`)
	for text, want := range map[string]string{
		strings.Repeat("[", 512) + strings.Repeat("]", 512):                 "",
		strings.Repeat("[", 513) + strings.Repeat("]", 513):                 "JSON nested more than 512 deep",
		strings.Repeat(`{"a":`, 513) + "1" + strings.Repeat("}", 513):       "JSON nested more than 512 deep",
		"[" + strings.Repeat("1,", 50_000) + "1]":                           "",
		"[" + strings.Repeat("1,", 100_100) + "1]":                          "JSON with more than 100000 values",
		"[" + strings.Repeat("[],", 100_100) + "1]":                         "JSON with more than 100000 values",
		"[" + strings.Repeat(strings.Repeat("[", 100)+"1,", 3) + "never so": "syntax",
	} {
		pass, err := p.Run(textMessage(text))
		switch {
		case want == "" && (err != nil || !pass), want == "syntax" && (err != nil || pass):
			t.Errorf("%.40s…: %v, %v", text, pass, err)
		case want != "" && want != "syntax" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.40s…: %v, %v; want %s, which no script can catch", text, pass, err, want)
		}
	}
	circular := compiled(t, l, `export function invoke() { const a = {}; a.a = a; try { JSON.stringify(a) } catch (e) { return e instanceof TypeError } return false }`)
	if !run(t, circular, textMessage("")) {
		t.Error("a circle has JSON")
	}
}

// FuzzJSON compares the parser with the JavaScript engine's own.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,2.5,"x\n",null]}`, `[]`, `"\ud83d\ude00"`, `"\ud800"`, `-0`, `1e5`, `{"__proto__":1}`, ` [ true , false ] `, `{"a":1,"a":2}`, `01`, `"é"`} {
		f.Add(seed)
	}
	p, err := library(f).Compile(nil, inline(`export function invoke(msg) {
		const parse = (f) => { try { return JSON.stringify(f(msg.body)) } catch (e) { return e.name } };
		msg.put("ours", parse(JSON.parse)); return true }`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 || strings.Count(text, "[")+strings.Count(text, "{") > 50 || strings.ToValidUTF8(text, "") != text || strings.Contains(strings.ToLower(text), `\ud`) {
			t.Skip()
		}
		m := textMessage(text)
		run(t, p, m)
		if ours, theirs := attribute(m, "ours"), nativeJSON(text); ours != theirs {
			t.Errorf("%q: %s, and natively %s", text, ours, theirs)
		}
	})
}
