package filters

import "framegate/engine"

func init() {
	register[removeCached](Kind{Type: "remove-cached", Family: Transform, Aliases: []string{"RemoveCachedAttributeFilter"}, Hooks: engine.OnAny})
}

// Forgets a value that cache-attribute has kept. It passes whether there was one or
// not, and aborts when the key is longer than 1 KiB. As in Axway's Remove Cached
// Attribute.
//
//	filters:
//	  - {type: remove-cached, cache: rooms, key: '${params.query.room}'}
type removeCached struct {
	cached `yaml:",inline"`
}

func (f *removeCached) Prepare(env *Env) error { return f.prepare(env) }

func (f *removeCached) Run(m *engine.Message) (bool, error) {
	key, err := f.key(m)
	if err != nil {
		return false, err
	}
	f.kept.Remove(key)
	return true, nil
}
