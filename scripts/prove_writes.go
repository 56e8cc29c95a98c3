package scripts

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// changing is functions that can change what they are given in ways the prover cannot follow.
var changing = map[string]string{
	"Reflect": "Reflect", "Proxy": "Proxy", "globalThis": "globalThis", "eval": "eval", "Function": "Function", "Promise": "promises",
	"WeakMap": "WeakMap", "WeakSet": "WeakSet", "WeakRef": "WeakRef",
}

var changingMembers = map[string]bool{
	"setPrototypeOf": true, "defineProperty": true, "defineProperties": true, "__proto__": true, "__defineGetter__": true, "__defineSetter__": true,
	"constructor": true, "prototype": true, "caller": true, "callee": true,
}

// reading is methods that change neither an array, an object, a set nor a map of constants.
var reading = map[string]bool{
	"includes": true, "indexOf": true, "lastIndexOf": true, "has": true, "get": true, "size": true, "length": true, "map": true, "filter": true,
	"some": true, "every": true, "find": true, "findIndex": true, "findLast": true, "findLastIndex": true, "join": true, "slice": true,
	"forEach": true, "at": true, "concat": true, "reduce": true, "reduceRight": true, "keys": true, "values": true, "entries": true,
	"toString": true, "hasOwnProperty": true, "flat": true, "toSorted": true, "toReversed": true,
}

// locals collects the names that are declared inside functions.
func (p *prover) locals() {
	add := func(pattern any) {
		walk(pattern, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Identifier:
				p.local[string(n.Name)] = true
			case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral, *ast.ClassLiteral:
				return false
			}
			return true
		})
	}
	inside := func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Binding:
			add(n.Target)
		case *ast.ParameterList:
			if n.Rest != nil {
				add(n.Rest)
			}
		case *ast.ForDeclaration:
			add(n.Target)
		case *ast.CatchStatement:
			add(n.Parameter)
		case *ast.FunctionDeclaration:
			p.local[string(n.Function.Name.Name)] = true
		case *ast.ClassDeclaration:
			p.local[string(n.Class.Name.Name)] = true
		}
		return true
	}
	for _, s := range p.body.List {
		walk(s, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FunctionLiteral:
				walk(n.ParameterList, inside)
				walk(n.Body, inside)
				return false
			case *ast.ArrowFunctionLiteral:
				walk(n.ParameterList, inside)
				walk(n.Body, inside)
				return false
			}
			return true
		})
	}
}

// function looks through a statement or function for writes; inClass says that `this` is an instance.
func (p *prover) function(root any, inClass bool) {
	if root == nil {
		return
	}
	walk(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ClassLiteral:
			p.class(n)
			for _, element := range n.Body {
				p.member(element)
			}
			if n.SuperClass != nil {
				p.function(n.SuperClass, inClass)
			}
			return false
		case *ast.FunctionLiteral:
			if n.Async {
				p.keep("a function is async")
			}
			if inClass {
				p.function(n.ParameterList, false)
				p.function(n.Body, false)
				return false
			}
		case *ast.ArrowFunctionLiteral:
			if n.Async {
				p.keep("a function is async")
			}
		case *ast.Binding:
			if _, plain := n.Target.(*ast.Identifier); plain {
				p.function(n.Initializer, inClass)
				return false
			}
		case *ast.AssignExpression:
			p.write(n.Left, inClass)
		case *ast.UnaryExpression:
			if n.Operator == token.INCREMENT || n.Operator == token.DECREMENT || n.Operator == token.DELETE {
				p.write(n.Operand, inClass)
			}
		case *ast.ForIntoExpression:
			p.write(n.Expression, inClass)
		case *ast.Identifier:
			p.name(string(n.Name))
		case *ast.DotExpression:
			if changingMembers[string(n.Identifier.Name)] {
				p.keep("it uses %s", n.Identifier.Name)
			}
			if p.reads(n) {
				return false
			}
		case *ast.BracketExpression:
			if text, ok := n.Member.(*ast.StringLiteral); ok && changingMembers[string(text.Value)] {
				p.keep("it uses %s", text.Value)
			}
			if p.reads(n) {
				p.function(n.Member, inClass)
				return false
			}
		case *ast.ForOfStatement:
			if p.isModule(n.Source, container, collection) {
				p.function(n.Into, inClass)
				p.function(n.Body, inClass)
				return false
			}
		case *ast.ForInStatement:
			if p.isModule(n.Source, container) {
				p.function(n.Into, inClass)
				p.function(n.Body, inClass)
				return false
			}
		case *ast.SpreadElement:
			return !p.isModule(n.Expression, container, collection)
		case *ast.BinaryExpression:
			if n.Operator == token.IN && p.isModule(n.Right, container) {
				p.function(n.Left, inClass)
				return false
			}
		}
		return p.found == ""
	})
}

