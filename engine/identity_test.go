package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"framegate/engine/wire"
)

// mapState is a State without times to live.
type mapState struct{ sync.Map }

func (s *mapState) Get(bucket, key string) ([]byte, bool, error) {
	v, ok := s.Load(bucket + "/" + key)
	if !ok {
		return nil, false, nil
	}
	return v.([]byte), true, nil
}

func (s *mapState) Put(bucket, key string, value []byte, _ time.Duration) error {
	s.Store(bucket+"/"+key, value)
	return nil
}

func (s *mapState) Delete(bucket, key string) error {
	s.Map.Delete(bucket + "/" + key)
	return nil
}

func (s *mapState) Take(string, string, int64, Allowance) (Taken, error) {
	panic("revocations take nothing")
}

func (s *mapState) Add(string, string, int64, time.Duration) (int64, error) {
	return 0, errors.New("not here")
}

// identified is a gateway with a turned clock whose upgrade policy gives the
// client identities.
type identified struct {
	*running
	*clock
	host *wsHost
	mu   sync.Mutex
	ids  []*Identity

	meanwhile atomic.Pointer[func()] // happens between an upgrade's identity and its connection
}

// are gives the next clients other identities.
func (i *identified) are(ids []*Identity) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.ids = ids
}

func (i *identified) identities() []*Identity {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.ids
}

func withIdentities(t *testing.T, w *Websocket, ids ...*Identity) *identified {
	t.Helper()
	i := &identified{host: newWSHost(t), clock: &clock{}, ids: ids}
	w.Path = "/"
	w.Upgrade = policyOf("admit", filterFunc(func(m *Message) (bool, error) {
		for _, id := range i.identities() {
			if err := m.Identify(id); errors.Is(err, ErrRevoked) || errors.Is(err, ErrExpired) {
				m.Fail(401, "%v", err)
				return false, nil
			} else if err != nil {
				return false, err
			}
		}
		return true, nil
	}), filterFunc(func(m *Message) (bool, error) {
		if happens := i.meanwhile.Load(); happens != nil {
			(*happens)()
		}
		return dial{i.host.address}.Run(m)
	}))
	i.running = startGateway(t, snapshotOf(w), func(g *Gateway) { g.Clock, g.State = i.now, &mapState{} })
	return i
}

func (i *identified) open() (client, host *wsPeer) {
	i.t.Helper()
	client, host = pair(i.t, i.address, i.host, "/")
	i.only()
	i.Sweep()
	return client, host
}

// upgrade is the status of an upgrade that is refused.
func (i *identified) refusal() int {
	i.t.Helper()
	q, _ := http.NewRequest("GET", "http://"+i.address+"/", nil)
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": wire.NewKey()} {
		q.Header.Set(name, value)
	}
	a, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(q)
	if err != nil {
		i.t.Fatal(err)
	}
	a.Body.Close() // of a 101, the connection
	return a.StatusCode
}

func TestTheEarliestExpiryEndsTheSession(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		i := withIdentities(t, w)
		i.are([]*Identity{
			{Subject: "app", Method: "api-key", Expires: i.now().Add(time.Minute)},
			{Subject: "alice", Method: "jwt", Expires: i.now().Add(time.Hour)},
		})
		client, host := i.open()
		if got := i.only().Subject(); got != "alice" {
			t.Errorf("the subject is %q, want the last", got)
		}
		i.turn(59 * time.Second)
		i.Sweep()
		exchange(t, client, host, "still here")
		i.turn(2 * time.Second)
		i.Sweep()
		i.endsWith(client, host, "expiry", wire.CloseUnauthorized, "authentication expired")
	})
}

func TestAnIdentityThatHasExpiredIsRefused(t *testing.T) {
	i := withIdentities(t, &Websocket{})
	i.are([]*Identity{{Subject: "alice", Method: "jwt", Expires: i.now()}})
	if status := i.refusal(); status != 401 {
		t.Errorf("the upgrade got %d", status)
	}
}

