package scripts

import (
	"math/big"
	"sort"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"

	"framegate/engine"
)

// facts is what a look at the script's syntax tells about what a copy of it needs.
type facts struct {
	names        map[string]bool // identifiers used anywhere, declared ones included
	members      map[string]bool // member names used anywhere
	everything   bool            // members may be called by names that are not in the text
	computed     bool            // members may be read by names that are not in the text
	bigints      bool            // there may be BigInts
	arrays       bool            // it makes arrays, or changes the length of some
	helpers      map[string]bool // what instrument put in
	backtracks   bool            // a regular expression needs backtracking
	backtracksAt engine.Position
	lazy         bool     // JSON.parse may leave text what is not asked for
	patterns     bool     // it may make regular expressions of texts
	reads        []string // attributes named in msg.get and msg.select
	writes       []string // attributes named in msg.put
}

// reflective are members and names that reach other members by names which need not stand in the text.
var reflective = map[string]bool{
	"Reflect": true, "getOwnPropertyDescriptor": true, "getOwnPropertyDescriptors": true, "getOwnPropertyNames": true, "getPrototypeOf": true,
	"__proto__": true, "__lookupGetter__": true, "__lookupSetter__": true, "eval": true, "globalThis": true,
}

// gather looks at the whole script.
func gather(body ast.Node) *facts {
	f := &facts{names: make(map[string]bool), members: make(map[string]bool)}
	counters := countersOf(body)
	targets := make(map[ast.Expression]bool) // of plain assignments, which read nothing
	reads, writes := make(map[string]bool), make(map[string]bool)
	walk(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Identifier:
			f.names[string(n.Name)] = true
		case *ast.DotExpression:
			f.member(string(n.Identifier.Name))
		case *ast.BracketExpression:
			if !targets[n] && !f.named(n, counters) {
				f.computed = true
			}
		case *ast.ObjectPattern:
			f.pattern(n)
		case *ast.NumberLiteral:
			if _, big := n.Value.(*big.Int); big {
				f.bigints = true
			}
		case *ast.ArrayLiteral:
			f.arrays = true
		case *ast.AssignExpression:
			f.arrays = f.arrays || resizes(n.Left)
			targets[n.Left] = n.Operator == token.ASSIGN
		case *ast.CallExpression:
			attributeCall(n, reads, writes)
			if callee, ok := bare(n.Callee).(*ast.BracketExpression); ok && !f.named(callee, counters) {
				f.everything = true
			}
		}
		return true
	})
	f.everything = f.everything || f.computed && (f.members["call"] || f.members["apply"] || f.members["bind"])
	for name := range reflective {
		f.everything = f.everything || f.names[name] || f.members[name]
	}
	for _, name := range []string{"BigInt", "BigInt64Array", "BigUint64Array", "globalThis"} {
		f.bigints = f.bigints || f.names[name]
	}
	for _, name := range []string{"Array", "push", "unshift", "fill", "splice", "with", "from", "of", "call", "apply", "bind"} {
		f.arrays = f.arrays || f.names[name] || f.members[name]
	}
	f.lazy = f.mayParseLazily()
	f.reads, f.writes = sorted(reads), sorted(writes)
	return f
}

func (f *facts) member(name string) { f.members[name] = true }

// uses tells whether the script may reach a member by its name.
func (f *facts) uses(member string) bool { return f.everything || f.members[member] }

// timed tells whether a call must be timed, because a regular expression may have been given up in it.
func (f *facts) timed() bool {
	return f.backtracks || f.patterns || f.everything || f.members["match"] || f.members["matchAll"] || f.members["search"]
}

// named tells whether a[b] says which member it means: a text names one, and a number is an element.
func (f *facts) named(n *ast.BracketExpression, counters map[string]bool) bool {
	if key, ok := n.Member.(*ast.StringLiteral); ok {
		f.member(string(key.Value))
		return true
	}
	return numeric(n.Member, counters)
}

// bare takes the ?. off an expression.
func bare(e ast.Expression) ast.Expression {
	for {
		switch o := e.(type) {
		case *ast.OptionalChain:
			e = o.Expression
		case *ast.Optional:
			e = o.Expression
		default:
			return e
		}
	}
}

