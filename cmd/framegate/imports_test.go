package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// mayImport is who may import whom of ours, and of the libraries that have
// their place in one or two packages. Commands may import everything.
var mayImport = map[string][]string{
	"policies":         {"filters", "scripts", "remotehosts", "engine", "engine/wire", "software.sslmate.com/src/go-pkcs12", "gopkg.in/yaml.v3", "github.com/goccy/go-yaml/*", "github.com/fsnotify/fsnotify"},
	"filters":          {"scripts", "remotehosts", "engine", "engine/jsonbytes", "engine/meter", "engine/wire", "golang.org/x/crypto/*", "golang.org/x/time/rate", "github.com/go-jose/go-jose/v4", "github.com/go-jose/go-jose/v4/json", "github.com/santhosh-tekuri/jsonschema/v6", "github.com/itchyny/gojq"},
	"scripts":          {"engine", "engine/jsonbytes", "engine/wire", "github.com/dop251/goja", "github.com/dop251/goja/*", "github.com/evanw/esbuild/*", "github.com/go-sourcemap/sourcemap", "github.com/dlclark/regexp2/v2"},
	"remotehosts":      {"engine", "engine/socket", "engine/wire", "github.com/valyala/fasthttp"},
	"engine":           {"engine/socket", "engine/wire", "github.com/valyala/fasthttp"},
	"engine/socket":    {},
	"engine/wire":      {"github.com/klauspost/compress/*"},
	"engine/jsonbytes": {},
	"engine/meter":     {},
	"engine/state":     {"engine", "engine/meter", "modernc.org/sqlite", "modernc.org/sqlite/lib"},
	"engine/console":   {"engine", "engine/wire", "github.com/valyala/fasthttp"},
}

// Who imports whom is the architecture; a new line in the table is a decision.
func TestImportMap(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "framegate/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, "framegate/")
		if strings.HasPrefix(name, "cmd/") {
			continue
		}
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("package %s is not in the table: what may it import?", name)
		}
		for _, imported := range p.Imports {
			if !strings.Contains(strings.Split(imported, "/")[0], ".") && !strings.HasPrefix(imported, "framegate/") {
				continue // the standard library
			}
			imported = strings.TrimPrefix(imported, "framegate/")
			if !slices.ContainsFunc(allowed, func(pattern string) bool { return matches(pattern, imported) }) {
				t.Errorf("%s must not import %s", name, imported)
			}
		}
	}
}

// With header names kept as they came, fasthttp's Peek compares them with case
// and misses x-api-key: headers are read through wire.Headers only.
func TestNobodyPeeksAtHeaders(t *testing.T) {
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if regexp.MustCompile(`Header\.Peek`).Match(text) {
			t.Errorf("%s calls Peek on a header", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func matches(pattern, name string) bool {
	prefix, all := strings.CutSuffix(pattern, "*")
	return pattern == name || all && strings.HasPrefix(name, prefix)
}
