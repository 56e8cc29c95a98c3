package remotehosts

import (
	"math"
	"time"
)

// badAnswers is how many 5xx in a row set an address aside. One alone may be the
// fault of the request that got it, and then whoever sends it could take every
// address away from everybody.
const badAnswers = 5

// address is one address of a host and what is known of it. The pool that it
// belongs to locks it.
type address struct {
	key     string // host:port, as it is dialled
	rank    int    // of its group; lower goes first
	weight  int
	breaker breaker // open: the address is out

	open      int       // WebSockets, and requests whose answer is on its way
	pending   int       // upgrades on their way
	bad       int       // 5xx in a row
	share     int       // of the turns of round-robin
	secure    bool      // the last upgrade spoke TLS
	upgraded  bool      // an upgrade has gone here
	heard     time.Time // when an upgrade or a poll last ended here
	listed    time.Time // when it was last among the host's addresses
	response  float64   // decayed average of response times, in seconds
	measured  time.Time // when the last of them was; zero: none was
	connected int64     // WebSockets since ever
}

// measure takes in how long an answer took. What was measured a half-life ago
// counts half as much.
func (a *address) measure(now time.Time, took, halfLife time.Duration) {
	if a.measured.IsZero() {
		a.response = took.Seconds()
	} else {
		old := decay(now.Sub(a.measured), halfLife)
		a.response = a.response*old + took.Seconds()*(1-old)
	}
	a.measured = now
}

// slowness is what balancing by response time goes by: the average, forgotten
// by and by where nothing is measured, and as many times as upgrades are on
// their way. Nobody knows of an address without a measure, so it goes first.
func (a *address) slowness(now time.Time, halfLife time.Duration) float64 {
	if a.measured.IsZero() {
		return float64(a.pending)
	}
	return a.response * decay(now.Sub(a.measured), halfLife) * float64(1+a.pending) / float64(a.weight)
}

// decay is what is left of 1 after a time.
func decay(age, halfLife time.Duration) float64 {
	if halfLife <= 0 {
		return 0
	}
	return math.Exp2(-age.Seconds() / halfLife.Seconds())
}
