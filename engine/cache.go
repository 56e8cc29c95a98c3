package engine

import (
	"container/list"
	"sync"
	"time"
)

// Cache keeps values under keys for filters of one snapshot and the next: the
// least recently used go first when it is full. It is safe for concurrent use.
type Cache struct {
	mu      sync.Mutex
	entries map[string]*list.Element
	order   list.List // of *cached, the most recently used first
	bytes   int64
}

// cached is one entry.
type cached struct {
	key     string
	value   Value
	bytes   int64
	expires time.Time // zero: never
}

// entryCost is what an entry costs beside its key and its value, in bytes.
const entryCost = 200

// NewCache makes an empty cache.
func NewCache() *Cache { return &Cache{entries: make(map[string]*list.Element)} }

// Get returns the value under a key, unless its time is up.
func (c *Cache) Get(key string, now time.Time) (Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.entries[key]
	if !ok {
		return Value{}, false
	}
	e := at.Value.(*cached)
	if !e.expires.IsZero() && !now.Before(e.expires) {
		c.drop(at)
		return Value{}, false
	}
	c.order.MoveToFront(at)
	return e.value, true
}

// Put keeps a copy of a value under a key until it expires (zero: never), and
// makes room until at most so many entries and bytes are left. What is larger than
// all of it is not kept.
func (c *Cache) Put(key string, v Value, expires time.Time, entries int, bytes int64) {
	if v.Kind() == Fields { // a header set goes on changing
		v = StringValue(v.String())
	}
	e := &cached{key, v.keep(), int64(len(key)+len(v.String())) + entryCost, expires}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.entries[key]; ok {
		c.drop(at)
	}
	c.entries[key] = c.order.PushFront(e)
	c.bytes += e.bytes
	for c.order.Len() > entries || c.bytes > bytes {
		c.drop(c.order.Back())
	}
}

// Remove forgets what is under a key, and tells whether something was.
func (c *Cache) Remove(key string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.entries[key]
	if ok {
		c.drop(at)
	}
	return ok
}

func (c *Cache) drop(at *list.Element) {
	e := c.order.Remove(at).(*cached)
	delete(c.entries, e.key)
	c.bytes -= e.bytes
}
