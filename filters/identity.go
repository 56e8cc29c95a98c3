package filters

import (
	"errors"
	"iter"
	"maps"
	"slices"

	"framegate/engine"
)

// identityWrites lists the attributes of an identity for the filter table.
var identityWrites = engine.IdentityAttributes()

// recordSecrets are the fields of a record that never leave its store.
var recordSecrets = []string{"key", "password", "digest", "secret"}

// identityOf makes the identity of a record of a store: its subject, or else its
// key in the store, its role, and all that is no secret. The handle is what it can
// be revoked by.
func identityOf(method, handle, key string, record engine.Value) *engine.Identity {
	id := &engine.Identity{Subject: key, Method: method, Role: record.Member("role").String(), Handles: []string{handle}}
	if subject := record.Member("subject"); !subject.IsMissing() {
		id.Subject = subject.String()
	}
	tree, _ := record.Any().(map[string]any)
	public := maps.Clone(tree)
	for _, name := range recordSecrets {
		delete(public, name)
	}
	id.Attributes = engine.TreeValue(public)
	return id
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

// identify tells the message who the client is. Credentials that were revoked or
// have expired, and those of somebody else than the open session's subject, are
// refused as wrong ones are; a subject's session too many is 429.
func identify(m *engine.Message, id *engine.Identity, refuse func(why error) (bool, error)) (bool, error) {
	err := m.Identify(id)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, engine.ErrManySessions):
		m.Fail(429, "%v", err)
		return false, nil
	case errors.Is(err, engine.ErrRevoked), errors.Is(err, engine.ErrExpired), errors.Is(err, engine.ErrOtherSubject):
		return refuse(err)
	}
	return false, err
}