func TestAWarningComesBeforeTheExpiry(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		i := withIdentities(t, w)
		text, err := ParseSelector(`{"expiring":"${authentication.subject.id}","at":"${authentication.expires}"}`)
		if err != nil {
			t.Fatal(err)
		}
		expires := i.now().Add(time.Hour)
		i.are([]*Identity{{Subject: "alice", Method: "jwt", Expires: expires, Warning: &Warning{30 * time.Second, text}}})
		client, host := i.open()
		i.turn(time.Hour - 31*time.Second)
		i.Sweep()
		exchange(t, client, host, "no warning yet")
		i.turn(2 * time.Second)
		i.Sweep()
		client.gets(t, opText, fmt.Sprintf(`{"expiring":"alice","at":"%s"}`, expires.UTC().Format(time.RFC3339)))
		i.turn(time.Second)
		i.Sweep() // only once
		exchange(t, client, host, "warned")
	})
}

// renewing is a websocket whose client sends "METHOD SUBJECT SECONDS" to identify itself.
func renewing(i **identified) *Websocket {
	return &Websocket{ClientFrame: policyOf("renew", filterFunc(func(m *Message) (bool, error) {
		var method, subject string
		var seconds int
		if n, _ := fmt.Sscan(string(m.Body()), &method, &subject, &seconds); n != 3 {
			return true, m.Reply(wire.Text, fmt.Appendf(nil, "%s until %s, upgrade of %s",
				m.Get(AttrOf("authentication.subject.id")), m.Get(AttrOf("authentication.expires")), m.Get(AttrOf("websock.context.authentication.subject.id"))))
		}
		err := m.Identify(&Identity{Subject: subject, Method: method, Expires: (*i).now().Add(time.Duration(seconds) * time.Second)})
		if err != nil {
			return true, m.Reply(wire.Text, []byte(err.Error()))
		}
		return true, m.Reply(wire.Text, []byte("renewed "+m.Get(AttrOf("authentication.subject.id")).String()))
	}))}
}

func TestARenewalMovesTheExpiry(t *testing.T) {
	var i *identified
	i = withIdentities(t, renewing(&i))
	i.are([]*Identity{{Subject: "alice", Method: "jwt", Expires: i.now().Add(time.Minute)}})
	client, host := i.open()
	say := func(body, want string) {
		t.Helper()
		client.send(opText, body)
		client.gets(t, opText, want)
	}
	say("jwt mallory 600", ErrOtherSubject.Error())
	say("other mallory 600", ErrOtherSubject.Error())
	i.turn(50 * time.Second)
	say("jwt alice 600", "renewed alice")
	say("who am I?", "alice until "+i.only().identityValue(identityExpires).String()+", upgrade of alice")
	i.turn(9 * time.Minute)
	i.Sweep()
	exchangeNothing(t, i.running)
	i.turn(61 * time.Second)
	i.Sweep()
	i.endsWith(client, host, "expiry", wire.CloseUnauthorized, "authentication expired")
}

// A client that came without an identity may bring one later, and counts then.
func TestAnAnonymousSessionGetsASubject(t *testing.T) {
	var i *identified
	w := renewing(&i)
	w.Limits.PerSubject = 1
	i = withIdentities(t, w)
	first, _ := i.open()
	first.send(opText, "jwt alice 60")
	first.gets(t, opText, "renewed alice")
	if got := i.only().Subject(); got != "alice" {
		t.Errorf("the subject is %q", got)
	}
	second, _ := pair(t, i.address, i.host, "/")
	second.send(opText, "jwt alice 60")
	second.gets(t, opText, ErrManySessions.Error())
	second.send(opText, "jwt bob 60")
	second.gets(t, opText, "renewed bob")
	first.sendClose(1000, "")
	eventually(t, "the first is gone", func() bool { return i.Sessions().Len() == 1 })
	third, _ := pair(t, i.address, i.host, "/")
	third.send(opText, "jwt alice 60")
	third.gets(t, opText, "renewed alice")
}

