package scripts

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/wire"
)

const childVariable = "FRAMEGATE_HOSTILE_SCRIPT"

// hostile is every way we know to keep a native of the JavaScript engine busy for ever, or to end the process with it.
// Each is the body of a function; each must end in an abort for a bound.
var hostile = map[string]string{
	// What does not look at an interrupt.
	"back-reference":                "return /^(a+)+\\1$/.test('a'.repeat(40) + '!')",
	"look-ahead":                    "return /^(?=a)(a|aa)+$/.test('a'.repeat(60) + '!')",
	"look-behind":                   "return /(?<=^)(a|aa)+$/.test('a'.repeat(60) + '!')",
	"counted repeat":                "return /(a{1,1001}){1,1001}$/.test('a'.repeat(20000) + '!')",
	"expression of a text":          "return new RegExp('^(a+)+\\\\1$').test('a'.repeat(40) + '!')",
	"expression of an alias":        "const R = RegExp; return R('^(a+)+\\\\1$').test('a'.repeat(40) + '!')",
	"match of a text":               "return !!('a'.repeat(40) + '!').match('^(a+)+\\\\1$')",
	"match in a long text":          "return 'a'.repeat(3e7).match(/a/g).length > 0",
	"match in the longest text":     "return 'a'.repeat(16e6).match(/a/g).length > 0",
	"replace that grows":            "return 'a'.repeat(1e6).replace(/a/g, 'b'.repeat(1e4)).length > 0",
	"replace by what stands before": "return 'a'.repeat(1e6).replace(/a/g, '$`').length > 0",
	"replaceAll that grows":         "return 'a'.repeat(1e6).replaceAll('a', 'b'.repeat(1e4)).length > 0",
	"replace by a function":         "const b = 'b'.repeat(1e7); return 'a'.repeat(1e6).replace(/a/g, () => b).length > 0",
	"split":                         "return 'a'.repeat(5e7).split('').length > 0",
	"split of the longest text":     "return 'a'.repeat(16e6).split('').length > 0",
	"normalize":                     "return 'a\\u0301'.repeat(8e6).normalize().length > 0",
	"encodeURIComponent":            "return encodeURIComponent('\\u00e9'.repeat(16e6)).length > 0",
	"localeCompare":                 "return 'a'.repeat(16e6).localeCompare('a'.repeat(16e6) + 'b') > 0",
	"indexOf":                       "return Array.prototype.indexOf.call({length: 2**53-1}, 1) > 0",
	"includes":                      "return Array.prototype.includes.call({length: 2**53-1}, 1)",
	"forEach":                       "Array.prototype.forEach.call({length: 2**53-1}, () => {}); return true",
	"reverse":                       "Array.prototype.reverse.call({length: 2**53-1}); return true",
	"join":                          "return [].join.call({length: 2**53-1}) === ''",
	"fill":                          "[].fill.call({length: 2**53-1}, 0); return true",
	"computed member":               "const k = ['fi', 'll'].join(''); [][k].call({length: 2**53-1}, 0); return true",
	"computed member by call":       "const k = JSON.parse('\"fill\"'); const f = [][k]; f.call({length: 2**53-1}, 0); return true",
	"computed member by chain":      "const k = JSON.parse('\"fill\"'); [1][k]?.call({length: 2**53-1}, 0); return true",
	"computed member of a pattern":  "const k = JSON.parse('\"repeat\"'); const {[k]: f} = 'a'; return f.apply('a', [2**40]).length > 0",
	"computed optional member":      "const k = JSON.parse('\"repeat\"'); return 'a'?.[k]?.(2**40).length > 0",
	"reflection":                    "Reflect.apply(Reflect.get(Array.prototype, 'fill'), {length: 2**53-1}, [0]); return true",
	"sparse array":                  "const a = []; a[4294967294] = 1; return a.indexOf(2) > 0",
	"sparse array of data":          "const a = []; a[Number(msg.body) || 4294967294] = 1; return a.lastIndexOf(2) > 0",
	"Array.from":                    "return Array.from({length: 2**31}).length > 0",
	"fill of a long array":          "return new Array(1e9).fill(0).length > 0",
	"fill of an alias's array":      "const A = Array; return new A(1e9).fill(0).length > 0",
	"fill of a called array":        "return Array(1e9).fill(0).length > 0",
	"spread":                        "return Math.max(...new Array(2e8)) > 0",
	"spread of a grown array":       "const a = []; a.length = 4e9; return [...a].length > 0",
	"apply":                         "return Math.max.apply(null, {length: 2**31}) > 0",
	"String.raw":                    "return String.raw({raw: {length: 2**53-1}}) === ''",
	"BigInt power":                  "return 2n**(10n**10n) > 0n",
	"BigInt power of powers":        "return 9n**(9n**9n) > 0n",
	"BigInt shift":                  "return (1n << 10000000000n) > 0n",
	"BigInt products":               "let x = 3n; for (;;) { x = x * x }",
	"BigInt assigned products":      "let x = 3n; for (;;) { x *= x }",
	"BigInt text":                   "return BigInt('9'.repeat(2e7)) > 0n",
	"BigInt of the longest text":    "return ['9'.repeat(16e6)].map(BigInt)[0] > 0n",
	"JSON of one object many times": "let o = {a: 1}; for (let i = 0; i < 40; i++) o = {l: o, r: o}; return JSON.stringify(o).length > 0",
	"JSON of a long text":           "return JSON.parse('[' + '1,'.repeat(8e6) + '1]').length > 0",
	"JSON of a deep array":          "let a = []; for (let i = 0; i < 1e6; i++) a = [a]; return JSON.stringify(a).length > 0",
	"text of a deep array":          "let a = []; for (let i = 0; i < 20000; i++) a = [a]; return String(a).length > 0",
	"text of one array many times":  "let a = ['x']; for (let i = 0; i < 40; i++) a = [a, a]; return `${a}`.length > 0",
	"repeat 2**30":                  "return 'x'.repeat(2**30).length > 0",
	"repeat 2**33":                  "return 'x'.repeat(2**33).length > 0",
	"padEnd":                        "return 'x'.padEnd(2**32).length > 0",
	"join of long texts":            "const s = 'x'.repeat(1e7); return [s, s, s, s, s, s].join(s).length > 0",
	"concat of long texts":          "const s = 'x'.repeat(1e7); return s.concat(s, s, s, s, s).length > 0",

	// What ends the process.
	"JSON.parse of brackets":        "return JSON.parse('['.repeat(2.4e6)) === null",
	"JSON.parse of objects":         "return JSON.parse('{\"a\":'.repeat(2.4e6)) === null",
	"JSON.parse through the global": "return globalThis['JSON'].parse('['.repeat(2.4e6)) === null",
	"flat of a cycle":               "const a = []; a[0] = a; return a.flat(Infinity).length > 0",
	"chain of proxies":              "let p = {}; for (let i = 0; i < 5e6; i++) p = new Proxy(p, {}); return p.x === 1",
	"chain of prototypes":           "let p = {}; for (let i = 0; i < 5e6; i++) p = Object.create(p); return p.x === 1",
	"repeat 2**40":                  "return 'a'.repeat(2**40).length > 0",
	"repeat of an alias":            "const {repeat} = String.prototype; return repeat.call('a', 2**40).length > 0",
	"ArrayBuffer 2**40":             "return new ArrayBuffer(2**40).byteLength > 0",
	"ArrayBuffer of an alias":       "const make = (C, n) => new C(n); return make(ArrayBuffer, 2**40).byteLength > 0",
	"Uint8Array":                    "return new Uint8Array(2**36).length > 0",
	"Float64Array subclass":         "class F extends Float64Array { constructor(n) { super(n) } } return new F(2**33).length > 0",
	"Reflect.construct":             "return Reflect.construct(ArrayBuffer, [2**40]).byteLength > 0",
	"sort of a grown array":         "const a = []; a.length = 4294967295; a.sort(); return true",
	"sort of an array-like":         "[].sort.call({length: 2**40}); return true",
	"Math.max.apply":                "return Math.max.apply(null, {length: 2**31}) > 0",

	// What an interrupt does end, so that the bound itself is seen to hold.
	"loop":                   "for (;;) {}",
	"loop that catches":      "for (;;) { try { for (;;) {} } catch (e) {} finally { } }",
	"generator":              "function* g() { for (;;) yield 1 } for (const x of g()) {} return true",
	"recursion":              "const f = () => f() + 1; return f() > 0",
	"recursion through sort": "const f = () => [2, 1].sort(f); f(); return true",
	"recursion through map":  "const f = () => [1].map(f); f(); return true",
	"recursion through text": "const o = {toString() { return `${o}` }}; return `${o}` === ''",
	"recursion through JSON": "const o = {toJSON() { return JSON.stringify(o) }}; return JSON.stringify(o) === ''",
	"growing text":           "let s = 'x'; for (;;) s += s",
	"growing texts":          "let a = 'x', b = 'y'; for (;;) { a += b; b += a }",
	"growing over another":   "let s = 'x'; for (;;) { const t = s; s = s + t }",
	"growing property":       "const o = {s: 'x'}; for (;;) o.s += o.s",
	"growing template":       "let s = 'x'; for (;;) s = `${s}${s}`",
	"growing by a function":  "const twice = (s) => s + s; let s = 'x'; for (;;) s = twice(s)",
	"growing array":          "const a = []; for (;;) a.push(a.length)",
	"promises":               "const p = () => Promise.resolve().then(p); p(); return true",
}

