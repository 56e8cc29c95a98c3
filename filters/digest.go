package filters

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"framegate/engine"
)

// digestAlgorithm is a hash of HTTP Digest authentication (RFC 7616 §6.1).
type digestAlgorithm struct {
	name string
	make func() hash.Hash
}

var digestAlgorithms = map[string]digestAlgorithm{
	"SHA-256":     {"SHA-256", sha256.New},
	"SHA-512-256": {"SHA-512-256", sha512.New512_256},
	"MD5":         {"MD5", md5.New},
}

// hex is the hash of a text in hexadecimal.
func (a digestAlgorithm) hex(text string) string {
	h := a.make()
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// digestPrefix stands before what a store keeps of a password for HTTP Digest:
// digest:ALGORITHM:REALM:HASH, where the hash is that of NAME:REALM:PASSWORD.
const digestPrefix = "digest:"

const digestHint = "write what `framegate hash digest` prints; stores never hold passwords themselves"

// ErrDigestName is returned for a name or a realm that cannot be part of a digest.
var ErrDigestName = errors.New("the name must not have a colon, and neither name nor realm a control character")

// HashDigest makes of a password what a store keeps of it for http-digest (RFC 7616
// §3.4.2: A1). Algorithms are SHA-256, SHA-512-256 and MD5.
func HashDigest(algorithm, name, realm, password string) (string, error) {
	a, ok := digestAlgorithms[algorithm]
	switch {
	case !ok:
		return "", fmt.Errorf("hash a password for HTTP Digest: there is no algorithm %q", algorithm)
	case password == "":
		return "", errors.New("hash a password for HTTP Digest: it is empty")
	case len(password) > maxPassword:
		return "", fmt.Errorf("hash a password for HTTP Digest: it is longer than %d bytes", maxPassword)
	case name == "" || strings.Contains(name, ":") || strings.ContainsFunc(name+realm, isControl):
		return "", fmt.Errorf("hash a password for HTTP Digest: %w", ErrDigestName)
	}
	return digestPrefix + algorithm + ":" + realm + ":" + a.hex(name+":"+realm+":"+password), nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7F }

// parseDigest reads what HashDigest makes.
func parseDigest(text string) (algorithm, realm, ha1 string, err error) {
	rest, ok := strings.CutPrefix(text, digestPrefix)
	algorithm, rest, found := strings.Cut(rest, ":")
	last := strings.LastIndexByte(rest, ':')
	a, known := digestAlgorithms[algorithm]
	if !ok || !found || !known || last < 0 {
		return "", "", "", errors.New("is not digest:ALGORITHM:REALM:HASH")
	}
	realm, ha1 = rest[:last], strings.ToLower(rest[last+1:])
	if raw, err := hex.DecodeString(ha1); err != nil || len(raw) != a.make().Size() {
		return "", "", "", fmt.Errorf("has no %s hash at its end", algorithm)
	}
	return algorithm, realm, ha1, nil
}

// digestOpaque comes back with the credentials; nothing depends on it.
const digestOpaque = "framegate"

// digestResponse is the credentials of an Authorization header.
type digestResponse struct {
	username, realm, uri, response, algorithm, cnonce, nc, nonce string

	count    uint32 // nc
	userHash bool
}

// digestCredentials reads the one Authorization header.
func digestCredentials(headers *engine.Headers) (*digestResponse, error) {
	count, header := 0, ""
	for value := range headers.Values("Authorization") {
		count, header = count+1, value
	}
	switch count {
	case 0:
		return nil, errNoCredentials
	case 1:
		return parseDigestResponse(header)
	}
	return nil, errManyCredentials
}

// parseDigestResponse reads "Digest name=value, …" (RFC 7616 §3.4).
func parseDigestResponse(header string) (*digestResponse, error) {
	scheme, rest, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Digest") {
		return nil, errNotDigest
	}
	params, err := parseAuthParams(rest)
	if err != nil {
		return nil, err
	}
	d := &digestResponse{
		username: params["username"], realm: params["realm"], uri: params["uri"], response: params["response"],
		algorithm: params["algorithm"], cnonce: params["cnonce"], nc: params["nc"], nonce: params["nonce"],
	}
	d.userHash = strings.EqualFold(params["userhash"], "true")
	if extended, there := params["username*"]; there {
		if d.username != "" || d.userHash {
			return nil, errBadDigest
		}
		if d.username, err = decodeExtended(extended); err != nil {
			return nil, err
		}
	}
	if d.algorithm == "" {
		d.algorithm = "MD5" // RFC 7616 §3.4: "if not present, it is assumed to be MD5"
	}
	nc, err := strconv.ParseUint(d.nc, 16, 32)
	if err != nil || len(d.nc) != 8 || nc == 0 || d.username == "" || d.cnonce == "" || params["qop"] != "auth" {
		return nil, errBadDigest
	}
	d.count = uint32(nc)
	return d, nil
}

// matches works out the response (RFC 7616 §3.4.1) for the hash of name, realm and
// password, and compares. An unknown user has none, which takes as long.
func (d *digestResponse) matches(a digestAlgorithm, ha1, method string) bool {
	want := a.hex(ha1 + ":" + d.nonce + ":" + d.nc + ":" + d.cnonce + ":auth:" + a.hex(method+":"+d.uri))
	return subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(d.response))) == 1 && ha1 != ""
}
