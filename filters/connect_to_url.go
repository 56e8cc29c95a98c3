package filters

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"framegate/engine"
	"framegate/remotehosts"
)

func init() {
	register[connectToURL](Kind{
		Type: "connect-to-url", Aliases: []string{"ConnectToURLFilter"},
		Hooks: engine.OnUpgrade, Ends: true, Closing: true,
	})
}

// Opens a WebSocket at a remote host and ends the policy; the session starts
// with it. The client's headers go to the host as the policy has left them, and
// X-Forwarded-For, -Proto and -Host and traceparent with them. As Axway's Connect
// to URL.
//
// Which of the host's addresses is dialled is the remote host's balancing; when
// one fails, the next is tried, and the trail has a line for each. It fails when
// none can be reached or answers rightly (502), when there is no connection to
// spare or the circuit breaker is open (503), or when they take too long (504); and when the host answers
// the upgrade with anything but 101: then the client gets that answer, whole. A
// failure arrow may lead to another connect-to-url, to a second host.
//
//	filters:
//	  - type: connect-to-url
//	    url: 'ws://127.0.0.1:9001/rooms/${http.header.X-Room ?: "lobby"}'
type connectToURL struct {
	// URL is where to connect to: ws:// and http:// mean the same, and so do wss:// and https://, which mean TLS. Its host is
	// the name of a remote host, else the host and port of one, else it is dialled as it stands.
	//
	// What a selector yields becomes one segment of the path or one value of the query: it is percent-encoded, and a value
	// that makes a dot segment (..) fails with 400. Directly after the host, or directly after the question mark, a selector
	// stands for a whole path or query that is encoded already: `ws://chat${http.request.uri}`,
	// `ws://chat/rooms?${http.querystring}`. In place of the host it must yield the name of a remote host, and fails otherwise.
	URL engine.Selector `yaml:"url" required:"true"`
	// ConnectTimeout bounds connecting and the TLS handshake; 504 past it. Left out, it is the remote host's.
	ConnectTimeout time.Duration `yaml:"connectTimeout" min:"1ms"`
	// ActiveTimeout bounds the wait for the host's answer (504 past it), and for a free connection (503 past it). Left out,
	// it is the remote host's. The upgrade as a whole may take 30s.
	ActiveTimeout time.Duration `yaml:"activeTimeout" min:"1ms"`

	hosts  *remotehosts.Set
	secure bool
	host   *remotehosts.Host // nil: the name comes from a selector
	name   engine.Selector   // that selector, with the text around it
	target engine.Selector   // path and query
}

// Prepare finds the remote host, unless a selector yields its name.
func (f *connectToURL) Prepare(env *Env) error {
	f.hosts = env.Hosts
	scheme, rest, ok := strings.Cut(f.URL.Text(), "://")
	if !ok || strings.Contains(scheme, "${") {
		return &FieldError{"url", "write ws://HOST/PATH; only what follows ws:// can be a selector", fmt.Errorf("the URL begins with no scheme")}
	}
	switch scheme {
	case "ws", "http":
	case "wss", "https":
		f.secure = true
	default:
		return &FieldError{"url", "write ws:// or, for TLS, wss://", fmt.Errorf("scheme %q leads to no WebSocket", scheme)}
	}
	authority, target := cutAuthority(rest)
	if err := f.prepareTarget(target); err != nil {
		return err
	}
	if strings.Contains(authority, "${") {
		return f.prepareName(authority)
	}
	return f.prepareHost(scheme, authority)
}

func (f *connectToURL) prepareTarget(text string) (err error) {
	if f.target, err = engine.ParseSelector(text); err != nil {
		return &FieldError{Field: "url", Err: err}
	}
	if err := remotehosts.CheckTarget("/" + literals(text)); err != nil {
		return &FieldError{"url", "write %20 for a space, %23 for #", err}
	}
	return nil
}

func (f *connectToURL) prepareName(text string) (err error) {
	if f.name, err = engine.ParseSelector(text); err != nil {
		return &FieldError{Field: "url", Err: err}
	}
	if strings.ContainsAny(literals(text), ":@") {
		return &FieldError{"url", "declare the address as a remote host, and let the selector yield its name", fmt.Errorf("a selector in place of the host can only yield the name of a remote host")}
	}
	return nil
}

func (f *connectToURL) prepareHost(scheme, authority string) (err error) {
	f.host, err = f.hosts.Find(scheme + "://" + authority + "/")
	var unknown *remotehosts.UnknownHost
	switch {
	case errors.As(err, &unknown) && unknown.Nearest != "":
		return &FieldError{"url", fmt.Sprintf("did you mean %q?", unknown.Nearest), err}
	case errors.As(err, &unknown):
		return &FieldError{"url", fmt.Sprintf("declare it under remoteHosts, or write its port: %s:PORT", authority), err}
	case err != nil:
		return &FieldError{Field: "url", Err: err}
	case !f.host.Definition().AllowHTTP11:
		return &FieldError{"url", "set allowHTTP11: true on the remote host", fmt.Errorf("remote host %q does not allow HTTP/1.1, which a WebSocket needs", f.host.Definition().Name)}
	}
	return nil
}

