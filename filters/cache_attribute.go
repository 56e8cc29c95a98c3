package filters

import (
	"fmt"
	"time"

	"framegate/engine"
)

func init() {
	register[cacheAttribute](Kind{Type: "cache-attribute", Family: Transform, Aliases: []string{"CacheAttributeFilter"}, Hooks: engine.OnAny})
}

// Keeps an attribute in a cache, for is-cached, in other messages and sessions. It
// passes; it aborts when the attribute is not set, or the key is longer than 1 KiB.
// When the cache is full, what was not used for the longest time goes. As in Axway's
// Cache Attribute, whose caches hold 1000 elements, too, and keep them for ever.
//
//	filters:
//	  - {type: cache-attribute, cache: rooms, key: '${params.query.room}', attribute: chat.room, ttl: 5m}
type cacheAttribute struct {
	cached `yaml:",inline"`

	// Attribute is what is kept.
	Attribute string `yaml:"attribute" default:"content.body"`

	// TTL is for how long; 0 until it has to make room.
	TTL time.Duration `yaml:"ttl" min:"0s"`

	// Entries is how many values the cache holds at most.
	Entries int `yaml:"entries" default:"1000" min:"1" max:"1000000"`

	// Size is how much memory the cache takes at most, keys and 200 bytes for each entry counted in. What is larger than that
	// is not kept.
	Size engine.Size `yaml:"size" default:"16MiB" min:"1KiB"`

	source engine.Selector
}

func (f *cacheAttribute) Prepare(env *Env) (err error) {
	if f.source, err = engine.ParseSelector("${" + f.Attribute + "}"); err != nil {
		return wrong("attribute", "write a dotted name such as chat.room", "%q is not the name of an attribute", f.Attribute)
	}
	return f.prepare(env)
}

func (f *cacheAttribute) Run(m *engine.Message) (bool, error) {
	key, err := f.key(m)
	if err != nil {
		return false, err
	}
	value, err := f.source.Value(m)
	if err != nil {
		return false, fmt.Errorf("attribute: %w", err)
	}
	var expires time.Time
	if f.TTL > 0 {
		expires = m.Now().Add(f.TTL)
	}
	f.kept.Put(key, value, expires, f.Entries, int64(f.Size))
	return true, nil
}
