package main

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = "S 7 4711 4711 0 -1 4194560 1 2 3 4 120 30 5 6 20 0 1 0 99 1000000 250 18446744073709551615 1 1 0"
	tests := []struct {
		name, text, err string
	}{
		{name: "plain", text: "4711 (nginx) " + rest},
		{name: "a name like fields", text: "4711 (a) b) (c 1 2) " + rest},
		{name: "short", text: "4711 (nginx) S 7 1", err: "has 3 fields after the name"},
		{name: "no number", text: "4711 (nginx) " + strings.Replace(rest, "120", "many", 1), err: `parsing "many"`},
	}
	for _, test := range tests {
		s, err := parseStat([]byte(test.text))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: error %v, want one with %q", test.name, err, test.err)
			}
			continue
		}
		want := stat{parent: 7, cpu: 1500 * time.Millisecond, resident: 250 * int64(os.Getpagesize())}
		if err != nil || s != want {
			t.Errorf("%s: %+v, %v; want %+v", test.name, s, err, want)
		}
	}
}

func TestAProcessIsMeasuredWithItsChildren(t *testing.T) {
	if runtime.GOOS != "linux" {
		if _, err := findProcess(os.Getpid()); err == nil || !strings.Contains(err.Error(), "Linux only") {
			t.Errorf("error %v, want one that names Linux", err)
		}
		return
	}
	child := exec.Command("cat") // waits for its input
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := findProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if len(p.pids) < 2 || p.pids[0] != os.Getpid() || !slices.Contains(p.pids, child.Process.Pid) {
		t.Errorf("processes %v, want %d and its child %d", p.pids, os.Getpid(), child.Process.Pid)
	}
	if resident, err := p.resident(); err != nil || resident < 1<<20 {
		t.Errorf("%d bytes resident, %v", resident, err)
	}
	in.Close()
	child.Wait()
	if _, err := p.cpu(); err == nil || !strings.Contains(err.Error(), "there is no such process") {
		t.Errorf("CPU of an ended process: %v", err)
	}
}
