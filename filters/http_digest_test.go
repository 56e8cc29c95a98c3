package filters

import (
	"strings"
	"testing"
	"time"
)

// The example of RFC 7616 §3.9.1.
func TestTheDigestOfTheRFC(t *testing.T) {
	const common = `Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", ` +
		`nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, `
	for algorithm, response := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		d, err := parseDigestResponse(common + `response="` + response + `", algorithm=` + algorithm)
		if err != nil {
			t.Fatal(err)
		}
		text, err := HashDigest(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")
		if err != nil {
			t.Fatal(err)
		}
		name, realm, ha1, err := parseDigest(text)
		if err != nil || name != algorithm || realm != "http-auth@example.org" {
			t.Fatalf("%s: %s, %s, %v", text, name, realm, err)
		}
		if a := digestAlgorithms[algorithm]; !d.matches(a, ha1, "GET") || d.matches(a, ha1, "POST") || d.matches(a, "", "GET") {
			t.Errorf("%s: the response does not match", algorithm)
		}
	}
}

// The example of RFC 7616 §3.9.2: SHA-512/256, a hashed name with letters that are not ASCII.
func TestTheHashOfANameOfTheRFC(t *testing.T) {
	if got := digestAlgorithms["SHA-512-256"].hex("J\u00e4s\u00f8n Doe:api@example.org"); got != "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b" {
		t.Errorf("the hash of the name is %s", got)
	}
}

func TestCredentialsThatAreNoDigest(t *testing.T) {
	const good = `Digest username="a", realm="r", uri="/", nonce="n", nc=00000001, cnonce="c", qop=auth, response="r"`
	if _, err := parseDigestResponse(good); err != nil {
		t.Fatal(err)
	}
	if d, err := parseDigestResponse(strings.Replace(good, `username="a"`, `username*=UTF-8''J%C3%A4s%C3%B8n`, 1)); err != nil || d.username != "J\u00e4s\u00f8n" {
		t.Errorf("%+v, %v", d, err)
	}
	if d, err := parseDigestResponse(strings.Replace(good, `username="a"`, `username="a\"b\\c,d"`, 1)); err != nil || d.username != `a"b\c,d` {
		t.Errorf("%+v, %v", d, err)
	}
	for what, change := range map[string][2]string{
		"another scheme":         {"Digest", "Basic"},
		"no qop":                 {"qop=auth, ", ""},
		"auth-int":               {"qop=auth", "qop=auth-int"},
		"no count":               {"nc=00000001, ", ""},
		"count 0":                {"nc=00000001", "nc=00000000"},
		"a short count":          {"nc=00000001", "nc=1"},
		"no client nonce":        {`cnonce="c", `, ""},
		"no name":                {`username="a", `, ""},
		"two names":              {`username="a"`, `username="a", username="b"`},
		"both kinds of names":    {`username="a"`, `username="a", username*=UTF-8''b`},
		"a name in Latin-1":      {`username="a"`, `username*=ISO-8859-1''%E4`},
		"a name that is no text": {`username="a"`, `username*=UTF-8''%FF`},
		"an open quote":          {`cnonce="c"`, `cnonce="c`},
		"text behind a quote":    {`cnonce="c"`, `cnonce="c"x`},
		"no equals sign":         {`cnonce="c"`, `cnonce`},
		"many parameters":        {`qop=auth`, `qop=auth, ` + many(40)},
	} {
		if _, err := parseDigestResponse(strings.Replace(good, change[0], change[1], 1)); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("x", i+1) + "=1, ")
	}
	return b.String()
}

func TestCountsOfANonceCountOnce(t *testing.T) {
	n, c := newNonces(time.Minute, 100), newClock()
	nonce := n.issue(c.now())
	for i, step := range []struct {
		count uint32
		want  nonceUse
	}{{1, nonceGood}, {1, nonceReplayed}, {3, nonceGood}, {2, nonceGood}, {2, nonceReplayed}, {3, nonceReplayed}, {66, nonceGood}, {3, nonceReplayed}, {4, nonceGood}, {2, nonceReplayed},
		{1 << 31, nonceGood}, {66, nonceReplayed}, {1<<31 - 63, nonceGood}, {1<<31 - 64, nonceReplayed}} {
		if got := n.use(nonce, step.count, c.now()); got != step.want {
			t.Errorf("step %d: count %d: %d, want %d", i, step.count, got, step.want)
		}
	}
	c.turn(time.Minute)
	if got := n.use(nonce, 1<<31+1, c.now()); got != nonceStale {
		t.Errorf("a nonce of a minute ago: %d", got)
	}
	for _, foreign := range []string{newNonces(time.Minute, 1).issue(c.now()), "", "x", nonce + "A", strings.ToUpper(n.issue(c.now()))} {
		if got := n.use(foreign, 1, c.now()); got != nonceStale {
			t.Errorf("%q: %d", foreign, got)
		}
	}
}

