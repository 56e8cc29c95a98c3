package filters

import "framegate/engine"

func init() {
	register[messageSize](Kind{Type: "message-size", Family: Access, Aliases: []string{"MessageSizeFilter"}, Hooks: engine.OnFrame | engine.OnRequest, Reads: []string{"content.body"}})
}

// Passes when content.body is as long as it should be: the whole message,
// inflated, as the filters before have left it. A refused request gets 413. As in
// Axway's Message Size filter.
//
// The websocket's own limits.message bounds what the gateway will hold of a
// message at all, and closes with 1009; this filter lets the policy decide.
//
//	filters:
//	  - type: message-size
//	    atLeast: 2
//	    atMost: 64KiB
type messageSize struct {
	// AtLeast is the fewest bytes that pass; 0 for no lower bound.
	AtLeast engine.Size `yaml:"atLeast"`

	// AtMost is the most bytes that pass; 0 for no upper bound.
	AtMost engine.Size `yaml:"atMost"`
}

func (f *messageSize) Prepare(*Env) error {
	switch {
	case f.AtLeast == 0 && f.AtMost == 0:
		return wrong("atMost", "write atMost, atLeast or both, such as atMost: 64KiB", "no bound is given, so that every message passes")
	case f.AtMost > 0 && f.AtLeast > f.AtMost:
		return wrong("atLeast", "make atLeast the smaller of the two", "%s is more than atMost, %s, so that no message passes", f.AtLeast, f.AtMost)
	}
	return nil
}

func (f *messageSize) Run(m *engine.Message) (bool, error) {
	size := engine.Size(len(m.Body()))
	switch {
	case f.AtMost > 0 && size > f.AtMost:
		m.Fail(413, "%d bytes, more than %s", int64(size), f.AtMost)
		return false, nil
	case size < f.AtLeast:
		m.Fail(400, "%d bytes, less than %s", int64(size), f.AtLeast)
		return false, nil
	}
	return true, nil
}
