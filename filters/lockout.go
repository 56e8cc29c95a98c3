package filters

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"framegate/engine"
)

// lockout stops those who try passwords.
type lockout struct {
	// Client refuses an address after so many wrong passwords, with 429 and Retry-After,
	// until enough of them are long enough ago. Of IPv6 addresses the first 64 bits count.
	Client *clientLockout `yaml:"client"`

	// User locks a name after so many wrong passwords, from wherever they came. A locked user
	// gets the same answer as with a wrong password, after the same time; only the trail tells. Mind that anybody can lock out a user whose name he knows.
	User *userLockout `yaml:"user"`

	clients, users *failures
}

// clientLockout bounds the wrong passwords of an address.
type clientLockout struct {
	// Failures is how many wrong passwords an address may try in the time that every says.
	Failures int `yaml:"failures" default:"5" min:"1" max:"1000"`

	// Every is the time in which they are counted.
	Every engine.Duration `yaml:"every" default:"1m" min:"1s" max:"30d"`

	// Addresses is how many addresses are counted at once; past it those with the oldest failures are forgotten.
	Addresses int `yaml:"addresses" default:"100000" min:"1" max:"10000000"`
}

// userLockout bounds the wrong passwords for a name.
type userLockout struct {
	// Failures is how many wrong passwords may be tried for a user in the time that every says.
	Failures int `yaml:"failures" default:"6" min:"1" max:"1000"`

	// Every is the time in which they are counted.
	Every engine.Duration `yaml:"every" default:"5m" min:"1s" max:"30d"`

	// Lock is for how long the user is locked from the last of them on.
	Lock engine.Duration `yaml:"lock" default:"30m" min:"1s" max:"365d"`
}

// maxLocked is the most users that are counted. Names that no user has are none of them.
const maxLocked = 1 << 20

func (l *lockout) prepare() error {
	if l == nil {
		return nil
	}
	if l.Client == nil && l.User == nil {
		return wrong("lockout", "write lockout: {client: {}, user: {}}, or one of them", "it says neither to lock out clients nor users")
	}
	if c := l.Client; c != nil {
		l.clients = newFailures(c.Failures, time.Duration(c.Every), 0, c.Addresses)
	}
	if u := l.User; u != nil {
		l.users = newFailures(u.Failures, time.Duration(u.Every), time.Duration(u.Lock), maxLocked)
	}
	return nil
}

// inherit goes on with the failures from before a reload.
func (l *lockout) inherit(before *lockout) {
	if l == nil || before == nil {
		return
	}
	if l.clients != nil && before.clients != nil {
		l.clients = before.clients
	}
	if l.users != nil && before.users != nil {
		l.users = before.users
	}
}

// attempt is one try at a password: by whom, and for which user.
type attempt struct {
	client netip.Prefix
	user   string
	known  bool // there is such a user
}

func attemptBy(m *engine.Message, user string, known bool) attempt {
	addr := clientAddr(m)
	bits := addr.BitLen()
	if addr.Is6() {
		bits = 64
	}
	client, _ := addr.Prefix(bits)
	return attempt{client, user, known}
}

// errLockedOut is why a client is refused that has tried too many passwords.
var errLockedOut = errors.New("too many wrong passwords from this address")

// clientLocked tells how long the client must wait before it may try again.
func (l *lockout) clientLocked(a attempt, now time.Time) time.Duration {
	if l == nil || l.clients == nil {
		return 0
	}
	return l.clients.locked(a.client.String(), now)
}

// userLocked tells whether the user is locked, which must not show.
func (l *lockout) userLocked(a attempt, now time.Time) bool {
	return l != nil && l.users != nil && a.known && l.users.locked(a.user, now) > 0
}

// settle ends an attempt, and tells whether it counts as right: those that ran side
// by side must not try more passwords than others could one after the other.
func (l *lockout) settle(a attempt, right bool, now time.Time) bool {
	if l == nil {
		return right
	}
	if l.clients != nil && !l.clients.settle(a.client.String(), right, now) {
		right = false
	}
	if l.users != nil && a.known && !l.users.settle(a.user, right, now) {
		right = false
	}
	return right
}

// failures counts failures per key, in a floating window, for a bounded number of keys.
type failures struct {
	allow int
	every time.Duration
	lock  time.Duration // 0: until enough failures have left the window
	max   int

	mu   sync.Mutex
	keys map[string]*failing
	last failing // the ring's anchor: by the last failure, the newest first
}

// failing is what one key has failed.
type failing struct {
	key        string
	prev, next *failing
	times      []time.Time // in the window, the oldest first
	until      time.Time   // locked until then
}

func newFailures(allow int, every, lock time.Duration, keys int) *failures {
	f := &failures{allow: allow, every: every, lock: lock, max: max(1, keys), keys: make(map[string]*failing)}
	f.last.prev, f.last.next = &f.last, &f.last
	return f
}

// locked tells how long the key is locked.
func (f *failures) locked(key string, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k := f.keys[key]; k != nil {
		return max(0, k.until.Sub(now))
	}
	return 0
}

// settle counts a failure, unless the key is locked by now; it returns whether a
// success counts.
func (f *failures) settle(key string, success bool, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.keys[key]
	switch {
	case k != nil && now.Before(k.until):
		return false
	case success:
		return true
	case k == nil:
		k = f.enter(key, now)
	default:
		k.prev.next, k.next.prev = k.next, k.prev
	}
	k.prev, k.next = &f.last, f.last.next
	k.prev.next, k.next.prev = k, k
	f.count(k, now)
	return false
}

// count adds a failure to a key that is not locked.
func (f *failures) count(k *failing, now time.Time) {
	for len(k.times) > 0 && !now.Before(k.times[0].Add(f.every)) {
		k.times = k.times[1:]
	}
	k.times = append(k.times, now)
	switch {
	case len(k.times) < f.allow:
	case f.lock > 0:
		k.until, k.times = now.Add(f.lock), nil
	default:
		k.until = k.times[len(k.times)-f.allow].Add(f.every)
	}
}

// enter adds a key, not yet in the ring, and forgets what is over.
func (f *failures) enter(key string, now time.Time) *failing {
	for range 2 { // more than is added, so that old ones go away in time
		if oldest := f.last.prev; oldest != &f.last && (len(f.keys) >= f.max || f.over(oldest, now)) {
			oldest.prev.next, oldest.next.prev = oldest.next, oldest.prev
			delete(f.keys, oldest.key)
		}
	}
	k := &failing{key: key}
	f.keys[key] = k
	return k
}

// over tells whether nothing of a key counts any more.
func (f *failures) over(k *failing, now time.Time) bool {
	return !now.Before(k.until) && (len(k.times) == 0 || !now.Before(k.times[len(k.times)-1].Add(f.every)))
}
