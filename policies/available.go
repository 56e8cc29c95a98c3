package policies

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"framegate/engine"
	"framegate/filters"
)

// run is a policy that a hook runs, with all it calls: one message goes through
// them, so that what one filter sets another can read.
type run struct {
	c        *compiler
	hook     engine.Hook
	policies []string
	sets     []string // attributes that filters of these policies set
	upgrade  *run     // of the same websocket; nil for the upgrade itself
	path     engine.PathPattern
}

// runsOf lists the runs of a websocket or a route, the upgrade first.
func (c *compiler) runsOf(at attached) []*run {
	var runs []*run
	for _, h := range at.hooks {
		if c.facts[h.ref.Name] == nil {
			continue
		}
		r := &run{c: c, hook: h.hook, path: at.path}
		r.add(h.ref.Name)
		if handler := c.config.FaultHandler.Name; c.facts[handler] != nil && c.policies[handler].Unfit&h.hook == 0 {
			r.add(handler)
		}
		if len(runs) > 0 && runs[0].hook == engine.OnUpgrade {
			r.upgrade = runs[0]
		}
		runs = append(runs, r)
	}
	return runs
}

func (r *run) add(name string) {
	if slices.Contains(r.policies, name) {
		return
	}
	r.policies = append(r.policies, name)
	for _, s := range r.c.config.Policies[name].Filters {
		r.sets = append(r.sets, writes(s)...)
	}
	for called := range r.c.facts[name].calls {
		r.add(called)
	}
}

// generator is a filter that sets attributes which its settings name.
type generator interface{ Generates() []string }

// writes lists the attributes that a filter sets.
func writes(s *Step) []string {
	if s == nil || s.kind == nil {
		return nil
	}
	names := slices.Clone(s.kind.Writes)
	if g, ok := s.filter.(generator); ok && !s.broken {
		names = append(names, g.Generates()...)
	}
	return names
}

// attributeReader is a filter that reads attributes which its settings name elsewhere than in a field of selectors.
type attributeReader interface{ Reads() map[string][]string }

// read is an attribute that a field of a filter reads.
type read struct{ field, name string }

// reads lists the attributes that the selectors of a filter need.
func reads(s *Step) []read {
	var all []read
	if s == nil || s.filter == nil {
		return nil
	}
	walkPaths(reflect.ValueOf(s.filter), "", func(path string, v reflect.Value) {
		if selector, ok := v.Interface().(engine.Selector); ok {
			for _, name := range selector.Attributes() {
				all = append(all, read{path, name})
			}
		}
	})
	if r, ok := s.filter.(attributeReader); ok && !s.broken {
		named := r.Reads()
		for _, field := range slices.Sorted(maps.Keys(named)) {
			for _, name := range named[field] {
				all = append(all, read{field, name})
			}
		}
	}
	return all
}

// walkPaths calls visit for every scalar field, with its path in YAML.
func walkPaths(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	join := func(key string) string { return strings.TrimPrefix(path+"."+key, ".") }
	switch {
	case !v.IsValid():
	case filters.IsScalar(v.Type()):
		visit(path, v)
	case v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface:
		walkPaths(v.Elem(), path, visit)
	case v.Kind() == reflect.Struct:
		for _, f := range filters.Fields(v.Type()) {
			walkPaths(v.FieldByIndex(f.Index), join(f.Name), visit)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walkPaths(v.Index(i), join(fmt.Sprint(i)), visit)
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			walkPaths(v.MapIndex(key), join(fmt.Sprint(key.Interface())), visit)
		}
	}
}

// checkAttributes warns of attributes that nobody sets.
func (c *compiler) checkAttributes() {
	for _, port := range names(c.config.Ports) {
		for _, at := range c.config.Ports[port].attached() {
			for _, r := range c.runsOf(at) {
				r.check()
			}
		}
	}
}

func (r *run) check() {
	for _, name := range r.policies {
		for _, s := range r.c.config.Policies[name].Filters {
			if s == nil || s.broken || s.kind == nil || s.kind.Hooks&r.hook == 0 {
				continue
			}
			for _, read := range reads(s) {
				if !r.has(read.name) {
					r.warn(s, read)
				}
			}
			for _, needed := range s.kind.Reads {
				if !r.has(needed) {
					r.warn(s, read{"", needed})
				}
			}
		}
	}
}

// has tells whether an attribute, or one that it is a part of, is set.
func (r *run) has(name string) bool {
	if inner, ok := strings.CutPrefix(name, "websock.context."); ok {
		return r.upgrade == nil || r.upgrade.has(inner)
	}
	if parameter, ok := strings.CutPrefix(name, "params.path."); ok && r.hook&engine.OnHTTP != 0 {
		return slices.Contains(r.path.Names(), parameter)
	}
	if strings.HasPrefix(name, "websock.session.") || engine.AttributeHooks(name)&r.hook != 0 {
		return true
	}
	for end := len(name); end > 0; end = strings.LastIndexByte(name[:end], '.') {
		if slices.Contains(r.sets, name[:end]) || engine.AttributeHooks(name[:end])&r.hook != 0 {
			return true
		}
	}
	return slices.ContainsFunc(r.sets, func(set string) bool { return strings.HasSuffix(set, ".") && strings.HasPrefix(name, set) })
}

// warn says where the attribute is to be had, or which one was meant.
func (r *run) warn(s *Step, read read) {
	hooks := engine.AttributeHooks(read.name)
	inner, ofContext := strings.CutPrefix(read.name, "websock.context.")
	inContext := !ofContext && r.upgrade != nil && r.upgrade.has(read.name)
	hint := ""
	switch {
	case inContext:
		hint = fmt.Sprintf("what the upgrade had is in its context: ${websock.context.%s}", read.name)
	case ofContext:
		hint = r.upgrade.suggest(inner, "websock.context.")
	case strings.HasPrefix(read.name, "params.path."):
		hint = fmt.Sprintf("the path of the websocket is %s; a parameter in it is a segment such as {room}", r.path)
	case r.hook&engine.OnHTTP != 0 && slices.Contains(engine.IdentityAttributes(), read.name):
		hint = "put a filter before it that finds out who the client is: " + strings.Join(settersOf(read.name, r.hook), ", ")
	case hooks != 0:
		hint = "it is set in " + hooks.String()
	default:
		hint = r.suggest(read.name, "")
	}
	what := "attribute %q is not set in %s"
	if ofContext {
		what = "attribute %q is not set by the upgrade policy, so not in %s"
	}
	r.c.warnf(s.at(read.field), hint, "%s: "+what, s.label(), read.name, r.hook)
}

// settersOf lists the filter types that set an attribute in a hook.
func settersOf(name string, hook engine.Hook) (types []string) {
	for _, k := range filters.All() {
		if k.Hooks&hook != 0 && slices.Contains(k.Writes, name) {
			types = append(types, k.Type)
		}
	}
	return types
}

// suggest finds the attribute that was meant.
func (r *run) suggest(name, prefix string) string {
	known := slices.Clone(r.sets)
	for _, attribute := range engine.EngineAttributes() {
		if engine.AttributeHooks(attribute)&r.hook != 0 && !strings.HasSuffix(attribute, ".") {
			known = append(known, attribute)
		}
	}
	if near, ok := Nearest(name, known); ok {
		return fmt.Sprintf("did you mean ${%s%s}?", prefix, near)
	}
	return fmt.Sprintf("set it with set-attribute, name it in a script's `generates: [%s]`, or give a default: ${%s%s ?: \"…\"}", name, prefix, name)
}
