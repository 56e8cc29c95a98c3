package scripts

import (
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/token"
)

// A text that is added to itself doubles: thirty rounds make gigabytes, in less time than a call may take. So additions
// in which a text may meet itself, directly or over another variable that also grows, are looked at. A text to which
// others are added grows by what there is, and time bounds it.

// growing finds the variables and properties that additions make, and what is called after them.
func growing(body ast.Node) map[string]bool {
	grows := make(map[string]bool)
	for before := -1; before != len(grows); {
		before = len(grows)
		walk(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignExpression:
				if n.Operator == token.PLUS || n.Operator == token.ASSIGN && (adds(n.Right) || grows[nameOf(n.Right)]) {
					grows[nameOf(n.Left)] = true
				}
			case *ast.Binding:
				if target, ok := n.Target.(ast.Expression); ok && n.Initializer != nil && grows[nameOf(n.Initializer)] {
					grows[nameOf(target)] = true
				}
			}
			return true
		})
		delete(grows, "")
	}
	return grows
}

// nameOf is the name of a variable or property.
func nameOf(e ast.Expression) string {
	switch e := e.(type) {
	case *ast.Identifier:
		return string(e.Name)
	case *ast.DotExpression:
		return string(e.Identifier.Name)
	case *ast.PrivateDotExpression:
		return string(e.Identifier.Name)
	}
	return ""
}

// adds recognises x + y and `${x}`.
func adds(e ast.Expression) bool {
	switch e := e.(type) {
	case *ast.BinaryExpression:
		return e.Operator == token.PLUS
	case *ast.TemplateLiteral:
		return len(e.Expressions) > 0
	}
	return false
}

// mentions counts the names in an expression, leaving out functions.
func mentions(e ast.Expression) map[string]int {
	counts := make(map[string]int)
	walk(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FunctionLiteral, *ast.ArrowFunctionLiteral, *ast.ClassLiteral:
			return false
		case *ast.Identifier:
			counts[string(n.Name)]++
		case *ast.DotExpression:
			counts[string(n.Identifier.Name)]++
		case *ast.PrivateDotExpression:
			counts[string(n.Identifier.Name)]++
		}
		return true
	})
	return counts
}

// guardGrowth puts a look at the size where a text may meet itself.
func (f *facts) guardGrowth(body *ast.BlockStatement, counters map[string]bool) {
	grows := growing(body)
	rewrite(body, func(e ast.Expression) ast.Expression {
		switch e := e.(type) {
		case *ast.AssignExpression:
			if e.Operator == token.PLUS && !numeric(e.Right, counters) && meets(mentions(e.Right), grows, 1) {
				e.Right = f.help(helpText, e.Right.Idx0(), e.Right)
			}
		case *ast.BinaryExpression, *ast.TemplateLiteral:
			if adds(e) && !numeric(e, counters) {
				if counts := mentions(e); meets(counts, nil, 2) || total(counts, grows) > 1 {
					return f.help(helpText, e.Idx0(), e)
				}
			}
		}
		return e
	})
}

// meets tells whether one of the names (all, when names is nil) is mentioned so often.
func meets(counts map[string]int, names map[string]bool, times int) bool {
	for name, n := range counts {
		if n >= times && (names == nil || names[name]) {
			return true
		}
	}
	return false
}

func total(counts map[string]int, names map[string]bool) (n int) {
	for name, count := range counts {
		if names[name] {
			n += count
		}
	}
	return n
}
