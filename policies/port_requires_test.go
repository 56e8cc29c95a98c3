package policies_test

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const requiring = `
remoteHosts:
  billing: {host: 127.0.0.1, port: BILLING, watchdog: {every: 20ms, timeout: 5s, pollIfUp: true}, ejection: {first: 20ms, most: 20ms}}
`

// billing starts the required host at an address.
func billing(t *testing.T, address string) (*http.Server, string) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return s, l.Addr().String()
}

func TestAPortThatRequiresARemoteHostClosesWithIt(t *testing.T) {
	host, address := billing(t, "127.0.0.1:0")
	_, number, _ := net.SplitHostPort(address)
	g := serve(t, portYAML("requires: [billing]")+strings.ReplaceAll(requiring, "BILLING", number), nil)
	c := g.open()
	port := g.address(false)

	host.Close()
	eventually(t, "the port has closed", func() bool { g.Sweep(); return g.port().Missing == "billing" })
	if p := g.port(); p.Enabled || len(p.Addresses) != 0 {
		t.Errorf("without its host the port is %+v", p)
	}
	if conn, err := net.DialTimeout("tcp", port, time.Second); err == nil {
		conn.Close()
		t.Error("it accepts still")
	}
	echoes(t, c, "open sessions go on")
	g.reload()
	if p := g.port(); p.Missing != "billing" {
		t.Errorf("after a reload the port is %+v", p)
	}

	billing(t, address)
	eventually(t, "the port is open again", func() bool { g.Sweep(); return g.port().Missing == "" })
	echoes(t, g.open(), "and serves")
	echoes(t, c, "as before")
	if log := g.log.String(); !strings.Contains(log, "port follows its remote hosts") || !strings.Contains(log, "down=billing") {
		t.Errorf("the log does not say why: %s", log)
	}
}
