package filters

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"framegate/engine"
)

// keySignature says how a request is signed with the secret of a key.
type keySignature struct {
	// In says where the signature, the timestamp and the nonce are: in headers, or in
	// parameters of the query, which is what a browser can send with a WebSocket.
	In string `yaml:"in" default:"header" oneof:"header query"`

	// Name is the name of the header or parameter with the signature: the HMAC-SHA256, as
	// hexadecimal digits or base64, of method, request target, timestamp and nonce, with a line
	// feed between each two. The target is path and query as they are sent, without the
	// signature's own parameter; without a nonce, nothing follows the last line feed.
	Name string `yaml:"name" default:"X-Signature"`

	// Timestamp is the name of the header or parameter with the time of signing: seconds or
	// milliseconds since 1970, or as in RFC 3339.
	Timestamp string `yaml:"timestamp" default:"X-Timestamp"`

	// Nonce is the name of the header or parameter with a text of at most 128 bytes that the
	// client uses once. Without it the same request cannot be sent twice within one timestamp.
	Nonce string `yaml:"nonce"`

	// Drift is how far the timestamp may be from the gateway's clock, either way.
	Drift engine.Duration `yaml:"drift" default:"60s" min:"1s" max:"1h"`

	// Remember is how many signed requests of each client are remembered, for twice the drift, so
	// that none can be sent again; a client that sends more in that time gets 429.
	Remember int `yaml:"remember" default:"10000" min:"1" max:"10000000"`

	signature, timestamp, nonce keyPlace
	replayed                    *replayed
}

// maxNonce is the most bytes of a nonce.
const maxNonce = 128

func (s *keySignature) prepare() error {
	for _, part := range []struct {
		field, name string
		place       *keyPlace
	}{{"name", s.Name, &s.signature}, {"timestamp", s.Timestamp, &s.timestamp}, {"nonce", s.Nonce, &s.nonce}} {
		switch {
		case part.name == "" && part.field == "nonce":
		case part.name == "":
			return wrong("signature."+part.field, "write a name such as X-Signature", "the name is empty")
		case s.In == "query":
			*part.place = inQuery(part.name)
		default:
			*part.place = inHeader(part.name)
			if err := checkToken("signature."+part.field, part.name); err != nil {
				return err
			}
		}
	}
	s.replayed = newReplayed(2*time.Duration(s.Drift), s.Remember)
	return nil
}

// Why a signed request is refused.
var (
	errNoSignature  = errors.New("no signature")
	errNoTimestamp  = errors.New("no timestamp")
	errDrift        = errors.New("the timestamp is too far from the gateway's clock")
	errNoNonce      = errors.New("no nonce")
	errBadSignature = errors.New("unknown API key, or wrong signature")
	errReplayed     = errors.New("the signed request was sent before")
	errManySigned   = errors.New("too many signed requests of this client")
)

// signed is what a request says of its signature.
type signed struct {
	mac, nonce, timestamp string
	at                    time.Time
}

// read finds the parts of the signature in a request.
func (s *keySignature) read(q *engine.Request) (given signed, err error) {
	if given.mac, err = s.signature.find(q); err != nil {
		return given, errNoSignature
	}
	if given.timestamp, err = s.timestamp.find(q); err != nil {
		return given, errNoTimestamp
	}
	if given.at, err = parseTimestamp(given.timestamp); err != nil {
		return given, err
	}
	if s.nonce == nil {
		return given, nil
	}
	if given.nonce, err = s.nonce.find(q); err != nil || len(given.nonce) > maxNonce {
		return given, errNoNonce
	}
	return given, nil
}

// parseTimestamp reads seconds or milliseconds since 1970, or RFC 3339.
func parseTimestamp(text string) (time.Time, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		if n > 1e11 { // seconds reach this in the year 5138
			return time.UnixMilli(n), nil
		}
		return time.Unix(n, 0), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, errNoTimestamp
	}
	return at, nil
}

// check tells whether a client signed the request, now and for the first time. An unknown
// client is checked with any secret, so that it takes as long.
func (s *keySignature) check(q *engine.Request, c *client, known bool, now time.Time) error {
	given, err := s.read(q)
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, c.secret)
	mac.Write([]byte(s.text(q, given)))
	want := mac.Sum(nil)
	switch drift := now.Sub(given.at).Abs(); {
	case !hmac.Equal(decodeMAC(given.mac), want) || !known:
		return errBadSignature
	case drift > time.Duration(s.Drift):
		return errDrift
	}
	what := [sha256.Size]byte(want)
	if s.nonce != nil {
		what = sha256.Sum256([]byte(given.nonce))
	}
	switch s.replayed.add(c.name, what, now) {
	case seenBefore:
		return errReplayed
	case historyFull:
		return errManySigned
	}
	return nil
}

// text is what is signed.
func (s *keySignature) text(q *engine.Request, given signed) string {
	target := q.URI
	if s.In == "query" {
		target, _ = s.signature.(inQuery).cut(q)
	}
	return q.Method + "\n" + target + "\n" + given.timestamp + "\n" + given.nonce
}

// decodeMAC reads hexadecimal digits or base64, of either alphabet, padded or not; nil for what is neither.
func decodeMAC(text string) []byte {
	if len(text) == hex.EncodedLen(sha256.Size) {
		if mac, err := hex.DecodeString(text); err == nil {
			return mac
		}
	}
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	mac, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil
	}
	return mac
}

// remove takes the signature away; the timestamp and the nonce are no secrets.
func (s *keySignature) remove(m *engine.Message) error { return s.signature.remove(m) }
