package filters_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"framegate/policies"
)

// signedBy is a token that is right but for who signed it.
func (i *identityGateway) signedBy(kid string, key *rsa.PrivateKey) []string {
	return bearer(sign(i.t, kid, jose.RS256, key, i.claims()))
}

// Keys change at the issuer: the first token with a new one makes the gateway
// look. Old tokens are refused from then on; sessions that are open stay.
func TestKeyRotation(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	c := g.open("/chat", g.signedBy("1", rsaKey)...)
	i.rotate(public("2", otherRSAKey))
	g.clock.turn(time.Minute)
	g.open("/chat", g.signedBy("1", rsaKey)...) // nobody has told yet
	g.open("/chat", g.signedBy("2", otherRSAKey)...)
	g.refuses(401, "/chat", g.signedBy("1", rsaKey)...)
	says(t, c, "still here", "still here")
	if n := i.fetched.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times, want 2", n)
	}
}

// The same id for another key is found out by the signature.
func TestAKeyIsReplacedUnderItsID(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	g.open("/chat", g.signedBy("1", rsaKey)...)
	i.rotate(public("1", otherRSAKey))
	g.clock.turn(time.Minute)
	g.open("/chat", g.signedBy("1", otherRSAKey)...)
	g.refuses(401, "/chat", g.signedBy("1", rsaKey)...)
}

// Whatever strangers send, the issuer is asked at most once in 30 seconds, and
// nobody who is known is kept waiting.
func TestStrangersCauseOneRefreshIn30Seconds(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	known := g.signedBy("1", rsaKey)
	g.open("/chat", known...)
	flood := func() {
		var all sync.WaitGroup
		for worker := range 4 {
			all.Go(func() {
				for n := range 25 {
					token := sign(t, fmt.Sprintf("stranger-%d-%d", worker, n), jose.RS256, otherRSAKey, g.claims())
					g.refuses(401, "/chat", bearer(token)...)
				}
			})
		}
		all.Wait()
		g.open("/chat", known...)
	}
	flood()
	if n := i.fetched.Load(); n != 1 {
		t.Fatalf("%d fetches within 30 seconds of the first", n)
	}
	for round := int32(2); round <= 4; round++ {
		g.clock.turn(30 * time.Second)
		flood()
		if n := i.fetched.Load(); n != round {
			t.Fatalf("%d fetches, want %d", n, round)
		}
	}
}

// During an outage the keys that are there go on being used, for a day.
func TestKeysOutliveAnOutage(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	known := func() []string { return g.signedBy("1", rsaKey) }
	g.open("/chat", known()...)
	i.down.Store(true)
	for range 20 {
		g.clock.turn(time.Hour)
		g.open("/chat", known()...)
	}
	g.refuses(401, "/chat", g.signedBy("2", otherRSAKey)...) // unknown is unknown
	g.clock.turn(5 * time.Hour)
	answer, _ := g.refuses(503, "/chat", known()...)
	if answer.Header.Get("Retry-After") != "5" {
		t.Errorf("no Retry-After: %v", answer.Header)
	}
	i.down.Store(false)
	g.refuses(503, "/chat", known()...) // it was tried just now
	g.clock.turn(5 * time.Second)
	g.open("/chat", known()...)
}

func TestTheIssuerIsAwayWhenTheGatewayStarts(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	i.down.Store(true)
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	token := g.signedBy("1", rsaKey)
	g.refuses(503, "/chat", token...)
	g.log.wait(t, "could not be refreshed", 1)
	i.down.Store(false)
	g.clock.turn(5 * time.Second)
	g.open("/chat", token...)
}

// Keys that are no longer fresh are used while they are got anew: nobody waits.
func TestKeysAreRefreshedBesideTheTraffic(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	i.cache = "public, max-age=120"
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	known := g.signedBy("1", rsaKey)
	g.open("/chat", known...)
	g.clock.turn(119 * time.Second)
	g.open("/chat", known...)
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d fetches while the keys were fresh", n)
	}
	slow := make(chan struct{})
	i.hold.Store(&slow)
	g.clock.turn(2 * time.Second)
	g.open("/chat", known...) // and not after the issuer has answered
	close(slow)
	eventually(t, "the keys are fetched again", func() bool { return i.fetched.Load() == 2 })
}

