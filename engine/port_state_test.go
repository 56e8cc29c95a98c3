package engine

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	s := &portState{}
	limits := PortLimits{AcceptRate: 10, AcceptBurst: 3}
	now := time.Unix(1000, 0)
	for i, step := range []struct{ after, wait time.Duration }{
		{0, 0}, {0, 0}, {0, 0}, // the burst
		{0, 100 * time.Millisecond},
		{40 * time.Millisecond, 60 * time.Millisecond},
		{60 * time.Millisecond, 0},
		{0, 100 * time.Millisecond},
		{time.Hour, 0}, {0, 0}, {0, 0}, // what was not used does not add up
		{0, 100 * time.Millisecond},
	} {
		now = now.Add(step.after)
		if wait := s.pace(now, limits); wait != step.wait {
			t.Errorf("step %d: wait %v, want %v", i, wait, step.wait)
		}
	}
	if wait := s.pace(now, PortLimits{}); wait != 0 {
		t.Errorf("without a rate: wait %v", wait)
	}
}
