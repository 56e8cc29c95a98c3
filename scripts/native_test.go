package scripts

import (
	"strings"
	"testing"
	"time"

	"github.com/dop251/goja"

	"framegate/engine"
)

func attribute(m *engine.Message, name string) string { return m.Get(engine.AttrOf(name)).String() }

// nativeJSON parses and writes JSON with the JavaScript engine's own functions.
func nativeJSON(text string) string {
	rt := goja.New()
	rt.Set("text", text)
	v, err := rt.RunString("(() => { try { return JSON.stringify(JSON.parse(text)) } catch (e) { return e.name } })()")
	if err != nil {
		return err.Error()
	}
	return v.String()
}

// TestGuardedNativesDoWhatTheyDid compares natives behind a guard with the JavaScript engine's own.
func TestGuardedNativesDoWhatTheyDid(t *testing.T) {
	for _, expression := range []string{
		`"ab".repeat(3) + "x".repeat(0)`, `"a".padStart(5, "xy") + "a".padEnd(5)`, `"a".concat(1, null, [2])`, `"e\u0301".normalize("NFC").length`,
		`"a".localeCompare("b")`, `"a,b,,c".split(",").join("|")`, `"abc".split("").length`, `"a1b22".split(/\d+/).join()`, `"a1b22".match(/\d+/g).join()`,
		`"x".match(/y/)`, `"a1".match(/(?<l>[a-z])(\d)/).groups.l`, `[..."a1b2".matchAll(/[a-z](\d)/g)].map((m) => m[1]).join()`, `"abc".search(/c/)`,
		`"aXbX".replace("X", "$&$$")`, `"aXbX".replaceAll("X", "-")`, `"ab".replace(/(a)(b)/, "$2$1$3$10")`, `"ab".replace(/(?<x>a)/, "[$<x>$<y>]")`,
		`"aab".replace(/a/g, (m, at, all) => m + at + all)`, `"x".replace(/x/, undefined)`, "\"ab\".replace(\"b\", \"$`|$'|$\")", `/a(b)?/.exec("a").length`, `/a/.test("cat")`,
		"String.raw`a\\n${1}b`", `[3, 1, 2].sort().join()`, `[1, 2, 3].indexOf(2)`, `[1, [2, [3, [4]]]].flat().length`, `[1, [2, [3, [4]]]].flat(Infinity).join()`,
		`[[1, 2], [3]].flatMap((x) => x).join()`, `[, 1].flat().length`, `[1, 2, 3].reverse().concat([4], 5, [[6]]).length`, `[1, [2, [null, undefined, 3]]] + ""`,
		`String([1, [2, 3]])`, `[1, 2].join("-")`, `[].join.call({length: 2, 0: "a"}, "+")`, `Array.from({length: 3}, (_, i) => i * 2).join()`, `Array.from("abc").join()`,
		`Array.from(new Set([1, 1, 2])).join()`, `new Array(3).length`, `new Array(1, 2).join()`, `new Array("3").length`, `Array(2).fill(7).join()`, `Math.max.apply(null, [1, 3, 2])`,
		`Math.max(...[1, 3], ...new Set([5]))`, `[..."héllo"].length`, `({...{a: 1}, ..."xy"})[1]`, `new Uint8Array(3).length`, `new Uint8Array([1, 2, 3]).join()`,
		`new Float64Array(2).fill(1.5).join()`, `new Map([[1, 2]]).get(1)`, `new (class A { constructor(x) { this.x = x } })(4).x`, `new Date(0).getTime()`,
		`new Proxy({a: 1}, {}).a`, `new RegExp("a+", "i").test("AA")`, `new RegExp(/a/g).flags`, `2 ** 10`, `(-2) ** 3`, `2n ** 64n`, `(-3n) ** 3n`, `0n ** 0n`, `7n * -6n`, `1n << 70n`,
		`1n << -1n`, `-5n << 2n`, `5 << 33`, `3 * "4"`, `1 ** Infinity`, `"2" ** 3`, `1n ** 99999999999n`, `(-1n) ** 99999999999n`, `BigInt("12345678901234567890") * 10n`, `BigInt.asUintN(8, 257n)`, `typeof BigInt(1)`,
		`(() => { let x = 2n; x *= 3n; x <<= 2n; x **= 2n; return x })()`, `encodeURIComponent("a b&é") + decodeURIComponent("%C3%A9") + encodeURI("a b") + escape("é") + unescape("%E9")`,
		`Object.create({a: 1}).a`, `Object.setPrototypeOf({}, {b: 2}).b`, `(() => { let s = ""; for (const c of "abc") s = c + s; s += s; return s })()`,
		"(() => { let s = 'a'; for (let i = 0; i < 3; i++) s = `${s}${s}`; return s })()", `(() => { class A extends Array { constructor(n) { super(n) } } return new A(3).length })()`,
		`(() => { class E extends Error { constructor(m) { super(m); this.code = 1 } } try { throw new E("x") } catch (e) { return e.message + e.code + (e instanceof E) } })()`,
		`(() => { try { null.f() } catch (e) { return e.name } })()`, `(() => { try { [].reduce((a) => a) } catch (e) { return e.name + e.message } })()`, `(() => { try { new 7(1) } catch (e) { return e.name } })()`,
		`(() => { try { return 1n * 1 } catch (e) { return e.name } })()`, `(() => { try { return 2n ** -1n } catch (e) { return e.name } })()`, `(() => { try { "a".repeat(-1) } catch (e) { return e.name } })()`,
		`(() => { try { BigInt("x") } catch (e) { return e.name } })()`, `[2, 1].toSorted().join() + [1, 2].with(0, 9).join()`, `"abc".replace(/b/, "$0")`, `String.prototype.repeat.name + [].map.name`,
		`[1, 2, 3].map(function (x) { return this.n * x }, {n: 2}).join()`, `[5, 1, 10].sort((a, b) => a - b).join()`, `Function.prototype.call.call(function () { return typeof this }, 5)`,
	} {
		rt := goja.New()
		want, err := rt.RunString("'use strict'; String(" + expression + ")")
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		if got := value(t, expression); got != want.String() {
			t.Errorf("%s is %s, and natively %s", expression, got, want)
		}
	}
}

