package scripts

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/dop251/goja"

	"framegate/engine"
)

// uses is what scripts do to what JSON.parse gave them, by letters; it runs with our JSON and with the JavaScript engine's own.
const uses = `function uses(text, letters) {
	let m;
	try { m = JSON.parse(text) } catch (e) { return e.name }
	let log = "";
	for (const letter of letters) {
		if (m === null || typeof m !== "object") return "value " + JSON.stringify(m) + log;
		const keys = Object.keys(m);
		const first = keys[0];
		switch (letter) {
		case "a": m.seen = true; break;
		case "b": delete m[first]; break;
		case "c": m[first] = {x: 1}; break;
		case "d": log += keys.map((k) => k + typeof m[k]).join(); break;
		case "e": m["5"] = 1; m["1"] = {}; break;
		case "f": m = {...m, extra: 1}; break;
		case "g": { const inner = Object.values(m).find((v) => v && typeof v === "object"); if (inner) m = inner; break }
		case "h": m.self = JSON.parse(JSON.stringify(m)); break;
		case "i": for (const k in m) { log += k; delete m.a } break;
		case "j": m["__pro" + "to__"] = {p: 1}; log += m.p; break;
		case "k": Object.assign(m, {b: 2, a: m.b}); break;
		case "l": log += ("a" in m) + String(m.hasOwnProperty("a")) + String(m.toString === Object.prototype.toString) + String(m.constructor === Object); break;
		case "m": log += JSON.stringify(m, null, 1); break;
		case "n": log += JSON.stringify(m, ["a", "b", "0"]); break;
		case "o": m.toJSON = (k) => "j" + k; break;
		case "p": log += JSON.stringify(m, (k, v) => typeof v === "number" ? v + 1 : v); break;
		case "q": { const {a, ...rest} = m; log += JSON.stringify(a); m = rest; break }
		case "r": if (Array.isArray(m)) m.push(m[0]); else m.list = [m.a, m.b]; break;
		case "s": m.a = undefined; break;
		case "t": log += JSON.stringify(Object.entries(m)) + String(m) + (m == m) + typeof m; break;
		case "u": if (m.a && typeof m.a === "object") { m.a.b = 1; m.again = m.a } break;
		case "v": m.a ??= 7; m.a += 1; break;
		case "w": log += JSON.stringify(JSON.parse(text, (k, v) => k === "a" ? undefined : v)); break;
		case "x": for (let i = 0; i < 20; i++) m["k" + i] = i; delete m.k3; m.k4 = "x"; break;
		}
	}
	return JSON.stringify(m) + "|" + JSON.stringify(Object.keys(m)) + log;
}`

// natively runs uses with the JavaScript engine's JSON.
func natively(t testing.TB) func(text, letters string) string {
	rt := goja.New()
	if _, err := rt.RunString(uses); err != nil {
		t.Fatal(err)
	}
	call, _ := goja.AssertFunction(rt.Get("uses"))
	return func(text, letters string) string {
		v, err := call(goja.Undefined(), rt.ToValue(text), rt.ToValue(letters))
		if err != nil {
			return err.Error()
		}
		return v.String()
	}
}

var lazySeeds = [][2]string{
	{`{"type":"order","card":"4111","items":[{"sku":"a1","qty":2},{"sku":"b2","qty":1}],"note":"x"}`, "a"},
	{` { "a" : 1 , "b":{"c":[1, 2]} } `, "agd"}, {`{"a":{"b":{"a":1,"a":2}},"a":{"a":{"b":1.50}}}`, "gda"}, {`{"b":1,"a":2,"1":3,"0":4}`, "adbm"},
	{`{"a":"\u0041\n","b":"\/","c":"é😀"}`, "a"}, {`{"a":-0,"b":1e2,"c":1.10,"d":0.000001,"e":0.0000001,"f":123456789012345678,"g":-12.5,"h":0.5}`, "at"},
	{`{"a":{"b":-0,"c":1.0}}`, "a"}, {`{"x":{"b":-0}}`, "a"}, {`{"x":{"b":1,"b":2}}`, "a"}, {`{"x":[1.10]}`, "a"}, {`{"x":{"b":1 }}`, "a"}, {`{"x":["\u0041"]}`, "a"}, {`{"x":{"\u0041":1}}`, "a"}, {`{"a":{"1":2,"0":1}}`, "a"}, {`{"a":{"b" :1}}`, "aug"}, {`{"__proto__":{"x":1}}`, "ald"}, {`{"a":{"__proto__":1}}`, "ag"},
	{`[{"a":1},[{"b":2}],3]`, "rgd"}, {`{}`, "jlk"}, {`{"a":1}`, "o"}, {`{"a":{"toJSON":1}}`, "a"}, {`{"\u0061":1,"a":2}`, "ab"}, {`{"a":1,"b":2,"c":3}`, "ba"}, {`{"a":1,"b":2,"c":3}`, "isq"},
	{`{"":1}`, "xbx"}, {`{"a":[]}`, "cehmnpvw"}, {"{\"a\":\"\u2028\ufffd\"}", "a"}, {`{"a":1`, ""}, {`{"a":01}`, ""}, {`{"a":1.}`, ""}, {`{"a":"\ud83d\ude00\ud800"}`, ""}, {`{"a":"\x"}`, ""}, {`{"a":tru}`, ""}, {`{"a":1} x`, ""},
	{`{"` + strings.Repeat(`x":1,"y`, 10) + `":0}`, "ad"}, {`{"k0":0,"k1":1,"k2":2,"k3":3,"k4":4,"k5":5,"k6":6,"k7":7,"k8":8,"k9":9,"ka":10,"kb":11,"kc":12,"kd":13,"ke":14,"kf":15,"kg":16,"kh":17}`, "xcad"},
}

