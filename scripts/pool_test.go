package scripts

import (
	"errors"
	"strings"
	"testing"
	"time"

	"framegate/engine"
)

// keepers is every way we know to keep something between two calls. Each returns false when it finds what an earlier
// call has left. With a pool of one copy for all sessions, each must be given a copy of its own or abort.
var keepers = map[string]string{
	"counter":                   `let n = 0; export function invoke() { return ++n === 1 }`,
	"counter by addition":       `let n = 0; export function invoke() { n += 1; return n === 1 }`,
	"var":                       `var n; export function invoke() { const old = n; n = 1; return old === undefined }`,
	"logical assignment":        `let seen; export function invoke(msg) { const fresh = !seen; seen ??= msg.body; return fresh }`,
	"destructuring":             `let a = 0; export function invoke() { const old = a; [a] = [1]; return old === 0 }`,
	"destructuring of objects":  `let a = 0; export function invoke() { const old = a; ({x: a} = {x: 1}); return old === 0 }`,
	"destructuring with rest":   `let a = []; export function invoke() { const old = a.length; [...a] = [1]; return old === 0 }`,
	"destructuring a member":    `const o = {a: 0}; export function invoke() { const old = o.a; [o.a] = [1]; return old === 0 }`,
	"for over a binding":        `let k = ""; export function invoke() { const old = k; for (k in {a: 1}); return old === "" }`,
	"for of over a member":      `const o = {k: 0}; export function invoke() { const old = o.k; for (o.k of [1]); return old === 0 }`,
	"closure":                   `const next = (() => { let n = 0; return () => ++n })(); export function invoke() { return next() === 1 }`,
	"function made by a call":   `function counter() { let n = 0; return () => ++n } const next = counter(); export function invoke() { return next() === 1 }`,
	"cache":                     `const cache = new Map(); export function invoke() { const old = cache.get("k"); cache.set("k", 1); return old === undefined }`,
	"cache of constants":        `const cache = new Map([["a", 1]]); export function invoke() { const fresh = !cache.has("k"); cache.set("k", 1); return fresh }`,
	"set by alias":              `const seen = new Set(["a"]); export function invoke() { const s = seen; const fresh = !s.has("k"); s.add("k"); return fresh }`,
	"set handed on":             `const seen = new Set(["a"]); const put = (s) => { const fresh = !s.has("k"); s.add("k"); return fresh }; export function invoke() { return put(seen) }`,
	"set by call":               `const seen = new Set(["a"]); export function invoke() { const fresh = !seen.has("k"); Set.prototype.add.call(seen, "k"); return fresh }`,
	"set by name":               `const seen = new Set(["a"]); export function invoke() { const fresh = !seen.has("k"); seen["a" + "dd"]("k"); return fresh }`,
	"set by forEach":            `const seen = new Set(["a"]); export function invoke() { const fresh = !seen.has("k"); seen.forEach((v, k, s) => s.add("k")); return fresh }`,
	"private field stamped on":  `class B { constructor(o) { return o } } class S extends B { #n = 0; static has(o) { return #n in o } static up(o) { return ++o.#n } } export function invoke() { if (!S.has(invoke)) new S(invoke); return S.up(invoke) === 1 }`,
	"RegExp statics":            `export function invoke() { const old = RegExp.$1; /(s)/.test("s"); return old === undefined || old === "" }`,
	"arguments":                 `function f() { arguments.n = (arguments.n || 0) + 1; return arguments.n } export function invoke() { return f() === 1 }`,
	"bound function":            `function f() {} const g = f.bind(null); export function invoke() { g.n = (g.n || 0) + 1; return g.n === 1 }`,
	"string object":             `const s = Object("x"); export function invoke() { s.n = (s.n || 0) + 1; return s.n === 1 }`,
	"iterator of a constant":    `const it = [1, 2][Symbol.iterator](); export function invoke() { return it.next().value === 1 }`,
	"accessor in a literal":     `const o = {set v(x) { this._v = x }, get v() { return this._v }}; export function invoke() { const old = o.v; o.v = 1; return old === undefined }`,
	"weak map":                  `const w = new WeakMap(); const key = {}; export function invoke() { const fresh = !w.has(key); w.set(key, 1); return fresh }`,
	"array":                     `const log = []; export function invoke() { log.push(1); return log.length === 1 }`,
	"array of constants":        `const log = [1]; export function invoke() { log[1] = 2; return true } export const other = log`,
	"array by alias":            `const log = [1]; export function invoke() { const l = log; const fresh = l.length === 1; l.push(2); return fresh }`,
	"array by index":            `const log = [0]; export function invoke() { const old = log[0]; log[0]++; return old === 0 }`,
	"array by length":           `const log = [1, 2]; export function invoke() { const old = log.length; log.length = 0; return old === 2 }`,
	"array sorted":              `const log = [2, 1]; export function invoke() { const old = log[0]; log.sort(); return old === 2 }`,
	"array by call":             `const log = [1]; export function invoke() { const old = log.length; [].push.call(log, 1); return old === 1 }`,
	"object":                    `const o = {n: 0}; export function invoke() { return ++o.n === 1 }`,
	"object by alias":           `const o = {n: 0}; export function invoke() { const p = o; return ++p.n === 1 }`,
	"object inside":             `const o = {in: {n: 0}}; export function invoke() { const p = o.in; return ++p.n === 1 }`,
	"object inside by for of":   `const l = [{n: 0}]; export function invoke() { for (const p of l) { if (++p.n !== 1) return false } return true }`,
	"object inside by find":     `const l = [{n: 0}]; export function invoke() { return ++l.find((x) => x).n === 1 }`,
	"object by a parameter":     `const o = {n: 0}; const up = (p) => ++p.n; export function invoke() { return up(o) === 1 }`,
	"object by a default":       `const o = {n: 0}; const up = (p = o) => ++p.n; export function invoke() { return up() === 1 }`,
	"object by assign":          `const o = {n: 0}; export function invoke() { const old = o.n; Object.assign(o, {n: 1}); return old === 0 }`,
	"object by return":          `const o = {n: 0}; const get = () => o; export function invoke() { return ++get().n === 1 }`,
	"object by a conditional":   `const o = {n: 0}; export function invoke() { return ++(o ? o : o).n === 1 }`,
	"object by delete":          `const o = {n: 0}; export function invoke() { const old = "n" in o; delete o.n; return old }`,
	"object by a getter":        `const o = {get log() { return this.l || (this.l = []) }}; export function invoke() { o.log.push(1); return o.log.length === 1 }`,
	"object by defineProperty":  `const o = {n: 0}; export function invoke() { const old = o.n; Object.defineProperty(o, "n", {value: 1}); return old === 0 }`,
	"object by computed name":   `const o = {n: 0}; export function invoke() { const k = "n"; const old = o[k]; o[k] = 1; return old === 0 }`,
	"function property":         `export function invoke() { invoke.n = (invoke.n || 0) + 1; return invoke.n === 1 }`,
	"function property alias":   `export function invoke() { const f = invoke; f.n = (f.n || 0) + 1; return f.n === 1 }`,
	"function property by this": `function f() { this.n = (this.n || 0) + 1; return this.n } export function invoke() { return f.call(f) === 1 }`,
	"method's this":             `const o = {n: 0, up() { return ++this.n }}; export function invoke() { return o.up() === 1 }`,
	"function replaced":         `function f() { return 1 } export function invoke() { const old = f(); f = () => 2; return old === 1 }`,
	"prototype of a function":   `function F() {} export function invoke() { const fresh = !new F().seen; F.prototype.seen = true; return fresh }`,
	"static field":              `class C { static n = 0 } export function invoke() { return ++C.n === 1 }`,
	"static private field":      `class C { static #n = 0; static up() { return ++C.#n } } export function invoke() { return C.up() === 1 }`,
	"static block":              `class C { static { this.log = [] } } export function invoke() { C.log.push(1); return C.log.length === 1 }`,
	"static method's this":      `class C { static up() { this.n = (this.n || 0) + 1; return this.n } } export function invoke() { return C.up() === 1 }`,
	"static accessor":           `class C { static get n() { return this._n || 0 } static set n(v) { this._n = v } } export function invoke() { const old = C.n; C.n = 1; return old === 0 }`,
	"class instance":            `class C { n = 0; up() { return ++this.n } } const c = new C(); export function invoke() { return c.up() === 1 }`,
	"class prototype":           `class C {} export function invoke() { const fresh = !new C().seen; new C().__proto__.seen = 1; return fresh }`,
	"class expression":          `const C = class { static n = 0 }; export function invoke() { return ++C.n === 1 }`,
	"RegExp with g":             `const re = /a/g; export function invoke() { return re.test("a") && re.lastIndex === 1 && !(re.lastIndex = 7, false) }`,
	"RegExp with y":             `const re = /a/y; export function invoke() { const old = re.lastIndex; re.test("a"); return old === 0 }`,
	"RegExp lastIndex":          `const re = /a/; export function invoke() { const old = re.lastIndex; re.lastIndex = 5; return old === 0 }`,
	"RegExp lastIndex alias":    `const re = /a/; export function invoke() { const r = re; const old = r.lastIndex; r.lastIndex = 5; return old === 0 }`,
	"RegExp property":           `const re = /a/; export function invoke() { const r = re; const old = r.x; r.x = 5; return old === undefined }`,
	"RegExp made at load":       `const re = new RegExp("a", "g"); export function invoke() { const old = re.lastIndex; re.test("a"); return old === 0 }`,
	"undeclared global":         `export function invoke() { const old = typeof leak; leak = 1; return old === "undefined" }`,
	"globalThis":                `export function invoke() { const old = globalThis.leak; globalThis.leak = 1; return old === undefined }`,
	"global by this":            `function f() { return this } export function invoke() { const g = f() || {}; const old = g.leak; g.leak = 1; return old === undefined }`,
	"global by sloppy code":     `export function invoke() { const g = (0, eval)("this"); const old = g.leak; g.leak = 1; return old === undefined }`,
	"global replaced":           `export function invoke() { const old = parseInt("1"); parseInt = () => 2; return old === 1 }`,
	"global member":             `export function invoke() { const old = Math.leak; Math.leak = 1; return old === undefined }`,
	"global member alias":       `export function invoke() { const M = Math; const old = M.leak; M.leak = 1; return old === undefined }`,
	"builtin replaced":          `export function invoke() { const J = JSON; const old = J.parse("1"); J.parse = () => 2; return old === 1 }`,
	"Object.prototype":          `export function invoke() { const fresh = !({}).isAdmin; Object.prototype.isAdmin = true; return fresh }`,
	"Object.prototype alias":    `export function invoke() { const P = Object.getPrototypeOf({}); const fresh = !({}).isAdmin; P.isAdmin = true; return fresh }`,
	"Array.prototype":           `export function invoke() { const fresh = !Array.prototype.x; Array.prototype.x = 1; return fresh }`,
	"prototype of a literal":    `export function invoke() { const p = [].__proto__; const fresh = !p.x; p.x = 1; return fresh }`,
	"error prototype":           `export function invoke() { const e = Object.getPrototypeOf(new Error("")); const old = e.name; e.name = "X"; return old === "Error" }`,
	"generator prototype":       `function* g() {} export function invoke() { const p = Object.getPrototypeOf(g); const fresh = !p.x; p.x = 1; return fresh }`,
	"iterator prototype":        `export function invoke() { const p = Object.getPrototypeOf([][Symbol.iterator]()); const fresh = !p.x; p.x = 1; return fresh }`,
	"typed array prototype":     `export function invoke() { const p = Object.getPrototypeOf(Uint8Array); const fresh = !p.x; p.x = 1; return fresh }`,
	"binding's member":          `export function invoke() { const c = console; const fresh = !c.x; c.x = 1; return fresh }`,
	"binding's function":        `export function invoke() { const f = console.log; const fresh = !f.x; f.x = 1; return fresh }`,
	"message's member":          `export function invoke(msg) { const fresh = !msg.x; msg.x = 1; return fresh }`,
	"message's function":        `export function invoke(msg) { const f = msg.get; const fresh = !f.x; f.x = 1; return fresh }`,
	"message's prototype":       `export function invoke(msg) { const fresh = !msg.x; Object.setPrototypeOf(msg, {x: 1}); return fresh }`,
	"message's __proto__":       `export function invoke(msg) { const fresh = !msg.x; msg.__proto__ = {x: 1}; return fresh }`,
	"message's proto by name":   `export function invoke(msg) { const fresh = !msg.x; msg["__pro" + "to__"] = {x: 1}; return fresh }`,
	"context's prototype":       `export function invoke(msg) { const fresh = !msg.context.x; msg.context["__pro" + "to__"] = {x: 1}; return fresh }`,
	"message's proto by data":   `export function invoke(msg) { const fresh = !msg.x; const k = JSON.parse('"__proto__"'); msg[k] = {x: 1}; return fresh }`,
	"vars' proto by data":       `export function invoke(msg) { const fresh = !msg.session.x; const k = JSON.parse('"__proto__"'); msg.session[k] = {x: 1}; return fresh }`,
	"prototype set by data":     `export function invoke(msg) { const fresh = !msg.x; const k = JSON.parse('"setPrototypeOf"'); Object[k](msg, {x: 1}); return fresh }`,
	"message kept":              `let kept; export function invoke(msg) { const fresh = !kept; kept = msg; return fresh }`,
	"symbol property":           `const s = Symbol("s"); export function invoke() { const f = invoke; const fresh = !f[s]; f[s] = 1; return fresh }`,
	"labelled loop":             `let n = 0; export function invoke() { outer: for (;;) { for (;;) { n++; break outer } } return n === 1 }`,
	"switch":                    `let n = 0; export function invoke(msg) { switch (1) { case 1: n++ } return n === 1 }`,
	"try":                       `let n = 0; export function invoke() { try { throw 1 } catch { n++ } finally { } return n === 1 }`,
	"finally":                   `let n = 0; export function invoke() { try { } finally { n++ } return n === 1 }`,
	"do while":                  `let n = 0; export function invoke() { do n++; while (false); return n === 1 }`,
	"comma":                     `let n = 0; export function invoke() { return (0, n++, n) === 1 }`,
	"template":                  `let n = 0; export function invoke() { return ` + "`${++n}`" + ` === "1" }`,
	"tagged template":           `const tag = (s) => s; export function invoke() { const t = tag` + "`x`" + `; const old = t.x; t.x = 1; return old === undefined }`,
	"default parameter":         `let n = 0; const f = (x = ++n) => x; export function invoke() { return f() === 1 }`,
	"field initializer":         `let n = 0; class C { x = ++n } export function invoke() { return new C().x === 1 }`,
	"getter in a class":         `let n = 0; class C { get x() { return ++n } } export function invoke() { return new C().x === 1 }`,
	"optional call":             `let n = 0; const o = {f() { return ++n }}; export function invoke() { return o?.f?.() === 1 }`,
	"generator":                 `function* count() { let n = 0; for (;;) yield ++n } const g = count(); export function invoke() { return g.next().value === 1 }`,
	"generator that writes":     `let n = 0; function* g() { yield ++n } export function invoke() { return [...g()][0] === 1 }`,
	"generator in a binding":    `let g; function* count() { let n = 0; for (;;) yield ++n } export function invoke() { g = g || count(); return g.next().value === 1 }`,
	"async":                     `let n = 0; export async function invoke() { await 0; return ++n === 1 }`,
	"promise":                   `let n = 0; export function invoke() { return Promise.resolve().then(() => ++n === 1) }`,
	"sort comparator":           `let n = 0; export function invoke() { [2, 1].sort(() => ++n); return n === 1 }`,
	"toString":                  `let n = 0; const o = {toString() { return String(++n) }}; export function invoke() { return o + "" === "1" }`,
	"toJSON":                    `let n = 0; export function invoke() { return JSON.stringify({toJSON: () => ++n}) === "1" }`,
	"proxy":                     `const p = new Proxy({}, {get: (t, k) => t[k] = (t[k] || 0) + 1}); export function invoke() { return p.x === 1 }`,
	"date":                      `const d = new Date(0); export function invoke() { const old = d.getTime(); d.setTime(1); return old === 0 }`,
	"buffer":                    `const b = new Uint8Array(1); export function invoke() { return ++b[0] === 1 }`,
	"search params":             `const q = new URLSearchParams(""); export function invoke() { const fresh = !q.has("a"); q.set("a", "1"); return fresh }`,
	"top-level code":            `const o = {}; o.list = []; export function invoke() { o.list.push(1); return o.list.length === 1 }`,
	"classic script":            "var n = 0;\nfunction invoke() { n++; return n === 1 }",
	"classic script's global":   "function invoke() { var old = this && this.x; if (this) this.x = 1; return !old }",
}

