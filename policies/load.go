package policies

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"gopkg.in/yaml.v3"

	"framegate/engine"
	"framegate/filters"
	"framegate/remotehosts"
	"framegate/scripts"
)

// Options are what a configuration is loaded with besides its files.
type Options struct {
	Scripts  *scripts.Library // compiles scripts, and keeps those that did not change
	State    engine.State     // what filters and scripts keep beyond a session
	Log      *slog.Logger
	Now      func() time.Time                 // what filters take the time from outside of messages; nil: [time.Now]
	Env      func(name string) (string, bool) // environment variables; nil: those of the process
	Payloads int                              // how many bytes of payloads the traffic log keeps where the author does not say
	StandIn  string                           // host:port that is dialled in place of remote hosts marked `dev: echo`; empty: themselves
	Trails   int                              // of one message in how many it keeps the whole trail where the author does not say

	reopen func() (fs.FS, io.Closer, error) // the gateway's directory, for files that are read again between loads
}

// Load reads the gateway in a directory and compiles it to a snapshot. It lists
// all problems, warnings among them; with one that is more than a warning the
// snapshot is nil. Remote hosts and filters of old, which may be nil, keep their
// state where their settings are the same.
//
// Nothing is opened or started, so that check is a Load too.
func Load(ctx context.Context, dir string, options Options, old *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
	root, problem := openDirectory(dir)
	if problem != nil {
		return nil, []engine.Problem{*problem}
	}
	defer root.Close()
	options.reopen = func() (fs.FS, io.Closer, error) {
		again, err := os.OpenRoot(dir)
		if err != nil {
			return nil, nil, err
		}
		return again.FS(), again, nil
	}
	return load(ctx, root.FS(), options, tableOfFilters(), old)
}

// Loader loads the gateway in a directory anew each time it is called.
func Loader(dir string, options Options) engine.Loader {
	return func(ctx context.Context, old *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
		return Load(ctx, dir, options, old)
	}
}

// ConfigOf is the decoded configuration that a snapshot was made of; nil for a
// snapshot that [Load] did not make.
func ConfigOf(s *engine.Snapshot) *Config {
	if o := originOf(s); o != nil {
		return o.config
	}
	return nil
}

// origin is what a snapshot keeps of its making, for the next one.
type origin struct {
	config   *Config
	hosts    *remotehosts.Set
	keySets  *filters.KeySets
	live     *filters.LiveStores
	settings map[filterKey]inherited
	caches   map[string]*engine.Cache
}

func originOf(s *engine.Snapshot) *origin {
	if s == nil {
		return nil
	}
	o, _ := s.Origin.(*origin)
	return o
}

// openDirectory opens the gateway's directory as the root that no file name leaves.
func openDirectory(dir string) (*os.Root, *engine.Problem) {
	info, err := os.Stat(dir)
	hint := "name the directory that holds gateway.yaml, or make one: framegate init DIRECTORY"
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &engine.Problem{What: "there is no directory " + dir, Hint: hint}
	case err == nil && !info.IsDir():
		return nil, &engine.Problem{What: dir + " is a file; a gateway is a directory", Hint: hint}
	case err != nil:
		return nil, &engine.Problem{What: "open directory: " + err.Error(), Hint: hint}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, &engine.Problem{What: "open directory: " + err.Error(), Hint: hint}
	}
	return root, nil
}

// load is Load over any file system and table of filters.
func load(ctx context.Context, files fs.FS, options Options, kinds catalog, old *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
	options = options.withDefaults()
	if options.reopen == nil {
		options.reopen = func() (fs.FS, io.Closer, error) { return files, io.NopCloser(nil), nil }
	}
	all := &report{secrets: make(map[string]string)}
	m := readConfig(all, files, options, kinds)
	r := m.reader
	if len(r.sources) == 0 {
		return nil, all.sorted()
	}
	c := newCompiler(ctx, m, r, options, originOf(old))
	snapshot := c.snapshot()
	if ctx.Err() != nil {
		return nil, []engine.Problem{{What: "load: " + context.Cause(ctx).Error()}}
	}
	if all.broken() {
		return nil, all.sorted()
	}
	snapshot.Loaded = time.Now()
	return snapshot, all.sorted()
}

// readConfig reads and decodes all files.
func readConfig(all *report, files fs.FS, options Options, kinds catalog) *merger {
	r := &reader{report: all, files: track(files), env: options.Env, data: make(map[string]*source), written: make(map[*yaml.Node]string)}
	r.readAll()
	m := &merger{report: all, reader: r, kinds: kinds, config: &Config{}, singles: make(map[string]*located), things: make(map[string]map[string]*located)}
	m.merge(r.sources)
	return m
}

// limits are the author's bounds as the library of scripts takes them.
func (s *Scripts) limits() scripts.Limits {
	return scripts.Limits{
		Call: s.Timeout, Load: s.LoadTimeout, Depth: s.CallDepth, Bytes: int(s.StringSize),
		Elements: s.ArrayLength, Sends: s.SendsPerCall, Errors: s.ErrorsPerMinute,
	}
}

func (o Options) withDefaults() Options {
	if o.Env == nil {
		o.Env = os.LookupEnv
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
