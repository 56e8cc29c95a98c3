package filters

import (
	"fmt"

	"framegate/engine"
)

// cached is a place in a cache: what is-cached, cache-attribute and remove-cached have in common.
type cached struct {
	// Cache is the name of the cache. All filters of the configuration that name it share it, and it stays over reloads.
	Cache string `yaml:"cache" default:"default"`

	// Key is what the value is kept under: ${params.query.room}, or several selectors with text between them. Axway makes it
	// in a filter of its own, Create Key.
	Key engine.Selector `yaml:"key" required:"true"`

	kept *engine.Cache
}

// maxKey bounds a key: what clients send must not fill the cache with names.
const maxKey = 1 << 10

func (c *cached) prepare(env *Env) error {
	if c.Cache == "" {
		return wrong("cache", "write a name, or leave it out", "the cache has no name")
	}
	if env.Cache != nil {
		c.kept = env.Cache(c.Cache)
	}
	return nil
}

// key is the key for a message; one that is too long aborts.
func (c *cached) key(m *engine.Message) (string, error) {
	key, err := c.Key.String(m)
	switch {
	case err != nil:
		return "", fmt.Errorf("key: %w", err)
	case len(key) > maxKey:
		return "", fmt.Errorf("key: %d bytes are more than %d", len(key), maxKey)
	}
	return key, nil
}
