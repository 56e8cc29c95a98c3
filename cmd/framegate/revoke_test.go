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
	"framegate/engine/state"
)

func TestRevokeCommand(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	g := engine.New(log, func(context.Context, *engine.Snapshot) (*engine.Snapshot, []engine.Problem) {
		return &engine.Snapshot{}, nil
	})
	g.State = state.NewMemory(1<<20, nil)
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
		args, in string
		code     int
		want     string
	}{
		{"revoke subject alice", "", exitDone, "subject:alice is revoked; sessions closed: 0"},
		{"revoke subject alice --undo", "", exitDone, "subject:alice is good again"},
		{"revoke subject alice --undo", "", exitFailed, "is not revoked"},
		{"revoke jti 1 --for 1h", "", exitDone, "jti:1 is revoked until 20"},
		{"revoke key mobile --issued-before now", "", exitDone, "key:mobile is revoked"},
		{"revoke user bob --issued-before 2026-11-21T08:00:00Z", "", exitDone, "user:bob is revoked"},
		{"revoke token", "a.b.c\n", exitDone, engine.TokenHandle("a.b.c") + " is revoked"},
		{"revoke token", "", exitFailed, "no token on standard input"},
		{"revoke token a.b.c", "", exitUsage, "standard input"},
		{"revoke subject", "", exitUsage, "NAME"},
		{"revoke subject alice --undo --for 1h", "", exitUsage, "--undo takes"},
		{"revoke subject alice --for=-1h", "", exitUsage, "in the past"},
		{"revoke subject alice --issued-before today", "", exitUsage, "neither now"},
		{"revoke session 1", "", exitUsage, "must be one of"},
		{"revoke subject alice --token wrong", "", exitFailed, "wants its token"},
	} {
		args := strings.Fields(test.args)
		if !strings.Contains(test.args, "--token") {
			args = append(args, "--token", "sesame")
		}
		var out bytes.Buffer
		code := run(t.Context(), append(args, "--url", "http://"+c.Address()), stdio{strings.NewReader(test.in), &out, &out})
		if code != test.code || !strings.Contains(out.String(), test.want) {
			t.Errorf("%s: code %d, said %q; want %d, %q", test.args, code, out.String(), test.code, test.want)
		}
	}
	if r, found, err := g.Revocation("user:bob"); err != nil || !found || !r.IssuedBefore.Equal(time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("user:bob: %+v %v %v", r, found, err)
	}
}
