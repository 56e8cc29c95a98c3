package filters

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// cheapArgon is an argon2id hash that costs next to nothing to check.
func cheapArgon(password string) string {
	code := base64.RawStdEncoding
	salt := []byte("salt of 16 bytes")
	return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", code.EncodeToString(salt), code.EncodeToString(argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)))
}

func cheapBcrypt(password string) string {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
}

func users() *Env {
	return withStore("users", map[string]any{
		"ann":    map[string]any{"password": cheapArgon("pass:word"), "roles": []any{"admin"}, "key": "sha256:…", "subject": "u-1"},
		"bob":    map[string]any{"password": cheapBcrypt("bob's")},
		"jürgen": map[string]any{"password": cheapArgon("grüße")},
		"long":   map[string]any{"password": cheapBcrypt(strings.Repeat("x", 72))},
	})
}

func basicLine(name, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+password))
}

func TestHTTPBasic(t *testing.T) {
	f := build(t, users(), func(f *httpBasic) { f.Store, f.Realm = "users", `the "chat"` })
	for _, c := range []struct {
		name, subject string
		lines         []string
	}{
		{"argon2id, and a colon in the password", "u-1", []string{basicLine("ann", "pass:word")}},
		{"bcrypt", "bob", []string{basicLine("bob", "bob's")}},
		{"UTF-8", "jürgen", []string{basicLine("jürgen", "grüße")}},
		{"the scheme in another case", "bob", []string{strings.Replace(basicLine("bob", "bob's"), "Basic", "bAsIc", 1)}},
		{"72 bytes of bcrypt", "long", []string{basicLine("long", strings.Repeat("x", 72))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := upgrade("/", c.lines...)
			passes(t, f, m)
			if got := attribute(m, "authentication.subject.id"); got != c.subject {
				t.Errorf("the subject is %q", got)
			}
			if got := attribute(m, "authentication.method"); got != "basic" {
				t.Errorf("the method is %q", got)
			}
			if m.Request.Headers.Has("Authorization") {
				t.Error("the remote host would get the password")
			}
		})
	}
	for name, lines := range map[string][]string{
		"no credentials":         {},
		"wrong password":         {basicLine("ann", "pass")},
		"unknown user":           {basicLine("eve", "pass:word")},
		"the password of others": {basicLine("bob", "pass:word")},
		"empty password":         {basicLine("ann", "")},
		"bcrypt's 73rd byte":     {basicLine("long", strings.Repeat("x", 73))},
		"another scheme":         {"Authorization: Bearer abc"},
		"two headers":            {basicLine("ann", "pass:word"), basicLine("ann", "pass:word")},
		"not base64":             {"Authorization: Basic !!!!"},
		"base64 without padding": {strings.TrimRight(basicLine("ann", "pass:word"), "=")},
		"no colon":               {"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ann"))},
		"a control character":    {basicLine("ann", "pass:word\x00")},
		"not UTF-8":              {basicLine("j\xfcrgen", "gr\xfc\xdfe")},
		"huge":                   {basicLine("ann", strings.Repeat("x", 5000))},
		"a long password":        {basicLine("", strings.Repeat("x", maxPassword+1))},
		// Unknown names are checked against the costliest hash, which is bob's.
		"unknown, with the password that is checked": {basicLine("eve", "bob's")},
		"only the scheme": {"Authorization: Basic"},
	} {
		t.Run(name, func(t *testing.T) {
			m := upgrade("/", lines...)
			fails(t, f, m, 401)
			_, headers, reason := m.Refusal()
			if strings.HasPrefix(name, "a long") && reason != errBadBasic.Error() {
				t.Errorf("the reason is %q", reason)
			}
			if got := headers.Get("WWW-Authenticate"); got != `Basic realm="the \"chat\"", charset="UTF-8"` {
				t.Errorf("the challenge is %s", got)
			}
			if strings.Contains(reason, "pass") && !strings.Contains(reason, "password") {
				t.Errorf("the reason shows the password: %s", reason)
			}
			if attribute(m, "authentication.subject.id") != "" {
				t.Error("a refused client has a subject")
			}
		})
	}
}

