package engine

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestForwardedHeader(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  []forwardedHop
	}{
		"one": {[]string{"for=192.0.2.7"}, []forwardedHop{{from: "192.0.2.7"}}},
		"with everything, names without case": {
			[]string{`For="192.0.2.7:4711";proto=HTTPS;Host="chat.example.test:8443";by=203.0.113.43`},
			[]forwardedHop{{"192.0.2.7:4711", "https", "chat.example.test:8443"}},
		},
		"an IPv6 address is quoted":     {[]string{`for="[2001:db8::17]:4711"`}, []forwardedHop{{from: "[2001:db8::17]:4711"}}},
		"two on one line":               {[]string{"for=192.0.2.7, for=10.0.0.2;proto=http"}, []forwardedHop{{from: "192.0.2.7"}, {from: "10.0.0.2", proto: "http"}}},
		"two lines":                     {[]string{"for=192.0.2.7", "for=10.0.0.2"}, []forwardedHop{{from: "192.0.2.7"}, {from: "10.0.0.2"}}},
		"a comma within quotes":         {[]string{`for="a,b";host="x\"y"`}, []forwardedHop{{from: "a,b", host: `x"y`}}},
		"hidden names":                  {[]string{"for=unknown, for=_hidden"}, []forwardedHop{{from: "unknown"}, {from: "_hidden"}}},
		"without for":                   {[]string{"proto=https"}, []forwardedHop{{proto: "https"}}},
		"nothing":                       {nil, nil},
		"a client's nonsense goes":      {[]string{`"for=1.1.1.1`, "for=192.0.2.7"}, []forwardedHop{{from: "192.0.2.7"}}},
		"nonsense at the end hides all": {[]string{"for=192.0.2.7", "for"}, []forwardedHop{}},
		"a parameter twice":             {[]string{"for=6.6.6.6;for=192.0.2.7"}, []forwardedHop{}},
		"an open quote":                 {[]string{`for="192.0.2.7`}, []forwardedHop{}},
		"an empty value":                {[]string{"for="}, []forwardedHop{}},
		"text behind a value":           {[]string{`for="192.0.2.7"x`}, []forwardedHop{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := &Headers{}
			for _, line := range test.lines {
				if err := h.Add("Forwarded", line); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(test.want, parseForwarded(h), cmp.AllowUnexported(forwardedHop{}), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzForwardedHeader(f *testing.F) {
	f.Add(`for="[2001:db8::17]:4711";proto=https, for=10.0.0.2`)
	f.Fuzz(func(t *testing.T, line string) {
		h := &Headers{}
		if h.Add("Forwarded", line) != nil {
			return
		}
		p := &Port{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ForwardedHeader: true}
		if client, _ := p.client(h, netip.MustParseAddrPort("10.0.0.1:1")); !client.Addr().IsValid() {
			t.Errorf("%q: the client has no address", line)
		}
	})
}
