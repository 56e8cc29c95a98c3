package policies

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"framegate/engine"
	"framegate/filters"
)

// spreadHooks finds out in which hooks every policy runs: those that name it,
// and those of the policies that call it.
func (c *compiler) spreadHooks() {
	for _, f := range c.facts {
		f.hooks = 0
	}
	for name, p := range c.config.Policies {
		for _, s := range p.Filters {
			for _, called := range calledBy(s) {
				if c.facts[called] != nil && c.facts[name].calls[called] == nil {
					c.facts[name].calls[called] = s
				}
			}
		}
	}
	for _, port := range names(c.config.Ports) {
		for _, at := range c.config.Ports[port].attached() {
			for _, h := range at.hooks {
				c.spread(h.ref.Name, h.hook, h.ref.place)
			}
		}
	}
}

// spread adds a hook to a policy and to all that it calls.
func (c *compiler) spread(name string, hook engine.Hook, at place) {
	f := c.facts[name]
	if f == nil || f.hooks&hook != 0 {
		return
	}
	f.hooks |= hook
	f.usedAt[hook] = at
	for _, called := range slices.Sorted(maps.Keys(f.calls)) {
		c.spread(called, hook, at)
	}
}

// calledBy lists the policies that the fields of a filter name: those whose
// YAML name is policy, or ends in Policy.
func calledBy(s *Step) []string {
	if s == nil || s.filter == nil {
		return nil
	}
	var called []string
	walkFields(reflect.ValueOf(s.filter), "", func(name string, v reflect.Value) {
		if v.Kind() == reflect.String && (name == "policy" || strings.HasSuffix(name, "Policy")) && v.String() != "" {
			called = append(called, v.String())
		}
	})
	return called
}

// walkFields calls visit for every field with a yaml tag, in structs, lists and maps.
func walkFields(v reflect.Value, name string, visit func(name string, v reflect.Value)) {
	switch {
	case !v.IsValid():
	case v.Kind() == reflect.Pointer && !v.IsNil() && !filters.IsScalar(v.Type()):
		walkFields(v.Elem(), name, visit)
	case filters.IsScalar(v.Type()):
		visit(name, v)
	case v.Kind() == reflect.Struct:
		for _, f := range filters.Fields(v.Type()) {
			walkFields(v.FieldByIndex(f.Index), f.Name, visit)
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walkFields(v.Index(i), name, visit)
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			walkFields(v.MapIndex(key), name, visit)
		}
	}
}

// check finds what only the whole configuration shows.
func (c *compiler) check() {
	c.spreadHooks() // once more: while they were prepared, filters have named more policies
	c.checkRecursion()
	for name, p := range c.policies {
		p.Unfit = c.unfit(name, make(map[string]bool))
	}
	for _, name := range names(c.config.Policies) {
		c.checkHooks(name)
	}
	if c.broken() {
		return // what follows would tell the same mistakes again
	}
	c.checkAttributes()
	c.checkAnswers()
}

// unfit is the hooks in which a policy, or one that it calls, makes no sense.
func (c *compiler) unfit(name string, seen map[string]bool) engine.Hook {
	if seen[name] || c.facts[name] == nil {
		return 0
	}
	seen[name] = true
	var hooks engine.Hook
	for _, s := range c.config.Policies[name].Filters {
		if s.kind != nil {
			hooks |= engine.OnAny &^ s.kind.Hooks
		}
	}
	for called := range c.facts[name].calls {
		hooks |= c.unfit(called, seen)
	}
	return hooks
}

// checkHooks finds filters that make no sense where their policy runs.
func (c *compiler) checkHooks(name string) {
	f := c.facts[name]
	for _, s := range c.config.Policies[name].Filters {
		if s == nil || s.kind == nil {
			continue
		}
		wrong := f.hooks &^ s.kind.Hooks
		if wrong == 0 {
			continue
		}
		first := wrong & -wrong
		c.errorf(s.place, "it can be used in "+s.kind.Hooks.String(), "filter type %q makes no sense in %s, where policy %q runs (%s)", s.kind.Type, first, name, f.usedAt[first].position())
	}
}

// checkRecursion finds policies that call themselves, directly or through others.
func (c *compiler) checkRecursion() {
	done := make(map[string]bool)
	for _, name := range names(c.config.Policies) {
		c.recursion(name, nil, done)
	}
}

func (c *compiler) recursion(name string, way []string, done map[string]bool) {
	f := c.facts[name]
	if f == nil {
		return
	}
	if at := slices.Index(way, name); at >= 0 {
		s := c.facts[way[len(way)-1]].calls[name]
		c.errorf(s.place, "call another policy, or lead an arrow back inside one policy", "policies call each other in a circle: %s", strings.Join(append(way[at:], name), " → "))
		return
	}
	if done[name] {
		return
	}
	way = append(way, name)
	for _, called := range slices.Sorted(maps.Keys(f.calls)) {
		c.recursion(called, way, done)
	}
	done[name] = true
}