// TestHostile runs every hostile script in a process of its own, next to another session's script that must go on.
func TestHostile(t *testing.T) {
	for name := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0])
			child.Env = append(os.Environ(), childVariable+"="+name, "GOTRACEBACK=none", "GOMAXPROCS=2")
			if out, err := child.CombinedOutput(); err != nil {
				if len(out) > 2000 {
					out = out[:2000]
				}
				t.Fatalf("the process ended with %v: %s", err, out)
			}
		})
	}
}

// childMain runs one hostile script while another session calls its own, and says how it went.
func childMain(name string) int {
	if !raceEnabled {
		limit := syscall.Rlimit{Cur: 4 << 30, Max: 4 << 30}
		if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
			fmt.Println("limit memory:", err)
			return 1
		}
	}
	if err := beside(hostile[name]); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// beside runs the hostile script once, and another session's script before, during and after it.
func beside(body string) error {
	l := NewLibrary(Limits{}, nil, nil)
	defer l.Close()
	other := inline("let n = 0; export function invoke(msg) { n++; return msg.body.includes('a') }")
	other.Timeout = patience // it is to go on, however slow the machine
	good, err := l.Compile(nil, other)
	if err != nil {
		return err
	}
	bad, err := l.Compile(nil, inline("export function invoke(msg) {\n"+body+"\n}"))
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	var calls atomic.Int64
	stop, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		other := engine.NewMessage(engine.OnClientFrame, request(""), wire.Text, []byte("abc"))
		for {
			if pass, err := good.Run(other); err != nil || !pass {
				ended <- fmt.Errorf("the other session: %v, %w", pass, err)
				return
			}
			calls.Add(1)
			select {
			case <-stop:
				ended <- nil
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	began := time.Now()
	pass, err := bad.Run(engine.NewMessage(engine.OnClientFrame, request(""), wire.Text, []byte("abc")))
	took := time.Since(began)
	close(stop)
	if err := <-ended; err != nil {
		return err
	}
	var e *Error
	var bound *Bound
	switch {
	case !errors.As(err, &e) || !errors.As(err, &bound):
		return fmt.Errorf("it ended with %v, %v instead of an abort for a bound", pass, err)
	case !strings.HasPrefix(e.Error(), "policies/x.yaml:"):
		return fmt.Errorf("the abort does not name the script: %v", e)
	case took > 20*time.Second:
		return fmt.Errorf("the abort came after %s", took)
	case calls.Load() == 0:
		return errors.New("the other session did not run")
	}
	fmt.Fprintln(os.Stderr, took, e)
	return nil
}
