package filters

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestFailuresAreCountedInAFloatingWindow(t *testing.T) {
	f, c := newFailures(3, time.Minute, 0, 100), newClock()
	for range 2 {
		f.settle("a", false, c.now())
		c.turn(20 * time.Second)
	}
	if f.locked("a", c.now()) != 0 || !f.settle("a", true, c.now()) {
		t.Error("locked after two failures of three")
	}
	f.settle("a", false, c.now())
	if wait := f.locked("a", c.now()); wait != 20*time.Second {
		t.Errorf("must wait %s, until the first of three failures is a minute ago", wait)
	}
	if f.settle("a", true, c.now()) {
		t.Error("a success counts while the key is locked")
	}
	if f.locked("b", c.now()) != 0 {
		t.Error("another key is locked")
	}
	c.turn(20 * time.Second)
	if f.locked("a", c.now()) != 0 || !f.settle("a", true, c.now()) {
		t.Error("locked although only two failures are left")
	}
	f.settle("a", false, c.now())
	if wait := f.locked("a", c.now()); wait != 20*time.Second {
		t.Errorf("must wait %s for the second", wait)
	}
}

func TestALockLastsFromTheLastFailure(t *testing.T) {
	f, c := newFailures(2, time.Minute, time.Hour, 100), newClock()
	f.settle("a", false, c.now())
	c.turn(30 * time.Second)
	f.settle("a", false, c.now())
	c.turn(time.Minute)
	f.settle("a", false, c.now()) // counts for nothing: the key is locked
	if wait := f.locked("a", c.now()); wait != 59*time.Minute {
		t.Errorf("locked for %s", wait)
	}
	c.turn(59 * time.Minute)
	f.settle("a", false, c.now())
	if f.locked("a", c.now()) != 0 {
		t.Error("the failures before the lock count after it")
	}
}

func TestFailuresFillNoMemory(t *testing.T) {
	f, c := newFailures(5, time.Minute, 0, 100), newClock()
	for i := range 1000 {
		f.settle(fmt.Sprint(i), false, c.now())
		for range rand.N(9) {
			f.settle(fmt.Sprint(rand.N(i+1)), false, c.now())
		}
	}
	if len(f.keys) > 100 {
		t.Errorf("%d keys are kept", len(f.keys))
	}
	for _, k := range f.keys {
		if len(k.times) > 5 {
			t.Errorf("key %s has %d times", k.key, len(k.times))
		}
	}
	c.turn(2 * time.Minute)
	for i := range 100 {
		f.settle(fmt.Sprint("later", i), false, c.now())
	}
	ring := 0
	for k := f.last.next; k != &f.last; k = k.next {
		ring++
	}
	if ring != len(f.keys) || len(f.keys) > 100 {
		t.Errorf("%d keys, %d in the ring", len(f.keys), ring)
	}
}

func TestAttemptsSideBySideTryNoMorePasswords(t *testing.T) {
	l := &lockout{Client: &clientLockout{Failures: 5, Every: 60e9, Addresses: 10}}
	if err := l.prepare(); err != nil {
		t.Fatal(err)
	}
	a, c := attemptBy(upgrade("/"), "ann", true), newClock()
	var counted atomic.Int32
	var begun, done sync.WaitGroup
	for i := range 50 {
		begun.Add(1)
		done.Go(func() {
			locked := l.clientLocked(a, c.now()) > 0
			begun.Done()
			begun.Wait() // all have been let in
			if i < 10 {
				l.settle(a, false, c.now())
			}
			if locked {
				t.Error("locked before any failure")
			}
		})
	}
	done.Wait()
	if l.settle(a, true, c.now()) {
		counted.Add(1)
	}
	if counted.Load() != 0 {
		t.Error("a password that was tried beside five wrong ones counts")
	}
}

func TestAddressesOfOneNetworkCountTogether(t *testing.T) {
	for _, pair := range []struct {
		a, b string
		same bool
	}{
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:2:ffff::9]:2", true},
		{"[2001:db8:1:2::1]:1", "[2001:db8:1:3::1]:1", false},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
	} {
		a, b := attemptBy(from(pair.a), "", false), attemptBy(from(pair.b), "", false)
		if (a.client == b.client) != pair.same {
			t.Errorf("%s is counted as %s, %s as %s", pair.a, a.client, pair.b, b.client)
		}
	}
}

func TestAUserIsLockedWithoutASign(t *testing.T) {
	c := newClock()
	locking := func(f *httpBasic) {
		f.Store = "users"
		f.Lockout = &lockout{User: &userLockout{Failures: 2, Every: 300e9, Lock: 1800e9}}
	}
	f := build(t, users(), locking)
	ask := func(name, password string) (bool, string) {
		m := upgrade("/", basicLine(name, password))
		m.SetClock(c.now)
		pass, err := f.Run(m)
		status, headers, reason := m.Refusal()
		if err != nil {
			t.Fatal(err)
		}
		return pass, fmt.Sprint(status, headers.Get("WWW-Authenticate"), headers.Get("Retry-After"), reason)
	}
	if ok, _ := ask("ann", "pass:word"); !ok {
		t.Fatal("the right password was refused")
	}
	for range 2 {
		ask("ann", "wrong")
		ask("eve", "wrong")
	}
	ok, locked := ask("ann", "pass:word")
	_, unknown := ask("eve", "pass:word")
	if ok || locked != unknown {
		t.Errorf("a locked user gets %s, an unknown one %s", locked, unknown)
	}
	if ok, _ := ask("bob", "bob's"); !ok {
		t.Error("another user is locked")
	}
	if len(f.Lockout.users.keys) != 1 {
		t.Errorf("%d users are counted: names that nobody has fill the memory", len(f.Lockout.users.keys))
	}
	heir := build(t, users(), locking)
	heir.Inherit(f)
	f = heir
	if ok, _ := ask("ann", "pass:word"); ok {
		t.Error("a reload unlocks")
	}
	// What was right a moment ago must not answer sooner than a wrong password does.
	f.verifier.slots = make(chan struct{}, 1)
	f.verifier.slots <- struct{}{}
	f.verifier.waiting.Store(maxWaiting)
	if _, answer := ask("ann", "pass:word"); answer[:3] != "503" {
		t.Errorf("the password of a locked user was not worked out: %s", answer)
	}
	<-f.verifier.slots
	f.verifier.waiting.Store(0)
	c.turn(30 * time.Minute)
	if ok, _ := ask("ann", "pass:word"); !ok {
		t.Error("the lock does not end")
	}
}

func TestLockoutSettingsThatAreRefused(t *testing.T) {
	_, err := try(users(), func(f *httpBasic) { f.Store, f.Lockout = "users", &lockout{} })
	refused(t, err, "lockout")
}
