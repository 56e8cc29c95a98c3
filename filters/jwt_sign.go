package filters

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/json"

	"framegate/engine"
)

func init() {
	register[jwtSign](Kind{Type: "jwt-sign", Family: Transform, Aliases: []string{"JWTSignFilter"}, Hooks: engine.OnHTTP | engine.OnFrame})
}

// Signs a JSON Web Token (RFC 7519) that tells the remote host who the client is, so
// that the host need not believe a plain header. As in Axway's JWT Sign filter.
//
// Always passes, with the token in an attribute, jwt.token unless named otherwise,
// and in the header, where one is given. What the client sent in that header never
// gets to the host, nor does what it sent in a header whose name differs only in _
// and -. Aborts when a claim cannot be made: when its attribute is not set and the
// selector has no default.
//
// The token says iat and exp, by ttl, and jti, a new id for each, besides the claims
// given. The host verifies it with the public half of the key, or with the same
// secret. A session that lasts longer than the token gets no new one: the host checks
// it when the WebSocket is opened.
//
//	filters:
//	  - type: jwt-sign
//	    secret: '{{env "GATEWAY_SECRET" "32-bytes-or-more-to-try-things-with"}}'
//	    issuer: https://gateway.example.test
//	    audience: chat
//	    claims: {tenant: '${params.query.tenant ?: "none"}', address: '${http.request.clientaddr}'}
//	    subject: '${authentication.subject.id ?: "anonymous"}'
//	    header: X-Identity
type jwtSign struct {
	// Key is a file of the gateway's directory with the private key: a JWK Set, of which the first private key counts, one JWK, or
	// PEM. A JWK's kid goes into the token's header.
	Key string `yaml:"key"`

	// Secret signs with HS256, HS384 or HS512, in place of a key: at least 32 bytes, which the host knows too. Write {{env "JWT_SECRET"}}
	// rather than the secret itself.
	Secret string `yaml:"secret"`

	// Algorithm is the signature algorithm. Left out, it is what the JWK says, else RS256 with RSA keys, ES256, ES384 or ES512 by
	// the curve, EdDSA, or, with secret, HS256.
	Algorithm string `yaml:"algorithm"`

	// Typ is what the token's header says that it is.
	Typ string `yaml:"typ" default:"JWT"`

	// Issuer is the claim iss; left out, there is none.
	Issuer engine.Selector `yaml:"issuer"`

	// Audience is the claim aud, for whom the token is: one, or a list.
	Audience []string `yaml:"audience"`

	// Subject is the claim sub, who the client is.
	Subject engine.Selector `yaml:"subject" default:"${authentication.subject.id}"`

	// Claims are more claims. A value that is nothing but one ${…} keeps its kind: a number stays a number, a list a list.
	Claims map[string]engine.Selector `yaml:"claims"`

	// TTL is how long the token is good.
	TTL engine.Duration `yaml:"ttl" default:"1m" min:"1s" max:"365d"`

	// Header is the name of the header of the request that brings the host the token, behind the word Bearer where it is
	// Authorization. Left out, the token is in the attribute only.
	Header string `yaml:"header"`

	// Attribute is the attribute that holds the token.
	Attribute string `yaml:"attribute" default:"jwt.token"`

	all    map[string]engine.Selector // the claims with selectors
	signer jose.Signer
	attr   engine.Attr
}

// ownClaims are those that the filter sets itself, and how.
var ownClaims = map[string]string{
	"iss": "write it as issuer", "sub": "write it as subject", "aud": "write it as audience",
	"exp": "it is made of ttl", "iat": "it is the time of signing", "jti": "it is a new id for each token",
}

func (f *jwtSign) Prepare(env *Env) (err error) {
	if f.attr, err = settable("attribute", f.Attribute); err != nil {
		return err
	}
	f.all = map[string]engine.Selector{"sub": f.Subject}
	if !f.Issuer.IsZero() {
		f.all["iss"] = f.Issuer
	}
	for name, s := range f.Claims {
		if how, own := ownClaims[name]; own {
			return wrong("claims."+name, how, "claim %s is none of those that are set here", name)
		}
		f.all[name] = s
	}
	if f.Header != "" {
		if err := f.checkHeader(env); err != nil {
			return err
		}
	}
	key, err := f.signingKey(env)
	if err != nil {
		return err
	}
	if f.signer, err = jose.NewSigner(key, (&jose.SignerOptions{}).WithType(jose.ContentType(f.Typ))); err != nil {
		return wrong("algorithm", "leave it out, or use another key", "%w", err)
	}
	return nil
}

