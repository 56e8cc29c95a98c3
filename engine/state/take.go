package state

import (
	"time"

	"framegate/engine"
	"framegate/engine/meter"
)

// Take counts n under a key if the allowance has room for all of it, else
// nothing; n below 0 is an error. A calendar period is a counter that expires with the period; what is
// counted in spans of time is a floating window, see [meter.Window].
func (s *Memory) Take(bucket, key string, n int64, a engine.Allowance) (taken engine.Taken, err error) {
	at := name{bucket, key}
	if n < 0 {
		return taken, failure("take from", bucket, key, ErrNegative)
	}
	err = s.write("take from", at, 0, func(sh *shard, now time.Time) error {
		e := sh.live(at, now)
		if a.Every > 0 {
			taken, err = s.takeInWindow(sh, e, at, n, a, now)
		} else {
			taken, err = s.takeInPeriod(sh, e, at, n, a, now)
		}
		return err
	})
	return taken, err
}

func (s *Memory) takeInPeriod(sh *shard, e *entry, at name, n int64, a engine.Allowance, now time.Time) (engine.Taken, error) {
	var used int64
	ends := time.Time{}
	if e != nil {
		count, err := e.add(0)
		if err != nil {
			return engine.Taken{}, err
		}
		used, ends = count, e.expires
	} else {
		ends = a.Ends(now)
	}
	t := engine.Taken{OK: n == 0 || n <= a.Limit-used, Used: used}
	if t.OK && n > 0 {
		t.Used += n
		if e == nil {
			if err := s.replace(sh, &entry{name: at, counter: true, count: n}, now, ends.Sub(now)); err != nil {
				return engine.Taken{}, err
			}
		} else if _, err := e.add(n); err != nil {
			return engine.Taken{}, err
		}
		sh.touch(at)
	}
	if t.Used > 0 {
		t.Anew = ends.Sub(now)
	}
	if !t.OK && n <= a.Limit {
		t.Wait = ends.Sub(now)
	}
	return t, nil
}

func (s *Memory) takeInWindow(sh *shard, e *entry, at name, n int64, a engine.Allowance, now time.Time) (engine.Taken, error) {
	var w *meter.Window
	switch {
	case e == nil:
		w = new(meter.Window)
	case e.window == nil:
		return engine.Taken{}, ErrNotCounter
	default:
		w = e.window
	}
	rate := meter.Rate{Allow: a.Limit, Every: a.Every}
	asked := w.Ask(now.UnixNano(), n, rate)
	if n > 0 && asked.OK {
		before := w.Size()
		w.Take(now.UnixNano(), n, rate)
		if err := s.count(sh, e, at, w, w.Size()-before, now, a.Every); err != nil {
			return engine.Taken{}, err
		}
		asked.Full = a.Every
	}
	return engine.Taken{OK: n == 0 || asked.OK, Used: w.Used(), Wait: asked.Wait, Anew: asked.Full}, nil
}

// count keeps a window in which something was counted just now, and which has grown.
func (s *Memory) count(sh *shard, e *entry, at name, w *meter.Window, grown int64, now time.Time, every time.Duration) error {
	if e == nil {
		return s.replace(sh, &entry{name: at, window: w}, now, every)
	}
	e.size += grown
	s.used.Add(grown)
	sh.expireAt(e, now.Add(every))
	sh.touch(at)
	return nil
}
