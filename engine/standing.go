package engine

import (
	"slices"
	"time"

	"framegate/engine/wire"
)

// standing is what a session knows of who its client is. It does not change:
// a renewal puts another in its place.
type standing struct {
	subject string
	proofs  []*proof // one for each method; the last said who the client is
}

// proof is one identity of a session. What the sweep keeps in it only the sweep touches.
type proof struct {
	*Identity
	warning     []byte // nil: none
	revocations uint64 // how many there were when it was checked

	warned   bool      // the sweep's
	checked  time.Time // the sweep's
	checking bool      // the sweep's, under rechecks.mu
}

// Subject is who the client is: authentication.subject.id of the upgrade, or of
// an identity that came since. Empty without authentication.
func (s *Session) Subject() string {
	if st := s.standing.Load(); st != nil {
		return st.subject
	}
	return ""
}

// same finds the proof that an identity renews.
func (st *standing) same(id *Identity) int {
	return slices.IndexFunc(st.proofs, func(p *proof) bool { return p.Method == id.Method })
}

// fits tells whether a session may take an identity while it is open: it must be
// that of the same subject, by the same issuer. Who has none yet may take any.
func (st *standing) fits(id *Identity) bool {
	if st == nil || st.subject == "" {
		return true
	}
	if i := st.same(id); i >= 0 {
		return st.proofs[i].Subject == id.Subject && st.proofs[i].Issuer == id.Issuer
	}
	return st.subject == id.Subject
}

// with is the standing with one more identity, which takes the place of that of
// the same method.
func (st *standing) with(p *proof) *standing {
	next := &standing{subject: p.Subject}
	if st != nil {
		next.proofs = slices.DeleteFunc(slices.Clone(st.proofs), func(old *proof) bool { return old.Method == p.Method })
	}
	next.proofs = append(next.proofs, p)
	return next
}

// settle ends the upgrade: a policy may have set the subject by itself.
func (s *Session) settle(subject string) {
	st := s.standing.Load()
	switch {
	case subject == s.Subject():
	case st == nil:
		s.standing.Store(&standing{subject: subject})
	default:
		s.standing.Store(&standing{subject: subject, proofs: st.proofs})
	}
}

// renew takes an identity over while the session is open.
func (s *Session) renew(p *proof) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.standing.Load()
	if !st.fits(p.Identity) {
		return ErrOtherSubject
	}
	if st == nil || st.subject == "" {
		w := s.websocket.Load()
		at := place{websocket: w.Port + w.Path, subject: p.Subject}
		if limit := w.Limits.PerSubject; limit > 0 {
			if !s.gateway.sessions.reserve(at, limit) {
				return ErrManySessions
			}
			s.places = append(s.places, at)
		}
	}
	s.standing.Store(st.with(p))
	return nil
}

// identityValue is an attribute of who the client is by now.
func (s *Session) identityValue(kind attrKind) Value {
	st := s.standing.Load()
	switch {
	case st == nil:
		return Value{}
	case kind == identitySubject:
		return textOrMissing(st.subject)
	case kind == identityExpires:
		if at := st.expires(); !at.IsZero() {
			return StringValue(at.UTC().Format(time.RFC3339))
		}
		return Value{}
	case len(st.proofs) == 0:
		return Value{}
	}
	return st.proofs[len(st.proofs)-1].value(kind)
}

// expires is when the first of the identities expires; zero: never.
func (st *standing) expires() (first time.Time) {
	for _, p := range st.proofs {
		if !p.Expires.IsZero() && (first.IsZero() || p.Expires.Before(first)) {
			first = p.Expires
		}
	}
	return first
}

// attend is the sweep's look at who the client is. It reports whether the
// session goes on.
func (s *Session) attend(now time.Time) bool {
	st := s.standing.Load()
	if st == nil {
		return true
	}
	if at := st.expires(); !at.IsZero() && !now.Before(at) {
		s.Stop(Cause{By: "expiry", Code: wire.CloseUnauthorized, Reason: "authentication expired"})
		return false
	}
	for _, p := range st.proofs {
		if p.warning != nil && !p.warned && p.Expires.Sub(now) <= p.Identity.Warning.Before {
			p.warned = true
			s.aside(func() { s.warn(p) })
		}
		if p.Recheck != nil && p.Recheck.Every > 0 && now.Sub(p.checked) >= p.Recheck.Every {
			s.gateway.rechecks.add(s, p, now)
		}
	}
	return true
}

// warn tells the client that its identity is about to expire.
func (s *Session) warn(p *proof) {
	if err := s.Send(ClientSide, wire.Text, p.warning); err != nil {
		s.gateway.warnings.warn(s.gateway.log, s.gateway.now(), "the warning before an expiry was not sent", "session", s.ID, "error", err)
	}
}
