package filters_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// privateJWK is the text of a JWK Set with a private key.
func privateJWK(t *testing.T, kid string, key crypto.Signer) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "of-another"}, {Key: key, KeyID: kid, Use: "sig"}}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// said verifies a token and gives its header and claims, without those that change each time.
func said(t *testing.T, token string, key any) (header jose.Header, claims map[string]any, lasts float64) {
	t.Helper()
	signed, err := jose.ParseSigned(token, []jose.SignatureAlgorithm{jose.RS256, jose.PS512, jose.ES256, jose.EdDSA, jose.HS256, jose.HS512})
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	text, err := signed.Verify(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	if claims["jti"] == "" || claims["jti"] == nil {
		t.Errorf("no jti in %v", claims)
	}
	lasts = claims["exp"].(float64) - claims["iat"].(float64)
	for _, name := range []string{"exp", "iat", "jti"} {
		delete(claims, name)
	}
	return signed.Signatures[0].Header, claims, lasts
}

// field is the value of a header that reached the host, however often it came.
func field(head, name string) (values []string) {
	for line := range strings.SplitSeq(head, "\r\n") {
		if n, value, ok := strings.Cut(line, ": "); ok && strings.EqualFold(n, name) {
			values = append(values, value)
		}
	}
	return values
}

// The host learns who the client is from a token that only the gateway can sign, whatever the client sends.
func TestTheHostGetsASignedIdentity(t *testing.T) {
	i := newIssuer(t, public("rsa", rsaKey))
	g := behind(t, i, "onUpgrade: admit", `
policies:
  admit:
    filters:
      - {type: jwt-verify, issuer: ISSUER, audience: chat}
      - type: jwt-sign
        key: gateway.json
        issuer: https://gateway.example.test
        audience: [chat, audit]
        claims: {roles: '${jwt.claims.roles}', level: '${jwt.claims.level}', room: 'room ${params.query.room}'}
        ttl: 90s
        header: X-Identity
      - {type: connect-to-url, url: ws://HOST/}
`, "gateway.json", privateJWK(t, "gateway-1", ecKey))
	g.open("/chat?room=7", append(bearer(g.token("roles", []string{"a", "b"}, "level", 3)), "X-Identity", "forged", "X-Identity", "again", "X_Identity", "twin", "x-identity", "lower")...)
	head := <-g.reached
	if strings.Contains(head, "forged") || strings.Contains(head, "twin") || strings.Contains(head, "lower") || strings.Contains(head, "again") {
		t.Errorf("the client's own header reached the host:\n%s", head)
	}
	tokens := field(head, "X-Identity")
	if len(tokens) != 1 {
		t.Fatalf("%d headers: %s", len(tokens), head)
	}
	header, claims, lasts := said(t, tokens[0], ecKey.Public())
	want := map[string]any{
		"iss": "https://gateway.example.test", "sub": "alice", "aud": []any{"chat", "audit"},
		"roles": []any{"a", "b"}, "level": 3.0, "room": "room 7",
	}
	if diff := cmp.Diff(want, claims); diff != "" || lasts != 90 || header.KeyID != "gateway-1" || header.Algorithm != "ES256" || header.ExtraHeaders["typ"] != "JWT" {
		t.Errorf("for %vs, %+v: want (-), got (+):\n%s", lasts, header, diff)
	}
	for _, r := range recorded(g.gateway) {
		if text, _ := json.Marshal(r); strings.Contains(string(text), tokens[0]) {
			t.Errorf("the token is in a record: %s", text)
		}
	}
	g.refuses(500, "/chat?room=7", bearer(g.token("roles", []string{"a"}))...) // no claim level: nothing is signed that is not so
	g.log.wait(t, "claim level", 1)
}

func TestTokensAreSignedWithEachKindOfKey(t *testing.T) {
	pkcs8 := func(key crypto.Signer) string {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	}
	sec1, _ := x509.MarshalECPrivateKey(ecKey)
	for _, c := range []struct {
		what, file, settings, algorithm string
		key                             any
	}{
		{"a JWK of RSA", privateJWK(t, "k", rsaKey), "key: k", "RS256", rsaKey.Public()},
		{"PEM of RSA", pkcs8(rsaKey), "key: k, algorithm: PS512", "PS512", rsaKey.Public()},
		{"PKCS#1", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})), "key: k", "RS256", rsaKey.Public()},
		{"SEC 1", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1})), "key: k", "ES256", ecKey.Public()},
		{"PEM of Ed25519", pkcs8(edKey), "key: k", "EdDSA", edKey.Public()},
		{"a secret", "", "secret: 'of thirty-two bytes and some more'", "HS256", []byte("of thirty-two bytes and some more")},
		{"a long secret", "", "algorithm: HS512, secret: '" + strings.Repeat("x", 64) + "'", "HS512", []byte(strings.Repeat("x", 64))},
	} {
		t.Run(c.what, func(t *testing.T) {
			g := behind(t, newIssuer(t), "onUpgrade: admit", `
policies:
  admit:
    filters:
      - {type: jwt-sign, subject: '${http.request.clientaddr}', `+c.settings+`, header: Authorization, typ: at+jwt, audience: chat}
      - {type: connect-to-url, url: ws://HOST/}
`, "k", c.file)
			g.open("/chat", "Authorization", "Bearer the.clients.own")
			values := field(<-g.reached, "Authorization")
			if len(values) != 1 || !strings.HasPrefix(values[0], "Bearer ") {
				t.Fatalf("Authorization: %q", values)
			}
			header, claims, lasts := said(t, strings.TrimPrefix(values[0], "Bearer "), c.key)
			if diff := cmp.Diff(map[string]any{"sub": "127.0.0.1", "aud": "chat"}, claims); diff != "" || header.Algorithm != c.algorithm || lasts != 60 || header.ExtraHeaders["typ"] != "at+jwt" {
				t.Errorf("%+v for %vs: want (-), got (+):\n%s", header, lasts, diff)
			}
		})
	}
}

