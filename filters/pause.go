package filters

import (
	"time"

	"framegate/engine"
)

func init() {
	register[pause](Kind{Type: "pause", Family: Limits, Aliases: []string{"PauseFilter"}, Hooks: engine.OnAny})
}

// Waits for a while, and passes. What follows in the same direction waits too, the other
// direction goes on; the session does not count as idle. It aborts when the session
// ends meanwhile, or the time of the hook is up: 30s for an upgrade, 5s for
// onClose. As Axway's Pause.
//
//	filters:
//	  - {type: pause, for: 200ms}
type pause struct {
	// For is how long to wait, 10m at most.
	For time.Duration `yaml:"for" default:"10s" min:"1ms" max:"10m"`
}

func (f *pause) Run(m *engine.Message) (bool, error) {
	if err := m.Wait(f.For); err != nil {
		return false, err
	}
	return true, nil
}
