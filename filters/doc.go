package filters

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strings"
	"sync"
)

// Doc is the manual of a filter type, as its source has it.
type Doc struct {
	Type    string     `json:"type"`
	Aliases []string   `json:"aliases,omitempty"`
	Summary string     `json:"summary"` // the first sentence of Text
	Text    string     `json:"text"`
	Example string     `json:"example"` // YAML: a policy's `filters:`, or items of it
	Hooks   []string   `json:"hooks"`
	Ends    bool       `json:"ends"` // success ends the policy unless an arrow says otherwise
	Reads   []string   `json:"reads,omitempty"`
	Writes  []string   `json:"writes,omitempty"`
	Fields  []FieldDoc `json:"fields"`
}

// FieldDoc is the manual of a field.
type FieldDoc struct {
	Name     string     `json:"name"`
	Type     string     `json:"type"` // in an author's words: duration, list of texts…
	Default  string     `json:"default,omitempty"`
	Required bool       `json:"required,omitempty"`
	OneOf    []string   `json:"oneOf,omitempty"`
	Min      string     `json:"min,omitempty"`
	Max      string     `json:"max,omitempty"`
	Text     string     `json:"text"`
	Fields   []FieldDoc `json:"fields,omitempty"` // of a map, or of each item of a list or map
}

// Comments are the comments of the structs in a package's source: under the
// type's name that of the type, under TYPE.FIELD those of its fields.
type Comments map[string]string

// ReadComments parses the Go files of a source. It fails only where the source
// is no Go.
func ReadComments(source fs.FS) (Comments, error) {
	names, err := fs.Glob(source, "*.go")
	if err != nil {
		return nil, fmt.Errorf("read comments: %w", err)
	}
	comments := make(Comments)
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(source, name)
		if err != nil {
			return nil, fmt.Errorf("read comments: %w", err)
		}
		file, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("read comments: %w", err)
		}
		comments.file(file)
	}
	return comments, nil
}

func (c Comments) file(file *ast.File) {
	for _, decl := range file.Decls {
		types, ok := decl.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		for _, spec := range types.Specs {
			spec := spec.(*ast.TypeSpec)
			doc := spec.Doc
			if doc == nil {
				doc = types.Doc
			}
			c[spec.Name.Name] = rawText(doc)
			if fields, ok := spec.Type.(*ast.StructType); ok {
				c.fields(spec.Name.Name, fields)
			}
		}
	}
}

func (c Comments) fields(owner string, fields *ast.StructType) {
	for _, f := range fields.Fields.List {
		for _, name := range f.Names {
			c[owner+"."+name.Name] = strings.Join(strings.Fields(rawText(f.Doc)), " ")
		}
	}
}

// rawText is a comment as it stands, so that the indentation of examples stays.
func rawText(group *ast.CommentGroup) string {
	if group == nil {
		return ""
	}
	var lines []string
	for _, c := range group.List {
		if line, ok := strings.CutPrefix(c.Text, "//"); ok && !strings.HasPrefix(line, "go:") {
			lines = append(lines, strings.TrimPrefix(line, " "))
		}
	}
	return strings.Join(lines, "\n")
}

// ownComments are those of the embedded source, which are read once.
var ownComments = sync.OnceValues(func() (Comments, error) { return ReadComments(Source) })

// Doc reads the manual of the filter type from the embedded source.
func (k *Kind) Doc() (*Doc, error) {
	comments, err := ownComments()
	if err != nil {
		return nil, err
	}
	return k.doc(comments), nil
}

// Docs reads the manuals of all filter types, sorted by type.
func Docs() ([]*Doc, error) {
	comments, err := ownComments()
	if err != nil {
		return nil, err
	}
	var docs []*Doc
	for _, k := range All() {
		docs = append(docs, k.doc(comments))
	}
	return docs, nil
}

func (k *Kind) doc(comments Comments) *Doc {
	t := reflect.TypeOf(k.New()).Elem()
	text, example := SplitExample(renamed(comments[t.Name()], t.Name(), k.Type))
	d := &Doc{
		Type: k.Type, Aliases: k.Aliases, Text: text, Example: example, Summary: firstSentence(text),
		Hooks: k.Hooks.Names(), Ends: k.Ends, Reads: k.Reads, Writes: k.Writes,
	}
	if t.Kind() == reflect.Struct {
		d.Fields = FieldDocs(t, comments)
	}
	return d
}

// FieldDocs are the manuals of a struct's fields, with the comments of its package.
func FieldDocs(t reflect.Type, comments Comments) []FieldDoc {
	var docs []FieldDoc
	for _, f := range Fields(t) {
		d := FieldDoc{
			Name: f.Name, Type: TypeWord(f.Type), Default: f.Default, Required: f.Required,
			OneOf: f.OneOf, Min: f.Min, Max: f.Max, Text: FieldText(f, comments),
		}
		if inner := innerStruct(f.Type); inner != nil && inner.PkgPath() == t.PkgPath() && inner != t {
			d.Fields = FieldDocs(inner, comments)
		}
		docs = append(docs, d)
	}
	return docs
}

// FieldText is the comment of a field.
func FieldText(f Field, comments Comments) string {
	return renamed(comments[f.Owner.Name()+"."+f.Go], f.Go, f.Name)
}

// renamed calls a thing by its name in YAML where its comment begins with the name in Go.
func renamed(comment, name, authors string) string {
	if rest, ok := strings.CutPrefix(comment, name+" "); ok {
		return authors + " " + rest
	}
	return comment
}

// innerStruct is the struct whose fields an author writes inside a field.
func innerStruct(t reflect.Type) reflect.Type {
	for !IsScalar(t) {
		switch t.Kind() {
		case reflect.Struct:
			return t
		case reflect.Pointer, reflect.Slice, reflect.Map:
			t = t.Elem()
		default:
			return nil
		}
	}
	return nil
}

// SplitExample takes the indented block out of a comment: the example, as YAML.
func SplitExample(comment string) (text, example string) {
	var prose, block []string
	for _, line := range strings.Split(comment, "\n") {
		if strings.HasPrefix(line, "\t") || strings.HasPrefix(line, "  ") {
			block = append(block, line)
			continue
		}
		if len(block) > 0 && strings.TrimSpace(line) == "" {
			block = append(block, "")
		}
		prose = append(prose, line)
	}
	return strings.TrimSpace(unwrap(prose)), strings.TrimRight(dedent(block), "\n ")
}

// unwrap joins the lines of each paragraph.
func unwrap(lines []string) string {
	var b strings.Builder
	for i, line := range lines {
		switch {
		case line == "" && i > 0 && lines[i-1] != "":
			b.WriteString("\n\n")
		case line != "" && i > 0 && lines[i-1] != "":
			b.WriteString(" " + line)
		default:
			b.WriteString(line)
		}
	}
	return b.String()
}

// dedent takes away the indentation that all lines have.
func dedent(lines []string) string {
	least := -1
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, "\t", "    ")
		if text := strings.TrimLeft(lines[i], " "); text != "" && (least < 0 || len(lines[i])-len(text) < least) {
			least = len(lines[i]) - len(text)
		}
	}
	for i, line := range lines {
		lines[i] = line[min(max(least, 0), len(line)):]
	}
	return strings.Join(lines, "\n")
}

// firstSentence is the beginning of a text up to its first full stop.
func firstSentence(text string) string {
	text, _, _ = strings.Cut(text, "\n\n")
	if first, _, found := strings.Cut(text, ". "); found {
		return first + "."
	}
	return text
}
