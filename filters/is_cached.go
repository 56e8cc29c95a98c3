package filters

import (
	"fmt"

	"framegate/engine"
)

func init() {
	register[isCached](Kind{Type: "is-cached", Family: Transform, Aliases: []string{"IsCachedFilter"}, Hooks: engine.OnAny})
}

// Looks for a value that cache-attribute has kept, and puts it into an attribute.
// It fails when there is none, or its time is up; it aborts when the key is longer
// than 1 KiB. As in Axway's Is Cached?.
//
//	filters:
//	  - {type: is-cached, cache: rooms, key: '${params.query.room}', attribute: chat.room, failure: find}
//	  - {type: connect-to-url, url: 'ws://127.0.0.1:9001/rooms/${chat.room}'}
//	  - {name: find, type: set-attribute, attribute: chat.room, value: 'room-${params.query.room}'}
//	  - {type: cache-attribute, cache: rooms, key: '${params.query.room}', attribute: chat.room, ttl: 5m, success: connect-to-url}
type isCached struct {
	cached `yaml:",inline"`

	// Attribute is where the value is put.
	Attribute string `yaml:"attribute" default:"content.body"`

	attr engine.Attr
}

func (f *isCached) Prepare(env *Env) (err error) {
	if f.attr, err = settable("attribute", f.Attribute); err != nil {
		return err
	}
	return f.prepare(env)
}

// Generates names the attribute for the check of what is read and never set.
func (f *isCached) Generates() []string { return []string{f.Attribute} }

func (f *isCached) Run(m *engine.Message) (bool, error) {
	key, err := f.key(m)
	if err != nil {
		return false, err
	}
	value, ok := f.kept.Get(key, m.Now())
	if !ok {
		m.Fail(0, "cache %s has nothing under this key", f.Cache)
		return false, nil
	}
	if err := m.Set(f.attr, value); err != nil {
		return false, fmt.Errorf("set %s: %w", f.Attribute, err)
	}
	return true, nil
}
