package filters

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"framegate/engine"
)

func init() {
	register[oauthIntrospect](Kind{
		Type: "oauth-introspect", Family: Identity, Hooks: engine.OnHTTP | engine.OnFrame, Writes: append([]string{"oauth.claims"}, identityWrites...),
	})
}

// Passes when the request brings an access token that its authorization server
// says is active (OAuth 2.0 Token Introspection, RFC 7662). For tokens that the
// gateway cannot read itself; for JSON Web Tokens jwt-verify needs no server.
//
// A refused upgrade gets 401 with the challenge of RFC 6750, 403 where a scope is
// missing, and 503 when the server cannot be asked and has not answered for this token
// a short while ago. Answers are remembered by the hash of the token, and clients that
// come with the same token at once cause one question. A token that is good is taken
// away from the request, so that the remote host does not get it.
//
// An open session ends with 3000 when its token expires, when it is revoked here
// (`framegate revoke`), and when the server says so: it is asked again while the
// session is open. When it cannot be asked then, the session goes on, and the log has
// a warning. In a policy on messages the filter takes a new token for the session,
// as jwt-verify does.
//
// It sets authentication.subject.id (the member sub, username or client_id of the
// answer), authentication.subject.attributes and oauth.claims (the answer),
// authentication.issuer.id, authentication.scope, authentication.expires, and
// authentication.method (oauth).
//
//	filters:
//	  - type: oauth-introspect
//	    url: https://login.example.test/introspect
//	    client: {id: gateway, secret: '{{env "INTROSPECTION_SECRET" "demo"}}'}
//	    scopes: [chat.read]
//	    recheck: 1m
//	    pointer: /token
type oauthIntrospect struct {
	// URL is the server's introspection endpoint.
	URL string `yaml:"url" required:"true"`

	// Client is how the gateway proves itself to the server.
	Client introspectionClient `yaml:"client"`

	// Issuer is what the answer's iss must be, where one is given.
	Issuer string `yaml:"issuer"`

	// Audience is whom tokens must be for: the answer's aud must have one of these. Left out, anybody.
	Audience []string `yaml:"audience"`

	// Remember is for how long an answer counts before the server is asked again, at most until the token expires; that a token
	// is not active is remembered for at most 10s. 0 asks each time.
	Remember engine.Duration `yaml:"remember" default:"1m" min:"0s" max:"1d"`

	// Recheck is how often the server is asked about the tokens of open sessions. 0 is never.
	Recheck engine.Duration `yaml:"recheck" default:"5m" min:"0s"`

	// Timeout is how long an answer may take.
	Timeout engine.Duration `yaml:"timeout" default:"5s" min:"100ms" max:"30s"`

	tokenRules `yaml:",inline"`
	tokenPlace `yaml:",inline"`
	tokenLife  `yaml:",inline"`

	env    *Env
	server *introspector
}

// introspectionClient is how the gateway proves itself.
type introspectionClient struct {
	// ID is the client id that the server knows the gateway by.
	ID string `yaml:"id"`

	// Secret is the client's secret, or with auth: bearer the token. Write {{env "NAME"}} rather than the secret itself.
	Secret string `yaml:"secret"`

	// Auth says how: basic (RFC 6749 §2.3.1), post (in the body), or bearer (a token of its own).
	Auth string `yaml:"auth" default:"basic" oneof:"basic post bearer"`
}

func (f *oauthIntrospect) Prepare(env *Env) error {
	f.env = env
	if err := checkServer(env, f.URL); err != nil {
		return &FieldError{"url", "write https://HOST/PATH", err}
	}
	switch {
	case f.Client.Auth == "bearer" && f.Client.Secret == "":
		return wrong("client.secret", "write the token that the server wants", "there is no token for the server")
	case f.Client.Auth == "bearer" && !isToken68(f.Client.Secret):
		return wrong("client.secret", "write the token alone", "it is no bearer token")
	case f.Client.Secret != "" && f.Client.ID == "" && f.Client.Auth != "bearer":
		return wrong("client.id", "write the client id that belongs to the secret", "there is a secret and no id")
	}
	f.server = newIntrospector(f.URL, f.Client, time.Duration(f.Remember), time.Duration(f.Timeout))
	if err := f.tokenPlace.prepare(env); err != nil {
		return err
	}
	return f.tokenLife.prepare()
}

// Start lets the server be asked.
func (f *oauthIntrospect) Start() error {
	f.server.use(f.env.transport())
	return nil
}

// Inherit goes on with the answers from before a reload.
func (f *oauthIntrospect) Inherit(old engine.Filter) {
	if before, ok := old.(*oauthIntrospect); ok && before.server != nil {
		f.server = before.server
	}
}

var errInactive = errors.New("the token is not active")

func (f *oauthIntrospect) Run(m *engine.Message) (bool, error) {
	token, from, err := f.find(m)
	if err != nil {
		return f.refuse(m, err)
	}
	answer, err := f.server.ask(m.Context(), token, m.Now(), time.Duration(f.Remember))
	switch {
	case err != nil:
		return unavailable(m, err)
	case !answer.active:
		return f.refuse(m, errInactive)
	}
	id, err := f.identify(m, answer.claims, token)
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
	return true, m.Set(oauthClaimsAttr, engine.TreeValue(map[string]any(answer.claims)))
}

var oauthClaimsAttr = engine.AttrOf("oauth.claims")

// identify checks what the server says of the token, and says whom it is about.
func (f *oauthIntrospect) identify(m *engine.Message, c claims, token string) (*engine.Identity, error) {
	if err := party(c, f.Issuer, f.Audience); err != nil {
		return nil, err
	}
	when, err := f.times(c, m.Now(), false)
	if err != nil {
		return nil, err
	}
	if err := f.required(c); err != nil {
		return nil, err
	}
	rules := f.tokenRules
	for _, other := range []string{"username", "client_id"} {
		if _, ok := c.find(rules.Subject); !ok && f.Subject == "sub" {
			rules.Subject = other
		}
	}
	id, err := rules.identityOfToken(c, "oauth", token)
	if err != nil {
		return nil, err
	}
	id.Issued = when.issued
	f.apply(id, when.expires)
	if f.Recheck > 0 {
		id.Recheck = &engine.Recheck{Every: time.Duration(f.Recheck), Check: f.recheck(token, id.Subject)}
	}
	return id, nil
}

// recheck asks the server again about the token of an open session. An answer
// may be as old as half the time between two questions: sessions with one token share it.
func (f *oauthIntrospect) recheck(token, subject string) func(ctx context.Context) error {
	now, most, audience := f.env.clock(), time.Duration(f.Recheck)/2, f.Audience
	return func(ctx context.Context) error {
		answer, err := f.server.ask(ctx, token, now(), min(most, time.Duration(f.Remember)))
		if err != nil {
			return err
		}
		if !answer.active {
			return fmt.Errorf("%w: %w", engine.ErrRevoked, errInactive)
		}
		if err := party(answer.claims, f.Issuer, audience); err != nil {
			return fmt.Errorf("%w: %w", engine.ErrRevoked, err)
		}
		scopes, err := answer.claims.scopes()
		if scope, missing := f.missingScope(scopes); missing || err != nil {
			return fmt.Errorf("%w: scope %s of %s is gone", engine.ErrRevoked, strings.TrimSpace(scope), subject)
		}
		return nil
	}
}
