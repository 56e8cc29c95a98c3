package filters

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"framegate/engine"
)

// reserved are the keys that every filter has in a policy.
var reserved = []string{"type", "name", "success", "failure"}

// What the table promises, for every filter in it.
func TestTable(t *testing.T) {
	if len(All()) < 25 {
		t.Fatalf("only %d filter types", len(All()))
	}
	comments, err := ReadComments(Source)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range All() {
		t.Run(k.Type, func(t *testing.T) {
			file := strings.ReplaceAll(k.Type, "-", "_") + ".go"
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("the file's name is not the type: %v", err)
			}
			goType := reflect.TypeOf(k.New()).Elem()
			if !strings.Contains(string(source), "\ntype "+goType.Name()+" ") {
				t.Errorf("type %s does not stand in %s", goType.Name(), file)
			}
			if k.Hooks == 0 || k.Hooks&^engine.OnAny != 0 {
				t.Errorf("hooks %v", k.Hooks)
			}
			if k.Closing && !k.Ends {
				t.Error("a closing filter ends a policy")
			}
			d := k.doc(comments)
			if len(d.Summary) < 20 || !strings.HasSuffix(d.Summary, ".") && !strings.HasSuffix(d.Summary, ":") {
				t.Errorf("summary %q", d.Summary)
			}
			if !strings.Contains(d.Example, "type: "+k.Type) {
				t.Errorf("the example does not show the filter:\n%s", d.Example)
			}
			documented(t, k.Type, d.Fields)
			for _, f := range d.Fields {
				for _, name := range reserved {
					if f.Name == name {
						t.Errorf("field %s: every filter has that key", name)
					}
				}
			}
			attributes(t, k)
		})
	}
}

// documented holds that every field, to the last, has a comment and good tags.
func documented(t *testing.T, path string, fields []FieldDoc) {
	t.Helper()
	for _, f := range fields {
		if len(f.Text) < 10 {
			t.Errorf("%s.%s: comment %q", path, f.Name, f.Text)
		}
		if f.Required && f.Default != "" {
			t.Errorf("%s.%s is required and has a default", path, f.Name)
		}
		if first := f.Name[:1]; first != strings.ToLower(first) || strings.ContainsAny(f.Name, "-_") {
			t.Errorf("%s.%s is not camelCase", path, f.Name)
		}
		documented(t, path+"."+f.Name, f.Fields)
	}
}

// attributes holds that what a filter says it reads can be read where it runs.
func attributes(t *testing.T, k *Kind) {
	t.Helper()
	for _, name := range append(k.Reads[:len(k.Reads):len(k.Reads)], k.Writes...) {
		if engine.AttrOf(name).Name() != name || name == "" {
			t.Errorf("attribute %q", name)
		}
	}
	for _, name := range k.Reads {
		if hooks := engine.AttributeHooks(name); hooks != 0 && hooks&k.Hooks == 0 {
			t.Errorf("reads %s, which is set in %s only", name, hooks)
		}
	}
}

// A filter that nobody has filled in may refuse to be prepared or abort, but
// never panics while it is prepared.
func TestEmptyFiltersDoNotPanic(t *testing.T) {
	for _, k := range All() {
		t.Run(k.Type, func(t *testing.T) {
			if p, ok := k.New().(Preparer); ok {
				env := &Env{
					Call:  func(string) (*engine.Policy, error) { return nil, os.ErrNotExist },
					Store: func(string) (*engine.Store, error) { return nil, os.ErrNotExist },
					At:    func(string) engine.Position { return engine.Position{} },
				}
				t.Logf("prepare: %v", p.Prepare(env))
			}
		})
	}
}

// The file of a type is read once, and its comment is all there is to write.
func TestExplain(t *testing.T) {
	for _, k := range All() {
		for _, name := range append(k.Aliases[:len(k.Aliases):len(k.Aliases)], k.Type) {
			var b strings.Builder
			if err := Explain(&b, name); err != nil {
				t.Fatal(err)
			}
			for _, line := range strings.Split(b.String(), "\n") {
				if strings.HasPrefix(line, " ") && len(line) > 140 && !strings.Contains(line, "one of") {
					t.Errorf("%s: line of %d columns: %s", name, len(line), line)
				}
			}
		}
	}
	var b strings.Builder
	if err := Explain(&b, "message-size"); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"message-size\n", "Used in  onClientFrame, onServerFrame, onRequest", "Reads    content.body", "  atMost  (size)", "      atMost: 64KiB"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is not in\n%s", part, b.String())
		}
	}
	if err := Explain(&b, "mesage-size"); err == nil || len(err.(*UnknownType).Types) != len(All()) {
		t.Errorf("an unknown type: %v", err)
	}
}

func TestDocsListEveryType(t *testing.T) {
	docs, err := Docs()
	if err != nil || len(docs) != len(All()) {
		t.Fatalf("%d manuals, %v", len(docs), err)
	}
	for i, k := range All() {
		if docs[i].Type != k.Type || docs[i].Text == "" {
			t.Errorf("manual %d is of %s, want %s", i, docs[i].Type, k.Type)
		}
	}
}

func TestAliasesFindTheType(t *testing.T) {
	k, ok := Lookup("ConnectToURLFilter")
	if !ok || k.Type != "connect-to-url" {
		t.Errorf("%v", k)
	}
	if _, ok := Lookup("nothing"); ok {
		t.Error("a type that is not there was found")
	}
}

func TestEveryTypeHasAFamily(t *testing.T) {
	for _, k := range All() {
		if !slices.Contains(Families(), k.Family) {
			t.Errorf("%s is for nothing that lists know: %q", k.Type, k.Family)
		}
	}
}

// What filters are called elsewhere leads to types that are there, and shadows none.
func TestNamesOfOtherGatewaysLeadToTypes(t *testing.T) {
	for name, ours := range elsewhere {
		if _, ok := Lookup(ours); !ok {
			t.Errorf("%s is %s, which is no filter type", name, ours)
		}
		if _, ok := Lookup(name); ok {
			t.Errorf("%s is a filter type itself", name)
		}
	}
	for name, want := range map[string]string{"rate-limit": "throttling", "Rate_Limiting": "throttling", "cors": "origin", "true": "true-filter"} {
		if got, ok := Called(name); !ok || got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if ours, ok := Called("thrott"); ok {
		t.Errorf("thrott is %s", ours)
	}
}
