package engine

import (
	"log/slog"
	"sync"
	"time"
)

// warningsPerSecond is how many lines a second clients and remote hosts can
// cause in the gateway's log; the rest is counted.
const warningsPerSecond = 10

// warnings keeps the log readable, and the disk free, whatever peers do. The
// traffic log has every single case.
type warnings struct {
	mu      sync.Mutex
	second  int64
	written int
	dropped int
}

// warn writes a line, unless there were too many in this second; the first of a
// later second says how many there were.
func (w *warnings) warn(log *slog.Logger, now time.Time, message string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if second := now.Unix(); second != w.second {
		if w.dropped > 0 {
			log.Warn("more warnings than fit into the log", "left out", w.dropped)
		}
		w.second, w.written, w.dropped = second, 0, 0
	}
	if w.written == warningsPerSecond {
		w.dropped++
		return
	}
	w.written++
	log.Warn(message, args...)
}
