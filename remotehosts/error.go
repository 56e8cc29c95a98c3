package remotehosts

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"framegate/engine"
)

// Error is why there is no connection to a remote host and no answer of its own
// to pass on: with which status to refuse the upgrade, and the reason in plain
// words for logs and trails.
//
//	502  cannot be reached, or its answer cannot be used
//	503  has no connection to spare
//	504  takes too long to connect or to answer
type Error struct {
	Status  int
	Host    string // the remote host's name, or host:port
	Address string // what was dialled
	What    string
	Err     error // what broke underneath; may be nil
}

func (e *Error) Error() string {
	if e.Host == e.Address {
		return fmt.Sprintf("remote host %s: %s", e.Host, e.What)
	}
	return fmt.Sprintf("remote host %s (%s): %s", e.Host, e.Address, e.What)
}

// Unwrap returns what broke underneath.
func (e *Error) Unwrap() error { return e.Err }

// Refused is the error of an upgrade that the host answered with something else
// than 101: its status, its headers without those for the next hop only, and
// its whole body, to go to the client as they are.
type Refused struct {
	Answer  engine.Answer
	Host    string // the remote host's name, or host:port
	Address string // what was dialled
}

func (e *Refused) Error() string {
	text := fmt.Sprintf("remote host %s answered %d", e.Host, e.Answer.Status)
	if words := http.StatusText(e.Answer.Status); words != "" {
		text += " " + words
	}
	return text
}

// What is wrong with an answer.
var (
	errNotHTTP     = errors.New("does not speak HTTP")
	errStatusLine  = errors.New("answered with a malformed status line")
	errBareLF      = errors.New("answered with a line that does not end in CRLF")
	errHeadTooLong = errors.New("answered with headers of more than 64 KiB")
	errInterims    = errors.New("answered with too many interim answers")
	errHTTP10      = errors.New("answered the upgrade in HTTP/1.0")
	errLength      = errors.New("answered with an invalid Content-Length")
	errEncoding    = errors.New("answered with a Transfer-Encoding other than chunked alone")
	errBodyTooLong = errors.New("answered with a body of more than 10 MiB")
)

// misfit is the error of a 101 that does not fit the request. A host that
// answers is there, and what it answers may be the request's fault: a client
// that offers no subprotocol to a host that always names one.
type misfit struct{ error }

func (m *misfit) Unwrap() error { return m.error }

// answersAnyway tells whether the error is about an answer that came, and could
// not be used.
func answersAnyway(err error) bool {
	for _, kind := range []error{errHTTP10, errLength, errEncoding, errBodyTooLong} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return errors.As(err, new(*misfit))
}

// plain puts what broke during a step into words, and names the status that
// goes with it; limit is the time that the step had.
func plain(step string, limit time.Duration, err error) (status int, what string) {
	var (
		dns       *net.DNSError
		authority x509.UnknownAuthorityError
		wrongName x509.HostnameError
		invalid   x509.CertificateInvalidError
		noTLS     tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), isTimeout(err):
		return 504, fmt.Sprintf("%s took longer than %s", step, limit)
	case errors.As(err, &dns) && dns.IsNotFound:
		return 502, fmt.Sprintf("host name %s is not known", dns.Name)
	case errors.As(err, &dns):
		return 502, fmt.Sprintf("host name %s could not be looked up: %s", dns.Name, dns.Err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return 502, "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return 502, "connection reset during " + step
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return 502, "no route to the host"
	case errors.As(err, &authority):
		return 502, "its certificate is signed by an unknown authority"
	case errors.As(err, &wrongName):
		return 502, fmt.Sprintf("its certificate is not for %s", wrongName.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return 502, "its certificate has expired or is not yet valid"
	case errors.As(err, &noTLS):
		return 502, "does not speak TLS"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return 502, "closed the connection during " + step
	}
	return 502, err.Error()
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
