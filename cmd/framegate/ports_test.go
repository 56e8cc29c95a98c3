package main

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"framegate/engine"
	"framegate/engine/console"
)

func TestPortsCommand(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	g := engine.New(log, func(context.Context, *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
		port := &engine.Port{Name: "public", Listen: []string{"127.0.0.1:0"}, Limits: engine.PortLimits{Header: 4096, URI: 1024, Handshake: time.Second}}
		return &engine.Snapshot{Ports: map[string]*engine.Port{"public": port}}, nil
	})
	if _, err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := console.New(g, engine.Console{Listen: "127.0.0.1:0", Token: "sesame"}, "test", log)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopConsole(t, c)
		g.Shutdown(context.Background())
	})
	for _, test := range []struct {
		args string
		code int
		want string
	}{
		{"ports", exitDone, "public  enabled  0 sessions  ws://" + g.Addresses()["public"][0]},
		{"ports disable public --drain", exitDone, "public  disabled by hand  0 sessions"},
		{"ports list", exitDone, "disabled by hand"},
		{"ports enable public", exitDone, "public  enabled  0 sessions  ws://"},
		{"ports reset public", exitDone, "public  enabled  "},
		{"ports disable privat", exitFailed, `port "privat"`},
		{"ports disable", exitUsage, "needs the name of a port"},
		{"ports list public", exitUsage, "takes no name"},
		{"ports enable public --drain", exitUsage, "--drain is for"},
		{"ports stop public", exitUsage, "must be one of"},
		{"ports --token wrong", exitFailed, "wants its token"},
	} {
		args := strings.Fields(test.args)
		if !strings.Contains(test.args, "--token") {
			args = append(args, "--token", "sesame")
		}
		var out bytes.Buffer
		code := run(t.Context(), append(args, "--url", "http://"+c.Address()), stdio{strings.NewReader(""), &out, &out})
		if code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: code %d, said %q; want %d, %q", test.args, code, out.String(), test.code, test.want)
		}
	}
}
