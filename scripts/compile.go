package scripts

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
	"github.com/dop251/goja/parser"
	"github.com/dop251/goja/unistring"
	"github.com/go-sourcemap/sourcemap"

	"framegate/engine"
)

// code is a compiled script and its idle copies. Programs of the same content share it, across reloads too.
type code struct {
	name     string
	function string
	bundle   *bundle
	program  *goja.Program // evaluates to a function of params
	params   []string      // the bindings that a copy needs
	facts    *facts
	limits   Limits
	declares bool   // loading runs nothing of the script but declarations
	keeps    string // what a copy may keep between messages; empty when it is proven to keep nothing
	shared   bool   // the author's word
	pool     pool
}

func (c *code) pooled() bool { return c.shared || c.keeps == "" }

// frozen tells whether copies are frozen, so that what the proof has missed cannot leak.
func (c *code) frozen() bool { return c.keeps == "" && !c.shared }

// The script stands in a block of a function that takes its bindings: a script may so declare what it likes.
const (
	wrapperHead = "(function () {{\n"
	wrapperTail = "\n}})"
)

// compile parses the bundle, looks at it, guards it and compiles it.
func compile(b *bundle, src *Source, limits Limits) (*code, error) {
	c := &code{name: src.name(), function: src.function(), bundle: b, limits: limits, shared: src.Shared}
	c.pool.max = limits.Pool
	origins, err := sourcemap.Parse("", b.mapping)
	if err != nil {
		return nil, fmt.Errorf("source map of %s: %w", b.entry, err)
	}
	tree, err := goja.Parse("script", wrapperHead+b.text+wrapperTail, parser.WithDisableSourceMaps)
	if err != nil {
		return nil, c.syntaxError(err, origins)
	}
	tree.File.SetSourceMap(origins)
	wrapper, body := unwrap(tree)
	c.facts = gather(body)
	if err := c.checkRegexps(body, tree.File); err != nil {
		return nil, err
	}
	c.declares = onlyDeclares(body)
	keeps, declared := prove(body)
	c.keeps = keeps
	instrument(body, c.facts)
	if c.frozen() {
		freezeAtEnd(body, c.facts, declared)
	}
	c.params = bindingsFor(c.facts)
	wrapper.ParameterList.List = nil
	for _, name := range c.params {
		target := &ast.Identifier{Name: unistring.NewFromString(name), Idx: wrapper.ParameterList.Opening}
		wrapper.ParameterList.List = append(wrapper.ParameterList.List, &ast.Binding{Target: target})
	}
	c.program, err = goja.CompileAST(tree, true)
	if err != nil {
		return nil, c.compileError(err)
	}
	return c, nil
}

// unwrap finds the function around the script, and the script's block.
func unwrap(tree *ast.Program) (*ast.FunctionLiteral, *ast.BlockStatement) {
	f := tree.Body[0].(*ast.ExpressionStatement).Expression.(*ast.FunctionLiteral)
	return f, f.Body.List[0].(*ast.BlockStatement)
}

// syntaxError is an error of the parser; the bundler has let pass what the JavaScript engine does not know.
func (c *code) syntaxError(err error, origins *sourcemap.Consumer) error {
	var list parser.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return &Error{Position: engine.Position{File: c.bundle.entry}, What: err.Error(), Err: err}
	}
	first := list[0]
	e := &Error{Position: engine.Position{File: c.bundle.entry}, What: lowerFirst(first.Message)}
	if source, _, line, col, ok := origins.Source(first.Position.Line, first.Position.Column); ok {
		e.Position = c.bundle.position(source, line, col)
	}
	return e
}

// compileError is an error of the compiler.
func (c *code) compileError(err error) error {
	var syntax *goja.CompilerSyntaxError
	var reference *goja.CompilerReferenceError
	switch {
	case errors.As(err, &syntax):
		return &Error{Position: c.position(syntax.File.Position(syntax.Offset)), What: lowerFirst(syntax.Message)}
	case errors.As(err, &reference):
		return &Error{Position: c.position(reference.File.Position(reference.Offset)), What: lowerFirst(reference.Message)}
	}
	return &Error{Position: engine.Position{File: c.bundle.entry}, What: err.Error(), Err: err}
}

// position is a place that the JavaScript engine has mapped, as the author counts.
func (c *code) position(p file.Position) engine.Position {
	if p.Filename == "script" || p.Filename == "" {
		return engine.Position{File: c.bundle.entry}
	}
	name, err := url.PathUnescape(p.Filename)
	if err != nil {
		name = p.Filename
	}
	return c.bundle.position(name, p.Line, p.Column)
}

// at is the place of a node.
func (c *code) at(f *file.File, idx file.Idx) engine.Position {
	return c.position(f.Position(int(idx) - f.Base()))
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
