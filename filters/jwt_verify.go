package filters

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"framegate/engine"
)

func init() {
	register[jwtVerify](Kind{
		Type: "jwt-verify", Family: Identity, Aliases: []string{"JWTVerifyFilter"}, Hooks: engine.OnHTTP | engine.OnFrame,
		Writes: append([]string{"jwt.header", "jwt.body", "jwt.claims"}, identityWrites...),
	})
}

// Passes when the request brings a JSON Web Token (RFC 7519) that its issuer has
// signed for this audience, and that counts now. As in Axway's JWT Verify filter,
// which leaves issuer, audience and expiry to other filters; here they are checked.
//
// A refused upgrade gets 401 with the challenge of RFC 6750, 403 where a scope is
// missing, and 503 as long as the keys of the issuer cannot be had. A token that is
// good is taken away from the request, so that the remote host does not get it, and a
// session ends with its token: at its expiry, and when it is revoked (`framegate
// revoke`), the session is closed with 3000, also while it is silent.
//
// Keys come from a file, from a URL, or from where the issuer's discovery document
// says, which is the default. They are got anew from time to time, and when a token
// comes that none of them verifies, but at most once in 30 seconds; while the issuer
// cannot be reached they go on being used. Sessions that are open stay so when their
// token's key goes. Only what stands in algorithms is allowed, and only with a key
// made for it; what a token's own header says about keys (jku, x5u, jwk) is ignored,
// and one with crit is refused.
//
// In a policy on messages it takes a new token for the session, out of a message
// that never reaches the remote host. It must be of the same subject and issuer; then the
// session lasts as long as the new token does. It fails otherwise, and the session
// goes on or not as the arrows say. A session that had no token yet gets its
// subject so. What was known at the upgrade (websock.context) does not change.
//
// It sets authentication.subject.id (the claim sub), authentication.subject.attributes
// (all claims), authentication.issuer.id, authentication.scope, authentication.expires,
// authentication.method (jwt), and jwt.header, jwt.body and jwt.claims, so that
// ${jwt.claims.tenant} is a claim.
//
//	filters:
//	  - type: jwt-verify
//	    issuer: https://login.example.test
//	    audience: chat
//	    scopes: [chat.read]
//	    header: Authorization
//	    subprotocol: bearer
//	    pointer: /token
//	    warn: {before: 1m}
type jwtVerify struct {
	// Issuer is who signs the tokens: the claim iss, to the letter. '*' allows any, with keys given.
	Issuer string `yaml:"issuer" required:"true"`

	// Audience is whom tokens must be for: the claim aud must have one of these. '*' allows any.
	Audience []string `yaml:"audience" required:"true"`

	// Keys is where the keys are that verify tokens. Left out, the issuer's discovery document tells.
	Keys *keysField `yaml:"keys"`

	// Secret verifies tokens that were signed with HS256, HS384 or HS512, in place of keys: the same secret that the issuer signs
	// with, at least 32 bytes. Write {{env "JWT_SECRET"}} rather than the secret itself.
	Secret string `yaml:"secret"`

	// Algorithms are the signature algorithms that are allowed. Left out: RS256, ES256, PS256 and EdDSA, or, with secret, HS256.
	Algorithms []string `yaml:"algorithms"`

	// Typ is what the token's header must say that it is, such as at+jwt for access tokens (RFC 9068); left out, it does not matter.
	Typ string `yaml:"typ"`

	// Expiry says whether a token must have one.
	Expiry string `yaml:"expiry" default:"required" oneof:"required optional"`

	tokenRules `yaml:",inline"`
	tokenPlace `yaml:",inline"`
	tokenLife  `yaml:",inline"`

	issuer    string   // empty: any
	audiences []string // empty: any
	env       *Env
	keys      *keySet
	verified  *verifiedTokens
}

// keysField says where keys are.
type keysField struct {
	// File is a file of the gateway's directory: a JWK Set, one JWK, or PEM blocks with public keys or certificates.
	File string `yaml:"file"`

	// URL is where a server has a JWK Set.
	URL string `yaml:"url"`

	// Refresh is how long keys are used before they are got anew; what Cache-Control of the answer says goes before, if it is less.
	Refresh engine.Duration `yaml:"refresh" default:"1h" min:"1m" max:"7d"`

	// MaxStale is how long keys go on being used while the server cannot be reached. After it all tokens are refused, with 503.
	MaxStale engine.Duration `yaml:"maxStale" default:"24h" min:"1m"`
}

