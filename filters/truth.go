package filters

import (
	"fmt"
	"strings"

	"framegate/engine"
)

// truth reads a value as true or false. What is neither aborts: it would decide
// something that nobody has thought of.
func truth(m *engine.Message, s engine.Selector) (bool, error) {
	v, err := s.Value(m)
	if err != nil {
		return false, err
	}
	if v.Kind() == engine.Bool {
		return v.Bool(), nil
	}
	switch strings.ToLower(strings.TrimSpace(v.String())) {
	case "true", "yes", "on", "1":
		return true, nil
	case "false", "no", "off", "0", "":
		return false, nil
	}
	return false, fmt.Errorf("%s is %q, neither true nor false", s.Text(), cutText(v.String(), 40))
}
