package scripts

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"framegate/engine"
)

// gateway is a gateway's directory for tests.
func gateway(files map[string]string) fstest.MapFS {
	dir := fstest.MapFS{}
	for name, text := range files {
		dir[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return dir
}

// Every fault is reported where the author wrote it.
func TestErrorsNameTheAuthorsPlace(t *testing.T) {
	files := gateway(map[string]string{
		"scripts/syntax.js":    "export function invoke(msg) {\n  if (\n}\n",
		"scripts/types.ts":     "interface A {\n  b: string\n}\n\nexport function invoke(msg: any): boolean {\n  const a: A = { b: msg.body as string }\n  throw new Error(a.b)\n}\n",
		"scripts/importer.js":  "import { fail } from './lib/fail.ts'\nexport function invoke(msg) {\n  return fail(msg.body)\n}\n",
		"scripts/lib/fail.ts":  "// lib\ntype T = string\n\nexport function fail(text: T): never {\n  throw new TypeError('lib ' + text)\n}\n",
		"scripts/missing.js":   "export const a = 1\nimport x from './none.js'\nexport const invoke = () => x\n",
		"scripts/package.js":   "import x from 'left-pad'\nexport const invoke = () => x\n",
		"scripts/name.js":      "export function invoke(msg) {\n  return undefinedName\n}\n",
		"scripts/nothing.js":   "export const other = 1\n",
		"scripts/classic.js":   "function other(msg) {}\n",
		"scripts/number.js":    "export const invoke = 7\n",
		"scripts/load.js":      "export const invoke = () => true\nnull.x\n",
		"scripts/property.js":  "export const invoke = (m) =>\n  /^\\p{Lu}+$/u.test(m.body)\n",
		"scripts/long.js":      "for (;;) {\n  invoke()\n}\nexport function invoke() { return true }\n",
		"scripts/accents.js":   "export function invoke(msg) {\n  const é = '日本語😀'; throw new Error('x')\n}\n",
		"scripts/import.js":    "export async function invoke(msg) {\n  await import(msg.body)\n  return true\n}\n",
		"scripts/async.js":     "export async function invoke(msg) {\n  await 1\n  throw new Error('late')\n}\n",
		"scripts/forever.js":   "export async function invoke(msg) {\n  await new Promise(() => {})\n  return true\n}\n",
		"scripts/odd.js":       "export function invoke(msg) {\n  throw {toString() { for (;;); }}\n}\n",
		"scripts/long text.js": "export function invoke(msg) {\n  throw new Error('x'.repeat(1e6))\n}\n",
		"scripts/flags.js":     "export const invoke = () => true\nconst r = /a/v\nconsole.log(r)\n",
	})
	for file, want := range map[string]string{
		"scripts/syntax.js":    `scripts/syntax.js:3:1: unexpected "}"`,
		"scripts/types.ts":     "scripts/types.ts:7:9: Error: body",
		"scripts/importer.js":  "scripts/lib/fail.ts:5:9: TypeError: lib body",
		"scripts/missing.js":   `scripts/missing.js:2:15: cannot import "./none.js": there is no file scripts/none.js`,
		"scripts/package.js":   `scripts/package.js:1:15: cannot import "left-pad": there is no package "left-pad" in node_modules`,
		"scripts/name.js":      "scripts/name.js:2:10: ReferenceError: undefinedName is not defined",
		"scripts/nothing.js":   "scripts/nothing.js:1:1: the script has no function invoke",
		"scripts/classic.js":   "scripts/classic.js:1:1: the script has no function invoke",
		"scripts/number.js":    "scripts/number.js: invoke is no function",
		"scripts/load.js":      "scripts/load.js:2:6: TypeError: Cannot read property 'x' of undefined",
		"scripts/property.js":  `scripts/property.js:2:3: regular expression: \p{Lu} matches the letters "p{Lu}" here`,
		"scripts/long.js":      "scripts/long.js:",
		"scripts/accents.js":   "scripts/accents.js:2:28: Error: x",
		"scripts/import.js":    "scripts/import.js:",
		"scripts/async.js":     "scripts/async.js:3:9: Error: late",
		"scripts/forever.js":   "scripts/forever.js: invoke returned a promise that nothing settles",
		"scripts/odd.js":       "scripts/odd.js:2:3: threw an object of class Object",
		"scripts/long text.js": "scripts/long text.js:2:9: Error: xxx",
		"scripts/flags.js":     "scripts/flags.js:2:11: ",
		"scripts/none.js":      "script file scripts/none.js: file does not exist",
		"../x.js":              `script file "../x.js" is not inside the gateway's directory`,
		"/etc/passwd":          `script file "/etc/passwd" is not inside the gateway's directory`,
	} {
		t.Run(file, func(t *testing.T) {
			limits := Limits{Call: patience, Load: patience}
			if file == "scripts/long.js" {
				limits.Load = 100 * time.Millisecond
			}
			l := NewLibrary(limits, nil, nil)
			defer l.Close()
			p, err := l.Compile(files, Source{File: file})
			if err == nil {
				_, err = p.Run(textMessage("body"))
			}
			var e *Error
			if !errors.As(err, &e) || !strings.HasPrefix(e.Error(), want) {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if err != nil && (len(err.Error()) > 500 || strings.Contains(err.Error(), "\n")) {
				t.Errorf("the message is long or has lines: %s", err)
			}
		})
	}
}

func TestInlineScriptsHaveTheLinesOfTheirFile(t *testing.T) {
	l := library(t)
	for text, want := range map[string]string{
		"export function invoke(msg) {\n  throw new Error('x')\n}":            "policies/x.yaml:8:17: Error: x",
		"function invoke(msg) {\n\n\n  return msg.none.x\n}":                  "policies/x.yaml:10:27: TypeError: Cannot read property 'x' of undefined",
		"export const invoke = (msg) => msg.none.x":                           "policies/x.yaml:7:49: TypeError: Cannot read property 'x' of undefined",
		"import {a} from './scripts/a.js'\nexport const invoke = () => a.b.c": "policies/x.yaml:8:41: TypeError: Cannot read property 'c' of undefined",
		"let x = ;": `policies/x.yaml:7:17: unexpected ";"`,
	} {
		p, err := l.Compile(gateway(map[string]string{"scripts/a.js": "export const a = {}"}), inline(text))
		if err == nil {
			_, err = p.Run(textMessage(""))
		}
		if err == nil || err.Error() != want {
			t.Errorf("%q:\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestModulesAndPackages(t *testing.T) {
	files := gateway(map[string]string{
		"scripts/main.ts": `import { up } from "./lib"; import low, { type T } from "@acme/low/deep"; import cjs from "old"; import data from "../data.json";
			import { star } from "@acme/low/star/one"; enum E { A = 3 }
			export function invoke(msg: any): boolean { const t: T = low("X"); msg.body = [up("a"), t, cjs.name, data.n, star, E.A].join(); return true }`,
		"scripts/lib/index.ts":                    `export const up = (s: string) => s.toUpperCase()`,
		"data.json":                               `{"n": 7}`,
		"node_modules/@acme/low/package.json":     `{"exports": {".": "./no.js", "./deep": {"types": "./no.d.ts", "require": "./no.cjs", "import": "./lib/deep.mjs"}, "./star/*": "./lib/star-*.js"}, "sideEffects": false}`,
		"node_modules/@acme/low/lib/deep.mjs":     `export type = 0; export default (s) => s.toLowerCase()`,
		"node_modules/@acme/low/lib/star-one.js":  `export const star = "one"`,
		"scripts/node_modules/old/package.json":   `{"main": "lib/main"}`,
		"scripts/node_modules/old/lib/main.js":    `const other = require("./other"); module.exports = {name: other()}`,
		"scripts/node_modules/old/lib/other.js":   `module.exports = function () { return "old" }`,
		"node_modules/old/package.json":           `{"main": "wrong.js"}`,
		"node_modules/old/wrong.js":               `module.exports = {name: "wrong"}`,
		"node_modules/@acme/low/lib/unused.d.mts": ``,
	})
	files["node_modules/@acme/low/lib/deep.mjs"].Data = []byte(`export default (s) => s.toLowerCase()`)
	p, err := library(t).Compile(files, Source{File: "scripts/main.ts"})
	if err != nil {
		t.Fatal(err)
	}
	m := textMessage("")
	run(t, p, m)
	if got := string(m.Body()); got != "A,x,old,7,one,3" {
		t.Errorf("body %s", got)
	}
}

func TestWhatTheEngineLacksIsLowered(t *testing.T) {
	got := value(t, `(() => {
		async function* g() { yield 1; yield 2 }
		let sum = 0;
		const done = (async () => { for await (const x of g()) sum += x; msg.body = "sum " + sum; return true })();
		return "started";
	})()`)
	if got != "sum 3" && got != "started" {
		t.Errorf("got %s", got)
	}
	p := compiled(t, library(t), `async function* g() { yield 1; yield 2 }
		export async function invoke(msg) { let sum = 0; for await (const x of g()) sum += x; return sum === 3 }`)
	if !run(t, p, textMessage("")) {
		t.Error("the sum is wrong")
	}
}

// Nothing outside of the gateway's directory is read: not over dots, not over links, not over addresses.
func TestImportsStayInside(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		t.Helper()
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	write("secret.js", "export const secret = 1")
	write("outside/index.js", "export const secret = 1")
	write("gw/scripts/real.js", "export const real = 1")
	write("gw/scripts/big.js", "export const a = '"+strings.Repeat("x", MaxSource)+"'")
	write("gw/node_modules/.keep", "")
	link("../../secret.js", "gw/scripts/link.js")
	link(filepath.Join(root, "secret.js"), "gw/scripts/absolute.js")
	link("../../outside", "gw/node_modules/linked")
	link("../../..", "gw/scripts/up")
	link("real.js", "gw/scripts/inside.js")
	link("loop.js", "gw/scripts/loop.js")
	l := library(t)
	for _, name := range []string{
		"../../secret.js", "./link.js", "./absolute.js", "linked", "./up/secret.js", "/etc/passwd", "file:///etc/passwd", "https://example.test/x.js",
		"./loop.js", "./big.js", "./none.js", "..", "node:fs", "#internal", "data:text/javascript,export%20default%201",
	} {
		write("gw/scripts/main.js", "import * as x from "+`"`+name+`"`+"\nexport const invoke = () => x.secret === 1")
		_, err := l.Compile(os.DirFS(filepath.Join(root, "gw")), Source{File: "scripts/main.js"})
		var e *Error
		if !errors.As(err, &e) || e.File != "scripts/main.js" && name != "./big.js" {
			t.Errorf("import of %s: %v", name, err)
		}
	}
	write("gw/scripts/main.js", "import {real} from './inside.js'\nexport const invoke = () => real === 1")
	p, err := l.Compile(os.DirFS(filepath.Join(root, "gw")), Source{File: "scripts/main.js"})
	if err != nil {
		t.Fatalf("a link that stays inside: %v", err)
	}
	if !run(t, p, textMessage("")) {
		t.Error("a link that stays inside means something else")
	}
	if _, err := l.Compile(os.DirFS(filepath.Join(root, "gw")), Source{File: "scripts/link.js"}); err == nil {
		t.Error("a script file that is a link to the outside")
	}
}

func TestTextIsNotCode(t *testing.T) {
	l := library(t)
	for _, escape := range []string{
		`eval("1")`, `(0, eval)("1")`, `new Function("return 1")()`, `Function("return 1")()`, `(function () {}).constructor("return 1")()`,
		`(() => 1).constructor("return 1")()`, `(function* () {}).constructor("yield 1")().next()`, `(async function () {}).constructor("return 1")()`,
		`(class { static m() {} }).m.constructor("return 1")()`, `[].map["con" + "structor"]("return 1")()`, `const {constructor: F} = () => 1; F("return 1")()`,
		`globalThis.eval("1")`, `globalThis.Function("return 1")()`, `globalThis[["ev", "al"].join("")]("1")`, `Object.getPrototypeOf(async function () {}).constructor("return 1")()`,
		`Reflect.construct(Object.getPrototypeOf(function () {}).constructor, ["return 1"])()`, `Reflect.get(() => 1, "constructor")("return 1")()`,
		`const a = JSON.parse('"constructor"'); const C = {}[a]; const F = C[a]; F("return 1")()`, `const a = JSON.parse('"constructor"'); const {[a]: C} = {}; const {[a]: F} = C; new F("return 1")()`,
		`msg.get["constructor"]("return 1")()`, `console.log.constructor("return 1")()`, `class F extends Function {} new F("return 1")()`,
	} {
		p, err := l.Compile(nil, inline("export function invoke(msg) {\n"+escape+";\nreturn true }"))
		if err != nil {
			continue
		}
		if pass, err := p.Run(textMessage("")); err == nil {
			t.Errorf("%s ran: %v", escape, pass)
		}
	}
}

func TestUnchangedScriptsKeepTheirCopies(t *testing.T) {
	l := library(t)
	text := `let n = 0; export function invoke() { return ++n === 2 }`
	first, second := compiled(t, l, text), compiled(t, l, text)
	m := textMessage("")
	run(t, first, m)
	if !run(t, second, m) {
		t.Error("the reload lost the copy")
	}
	if first.code != second.code || first.code == compiled(t, l, text+" console.log(1)").code {
		t.Error("programs are told apart by something else than their content")
	}
}

func TestWhatCheckAsks(t *testing.T) {
	l := library(t)
	p := compiled(t, l, `let n = 0; export function invoke(msg) { n++; msg.put("room", msg.get("http.request.path")); return msg.select("${user} ${x ?: \"y\"}") !== "" }`)
	if got := strings.Join(append(p.Reads(), p.Writes()...), " "); got != "http.request.path user room" {
		t.Errorf("attributes %s", got)
	}
	if pooled, why := p.Poolable(); pooled || why != "the top-level n is no constant" && why != "it writes to the top-level n" {
		t.Errorf("poolable: %v, %s", pooled, why)
	}
	small, err := p.CopyBytes()
	if err != nil {
		t.Fatal(err)
	}
	large, err := compiled(t, l, `let n = 0; const m = new Map(); class C { x = 1 } export function invoke(msg) { n++; m.set(1, new C()); return JSON.parse("[1]").map((x) => x).length === 1 }`).CopyBytes()
	if err != nil || small < 1000 || small > 40_000 || large <= small || large > 150_000 {
		t.Errorf("a copy of a small script takes %d bytes, of a larger one %d: %v", small, large, err)
	}
}

func TestFunctionsByName(t *testing.T) {
	src := inline(`export function onMessage(msg) { return true } export function invoke() { return false }`)
	src.Function = "onMessage"
	p, err := library(t).Compile(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	if !run(t, p, textMessage("")) {
		t.Error("another function ran")
	}
}

func TestALongTimeoutNeedsPlainExpressions(t *testing.T) {
	src := inline("export const invoke = (msg) =>\n  /(a)\\1/.test(msg.body)")
	src.Timeout = gaveUp
	l := NewLibrary(Limits{Call: gaveUp - 1}, nil, nil)
	defer l.Close()
	_, err := l.Compile(nil, src)
	var e *Error
	if !errors.As(err, &e) || e.Position != (engine.Position{File: "policies/x.yaml", Line: 8, Col: 11}) {
		t.Errorf("got %v", err)
	}
	src.Timeout = 0
	p, err := l.Compile(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	if run(t, p, textMessage("ab")) || !run(t, p, textMessage("aa")) {
		t.Error("the expression does not match as it should")
	}
}