// Run connects.
func (f *connectToURL) Run(m *engine.Message) (bool, error) {
	if m.Answer.FromHost { // of an earlier connect-to-url, whose failure arrow led here
		*m.Answer = engine.Answer{}
	}
	host, err := f.find(m)
	if err != nil || host == nil {
		return false, err
	}
	target, err := f.target.AppendWith(nil, m, escape)
	if err != nil {
		return false, err
	}
	call := &remotehosts.Call{
		Request: m.Request, TLS: f.secure, Target: tidy(string(target)), Offer: m.Offer,
		ConnectTimeout: f.ConnectTimeout, ActiveTimeout: f.ActiveTimeout, Correlation: m.Session.ID, Logf: m.Logf,
	}
	if call.StickyKey, err = host.StickyKey(m); err != nil {
		return false, err
	}
	if _, literal := f.target.Literal(); !literal && isAmbiguous(call.Target) {
		m.Fail(400, "path %q of the URL can be read in two ways", call.Target)
		return false, nil
	}
	return f.connect(m, host, call)
}

// find is the host to connect to; nil when the filter has failed.
func (f *connectToURL) find(m *engine.Message) (*remotehosts.Host, error) {
	if f.host != nil {
		return f.host, nil
	}
	name, err := f.name.String(m)
	if err != nil {
		return nil, err
	}
	host, ok := f.hosts.Named(name)
	if !ok {
		m.Fail(502, "%s yields %q, which is no remote host", f.name.Text(), name)
		return nil, nil
	}
	return host, nil
}

func (f *connectToURL) connect(m *engine.Message, host *remotehosts.Host, call *remotehosts.Call) (bool, error) {
	socket, err := host.Upgrade(m.Context(), call)
	var refused *remotehosts.Refused
	var failed *remotehosts.Error
	switch {
	case err == nil:
		m.Connect(socket)
		return true, nil
	case errors.As(err, &refused):
		*m.Answer = refused.Answer
		m.Fail(refused.Answer.Status, "%v", err)
		return false, nil
	case errors.As(err, &failed):
		m.Fail(failed.Status, "%v", err)
		return false, nil
	}
	return false, err
}

// cutAuthority cuts a URL without its scheme where the host ends: at a slash or
// question mark outside of selectors. A selector that follows the host and ends
// the path is the path.
func cutAuthority(text string) (authority, target string) {
	for i := 0; i < len(text); i++ {
		switch {
		case strings.IndexByte("/?#", text[i]) >= 0:
			return text[:i], text[i:]
		case strings.HasPrefix(text[i:], "${"):
			end := i + selectorLength(text[i:])
			if i > 0 && (end == len(text) || text[end] == '?') && !strings.Contains(text[:i], "${") {
				return text[:i], text[i:]
			}
			i = end - 1
		}
	}
	return text, ""
}

// literals is a field's text with an x in place of every selector.
func literals(text string) string {
	var b strings.Builder
	for {
		at := strings.Index(text, "${")
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at] + "x")
		text = text[at+selectorLength(text[at:]):]
	}
}

// selectorLength is how long the ${…} is that text begins with; braces in
// quotes do not end it.
func selectorLength(text string) int {
	var quote byte
	for i := len("${"); i < len(text); i++ {
		switch c := text[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote == c:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '}':
			return i + 1
		}
	}
	return len(text)
}

// escape appends what a selector yields to the path and query so far: as one
// segment or value, or, where it stands alone for the whole path or query, as
// it is but for what cannot stand there.
func escape(dst []byte, value string) []byte {
	whole := len(dst) == 0 || bytes.IndexByte(dst, '?') == len(dst)-1
	if len(dst) == 0 && !strings.HasPrefix(value, "/") {
		dst = append(dst, '/')
	}
	for i := range len(value) {
		c := value[i]
		if isUnreserved(c) || whole && strings.IndexByte("/?%:@!$&'()*+,;=", c) >= 0 {
			dst = append(dst, c)
			continue
		}
		dst = fmt.Appendf(dst, "%%%02X", c)
	}
	return dst
}

// isUnreserved follows RFC 3986 §2.3.
func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// tidy makes a request target of path and query: the path is at least a slash,
// and a question mark without a query goes.
func tidy(target string) string {
	target = strings.TrimSuffix(target, "?")
	if !strings.HasPrefix(target, "/") {
		return "/" + target
	}
	return target
}

// isAmbiguous tells whether any server might read . or .. as a segment of the
// path (encoded slashes, backslashes and parameters after a semicolon included),
// or a host at its beginning.
func isAmbiguous(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	decoded, err := url.PathUnescape(path)
	if err != nil || strings.HasPrefix(path, "//") {
		return true
	}
	for _, segment := range strings.FieldsFunc(decoded, func(r rune) bool { return r == '/' || r == '\\' }) {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}