func TestMessagesAreSigned(t *testing.T) {
	i := newIssuer(t)
	g := behind(t, i, "onUpgrade: admit\nonClientFrame: sign", `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  sign:
    filters:
      - {type: jwt-sign, secret: 'of thirty-two bytes and some more', subject: alice, claims: {said: '${content.body}'}, attribute: signed.message, ttl: 1h}
      - {type: set-message, body: '${signed.message}'}
`)
	c := g.open("/chat")
	if err := c.WriteMessage(1, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	_, p, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	_, claims, lasts := said(t, string(p), []byte("of thirty-two bytes and some more"))
	if diff := cmp.Diff(map[string]any{"sub": "alice", "said": "hello"}, claims); diff != "" || lasts != time.Hour.Seconds() {
		t.Errorf("for %vs: want (-), got (+):\n%s", lasts, diff)
	}
}

func TestWrongSettingsOfJWTSign(t *testing.T) {
	weak, _ := rsa.GenerateKey(rand.Reader, 1024)
	publicOnly, _ := json.Marshal(public("k", rsaKey))
	for _, c := range []struct{ settings, file, want string }{
		{"issuer: x", "", "nothing is given to sign with"},
		{"key: k, secret: of thirty-two bytes and some more", privateJWK(t, "k", ecKey), "both a key and a secret"},
		{"secret: short", "", "HS256 needs a secret of at least 32 bytes"},
		{"key: gone", "", "no such file"},
		{"key: k", string(publicOnly), "no private key to sign with"},
		{"key: k", "nonsense", "neither a JWK Set nor PEM"},
		{"key: k", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})), "encrypted"},
		{"key: k", string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(weak)})), "no private key to sign with"},
		{"key: k, algorithm: RS256", privateJWK(t, "k", ecKey), `the key cannot sign with "RS256"`},
		{"key: k, algorithm: none", privateJWK(t, "k", ecKey), `the key cannot sign with "none"`},
		{"key: k, claims: {exp: 1}", privateJWK(t, "k", ecKey), "claim exp is none of those that are set here"},
		{"key: k, claims: {sub: bob}", privateJWK(t, "k", ecKey), "claim sub is none of those that are set here"},
		{"key: k, header: Connection", privateJWK(t, "k", ecKey), "cannot be changed by a policy"},
		{"key: k, attribute: id", privateJWK(t, "k", ecKey), "read-only"},
	} {
		g := &gateway{t: t, dir: t.TempDir(), host: "127.0.0.1:9"}
		in := &identityGateway{gateway: g, issuer: newIssuer(t)}
		in.configure("onUpgrade: admit", "policies:\n  admit:\n    filters:\n      - {type: jwt-sign, subject: a, "+c.settings+"}\n      - {type: connect-to-url, url: ws://HOST/}\n", "k", c.file)
		if said := strings.Join(errorsOf(g.dir), "\n"); !strings.Contains(said, c.want) {
			t.Errorf("%s: %s, want %s", c.settings, said, c.want)
		}
	}
}

// A back end behind CGI takes X_User for X-User.
func TestNoClientCanNameItsUser(t *testing.T) {
	g := start(t, "onUpgrade: admit", `
policies:
  admit:
    filters:
      - {type: add-http-header, header: X-User, value: alice}
      - {type: connect-to-url, url: ws://HOST/}
`)
	g.open("/chat", "X-User", "mallory", "x_user", "mallory", "X_USER", "mallory")
	if head := <-g.reached; strings.Contains(head, "mallory") || len(field(head, "X-User")) != 1 {
		t.Errorf("the host got\n%s", head)
	}
}
