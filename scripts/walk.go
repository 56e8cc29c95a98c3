package scripts

import (
	"reflect"

	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/file"
)

// walk visits every node below and with root, parents first; visit returns false to leave out what is below a node. It
// goes by the fields of the node types themselves, so there is no kind of node that it could forget.
func walk(root any, visit func(n ast.Node) bool) {
	walkValue(reflect.ValueOf(root), visit)
}

var fileType = reflect.TypeFor[*file.File]()

func walkValue(v reflect.Value, visit func(n ast.Node) bool) {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			walkValue(v.Elem(), visit)
		}
	case reflect.Pointer:
		if v.IsNil() || v.Type() == fileType {
			return
		}
		if n, ok := v.Interface().(ast.Node); ok && !visit(n) {
			return
		}
		if v.Elem().Kind() == reflect.Struct {
			walkFields(v.Elem(), visit)
		}
	case reflect.Struct:
		walkFields(v, visit)
	case reflect.Slice:
		for i := range v.Len() {
			walkValue(v.Index(i), visit)
		}
	}
}

// walkFields leaves out lists of declarations, which repeat what stands in the body.
func walkFields(v reflect.Value, visit func(n ast.Node) bool) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" {
			walkValue(v.Field(i), visit)
		}
	}
}

var expressionType = reflect.TypeFor[ast.Expression]()

// rewrite replaces expressions below root, innermost first.
func rewrite(root any, replace func(e ast.Expression) ast.Expression) {
	rewriteValue(reflect.ValueOf(root), replace)
}

func rewriteValue(v reflect.Value, replace func(e ast.Expression) ast.Expression) {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		rewriteValue(v.Elem(), replace)
		if v.Type() == expressionType && v.CanSet() {
			old := v.Interface().(ast.Expression)
			if e := replace(old); e != old {
				v.Set(reflect.ValueOf(e))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != fileType && v.Elem().Kind() == reflect.Struct {
			rewriteFields(v.Elem(), replace)
		}
	case reflect.Struct:
		rewriteFields(v, replace)
	case reflect.Slice:
		for i := range v.Len() {
			rewriteValue(v.Index(i), replace)
		}
	}
}

func rewriteFields(v reflect.Value, replace func(e ast.Expression) ast.Expression) {
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() && f.Name != "DeclarationList" {
			rewriteValue(v.Field(i), replace)
		}
	}
}
