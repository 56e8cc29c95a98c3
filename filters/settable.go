package filters

import (
	"strings"

	"framegate/engine"
)

// settable is the attribute that a field names, which filters may set.
func settable(field, name string) (engine.Attr, error) {
	switch {
	case !dottedName(name):
		return engine.Attr{}, wrong(field, "write a dotted name such as chat.room", "%q is not the name of an attribute", name)
	case !engine.Writable(name):
		return engine.Attr{}, wrong(field, "choose a name of your own, or websock.session.NAME to keep it for the session", "attribute %s is read-only", name)
	}
	return engine.AttrOf(name), nil
}

// dottedName tells whether a selector could name the attribute.
func dottedName(name string) bool {
	_, err := engine.ParseSelector("${" + name + "}")
	return err == nil && !strings.ContainsAny(name, "?[} ")
}
