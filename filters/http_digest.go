package filters

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"framegate/engine"
)

func init() {
	register[httpDigest](Kind{Type: "http-digest", Family: Identity, Aliases: []string{"HttpDigestFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}, Writes: identityWrites})
}

// Passes when the request proves that its client knows the password of a user of a
// store, by HTTP Digest authentication (RFC 7616) with qop=auth. A refused upgrade gets
// 401 with a challenge for each algorithm. As in Axway's HTTP Digest filter.
//
// A user is a record whose key is the name and whose `digest` is what
// `framegate hash digest` prints, or a list of those, one for each algorithm. It is
// made of name, realm and password, so that a changed realm needs new ones; with
// it alone anybody can log in, so keep the store as secret as passwords.
//
// Nonces are signed, not stored: the gateway knows its own again. What is stored is how
// often each has been used, so that no request counts twice.
//
// It sets authentication.subject.id (the record's subject, or else the name),
// authentication.method (digest), and authentication.subject.attributes (the record
// without its secrets). The user can be revoked as user:NAME. A record with enabled: false
// lets nobody in, and a reload with one, or with another digest, ends the user's sessions.
//
//	filters:
//	  - type: http-digest
//	    store: users
//	    realm: chat
type httpDigest struct {
	// Store is the name of the store with the users.
	Store string `yaml:"store" required:"true"`

	// Realm is the name of what is protected: clients show it, and it is part of the hashes.
	Realm string `yaml:"realm" default:"framegate"`

	// Algorithms are the hashes that are offered, the preferred one first. MD5 is broken, and all
	// that some old clients know.
	Algorithms []string `yaml:"algorithms" default:"SHA-256" oneof:"SHA-256 SHA-512-256 MD5"`

	// NonceTime is how long a nonce may be used. After it the client gets a new one, and
	// answers without asking its user again.
	NonceTime engine.Duration `yaml:"nonceTime" default:"5m" min:"1s" max:"1d"`

	// Nonces is how many nonces in use are remembered; past it the oldest must be renewed.
	Nonces int `yaml:"nonces" default:"10000" min:"16" max:"10000000"`

	// UserHash tells clients that they may send a hash in place of the name (userhash=true).
	UserHash bool `yaml:"userHash"`

	// Remove takes the Authorization header away, so that the remote host does not get it.
	Remove bool `yaml:"remove" default:"true"`

	// Lockout stops who tries passwords.
	Lockout *lockout `yaml:"lockout"`

	offered []digestAlgorithm
	users   map[string]*digestUser
	hashed  map[string]*digestUser // by the hash of name and realm
	realm   string                 // quoted
	nonces  *nonces
}

// digestUser is a record of the store.
type digestUser struct {
	*engine.Identity
	name string
	ha1  map[string]string // by the algorithm
}

func (f *httpDigest) Prepare(env *Env) (err error) {
	if f.realm, err = quotedString(f.Realm); err != nil {
		return wrong("realm", "write plain text", "%w", err)
	}
	for i, name := range f.Algorithms {
		if slices.Contains(f.Algorithms[:i], name) {
			return wrong(indexed("algorithms", i), "keep one of them", "%s is listed twice", name)
		}
		f.offered = append(f.offered, digestAlgorithms[name])
	}
	if len(f.offered) == 0 {
		return wrong("algorithms", "write algorithms: [SHA-256], or leave it out", "no algorithm is offered")
	}
	if err := f.Lockout.prepare(); err != nil {
		return err
	}
	f.nonces = newNonces(time.Duration(f.NonceTime), f.Nonces)
	return f.load(env)
}

// load reads the users of the store.
func (f *httpDigest) load(env *Env) error {
	store, err := env.Store(f.Store)
	if err != nil {
		return &FieldError{Field: "store", Err: err}
	}
	f.users, f.hashed = make(map[string]*digestUser, store.Len()), make(map[string]*digestUser)
	for name, record := range records(store) {
		u := &digestUser{Identity: identityOf("digest", "user:"+name, name, record), name: name, ha1: make(map[string]string)}
		texts, err := textsOf(record.Member("digest"))
		if err != nil || len(texts) == 0 {
			return wrong("store", digestHint, "user %q of store %q has no digest", name, f.Store)
		}
		for _, text := range texts {
			algorithm, realm, ha1, err := parseDigest(text)
			if err != nil {
				return wrong("store", digestHint, "the digest of user %q in store %q %w", name, f.Store, err)
			}
			if realm != f.Realm {
				return wrong("realm", "write that realm, or make the hashes anew", "the digest of user %q in store %q is for realm %q", name, f.Store, realm)
			}
			u.ha1[algorithm] = ha1
		}
		if !slices.ContainsFunc(f.offered, func(a digestAlgorithm) bool { return u.ha1[a.name] != "" }) {
			return wrong("algorithms", "add the algorithm of the store, or make the hashes anew", "the digest of user %q in store %q is for none of %s", name, f.Store, strings.Join(f.Algorithms, ", "))
		}
		if switchedOff(record) {
			continue
		}
		u.Recheck = env.Live.holds(f.Store, name, "digest", texts[0])
		f.users[name] = u
		for _, a := range f.offered {
			f.hashed[a.hex(name+":"+f.Realm)] = u
		}
	}
	return nil
}

// Inherit goes on with the nonces from before a reload, and with who is locked out.
func (f *httpDigest) Inherit(old engine.Filter) {
	if before, ok := old.(*httpDigest); ok && before.nonces != nil {
		f.nonces = before.nonces
		f.Lockout.inherit(before.Lockout)
	}
}

func (f *httpDigest) Run(m *engine.Message) (bool, error) {
	given, err := digestCredentials(m.Request.Headers)
	if err != nil {
		return f.refuse(m, err, false)
	}
	if err := f.fits(m, given); err != nil {
		return f.refuse(m, err, false)
	}
	who, known := f.user(given)
	a := attemptBy(m, who.name, known)
	if wait := f.Lockout.clientLocked(a, m.Now()); wait > 0 {
		m.Fail(429, "%v", errLockedOut)
		return false, m.Challenge("Retry-After", retryAfter(wait))
	}
	if !f.right(m, a, who, given) {
		return f.refuse(m, errors.New(wrongPassword), false)
	}
	switch f.nonces.use(given.nonce, given.count, m.Now()) {
	case nonceStale:
		return f.refuse(m, errStaleNonce, true)
	case nonceReplayed:
		return f.refuse(m, errNonceReplayed, false)
	}
	if f.Remove {
		m.Request.Headers.Del("Authorization")
	}
	return identify(m, who.Identity, func(why error) (bool, error) { return f.refuse(m, why, false) })
}

// Why a request has no usable credentials. None of them shows any.
var (
	errNotDigest      = errors.New("the Authorization header is not HTTP Digest")
	errBadDigest      = errors.New("malformed HTTP Digest credentials")
	errOtherTarget    = errors.New("the HTTP Digest credentials are for another target")
	errOtherRealm     = errors.New("the HTTP Digest credentials are for another realm")
	errOtherAlgorithm = errors.New("the HTTP Digest credentials are of an algorithm that is not offered")
	errStaleNonce     = errors.New("the nonce has expired, or is none of this gateway")
	errNonceReplayed  = errors.New("the nonce count was used before")
)

// fits checks what the credentials are for. "The server MUST ensure that the resource designated by the uri
// parameter is the same as the resource specified in the Request-Line" (RFC 7616 §3.4).
func (f *httpDigest) fits(m *engine.Message, given *digestResponse) error {
	switch {
	case given.realm != f.Realm:
		return errOtherRealm
	case !slices.Contains(f.Algorithms, given.algorithm):
		return errOtherAlgorithm
	case given.uri != m.Request.URI:
		return errOtherTarget
	}
	return nil
}

// user finds whom the credentials name; for an unknown name, somebody without a hash.
func (f *httpDigest) user(given *digestResponse) (who *digestUser, known bool) {
	if given.userHash {
		who, known = f.hashed[given.username]
	} else {
		who, known = f.users[given.username]
	}
	if !known {
		who = &digestUser{}
	}
	return who, known
}

// right works out whether the response is the one that the password makes, and
// whether it counts. It comes before any look at the nonce: to say that one is stale
// is to say that the password is right.
func (f *httpDigest) right(m *engine.Message, a attempt, who *digestUser, given *digestResponse) bool {
	right := given.matches(digestAlgorithms[given.algorithm], who.ha1[given.algorithm], m.Request.Method)
	if f.Lockout.userLocked(a, m.Now()) {
		m.Logf(slog.LevelWarn, "user %q is locked", a.user)
		right = false
	}
	return f.Lockout.settle(a, right && a.known, m.Now())
}

// refuse challenges with each algorithm. Stale says that the password was right, so
// that the client need not ask for it again (RFC 7616 §3.3).
func (f *httpDigest) refuse(m *engine.Message, why error, stale bool) (bool, error) {
	m.Fail(401, "%v", why)
	nonce := f.nonces.issue(m.Now())
	for _, a := range f.offered {
		challenge := `Digest realm=` + f.realm + `, qop="auth", algorithm=` + a.name + `, nonce="` + nonce + `", opaque="` + digestOpaque + `", charset=UTF-8`
		if f.UserHash {
			challenge += ", userhash=true"
		}
		if stale {
			challenge += ", stale=true"
		}
		if err := m.Challenge("WWW-Authenticate", challenge); err != nil {
			return false, err
		}
	}
	return false, nil
}
