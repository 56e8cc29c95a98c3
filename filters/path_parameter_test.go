package filters_test

import (
	"strings"
	"testing"
)

// A parameter of the path is decoded once for filters, and encoded again as
// one segment where it stands in a URL.
func TestThePathParameterOfAWebsocketReachesTheHostsURL(t *testing.T) {
	g := start(t, "onUpgrade: connect", `
      - path: /rooms/{id}
        onUpgrade: room
        onClientFrame: name
      - path: /rooms/lobby
        onUpgrade: lobby
policies:
  connect: {filters: [{type: connect-to-url, url: ws://HOST/none}]}
  lobby: {filters: [{type: connect-to-url, url: ws://HOST/lobby}]}
  room:
    filters:
      - {type: connect-to-url, url: 'ws://HOST/inner/${params.path.id}/${http.path[2] ?: "top"}'}
  name:
    filters:
      - {type: set-message, body: '${websock.context.params.path.id}: ${content.body}'}
`)
	for target, want := range map[string]string{
		"/rooms/blue": "/inner/blue/top\n", "/rooms/a%20b%3Fc/deep": "/inner/a%20b%3Fc/deep\n", "/rooms/lobby": "/lobby\n", "/rooms/a%252Fb": "/inner/a%252Fb/top\n",
	} {
		g.open(target)
		if head := <-g.reached; !strings.HasPrefix(head, want) {
			t.Errorf("%s reached the host as %q, want %q", target, head, want)
		}
	}
	says(t, g.open("/rooms/a%26b"), "hi", "a&b: hi")
	<-g.reached
	g.refuses(404, "/rooms/")
	g.refuses(400, "/rooms/%2e%2e")
	g.refuses(400, "/rooms/a%2Fb")
}
