package filters

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"framegate/engine"
)

// LiveStores are the stores of the configuration that is being served, whichever
// one a session started with. They live on over reloads.
type LiveStores struct {
	now atomic.Pointer[map[string]*engine.Store]
}

// Serving makes these the stores that are served, when it is started.
func (l *LiveStores) Serving(stores map[string]*engine.Store) engine.Starter {
	return serving{l, stores}
}

type serving struct {
	live   *LiveStores
	stores map[string]*engine.Store
}

func (s serving) Start() error {
	s.live.now.Store(&s.stores)
	return nil
}

// holds looks after each reload whether the credentials of an open session are
// still in their store: the session ends when the record is gone, is switched off
// (enabled: false), or has not this text in the field any more; without a field the
// record is enough. It is nil where no gateway serves the store.
func (l *LiveStores) holds(store, key, field, text string) *engine.Recheck {
	if l == nil {
		return nil
	}
	return &engine.Recheck{Check: func(context.Context) error {
		stores := l.now.Load()
		if stores == nil {
			return nil
		}
		s := (*stores)[store]
		if s == nil {
			return fmt.Errorf("%w: store %q is gone", engine.ErrRevoked, store)
		}
		record := s.Get(key)
		switch {
		case record.IsMissing():
			return fmt.Errorf("%w: %q is no longer in store %q", engine.ErrRevoked, key, store)
		case switchedOff(record):
			return fmt.Errorf("%w: %q of store %q is switched off", engine.ErrRevoked, key, store)
		case field != "" && !slices.Contains(keyHashes(record.Member(field)), text):
			return fmt.Errorf("%w: the %s of %q in store %q has changed", engine.ErrRevoked, field, key, store)
		}
		return nil
	}}
}

// switchedOff tells whether a record has enabled: false.
func switchedOff(record engine.Value) bool {
	enabled := record.Member("enabled")
	return enabled.Kind() == engine.Bool && !enabled.Bool()
}