// TestNothingLeaksFromOneSessionToAnother runs every keeper for two sessions, with one copy in the pool.
func TestNothingLeaksFromOneSessionToAnother(t *testing.T) {
	for name, text := range keepers {
		t.Run(name, func(t *testing.T) {
			l := NewLibrary(Limits{Pool: 1}, nil, nil)
			defer l.Close()
			p, err := l.Compile(nil, inline(text))
			if err != nil {
				t.Logf("refused: %v", err)
				return // which is safe
			}
			pooled, why := p.Poolable()
			for session := 1; session <= 2; session++ {
				pass, err := p.Run(textMessage("secret"))
				t.Logf("pooled: %v %s: %v %v", pooled, why, pass, err)
				if !pass && err == nil {
					t.Errorf("session %d sees what the one before has left (pooled: %v %s)", session, pooled, why)
				}
				if err != nil && !pooled && session == 2 && strings.Contains(err.Error(), "frozen") {
					t.Errorf("a copy of its own is frozen: %v", err)
				}
			}
		})
	}
}

// Every object of the language that a value leads to is frozen in a pooled copy.
func TestNoPrototypeIsLeftOpen(t *testing.T) {
	for _, object := range []string{
		"''", "1", "true", "1n", "Symbol.iterator", "[]", "{}", "() => 1", "function* () {}", "(function* () {})()", "/x/", "new Error('')", "new TypeError('')",
		"new Map()", "new Set()", "new Map().entries()", "new Set().values()", "new Date(0)", "new Uint8Array(1)", "new Uint8Array(1).buffer", "new Float32Array(1)",
		"new ArrayBuffer(1)", "new DataView(new ArrayBuffer(1))", "[].values()", "''[Symbol.iterator]()", "''.matchAll(/x/g)", "new Uint8Array(1).values()", "Math", "Symbol",
		"JSON", "console", "new URL('ws://a.test')", "new URL('ws://a.test').searchParams.get", "new TextEncoder()", "new TextEncoder().encode('a').buffer", "crypto",
		"msg.get", "msg.session.vars", "msg.context.headers.get", "msg.context.headers.entries()", "structuredClone({a: []}).a", "String", "Number", "Object", "Array", "isNaN",
		"(class {})", "new (class A extends Array {})()", "BigInt(1)", "''.split", "Object.keys", "[].map", "new Number(1)", "Object(1n)",
	} {
		l := NewLibrary(Limits{Pool: 1, Call: patience}, nil, nil)
		p := compiled(t, l, "export function invoke(msg) { const o = ("+object+`), k = JSON.parse('"leak"'); let fresh = true;
			for (let p = Object.getPrototypeOf(o); p; p = Object.getPrototypeOf(p)) { if (Object.keys(p).includes(k)) fresh = false; try { p[k] = 1 } catch { } }
			return fresh }`)
		if pooled, why := p.Poolable(); !pooled {
			t.Logf("%s: %s", object, why)
		}
		for range 2 {
			if !run(t, p, textMessage("")) {
				t.Errorf("a prototype of %s keeps what is put on it", object)
			}
		}
		l.Close()
	}
}

