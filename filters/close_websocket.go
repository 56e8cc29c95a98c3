package filters

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"framegate/engine"
	"framegate/engine/wire"
)

func init() {
	register[closeWebsocket](Kind{Type: "close-websocket", Family: Answers, Hooks: engine.OnFrame, Ends: true})
}

// Closes the session: both sides get a Close with the code and the reason, and
// the message goes nowhere. The policy passes.
//
//	filters:
//	  - type: message-size
//	    atMost: 64KiB
//	    failure: too-big
//	    success: pass
//	  - name: too-big
//	    type: close-websocket
//	    code: 1009
//	    reason: at most 64 KiB a message
type closeWebsocket struct {
	// Code is the close code (RFC 6455 §7.4): 1000 to 1003, 1007 to 1014, 3000 to 3999 for
	// registered codes, or 4000 to 4999 for your own.
	Code int `yaml:"code" default:"1008"`

	// Reason is the text beside the code, for people and logs. A close frame has room for
	// 123 bytes of it; what a selector makes longer is cut between two characters.
	Reason engine.Selector `yaml:"reason"`
}

func (f *closeWebsocket) Prepare(*Env) error {
	if f.Code < 0 || f.Code > 0xFFFF || !wire.ValidCode(uint16(f.Code)) {
		return wrong("code", "write 1000–1003, 1007–1014, or your own from 4000–4999", "%d may not stand in a close frame", f.Code)
	}
	reason, ok := f.Reason.Literal()
	if ok && len(reason) > wire.MaxReason {
		return wrong("reason", "shorten it: characters beyond ASCII count as 2 to 4 bytes", "%d bytes, and a close frame has room for %d", len(reason), wire.MaxReason)
	}
	return nil
}

func (f *closeWebsocket) Run(m *engine.Message) (bool, error) {
	reason, err := f.Reason.String(m)
	if err != nil {
		return false, fmt.Errorf("reason: %w", err)
	}
	m.Close(uint16(f.Code), cutText(strings.ToValidUTF8(reason, "\uFFFD"), wire.MaxReason))
	return true, nil
}

// cutText cuts a text to at most max bytes, between two characters.
func cutText(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}
