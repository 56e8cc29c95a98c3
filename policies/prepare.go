package policies

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"reflect"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"framegate/engine"
	"framegate/filters"
	"framegate/remotehosts"
	"framegate/scripts"
)

// blockStyle are the styles of texts that begin on the line below.
const blockStyle = yaml.LiteralStyle | yaml.FoldedStyle

// preparation is what a filter asked for while it was prepared.
type preparation struct {
	asked     *asked
	files     string // a hash of those it read
	allStores bool   // it has a script that names stores itself
	allCalls  bool   // it has a script that calls policies itself
}

// asked are the names that a filter asked for. Scripts go on asking while they
// run, from many goroutines.
type asked struct {
	mu            sync.Mutex
	stores, calls map[string]bool
}

func (a *asked) note(names map[string]bool, name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	names[name] = true
}

// lookups are what filters find by name. They do not change once loaded; scripts
// hold them as long as they run.
type lookups struct {
	policies map[string]*engine.Policy
	stores   map[string]*engine.Store
}

func (l *lookups) call(a *asked, name string) (*engine.Policy, error) {
	p, ok := l.policies[name]
	if !ok {
		return nil, &unknownName{"policy", name, didYouMean(name, names(l.policies), "policies")}
	}
	a.note(a.calls, name)
	return p, nil
}

func (l *lookups) store(a *asked, name string) (*engine.Store, error) {
	s, ok := l.stores[name]
	if !ok {
		return nil, &unknownName{"store", name, didYouMean(name, names(l.stores), "stores")}
	}
	a.note(a.stores, name)
	return s, nil
}

// prepare lets the filters of a policy get ready.
func (c *compiler) prepare(p *Policy) {
	for _, s := range p.Filters {
		if s == nil || s.filter == nil || s.broken {
			continue
		}
		if c.ctx.Err() != nil {
			return
		}
		c.prepareStep(p, s)
	}
}

func (c *compiler) prepareStep(p *Policy, s *Step) {
	facts := c.facts[p.name]
	made := &preparation{asked: &asked{stores: make(map[string]bool), calls: make(map[string]bool)}}
	facts.steps[s] = made
	files := track(c.reader.files)
	if preparer, ok := s.filter.(filters.Preparer); ok {
		if err := guard(func() error { return preparer.Prepare(c.envOf(p, s, files, made.asked)) }); err != nil {
			s.broken = true
			c.prepareProblem(s, err)
		}
	}
	made.files = files.hash()
	made.allStores = files.mentions("stores") || mentions(s, "stores")
	made.allCalls = files.mentions(".call(") || mentions(s, ".call(")
	for name := range made.asked.calls {
		if facts.calls[name] == nil {
			facts.calls[name] = s
		}
	}
	if closer, ok := s.filter.(io.Closer); ok {
		c.closers = append(c.closers, closer)
	}
}

// guard makes an error of a panic: a filter's mistake must not end the process that reloads.
func guard(prepare func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("this filter type has a mistake of its own: %v", p)
		}
	}()
	return prepare()
}

// envOf is what the filter may ask for.
func (c *compiler) envOf(p *Policy, s *Step, files fs.FS, asked *asked) *filters.Env {
	found := &lookups{c.policies, c.stores}
	return &filters.Env{
		Policy: p.name, Filter: s.Name, Line: s.place.line, Hooks: c.facts[p.name].hooks,
		Files: files, Hosts: c.hosts, Scripts: c.options.Scripts, State: c.options.State, Log: c.options.Log,
		Live: c.live, KeySets: c.keySets, Now: c.options.Now,
		Call:  func(name string) (*engine.Policy, error) { return found.call(asked, name) },
		Cache: c.cache,
		Store: func(name string) (*engine.Store, error) { return found.store(asked, name) },
		At:    func(field string) engine.Position { return textPosition(s, field) },
	}
}

// cache is the cache of a name: the one of the configuration before, if it had one.
func (c *compiler) cache(name string) *engine.Cache {
	if c.caches[name] == nil && c.old != nil {
		c.caches[name] = c.old.caches[name]
	}
	if c.caches[name] == nil {
		c.caches[name] = engine.NewCache()
	}
	return c.caches[name]
}

// unknownName is the error of Env.Call and Env.Store.
type unknownName struct{ what, name, hint string }

func (e *unknownName) Error() string { return fmt.Sprintf("there is no %s %q", e.what, e.name) }

// Hint says what to write instead.
func (e *unknownName) Hint() string { return e.hint }

// textPosition is where the text of a field begins; of a block (|) that is the
// line below.
func textPosition(s *Step, field string) engine.Position {
	at := s.at(field)
	n := s.node
	for rest := field; n != nil && rest != ""; {
		_, n, rest = pathStep(n, rest)
	}
	if n != nil && n.Style&blockStyle != 0 {
		line := at.line + 1
		for strings.TrimSpace(s.source.line(line)) == "" && line < at.line+50 {
			line++
		}
		return engine.Position{File: s.source.name, Line: at.line + 1, Col: indent(s.source.line(line)) + 1}
	}
	return at.position()
}

// prepareProblem reports why a filter cannot be used, at the field if the filter names one.
func (c *compiler) prepareProblem(s *Step, err error) {
	var script *scripts.Error
	if errors.As(err, &script) && script.File != "" {
		c.scriptProblem(script)
		return
	}
	at, what, hint := s.place, err.Error(), ""
	var field *filters.FieldError
	if errors.As(err, &field) {
		at, hint = s.at(field.Field), field.Hint
		what = fmt.Sprintf("%q: %s", lastKey(field.Field), field.Err)
	}
	if script != nil && hint == "" {
		hint = script.Hint
	}
	var host *remotehosts.UnknownHost
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &host):
		hint = didYouMean(host.Name, c.hosts.Names(), "remote hosts")
	case hint == "" && errors.As(err, &hinted):
		hint = hinted.Hint()
	case hint == "":
		hint = "`framegate explain " + s.Type + "` shows its fields"
	}
	c.errorf(at, hint, "%s: %s", s.label(), what)
}

// lastKey is the last key of a path that is not the number of an item.
func lastKey(path string) string {
	keys := strings.Split(path, ".")
	for len(keys) > 1 && strings.Trim(keys[len(keys)-1], "0123456789") == "" {
		keys = keys[:len(keys)-1]
	}
	return keys[len(keys)-1]
}

// scriptProblem reports what is wrong in a script, in the script's own lines.
func (c *compiler) scriptProblem(err *scripts.Error) {
	s := &source{name: err.File}
	for _, known := range c.reader.sources {
		if known.name == err.File {
			s = known
		}
	}
	if s.text == "" {
		s.text, _ = c.reader.text(err.File, maxDataFile)
	}
	hint := err.Hint
	if hint == "" {
		hint = "mend the script at this place"
	}
	c.errorf(place{s, err.Line, err.Col, 1}, hint, "%s", err.What)
}

// filterKey is what a filter must have in common with its predecessor to inherit from it.
type filterKey struct{ policy, name, kind string }

// inherited is a filter with the hash of its settings.
type inherited struct {
	filter   engine.Filter
	settings string
}

// inherit hands the state of the predecessor over.
func (c *compiler) inherit(p *Policy, s *Step) {
	key := filterKey{p.name, s.Name, s.Type}
	mine := inherited{s.filter, hashOf(reflect.ValueOf(s.filter))}
	c.settings[key] = mine
	heir, ok := s.filter.(engine.Inheritor)
	if !ok || c.old == nil || c.broken() {
		return
	}
	if before, ok := c.old.settings[key]; ok && before.settings == mine.settings {
		heir.Inherit(before.filter)
	}
}
