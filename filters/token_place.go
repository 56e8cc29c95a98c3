package filters

import (
	"errors"
	"fmt"
	"strings"

	"framegate/engine"
	"framegate/engine/jsonbytes"
)

// tokenPlace is where a token comes from, and what becomes of it.
type tokenPlace struct {
	// Header is the name of a header with the token. In Authorization it stands behind the word Bearer; in another header it may.
	// With no header, query, cookie, subprotocol and token given it is Authorization. A request that brings tokens in more than
	// one of the places given is refused with 400.
	Header string `yaml:"header"`

	// Query is the name of a query parameter with the token, such as access_token. Tokens in URLs end up in the logs of every
	// proxy on the way: for browsers, which can set no headers, a subprotocol is better.
	Query string `yaml:"query"`

	// Cookie is the name of a cookie with the token. Check the origin too: browsers send cookies for any page.
	Cookie string `yaml:"cookie"`

	// Subprotocol is the word that brings the token in Sec-WebSocket-Protocol, which a page in a browser can set:
	// `new WebSocket(url, ['bearer', token])` with subprotocol: bearer. The token is the element behind the word, or the rest of
	// one that begins with the word and a dot. The client is never answered with the token; with the word, where the remote
	// host chooses no other subprotocol.
	Subprotocol string `yaml:"subprotocol"`

	// Token is the token itself, from an attribute. Where it came from is not known then, so nothing is removed.
	Token engine.Selector `yaml:"token"`

	// Pointer is where the token stands in a message, a JSON Pointer such as /token into content.body: for a policy on messages,
	// where a client brings a new token.
	Pointer string `yaml:"pointer"`

	// Remove takes the token away from the request, or keeps the message that it came in, so that the remote host does not get it.
	Remove bool `yaml:"remove" default:"true"`

	// Realm is the name of what is protected, in the challenge.
	Realm string `yaml:"realm" default:"framegate"`

	// MaxToken is how long a token may be.
	MaxToken engine.Size `yaml:"maxToken" default:"16KiB" min:"64" max:"64KiB"`

	places []keyPlace
	path   jsonbytes.Path
	realm  string // quoted
}

// prepare checks the places.
func (f *tokenPlace) prepare(env *Env) (err error) {
	if f.realm, err = quotedString(f.Realm); err != nil {
		return wrong("realm", "write plain text", "%w", err)
	}
	if err := f.preparePlaces(); err != nil {
		return err
	}
	if f.path, err = jsonbytes.ParsePath(f.Pointer); err != nil {
		return wrong("pointer", "write a JSON Pointer such as /token", "%w", err)
	}
	inMessages := f.Pointer != "" || !f.Token.IsZero()
	switch {
	case f.Pointer != "" && !strings.HasPrefix(f.Pointer, "/"):
		return wrong("pointer", "begin it with a slash: /token", "%q is no JSON Pointer", f.Pointer)
	case env.Hooks&engine.OnFrame != 0 && !inMessages:
		return wrong("pointer", "write `pointer: /token` for {\"token\":\"…\"}, or `token: ${…}`", "nothing says where in a message the token is")
	}
	return nil
}

func (f *tokenPlace) preparePlaces() error {
	given := []struct {
		field, name string
		place       keyPlace
	}{
		{"header", f.Header, headerToken(f.Header)}, {"query", f.Query, inQuery(f.Query)},
		{"cookie", f.Cookie, inCookie(f.Cookie)}, {"subprotocol", f.Subprotocol, inSubprotocol(f.Subprotocol)},
	}
	f.places = nil
	for _, g := range given {
		switch {
		case g.name == "":
			continue
		case g.field != "query" && checkToken(g.field, g.name) != nil:
			return checkToken(g.field, g.name)
		case !f.Token.IsZero():
			return wrong("token", "keep one of them", "the token is either in the %s or what the selector yields", g.field)
		}
		f.places = append(f.places, g.place)
	}
	if len(f.places) == 0 && f.Token.IsZero() {
		f.places = []keyPlace{inScheme("Bearer")}
	}
	return nil
}

// Conceals names the header with the token, for records of upgrades that an earlier filter refuses.
func (f *tokenPlace) Conceals() []string { return concealed(f.places) }

// headerToken is a token in a header.
func headerToken(name string) keyPlace {
	if strings.EqualFold(name, "Authorization") {
		return inScheme("Bearer")
	}
	return bearerHeader{inHeader(name)}
}

