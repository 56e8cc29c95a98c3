package filters

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// verifier checks passwords with bounded work: only so many at once, and those
// that were right a while ago not again. It keeps no password: what it remembers
// is a hash under a key that ends with the process.
type verifier struct {
	slots   chan struct{}
	waiting atomic.Int32
	keep    time.Duration
	secret  [sha256.Size]byte

	mu    sync.Mutex
	right map[[sha256.Size]byte]verified
}

// verified is a password that was right.
type verified struct {
	hash  string // what it was checked against: a changed password is another
	until time.Time
}

// Bounds of a verifier.
const (
	maxVerified = 4096            // right passwords that are remembered
	maxWaiting  = 256             // checks that wait for their turn
	maxWait     = 5 * time.Second // how long one waits
)

var errTooManyChecks = errors.New("too many passwords to check at once")

func newVerifier(checks int, keep time.Duration) *verifier {
	v := &verifier{slots: make(chan struct{}, checks), keep: keep, right: make(map[[sha256.Size]byte]verified)}
	rand.Read(v.secret[:])
	return v
}

// check tells whether the password matches the hash. For an unknown user, give
// the hash of another and forget the answer.
func (v *verifier) check(ctx context.Context, h *passwordHash, user, password string, now time.Time) (bool, error) {
	name := v.name(user, password)
	if v.remembers(name, h, now) {
		return true, nil
	}
	return v.work(ctx, h, password)
}

// work is check without what is remembered.
func (v *verifier) work(ctx context.Context, h *passwordHash, password string) (bool, error) {
	if err := v.enter(ctx); err != nil {
		return false, err
	}
	defer func() { <-v.slots }()
	return h.matches(password), nil
}

// remember keeps the password of a user who is known for a while.
func (v *verifier) remember(h *passwordHash, user, password string, now time.Time) {
	if v.keep <= 0 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.right) >= maxVerified {
		v.makeRoom(now)
	}
	v.right[v.name(user, password)] = verified{hash: h.text, until: now.Add(v.keep)}
}

// makeRoom forgets what has expired, and anything at all if that is not enough.
func (v *verifier) makeRoom(now time.Time) {
	for name, entry := range v.right {
		if !now.Before(entry.until) {
			delete(v.right, name)
		}
	}
	for name := range v.right {
		if len(v.right) < maxVerified {
			return
		}
		delete(v.right, name)
	}
}

func (v *verifier) remembers(name [sha256.Size]byte, h *passwordHash, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	entry, ok := v.right[name]
	return ok && entry.hash == h.text && now.Before(entry.until)
}

// name is the hash that stands for a user and a password.
func (v *verifier) name(user, password string) (name [sha256.Size]byte) {
	mac := hmac.New(sha256.New, v.secret[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(user))))
	mac.Write([]byte(user))
	mac.Write([]byte(password))
	mac.Sum(name[:0])
	return name
}

// enter waits for a place among the checks that run.
func (v *verifier) enter(ctx context.Context) error {
	select {
	case v.slots <- struct{}{}:
		return nil
	default:
	}
	if v.waiting.Add(1) > maxWaiting {
		v.waiting.Add(-1)
		return errTooManyChecks
	}
	defer v.waiting.Add(-1)
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case v.slots <- struct{}{}:
		return nil
	case <-timer.C:
		return errTooManyChecks
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