func TestNoncesThatHadToGoAreNeverNewAgain(t *testing.T) {
	n, c := newNonces(time.Hour, 3), newClock()
	var all []string
	for range 6 {
		all = append(all, n.issue(c.now()))
		c.turn(time.Second)
	}
	for _, nonce := range all[1:] {
		if got := n.use(nonce, 1, c.now()); got != nonceGood {
			t.Errorf("%d", got)
		}
	}
	for i, want := range []nonceUse{nonceStale, nonceStale, nonceStale, nonceReplayed, nonceReplayed, nonceReplayed} {
		if got := n.use(all[i], 1, c.now()); got != want {
			t.Errorf("nonce %d: %d, want %d", i, got, want)
		}
	}
	if len(n.used) != 3 || len(n.order) != 3 {
		t.Errorf("%d nonces are kept", len(n.used))
	}
}

func TestHTTPDigestSettingsThatAreRefused(t *testing.T) {
	digest := func(algorithm, realm string) map[string]any {
		return map[string]any{"ann": map[string]any{"digest": must(HashDigest(algorithm, "ann", realm, "secret"))}}
	}
	for name, c := range map[string]struct {
		records map[string]any
		field   string
	}{
		"no digest":           {map[string]any{"ann": map[string]any{"password": "x"}}, "store"},
		"a password":          {map[string]any{"ann": map[string]any{"digest": "secret"}}, "store"},
		"half a hash":         {map[string]any{"ann": map[string]any{"digest": "digest:MD5:framegate:00ff"}}, "store"},
		"another realm":       {digest("SHA-256", "other"), "realm"},
		"no common algorithm": {digest("MD5", "framegate"), "algorithms"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := try(withStore("users", c.records), func(f *httpDigest) { f.Store = "users" })
			refused(t, err, c.field)
		})
	}
	for field, settings := range map[string]func(f *httpDigest){
		"realm":        func(f *httpDigest) { f.Realm = "a\nb" },
		"algorithms.1": func(f *httpDigest) { f.Algorithms = []string{"MD5", "MD5"} },
		"algorithms":   func(f *httpDigest) { f.Algorithms = nil },
		"store":        func(f *httpDigest) { f.Store = "none" },
		"lockout":      func(f *httpDigest) { f.Lockout = &lockout{} },
	} {
		_, err := try(withStore("users", digest("SHA-256", "framegate")), func(f *httpDigest) { f.Store = "users"; settings(f) })
		if field == "store" {
			if err == nil {
				t.Error("a store that is not there was accepted")
			}
			continue
		}
		refused(t, err, field)
	}
}

func TestHashDigestRefuses(t *testing.T) {
	for _, c := range [][4]string{{"SHA-1", "a", "r", "p"}, {"MD5", "", "r", "p"}, {"MD5", "a:b", "r", "p"}, {"MD5", "a", "r\n", "p"}, {"MD5", "a", "r", ""}, {"MD5", "a", "r", strings.Repeat("p", 2000)}} {
		if text, err := HashDigest(c[0], c[1], c[2], c[3]); err == nil {
			t.Errorf("%q gave %s", c, text)
		}
	}
}

func FuzzDigestCredentials(f *testing.F) {
	f.Add(`Digest username="a", realm="r", uri="/", nonce="n", nc=00000001, cnonce="c", qop=auth, response="r"`)
	f.Add(`Digest username*=UTF-8''%41,nc=0000000a,cnonce="\"",qop="auth"`)
	f.Fuzz(func(t *testing.T, header string) {
		d, err := parseDigestResponse(header)
		if err == nil && (d.username == "" || d.cnonce == "" || d.count == 0) {
			t.Errorf("%q gave %+v", header, d)
		}
	})
}
