package filters_test

import (
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

func TestThreateningContentOfUpgrades(t *testing.T) {
	g := start(t, "onUpgrade: admit", admitBy(`type: threatening-content, exceptHeaders: [X-Free]`))
	g.open("/chat?room=a&q=it%27s+nice", "X-Text", "salt & pepper; or so", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:1) Gecko/1", "X-Free", "<script>")
	for _, target := range []string{"/chat?q=x'+or+1=1--", "/chat?q=%3Cscript%3E", "/chat?q=..%252f..%252fx", "/chat/%3Cscript%3E", "/chat?q=a%0d%0aSet-Cookie:+x"} {
		if _, body := g.refuses(400, target); strings.Contains(body, "script") {
			t.Errorf("%s: the answer shows the content: %s", target, body)
		}
	}
	g.refuses(400, "/chat", "X-Text", "<iframe src=x>")
	for _, r := range recorded(g) {
		if strings.Contains(r.Reason, "iframe") || strings.Contains(r.Reason, "1=1") {
			t.Errorf("the reason shows the content: %s", r.Reason)
		}
	}
}

func TestThreateningContentOfMessages(t *testing.T) {
	const policy = `
policies:
  admit: {filters: [{type: connect-to-url, url: ws://HOST/}]}
  clean: {filters: [{type: threatening-content, sets: [sql-injection, control-characters], patterns: {ours: '(?i)open\s+sesame'}}]}
`
	for _, hook := range []string{"onClientFrame", "onServerFrame"} {
		g := start(t, "onUpgrade: admit\n"+hook+": clean", policy)
		says(t, g.open("/chat"), "it's <script> this or that", "it's <script> this or that")
		for _, text := range []string{"' or 1=1", "%27%20or%201%3D1", "Open Sesame", "\x1b[2J"} {
			closes(t, g.open("/chat"), text, 1008, "")
		}
		for text, ok := range map[string]bool{"\x1b\x00\xff": true, "\x00open sesame": false, "\xff' OR 1=1": false} {
			c := g.open("/chat")
			if err := c.WriteMessage(websocket.BinaryMessage, []byte(text)); err != nil {
				t.Fatal(err)
			}
			if _, got, err := c.ReadMessage(); ok != (err == nil && string(got) == text) || !ok && !websocket.IsCloseError(err, 1008) {
				t.Errorf("%s: %q came back as %q, %v", hook, text, got, err)
			}
		}
	}
}
