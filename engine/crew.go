package engine

import "sync/atomic"

// crew is goroutines that do one piece of work after the other: one that has
// worked before has a stack that is large enough.
type crew[T any] struct {
	do      func(T)
	work    chan T       // to those that rest
	resting atomic.Int32 // how many do
	most    int32        // may rest
	quit    <-chan struct{}
}

// newCrew makes a crew of which some may rest until quit is closed.
func newCrew[T any](most int32, quit <-chan struct{}, do func(T)) *crew[T] {
	return &crew[T]{do: do, work: make(chan T), most: most, quit: quit}
}

// hand gives work to a goroutine that rests, or to a new one. It never waits.
func (c *crew[T]) hand(t T) {
	select {
	case c.work <- t:
	default:
		go c.run(t)
	}
}

func (c *crew[T]) run(t T) {
	for {
		c.do(t)
		if c.resting.Add(1) > c.most {
			c.resting.Add(-1)
			return
		}
		select {
		case t = <-c.work:
			c.resting.Add(-1)
		case <-c.quit:
			return
		}
	}
}
