package filters_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"framegate/engine"
	"framegate/engine/state"
	"framegate/policies"
	"framegate/scripts"
)

// issuer is an OpenID provider on loopback: discovery, keys, and introspection, over TLS.
type issuer struct {
	*httptest.Server
	t       *testing.T
	fetched atomic.Int32 // how often the keys were asked for
	asked   atomic.Int32 // how often a token was introspected
	down    atomic.Bool
	hold    atomic.Pointer[chan struct{}] // answers wait for it

	mu         sync.Mutex
	keys       []jose.JSONWebKey
	raw        string // goes before keys
	cache      string // Cache-Control
	says       string // the issuer of the discovery document; empty: the right one
	introspect func(w http.ResponseWriter, q *http.Request)
}

// one key of each kind for all tests: making them costs time.
var (
	rsaKey, _      = rsa.GenerateKey(rand.Reader, 2048)
	otherRSAKey, _ = rsa.GenerateKey(rand.Reader, 2048)
	ecKey, _       = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, edKey, _    = ed25519.GenerateKey(rand.Reader)
)

// public is the JWK of a private key.
func public(kid string, key crypto.Signer) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key.Public(), KeyID: kid, Use: "sig"}
}

func newIssuer(t *testing.T, keys ...jose.JSONWebKey) *issuer {
	t.Helper()
	i := &issuer{t: t, keys: keys}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, q *http.Request) {
		i.mu.Lock()
		defer i.mu.Unlock()
		says := i.says
		if says == "" {
			says = i.URL
		}
		json.NewEncoder(w).Encode(map[string]any{"issuer": says, "jwks_uri": i.URL + "/jwks", "scopes_supported": []string{"openid"}})
	})
	mux.HandleFunc("/jwks", func(w http.ResponseWriter, q *http.Request) {
		i.fetched.Add(1)
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.cache != "" {
			w.Header().Set("Cache-Control", i.cache)
		}
		if i.raw != "" {
			fmt.Fprint(w, i.raw)
			return
		}
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: i.keys})
	})
	mux.HandleFunc("/introspect", func(w http.ResponseWriter, q *http.Request) {
		i.asked.Add(1)
		i.mu.Lock()
		answer := i.introspect
		i.mu.Unlock()
		answer(w, q)
	})
	i.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if hold := i.hold.Load(); hold != nil {
			<-*hold
		}
		if i.down.Load() {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, q)
	}))
	t.Cleanup(i.Close)
	return i
}

// rotate changes the keys.
func (i *issuer) rotate(keys ...jose.JSONWebKey) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// sign makes a token of claims.
func sign(t *testing.T, kid string, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// says are claims that are right for an hour, changed as told; nil takes one away.
func (i *identityGateway) claims(change ...any) map[string]any {
	now := i.clock.now()
	all := map[string]any{"iss": i.issuer.URL, "aud": "chat", "sub": "alice", "exp": now.Add(time.Hour).Unix(), "iat": now.Unix()}
	for n := 0; n < len(change); n += 2 {
		if all[change[n].(string)] = change[n+1]; change[n+1] == nil {
			delete(all, change[n].(string))
		}
	}
	return all
}

// token signs claims with the RSA key of id rsa.
func (i *identityGateway) token(change ...any) string {
	i.t.Helper()
	return sign(i.t, "rsa", jose.RS256, rsaKey, i.claims(change...))
}

// identityGateway is a gateway with a clock that can be turned and a state, in front of an issuer.
type identityGateway struct {
	*gateway
	issuer *issuer
	clock  *ahead
}

// ahead is a clock that tests turn.
type ahead struct{ by atomic.Int64 }

func (c *ahead) now() time.Time       { return time.Now().Add(time.Duration(c.by.Load())) }
func (c *ahead) turn(d time.Duration) { c.by.Add(int64(d)) }

// behind starts a gateway that trusts the issuer. ISSUER in the configuration is its URL.
func behind(t *testing.T, i *issuer, hooks, text string, files ...string) *identityGateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), log: &lines{grown: make(chan struct{}, 1)}, reached: make(chan string, 100)}
	in := &identityGateway{gateway: g, issuer: i, clock: &ahead{}}
	g.echo()
	in.configure(hooks, text, files...)
	library := scripts.NewLibrary(scripts.Limits{}, nil, nil)
	log := slog.New(slog.NewTextHandler(g.log, nil))
	kept := state.NewMemory(1<<20, in.clock.now)
	g.Gateway = engine.New(log, policies.Loader(g.dir, policies.Options{Scripts: library, Log: log, Now: in.clock.now, State: kept, Payloads: 1000, Trails: 1}))
	g.Gateway.Clock, g.Gateway.State = in.clock.now, kept
	if problems, err := g.Start(context.Background()); err != nil {
		for _, p := range problems {
			t.Log(p.Excerpt())
		}
		t.Fatal(err)
	}
	g.address = g.Addresses()["public"][0]
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := errors.Join(g.Shutdown(ctx), library.Close()); err != nil {
			t.Error(err)
		}
	})
	return in
}

// configure writes the configuration, and files given as name and text in turn.
func (i *identityGateway) configure(hooks, text string, files ...string) {
	i.t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.issuer.Certificate().Raw})
	files = append(files, "ca.pem", string(ca))
	for n := 0; n < len(files); n += 2 {
		if err := os.WriteFile(filepath.Join(i.dir, files[n]), []byte(files[n+1]), 0o600); err != nil {
			i.t.Fatal(err)
		}
	}
	host, port, _ := strings.Cut(strings.TrimPrefix(i.issuer.URL, "https://"), ":")
	text += "\nremoteHosts:\n  idp: {host: " + host + ", port: " + port + ", tls: {ca: ca.pem}, breaker: {failures: 0}}\n"
	i.write(hooks, strings.ReplaceAll(text, "ISSUER", i.issuer.URL))
}

// eventually waits until something has become true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); !is(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within 15s: %s", what)
		}
	}
}
