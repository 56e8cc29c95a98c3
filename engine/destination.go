package engine

import (
	"fmt"
	"strconv"
)

// value is one of the attributes http.destination.*.
func (d *Destination) value(kind attrKind) Value {
	switch {
	case d == nil:
	case kind == destinationHost && d.Host != "":
		return StringValue(d.Host)
	case kind == destinationPort && d.Port != 0:
		return IntValue(int64(d.Port))
	case kind == destinationProtocol && d.Protocol != "":
		return StringValue(d.Protocol)
	}
	return Value{}
}

// setDestination is a policy or a script that routes by itself: from here on
// only a declared remote host can be connected to.
func (r *Request) setDestination(a Attr, v Value) error {
	d := Destination{}
	if r.Destination != nil {
		d = *r.Destination
	}
	d.Written, d.Routed = false, true
	switch a.kind {
	case destinationHost:
		d.Host = string(v.AppendTo(nil))
	case destinationPort:
		port, err := strconv.ParseUint(v.String(), 10, 16)
		if err != nil || port == 0 {
			return fmt.Errorf("%s: %.20q is not a port between 1 and 65535", a.Name(), v.String())
		}
		d.Port = int(port)
	default:
		switch text := v.String(); text {
		case "ws", "http":
			d.Protocol = "ws"
		case "wss", "https":
			d.Protocol = "wss"
		default:
			return fmt.Errorf("%s: %.20q is not ws, wss, http or https", a.Name(), text)
		}
	}
	r.Destination = &d
	return nil
}
