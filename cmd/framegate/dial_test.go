package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"framegate/engine/wire"
)

// startRaw is a server that answers the upgrade of each connection by hand: answer gets the key and the connection.
func startRaw(t *testing.T, answer func(c net.Conn, key string)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(20 * time.Second))
			request, err := http.ReadRequest(bufio.NewReaderSize(c, 16)) // frames that came along are the test's own business
			if err == nil {
				answer(c, request.Header.Get("Sec-WebSocket-Key"))
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-served })
	return "ws://" + l.Addr().String() + "/"
}

// switching is the head of a right 101.
func switching(key string) string {
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + wire.AcceptKey(key) + "\r\n"
}

// serverFrame is a frame as a server sends it.
func serverFrame(op wire.Op, payload string) string {
	return string(wire.AppendFrame(nil, wire.Header{Fin: true, Op: op}, []byte(payload)))
}

func closePayload(code uint16, reason string) string {
	return string(wire.AppendClose(nil, code, reason))
}

func TestAnswersToAnUpgrade(t *testing.T) {
	long := strings.Repeat("0123456789", 1000)
	frames := serverFrame(wire.Text, "at once") + serverFrame(wire.Close, closePayload(1000, ""))
	tests := []struct {
		name      string
		answer    func(key string) string
		code      int
		out, errs string
	}{
		{"101 with frames in the same segment", func(key string) string { return switching(key) + "\r\n" + frames }, exitDone, "< at once\n", "closed by the server: 1000"},
		{"interim answers before it", func(key string) string {
			return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + switching(key) + "\r\n" + frames
		}, exitDone, "< at once\n", "closed by the server: 1000"},
		{"refusal with a long body", func(string) string {
			return "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nX-Other: y\r\nContent-Length: 10000\r\n\r\n" + long
		}, exitFailed, "", "Www-Authenticate: Basic\n\n" + long + "\nframegate: upgrade refused: 401 Unauthorized"},
		{"refusal in chunks after an interim answer", func(string) string {
			return "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(long), long)
		}, exitFailed, "", "HTTP/1.1 502 Bad Gateway\n\n" + long + "\n"},
		{"refusal that breaks off", func(string) string { return "HTTP/1.1 500 Oops\r\nContent-Length: 100\r\n\r\nhalf" }, exitFailed, "", "half\n(the body ends here: unexpected EOF)"},
		{"refusal of a gateway that tells its id", func(string) string {
			return "HTTP/1.1 403 Forbidden\r\nContent-Length: 50\r\n\r\n" + `{"error":"none","id":"YWBGRLA7WWKPYEXY2YBTWE7N2C"}`
		}, exitFailed, "", " tail --session YWBGRLA7 --no-follow)\n"},
		{"refusal that writes to the terminal", func(string) string { return "HTTP/1.1 403 \x1b[2J\r\nContent-Length: 4\r\n\r\n\x1b[2J" }, exitFailed, "", "HTTP/1.1 403 \\x1b[2J\n\n\\x1b[2J"},
		{"wrong accept", func(string) string { return switching("another") + "\r\n" }, exitFailed, "", "Sec-WebSocket-Accept is wrong"},
		{"subprotocol that was not offered", func(key string) string { return switching(key) + "Sec-WebSocket-Protocol: other\r\n\r\n" }, exitFailed, "", `the subprotocol "other", which was not offered`},
		{"not HTTP", func(string) string { return "SSH-2.0-OpenSSH\r\n" }, exitFailed, "", `the answer is not HTTP/1: it begins with "SSH-2.0`},
		{"nothing", func(string) string { return "" }, exitFailed, "", "closed the connection without a whole answer"},
		{"endless headers", func(string) string { return "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+long+"\r\n", 8) }, exitFailed, "", "more than 64 KiB of headers"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			url := startRaw(t, func(c net.Conn, key string) {
				io.WriteString(c, test.answer(key))
				c.(*net.TCPConn).CloseWrite()
				io.Copy(io.Discard, c)
			})
			code, out, errs := framegate(t, "", "connect", url, "--for", "10s")
			if code != test.code || out != test.out || !strings.Contains(errs, test.errs) {
				t.Errorf("exit code %d, want %d; printed %q; standard error should hold %q:\n%s", code, test.code, out, test.errs, errs)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	s, _, err := newEcho()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}})
	if err != nil {
		t.Fatal(err)
	}
	s.Start(l)
	url := "wss://" + l.Addr().String() + "/"

	code, _, errs := framegate(t, "", "connect", url)
	if code != exitFailed || !strings.Contains(errs, "--insecure connects without checking the certificate") {
		t.Errorf("exit code %d for an unknown certificate, standard error:\n%s", code, errs)
	}
	code, out, errs := framegate(t, "", "connect", url, "--insecure", "-m", "sealed", "--wait", "1")
	if code != exitDone || out != "< sealed\n" {
		t.Errorf("exit code %d with --insecure, printed %q, standard error:\n%s", code, out, errs)
	}
	code, out, errs = framegate(t, "", "bench", url, "--insecure", "--connections", "2", "--window", "2", "--size", "100000", "--warmup", "0s", "--duration", "50ms", "--rounds", "1")
	if code != exitDone || !strings.Contains(out, "messages/s") {
		t.Errorf("bench over TLS: exit code %d, standard error:\n%s", code, errs)
	}
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	certificate, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: key}
}
