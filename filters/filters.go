// Package filters holds every filter, one per file, and the table of them.
//
// A filter's file is the only place that knows it. Its struct is what the
// author's YAML decodes into; tags and comments of the fields are the decoder's
// rules, the JSON Schema, the help of `framegate explain` and the manual:
//
//	yaml:"name"        the field's name in YAML, camelCase
//	default:"10s"      what it is when it is left out
//	required:"true"    leaving it out is a problem
//	oneof:"a b c"      the allowed values
//	min:"0" max:"100"  bounds of a number, duration or size
//
// The file's name is the filter type with _ for -. The comment of the struct is
// its manual; the indented block in it is its example, which a test compiles.
package filters

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sort"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
	"framegate/scripts"
)

// Kind describes a filter type.
type Kind struct {
	Type    string      // kebab-case, the name authors write
	Family  Family      // what it is for, for lists
	Aliases []string    // other names authors may write, such as Axway's entity type
	Hooks   engine.Hook // where it makes sense
	Ends    bool        // success defaults to `pass`: the filter ends the policy
	Early   bool        // in an upgrade it answers the client before the policy has ended
	Closing bool        // with Ends: it is the natural last filter of a list, and may be entered from above
	Reads   []string    // attributes it needs, beyond those in its selectors
	Writes  []string    // attributes it sets
	// Persists says that the filter keeps something in [Env].State which must outlive a
	// restart: the file is made when the gateway starts, so that it does not fail later.
	Persists bool
	New      func() engine.Filter
}

// Family is what a filter type is for: lists of filters are in this order.
type Family string

// The families.
const (
	Identity  Family = "who the client is"
	Access    Family = "what may pass"
	Limits    Family = "how much"
	Routing   Family = "where to"
	Flow      Family = "which way through the policies"
	Transform Family = "what is changed"
	Answers   Family = "what is answered"
	Notes     Family = "what is noted"
)

// Families lists them in their order.
func Families() []Family {
	return []Family{Identity, Access, Limits, Routing, Flow, Transform, Answers, Notes}
}

// OfFamily lists the filter types of a family, sorted.
func OfFamily(f Family) []string {
	var types []string
	for _, k := range All() {
		if k.Family == f {
			types = append(types, k.Type)
		}
	}
	return types
}

// table is all the filter types, by name and alias.
var table = map[string]*Kind{}

// register puts the filter type whose fields are T into the table.
func register[T any, P interface {
	*T
	engine.Filter
}](k Kind) {
	k.New = func() engine.Filter { return P(new(T)) }
	for _, name := range append([]string{k.Type}, k.Aliases...) {
		if table[name] != nil {
			panic(fmt.Sprintf("filter type %s is registered twice", name))
		}
		table[name] = &k
	}
}

// Lookup finds a filter type by its name or an alias.
func Lookup(name string) (*Kind, bool) {
	k, ok := table[name]
	return k, ok
}

// All lists the filter types, sorted by name.
func All() []*Kind {
	var all []*Kind
	for name, k := range table {
		if name == k.Type {
			all = append(all, k)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Type < all[j].Type })
	return all
}

// Setters lists the filter types that set an attribute, sorted.
func Setters(attribute string) []string {
	var types []string
	for _, k := range All() {
		if slices.Contains(k.Writes, attribute) {
			types = append(types, k.Type)
		}
	}
	return types
}

// Preparer is a filter with something to do once its fields are decoded: compile
// an expression, find a remote host, a store, a policy. Prepare opens nothing and
// starts nothing; it is all that check calls. A [FieldError] says which field is wrong.
type Preparer interface{ Prepare(env *Env) error }

// FieldError is a problem with one field of a filter: its path in YAML such as
// "headers.X-Device-Id.match", what is wrong with it, and what to write instead.
type FieldError struct {
	Field string
	Hint  string
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *FieldError) Unwrap() error { return e.Err }

// Env is what a filter may ask for while it is prepared.
type Env struct {
	Policy  string      // the policy it stands in
	Filter  string      // its name there
	Line    int         // where it stands, for scripts written inline
	Hooks   engine.Hook // the hooks that the policy is used in
	Files   fs.FS       // the gateway's directory
	Hosts   *remotehosts.Set
	Scripts *scripts.Library
	State   engine.State
	Log     *slog.Logger
	Live    *LiveStores      // the stores of whatever configuration is served; nil: none is
	KeySets *KeySets         // those that filters share; nil: each has its own
	Now     func() time.Time // nil: [time.Now]

	// Call finds a policy by name. The policy is whole only once the snapshot is.
	Call func(name string) (*engine.Policy, error)
	// Cache finds or makes the cache of that name; it stays the same over reloads.
	Cache func(name string) *engine.Cache
	// Store finds a store by name.
	Store func(name string) (*engine.Store, error)
	// At gives the position of a field in the file, for scripts written inline.
	At func(field string) engine.Position
}

// clock is what tells the time outside of messages.
func (env *Env) clock() func() time.Time {
	if env.Now != nil {
		return env.Now
	}
	return time.Now
}

// Source is this package's own source: the comments in it are the manual.
//
//go:embed *.go
var Source embed.FS