func TestARevocationClosesSessionsAndRefusesNewOnes(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		for _, handle := range []string{"subject:alice", "jti:1"} {
			i := withIdentities(t, w)
			i.are([]*Identity{{Subject: "app", Method: "api-key"}, {Subject: "alice", Method: "jwt", Handles: []string{"jti:1"}}})
			client, host := i.open()
			for _, other := range []string{"subject:bob", "jti:2", "alice"} {
				if n, err := i.Revoke(Revocation{Handle: other}); n != 0 || err != nil {
					t.Fatalf("revoking %s closed %d, %v", other, n, err)
				}
			}
			exchange(t, client, host, "others are revoked")
			if n, err := i.Revoke(Revocation{Handle: handle, Until: i.now().Add(time.Hour)}); n != 1 || err != nil {
				t.Fatalf("revoking %s closed %d, %v", handle, n, err)
			}
			i.endsWith(client, host, "revocation", wire.CloseUnauthorized, "authentication revoked")
			if status := i.refusal(); status != 401 {
				t.Errorf("%s: the next upgrade got %d", handle, status)
			}
			i.turn(time.Hour + time.Second)
			i.open()
		}
	})
}

func TestARevocationCanBeTakenBack(t *testing.T) {
	i := withIdentities(t, &Websocket{})
	i.are([]*Identity{{Subject: "alice", Method: "basic"}})
	if _, err := i.Revoke(Revocation{Handle: "subject:alice"}); err != nil {
		t.Fatal(err)
	}
	if status := i.refusal(); status != 401 {
		t.Errorf("the upgrade got %d", status)
	}
	if err := i.Unrevoke("subject:alice"); err != nil {
		t.Fatal(err)
	}
	if err := i.Unrevoke("subject:alice"); !errors.Is(err, ErrNotRevoked) {
		t.Errorf("the second time: %v", err)
	}
	i.open()
}

// What was issued after the moment stays good: everybody has to log in anew, and can.
func TestARevocationOfWhatWasIssuedBefore(t *testing.T) {
	i := withIdentities(t, &Websocket{})
	now := i.now()
	i.are([]*Identity{{Subject: "alice", Method: "jwt", Issued: now}})
	client, host := i.open()
	if n, err := i.Revoke(Revocation{Handle: "subject:alice", IssuedBefore: now.Add(time.Second)}); n != 1 || err != nil {
		t.Fatalf("closed %d, %v", n, err)
	}
	i.endsWith(client, host, "revocation", wire.CloseUnauthorized, "authentication revoked")
	if status := i.refusal(); status != 401 {
		t.Errorf("the old token got %d", status)
	}
	i.are([]*Identity{{Subject: "alice", Method: "jwt", Issued: now.Add(time.Second)}})
	i.open()
}

// A revocation that comes while the upgrade is under way is not missed.
func TestARevocationOvertakesAnUpgrade(t *testing.T) {
	i := withIdentities(t, &Websocket{})
	i.are([]*Identity{{Subject: "alice", Method: "basic"}})
	revoke := func() {
		if n, err := i.Revoke(Revocation{Handle: "subject:alice"}); n != 0 || err != nil {
			t.Errorf("closed %d, %v", n, err)
		}
	}
	i.meanwhile.Store(&revoke)
	client, host := pair(t, i.address, i.host, "/")
	i.endsWith(client, host, "revocation", wire.CloseUnauthorized, "authentication revoked")
}

func TestRevokingNeedsAStateAndAHandle(t *testing.T) {
	i := withIdentities(t, &Websocket{})
	if _, err := i.Revoke(Revocation{}); err == nil {
		t.Error("a revocation of nothing was taken")
	}
	if _, err := i.Revoke(Revocation{Handle: "jti:1", Until: i.now().Add(-time.Second)}); !errors.Is(err, ErrPastRevocation) {
		t.Errorf("a revocation of the past: %v", err)
	}
	i.State = nil
	if _, err := i.Revoke(Revocation{Handle: "jti:1"}); !errors.Is(err, ErrNoState) {
		t.Errorf("without state: %v", err)
	}
}

