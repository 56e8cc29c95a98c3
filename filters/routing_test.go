package filters_test

import (
	"net"
	"regexp"
	"strings"
	"testing"
)

// changing is what differs from one upgrade to the next.
var changing = regexp.MustCompile(`(?m)^(Sec-WebSocket-Key|traceparent|X-CorrelationID): .*$`)

// sentTo opens a session through a policy and returns the bytes that reached the host.
func sentTo(t *testing.T, g *gateway, host *wsHost, target string, headers ...string) string {
	t.Helper()
	g.open(target, headers...)
	return changing.ReplaceAllString(<-host.heads, "$1: …")
}

// The old way (KB #177173) and connect-to-url send the same bytes.
func TestTheOldWayOfRoutingSendsTheSameBytes(t *testing.T) {
	host := newWSHost(t, "")
	name, port, _ := net.SplitHostPort(host.address)
	g := start(t, "onUpgrade: new", `
      - {path: /old, onUpgrade: old}
      - {path: /declared, onUpgrade: declared}
      - {path: /whole, onUpgrade: whole}
      - {path: /attributes, onUpgrade: attributes}
      - {path: /dynamic, onUpgrade: dynamic}
policies:
  new: {filters: [{type: ConnectToURLFilter, url: 'http://`+host.address+`/rooms/${params.query.room}?a=${params.query.a}'}]}
  old:
    filters:
      - {type: StaticRouterFilter, host: `+name+`, port: `+port+`, protocol: http}
      - {type: URLRewriteFilter, url: '/rooms/${params.query.room}?a=${params.query.a}'}
      - {type: ConnectionFilter}
  declared:
    filters:
      - {type: rewrite-url, url: '/rooms/${params.query.room}?a=${params.query.a}'}
      - {type: static-router, host: chat}
      - {type: connection}
  whole:
    filters:
      - {type: rewrite-url, url: 'ws://chat/rooms/${params.query.room}?a=${params.query.a}'}
      - {type: connection}
  attributes:
    filters:
      - {type: set-attribute, attribute: http.destination.host, value: chat}
      - {name: speak, type: set-attribute, attribute: http.destination.protocol, value: http}
      - {type: rewrite-url, url: '/rooms/${params.query.room}?a=${params.query.a}'}
      - {type: connection}
  dynamic:
    filters:
      - {type: rewrite-url, url: 'ws://${params.query.host ?: "chat"}/rooms/${params.query.room}?a=${params.query.a}'}
      - {type: dynamic-router, hosts: [chat]}
      - {type: connection}
remoteHosts:
  chat: {host: `+name+`, port: `+port+`}
  other: {host: 127.0.0.1, port: 1}
`)
	const query = "?room=a%2Fb%20%C3%BC&a=1%262"
	want := sentTo(t, g, host, "/chat"+query, "X-Tenant", "t")
	if !strings.HasPrefix(want, "GET /rooms/a%2Fb%20%C3%BC?a=1%262 HTTP/1.1\r\nHost: "+host.address+"\r\n") || !strings.Contains(want, "X-Tenant: t\r\n") {
		t.Errorf("connect-to-url sent %s", want)
	}
	for _, path := range []string{"/old", "/declared", "/whole", "/attributes", "/dynamic"} {
		if got := sentTo(t, g, host, path+query, "X-Tenant", "t"); got != want {
			t.Errorf("%s sent %s\nwant %s", path, got, want)
		}
	}
	g.refuses(404, "/dynamic"+query+"&host=other") // declared, but not among those that can be chosen
	g.refuses(502, "/dynamic"+query+"&host=nowhere")
	g.refuses(400, "/old?room=..&a=")
}

func TestRoutersAsTheyFailAndAbort(t *testing.T) {
	host, other := newWSHost(t, ""), newWSHost(t, "")
	name, port, _ := net.SplitHostPort(host.address)
	g := start(t, "onUpgrade: by-host", `
      - {path: /name, onUpgrade: by-name}
      - {path: /script, onUpgrade: by-script}
      - {path: /nothing, onUpgrade: nothing}
      - {path: /static-wins, onUpgrade: static-wins}
policies:
  by-host:
    filters:
      - type: dynamic-router
      - type: connection
  by-name:
    filters:
      - {type: static-router, host: '${params.query.to}'}
      - {type: add-http-header, header: X-To, value: '${http.destination.protocol}://${http.destination.host}:${http.destination.port ?: "-"}'}
      - type: connection
  by-script:
    filters:
      - type: script
        generates: [http.destination.host]
        code: |
          export function invoke(msg) {
            msg.put("http.destination.host", msg.select("${params.query.to}"));
            if (msg.select('${params.query.port ?: ""}')) msg.put("http.destination.port", msg.select("${params.query.port}"));
            return true;
          }
      - type: connection
  nothing:
    filters:
      - {type: true-filter}
      - type: connection
  static-wins:
    filters:
      - {type: static-router, host: chat}
      - {type: rewrite-url, url: 'ws://127.0.0.1:1/static-wins/in'}
      - type: connection
remoteHosts:
  chat: {host: `+name+`, port: `+port+`}
`)
	if head := sentTo(t, g, host, "/chat/x?y", "Host", "chat"); !strings.HasPrefix(head, "GET /chat/x?y HTTP/1.1\r\n") {
		t.Errorf("by Host: %s", head)
	}
	if head := sentTo(t, g, host, "/chat", "Host", host.address); !strings.HasPrefix(head, "GET /chat HTTP/1.1\r\n") {
		t.Errorf("by Host and port: %s", head)
	}
	for _, other := range []string{"127.0.0.1:1", "evil.test", g.address, "chat:9"} {
		g.refuses(404, "/chat", "Host", other)
	}
	if head := sentTo(t, g, host, "/name?to=chat"); !strings.Contains(head, "X-To: ws://chat:-\r\n") {
		t.Errorf("by name: %s", head)
	}
	g.refuses(502, "/name?to="+host.address)
	g.refuses(500, "/name")
	sentTo(t, g, host, "/script?to=chat")
	sentTo(t, g, host, "/script?to="+name+"&port="+port)
	otherName, otherPort, _ := net.SplitHostPort(other.address)
	g.refuses(502, "/script?to="+otherName+"&port="+otherPort) // it listens, and no remote host is there
	g.refuses(502, "/script?to=localhost")
	g.refuses(500, "/script?to=chat&port=none")
	g.refuses(500, "/nothing")
	if head := sentTo(t, g, host, "/static-wins"); !strings.HasPrefix(head, "GET /static-wins/in HTTP/1.1\r\n") {
		t.Errorf("after a static router: %s", head)
	}
	if len(host.heads)+len(other.heads) > 0 {
		t.Error("a host was reached that should not be")
	}
}