func (f *jwtSign) checkHeader(env *Env) error {
	if env.Hooks&engine.OnFrame != 0 && env.Hooks&engine.OnHTTP == 0 {
		return wrong("header", "leave it out, and use the attribute: set-message with ${"+f.Attribute+"}", "messages have no headers")
	}
	return checkHeaderName(f.Header)
}

// signingKey is the key with its algorithm.
func (f *jwtSign) signingKey(env *Env) (key jose.SigningKey, err error) {
	field := "key"
	switch {
	case f.Key != "" && f.Secret != "":
		return key, wrong("secret", "keep one of them", "there are both a key and a secret")
	case f.Key == "" && f.Secret == "":
		return key, wrong("key", "write `key: FILE`, as `framegate token --new FILE` makes one, or a `secret:`", "nothing is given to sign with")
	case f.Secret != "":
		field = "secret"
		key = jose.SigningKey{Algorithm: jose.HS256, Key: jose.JSONWebKey{Key: []byte(f.Secret)}}
	default:
		if key, err = readSigningKey(env, f.Key); err != nil {
			return key, err
		}
	}
	private := key.Key.(jose.JSONWebKey).Key
	able := algorithmsFor(private)
	switch {
	case len(able) == 0 && field == "secret":
		return key, wrong(field, "use a longer one, such as `openssl rand -base64 48` makes", "HS256 needs a secret of at least %d bytes", hmacBytes("HS256"))
	case len(able) == 0:
		return key, wrong(field, "use a key of ES256, EdDSA or RSA", "no algorithm can sign with this key")
	case f.Algorithm != "" && !slices.Contains(able, f.Algorithm):
		return key, wrong("algorithm", "write one of "+strings.Join(able, ", ")+", or leave it out", "the %s cannot sign with %q", field, f.Algorithm)
	case f.Algorithm != "":
		key.Algorithm = jose.SignatureAlgorithm(f.Algorithm)
	}
	return key, nil
}

func readSigningKey(env *Env, name string) (jose.SigningKey, error) {
	text, err := fs.ReadFile(env.Files, name)
	if err != nil {
		return jose.SigningKey{}, &FieldError{"key", "write the path from the gateway's directory", err}
	}
	key, err := ParseSigningKey(text)
	if err != nil {
		return key, &FieldError{"key", "it must be a JWK Set, a JWK or PEM with a private key; RSA keys have 2048 bits or more", err}
	}
	return key, nil
}

// Generates names the attribute for the check of what is read and never set.
func (f *jwtSign) Generates() []string { return []string{f.Attribute} }

func (f *jwtSign) Run(m *engine.Message) (bool, error) {
	claims, err := f.claims(m)
	if err != nil {
		return false, err
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return false, fmt.Errorf("make the claims: %w", err)
	}
	signed, err := f.signer.Sign(text)
	if err != nil {
		return false, fmt.Errorf("sign the token: %w", err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return false, fmt.Errorf("sign the token: %w", err)
	}
	if err := f.hand(m, token); err != nil {
		return false, err
	}
	return true, m.Set(f.attr, engine.StringValue(token))
}

// claims are what the token says about a message.
func (f *jwtSign) claims(m *engine.Message) (map[string]any, error) {
	all := make(map[string]any, len(f.all)+4)
	for name, s := range f.all {
		value, err := s.Value(m)
		if err != nil {
			return nil, fmt.Errorf("claim %s: %w", name, err)
		}
		if value.Headers() != nil {
			return nil, fmt.Errorf("claim %s: %w", name, errHeaderSet)
		}
		all[name] = value
	}
	if len(f.Audience) == 1 {
		all["aud"] = f.Audience[0]
	} else if len(f.Audience) > 1 {
		all["aud"] = f.Audience
	}
	now := m.Now()
	all["iat"], all["exp"], all["jti"] = now.Unix(), now.Add(time.Duration(f.TTL)).Unix(), rand.Text()
	return all, nil
}

var errHeaderSet = errors.New("a header set cannot be a claim; name one header: ${http.header.NAME}")

// hand puts the token where the host reads it, in place of whatever the client sent there.
func (f *jwtSign) hand(m *engine.Message, token string) error {
	if f.Header == "" || m.Request == nil {
		return nil
	}
	if strings.EqualFold(f.Header, "Authorization") {
		token = "Bearer " + token
	}
	m.Request.Conceal(f.Header)
	removeTwins(m.Request.Headers, f.Header)
	return m.Request.Headers.Set(f.Header, token)
}
