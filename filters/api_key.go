package filters

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"framegate/engine"
)

func init() {
	register[apiKey](Kind{Type: "api-key", Aliases: []string{"AuthenticateAPIKeyFilter"}, Hooks: engine.OnHTTP, Reads: []string{"http.headers"}, Writes: identityWrites})
}

// Passes when the request carries an API key that a store knows: in a header, a
// query parameter or a cookie. A refused upgrade gets 401. As in Axway's Authenticate
// API Key filter.
//
// A client is a record with `key: sha256:…`, as `framegate hash sha256`
// prints it, or a list of such hashes while a key is being changed for another.
// Keys must be long and random; only their hashes are kept and compared, known
// and unknown ones in the same time. A request that carries several keys is refused.
//
// It sets authentication.subject.id (the record's subject, or else its name in the
// store), authentication.method (api-key), and authentication.subject.attributes (the
// record without its secrets).
//
//	filters:
//	  - type: api-key
//	    header: X-API-Key
//	    store: clients
//	    remove: true
type apiKey struct {
	// Header is the name of the header with the key. With no header, query or cookie given it is X-API-Key.
	Header string `yaml:"header"`

	// Query is the name of the query parameter with the key. Keys in URLs end up in the logs
	// of every proxy on the way: for browsers, which can set no headers, a cookie is better.
	Query string `yaml:"query"`

	// Cookie is the name of the cookie with the key. Check the origin too: browsers send cookies for any page.
	Cookie string `yaml:"cookie"`

	// Store is the name of the store with the clients.
	Store string `yaml:"store" required:"true"`

	// Realm is the name of what is protected, in the challenge.
	Realm string `yaml:"realm" default:"framegate"`

	// Remove takes the key away from the request, so that the remote host does not get it.
	Remove bool `yaml:"remove"`

	place     keyPlace
	clients   map[[sha256.Size]byte]*client
	challenge string
}

// client is a record of the store.
type client struct {
	*engine.Identity
	name string
	sum  [sha256.Size]byte
}

func (f *apiKey) Prepare(env *Env) error {
	if err := f.preparePlace(); err != nil {
		return err
	}
	realm, err := quotedString(f.Realm)
	if err != nil {
		return wrong("realm", "write plain text", "%w", err)
	}
	f.challenge = `ApiKey realm=` + realm
	return f.load(env)
}

// preparePlace finds where the key is: in one place only.
func (f *apiKey) preparePlace() error {
	var fields []string
	for _, place := range []struct {
		field, name string
		where       keyPlace
	}{{"header", f.Header, inHeader(f.Header)}, {"query", f.Query, inQuery(f.Query)}, {"cookie", f.Cookie, inCookie(f.Cookie)}} {
		if place.name != "" {
			fields, f.place = append(fields, place.field), place.where
		}
	}
	switch {
	case len(fields) > 1:
		return wrong(fields[1], "keep one of them; for both, use two api-key filters joined by a failure arrow", "the key is either in the %s or in the %s", fields[0], fields[1])
	case len(fields) == 0:
		f.place = inHeader("X-API-Key")
	case f.Header != "":
		return checkToken("header", f.Header)
	case f.Cookie != "" && checkToken("cookie", f.Cookie) != nil:
		return wrong("cookie", "a name has letters, digits and - . _ only", "%q is not the name of a cookie", f.Cookie)
	}
	return nil
}

// load makes the index of the store's clients by their keys' hashes.
func (f *apiKey) load(env *Env) error {
	store, err := env.Store(f.Store)
	if err != nil {
		return &FieldError{Field: "store", Err: err}
	}
	f.clients = make(map[[sha256.Size]byte]*client, store.Len())
	for name, record := range records(store) {
		hashes := keyHashes(record.Member("key"))
		if len(hashes) == 0 {
			return wrong("store", "give each client a key: "+hashHint, "client %q of store %q has no key", name, f.Store)
		}
		who := identityOf("api-key", "key:"+name, name, record)
		for _, text := range hashes {
			sum, err := parseKeyHash(text)
			if err != nil {
				return wrong("store", hashHint, "the key of client %q in store %q %w", name, f.Store, err)
			}
			if other := f.clients[sum]; other != nil {
				return wrong("store", "give each client a key of its own", "clients %q and %q of store %q have the same key", other.name, name, f.Store)
			}
			f.clients[sum] = &client{who, name, sum}
		}
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
	errNoKey    = errors.New("no API key")
	errManyKeys = errors.New("more than one API key")
)

func (f *apiKey) Run(m *engine.Message) (bool, error) {
	key, err := f.place.find(m.Request)
	if err != nil {
		return f.refuse(m, err)
	}
	sum := sha256.Sum256([]byte(key))
	who, known := f.clients[sum]
	if !known {
		who = &nobody
	}
	if same := subtle.ConstantTimeCompare(sum[:], who.sum[:]) == 1; !same || !known {
		return f.refuse(m, errors.New("unknown API key"))
	}
	if f.Remove {
		if err := f.place.remove(m); err != nil {
			return false, err
		}
	}
	return identify(m, who.Identity, func(why error) (bool, error) { return f.refuse(m, why) })
}

func (f *apiKey) refuse(m *engine.Message, why error) (bool, error) {
	m.Fail(401, "%v", why)
	return false, m.Challenge("WWW-Authenticate", f.challenge)
}