// An identity that is looked at again ends the session when it no longer holds;
// when nobody can tell, it goes on.
func TestRecheck(t *testing.T) {
	modes(t, func(t *testing.T, w *Websocket) {
		i := withIdentities(t, w)
		var checks atomic.Int32
		var answer atomic.Pointer[error]
		i.are([]*Identity{{Subject: "alice", Method: "oauth", Recheck: &Recheck{5 * time.Minute, func(context.Context) error {
			defer checks.Add(1)
			if err := answer.Load(); err != nil {
				return *err
			}
			return nil
		}}}})
		client, host := i.open()
		due := func(n int32) {
			t.Helper()
			i.turn(5 * time.Minute)
			i.Sweep()
			eventually(t, "the check is made", func() bool { return checks.Load() == n })
		}
		due(1)
		i.turn(4 * time.Minute)
		i.Sweep()
		exchange(t, client, host, "holds")
		outage := errors.New("the server is away")
		answer.Store(&outage)
		due(2)
		exchange(t, client, host, "nobody can tell")
		gone := fmt.Errorf("introspect: %w", ErrRevoked)
		answer.Store(&gone)
		due(3)
		i.endsWith(client, host, "revocation", wire.CloseUnauthorized, "authentication revoked")
	})
}

func TestAReloadChecksWhatDependsOnTheConfiguration(t *testing.T) {
	i := withIdentities(t, &Websocket{Hash: "same"})
	var removed atomic.Bool
	i.are([]*Identity{{Subject: "alice", Method: "api-key", Recheck: &Recheck{0, func(context.Context) error {
		if removed.Load() {
			return ErrRevoked
		}
		return nil
	}}}})
	client, host := i.open()
	again := snapshotOf(&Websocket{Path: "/", Hash: "same", Upgrade: i.next.Ports["public"].Websockets[0].Upgrade})
	i.reload(again)
	exchange(t, client, host, "the key is still there")
	removed.Store(true)
	i.turn(time.Hour)
	i.Sweep()
	exchange(t, client, host, "and nobody looks until the next reload")
	i.reload(snapshotOf(&Websocket{Path: "/", Hash: "same", Upgrade: i.next.Ports["public"].Websockets[0].Upgrade}))
	i.endsWith(client, host, "revocation", wire.CloseUnauthorized, "authentication revoked")
}

func TestIdentityAttributes(t *testing.T) {
	m := NewMessage(OnUpgrade, &Request{Headers: &Headers{}}, 0, nil)
	id := &Identity{
		Subject: "alice", Method: "jwt", Role: "admin", Issuer: "https://login.example.test", Scopes: []string{"chat", "read"},
		Attributes: TreeValue(map[string]any{"mail": "alice@example.test"}), Expires: time.Now().Add(time.Hour),
	}
	if err := m.Identify(id); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"authentication.subject.id": "alice", "authentication.subject.format": "User Name", "authentication.subject.role": "admin",
		"authentication.method": "jwt", "authentication.issuer.id": "https://login.example.test", "authentication.scope": "chat read",
		"authentication.expires": id.Expires.UTC().Format(time.RFC3339), "attribute.lookup.list": `{"mail":"alice@example.test"}`,
		"authentication.subject.attributes": `{"mail":"alice@example.test"}`,
	} {
		if got := m.Get(AttrOf(name)).String(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
		if !Writable(name) {
			t.Errorf("%s is read-only", name)
		}
	}
	if err := m.Identify(&Identity{Subject: "bob", Method: "basic"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"authentication.subject.role", "authentication.issuer.id", "authentication.scope", "authentication.expires", "attribute.lookup.list"} {
		if v := m.Get(AttrOf(name)); !v.IsMissing() {
			t.Errorf("%s is still %s", name, v)
		}
	}
	if err := m.Identify(&Identity{Method: "basic"}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("without a subject: %v", err)
	}
}
