package filters

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"framegate/engine"
)

var fuzzKey = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))

// fuzzed is a jwt-verify that knows one key, and a token of it.
func fuzzed(t testing.TB) (f *jwtVerify, good string) {
	t.Helper()
	f, err := try(&Env{}, func(f *jwtVerify) {
		f.Issuer, f.Audience, f.Secret = "*", []string{"*"}, strings.Repeat("x", 32)
		f.tokenPlace.MaxToken, f.tokenPlace.Remove = 16<<10, true
		f.tokenRules.Subject, f.Expiry = "sub", "required"
	})
	if err != nil {
		t.Fatal(err)
	}
	f.keys, f.Algorithms = fixedKeys(&keyring{keys: []signingKey{{id: "1", key: fuzzKey.Public()}}}), []string{"EdDSA", "RS256"}
	return f, signClaims(t, map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix(), "list": []any{1, "x", map[string]any{}}})
}

func signClaims(t testing.TB, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: fuzzKey, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	object, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := object.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Nothing but the token itself passes, whatever stands in the header, and nothing panics.
func FuzzJWT(f *testing.F) {
	verify, good := fuzzed(f)
	parts := strings.Split(good, ".")
	for _, seed := range []string{
		good, good + "=", "..", "", parts[0] + ".." + parts[2], strings.Repeat(".", 300), "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		parts[0] + "." + parts[1], "e30.e30.", "bnVsbA.bnVsbA.AA", parts[0] + "\n." + parts[1] + "." + parts[2],
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		m := upgrade("/", "Authorization: Bearer x")
		if err := m.Request.Headers.Set("Authorization", "Bearer "+token); err != nil {
			t.Skip()
		}
		pass, err := verify.Run(m)
		if err != nil {
			t.Fatalf("aborted: %v", err)
		}
		if pass && strings.Trim(token, " \t") != good {
			t.Fatalf("passed: %q", token)
		}
		if pass && m.Session.Subject() != "alice" {
			t.Fatalf("passed as %q", m.Session.Subject())
		}
	})
}

// FuzzKeySet reads what servers may answer.
func FuzzKeySet(f *testing.F) {
	for _, seed := range []string{
		`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`,
		`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", `[]`, `{"keys":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ring, err := parseKeys(text)
		if err == nil && (len(ring.keys) == 0 || len(ring.keys) > maxKeys) {
			t.Fatalf("%d keys", len(ring.keys))
		}
	})
}

// A client that comes back costs a look, not a signature.
func BenchmarkJWT(b *testing.B) {
	for name, remember := range map[string]bool{"first": false, "again": true} {
		b.Run(name, func(b *testing.B) {
			f, good := fuzzed(b)
			m := engine.NewMessage(engine.OnUpgrade, &engine.Request{Headers: &engine.Headers{}}, 0, nil)
			b.ReportAllocs()
			for b.Loop() {
				if !remember {
					f.verified = newVerifiedTokens()
				}
				if _, err := f.verify(m, good); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestVerifiedTokensAreForgottenWithTheirKeys(t *testing.T) {
	f, good := fuzzed(t)
	passes(t, f, upgrade("/", "Authorization: Bearer "+good))
	if len(f.verified.all) != 1 {
		t.Fatalf("%d tokens are remembered", len(f.verified.all))
	}
	f.keys.ring = &keyring{keys: []signingKey{{id: "1", key: ed25519.NewKeyFromSeed([]byte("another_0123456789_another_01234")).Public()}}}
	fails(t, f, upgrade("/", "Authorization: Bearer "+good), 401)
}

// What is remembered is bounded, and expires.
func TestVerifiedTokensAreBounded(t *testing.T) {
	v, now := newVerifiedTokens(), time.Now()
	ring := &keyring{}
	for n := range maxRemembered {
		v.put(strings.Repeat("x", n+1), &jwt{ring: ring, until: now.Add(time.Duration(n%2) * time.Hour)}, now)
	}
	v.put("one more", &jwt{ring: ring}, now.Add(time.Minute))
	if n := len(v.all); n != maxRemembered/2+1 {
		t.Errorf("%d are left, want those that count still", n)
	}
	for n := range maxRemembered {
		v.put(strings.Repeat("y", n+1), &jwt{ring: ring, until: now.Add(time.Hour)}, now)
	}
	if n := len(v.all); n > maxRemembered {
		t.Errorf("%d are remembered", n)
	}
}

// A key is for the algorithms of its kind, and a secret never for the others:
// whatever the library under it would make of them.
func TestKeysFitTheAlgorithmsOfTheirKind(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve := func(c elliptic.Curve) any {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key.Public()
	}
	for _, c := range []struct {
		what string
		key  any
		fits string
	}{
		{"RSA", rsaKey.Public(), "RS256 RS384 RS512 PS256 PS384 PS512"}, {"P-256", curve(elliptic.P256()), "ES256"}, {"P-384", curve(elliptic.P384()), "ES384"},
		{"P-521", curve(elliptic.P521()), "ES512"}, {"P-224", curve(elliptic.P224()), ""}, {"Ed25519", fuzzKey.Public(), "EdDSA"}, {"a secret", []byte("secret"), "HS256 HS384 HS512"},
		{"a text", "secret", ""},
	} {
		for _, algorithm := range append(slices.Clone(knownAlgorithms), "none", "") {
			key := signingKey{key: c.key}
			if want := slices.Contains(strings.Fields(c.fits), algorithm); key.fits(algorithm) != want {
				t.Errorf("%s fits %q: %v", c.what, algorithm, !want)
			}
			if key.algorithm = "RS999"; key.fits(algorithm) {
				t.Errorf("%s for another algorithm fits %q", c.what, algorithm)
			}
		}
	}
}
