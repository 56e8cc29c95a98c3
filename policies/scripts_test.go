package policies

import (
	"strings"
	"testing"

	"framegate/engine"
	"framegate/engine/wire"
)

// work is a script that nests, makes a long text and takes its time.
const work = `
policies:
  admit: {filters: [{type: connect-to-url, url: 'ws://127.0.0.1:9001/'}]}
  work:
    filters:
      - type: script
        code: |
          function down(n) { return n === 0 ? 0 : 1 + down(n - 1); }
          export function invoke(msg) {
            down(100);
            "x".repeat(100000);
            const until = Date.now() + 100;
            while (Date.now() < until) {}
            return true;
          }
ports:
  public: {listen: '127.0.0.1:8080', websockets: [{path: /chat, onUpgrade: admit, onClientFrame: work}]}
`

// The bounds that an author sets are those that scripts run within.
func TestScriptsRunWithinTheGatewaysBounds(t *testing.T) {
	for _, c := range []struct{ bounds, aborts string }{
		{"{timeout: 1m}", ""},
		{"{timeout: 1m, callDepth: 20}", "20 nested calls"},
		{"{timeout: 1m, stringSize: 64KiB}", "65536"},
		{"{timeout: 1ms}", "1ms"},
	} {
		s := one("scripts: "+c.bounds+work).load(t, options(t, nil), nil)
		out := s.Policies["work"].Top(engine.NewMessage(engine.OnClientFrame, nil, wire.Text, nil), nil)
		if !strings.Contains(out.Reason, c.aborts) || (c.aborts == "") != (out.Result == engine.Passed) {
			t.Errorf("%s: %s %q, want %q", c.bounds, out.Result, out.Reason, c.aborts)
		}
	}
}

// A reload with other bounds is the new bounds.
func TestAReloadChangesTheBoundsOfScripts(t *testing.T) {
	o := options(t, nil)
	before := one("scripts: {timeout: 1m}"+work).load(t, o, nil)
	after := one("scripts: {timeout: 1m, callDepth: 20}"+work).load(t, o, before)
	for s, want := range map[*engine.Snapshot]engine.Result{before: engine.Passed, after: engine.Aborted} {
		if out := s.Policies["work"].Top(engine.NewMessage(engine.OnClientFrame, nil, wire.Text, nil), nil); out.Result != want {
			t.Errorf("%s %q, want %s", out.Result, out.Reason, want)
		}
	}
	if a, b := before.Ports["public"].Websockets[0], after.Ports["public"].Websockets[0]; a.Hash == b.Hash {
		t.Error("the websocket counts as unchanged: its sessions would go on without the new bounds being said")
	}
}
