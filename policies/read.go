package policies

import (
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// gatewayFile is the one file that every gateway has.
const gatewayFile = "gateway.yaml"

// directories are read beside gateway.yaml without being included.
var directories = []string{"policies", "remotehosts", "stores", "apis"}

// maxFiles is how many configuration files a gateway may have.
const maxFiles = 2000

// reader reads the files of a gateway into sources.
type reader struct {
	*report
	files   *tracker
	env     func(string) (string, bool)
	sources []*source
	data    map[string]*source // files of records that were met on the way, parsed
	written map[*yaml.Node]string
}

// readAll reads gateway.yaml, the directories beside it and what is included,
// and resolves {{…}} in all of it.
func (r *reader) readAll() {
	main := r.source(gatewayFile, maxConfigFile)
	if main == nil {
		return
	}
	r.sources = append(r.sources, main)
	for _, dir := range directories {
		r.directory(dir)
	}
	r.include(main)
	tree, from := r.valuesFile(main)
	v := values{report: r.report, tree: tree, from: from, env: r.env, files: r.files, written: r.written}
	for _, s := range r.sources {
		v.resolve(s)
	}
	for _, s := range r.data {
		v.resolve(s)
	}
}

// source reads and parses one file; nil after a problem that leaves nothing to go on with.
func (r *reader) source(name string, limit int64) *source {
	return r.sourceAt(place{}, name, limit)
}

// sourceAt reads a file that is named at a place.
func (r *reader) sourceAt(at place, name string, limit int64) *source {
	s := &source{name: name}
	if at.source == nil {
		at = place{source: s}
	}
	text, err := r.text(name, limit)
	if err != nil {
		hint := "names start at the gateway's directory and stay in it"
		if name == gatewayFile {
			hint = "name the directory that holds gateway.yaml, or make one: framegate init DIRECTORY"
		}
		if errors.Is(err, errTooLarge) {
			hint = "split it: every policies/*.yaml is read; records go into files of stores"
		}
		r.errorf(at, hint, "%s", fileProblem(name, err))
		return nil
	}
	s.text = text
	r.parse(s)
	nodes := maxNodes
	if limit > maxConfigFile {
		nodes = maxDataNodes
	}
	r.normalize(s, nodes)
	return s
}

func (r *reader) text(name string, limit int64) (string, error) {
	f, err := r.files.FS.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return "", errors.New("it is a directory")
	}
	text, err := readLimited(f, limit)
	if err == nil {
		r.files.note(name, text)
	}
	return string(text), err
}

// directory reads the YAML files of one of the directories. In stores, a file
// without the key `stores` is one of records.
func (r *reader) directory(dir string) {
	entries, err := r.files.ReadDir(dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			r.errorf(place{}, "", "%s", fileProblem(dir, err))
		}
		return
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue // what editors and mounts leave behind
		}
		name := path.Join(dir, entry.Name())
		switch path.Ext(name) {
		case ".yaml":
			r.once(place{}, name, dir == "stores")
		case ".yml":
			r.warnf(place{source: &source{name: name}}, "rename it to "+strings.TrimSuffix(name, ".yml")+".yaml", "the file is not read: its name does not end in .yaml")
		}
	}
}

// include reads the files that gateway.yaml includes and that are not read yet.
func (r *reader) include(main *source) {
	list := member(main.root, "include")
	if list == nil {
		return
	}
	patterns := list.Content
	if list.Kind == yaml.ScalarNode {
		patterns = []*yaml.Node{list}
	}
	for _, pattern := range patterns {
		if pattern.Kind != yaml.ScalarNode {
			continue // the decoder says so
		}
		r.includePattern(main.at(pattern), path.Clean(pattern.Value))
	}
}

func (r *reader) includePattern(at place, pattern string) {
	if !fs.ValidPath(pattern) {
		r.errorf(at, "name files by their path in the gateway's directory, such as extra/*.yaml", "include %s lies outside the gateway's directory", pattern)
		return
	}
	if !strings.ContainsAny(pattern, "*?[") {
		r.once(at, pattern, false)
		return
	}
	names, err := fs.Glob(r.files, pattern)
	switch {
	case err != nil:
		r.errorf(at, "write * for any name, such as extra/*.yaml", "include %s is no pattern for file names", pattern)
		return
	case len(names) == 0:
		r.warnf(at, "names start at the gateway's directory", "include %s finds no file", pattern)
	}
	for _, name := range names {
		r.once(at, name, false)
	}
}

// once reads a file that has not been read yet.
func (r *reader) once(at place, name string, mayBeData bool) {
	if len(r.sources) == maxFiles {
		r.errorf(place{source: &source{name: name}}, "put more policies into one file", "the gateway has more than %d configuration files", maxFiles)
		return
	}
	if r.data[name] != nil || slices.ContainsFunc(r.sources, func(s *source) bool { return s.name == name }) {
		return
	}
	limit := int64(maxConfigFile)
	if mayBeData {
		limit = maxDataFile
	}
	s := r.sourceAt(at, name, limit)
	switch {
	case s == nil:
	case mayBeData && member(s.root, "stores") == nil:
		r.data[name] = s
	case len(s.text) > maxConfigFile:
		r.errorf(place{source: s}, "split it: every policies/*.yaml is read; records go into files of stores", "the file has more than %d KiB", maxConfigFile>>10)
	default:
		r.sources = append(r.sources, s)
	}
}

// valuesFile reads the file that {{name}} looks into.
func (r *reader) valuesFile(main *source) (tree *yaml.Node, name string) {
	name, at := "values.yaml", place{}
	if n := member(main.root, "values"); n != nil {
		if n.Kind != yaml.ScalarNode || isNull(n) {
			return nil, name // the decoder says so
		}
		name, at = path.Clean(n.Value), main.at(n)
	}
	if at.source == nil {
		if _, err := r.files.Stat(name); errors.Is(err, fs.ErrNotExist) {
			return nil, name
		}
	}
	s := r.sourceAt(at, name, maxConfigFile)
	if s == nil || s.root == nil {
		return nil, name
	}
	if s.root.Kind != yaml.MappingNode {
		r.errorf(s.at(s.root), "write `name: value` lines", "values must be a map")
		return nil, name
	}
	v := values{report: r.report, from: name, env: r.env, files: r.files, written: r.written}
	v.resolve(s)
	return s.root, name
}

// records returns the parsed file of a store's records.
func (r *reader) records(at place, name string) *source {
	clean := path.Clean(name)
	if s := r.data[clean]; s != nil {
		return s
	}
	if !fs.ValidPath(clean) {
		r.errorf(at, "names start at the gateway's directory and stay in it, such as stores/users.yaml", "file %s lies outside the gateway's directory", name)
		return nil
	}
	s := r.sourceAt(at, clean, maxDataFile)
	if s == nil {
		return nil
	}
	r.data[clean] = s
	v := values{report: r.report, from: "values.yaml", env: r.env, files: r.files, written: r.written}
	v.resolve(s)
	return s
}