// keepNothing is scripts that must be found to keep nothing: they are what most scripts look like.
var keepNothing = map[string]string{
	"word search":      `export function invoke(msg) { return !msg.body.includes("forbidden") }`,
	"stamp":            `export function invoke(msg) { const m = JSON.parse(msg.body || "{}"); m.device = msg.context.headers.get("X-Device-Id"); msg.body = JSON.stringify(m); return true }`,
	"constants":        `const LIMIT = 10, NAME = "x", RATE = -1.5; export function invoke(msg) { return msg.body.length < LIMIT * 100 && NAME !== "" && RATE < 0 }`,
	"regular exp.":     `const re = /^[a-z]+$/i; export function invoke(msg) { return re.test("Abc") && "abc".match(re) !== null && "x".replace(re, "y") === "y" }`,
	"lists":            `const words = ["a", "b"]; const names = new Set(["x"]); const ranks = new Map([["x", 1]]); export function invoke(msg) { for (const w of words) if (w === "") return false; return words.includes("a") && names.has("x") && ranks.get("x") === 1 && [...words].length === 2 && words.map((w) => w + "!").join("") === "a!b!" }`,
	"settings":         `const cfg = {deep: {max: 3}, on: true}; export function invoke(msg) { return cfg.on && cfg.deep.max === 3 && cfg["on"] }`,
	"helpers":          `const twice = (x) => x * 2; function thrice(x) { let n = 0; for (let i = 0; i < 3; i++) n += x; return n } export function invoke(msg) { return twice(2) === 4 && thrice(2) === 6 }`,
	"classes":          `class Sum { #n = 0; total = 0; add(x) { this.#n += x; this.total = this.#n; return this } static of(x) { return new Sum().add(x) } } export function invoke() { return Sum.of(2).add(3).total === 5 }`,
	"errors":           `class Bad extends Error { constructor(m) { super(m); this.name = "Bad" } } export function invoke() { try { throw new Bad("x") } catch (e) { return e.name === "Bad" && e.message === "x" && e instanceof Bad } }`,
	"inherited names":  `export function invoke(msg) { const m = {}; m.toString = () => "x"; m.valueOf = 1; const e = new Error("a"); e.name = "N"; e.message = "b"; return String(m) === "x" && String(e) === "N: b" }`,
	"names from data":  `export function invoke(msg) { const m = JSON.parse('{"constructor": 1, "__proto__": 2, "toString": 3}'); const o = {}; for (const k of Object.keys(m)) if (k !== "__proto__") o[k] = m[k]; return o.toString === 3 }`,
	"local state":      `export function invoke(msg) { const seen = new Map(); const list = []; let n = 0; for (const c of "aab") { seen.set(c, (seen.get(c) || 0) + 1); list.push(c); n++ } list.sort(); return seen.get("a") === 2 && n === 3 && list[0] === "a" }`,
	"local generators": `function* up() { let n = 0; while (n < 3) yield n++ } export function invoke() { return [...up()].length === 3 }`,
}