// FuzzLazyJSON does with objects of our JSON.parse what scripts do, and compares with the JavaScript engine's own.
func FuzzLazyJSON(f *testing.F) {
	for _, seed := range lazySeeds {
		f.Add(seed[0], seed[1])
	}
	many := make([]string, 70)
	for i := range many {
		many[i] = fmt.Sprintf(`"m%d":%d`, i, i)
	}
	f.Add(`{`+strings.Join(many, ",")+`}`, "ax")
	f.Add(`{"a":{`+strings.Join(many, ",")+`}}`, "aug")
	p, err := library(f).Compile(nil, inline(uses+`
		export function invoke(msg) { msg.put("ours", uses(msg.body, msg.get("letters"))); return true }`))
	if err != nil {
		f.Fatal(err)
	}
	if !p.code.facts.lazy {
		f.Fatal("the script does not parse lazily")
	}
	theirs := natively(f)
	f.Fuzz(func(t *testing.T, text, letters string) {
		if len(text) > 2000 || len(letters) > 6 || !utf8.ValidString(text) || strings.Count(text, "[")+strings.Count(text, "{") > 50 || strings.Contains(letters, "h") && strings.Count(letters, "h") > 3 || strings.Contains(strings.ToLower(text), `\ud`) {
			t.Skip()
		}
		m := textMessage(text)
		if err := m.Set(engine.AttrOf("letters"), engine.StringValue(letters)); err != nil {
			t.Fatal(err)
		}
		run(t, p, m)
		if got, want := attribute(m, "ours"), theirs(text, letters); got != want {
			t.Errorf("%q, %q: %s, and natively %s", text, letters, got, want)
		}
	})
}

// What could tell a lazy object from another is not parsed lazily, and works.
func TestWhatALazyObjectCannotDo(t *testing.T) {
	for _, expression := range []string{
		`(() => { const m = Object.freeze(JSON.parse('{"a":1}')); try { m.a = 2 } catch (e) { return e instanceof TypeError && m.a === 1 } })()`,
		`(() => { const m = JSON.parse('{"a":1}'); Object.defineProperty(m, "a", {get: () => 7}); return m.a === 7 })()`,
		`(() => { const m = JSON.parse('{"a":1}'); Object.seal(m); delete Object.preventExtensions({}).x; return Object.isSealed(m) })()`,
		`(() => { const m = JSON.parse('{"a":1}'), s = Symbol("x"); m[s] = 1; return m[s] === 1 })()`,
		`(() => { const {freeze: f} = Object; return Object.isFrozen(f(JSON.parse('{"a":1}'))) })()`,
		`(() => { const m = JSON.parse('{"a":1}'); return Object.getOwnPropertyDescriptor(m, "a").enumerable && Reflect.ownKeys(m).join() === "a" })()`,
	} {
		if got := value(t, expression); got != "true" {
			t.Errorf("%s is %s", expression, got)
		}
	}
	for text, lazy := range map[string]bool{
		`export function invoke(msg) { const m = JSON.parse(msg.body); m.a = 1; msg.body = JSON.stringify(m); return true }`: true,
		`export function invoke(msg) { return Object["fre" + "eze"](JSON.parse(msg.body)).a === 1 }`:                         false,
		`export function invoke(msg) { Object.freeze(JSON.parse(msg.body)); return true }`:                                   false,
		`const on = {a: () => true}; export function invoke(msg) { const m = JSON.parse(msg.body); return on[m.a](m) }`:      true,
		`const on = {}; export function invoke(msg) { const m = JSON.parse(msg.body); return (on.constructor)[m.a](m) }`:     false,
		`const {seal} = Object; export function invoke(msg) { return seal(msg) === 1 }`:                                      false,
	} {
		if p := compiled(t, library(t), text); p.code.facts.lazy != lazy {
			t.Errorf("%s: lazy is %v", text, p.code.facts.lazy)
		}
	}
}

// What a script puts on the prototypes counts for objects that were never made, too.
func TestToJSONOfPrototypesIsAsked(t *testing.T) {
	for _, script := range []string{
		`Object.prototype.toJSON = function () { return this.x ? "x" : this }; export function invoke(msg) { const m = JSON.parse(msg.body); msg.body = JSON.stringify(m); return true }`,
		`Array.prototype.toJSON = function () { return this.length }; export function invoke(msg) { const m = JSON.parse(msg.body); m.c = 1; msg.body = JSON.stringify(m); return true }`,
	} {
		m := textMessage(`{"a":[1,2],"b":{"x":[1]}}`)
		run(t, compiled(t, library(t), script), m)
		if got := string(m.Body()); got != `{"a":[1,2],"b":"x"}` && got != `{"a":2,"b":{"x":1},"c":1}` {
			t.Errorf("%s", got)
		}
	}
}
