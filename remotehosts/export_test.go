package remotehosts

import (
	"io/fs"
	"sync"
	"time"
)

// TurnedClock is a clock that a test turns.
type TurnedClock struct {
	mu     sync.Mutex
	time   time.Time
	timers []*turnedTimer
}

type turnedTimer struct {
	at   time.Time
	wake chan time.Time
}

// NewTurnedClock makes a clock that stands still.
func NewTurnedClock() *TurnedClock {
	return &TurnedClock{time: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)}
}

// Now is what the clock shows.
func (c *TurnedClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.time
}

// Turn puts the clock forward and rings what is due.
func (c *TurnedClock) Turn(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.time = c.time.Add(d)
	var later []*turnedTimer
	for _, t := range c.timers {
		if t.at.After(c.time) {
			later = append(later, t)
			continue
		}
		t.wake <- c.time
	}
	c.timers = later
}

// Waiting is how many wait for the clock.
func (c *TurnedClock) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

func (c *TurnedClock) after(d time.Duration) (<-chan time.Time, func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := &turnedTimer{c.time.Add(d), make(chan time.Time, 1)}
	c.timers = append(c.timers, mine)
	return mine.wake, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, t := range c.timers {
			if t == mine {
				c.timers = append(c.timers[:i], c.timers[i+1:]...)
				return true
			}
		}
		return false
	}
}

// NewSetAt is NewSet with a clock of the test's own.
func NewSetAt(defs []Definition, files fs.FS, old *Set, c *TurnedClock) (*Set, []*DefinitionError) {
	return newSet(defs, files, old, clock{c.Now, c.after})
}
