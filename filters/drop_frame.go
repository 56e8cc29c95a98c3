package filters

import "framegate/engine"

func init() {
	register[dropFrame](Kind{Type: "drop-frame", Family: Answers, Hooks: engine.OnFrame, Ends: true})
}

// Drops the message: the other side never gets it, and the session goes on. The
// policy passes; the traffic log has the message as dropped.
//
//	filters:
//	  - type: compare-attribute
//	    rules:
//	      - {value: '${content.body}', op: is-not, with: heartbeat}
//	    failure: swallow
//	    success: pass
//	  - name: swallow
//	    type: drop-frame
type dropFrame struct{}

func (f *dropFrame) Run(m *engine.Message) (bool, error) {
	m.Drop()
	return true, nil
}
