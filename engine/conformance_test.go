package engine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestConformance plays the fuzzing peer of the Autobahn test suite, sections
// 1–7, 9 and 10 (crossbario/autobahn-testsuite, the numbers are its own),
// against the gateway: as a client before it, with a correct echoing host
// behind; and as a host behind it, with a correct echoing client in front.
//
// What Autobahn calls NON-STRICT is a failure here: the gateway promises that a
// violation does not swallow the answers still on their way back, and that it
// notices invalid text with the byte that makes it so.
func TestConformance(t *testing.T) {
	cases := conformanceCases()
	count := newTally()
	for _, mode := range []struct {
		name string
		w    Websocket
		tls  bool
	}{
		{"raw", Websocket{}, false},
		{"raw unlogged", Websocket{Log: LogRules{Off: true}}, false}, // the follower's fast walk
		{"message", Websocket{MessageMode: true}, false},
		{"raw over TLS", Websocket{}, true},
		{"message over TLS", Websocket{MessageMode: true}, true},
	} {
		w := mode.w
		w.Path, w.Limits.Message = "/", 16<<20
		host := newWSHost(t)
		w.Upgrade = policyOf("admit", dial{host.address})
		s := snapshotOf(&w)
		if mode.tls {
			s.Ports["public"].TLS = &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}}
			w.Upgrade = policyOf("admit", dial{host.address}, opaque{})
		}
		r := start(t, s)
		for _, leg := range []string{"client leg", "host leg"} {
			t.Run(leg+"/"+mode.name, func(t *testing.T) {
				for _, c := range cases {
					if mode.tls && strings.HasPrefix(c.number, "9.") {
						continue // sizes and counts cost time and show nothing more over TLS
					}
					t.Run(c.number, func(t *testing.T) {
						t.Parallel()
						t.Cleanup(func() { count.add(c.number, leg+", "+mode.name, t.Failed()) })
						client, server := open(t, r.address, mode.tls, host, fmt.Sprintf("/%s/%s", strings.Fields(leg)[0], c.number))
						d := &drive{t: t, c: c, message: w.MessageMode, fuzzer: client}
						other := server
						if leg == "host leg" {
							d.fuzzer, other = server, client
						}
						d.run(other)
					})
				}
			})
		}
	}
	count.log(t)
}

// open opens a session through the gateway, perhaps over TLS.
func open(t *testing.T, address string, secure bool, host *wsHost, path string) (client, server *wsPeer) {
	if !secure {
		return pair(t, address, host, path)
	}
	arrived := host.expect(path)
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	client = upgrade(t, conn, path, "")
	server = <-arrived
	t.Cleanup(func() { server.Close() })
	server.SetReadDeadline(time.Now().Add(30 * time.Second))
	return client, server
}

// opaque hides that a remote host's connection is TCP, as one over TLS does: it
// is read in the ordinary way.
type opaque struct{}

func (opaque) Run(m *Message) (bool, error) {
	m.upstream.Conn = hidden{m.upstream.Conn}
	return true, nil
}

type hidden struct{ net.Conn }

func (h hidden) CloseWrite() error { return h.Conn.(*net.TCPConn).CloseWrite() }

// selfSigned makes a certificate for the tests' port.
func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// tally counts cases by section, leg and mode.
type tally struct {
	mu     sync.Mutex
	counts map[string]map[string]*[2]int
	order  []string
}

func newTally() *tally { return &tally{counts: make(map[string]map[string]*[2]int)} }

func (c *tally) add(number, where string, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	section, _, _ := strings.Cut(number, ".")
	if c.counts[where] == nil {
		c.counts[where] = make(map[string]*[2]int)
		c.order = append(c.order, where)
	}
	if c.counts[where][section] == nil {
		c.counts[where][section] = new([2]int)
	}
	if failed {
		c.counts[where][section][1]++
	} else {
		c.counts[where][section][0]++
	}
}

func (c *tally) log(t *testing.T) {
	var all [2]int
	for _, where := range c.order {
		line := fmt.Sprintf("%-29s", where)
		for _, section := range []string{"1", "2", "3", "4", "5", "6", "7", "9", "10", "12", "13"} {
			if n := c.counts[where][section]; n != nil {
				line += fmt.Sprintf("  §%s %d/%d", section, n[0], n[0]+n[1])
				all[0] += n[0]
				all[1] += n[1]
			}
		}
		t.Log(line)
	}
	t.Logf("%d cases passed, %d failed", all[0], all[1])
}
