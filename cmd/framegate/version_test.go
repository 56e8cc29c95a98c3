package main

import (
	"runtime"
	"runtime/debug"
	"testing"
)

func TestVersionLine(t *testing.T) {
	platform := " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
	vcs := []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123"},
		{Key: "vcs.time", Value: "2026-11-21T10:00:00Z"},
		{Key: "vcs.modified", Value: "true"},
	}
	tests := []struct {
		info *debug.BuildInfo
		want string
	}{
		{nil, "framegate (devel)" + platform},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.2.3"}}, "framegate v1.2.3" + platform},
		{&debug.BuildInfo{Settings: vcs}, "framegate (devel) 0123456789ab+changes 2026-11-21" + platform},
		{&debug.BuildInfo{Settings: vcs[:1]}, "framegate (devel) 0123456789ab" + platform},
	}
	for _, test := range tests {
		if got := versionLine(test.info); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
