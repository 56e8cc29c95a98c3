package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Identity is who a client is, for how long that holds, and by what it can be
// taken back. A filter that has found it out gives it to [Message.Identify].
type Identity struct {
	Subject    string    // authentication.subject.id; required
	Method     string    // authentication.method: "api-key", "basic", "jwt"…; required
	Format     string    // authentication.subject.format; empty: "User Name"
	Role       string    // authentication.subject.role
	Issuer     string    // authentication.issuer.id: who vouches for the subject
	Scopes     []string  // authentication.scope: what the credentials allow
	Attributes Value     // authentication.subject.attributes, attribute.lookup.list: what else is known of the subject
	Issued     time.Time // zero: unknown
	Expires    time.Time // when the session ends, with 3000, unless it is renewed; zero: never
	// Handles are what the identity can be revoked by, besides "subject:" and the subject: "jti:ID", "token:HASH", "key:NAME".
	Handles []string
	Warning *Warning // nil: none
	Recheck *Recheck // nil: what was found out stays true
}

// Warning is a text message that the client gets a while before its identity expires.
type Warning struct {
	Before time.Duration
	Text   Selector // resolved when the identity is given; ${authentication.expires} is when it expires
}

// Recheck asks again whether the identity of an open session still holds.
type Recheck struct {
	// Every is the time between two checks. 0: only once after each reload.
	Every time.Duration
	// Check returns an error that wraps [ErrRevoked] when the identity no longer
	// holds: the session ends with 3000. Any other error is logged, and changes nothing.
	// It runs beside the session; few run at once.
	Check func(ctx context.Context) error
}

// Why an identity is not taken; filters fail with them.
var (
	ErrRevoked      = errors.New("the credentials have been revoked")
	ErrExpired      = errors.New("the credentials have expired")
	ErrOtherSubject = errors.New("the session belongs to another subject")
	ErrManySessions = errors.New("too many sessions of this subject")
)

// The attributes that an identity sets; the names are Axway's, but for the last two.
var (
	subjectAttr    = AttrOf("authentication.subject.id")
	formatAttr     = AttrOf("authentication.subject.format")
	roleAttr       = AttrOf("authentication.subject.role")
	attributesAttr = AttrOf("authentication.subject.attributes")
	lookupAttr     = AttrOf("attribute.lookup.list")
	methodAttr     = AttrOf("authentication.method")
	issuerAttr     = AttrOf("authentication.issuer.id")
	scopeAttr      = AttrOf("authentication.scope")
	expiresAttr    = AttrOf("authentication.expires")
)

var identityAttrs = []Attr{subjectAttr, methodAttr, formatAttr, roleAttr, issuerAttr, attributesAttr, lookupAttr, scopeAttr, expiresAttr}

// IdentityAttributes lists the names of the attributes that [Message.Identify] may set.
func IdentityAttributes() []string {
	names := make([]string, len(identityAttrs))
	for i, a := range identityAttrs {
		names[i] = a.Name()
	}
	return names
}

// Identify says who the client is. It keeps id, which must not change afterwards.
//
// On an upgrade the session starts with it. Where several filters identify the
// client, the last says who it is, and the earliest expiry holds: a session lasts
// no longer than each of its credentials. In a frame hook it renews what the
// session has of the same method, and with it the expiry; the context of the
// upgrade stays as it was.
//
// The errors are [ErrRevoked], [ErrExpired], and in frame hooks [ErrOtherSubject]
// and [ErrManySessions]; nothing is taken then, and the filter should fail. Any other error is an abort.
func (m *Message) Identify(id *Identity) error {
	s, now := m.Session, m.Now()
	if id.Subject == "" || id.Method == "" {
		return errors.New("identify the client: subject or method is missing")
	}
	if !id.Expires.IsZero() && !now.Before(id.Expires) {
		return ErrExpired
	}
	p := &proof{Identity: id, checked: now, revocations: s.gateway.revocations.Load()}
	if err := s.gateway.refuseRevoked(id); err != nil {
		return err
	}
	renewal := m.Hook&OnHTTP == 0
	if renewal && !s.standing.Load().fits(id) {
		return ErrOtherSubject
	}
	if err := m.setIdentity(id); err != nil {
		return err
	}
	if id.Warning != nil && !id.Expires.IsZero() {
		text, err := id.Warning.Text.Append(nil, m)
		if err != nil {
			return fmt.Errorf("warning before the expiry: %w", err)
		}
		p.warning = text
	}
	if renewal {
		return s.renew(p)
	}
	s.standing.Store(s.standing.Load().with(p))
	return nil
}

// setIdentity sets the attributes of an identity, and takes away those of an
// earlier one that it does not have.
func (m *Message) setIdentity(id *Identity) error {
	for _, a := range identityAttrs {
		v := id.value(a.kind)
		var err error
		if v.IsMissing() {
			err = m.Remove(a)
		} else {
			err = m.Set(a, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// value is an attribute of the identity.
func (id *Identity) value(kind attrKind) Value {
	switch kind {
	case identitySubject:
		return StringValue(id.Subject)
	case identityMethod:
		return StringValue(id.Method)
	case identityFormat:
		if id.Format == "" {
			return StringValue("User Name")
		}
		return StringValue(id.Format)
	case identityRole:
		return textOrMissing(id.Role)
	case identityIssuer:
		return textOrMissing(id.Issuer)
	case identityAttributes:
		return id.Attributes
	case identityScope:
		return textOrMissing(strings.Join(id.Scopes, " "))
	case identityExpires:
		if !id.Expires.IsZero() {
			return StringValue(id.Expires.UTC().Format(time.RFC3339))
		}
	}
	return Value{}
}

func textOrMissing(text string) Value {
	if text == "" {
		return Value{}
	}
	return StringValue(text)
}
