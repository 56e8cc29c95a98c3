package filters

import (
	"time"

	"framegate/engine"
)

// tokenLife is what becomes of a session when its token expires.
type tokenLife struct {
	// OnExpiry says what happens to the session at the token's expiry, skew included: close ends it with 3000, also while it is
	// silent; keep lets it go on.
	OnExpiry string `yaml:"onExpiry" default:"close" oneof:"close keep"`

	// Warn sends the client a message a while before its session ends, so that it can bring a new token.
	Warn *expiryWarning `yaml:"warn"`
}

// expiryWarning is a message before a token expires.
type expiryWarning struct {
	// Before is how long before the end the message is sent; a session that has less left gets it at once.
	Before engine.Duration `yaml:"before" default:"30s" min:"1s"`

	// Message is the text of the message. ${authentication.expires} in it is when the session ends.
	Message engine.Selector `yaml:"message" default:"{\"type\":\"token-expiring\",\"expires\":\"${authentication.expires}\"}"`
}

func (f *tokenLife) prepare() error {
	if f.Warn != nil && f.OnExpiry == "keep" {
		return wrong("warn", "delete it, or `onExpiry: keep`", "the session does not end when the token expires")
	}
	return nil
}

// apply gives the identity its end.
func (f *tokenLife) apply(id *engine.Identity, expires time.Time) {
	if f.OnExpiry == "keep" {
		return
	}
	id.Expires = expires
	if f.Warn != nil {
		id.Warning = &engine.Warning{Before: time.Duration(f.Warn.Before), Text: f.Warn.Message}
	}
}