func TestWhatKeepsNothingIsPooled(t *testing.T) {
	for name, text := range keepNothing {
		t.Run(name, func(t *testing.T) {
			l := NewLibrary(Limits{Pool: 1, Call: patience}, nil, nil)
			defer l.Close()
			p := compiled(t, l, text)
			if pooled, why := p.Poolable(); !pooled {
				t.Fatalf("not pooled: %s", why)
			}
			for range 3 {
				if !run(t, p, textMessage("")) {
					t.Fatal("the script does not work in a frozen copy")
				}
			}
			if len(p.code.pool.idle) != 1 {
				t.Errorf("%d idle copies", len(p.code.pool.idle))
			}
		})
	}
}

// A frozen copy is made within the script's own limit of nested calls.
func TestDeepConstantsAreFrozen(t *testing.T) {
	l := NewLibrary(Limits{Pool: 1, Depth: 20, Call: patience}, nil, nil)
	defer l.Close()
	p := compiled(t, l, "const deep = "+strings.Repeat("[", 300)+"1"+strings.Repeat("]", 300)+"; export function invoke() { let d = deep[0]; for (let i = 0; i < 100; i++) d = d[0]; try { d[0] = 2 } catch { return true } return false }")
	if pooled, why := p.Poolable(); !pooled || !run(t, p, textMessage("")) {
		t.Errorf("pooled: %v %s", pooled, why)
	}
}

