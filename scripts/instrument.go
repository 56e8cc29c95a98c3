package scripts

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/token"
)

// Some operators can use any amount of time and memory and have no name that a guard could stand behind. Where the
// script uses them they are replaced, in its syntax tree, by calls of helpers that look first: positions stay what they
// were. The helpers have names that no script can write.
const (
	helpSpread = " spread" // ...x
	helpNew    = " new"    // new X(…), unless X is a class of the script or harmless
	helpSize   = " size"   // super(x)
	helpPow    = " pow"    // x ** y
	helpMul    = " mul"    // x * y, where there are BigInts
	helpShl    = " shl"    // x << y, where there are BigInts
	helpText   = " text"   // an addition in which a text may meet itself
	helpFreeze = " freeze" // what a frozen copy has at its top level
)

// harmless constructors take nothing that could be large but what is there already.
var harmless = map[string]bool{
	"Error": true, "TypeError": true, "RangeError": true, "SyntaxError": true, "ReferenceError": true, "EvalError": true, "URIError": true,
	"AggregateError": true, "Date": true, "Promise": true, "Object": true, "String": true, "Number": true, "Boolean": true, "DataView": true,
	"TextEncoder": true, "TextDecoder": true, "URL": true, "URLSearchParams": true, "WeakMap": true, "WeakSet": true,
}

var bigOperators = map[token.Token]string{
	token.EXPONENT: helpPow, token.MULTIPLY: helpMul, token.SHIFT_LEFT: helpShl,
}

// instrument puts the helpers in.
func instrument(body *ast.BlockStatement, f *facts) {
	f.helpers = make(map[string]bool)
	classes := classesOf(body)
	f.guardGrowth(body, countersOf(body))
	walk(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SpreadElement:
			n.Expression = f.help(helpSpread, n.Expression.Idx0(), n.Expression)
		case *ast.ClassLiteral:
			base, ok := n.SuperClass.(*ast.Identifier)
			if n.SuperClass != nil && !(ok && (classes[string(base.Name)] || harmless[string(base.Name)])) {
				f.guardSuper(n)
			}
		}
		return true
	})
	rewrite(body, func(e ast.Expression) ast.Expression {
		switch e := e.(type) {
		case *ast.NewExpression:
			if id, ok := e.Callee.(*ast.Identifier); ok && (classes[string(id.Name)] || harmless[string(id.Name)]) || len(e.ArgumentList) == 0 {
				return e
			}
			return f.help(helpNew, e.New, append([]ast.Expression{e.Callee}, e.ArgumentList...)...)
		case *ast.BinaryExpression:
			if name, ok := bigOperators[e.Operator]; ok && f.bigints {
				return f.help(name, e.Idx0(), e.Left, e.Right)
			}
		case *ast.AssignExpression:
			if name, ok := bigOperators[e.Operator]; ok && f.bigints {
				if id, plain := e.Left.(*ast.Identifier); plain {
					return &ast.AssignExpression{Operator: token.ASSIGN, Left: id, Right: f.help(name, e.Idx0(), &ast.Identifier{Name: id.Name, Idx: id.Idx}, e.Right)}
				}
			}
		}
		return e
	})
}

// guardSuper looks at what a class gives to the constructor of a base that the script did not write.
func (f *facts) guardSuper(class *ast.ClassLiteral) {
	walk(class.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpression)
		if !ok || len(call.ArgumentList) == 0 {
			return true
		}
		if _, ok := call.Callee.(*ast.SuperExpression); ok {
			if _, spread := call.ArgumentList[0].(*ast.SpreadElement); !spread {
				call.ArgumentList[0] = f.help(helpSize, call.ArgumentList[0].Idx0(), call.ArgumentList[0])
			}
		}
		return true
	})
}

// help is a call of a helper.
func (f *facts) help(name string, at file.Idx, args ...ast.Expression) ast.Expression {
	f.helpers[name] = true
	return &ast.CallExpression{Callee: identifier(name, at), LeftParenthesis: at, ArgumentList: args, RightParenthesis: args[len(args)-1].Idx1()}
}

// classesOf lists the names that are certainly classes and functions of the script.
func classesOf(body ast.Node) map[string]bool {
	classes, others := make(map[string]bool), make(map[string]bool)
	walk(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ClassDeclaration:
			classes[string(n.Class.Name.Name)] = true
		case *ast.FunctionDeclaration:
			classes[string(n.Function.Name.Name)] = true
		case *ast.Binding:
			if id, ok := n.Target.(*ast.Identifier); ok {
				note(classes, others, string(id.Name), n.Initializer)
			}
		case *ast.AssignExpression:
			if id, ok := n.Left.(*ast.Identifier); ok {
				note(classes, others, string(id.Name), n.Right)
			}
		}
		return true
	})
	for name := range others {
		delete(classes, name)
	}
	return classes
}

func note(classes, others map[string]bool, name string, value ast.Expression) {
	switch value.(type) {
	case *ast.ClassLiteral, *ast.FunctionLiteral:
		classes[name] = true
	default:
		others[name] = true
	}
}
