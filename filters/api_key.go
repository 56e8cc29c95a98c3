package filters

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strconv"
	"time"

	"framegate/engine"
)

func init() {
	register[apiKey](Kind{Type: "api-key", Family: Identity, Aliases: []string{"AuthenticateAPIKeyFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}, Writes: identityWrites})
}

// Passes when the request carries an API key that a store knows. A refused upgrade
// gets 401; one with a good key from where it may not be used, 403. As in Axway's
// Authenticate API Key filter.
//
// The key is looked for in a header, an Authorization header, the subprotocols, a
// cookie and the query, in this order, as far as they are given; the first place that has one
// counts. A request with several keys in one place is refused.
//
// A client is a record with `key: sha256:…`, as `framegate hash sha256`
// prints it, or a list of such hashes while a key is being changed for another.
// Keys must be long and random; only their hashes are kept and compared, known
// and unknown ones in the same time. With a signature the key is no secret: it is the
// name of the record, and the record has the `secret` that the client signs with.
//
// A record may say more: `enabled: false`; `notBefore` and `expires`, a date or a time
// (sessions end when the key does); `from`, the networks where it may be
// used; `origins`, as of a websocket, of the pages that may use it; and `referers`, the same by
// the Referer header, or where a browser sends none with an upgrade, by the Origin.
//
// When a reload brings a store in which the record is gone, switched off (enabled: false),
// or has another key, the sessions that were opened with the key end with 3000.
//
// It sets authentication.subject.id (the record's subject, or else its name in the
// store), authentication.method (api-key), and authentication.subject.attributes (the
// record without its secrets). The key can be revoked as key:NAME.
//
//	filters:
//	  - type: api-key
//	    header: X-API-Key
//	    subprotocol: api-key
//	    store: clients
type apiKey struct {
	// Header is the name of the header with the key. With no place given at all it is X-API-Key.
	Header string `yaml:"header"`

	// Scheme is the word before the key in an Authorization header, such as ApiKey.
	Scheme string `yaml:"scheme"`

	// Subprotocol is the name that marks the key among the subprotocols, the one header that a
	// page in a browser can fill: ['api-key', KEY, 'chat.v1'] or ['api-key.KEY', 'chat.v1']. The key
	// must be of letters, digits and !#$%&'*+-.^_|~ then. It never gets to the remote host, nor back
	// to the client, whatever remove says; a client that offers nothing else is answered with the name.
	Subprotocol string `yaml:"subprotocol"`

	// Cookie is the name of the cookie with the key. Check the origin too: browsers send cookies for any page.
	Cookie string `yaml:"cookie"`

	// Query is the name of the query parameter with the key. Keys in URLs end up in the logs
	// of every proxy on the way: for browsers, which can set no headers, a cookie or a subprotocol is better.
	Query string `yaml:"query"`

	// Store is the name of the store with the clients.
	Store string `yaml:"store" required:"true"`

	// Realm is the name of what is protected, in the challenge.
	Realm string `yaml:"realm" default:"framegate"`

	// Remove takes the key away from the request, wherever it is, so that the remote host does not get it.
	Remove bool `yaml:"remove" default:"true"`

	// Signature asks for signed requests instead of a secret key.
	Signature *keySignature `yaml:"signature"`

	places    []keyPlace
	clients   map[[sha256.Size]byte]*client // by the hashes of their keys
	signers   map[string]*client            // by name
	challenge string
}

func (f *apiKey) Prepare(env *Env) error {
	if err := f.preparePlaces(); err != nil {
		return err
	}
	realm, err := quotedString(f.Realm)
	if err != nil {
		return wrong("realm", "write plain text", "%w", err)
	}
	f.challenge = cmp.Or(f.Scheme, "ApiKey") + ` realm=` + realm
	if f.Signature != nil {
		if err := f.Signature.prepare(); err != nil {
			return err
		}
	}
	return f.load(env)
}

// preparePlaces lists where the key may be.
func (f *apiKey) preparePlaces() error {
	for _, place := range []struct {
		field, name string
		where       keyPlace
	}{
		{"header", f.Header, inHeader(f.Header)}, {"scheme", f.Scheme, inScheme(f.Scheme)}, {"subprotocol", f.Subprotocol, inSubprotocol(f.Subprotocol)},
		{"cookie", f.Cookie, inCookie(f.Cookie)}, {"query", f.Query, inQuery(f.Query)},
	} {
		if place.name == "" {
			continue
		}
		if place.field != "query" && checkToken(place.field, place.name) != nil {
			return wrong(place.field, "a name has letters, digits and - . _ only, such as X-API-Key", "%q is not the name of a %s", place.name, place.field)
		}
		f.places = append(f.places, place.where)
	}
	if len(f.places) == 0 {
		f.places = []keyPlace{inHeader("X-API-Key")}
	}
	return nil
}

// load makes the index of the store's clients, by their keys' hashes or by their names.
func (f *apiKey) load(env *Env) error {
	store, err := env.Store(f.Store)
	if err != nil {
		return &FieldError{Field: "store", Err: err}
	}
	f.clients, f.signers = make(map[[sha256.Size]byte]*client), make(map[string]*client)
	for name, record := range records(store) {
		c, err := clientOf(name, record)
		if err != nil {
			return wrong("store", "correct the record, or take the field out", "client %q of store %q: %w", name, f.Store, err)
		}
		if f.Signature != nil {
			err = f.loadSigner(env, c, record.Member("secret"))
		} else {
			err = f.loadKeys(env, c, record.Member("key"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// loadSigner enters a client that signs.
func (f *apiKey) loadSigner(env *Env, c *client, secret engine.Value) error {
	if secret.Kind() != engine.String || len(secret.String()) < minSigningSecret {
		return wrong("store", "write `secret: '{{env \"NAME\"}}'`, a long random text that the client has too",
			"client %q of store %q has no secret of %d bytes or more to sign with", c.name, f.Store, minSigningSecret)
	}
	c.secret = []byte(secret.String())
	c.Recheck = env.Live.holds(f.Store, c.name, "secret", secret.String())
	f.signers[c.name] = c
	return nil
}

// minSigningSecret is the least bytes of a secret that signs: half of what the hash has, which RFC 2104 §3 advises.
const minSigningSecret = 16

// loadKeys enters a client under the hashes of its keys.
func (f *apiKey) loadKeys(env *Env, c *client, key engine.Value) error {
	hashes := keyHashes(key)
	if len(hashes) == 0 {
		return wrong("store", "give each client a key: "+hashHint, "client %q of store %q has no key", c.name, f.Store)
	}
	for _, text := range hashes {
		sum, err := parseKeyHash(text)
		if err != nil {
			return wrong("store", hashHint, "the key of client %q in store %q %w", c.name, f.Store, err)
		}
		if other := f.clients[sum]; other != nil {
			return wrong("store", "give each client a key of its own", "clients %q and %q of store %q have the same key", other.name, c.name, f.Store)
		}
		holder, who := *c, *c.Identity
		who.Recheck = env.Live.holds(f.Store, c.name, "key", text)
		holder.Identity, holder.sum = &who, sum
		f.clients[sum] = &holder
	}
	return nil
}

// keyHashes lists the hashes in a record's key: one, or a list.
func keyHashes(key engine.Value) []string {
	if key.Kind() == engine.String {
		return []string{key.String()}
	}
	list, _ := key.Any().([]any)
	var hashes []string
	for _, item := range list {
		text, _ := item.(string)
		hashes = append(hashes, text)
	}
	return hashes
}

// nobody is what an unknown key is compared with, so that it takes the same path as a known one.
var nobody client

// Why a request has no usable key. None of them shows any.
var (
	errNoKey      = errors.New("no API key")
	errManyKeys   = errors.New("more than one API key")
	errUnknownKey = errors.New("unknown API key")
)

// Inherit remembers the signed requests from before a reload.
func (f *apiKey) Inherit(old engine.Filter) {
	if before, ok := old.(*apiKey); ok && before.Signature != nil && f.Signature != nil {
		f.Signature.replayed = before.Signature.replayed
	}
}

// Conceals names the header with the key, for records of upgrades that an earlier filter refuses.
func (f *apiKey) Conceals() []string { return concealed(f.places) }

func (f *apiKey) Run(m *engine.Message) (bool, error) {
	who, err := f.find(m)
	if err == nil {
		err = who.valid(m.Now())
	}
	if err != nil {
		return f.refuse(m, err)
	}
	if err := who.admits(clientAddr(m), m.Request.Headers); err != nil {
		m.Fail(403, "%v", err)
		return false, nil
	}
	if err := f.strip(m); err != nil {
		return false, err
	}
	return identify(m, who.Identity, func(why error) (bool, error) { return f.refuse(m, why) })
}

// key looks for a key in one place after the other.
func (f *apiKey) key(m *engine.Message) (key string, err error) {
	for _, place := range f.places {
		if key, err = place.find(m.Request); err != errNoKey {
			return key, err
		}
	}
	return "", errNoKey
}

// find finds out whose key the request has.
func (f *apiKey) find(m *engine.Message) (*client, error) {
	key, err := f.key(m)
	if err != nil {
		return nil, err
	}
	if f.Signature != nil {
		who, known := f.signers[key]
		if !known {
			who = &nobody
		}
		return who, f.Signature.check(m.Request, who, known, m.Now())
	}
	sum := sha256.Sum256([]byte(key))
	who, known := f.clients[sum]
	if !known {
		who = &nobody
	}
	if same := subtle.ConstantTimeCompare(sum[:], who.sum[:]) == 1; !same || !known {
		return nil, errUnknownKey
	}
	return who, nil
}

// strip takes the keys away, and the signature.
func (f *apiKey) strip(m *engine.Message) error {
	for _, place := range f.places {
		if _, always := place.(inSubprotocol); !f.Remove && !always {
			continue
		}
		if err := place.remove(m); err != nil {
			return err
		}
	}
	if f.Remove && f.Signature != nil {
		return f.Signature.remove(m)
	}
	return nil
}

func (f *apiKey) refuse(m *engine.Message, why error) (bool, error) {
	if errors.Is(why, errManySigned) {
		m.Fail(429, "%v", why)
		return false, m.Challenge("Retry-After", retryAfter(2*time.Duration(f.Signature.Drift)))
	}
	m.Fail(401, "%v", why)
	return false, m.Challenge("WWW-Authenticate", f.challenge)
}

// retryAfter is a time as the header has it: whole seconds, rounded up, one at least (RFC 9110 §10.2.3).
func retryAfter(wait time.Duration) string {
	return strconv.FormatInt(max(1, int64((wait+time.Second-1)/time.Second)), 10)
}
