package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Revocation takes back what a handle stands for: a token, a key, all that a
// subject has.
type Revocation struct {
	// Handle says what: "jti:ID" is a JWT by its id, "token:HASH" a token ([TokenHandle]), "key:NAME" an API key and "user:NAME"
	// a password by the name of the record, "subject:ID" everything of a subject.
	Handle string `json:"handle"`
	// IssuedBefore takes back only what was issued before, so that the subject can log in anew; what does not tell when it was
	// issued counts as issued before. Zero: all.
	IssuedBefore time.Time `json:"issuedBefore,omitzero"`
	// Until is when the revocation ends. Zero: when it is taken back.
	Until time.Time `json:"until,omitzero"`
}

// revocationBucket is where the state has the revocations.
const revocationBucket = "revocations"

// Errors of revocations.
var (
	ErrNoState        = errors.New("the gateway keeps no state")
	ErrNotRevoked     = errors.New("the handle is not revoked")
	ErrPastRevocation = errors.New("the end of the revocation is in the past")
)

// Revoke keeps a revocation in the gateway's state, and closes the sessions that
// it is about, with 3000; it returns how many. From then on [Message.Identify]
// refuses what it is about.
func (g *Gateway) Revoke(r Revocation) (closed int, err error) {
	now := g.now()
	var ttl time.Duration
	switch {
	case g.State == nil:
		return 0, fmt.Errorf("revoke %q: %w", r.Handle, ErrNoState)
	case r.Handle == "":
		return 0, errors.New("revoke: the handle is missing")
	case !r.Until.IsZero():
		if ttl = r.Until.Sub(now); ttl <= 0 {
			return 0, fmt.Errorf("revoke %q: %w", r.Handle, ErrPastRevocation)
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		return 0, fmt.Errorf("revoke %q: %w", r.Handle, err)
	}
	if err := g.State.Put(revocationBucket, revocationKey(r.Handle), text, ttl); err != nil {
		return 0, fmt.Errorf("revoke %q: %w", r.Handle, err)
	}
	g.revocations.Add(1)
	for _, s := range g.sessions.All() {
		if s.hitBy(r) {
			closed++
		}
	}
	return closed, nil
}

// Unrevoke takes a revocation back; [ErrNotRevoked] when there is none.
func (g *Gateway) Unrevoke(handle string) error {
	if _, found, err := g.Revocation(handle); err != nil {
		return err
	} else if !found {
		return ErrNotRevoked
	}
	return g.State.Delete(revocationBucket, revocationKey(handle))
}

// Revocation finds the revocation of a handle.
func (g *Gateway) Revocation(handle string) (r Revocation, found bool, err error) {
	if g.State == nil {
		return r, false, ErrNoState
	}
	text, found, err := g.State.Get(revocationBucket, revocationKey(handle))
	if err != nil || !found {
		return r, false, err
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return r, false, fmt.Errorf("revocation of %q: %w", handle, err)
	}
	return r, r.Until.IsZero() || g.now().Before(r.Until), nil
}

// revocationKey is where the state has a handle: handles may be longer than keys, and are nobody's business.
func revocationKey(handle string) string {
	sum := sha256.Sum256([]byte(handle))
	return hex.EncodeToString(sum[:])
}

// handles lists all that an identity can be revoked by.
func (id *Identity) handles() []string {
	return append([]string{"subject:" + id.Subject}, id.Handles...)
}

// TokenHandle is what a token can be revoked by. Of a JWT the signature does not
// count: some signatures can be written in several ways.
func TokenHandle(token string) string {
	if strings.Count(token, ".") == 2 {
		token = token[:strings.LastIndexByte(token, '.')]
	}
	sum := sha256.Sum256([]byte(token))
	return "token:" + hex.EncodeToString(sum[:])
}

// covers tells whether a revocation is about an identity that has its handle.
func (r *Revocation) covers(id *Identity) bool {
	return r.IssuedBefore.IsZero() || id.Issued.Before(r.IssuedBefore)
}

// refuseRevoked returns ErrRevoked for an identity that has been revoked.
func (g *Gateway) refuseRevoked(id *Identity) error {
	if g.State == nil {
		return nil
	}
	for _, handle := range id.handles() {
		r, found, err := g.Revocation(handle)
		if err != nil {
			return fmt.Errorf("look for revocations: %w", err)
		}
		if found && r.covers(id) {
			return ErrRevoked
		}
	}
	return nil
}

// hitBy ends the session if the revocation is about one of its identities.
func (s *Session) hitBy(r Revocation) bool {
	st := s.standing.Load()
	if st == nil {
		return false
	}
	for _, p := range st.proofs {
		if slices.Contains(p.handles(), r.Handle) && r.covers(p.Identity) {
			return s.revoke(p)
		}
	}
	if len(st.proofs) == 0 && r.Handle == "subject:"+st.subject && !s.isEnding() {
		s.Stop(revokedCause)
		return true
	}
	return false
}

// refuseOvertaken ends a session that a revocation overtook while it began.
func (s *Session) refuseOvertaken() {
	st := s.standing.Load()
	if st == nil {
		return
	}
	for _, p := range st.proofs {
		if p.revocations != s.gateway.revocations.Load() && errors.Is(s.gateway.refuseRevoked(p.Identity), ErrRevoked) {
			s.revoke(p)
			return
		}
	}
}
