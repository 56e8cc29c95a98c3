package filters

import (
	"errors"
	"fmt"
	"strings"

	"framegate/engine"
)

// proxyHeader is a header that counts only when a proxy set it.
type proxyHeader struct {
	name string
	from []engine.Prefix // none: the trusted proxies of the port
}

// Why a proxy's header does not count.
var (
	errNotProxy   = errors.New("the request does not come from a trusted proxy")
	errManyValues = errors.New("the header stands there more than once")
)

// take returns the header's value; empty where there is none. From anybody but a trusted
// proxy the header is removed; so are its twins, whose names differ only in _ and -,
// since many servers take them for the same.
func (h proxyHeader) take(q *engine.Request) (string, error) {
	removeTwins(q.Headers, h.name)
	if !h.trusts(q) {
		q.Headers.Del(h.name)
		return "", errNotProxy
	}
	count, value := 0, ""
	for v := range q.Headers.Values(h.name) {
		count, value = count+1, v
	}
	if count > 1 {
		q.Headers.Del(h.name)
		return "", errManyValues
	}
	return value, nil
}

func (h proxyHeader) trusts(q *engine.Request) bool {
	if len(h.from) == 0 {
		return q.Forwarded != nil
	}
	return contains(h.from, q.Peer())
}

// removeTwins removes the headers whose names differ from one only in _ and -: many
// servers take them for the same (CGI's HTTP_X_USER is X-User as well as X_User).
func removeTwins(headers *engine.Headers, of string) {
	var twins []string
	for name := range headers.All() {
		if !strings.EqualFold(name, of) && strings.EqualFold(strings.ReplaceAll(name, "_", "-"), strings.ReplaceAll(of, "_", "-")) {
			twins = append(twins, name)
		}
	}
	for _, name := range twins {
		headers.Del(name)
	}
}

// checkProxyHeader is the problem with a header's name.
func checkProxyHeader(field, name string) error {
	if why, ok := handshakeHeaders[strings.ToLower(name)]; ok {
		return wrong(field, why, "header %s says nothing about a user", name)
	}
	return checkToken(field, name)
}

// userStore is the records of those who are named by somebody else: a proxy, or
// the authority of a certificate. Without a store everybody is known.
type userStore struct {
	name    string
	live    *LiveStores
	records map[string]engine.Value
}

func loadUserStore(env *Env, name string) (*userStore, error) {
	if name == "" {
		return nil, nil
	}
	store, err := env.Store(name)
	if err != nil {
		return nil, &FieldError{Field: "store", Err: err}
	}
	users := &userStore{name, env.Live, make(map[string]engine.Value, store.Len())}
	for key, record := range records(store) {
		if !switchedOff(record) {
			users.records[key] = record
		}
	}
	return users, nil
}

// errUnknownUser is why somebody who was named is refused.
var errUnknownUser = errors.New("the user is not in the store")

// identity is who a name stands for. It ends when a reload takes the record away.
func (u *userStore) identity(method, name string) (*engine.Identity, error) {
	if u == nil {
		return &engine.Identity{Subject: name, Method: method, Handles: []string{"user:" + name}}, nil
	}
	record, known := u.records[name]
	if !known {
		return nil, fmt.Errorf("%w: %q", errUnknownUser, cutText(name, 80))
	}
	id := identityOf(method, "user:"+name, name, record)
	id.Recheck = u.live.holds(u.name, name, "", "")
	return id, nil
}