// One fetch is enough for all who wait for it.
func TestUpgradesShareARefresh(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	slow := make(chan struct{})
	i.hold.Store(&slow)
	g := behind(t, i, "onUpgrade: admit", admitByToken)
	token := g.signedBy("1", rsaKey)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { g.open("/chat", token...) })
	}
	close(slow)
	all.Wait()
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// Filters that trust the same issuer share its keys, and a reload keeps them.
func TestKeysSurviveAReload(t *testing.T) {
	i := newIssuer(t, public("1", rsaKey))
	two := strings.Replace(admitByToken, "      - type: connect", "      - {name: again, type: jwt-verify, issuer: ISSUER, audience: chat, remove: false}\n      - type: connect", 1)
	two = strings.Replace(two, "audience: [chat, other]", "audience: [chat, other]\n        remove: false", 1)
	g := behind(t, i, "onUpgrade: admit", two)
	token := g.signedBy("1", rsaKey)
	g.open("/chat", token...)
	i.down.Store(true)
	g.configure("onUpgrade: admit\nexpire: 1h", two)
	if problems, err := g.Reload(t.Context()); err != nil {
		t.Fatal(err, problems)
	}
	g.open("/chat", token...)
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// What an issuer may answer, and what it must not.
func TestAnswersOfIssuers(t *testing.T) {
	rsaJWK, _ := json.Marshal(public("1", rsaKey))
	small, _ := rsa.GenerateKey(rand.Reader, 1024)
	smallJWK, _ := json.Marshal(public("1", small))
	encryption, _ := json.Marshal(jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "1", Use: "enc"})
	otherAlgorithm, _ := json.Marshal(jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "1", Algorithm: "RS512"})
	noID, _ := json.Marshal(jose.JSONWebKey{Key: rsaKey.Public()})
	impostor, _ := json.Marshal(public("1", otherRSAKey))
	secret := `{"kty":"oct","kid":"1","k":"` + strings.Repeat("A", 43) + `"}`
	for _, c := range []struct {
		what, keys string
		status     int
	}{
		{"one key", `{"keys":[` + string(rsaJWK) + `]}`, 101},
		{"a key without an id", `{"keys":[` + string(noID) + `]}`, 101},
		{"two keys of one id", `{"keys":[` + string(impostor) + `,` + string(rsaJWK) + `]}`, 101},
		{"with unknown kinds", `{"keys":[{"kty":"new"},{"kty":7},` + secret + `,"x",` + string(rsaJWK) + `]}`, 101},
		{"another's key", `{"keys":[` + string(impostor) + `]}`, 401},
		{"for another algorithm", `{"keys":[` + string(otherAlgorithm) + `]}`, 401},
		{"a small key", `{"keys":[` + string(smallJWK) + `]}`, 503},
		{"for encryption", `{"keys":[` + string(encryption) + `]}`, 503},
		{"a shared secret", `{"keys":[` + secret + `]}`, 503},
		{"no keys", `{"keys":[]}`, 503},
		{"no JSON", `<html>`, 503},
		{"deep JSON", strings.Repeat(`{"keys":[`, 20_000), 503},
		{"too many keys", `{"keys":[` + strings.Repeat(string(rsaJWK)+",", 100) + string(rsaJWK) + `]}`, 503},
		{"too long", `{"keys":[` + string(rsaJWK) + `],"x":"` + strings.Repeat("x", 1<<20) + `"}`, 503},
	} {
		t.Run(c.what, func(t *testing.T) {
			i := newIssuer(t)
			i.raw = c.keys
			g := behind(t, i, "onUpgrade: admit", admitByToken)
			if c.status == 101 {
				g.open("/chat", g.signedBy("1", rsaKey)...)
				return
			}
			g.refuses(c.status, "/chat", g.signedBy("1", rsaKey)...)
		})
	}
	t.Run("of another issuer", func(t *testing.T) {
		i := newIssuer(t, public("1", rsaKey))
		i.says = "https://other.example.test"
		g := behind(t, i, "onUpgrade: admit", admitByToken)
		g.refuses(503, "/chat", g.signedBy("1", rsaKey)...)
		g.log.wait(t, "is about issuer", 1)
	})
	t.Run("at a URL of its own", func(t *testing.T) {
		i := newIssuer(t, public("1", rsaKey))
		g := behind(t, i, "onUpgrade: admit", strings.Replace(admitByToken, "audience: [chat, other]", "audience: chat\n        keys: {url: 'ISSUER/jwks'}", 1))
		g.open("/chat", g.signedBy("1", rsaKey)...)
	})
}