// bearerHeader is a header of its own, with or without the word Bearer.
type bearerHeader struct{ inHeader }

func (h bearerHeader) find(q *engine.Request) (string, error) {
	token, err := h.inHeader.find(q)
	if word, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(word, "Bearer") {
		token = strings.Trim(rest, " \t")
	}
	return token, err
}

// Why a message has no usable token. None of them shows any.
var (
	errNoToken    = errors.New("no token")
	errManyTokens = errors.New("more than one token")
	errLongToken  = errors.New("the token is longer than allowed")
	errNotAToken  = errors.New("there are characters in the token that belong to none")
)

// find returns the token, and where in the request it is; nil where it cannot be
// taken away from. A message with a token goes no further.
func (f *tokenPlace) find(m *engine.Message) (token string, from keyPlace, err error) {
	inMessage := m.Hook&engine.OnHTTP == 0
	switch {
	case inMessage && f.Pointer != "":
		token = f.inBody(m)
	case !f.Token.IsZero():
		token, err = f.inAttribute(m)
	default:
		token, from, err = f.inRequest(m)
	}
	if inMessage && f.Remove && token != "" {
		m.Withhold()
	}
	switch {
	case err != nil:
		return "", nil, err
	case token == "":
		return "", nil, errNoToken
	case len(token) > int(f.MaxToken):
		return "", nil, errLongToken
	case !isToken68(token):
		return "", nil, errNotAToken
	}
	return token, from, nil
}

// take is for when the token was good: it does not go on to the remote host.
func (f *tokenPlace) take(m *engine.Message, from keyPlace) error {
	if from == nil || !f.Remove {
		return nil
	}
	return from.remove(m)
}

// inRequest looks in all the places.
func (f *tokenPlace) inRequest(m *engine.Message) (string, keyPlace, error) {
	var tokens onlyOne
	var from keyPlace
	for _, place := range f.places {
		token, err := place.find(m.Request)
		switch {
		case errors.Is(err, errNoKey):
			continue
		case err != nil:
			return "", nil, errManyTokens
		}
		tokens.add(token)
		from = place
	}
	token, err := tokens.get()
	switch {
	case errors.Is(err, errManyKeys):
		return "", nil, errManyTokens
	case err != nil:
		return "", nil, errNoToken
	}
	return token, from, nil
}

// inAttribute is what the selector yields.
func (f *tokenPlace) inAttribute(m *engine.Message) (string, error) {
	token, err := f.Token.String(m)
	var missing *engine.MissingAttribute
	switch {
	case errors.As(err, &missing):
		return "", errNoToken
	case err != nil:
		return "", fmt.Errorf("token: %w", err)
	}
	return strings.TrimPrefix(token, "Bearer "), nil
}

// inBody is the text that the pointer finds in a message; empty when there is none.
func (f *tokenPlace) inBody(m *engine.Message) string {
	raw, found, err := jsonbytes.Find(m.Body(), f.path)
	if err != nil || !found || raw[0] != '"' {
		return ""
	}
	return string(jsonbytes.AppendText(nil, raw))
}

// isToken68 tells whether a text may be a bearer token: "1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=""
// (RFC 6750 §2.1).
func isToken68(text string) bool {
	text = strings.TrimRight(text, "=")
	for i := range len(text) {
		if c := text[i]; !isUnreserved(c) && c != '+' && c != '/' {
			return false
		}
	}
	return text != ""
}

// refuse fails with the challenge of RFC 6750 §3. Who brought no token is not told of an error.
func (f *tokenPlace) refuse(m *engine.Message, why error) (bool, error) {
	status, code := 401, "invalid_token"
	switch {
	case errors.Is(why, errNoToken):
		m.Fail(status, "%v", why)
		return false, m.Challenge("WWW-Authenticate", "Bearer realm="+f.realm)
	case errors.Is(why, errManyTokens):
		status, code = 400, "invalid_request"
	}
	m.Fail(status, "%v", why)
	return false, m.Challenge("WWW-Authenticate", `Bearer realm=`+f.realm+`, error="`+code+`"`)
}

// refuseScope fails because the token is not enough.
func (f *tokenPlace) refuseScope(m *engine.Message, missing string, needed []string) (bool, error) {
	m.Fail(403, "the token has not the scope %s", missing)
	return false, m.Challenge("WWW-Authenticate", `Bearer realm=`+f.realm+`, error="insufficient_scope", scope="`+strings.Join(needed, " ")+`"`)
}
