package console

import (
	"net"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"framegate/engine"
)

func TestPortsAreSwitched(t *testing.T) {
	r := start(t, engine.Console{})
	c, _ := r.dial()
	if ports := get[Ports](r, "/api/v1/ports").Ports; len(ports) != 1 || ports[0].Sessions != 1 || ports[0].Disabled || ports[0].Addresses[0] != r.ports {
		t.Fatalf("ports: %+v", ports)
	}
	status, text, _ := r.do("POST", "/api/v1/ports/public", `{"enabled":false}`)
	if status != 200 || !strings.Contains(text, `"disabled":true,"switched":true`) {
		t.Fatal(status, text)
	}
	if conn, err := net.Dial("tcp", r.ports); err == nil {
		conn.Close()
		t.Error("the port accepts still")
	}
	r.say(c, "the session goes on")
	if status, text, _ = r.do("POST", "/api/v1/reload", ""); status != 200 {
		t.Fatal(status, text)
	}
	if ports := get[Ports](r, "/api/v1/ports").Ports; !ports[0].Disabled || len(ports[0].Addresses) != 0 {
		t.Errorf("a reload has enabled it: %+v", ports)
	}
	r.say(c, "and over a reload")
	if status, text, _ = r.do("POST", "/api/v1/ports/public", `{"reset":true}`); status != 200 || strings.Contains(text, "switched") {
		t.Fatal(status, text)
	}
	r.ports = get[Ports](r, "/api/v1/ports").Ports[0].Addresses[0]
	again, _, err := websocket.DefaultDialer.Dial("ws://"+r.ports+"/chat", nil)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	for body, want := range map[string]int{`{}`: 400, `{"enabled":true,"reset":true}`: 400, `{"enabled":false,"sessions":"kill"}`: 400, `{"enable":false}`: 400} {
		if status, text, _ := r.do("POST", "/api/v1/ports/public", body); status != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	if status, text, _ := r.do("POST", "/api/v1/ports/privat", `{"enabled":false}`); status != 404 || !strings.Contains(text, "privat") {
		t.Error(status, text)
	}
}

func TestProbesNeedNoTokenAndNoName(t *testing.T) {
	r := start(t, engine.Console{Token: "secret"})
	for _, path := range []string{"/health", "/ready"} {
		if status, text, _ := r.do("GET", path, "", "Host: 10.1.2.3:8080"); status != 200 {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if status, _, head := r.do("POST", path, ""); status != 405 || head.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d", path, status)
		}
	}
	r.stop(r.gateway.Shutdown)
	if status, text, _ := r.do("GET", "/ready", ""); status != 503 || !strings.Contains(text, "shutting down") {
		t.Errorf("while shutting down: %d %s", status, text)
	}
	if status, _, _ := r.do("GET", "/health", ""); status != 200 {
		t.Errorf("health while shutting down: %d", status)
	}
}
