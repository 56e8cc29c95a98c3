package filters_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// hs256 signs a header and a payload with a secret, whatever they say.
func hs256(header, payload string, secret []byte) string {
	signed := b64(header) + "." + b64(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// forge signs with a header of its own.
func forge(t *testing.T, key any, algorithm jose.SignatureAlgorithm, payload string, headers map[jose.HeaderKey]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range headers {
		options.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forgeries are tokens that must not be taken (RFC 8725 §2 and §3).
func forgeries(t *testing.T, g *identityGateway, good string) map[string]string {
	t.Helper()
	text, err := json.Marshal(g.claims())
	if err != nil {
		t.Fatal(err)
	}
	claims := string(text)
	parts := strings.Split(good, ".")
	spki, _ := x509.MarshalPKIXPublicKey(rsaKey.Public())
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
	jwk := jose.JSONWebKey{Key: otherRSAKey.Public(), KeyID: "rsa"}
	last := parts[2][len(parts[2])-1]
	all := map[string]string{
		"empty secret":               hs256(`{"alg":"HS256","kid":"rsa"}`, claims, nil),
		"public key as secret":       hs256(`{"alg":"HS256","kid":"rsa"}`, claims, publicPEM),
		"public key's DER":           hs256(`{"alg":"HS256"}`, claims, spki),
		"another's key, known kid":   forge(t, otherRSAKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": "rsa"}),
		"another's key, no kid":      forge(t, edKey, jose.EdDSA, claims, nil),
		"another's kid":              forge(t, edKey, jose.EdDSA, claims, map[jose.HeaderKey]any{"kid": "nobody"}),
		"kid of an EC key":           forge(t, rsaKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": "ec"}),
		"kid is a path":              forge(t, rsaKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": "../../../dev/null"}),
		"kid is SQL, wrong key":      forge(t, rsaKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": "../../etc/passwd' OR 1=1"}),
		"kid is a number":            forge(t, rsaKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": 7}),
		"its own key":                forge(t, otherRSAKey, jose.RS256, claims, map[jose.HeaderKey]any{"jwk": jwk}),
		"its own key's place":        forge(t, otherRSAKey, jose.RS256, claims, map[jose.HeaderKey]any{"jku": g.issuer.URL + "/jwks", "x5u": g.issuer.URL + "/x5u", "kid": "stranger"}),
		"critical extension":         forge(t, rsaKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": "rsa", "crit": []string{"exp"}, "exp": 1}),
		"bare payload":               forge(t, rsaKey, jose.RS256, claims, map[jose.HeaderKey]any{"kid": "rsa", "b64": true}),
		"algorithm not allowed":      forge(t, rsaKey, jose.RS512, claims, map[jose.HeaderKey]any{"kid": "rsa"}),
		"a member twice":             forge(t, rsaKey, jose.RS256, `{"iss":"`+g.issuer.URL+`","aud":"chat","sub":"mallory","sub":"alice","exp":4102444800}`, map[jose.HeaderKey]any{"kid": "rsa"}),
		"claims are a list":          forge(t, rsaKey, jose.RS256, `["alice"]`, map[jose.HeaderKey]any{"kid": "rsa"}),
		"claims are null":            forge(t, rsaKey, jose.RS256, `null`, map[jose.HeaderKey]any{"kid": "rsa"}),
		"claims are no JSON":         forge(t, rsaKey, jose.RS256, `alice`, map[jose.HeaderKey]any{"kid": "rsa"}),
		"deep claims":                forge(t, rsaKey, jose.RS256, strings.Repeat("[", 9000), map[jose.HeaderKey]any{"kid": "rsa"}),
		"deep header":                b64(`{"alg":`+strings.Repeat("[", 9000)) + "." + parts[1] + "." + parts[2],
		"header with a member twice": b64(`{"alg":"none","alg":"RS256","kid":"rsa"}`) + "." + parts[1] + "." + parts[2],
		"header is a list":           b64(`["RS256"]`) + "." + parts[1] + "." + parts[2],
		"no signature":               parts[0] + "." + parts[1] + ".",
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + "." + parts[2],
		"five parts (encrypted)":     good + ".a.b",
		"other claims":               parts[0] + "." + b64(strings.Replace(claims, "alice", "mallory", 1)) + "." + parts[2],
		"other last bits":            good[:len(good)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)+1)%64]),
		"padded":                     good + "==",
		"not base64url":              parts[0] + "+." + parts[1] + "." + parts[2],
		"huge":                       good + strings.Repeat("A", 15_000),
		"not a JWT":                  "an-opaque-token",
		"only dots":                  "..",
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
		all["algorithm "+none] = b64(`{"alg":"`+none+`","kid":"rsa"}`) + "." + b64(claims) + "."
		all["algorithm "+none+", signed"] = b64(`{"alg":"`+none+`","kid":"rsa"}`) + "." + b64(claims) + "." + parts[2]
	}
	return all
}
