package scripts

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
)

// The regular expressions of the JavaScript engine are RE2's, whose time grows with the text only. What RE2 does not
// have (back-references, look-around, counts over 1000) runs by backtracking, which no interrupt ends. It is given up
// after [matchTimeout] and then says "no match": a rule that looks for something bad would let it pass. So a call in
// which nearly that much time has passed is an abort, whatever it returned.

// patternProblem tells what is wrong with an expression for us, and whether it needs backtracking.
func patternProblem(pattern, flags string) (problem, hint string, backtracks bool) {
	if len(pattern) > maxRegexpCheck {
		return fmt.Sprintf("a regular expression of more than %d characters", maxRegexpCheck), "", false
	}
	if at := propertyClass(pattern); at != "" {
		return fmt.Sprintf("regular expression: %s matches the letters %q here, not a class of characters", at, strings.TrimPrefix(at, `\`)),
			`the JavaScript engine has no Unicode property classes; write the ranges out, such as [A-Za-z\u00C0-\u024F]`, false
	}
	text, err := parser.TransformRegExp(pattern, strings.Contains(flags, "s"), strings.Contains(flags, "u"))
	if err != nil {
		var incompatible parser.RegexpErrorIncompatible
		return "", "", errors.As(err, &incompatible)
	}
	_, err = regexp.Compile(text)
	var e *syntax.Error
	return "", "", errors.As(err, &e) && e.Code == syntax.ErrInvalidRepeatSize
}

// propertyClass finds \p{…} and \P{…}, but not \\p.
func propertyClass(pattern string) string {
	for i := 0; i+2 < len(pattern); i++ {
		if pattern[i] != '\\' {
			continue
		}
		if (pattern[i+1] == 'p' || pattern[i+1] == 'P') && pattern[i+2] == '{' {
			end := strings.IndexByte(pattern[i:], '}')
			if end < 0 {
				end = 2
			}
			return pattern[i : i+end+1]
		}
		i++
	}
	return ""
}

// checkRegexps looks at the expressions in the script's text.
func (c *code) checkRegexps(body ast.Node, f *file.File) (err error) {
	look := func(pattern, flags string, at file.Idx) {
		problem, hint, backtracks := patternProblem(pattern, flags)
		if problem != "" && err == nil {
			err = &Error{Position: c.at(f, at), What: problem, Hint: hint}
		}
		if backtracks && !c.facts.backtracks {
			c.facts.backtracks, c.facts.backtracksAt = true, c.at(f, at)
		}
	}
	walk(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.RegExpLiteral:
			look(n.Pattern, n.Flags, n.Idx)
		case *ast.NewExpression:
			if pattern, flags, ok := regexpArguments(n.Callee, n.ArgumentList); ok {
				look(pattern, flags, n.New)
			}
		case *ast.CallExpression:
			if pattern, flags, ok := regexpArguments(n.Callee, n.ArgumentList); ok {
				look(pattern, flags, n.Callee.Idx0())
			}
		}
		return true
	})
	// An expression that is made of a text while the script runs may be any.
	if c.facts.names["RegExp"] && !c.facts.backtracks {
		c.facts.patterns = true
	}
	return err
}

// regexpArguments reads RegExp("…", "…").
func regexpArguments(callee ast.Expression, args []ast.Expression) (pattern, flags string, ok bool) {
	id, isName := callee.(*ast.Identifier)
	if !isName || id.Name != "RegExp" || len(args) == 0 {
		return "", "", false
	}
	text, isText := args[0].(*ast.StringLiteral)
	if !isText {
		return "", "", false
	}
	if len(args) > 1 {
		if f, ok := args[1].(*ast.StringLiteral); ok {
			flags = f.Value.String()
		}
	}
	return text.Value.String(), flags, true
}

// checkPattern looks at an expression that the script makes of a text.
func (c *machine) checkPattern(pattern, flags string) {
	problem, hint, _ := patternProblem(pattern, flags)
	if problem != "" {
		c.throw("%s (%s)", problem, hint)
	}
}
