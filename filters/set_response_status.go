package filters

import "framegate/engine"

func init() {
	register[setResponseStatus](Kind{Type: "set-response-status", Family: Answers, Aliases: []string{"SetResponseStatusFilter"}, Hooks: engine.OnAny})
}

// Says how the run of the hook's policy has ended, whatever its arrows say. After a
// fault handler a run stays failed; with `status: pass` in it, it has passed: a message goes
// on as the handler has left it, an upgrade that the handler has connected becomes a
// session, and the traffic log and the counters have a pass. With `status: fail` an
// upgrade is refused and a message goes the way of onFrameFault. The filter itself
// passes. As Axway's Set Response Status.
//
//	fault: second
//	filters:
//	  - {type: connect-to-url, url: ws://127.0.0.1:9001/}
//	  - {name: second, type: connect-to-url, url: ws://127.0.0.1:9002/, success: flip}
//	  - {name: flip, type: set-response-status, status: pass}
type setResponseStatus struct {
	// Status is how the run has ended.
	Status string `yaml:"status" required:"true" oneof:"pass fail"`
}

func (f *setResponseStatus) Run(m *engine.Message) (bool, error) {
	m.Settle(f.Status == "pass")
	return true, nil
}
