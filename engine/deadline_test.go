package engine

import (
	"context"
	"errors"
	"testing"
	"time"
)

// However much of it has been asked for before, the context ends at its time, with its cause.
func TestDeadlineEndsAtItsTime(t *testing.T) {
	why := errors.New("too late")
	for name, ask := range map[string]func(ctx context.Context) error{
		"by its error": func(ctx context.Context) error {
			for ctx.Err() == nil {
			}
			return ctx.Err()
		},
		"by its channel": func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"by a context made of it": func(ctx context.Context) error {
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			<-child.Done()
			return child.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := &deadline{at: time.Now().Add(10 * time.Millisecond), cause: why}
			if at, alone := EndsAt(d); at != d.at || !alone {
				t.Errorf("it ends at %v, %v", at, alone)
			}
			if d.Err() != nil {
				t.Errorf("before: %v", d.Err())
			}
			if err := ask(d); err != context.DeadlineExceeded || context.Cause(d) != why {
				t.Errorf("it ended with %v, because %v", err, context.Cause(d))
			}
		})
	}
}

func TestDeadlineEndsWithItsWork(t *testing.T) {
	for name, asked := range map[string]bool{"asked for before": true, "asked for after": false} {
		t.Run(name, func(t *testing.T) {
			d := upgradeDeadline()
			if asked {
				d.Done()
			}
			d.finish()
			<-d.Done()
			if d.Err() != context.Canceled {
				t.Errorf("error is %v", d.Err())
			}
		})
	}
	if _, alone := EndsAt(t.Context()); alone {
		t.Error("the test's context can be cancelled")
	}
}
