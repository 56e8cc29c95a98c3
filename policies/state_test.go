package policies

import (
	"testing"

	"framegate/engine"
)

func TestWhereStateIsKept(t *testing.T) {
	for text, want := range map[string]engine.StateFile{
		"":                                     {Path: ".framegate/state.db", Size: 64 << 20},
		"state: disk\n":                        {Path: ".framegate/state.db", Size: 64 << 20},
		"state: memory\n":                      {Size: 64 << 20},
		"state: {size: 1MiB}\n":                {Path: ".framegate/state.db", Size: 1 << 20},
		"state: {file: /var/lib/gateway.db}\n": {Path: "/var/lib/gateway.db", Size: 64 << 20},
		"state: {file: s.db}\n":                {Path: "s.db", Size: 64 << 20},
	} {
		if got := one(text+echo).load(t, options(t, nil), nil).State; got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestAQuotaNeedsTheStateFile(t *testing.T) {
	g := websocketWith("onClientFrame: count\n")
	g["policies/count.yaml"] = "policies: {count: {filters: [{type: quota, allow: 5, per: day}]}}\n"
	if !g.load(t, options(t, nil), nil).State.Needed {
		t.Error("the file is not made at the start")
	}
}
