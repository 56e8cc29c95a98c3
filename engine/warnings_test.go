package engine

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestPeersCannotFloodTheLog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	var w warnings
	now := time.Unix(1000, 0)
	for range 1000 {
		w.warn(log, now, "policy aborted")
	}
	w.warn(log, now.Add(time.Second), "policy aborted")
	if lines := strings.Count(out.String(), "policy aborted"); lines != warningsPerSecond+1 || !strings.Contains(out.String(), `"left out"=990`) {
		t.Errorf("%d lines:\n%s", lines, out.String())
	}
}
