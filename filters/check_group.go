package filters

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"framegate/engine"
)

func init() {
	register[checkGroup](Kind{
		Type: "check-group", Family: Identity, Aliases: []string{"AuthZUserFilter"}, Hooks: engine.OnAny,
		Reads: []string{"authentication.subject.id"},
	})
}

// Passes when the client, whom a filter before has identified, is in one of the groups,
// or in all of them. It fails when not, and a refused upgrade gets 403; it aborts
// when nobody is identified. As in Axway's Check Group Membership filter.
//
// The groups stand in a field of the subject's record: in a store, or in what is known of
// the subject (authentication.subject.attributes: the record that identified it, or the claims
// of its token). They are a list of texts, or one text with spaces or commas between them,
// as scopes are. In frames it is the session's subject by now that counts, after a new token the new one.
//
//	filters:
//	  - type: check-group
//	    groups: [dispatchers, admins]
type checkGroup struct {
	// Groups are the names of the groups; their case counts.
	Groups []string `yaml:"groups" required:"true"`

	// Match says in how many of them the client must be.
	Match string `yaml:"match" default:"any" oneof:"any all"`

	// Field is the name of the field with the groups; dots lead into the maps in it: realm_access.roles.
	Field string `yaml:"field" default:"groups"`

	// Store is the name of the store whose record of the subject has the field: the one with that
	// subject, or else that key. Without it what is known of the subject counts.
	Store string `yaml:"store"`

	records map[string]engine.Value // by subject
}

func (f *checkGroup) Prepare(env *Env) error {
	switch {
	case len(f.Groups) == 0:
		return wrong("groups", "write groups: [admins]", "there is no group to be in")
	case slices.Contains(strings.Split(f.Field, "."), ""):
		return wrong("field", "write a name, or names with dots between them", "%q is no field", f.Field)
	case f.Store == "":
		return nil
	}
	store, err := env.Store(f.Store)
	if err != nil {
		return &FieldError{Field: "store", Err: err}
	}
	f.records = make(map[string]engine.Value, store.Len())
	for key, record := range records(store) {
		f.records[identityOf("", "", key, record).Subject] = record
	}
	return nil
}

var (
	subjectID         = engine.AttrOf("authentication.subject.id")
	subjectAttributes = engine.AttrOf("authentication.subject.attributes")

	errNobody = errors.New("nobody is authenticated: put a filter before it that finds out who the client is, such as api-key")
)

func (f *checkGroup) Run(m *engine.Message) (bool, error) {
	subject := m.Get(subjectID).String()
	if subject == "" {
		return false, errNobody
	}
	known := m.Get(subjectAttributes)
	if f.Store != "" {
		known = f.records[subject]
	}
	for name := range strings.SplitSeq(f.Field, ".") {
		known = known.Member(name)
	}
	groups, err := groupsOf(known)
	if err != nil {
		return false, fmt.Errorf("field %s of %q: %w", f.Field, subject, err)
	}
	in := func(group string) bool { return slices.Contains(groups, group) }
	switch missing := slices.IndexFunc(f.Groups, func(group string) bool { return !in(group) }); {
	case f.Match == "all" && missing >= 0:
		m.Fail(403, "%s is not in group %s", subject, f.Groups[missing])
		return false, nil
	case f.Match != "all" && !slices.ContainsFunc(f.Groups, in):
		m.Fail(403, "%s is in none of the groups", subject)
		return false, nil
	}
	return true, nil
}

// groupsOf reads a list of groups, or a text with spaces or commas between them.
func groupsOf(v engine.Value) ([]string, error) {
	if v.Kind() == engine.String {
		return strings.FieldsFunc(v.String(), func(r rune) bool { return r == ' ' || r == ',' }), nil
	}
	return textsOf(v)
}