// pattern looks at the keys of const {a, b: c, [d]: e} = x.
func (f *facts) pattern(n *ast.ObjectPattern) {
	for _, p := range n.Properties {
		switch p := p.(type) {
		case *ast.PropertyShort:
			f.member(string(p.Name.Name))
		case *ast.PropertyKeyed:
			if key, ok := p.Key.(*ast.StringLiteral); ok {
				f.member(string(key.Value))
			} else {
				f.computed = true
			}
		}
	}
}

// resizes tells whether an assignment may change the length of an array.
func resizes(target ast.Expression) bool {
	switch target := target.(type) {
	case *ast.BracketExpression:
		_, text := target.Member.(*ast.StringLiteral)
		return !text
	case *ast.DotExpression:
		return target.Identifier.Name == "length"
	}
	return false
}

// countersOf lists the variables that the script counts with and never gives anything but numbers.
func countersOf(body ast.Node) map[string]bool {
	counted, spoilt := make(map[string]bool), make(map[string]bool)
	target := func(to ast.Expression, value ast.Expression) {
		if id, ok := to.(*ast.Identifier); ok && (value == nil || !numeric(value, nil)) {
			spoilt[string(id.Name)] = true
		}
	}
	spoil := func(pattern any) {
		walk(pattern, func(n ast.Node) bool {
			if id, ok := n.(*ast.Identifier); ok {
				spoilt[string(id.Name)] = true
			}
			return true
		})
	}
	walk(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.UnaryExpression:
			if id, ok := n.Operand.(*ast.Identifier); ok && (n.Operator == token.INCREMENT || n.Operator == token.DECREMENT) {
				counted[string(id.Name)] = true
			}
		case *ast.Binding:
			if _, ok := n.Target.(*ast.Identifier); ok {
				target(n.Target, n.Initializer)
			}
		case *ast.AssignExpression:
			if !arithmetic[n.Operator] {
				target(n.Left, n.Right)
			}
		case *ast.ParameterList:
			spoil(n)
		case *ast.ForDeclaration:
			spoil(n.Target)
		case *ast.ForIntoVar:
			spoil(n.Binding.Target)
		case *ast.ForIntoExpression:
			spoil(n.Expression)
		case *ast.ArrayPattern, *ast.ObjectPattern:
			spoil(n)
			return false
		case *ast.CatchStatement:
			spoil(n.Parameter)
		}
		return true
	})
	for name := range spoilt {
		delete(counted, name)
	}
	return counted
}

// numeric tells whether an expression is certainly a number.
func numeric(e ast.Expression, counters map[string]bool) bool {
	switch e := e.(type) {
	case *ast.NumberLiteral:
		return true
	case *ast.Identifier:
		return counters[string(e.Name)]
	case *ast.UnaryExpression:
		return e.Operator == token.INCREMENT || e.Operator == token.DECREMENT || e.Operator == token.MINUS || e.Operator == token.PLUS || e.Operator == token.BITWISE_NOT
	case *ast.BinaryExpression:
		return arithmetic[e.Operator] || e.Operator == token.PLUS && numeric(e.Left, counters) && numeric(e.Right, counters)
	}
	return false
}

// arithmetic is the operators that give nothing but numbers.
var arithmetic = map[token.Token]bool{
	token.MINUS: true, token.MULTIPLY: true, token.EXPONENT: true, token.SLASH: true, token.REMAINDER: true, token.AND: true, token.OR: true,
	token.EXCLUSIVE_OR: true, token.SHIFT_LEFT: true, token.SHIFT_RIGHT: true, token.UNSIGNED_SHIFT_RIGHT: true,
}

// attributeCall notes the attribute in x.get("…"), x.put("…", …) and x.select("${…}").
func attributeCall(n *ast.CallExpression, reads, writes map[string]bool) {
	dot, ok := n.Callee.(*ast.DotExpression)
	if !ok || len(n.ArgumentList) == 0 {
		return
	}
	object, ok := dot.Left.(*ast.Identifier)
	text, isText := n.ArgumentList[0].(*ast.StringLiteral)
	if !ok || object.Name != "msg" || !isText {
		return
	}
	switch dot.Identifier.Name {
	case "get":
		reads[text.Value.String()] = true
	case "put":
		writes[text.Value.String()] = true
	case "select":
		if s, err := engine.ParseSelector(text.Value.String()); err == nil {
			for _, name := range s.Attributes() {
				reads[name] = true
			}
		}
	}
}

func sorted(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