// knownAlgorithms are all that can be allowed; never none.
var knownAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}

func (f *jwtVerify) Prepare(env *Env) error {
	f.env, f.verified = env, newVerifiedTokens()
	if f.Issuer != "*" {
		f.issuer = f.Issuer
	}
	if !slices.Contains(f.Audience, "*") {
		f.audiences = f.Audience
	}
	if len(f.Audience) == 0 {
		return wrong("audience", "write whom the tokens are for, or '*' for anybody", "no audience is given")
	}
	for _, prepare := range []func() error{f.prepareAlgorithms, f.prepareKeys, func() error { return f.tokenPlace.prepare(env) }, f.tokenLife.prepare} {
		if err := prepare(); err != nil {
			return err
		}
	}
	return nil
}

func (f *jwtVerify) prepareAlgorithms() error {
	if len(f.Algorithms) == 0 {
		f.Algorithms = []string{"RS256", "ES256", "PS256", "EdDSA"}
		if f.Secret != "" {
			f.Algorithms = []string{"HS256"}
		}
	}
	for i, algorithm := range f.Algorithms {
		switch {
		case !slices.Contains(knownAlgorithms, algorithm):
			return wrong(indexed("algorithms", i), "write some of "+strings.Join(knownAlgorithms, ", "), "%q is no algorithm that can be allowed", algorithm)
		case isHMAC(algorithm) && f.Secret == "":
			return wrong(indexed("algorithms", i), "write the `secret:` that the issuer signs with, or another algorithm", "%s needs a secret", algorithm)
		case !isHMAC(algorithm) && f.Secret != "":
			return wrong(indexed("algorithms", i), "use a second jwt-verify for tokens that are signed with keys", "%s does not go with a secret", algorithm)
		case isHMAC(algorithm) && len(f.Secret) < hmacBytes(algorithm):
			return wrong("secret", "use a longer one, such as `openssl rand -base64 48` makes", "%s needs a secret of at least %d bytes", algorithm, hmacBytes(algorithm))
		}
	}
	return nil
}

// hmacBytes is how long a secret must be: "A key of the same size as the hash
// output or larger MUST be used" (RFC 7518 §3.2).
func hmacBytes(algorithm string) int {
	return map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}[algorithm]
}

func (f *jwtVerify) prepareKeys() error {
	keys := f.Keys
	switch {
	case f.Secret != "" && keys != nil:
		return wrong("secret", "keep one of them", "there are both keys and a secret")
	case f.Secret != "":
		f.keys = fixedKeys(&keyring{keys: []signingKey{{key: []byte(f.Secret)}}})
		return nil
	case keys == nil:
		keys = &keysField{Refresh: engine.Duration(time.Hour), MaxStale: engine.Duration(24 * time.Hour)}
	case keys.File != "" && keys.URL != "":
		return wrong("keys.url", "keep one of them", "there are both a file and a URL")
	}
	switch {
	case keys.File != "":
		return f.readKeys(keys.File)
	case keys.URL != "":
		if err := checkServer(f.env, keys.URL); err != nil {
			return &FieldError{"keys.url", "write https://HOST/PATH", err}
		}
	default:
		if err := checkServer(f.env, f.Issuer); err != nil {
			return &FieldError{"issuer", "write the https:// URL whose discovery document tells of the keys, or say where they are: `keys: {file: …}`, `keys: {url: …}`", err}
		}
	}
	source := keySource{url: keys.URL, refresh: time.Duration(keys.Refresh)}
	if keys.URL == "" {
		source.issuer = f.Issuer
	}
	f.keys = f.env.KeySets.get(source, time.Duration(keys.MaxStale), f.env)
	return nil
}

// checkServer checks a URL that the gateway will ask.
func checkServer(env *Env, url string) error {
	if err := checkKeysURL(url); err != nil {
		return err
	}
	if env.Hosts == nil {
		return nil
	}
	_, err := env.Hosts.Find(url)
	return err
}

