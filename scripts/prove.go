package scripts

import (
	"fmt"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"
	"github.com/dop251/goja/unistring"
)

// prove looks for anything that a copy of the script could keep from one message to the next. It returns "" when there
// is nothing, and else what it could be. It would rather say of a harmless script that it keeps something, which costs
// memory, than the other way round, which would let one session see another's data. What it may still miss is caught by
// freezing the copy.
//
// Proven is a script whose top level only declares: constants, functions, classes without static state, regular
// expressions without g or y, arrays and objects of constants, and sets and maps of constants that are only read; that
// writes to none of them, to no global, and to no `this` outside of a class; and in which nothing waits.
func prove(body *ast.BlockStatement) (keeps string, declared []string) {
	p := newProver(body)
	for _, s := range body.List {
		if p.declare(s); p.found != "" {
			return p.found, nil
		}
	}
	p.locals()
	for _, s := range body.List {
		if p.function(s, false); p.found != "" {
			return p.found, nil
		}
	}
	return "", p.order
}

// onlyDeclares tells whether the top level is proven to run nothing: no regular
// expression can be given up while the script is loaded.
func onlyDeclares(body *ast.BlockStatement) bool {
	p := newProver(body)
	for _, s := range body.List {
		p.declare(s)
	}
	return p.found == ""
}

func newProver(body *ast.BlockStatement) *prover {
	return &prover{body: body, module: make(map[string]kind), local: make(map[string]bool)}
}

// kind is what a binding of the top level holds.
type kind uint8

const (
	constant   kind = iota + 1
	function        // or class, or regular expression: frozen, and nobody has a reason to write to it
	container       // an array or object of constants
	collection      // a Set or Map of constants
)

type prover struct {
	body   *ast.BlockStatement
	module map[string]kind // bindings of the top level
	local  map[string]bool // names declared inside functions
	order  []string
	found  string
}

// keep notes the first thing that may keep something.
func (p *prover) keep(format string, args ...any) {
	if p.found == "" {
		p.found = fmt.Sprintf(format, args...)
	}
}

func (p *prover) bind(name string, k kind) {
	p.module[name] = k
	p.order = append(p.order, name)
}

// declare looks at a statement of the top level.
func (p *prover) declare(s ast.Statement) {
	switch s := s.(type) {
	case *ast.EmptyStatement:
	case *ast.FunctionDeclaration:
		p.bind(string(s.Function.Name.Name), function)
	case *ast.ClassDeclaration:
		p.class(s.Class)
		p.bind(string(s.Class.Name.Name), function)
	case *ast.VariableStatement:
		p.bindings(s.List)
	case *ast.LexicalDeclaration:
		p.bindings(s.List)
	case *ast.ExpressionStatement:
		if !isDirective(s) && !isExport(s) {
			p.keep("code runs at the top level")
		}
	default:
		p.keep("code runs at the top level")
	}
}

func isDirective(s *ast.ExpressionStatement) bool {
	_, ok := s.Expression.(*ast.StringLiteral)
	return ok
}

// isExport recognises the call that the bundle ends with.
func isExport(s *ast.ExpressionStatement) bool {
	call, ok := s.Expression.(*ast.CallExpression)
	if !ok || len(call.ArgumentList) != 1 {
		return false
	}
	callee, ok := call.Callee.(*ast.Identifier)
	_, plain := call.ArgumentList[0].(*ast.Identifier)
	return ok && plain && callee.Name == exportFunction
}

func (p *prover) bindings(list []*ast.Binding) {
	for _, b := range list {
		id, ok := b.Target.(*ast.Identifier)
		if !ok {
			p.keep("a top-level declaration takes values apart")
			return
		}
		k := p.valueKind(b.Initializer)
		if k == 0 {
			p.keep("the top-level %s is no constant", id.Name)
			return
		}
		p.bind(string(id.Name), k)
	}
}