// member looks through a member of a class; `this` in it is an instance, or the class where the member is static.
func (p *prover) member(e ast.ClassElement) {
	switch e := e.(type) {
	case *ast.MethodDefinition:
		if e.Body.Async {
			p.keep("a method is async")
		}
		p.function(e.Body.ParameterList, !e.Static)
		p.function(e.Body.Body, !e.Static)
	case *ast.FieldDefinition:
		if e.Initializer != nil {
			p.function(e.Initializer, !e.Static)
		}
	}
}

// name looks at a name that stands alone: an array, object, set or map of the top level that is handed on may be changed
// there.
func (p *prover) name(name string) {
	if what, ok := changing[name]; ok && !p.local[name] {
		p.keep("it uses %s", what)
	}
	switch p.module[name] {
	case container, collection:
		p.keep("the top-level %s may be changed where it is handed on", name)
	}
}

// isModule tells whether an expression is a binding of the top level of one of the kinds.
func (p *prover) isModule(e ast.Expression, kinds ...kind) bool {
	id, ok := e.(*ast.Identifier)
	if !ok {
		return false
	}
	for _, k := range kinds {
		if p.module[string(id.Name)] == k {
			return true
		}
	}
	return false
}

// reads tells whether a member expression only reads of an array, object, set or map of the top level.
func (p *prover) reads(e ast.Expression) bool {
	switch e := e.(type) {
	case *ast.DotExpression:
		if p.isModule(e.Left, container) {
			return reading[string(e.Identifier.Name)] || !mutating[string(e.Identifier.Name)]
		}
		return p.isModule(e.Left, collection) && reading[string(e.Identifier.Name)] && e.Identifier.Name != "forEach" // which hands the set on
	case *ast.BracketExpression:
		return p.isModule(e.Left, container)
	}
	return false
}

// mutating is the methods of arrays that change them.
var mutating = map[string]bool{
	"push": true, "pop": true, "shift": true, "unshift": true, "splice": true, "sort": true, "reverse": true, "fill": true, "copyWithin": true,
}

// write looks at the target of an assignment, a count or a delete.
func (p *prover) write(target ast.Expression, inClass bool) {
	switch t := target.(type) {
	case *ast.Identifier:
		p.writeName(string(t.Name))
	case *ast.DotExpression:
		p.writeMember(t.Left, inClass)
	case *ast.BracketExpression:
		p.writeMember(t.Left, inClass)
	case *ast.PrivateDotExpression:
		p.writeMember(t.Left, inClass)
	case *ast.OptionalChain:
		p.write(t.Expression, inClass)
	case *ast.Optional:
		p.write(t.Expression, inClass)
	case *ast.ArrayPattern, *ast.ObjectPattern, *ast.ArrayLiteral, *ast.ObjectLiteral:
		walk(t, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Identifier:
				p.writeName(string(n.Name))
			case *ast.DotExpression:
				p.writeMember(n.Left, inClass)
				return false
			case *ast.BracketExpression:
				p.writeMember(n.Left, inClass)
				return false
			}
			return true
		})
	case *ast.AssignExpression:
		p.write(t.Left, inClass)
	default:
		p.keep("it writes where the proof cannot follow")
	}
}

func (p *prover) writeName(name string) {
	if _, ok := p.module[name]; ok {
		p.keep("it writes to the top-level %s", name)
	} else if !p.local[name] {
		p.keep("it writes to the global %s", name)
	}
}

// writeMember looks at the object whose member is written.
func (p *prover) writeMember(object ast.Expression, inClass bool) {
	for {
		switch o := object.(type) {
		case *ast.DotExpression:
			object = o.Left
		case *ast.BracketExpression:
			object = o.Left
		case *ast.PrivateDotExpression:
			object = o.Left
		case *ast.OptionalChain:
			object = o.Expression
		case *ast.Optional:
			object = o.Expression
		case *ast.Identifier:
			p.writeName(string(o.Name))
			return
		case *ast.ThisExpression, *ast.SuperExpression:
			if !inClass {
				p.keep("it writes to this outside of a class")
			}
			return
		case *ast.CallExpression, *ast.NewExpression, *ast.AwaitExpression, *ast.ConditionalExpression, *ast.BinaryExpression, *ast.SequenceExpression, *ast.AssignExpression:
			return // a local value, or frozen
		default:
			p.keep("it writes where the proof cannot follow")
			return
		}
	}
}
