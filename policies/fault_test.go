package policies

import (
	"testing"

	"framegate/engine"
)

// DESIGN §5: the gateway's fault handler comes after the policy's own. One that
// answers HTTP requests stays out of messages.
func TestFaultHandlerRunsWhereItMakesSense(t *testing.T) {
	g := websocketWith("onClientFrame: stamp")
	g["policies/more.yaml"] = `
faultHandler: refuse
policies:
  stamp: {filters: [{type: false-filter}]}
  refuse: {filters: [{type: policy, policy: answer}]}
  answer: {filters: [{type: json-error}]}
  shrug: {filters: [{type: log-message}]}
`
	s := g.load(t, options(t, nil), nil)
	if got := s.FaultHandler.Unfit; got != engine.OnAny&^engine.OnHTTP {
		t.Errorf("refuse does not fit in %s", got)
	}
	if got := s.Policies["shrug"].Unfit; got != 0 {
		t.Errorf("shrug does not fit in %s", got)
	}
	frame := engine.NewMessage(engine.OnClientFrame, nil, 1, []byte("x"))
	if out := s.Policies["stamp"].Top(frame, s.FaultHandler); out.Result != engine.Failed || len(frame.Trail()) != 1 {
		t.Errorf("%v after %v", out, frame.Trail())
	}
	upgrade := engine.NewMessage(engine.OnUpgrade, &engine.Request{Method: "GET", Headers: &engine.Headers{}}, 0, nil)
	if out := s.Policies["stamp"].Top(upgrade, s.FaultHandler); out.Result != engine.Failed || upgrade.Answer.Status != 403 {
		t.Errorf("%v, answer %d", out, upgrade.Answer.Status)
	}
}
