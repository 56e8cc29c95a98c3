package filters

import "framegate/engine"

func init() {
	register[concurrent](Kind{Type: "concurrent", Family: Limits, Hooks: engine.OnHTTP})
}

// Passes as long as not too many sessions, or requests on a route, are open at
// once: in all, per client, per subject, or per any other key. A session counts from
// here until it has ended, however it ends, or until its upgrade is refused after all.
// A refused upgrade gets 429 with Retry-After; 503 where the key is a plain text, so
// that everybody counts together.
//
// Counts hold over reloads: whoever is there already stays, and counts against a
// smaller atMost too. They are kept in this process. The websocket's own
// limits.total, perClient and perSubject do the same before its policy runs; how many
// upgrades may come in a time is the work of throttling.
//
//	filters:
//	  - {name: in-all, type: concurrent, key: everybody, atMost: 10000}
//	  - {name: per-client, type: concurrent, atMost: 50}
//	  - name: per-subject
//	    type: concurrent
//	    key: ${authentication.subject.id}
//	    atMost: 5
type concurrent struct {
	clientKey `yaml:",inline"`

	// AtMost is how many may be open under one key.
	AtMost int `yaml:"atMost" required:"true" min:"1" max:"1000000000"`

	// Counter is the name of the count: filters with the same one count together, in all policies.
	// Without it each filter counts for itself.
	Counter string `yaml:"counter"`

	counter string
	total   bool
}

func (f *concurrent) Prepare(env *Env) error {
	if f.AtMost < 1 {
		return wrong("atMost", "write 1 or more; to refuse everything use false-filter", "%d would let nobody in", f.AtMost)
	}
	f.counter = counterName(f.Counter, env)
	_, f.total = f.Key.Literal()
	return nil
}

// counterName is the name of a count: what the author wrote, or one that no other filter has.
func counterName(written string, env *Env) string {
	if written != "" {
		return written
	}
	return env.Policy + "/" + env.Filter
}

func (f *concurrent) Run(m *engine.Message) (bool, error) {
	var space [longKey]byte
	key, err := f.append(space[:0], m)
	if err != nil {
		return false, err
	}
	ok, open := m.Reserve(f.counter, string(shortKey(key)), f.AtMost)
	if ok {
		return true, nil
	}
	status := 429
	if f.total {
		status = 503
	}
	m.Fail(status, "%d are open, and at most %d may be at once", open, f.AtMost)
	return false, m.Challenge("Retry-After", "10")
}