func TestTheRecordOfAUserLosesItsSecrets(t *testing.T) {
	f := build(t, users(), func(f *httpBasic) { f.Store, f.Remove = "users", false })
	m := upgrade("/", basicLine("ann", "pass:word"))
	passes(t, f, m)
	if got := attribute(m, "authentication.subject.attributes"); got != `{"roles":["admin"],"subject":"u-1"}` {
		t.Errorf("the attributes are %s", got)
	}
	if !m.Request.Headers.Has("Authorization") {
		t.Error("the header was removed")
	}
}

func TestStoresOfHTTPBasicThatAreRefused(t *testing.T) {
	for name, password := range map[string]any{
		"plain text":       "secret",
		"none":             nil,
		"a number":         12345.0,
		"costs too much":   "$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43),
		"no memory":        "$argon2id$v=19$m=0,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43),
		"more parameters":  "$argon2id$v=19$m=8,t=1,p=1,x=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43),
		"another version":  "$argon2id$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43),
		"no sum":           "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$",
		"argon2i":          "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$" + strings.Repeat("A", 43),
		"bcrypt cut":       cheapBcrypt("x")[:50],
		"bcrypt cost 31":   strings.Replace(cheapBcrypt("x"), "$04$", "$31$", 1),
		"sha256 for a key": "sha256:" + strings.Repeat("0", 64),
	} {
		t.Run(name, func(t *testing.T) {
			env := withStore("users", map[string]any{"ann": map[string]any{"password": password}})
			_, err := try(env, func(f *httpBasic) { f.Store = "users" })
			refused(t, err, "store")
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the message shows the password: %v", err)
			}
		})
	}
	_, err := try(users(), func(f *httpBasic) { f.Store, f.Realm = "users", "a\r\nX-Admin: yes" })
	refused(t, err, "realm")
	if _, err := try(users(), func(f *httpBasic) { f.Store = "nope" }); err == nil || err.Error() != "store: no such store" {
		t.Error(err)
	}
}

func TestHashSecretMakesWhatTheFiltersRead(t *testing.T) {
	for _, kind := range []string{"argon2id", "bcrypt"} {
		text, err := HashSecret(kind, "correct horse")
		if err != nil {
			t.Fatal(err)
		}
		hash, err := parsePassword(text)
		if err != nil || !hash.matches("correct horse") || hash.matches("correct horsE") {
			t.Errorf("%s: %s, %v", kind, text, err)
		}
	}
	text, err := HashSecret("sha256", "abc")
	if want := "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; err != nil || text != want { // FIPS 180-2, B.1
		t.Errorf("sha256: %s, %v", text, err)
	}
	if _, err := HashSecret("md5", "x"); !errors.Is(err, ErrSecretKind) {
		t.Error(err)
	}
	for kind, secret := range map[string]string{"sha256": "", "argon2id": strings.Repeat("x", 1025), "bcrypt": strings.Repeat("x", 73)} {
		if text, err := HashSecret(kind, secret); err == nil {
			t.Errorf("%s of %d bytes: %s", kind, len(secret), text)
		}
	}
}