func TestKeysFromAFile(t *testing.T) {
	curve, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	spki, _ := x509.MarshalPKIXPublicKey(curve.Public())
	withPrivate, _ := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: rsaKey, KeyID: "1", Use: "sig"}}})
	i := newIssuer(t)
	i.down.Store(true)
	with := func(fields string) string {
		return strings.Replace(strings.ReplaceAll(admitByToken, "ISSUER", "'*'"), "audience: [chat, other]", "audience: '*'\n        "+fields, 1)
	}
	t.Run("JWKS", func(t *testing.T) {
		g := behind(t, i, "onUpgrade: admit", with("keys: {file: keys.json}"), "keys.json", string(withPrivate))
		g.open("/chat", g.signedBy("1", rsaKey)...)
		g.refuses(401, "/chat", g.signedBy("1", otherRSAKey)...)
	})
	t.Run("PEM", func(t *testing.T) {
		g := behind(t, i, "onUpgrade: admit", with("keys: {file: keys.pem}\n        algorithms: [ES384, ES256]"), "keys.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})))
		g.open("/chat", bearer(sign(t, "any", jose.ES384, curve, g.claims("iss", "x")))...)
		g.refuses(401, "/chat", bearer(sign(t, "", jose.ES256, ecKey, g.claims()))...)
	})
}

// What is wrong with the settings is found before anything runs.
func TestWrongSettingsOfJWTVerify(t *testing.T) {
	i := newIssuer(t)
	g := behind(t, i, "onUpgrade: admit", admitByToken, "empty.json", `{"keys":[]}`)
	for fields, want := range map[string]string{
		"audience: x\nissuer: login":                                                                           "https://",
		"audience: x\nissuer: '*'":                                                                             "no https://",
		"audience: []\nissuer: ISSUER":                                                                         "no audience",
		"audience: x\nissuer: ISSUER\nalgorithms: [none]":                                                      "can be allowed",
		"audience: x\nissuer: ISSUER\nalgorithms: [HS256]":                                                     "needs a secret",
		"audience: x\nissuer: ISSUER\nsecret: short":                                                           "at least 32 bytes",
		"audience: x\nissuer: ISSUER\nsecret: " + strings.Repeat("x", 32) + "\nalgorithms: [RS256]":            "does not go with a secret",
		"audience: x\nissuer: ISSUER\nsecret: " + strings.Repeat("x", 32) + "\nkeys: {url: 'https://x.test/'}": "both keys and a secret",
		"audience: x\nissuer: ISSUER\nkeys: {file: empty.json}":                                                "no key in it",
		"audience: x\nissuer: ISSUER\nkeys: {file: missing.json}":                                              "no such file",
		"audience: x\nissuer: ISSUER\nkeys: {file: empty.json, url: 'https://x.test/'}":                        "both a file and a URL",
		"audience: x\nissuer: ISSUER\nkeys: {url: 'ftp://x.test/'}":                                            "no https://",
		"audience: x\nissuer: ISSUER\nkeys: {url: 'https://idb/jwks'}":                                         `no remote host "idb"`,
		"audience: x\nissuer: ISSUER\ntoken: ${x}\nheader: X":                                                  "either in the header",
		"audience: x\nissuer: ISSUER\nsubprotocol: 'a b'":                                                      "not a token",
		"audience: x\nissuer: ISSUER\npointer: token":                                                          "JSON Pointer",
		"audience: x\nissuer: ISSUER\nonExpiry: keep\nwarn: {}":                                                "does not end",
	} {
		g.configure("onUpgrade: admit", "\npolicies:\n  admit:\n    filters:\n      - type: jwt-verify\n        "+strings.ReplaceAll(fields, "\n", "\n        ")+"\n      - {type: connect-to-url, url: 'ws://HOST/'}\n", "empty.json", `{"keys":[]}`)
		if _, problems := policies.Load(t.Context(), g.dir, policies.Options{}, nil); !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%s\n→ %v, want %q", fields, problems, want)
		}
	}
}