func TestEachSessionAndDirectionHasItsOwnCopy(t *testing.T) {
	p := compiled(t, library(t), `let n = 0; export function invoke(msg) { msg.put("n", ++n); return true }`)
	ann, bob := textMessage(""), textMessage("")
	count := func(m *engine.Message) string {
		run(t, p, m)
		return m.Get(engine.AttrOf("n")).String()
	}
	if got := count(ann) + count(ann) + count(bob) + count(ann) + count(bob); got != "12132" {
		t.Errorf("counts %s", got)
	}
	answer := *ann
	answer.Hook = engine.OnClose
	if got := count(&answer); got != "1" {
		t.Errorf("the close counts on: %s", got)
	}
}

func TestSharedIsTheAuthorsWord(t *testing.T) {
	l := NewLibrary(Limits{Pool: 1, Call: patience}, nil, nil)
	defer l.Close()
	src := inline(`let n = 0; export function invoke(msg) { return ++n === Number(msg.body) }`)
	src.Shared = true
	p, err := l.Compile(nil, src)
	if err != nil {
		t.Fatal(err)
	}
	if !run(t, p, textMessage("1")) || !run(t, p, textMessage("2")) {
		t.Error("the copy is not shared")
	}
}

func TestACopyThatCrossedABoundIsThrownAway(t *testing.T) {
	l := NewLibrary(Limits{Pool: 1, Call: time.Second / 2}, nil, nil)
	defer l.Close()
	for _, text := range []string{
		`let n = 0; export function invoke(msg) { n++; if (msg.body === "loop") for (;;); return n === 1 }`,
		`export function invoke(msg) { if (msg.body === "loop") for (;;); return true }`,
		`let n = 0; export function invoke(msg) { n++; const f = () => f(); if (msg.body === "loop") f(); return n === 1 }`,
		`let n = 0; export function invoke(msg) { n++; if (msg.body === "loop") "x".repeat(1e9); return n === 1 }`,
	} {
		p := compiled(t, l, text)
		m := textMessage("loop")
		if e := aborted(t, p, m); !errors.As(e, new(*Bound)) {
			t.Errorf("%v", e)
		}
		m.SetBody([]byte("go on"))
		if !run(t, p, m) {
			t.Error("the copy is still there")
		}
	}
}

// An error of the script's own keeps the copy: only a bound costs the session its state.
func TestACopyThatThrewIsKept(t *testing.T) {
	p := compiled(t, library(t), `let n = 0; export function invoke(msg) { n++; if (msg.body === "throw") throw new Error("x"); return n === 2 }`)
	m := textMessage("throw")
	aborted(t, p, m)
	m.SetBody([]byte("go on"))
	if !run(t, p, m) {
		t.Error("the copy is gone")
	}
}