func (f *jwtVerify) readKeys(name string) error {
	text, err := fs.ReadFile(f.env.Files, name)
	if err != nil {
		return &FieldError{"keys.file", "write the path from the gateway's directory", err}
	}
	ring, err := parseKeys(text)
	if err != nil {
		return &FieldError{"keys.file", "it must be a JWK Set (`{\"keys\":[…]}`), or PEM with public keys or certificates; RSA keys have 2048 bits or more", err}
	}
	f.keys = fixedKeys(ring)
	return nil
}

// Start begins to get the keys.
func (f *jwtVerify) Start() error {
	f.keys.start(f.env.transport())
	return nil
}

// Inherit goes on with the tokens that were verified before a reload.
func (f *jwtVerify) Inherit(old engine.Filter) {
	if before, ok := old.(*jwtVerify); ok && before.verified != nil {
		f.verified = before.verified
	}
}

func (f *jwtVerify) Run(m *engine.Message) (bool, error) {
	token, from, err := f.find(m)
	if err != nil {
		return f.refuse(m, err)
	}
	t, err := f.verify(m, token)
	if errors.Is(err, errNoKeys) {
		return unavailable(m, err)
	}
	if err != nil {
		return f.refuse(m, fmt.Errorf("the token is not valid: %w", err))
	}
	id, err := f.identify(m, t, token)
	if err != nil {
		return f.refuse(m, fmt.Errorf("the token is not valid: %w", err))
	}
	if scope, missing := f.missingScope(id.Scopes); missing {
		return f.refuseScope(m, scope, f.Scopes)
	}
	if pass, err := identify(m, id, func(why error) (bool, error) { return f.refuse(m, why) }); !pass {
		return false, err
	}
	if err := f.take(m, from); err != nil {
		return false, err
	}
	return true, t.set(m)
}

// unavailable fails because nobody can tell whether the token is good: nobody comes in meanwhile.
func unavailable(m *engine.Message, why error) (bool, error) {
	m.Fail(503, "%v", why)
	return false, m.Challenge("Retry-After", "5")
}

// verify checks what does not change with time: form, algorithm, signature.
func (f *jwtVerify) verify(m *engine.Message, token string) (*jwt, error) {
	head, payload, err := segments(token)
	if err != nil {
		return nil, err
	}
	h, err := parseHeader(head, f.Algorithms, f.Typ)
	if err != nil {
		return nil, err
	}
	var t *jwt
	ok, err := f.keys.try(m.Context(), m.Now(), func(ring *keyring) bool {
		if known, ok := f.verified.get(token, ring); ok {
			t = known
			return true
		}
		if !verifyJWT(token, h, ring) {
			return false
		}
		t = &jwt{header: h.all, ring: ring}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, fmt.Errorf("%w (kid %.64q, %s)", errSignature, h.kid, h.algorithm)
	case t.claims != nil:
		return t, nil
	}
	if t.claims, err = parseClaims(payload); err != nil {
		return nil, fmt.Errorf("its claims: %w", err)
	}
	t.until, _ = t.claims.moment("exp")
	f.verified.put(token, t, m.Now())
	return t, nil
}

// identify checks the claims, and says whom they are about.
func (f *jwtVerify) identify(m *engine.Message, t *jwt, token string) (*engine.Identity, error) {
	if err := party(t.claims, f.issuer, f.audiences); err != nil {
		return nil, err
	}
	when, err := f.times(t.claims, m.Now(), f.Expiry == "required")
	if err != nil {
		return nil, err
	}
	if err := f.required(t.claims); err != nil {
		return nil, err
	}
	id, err := f.identityOfToken(t.claims, "jwt", token)
	if err != nil {
		return nil, err
	}
	id.Issued = when.issued
	f.apply(id, when.expires)
	return id, nil
}

var (
	jwtHeaderAttr = engine.AttrOf("jwt.header")
	jwtBodyAttr   = engine.AttrOf("jwt.body")
	jwtClaimsAttr = engine.AttrOf("jwt.claims")
)

// set sets the attributes of the token itself.
func (t *jwt) set(m *engine.Message) error {
	body := engine.TreeValue(map[string]any(t.claims))
	return errors.Join(m.Set(jwtHeaderAttr, engine.TreeValue(map[string]any(t.header))), m.Set(jwtBodyAttr, body), m.Set(jwtClaimsAttr, body))
}