// valueKind says what a binding of the top level holds; 0 when that may keep something.
func (p *prover) valueKind(e ast.Expression) kind {
	switch e := e.(type) {
	case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral:
		return function
	case *ast.ClassLiteral:
		p.class(e)
		return function
	case *ast.RegExpLiteral:
		if strings.ContainsAny(e.Flags, "gy") {
			p.keep("a regular expression with the flag g or y remembers where it was")
			return 0
		}
		return function
	case *ast.ArrayLiteral, *ast.ObjectLiteral:
		if isConstant(e) {
			return container
		}
	case *ast.NewExpression:
		id, ok := e.Callee.(*ast.Identifier)
		if ok && (id.Name == "Set" || id.Name == "Map") && len(e.ArgumentList) == 1 && ofScalars(e.ArgumentList[0], 2) {
			return collection
		}
	default:
		if isConstant(e) {
			return constant
		}
	}
	return 0
}

// isConstant recognises literals, and arrays and objects of them.
func isConstant(e ast.Expression) bool {
	switch e := e.(type) {
	case *ast.StringLiteral, *ast.NumberLiteral, *ast.BooleanLiteral, *ast.NullLiteral:
		return true
	case *ast.TemplateLiteral:
		return e.Tag == nil && len(e.Expressions) == 0
	case *ast.UnaryExpression:
		_, number := e.Operand.(*ast.NumberLiteral)
		return number && (e.Operator == token.MINUS || e.Operator == token.PLUS || e.Operator == token.NOT || e.Operator == token.VOID)
	case *ast.ArrayLiteral:
		for _, element := range e.Value {
			if element == nil || !isConstant(element) {
				return false
			}
		}
		return true
	case *ast.ObjectLiteral:
		for _, property := range e.Value {
			keyed, ok := property.(*ast.PropertyKeyed)
			if !ok || keyed.Computed || keyed.Kind != ast.PropertyKindValue || isProto(keyed.Key) || !isConstant(keyed.Value) {
				return false
			}
		}
		return true
	}
	return false
}

func isProto(key ast.Expression) bool {
	text, ok := key.(*ast.StringLiteral)
	return ok && text.Value == "__proto__"
}

// ofScalars recognises an array of scalars, or of arrays of them to a depth: what a Set or Map is made of.
func ofScalars(e ast.Expression, depth int) bool {
	list, ok := e.(*ast.ArrayLiteral)
	if !ok {
		_, object := e.(*ast.ObjectLiteral)
		return depth < 2 && !object && isConstant(e)
	}
	if depth == 0 {
		return false
	}
	for _, element := range list.Value {
		if element == nil || !ofScalars(element, depth-1) {
			return false
		}
	}
	return true
}

// class looks at what a class keeps in itself.
func (p *prover) class(c *ast.ClassLiteral) {
	for _, element := range c.Body {
		switch element := element.(type) {
		case *ast.FieldDefinition:
			if element.Static {
				p.keep("a class has static fields")
			}
			if element.Computed {
				p.keep("a class computes the name of a member")
			}
		case *ast.ClassStaticBlock:
			p.keep("a class runs code when it is defined")
		case *ast.MethodDefinition:
			if element.Computed {
				p.keep("a class computes the name of a member")
			}
		}
	}
	if c.SuperClass == nil {
		return
	}
	base, ok := c.SuperClass.(*ast.Identifier)
	if !ok {
		p.keep("a class computes its base")
		return
	}
	// A base may return another object from its constructor, and private members go on frozen objects too.
	if hasPrivate(c) && (!harmless[string(base.Name)] || p.module[string(base.Name)] != 0) {
		p.keep("a class with private members has a base")
	}
}

func hasPrivate(c *ast.ClassLiteral) (found bool) {
	for _, element := range c.Body {
		var key ast.Expression
		switch element := element.(type) {
		case *ast.FieldDefinition:
			key = element.Key
		case *ast.MethodDefinition:
			key = element.Key
		}
		if _, private := key.(*ast.PrivateIdentifier); private {
			found = true
		}
	}
	return found
}

// freezeAtEnd puts the call at the end of the top level that freezes a copy and what is declared there.
func freezeAtEnd(body *ast.BlockStatement, f *facts, declared []string) {
	at := body.RightBrace
	call := &ast.CallExpression{Callee: identifier(helpFreeze, at), LeftParenthesis: at, RightParenthesis: at}
	for _, name := range declared {
		call.ArgumentList = append(call.ArgumentList, identifier(name, at))
	}
	f.helpers[helpFreeze] = true
	body.List = append(body.List, &ast.ExpressionStatement{Expression: call})
}

func identifier(name string, at file.Idx) *ast.Identifier {
	return &ast.Identifier{Name: unistring.NewFromString(name), Idx: at}
}
