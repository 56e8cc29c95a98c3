package filters

import (
	"iter"
	"maps"
	"slices"

	"framegate/engine"
)

// identity is who a store says somebody is.
type identity struct {
	subject string
	record  engine.Value // of the store, without its secrets
}

// The attributes that say who a client is.
var (
	subjectID         = engine.AttrOf("authentication.subject.id")
	subjectAttributes = engine.AttrOf("authentication.subject.attributes")
	authMethod        = engine.AttrOf("authentication.method")
)

// identityWrites lists them for the filter table.
var identityWrites = []string{"authentication.subject.id", "authentication.subject.attributes", "authentication.method"}

// recordSecrets are the fields of a record that never leave its store.
var recordSecrets = []string{"key", "password", "secret"}

// identityOf makes the identity of a record: its subject, or else its key in the store.
func identityOf(key string, record engine.Value) identity {
	who := identity{subject: key}
	if subject := record.Member("subject"); !subject.IsMissing() {
		who.subject = subject.String()
	}
	tree, _ := record.Any().(map[string]any)
	public := maps.Clone(tree)
	for _, name := range recordSecrets {
		delete(public, name)
	}
	who.record = engine.TreeValue(public)
	return who
}

// records gives the records of a store in the order of their keys, so that the
// first problem with one is always the same.
func records(store *engine.Store) iter.Seq2[string, engine.Value] {
	return func(yield func(string, engine.Value) bool) {
		all := make(map[string]engine.Value, store.Len())
		for key, record := range store.All {
			all[key] = record
		}
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if !yield(key, all[key]) {
				return
			}
		}
	}
}

// set tells the message who the client is.
func (who *identity) set(m *engine.Message, method string) error {
	if err := m.Set(subjectID, engine.StringValue(who.subject)); err != nil {
		return err
	}
	if err := m.Set(authMethod, engine.StringValue(method)); err != nil {
		return err
	}
	return m.Set(subjectAttributes, who.record)
}
