package filters

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"framegate/engine"
)

// tokenRules are what the claims of a token must be.
type tokenRules struct {
	// Scopes are the scopes that the token must have, all of them: in its claim scope, or scp. 403 without them.
	Scopes []string `yaml:"scopes"`

	// Claims are more claims that the token must have, with the values of which it must have one: `tenant: [acme, globex]`. A
	// claim that is a list must have one of them in it; with no values, any will do. A name that begins with a slash is a
	// JSON Pointer: /realm_access/roles.
	Claims map[string][]string `yaml:"claims"`

	// Subject is the claim that becomes authentication.subject.id, or a JSON Pointer to it.
	Subject string `yaml:"subject" default:"sub"`

	// Skew is how much clocks may differ: for so long a token is good before its time and after its expiry.
	Skew engine.Duration `yaml:"skew" default:"30s" min:"0s" max:"10m"`

	// MaxAge is how old a token may be, by its claim iat; it expires then at the latest. 0 is no limit.
	MaxAge engine.Duration `yaml:"maxAge" min:"0s"`
}

// times are when a token counts.
type times struct {
	issued  time.Time
	expires time.Time // with skew; zero: never
}

// times checks when the token counts. The expiry may be missing only where that is allowed.
func (f *tokenRules) times(c claims, now time.Time, needExpiry bool) (t times, err error) {
	skew := time.Duration(f.Skew)
	var moments [3]time.Time
	for i, name := range []string{"exp", "nbf", "iat"} {
		if moments[i], err = c.moment(name); err != nil {
			return t, err
		}
	}
	expires, notBefore, issued := moments[0], moments[1], moments[2]
	switch {
	case expires.IsZero() && needExpiry:
		return t, errors.New("it has no exp")
	case !expires.IsZero() && !now.Before(expires.Add(skew)):
		return t, errors.New("it has expired")
	case now.Add(skew).Before(notBefore):
		return t, errors.New("it does not count yet")
	case now.Add(skew).Before(issued):
		return t, errors.New("it was issued in the future")
	}
	if f.MaxAge > 0 {
		oldest := issued.Add(time.Duration(f.MaxAge))
		switch {
		case issued.IsZero():
			return t, errors.New("it has no iat, which maxAge needs")
		case !now.Before(oldest.Add(skew)):
			return t, errors.New("it is too old")
		case expires.IsZero() || oldest.Before(expires):
			expires = oldest
		}
	}
	if !expires.IsZero() {
		expires = expires.Add(skew)
	}
	return times{issued, expires}, nil
}

// party checks iss and aud. Empty lists allow any.
func party(c claims, issuer string, audiences []string) error {
	from, err := c.text("iss")
	if err != nil {
		return err
	}
	if issuer != "" && from != issuer {
		return fmt.Errorf("its issuer is %.64q", from)
	}
	named, err := c.texts("aud")
	if err != nil {
		return err
	}
	if len(audiences) > 0 && !slices.ContainsFunc(named, func(aud string) bool { return slices.Contains(audiences, aud) }) {
		return fmt.Errorf("it is for another audience: %.128q", named)
	}
	return nil
}

// required checks the claims that the author wants.
func (f *tokenRules) required(c claims) error {
	for name, values := range f.Claims {
		if !c.has(name, values) {
			return fmt.Errorf("its claim %s is not as required", name)
		}
	}
	return nil
}

// missingScope is the first of the scopes that the token has not.
func (f *tokenRules) missingScope(has []string) (string, bool) {
	for _, scope := range f.Scopes {
		if !slices.Contains(has, scope) {
			return scope, true
		}
	}
	return "", false
}

// identityOfToken is who a token is about.
func (f *tokenRules) identityOfToken(c claims, method, token string) (*engine.Identity, error) {
	subject, err := c.subject(f.Subject)
	if err != nil {
		return nil, err
	}
	issuer, err := c.text("iss")
	if err != nil {
		return nil, err
	}
	scopes, err := c.scopes()
	if err != nil {
		return nil, err
	}
	id := &engine.Identity{
		Subject: subject, Method: method, Issuer: issuer, Scopes: scopes,
		Attributes: engine.TreeValue(map[string]any(c)), Handles: []string{engine.TokenHandle(token)},
	}
	if jti, _ := c["jti"].(string); jti != "" {
		id.Handles = append(id.Handles, "jti:"+jti)
	}
	return id, nil
}
