package scripts

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	esbuild "github.com/evanw/esbuild/pkg/api"

	"framegate/engine"
)

// bundle is a script as one piece of classic JavaScript, with the map to what the author wrote.
type bundle struct {
	text    string
	mapping []byte // a source map whose sources are paths in the gateway's directory
	entry   string // the author's file
	shift   int    // columns to add in the lines of an inline script
	inline  bool
}

const (
	entryPath      = "framegate:entry"
	gatewaySpace   = "gateway"
	exportFunction = "$framegate_export" // a parameter of the wrapper; takes the function to call
)

// bundleSource reads the script and all it imports, and makes one piece of JavaScript of it.
func bundleSource(files fs.FS, src *Source) (*bundle, error) {
	b := &bundle{entry: src.File, inline: src.File == ""}
	r := &resolver{files: files, src: src, bundle: b}
	if b.inline {
		b.entry = src.At.File
		if b.entry == "" {
			b.entry = src.name()
		}
		b.shift = max(0, src.At.Col-1)
		if len(src.Text) > MaxSource {
			return nil, &Error{Position: src.At, What: fmt.Sprintf("the script has %d bytes; at most %d are read", len(src.Text), MaxSource)}
		}
	} else if !fs.ValidPath(src.File) {
		return nil, &Error{What: fmt.Sprintf("script file %q is not inside the gateway's directory", src.File), Hint: "give its path from the gateway's directory, such as scripts/stamp.js"}
	} else if _, err := r.stat(src.File); err != nil {
		return nil, &Error{Position: src.At, What: fmt.Sprintf("script file %s: %v", src.File, plain(err)), Hint: "the path is taken from the gateway's directory"}
	}
	result := r.build()
	if len(result.Errors) == 0 && !r.isModule(result.Metafile) {
		r.classic = true
		result = r.build()
	}
	if len(result.Errors) > 0 {
		return nil, r.problem(result.Errors[0])
	}
	for _, file := range result.OutputFiles {
		if strings.HasSuffix(file.Path, ".map") {
			b.mapping = file.Contents
		} else {
			b.text = string(file.Contents)
		}
	}
	if len(b.text) > 16*MaxSource {
		return nil, &Error{Position: engine.Position{File: b.entry}, What: fmt.Sprintf("with all it imports the script has %d bytes; at most %d are allowed", len(b.text), 16*MaxSource)}
	}
	return b, b.nameSources()
}

// build runs the bundler over a virtual entry that imports the function and exports it by a call.
func (r *resolver) build() esbuild.BuildResult {
	return esbuild.Build(esbuild.BuildOptions{
		EntryPoints:    []string{entryPath},
		Bundle:         true,
		Format:         esbuild.FormatESModule,
		Platform:       esbuild.PlatformNeutral,
		Target:         esbuild.ESNext,
		Supported:      lowered,
		Charset:        esbuild.CharsetASCII,
		LegalComments:  esbuild.LegalCommentsNone,
		TreeShaking:    esbuild.TreeShakingTrue,
		Sourcemap:      esbuild.SourceMapExternal,
		SourcesContent: esbuild.SourcesContentExclude,
		Metafile:       true,
		Write:          false,
		Outfile:        "/bundle.js",
		AbsWorkingDir:  "/",
		TsconfigRaw:    "{}",
		LogLevel:       esbuild.LogLevelSilent,
		Plugins:        []esbuild.Plugin{{Name: "gateway", Setup: r.setup}},
	})
}

// lowered is what the JavaScript engine does not have and the bundler can express in other words.
var lowered = map[string]bool{
	"async-generator": false, "for-await": false, "decorators": false, "using": false, "hashbang": false,
	"import-attributes": false, "top-level-await": false,
}

