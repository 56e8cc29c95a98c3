package filters

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"framegate/engine"
)

func init() {
	register[httpBasic](Kind{Type: "http-basic", Family: Identity, Aliases: []string{"HttpBasicFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}, Writes: identityWrites})
}

// Passes when the request carries the name and password of a user of a store,
// by HTTP Basic authentication (RFC 7617). A refused upgrade gets 401 with a challenge.
// As in Axway's HTTP Basic filter.
//
// A user is a record whose key is the name and whose password is a hash, as
// `framegate hash` prints it (argon2id or bcrypt). Browsers cannot send the header
// with a WebSocket unless the password stands in the URL; other clients can.
//
// When a reload brings a store in which the user is gone, switched off (enabled: false),
// or has another password, the user's sessions end with 3000.
//
// It sets authentication.subject.id (the record's subject, or else the name),
// authentication.method (basic), and authentication.subject.attributes (the record
// without its secrets).
//
// Checking a password is meant to cost time and memory. So only some are checked
// at once, and a right one is not checked again for a while; when more than 256 wait,
// or one waits for 5 seconds, the upgrade is refused with 503. Unknown names take
// as long as known ones.
//
// With lockout, who has tried too many passwords is stopped; it is off unless given.
// Its defaults are those of Axway. Failures are counted in this process, over reloads.
//
//	filters:
//	  - type: http-basic
//	    store: users
//	    realm: chat
//	    lockout: {client: {failures: 5, every: 1m}, user: {failures: 6, every: 5m, lock: 30m}}
type httpBasic struct {
	// Store is the name of the store with the users.
	Store string `yaml:"store" required:"true"`

	// Realm is the name of what is protected, for the client to show.
	Realm string `yaml:"realm" default:"framegate"`

	// Remove takes the Authorization header away, so that the remote host does not get the password.
	Remove bool `yaml:"remove" default:"true"`

	// Remember is for how long a right password is not checked again; 0 to check it each time. A
	// password that changes in the store counts from the reload on.
	Remember engine.Duration `yaml:"remember" default:"1m"`

	// Checks is how many passwords are checked at once; 0 for as many as there are processors.
	Checks int `yaml:"checks" min:"0" max:"256"`

	// Challenge asks the client for its password with WWW-Authenticate: browsers open a dialog then.
	// With false the client must send it on its own.
	Challenge bool `yaml:"challenge" default:"true"`

	// Lockout stops who tries passwords.
	Lockout *lockout `yaml:"lockout"`

	users     map[string]*user
	costliest *passwordHash // what the passwords of unknown names are checked against
	challenge string
	verifier  *verifier
}

// user is a record of the store.
type user struct {
	*engine.Identity
	hash *passwordHash
}

func (f *httpBasic) Prepare(env *Env) error {
	if err := f.load(env); err != nil {
		return err
	}
	realm, err := quotedString(f.Realm)
	if err != nil {
		return wrong("realm", "write plain text", "%w", err)
	}
	f.challenge = `Basic realm=` + realm + `, charset="UTF-8"`
	if err := f.Lockout.prepare(); err != nil {
		return err
	}
	checks := f.Checks
	if checks == 0 {
		checks = runtime.GOMAXPROCS(0)
	}
	f.verifier = newVerifier(checks, time.Duration(f.Remember))
	return nil
}

// load reads the users of the store.
func (f *httpBasic) load(env *Env) error {
	store, err := env.Store(f.Store)
	if err != nil {
		return &FieldError{Field: "store", Err: err}
	}
	f.users = make(map[string]*user, store.Len())
	for name, record := range records(store) {
		password := record.Member("password")
		if password.Kind() != engine.String {
			return wrong("store", "give each user a password: "+hashHint, "user %q of store %q has no password", name, f.Store)
		}
		hash, err := parsePassword(password.String())
		if err != nil {
			return wrong("store", hashHint, "the password of user %q in store %q %w", name, f.Store, err)
		}
		who := identityOf("basic", "user:"+name, name, record)
		who.Recheck = env.Live.holds(f.Store, name, "password", password.String())
		if !switchedOff(record) {
			f.users[name] = &user{who, hash}
		}
		if f.costliest == nil || hash.cost() > f.costliest.cost() {
			f.costliest = hash
		}
	}
	return nil
}

// Inherit goes on with the passwords that were right before a reload, with the
// bound on how many are checked at once, and with who is locked out.
func (f *httpBasic) Inherit(old engine.Filter) {
	if before, ok := old.(*httpBasic); ok && before.verifier != nil {
		f.verifier = before.verifier
		f.Lockout.inherit(before.Lockout)
	}
}

func (f *httpBasic) Run(m *engine.Message) (bool, error) {
	name, password, err := basicCredentials(m.Request.Headers)
	if err != nil {
		return f.refuse(m, err.Error())
	}
	who, known := f.users[name]
	hash := f.costliest
	switch {
	case known:
		hash = who.hash
	case hash == nil:
		return f.refuse(m, "the store has no users")
	}
	a := attemptBy(m, name, known)
	if wait := f.Lockout.clientLocked(a, m.Now()); wait > 0 {
		m.Fail(429, "%v", errLockedOut)
		return false, m.Challenge("Retry-After", retryAfter(wait))
	}
	right, err := f.check(m, a, hash, password)
	switch {
	case errors.Is(err, errTooManyChecks):
		m.Fail(503, "%v", err)
		return false, m.Challenge("Retry-After", "1")
	case err != nil:
		return false, fmt.Errorf("check a password: %w", err)
	case !right:
		return f.refuse(m, wrongPassword)
	}
	f.verifier.remember(hash, name, password, m.Now())
	if f.Remove {
		m.Request.Headers.Del("Authorization")
	}
	return identify(m, who.Identity, func(why error) (bool, error) { return f.refuse(m, why.Error()) })
}

// check tells whether a password is right and counts. One for a locked user is
// worked out like a wrong one: what is remembered would answer sooner.
func (f *httpBasic) check(m *engine.Message, a attempt, hash *passwordHash, password string) (right bool, err error) {
	locked := f.Lockout.userLocked(a, m.Now())
	if locked {
		m.Logf(slog.LevelWarn, "user %q is locked", a.user)
		right, err = f.verifier.work(m.Context(), hash, password)
	} else {
		right, err = f.verifier.check(m.Context(), hash, a.user, password, m.Now())
	}
	if err != nil {
		return false, err
	}
	return f.Lockout.settle(a, right && a.known && !locked, m.Now()), nil
}

const wrongPassword = "wrong name or password"

func (f *httpBasic) refuse(m *engine.Message, why string) (bool, error) {
	m.Fail(401, "%s", why)
	if !f.Challenge {
		return false, nil
	}
	return false, m.Challenge("WWW-Authenticate", f.challenge)
}

// Why a request has no usable credentials. None of them shows any.
var (
	errNoCredentials   = errors.New("no Authorization header")
	errManyCredentials = errors.New("more than one Authorization header")
	errNotBasic        = errors.New("the Authorization header is not HTTP Basic")
	errBadBasic        = errors.New("malformed HTTP Basic credentials")
)

// basicCredentials reads the one Authorization header.
func basicCredentials(headers *engine.Headers) (name, password string, err error) {
	count, header := 0, ""
	for value := range headers.Values("Authorization") {
		count, header = count+1, value
	}
	switch count {
	case 0:
		return "", "", errNoCredentials
	case 1:
		return parseBasic(header)
	}
	return "", "", errManyCredentials
}

// parseBasic reads "Basic TOKEN68", where the token is the base64 of name, colon
// and password (RFC 7617 §2): "a user-id containing a colon character is invalid",
// so the first colon ends it; "the user-id and password MUST NOT contain any
// control characters". The bytes must be UTF-8, which the challenge asks for (§2.1).
func parseBasic(header string) (name, password string, err error) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Basic") {
		return "", "", errNotBasic
	}
	token = strings.TrimLeft(token, " ")
	raw, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || base64.StdEncoding.EncodedLen(len(raw)) != len(token) || // the decoder skips line breaks
		len(raw) > 2*maxPassword || !utf8.Valid(raw) {
		return "", "", errBadBasic
	}
	for _, c := range raw {
		if c < ' ' || c == 0x7F {
			return "", "", errBadBasic
		}
	}
	name, password, ok = strings.Cut(string(raw), ":")
	if !ok || len(password) > maxPassword {
		return "", "", errBadBasic
	}
	return name, password, nil
}

// quotedString writes a text as a quoted-string (RFC 9110 §5.6.4).
func quotedString(text string) (string, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= 0x7F {
			return "", fmt.Errorf("the text %q has a character that may not stand in a header", text)
		}
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`, nil
}
