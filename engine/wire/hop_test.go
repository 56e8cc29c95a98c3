package wire_test

import (
	"testing"

	"framegate/engine/wire"
)

func TestDelNamedByConnection(t *testing.T) {
	for _, test := range []struct{ name, block, named, all string }{
		{"plain upgrade", "Connection: Upgrade\r\nUpgrade: websocket\r\nX: 1\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\nX: 1\r\n", "X: 1\r\n"},
		{"named fields, two lines", "Connection: x-user, keep-alive\r\nX-User: a\r\nConnection: Upgrade\r\nx-USER: b\r\nKeep-Alive: 5\r\nY: 1\r\n", "Connection: Upgrade\r\nY: 1\r\n", "Y: 1\r\n"},
		{"no upgrade", "Connection: close\r\nX: 1\r\n", "X: 1\r\n", "X: 1\r\n"},
		{"names itself", "Connection: Connection, Upgrade\r\nX: 1\r\n", "Connection: Upgrade\r\nX: 1\r\n", "X: 1\r\n"},
		{"not named", "TE: trailers\r\nTrailer: X\r\nProxy-Authorization: Basic eA==\r\nHTTP2-Settings: x\r\nX: 1\r\n", "TE: trailers\r\nTrailer: X\r\nProxy-Authorization: Basic eA==\r\nHTTP2-Settings: x\r\nX: 1\r\n", "X: 1\r\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h, err := wire.ParseHeaders([]byte(test.block))
			if err != nil {
				t.Fatal(err)
			}
			h.DelNamedByConnection()
			if got := string(h.AppendTo(nil)); got != test.named {
				t.Errorf("after DelNamedByConnection:\n%s\nwant\n%s", got, test.named)
			}
			h.DelHopByHop()
			if got := string(h.AppendTo(nil)); got != test.all {
				t.Errorf("after DelHopByHop:\n%s\nwant\n%s", got, test.all)
			}
		})
	}
}