// isModule tells whether the script exports or imports anything; a classic script does not.
func (r *resolver) isModule(metafile string) bool {
	var meta struct {
		Inputs map[string]struct {
			Format string `json:"format"`
		} `json:"inputs"`
	}
	if json.Unmarshal([]byte(metafile), &meta) != nil {
		return true
	}
	return meta.Inputs[gatewaySpace+":"+r.bundle.entry].Format != ""
}

// problem turns a message of the bundler into one about the author's file.
func (r *resolver) problem(m esbuild.Message) error {
	e := &Error{What: strings.ToLower(m.Text[:1]) + m.Text[1:]}
	if detail, ok := m.Detail.(*Error); ok {
		e = detail
	}
	name := r.src.function()
	if strings.Contains(m.Text, "No matching export") && m.Location != nil && strings.HasSuffix(m.Location.File, entryPath) ||
		r.classic && strings.Contains(m.Text, fmt.Sprintf("%q is not declared in this file", name)) {
		return &Error{
			Position: r.start(), What: fmt.Sprintf("the script has no function %s", name),
			Hint: fmt.Sprintf("write `export function %s(msg) { … return true }`", name),
		}
	}
	if m.Location != nil && e.Position == (engine.Position{}) {
		e.Position = r.bundle.position(strings.TrimPrefix(m.Location.File, gatewaySpace+":"), m.Location.Line, utf16Column(m.Location))
	}
	for _, note := range m.Notes {
		if e.Hint == "" {
			e.Hint = note.Text
		}
	}
	return e
}

// start is where the script begins.
func (r *resolver) start() engine.Position {
	if r.bundle.inline {
		return r.src.At
	}
	return engine.Position{File: r.bundle.entry, Line: 1, Col: 1}
}

// utf16Column is the column of a message, counted from 1 in the units of source maps.
func utf16Column(l *esbuild.Location) int {
	col := 1
	for _, c := range l.LineText[:min(l.Column, len(l.LineText))] {
		if col++; c > 0xFFFF {
			col++
		}
	}
	return col
}

// position is a place in the author's file. Inline scripts are read with as many empty lines before them as stand above
// them, so only their columns are off.
func (b *bundle) position(file string, line, col int) engine.Position {
	if b.inline && file == b.entry && col > 0 {
		col += b.shift
	}
	return engine.Position{File: file, Line: line, Col: col}
}

// nameSources takes the bundler's names out of the source map.
func (b *bundle) nameSources() error {
	var m map[string]any
	if err := json.Unmarshal(b.mapping, &m); err != nil {
		return fmt.Errorf("source map of %s: %w", b.entry, err)
	}
	sources, _ := m["sources"].([]any)
	for i, source := range sources {
		name, _ := source.(string)
		sources[i] = strings.TrimPrefix(name, gatewaySpace+":")
	}
	mappings, _ := m["mappings"].(string)
	moved, err := shiftMappings(mappings)
	if err != nil {
		return fmt.Errorf("source map of %s: %w", b.entry, err)
	}
	m["mappings"] = moved
	b.mapping, err = json.Marshal(m)
	return err
}

// key tells programs apart: by everything that they do and say.
func (b *bundle) key(src *Source) [32]byte {
	var text bytes.Buffer
	for _, part := range []string{b.text, string(b.mapping), b.entry, src.name(), src.function(), fmt.Sprint(b.shift, b.inline, src.Shared)} {
		fmt.Fprintf(&text, "%d:%s", len(part), part)
	}
	return sha256.Sum256(text.Bytes())
}

// loaders says how a file is read, by the end of its name.
var loaders = map[string]esbuild.Loader{
	".js": esbuild.LoaderJS, ".mjs": esbuild.LoaderJS, ".cjs": esbuild.LoaderJS,
	".ts": esbuild.LoaderTS, ".mts": esbuild.LoaderTS, ".cts": esbuild.LoaderTS,
	".json": esbuild.LoaderJSON,
}

func loaderOf(file string) (esbuild.Loader, bool) {
	loader, ok := loaders[path.Ext(file)]
	return loader, ok
}