// TestAround tries what scripts find around them; each is an expression that must be true.
func TestAround(t *testing.T) {
	for _, expression := range []string{
		`/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(crypto.randomUUID()) && crypto.randomUUID() !== crypto.randomUUID()`,
		`crypto.getRandomValues(new Uint8Array(16)).some((x) => x !== 0)`,
		`(() => { const b = new Uint8Array(4); crypto.getRandomValues(b.subarray(1, 2)); return b[0] + b[2] + b[3] === 0 })()`,
		`crypto.digest("SHA-256", "abc") === "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
		`crypto.digest("SHA-256", new TextEncoder().encode("abc"), "bytes").length === 32 && crypto.digest("SHA-1", "", "base64") === "2jmj7l5rSw0yVb/vlWAYkK/YBwk="`,
		`crypto.hmac("SHA-256", "key", "The quick brown fox jumps over the lazy dog") === "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"`,
		`crypto.timingSafeEqual("a", "a") && !crypto.timingSafeEqual("a", "b")`,
		`new TextEncoder().encode("é€").join() === "195,169,226,130,172" && new TextDecoder().decode(new Uint8Array([226, 130, 172])) === "€"`,
		`new TextDecoder().decode(new Uint8Array([255])) === "\ufffd" && (() => { try { new TextDecoder("utf-8", {fatal: true}).decode(new Uint8Array([255])) } catch (e) { return true } })()`,
		`btoa("a\u00ff") === "Yf8=" && atob("Yf8=") === "a\u00ff" && atob(" Y Q ") === "a" && (() => { try { btoa("€") } catch (e) { return true } })()`,
		`(() => { const u = new URL("WSS://u:p@Chat.test:443/a%20b?x=1&x=2&y=a+b#f"); return [u.protocol, u.host, u.hostname, u.port, u.pathname, u.search, u.hash, u.username, u.origin].join() === "wss:,chat.test,chat.test,,/a%20b,?x=1&x=2&y=a+b,#f,u,wss://chat.test" && u.searchParams.getAll("x").join() === "1,2" && u.searchParams.get("y") === "a b" })()`,
		`new URL("../c?d", "http://a.test/x/y/z").href === "http://a.test/x/c?d" && new URL("http://a.test").pathname === "/" && (() => { try { new URL("nope") } catch (e) { return e instanceof TypeError } })()`,
		`(() => { const q = new URLSearchParams("a=1&b=2"); q.append("c", "é &"); q.delete("a"); q.set("b", "3"); return q.toString() === "c=%C3%A9+%26&b=3" && q.has("c") && q.get("z") === null && new URLSearchParams({k: "v"}).toString() === "k=v" && q.entries().length === 2 })()`,
		`(() => { const d = new Date(5), o = {a: [1, {b: d}], m: new Map([["k", new Set([1])]]), u: new Uint8Array([1, 2])}; o.self = o; const c = structuredClone(o); return c !== o && c.self === c && c.a[1].b.getTime() === 5 && c.m.get("k").has(1) && c.u[1] === 2 && c.u.buffer !== o.u.buffer })()`,
		`(() => { try { structuredClone(() => 1) } catch (e) { return e instanceof TypeError } })()`,
		`typeof setTimeout === "undefined" && typeof process === "undefined" && typeof fetch === "undefined"`,
	} {
		if got := value(t, expression); got != "true" {
			t.Errorf("%s is %s", expression, got)
		}
	}
}

func TestConsoleIsBounded(t *testing.T) {
	l := NewLibrary(Limits{Call: time.Minute}, nil, nil)
	defer l.Close()
	p := compiled(t, l, `export function invoke(msg) { const a = []; a.push(a); for (let i = 0; i < 300; i++) console.log("x".repeat(5000), a); return true }`)
	m := textMessage("")
	policy := &engine.Policy{Name: "p", Fault: -1, Nodes: []engine.Node{{Name: "s", Filter: p, Success: engine.EndPass, Failure: engine.EndFail}}}
	if pass, err := policy.Run(m); !pass || err != nil {
		t.Fatal(pass, err)
	}
	lines := m.Trail()[0].Log
	if len(lines) > 200 || len(strings.Join(lines, "")) > 200*(maxLogged+100) {
		t.Errorf("%d lines", len(lines))
	}
}