func TestAVerifierRemembersWhatWasRight(t *testing.T) {
	right, err := parsePassword(cheapArgon("right"))
	if err != nil {
		t.Fatal(err)
	}
	c := newClock()
	v := newVerifier(1, time.Minute)
	v.slots <- struct{}{} // all checks are busy: only what is remembered gets an answer
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	cancel(gone)
	ask := func(h *passwordHash, name, password string) (bool, error) {
		return v.check(ctx, h, name, password, c.now())
	}

	if _, err := ask(right, "ann", "right"); !errors.Is(err, gone) {
		t.Errorf("an unknown password did not wait for its turn: %v", err)
	}
	v.remember(right, "ann", "right", c.now())
	if ok, err := ask(right, "ann", "right"); !ok || err != nil {
		t.Errorf("a right password was not remembered: %v", err)
	}
	changed, _ := parsePassword(cheapArgon("changed"))
	for what, f := range map[string]func() (bool, error){
		"another password":            func() (bool, error) { return ask(right, "ann", "Right") },
		"another user":                func() (bool, error) { return ask(right, "an", "nright") },
		"a password that was changed": func() (bool, error) { return ask(changed, "ann", "right") },
	} {
		if ok, err := f(); ok || err == nil {
			t.Errorf("%s was remembered", what)
		}
	}
	c.turn(time.Minute)
	if ok, _ := ask(right, "ann", "right"); ok {
		t.Error("a password was remembered for more than a minute")
	}
	for i := range 2 * maxVerified {
		v.remember(right, fmt.Sprint(i), "right", c.now())
	}
	if len(v.right) > maxVerified {
		t.Errorf("%d passwords are remembered", len(v.right))
	}
}

func TestTooManyChecksAreRefusedAtOnce(t *testing.T) {
	f := build(t, users(), func(f *httpBasic) { f.Store, f.Checks = "users", 1 })
	f.verifier.slots <- struct{}{}
	f.verifier.waiting.Store(maxWaiting)
	m := upgrade("/", basicLine("ann", "pass:word"))
	fails(t, f, m, 503)
	if _, headers, _ := m.Refusal(); headers.Get("Retry-After") != "1" {
		t.Error("no Retry-After")
	}
	<-f.verifier.slots
	f.verifier.waiting.Store(0)
	passes(t, f, m)
}

func TestOnlySoManyPasswordsAreCheckedAtOnce(t *testing.T) {
	v := newVerifier(2, 0)
	hash, err := parsePassword(cheapArgon("right"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if ok, err := v.check(context.Background(), hash, "ann", "right", time.Time{}); !ok || err != nil {
				t.Error(ok, err)
			}
			if n := len(v.slots); n > 2 {
				t.Errorf("%d checks at once", n)
			}
		})
	}
	wg.Wait()
	if len(v.slots) != 0 || v.waiting.Load() != 0 {
		t.Errorf("%d places taken, %d wait", len(v.slots), v.waiting.Load())
	}
}

func TestUnknownNamesWaitForACheckAsKnownOnesDo(t *testing.T) {
	f := build(t, users(), func(f *httpBasic) { f.Store, f.Checks = "users", 1 })
	f.verifier.slots <- struct{}{}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	for _, name := range []string{"ann", "bob", "eve", ""} {
		m := upgrade("/", basicLine(name, "pass:word"))
		m.SetContext(ctx)
		if _, err := f.Run(m); !errors.Is(err, gone) {
			t.Errorf("%q got an answer without a check: %v", name, err)
		}
	}
}

func TestHTTPBasicKeepsWhatItKnowsOverAReload(t *testing.T) {
	before := build(t, users(), func(f *httpBasic) { f.Store = "users" })
	passes(t, before, upgrade("/", basicLine("ann", "pass:word")))
	after := build(t, users(), func(f *httpBasic) { f.Store = "users" })
	after.Inherit(before)
	if len(after.verifier.right) != 1 {
		t.Errorf("%d passwords are remembered", len(after.verifier.right))
	}
}

func FuzzParseBasic(f *testing.F) {
	for _, seed := range []string{"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "basic  dGVzdDoxMjPCow==", "Basic", "Basic Og==", "Basic OjoK"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		name, password, err := parseBasic(header)
		if err != nil {
			if name+password != "" {
				t.Errorf("%q: refused, but gave %q, %q", header, name, password)
			}
			return
		}
		_, token, _ := strings.Cut(header, " ")
		again := base64.StdEncoding.EncodeToString([]byte(name + ":" + password))
		if strings.Contains(name, ":") || strings.TrimLeft(token, " ") != again {
			t.Errorf("%q gave %q, %q, which is %q", header, name, password, again)
		}
	})
}
