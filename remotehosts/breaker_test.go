package remotehosts

import (
	"testing"
	"time"
)

// Attempts that were on their way when a breaker opened fail late; they must not
// keep it open for longer.
func TestLateFailuresDoNotLengthen(t *testing.T) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	b := breaker{limit: 2, wait: backoff{time.Second, time.Hour}}
	for i, want := range []bool{false, true, false, false, false} {
		if opened := b.fail(now, "refused", false); opened != want {
			t.Errorf("failure %d opens: %t", i+1, opened)
		}
	}
	if left := b.until.Sub(now); left > 1300*time.Millisecond || b.times != 1 {
		t.Errorf("open for %s after %d times", left, b.times)
	}
}
