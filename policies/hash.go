package policies

import (
	"crypto/sha256"
	"encoding"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"framegate/engine"
	"framegate/filters"
)

// hashOf is a hash over what was decoded into a value: its fields with a yaml
// tag, defaults included. Comments, order of keys, and a default that is written
// out make no difference.
func hashOf(v reflect.Value) string {
	h := sha256.New()
	digest(h, v)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// digest writes a value in a form in which different values differ.
func digest(w io.Writer, v reflect.Value) {
	switch {
	case !v.IsValid():
		fmt.Fprint(w, "-")
	case v.Kind() == reflect.Pointer:
		digest(w, v.Elem())
	case v.Kind() == reflect.Interface: // 5 and "5" are not the same
		fmt.Fprint(w, v.Elem().Kind())
		digest(w, v.Elem())
	case v.Type() == reflect.TypeFor[reference]():
		fmt.Fprintf(w, "%q", v.FieldByName("Name").String())
	case filters.IsScalar(v.Type()):
		fmt.Fprintf(w, "%q", scalarText(v))
	case v.Kind() == reflect.Struct:
		for _, f := range filters.Fields(v.Type()) {
			fmt.Fprintf(w, "%s{", f.Name)
			digest(w, v.FieldByIndex(f.Index))
			fmt.Fprint(w, "}")
		}
	case v.Kind() == reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(scalarText(a), scalarText(b)) })
		for _, key := range keys {
			fmt.Fprintf(w, "%q:", scalarText(key))
			digest(w, v.MapIndex(key))
		}
	case v.Kind() == reflect.Slice:
		fmt.Fprintf(w, "[%d", v.Len())
		for i := range v.Len() {
			fmt.Fprint(w, ",")
			digest(w, v.Index(i))
		}
	}
}

// scalarText is the text of a value that one YAML scalar fills.
func scalarText(v reflect.Value) (text string) {
	defer func() {
		if recover() != nil { // an embedded pointer that is nil: the field was left out
			text = ""
		}
	}()
	switch value := v.Interface().(type) {
	case interface{ Text() string }:
		return value.Text()
	case encoding.TextMarshaler:
		if marshalled, err := value.MarshalText(); err == nil {
			return string(marshalled)
		}
	case fmt.Stringer:
		return value.String()
	}
	return fmt.Sprint(v.Interface())
}

// hashAll gives every policy and websocket its hash. A policy's hash covers its
// filters and arrows, the files and stores they read, and the policies they call.
func (c *compiler) hashAll(out *engine.Snapshot) {
	if c.broken() || c.ctx.Err() != nil {
		return
	}
	own := make(map[string]string, len(c.policies))
	for name, p := range c.config.Policies {
		own[name] = c.ownHash(p)
		for _, s := range p.Filters {
			c.inherit(p, s)
		}
	}
	for name, p := range c.policies {
		p.Hash = c.wholeHash(name, own)
	}
	for name, p := range out.Ports {
		port := c.config.Ports[name]
		for i, w := range p.Websockets {
			h := sha256.New()
			digest(h, reflect.ValueOf(port.Websockets[i]))
			digest(h, reflect.ValueOf(port.Clients))
			fmt.Fprint(h, w.Log, port.IdleTimeout, out.ShowReason)
			for _, policy := range []*engine.Policy{w.Upgrade, w.ClientFrame, w.ServerFrame, w.Closed, out.FaultHandler} {
				if policy != nil {
					fmt.Fprint(h, " ", policy.Hash)
				}
			}
			w.Hash = hex.EncodeToString(h.Sum(nil)[:16])
		}
	}
}

// ownHash is the hash of a policy without those it calls.
func (c *compiler) ownHash(p *Policy) string {
	h := sha256.New()
	graph := c.policies[p.name]
	fmt.Fprintf(h, "%q %d\n", p.name, graph.Fault)
	for i, s := range p.Filters {
		n := &graph.Nodes[i]
		made := c.facts[p.name].steps[s]
		fmt.Fprintf(h, "%q %s %d %d %s ", s.Name, s.Type, n.Success, n.Failure, made.files)
		digest(h, reflect.ValueOf(s.filter))
		if s.Type == "script" {
			digest(h, reflect.ValueOf(c.config.Scripts))
		}
		for _, store := range slices.Sorted(maps.Keys(c.storeHashes)) {
			if made.asked.stores[store] || made.allStores {
				fmt.Fprintf(h, " %q %s", store, c.storeHashes[store])
			}
		}
		fmt.Fprintln(h)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// wholeHash adds the policies that are called, by filters or by scripts.
func (c *compiler) wholeHash(name string, own map[string]string) string {
	reached := map[string]bool{}
	var reach func(name string)
	reach = func(name string) {
		if reached[name] || c.facts[name] == nil {
			return
		}
		reached[name] = true
		for called := range c.facts[name].calls {
			reach(called)
		}
		for _, made := range c.facts[name].steps {
			if made.allCalls {
				for other := range c.policies { // a script may call every one by its name
					reach(other)
				}
			}
		}
	}
	reach(name)
	h := sha256.New()
	fmt.Fprintf(h, "%q", name)
	for _, n := range slices.Sorted(maps.Keys(reached)) {
		fmt.Fprintf(h, " %q %s", n, own[n])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// mentions tells whether a scalar of the filter's definition, such as a script
// written inline, has a word in it.
func mentions(s *Step, word string) bool {
	if s.node == nil {
		return false
	}
	for i := 1; i < len(s.node.Content); i += 2 {
		if strings.Contains(s.node.Content[i].Value, word) {
			return true
		}
	}
	return false
}
