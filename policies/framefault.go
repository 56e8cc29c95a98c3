package policies

import (
	"fmt"
	"strconv"
	"strings"

	"framegate/engine"
	"framegate/engine/wire"
)

// FrameFault is what becomes of a message whose policy failed or aborted, and of
// its session: close CODE, drop, forward, or reply TEXT.
type FrameFault engine.FrameFault

// frameFaultError says which words there are.
type frameFaultError struct{ what string }

func (e *frameFaultError) Error() string { return e.what }

// Hint says what to write instead.
func (e *frameFaultError) Hint() string {
	return "write close CODE (such as close 1008), drop, forward, or reply TEXT"
}

// UnmarshalText reads what an author writes.
func (f *FrameFault) UnmarshalText(text []byte) error {
	verb, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	rest = strings.TrimSpace(rest)
	switch {
	case verb == "drop" && rest == "":
		*f = FrameFault{Verdict: engine.Drop}
	case verb == "forward" && rest == "":
		*f = FrameFault{Verdict: engine.Forward}
	case verb == "reply" && rest != "":
		*f = FrameFault{Verdict: engine.Reply, Body: rest}
	case verb == "close":
		code, err := strconv.ParseUint(rest, 10, 16)
		if err != nil || !wire.ValidCode(uint16(code)) {
			return &frameFaultError{fmt.Sprintf("%q is no close code that may be sent", rest)}
		}
		*f = FrameFault{Verdict: engine.Close, Code: uint16(code)}
	default:
		return &frameFaultError{fmt.Sprintf("%q is not understood", shorten(string(text)))}
	}
	return nil
}
