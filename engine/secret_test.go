package engine

import "testing"

func TestSecretsAreKnownByTheirNames(t *testing.T) {
	for _, name := range []string{
		"Authorization", "proxy-authorization", "Cookie", "Set-Cookie", "X-API-Key", "x_api_key", "apiKey", "X-My-Key", "X-Auth", "X-Access-Token",
		"Sec-WebSocket-Protocol", "http.header.Authorization", "websock.session.accessToken", "params.query.access_token", "client_secret", "password",
	} {
		if !SecretName(name) {
			t.Errorf("%s is shown", name)
		}
	}
	for _, name := range []string{"Sec-WebSocket-Key", "Origin", "X-Monkey", "User-Agent", "content.body", "authentication.subject.id", "password.hint", "", "author"} {
		if SecretName(name) {
			t.Errorf("%s is hidden", name)
		}
	}
}

func TestTrailsShowThatASecretChangedAndNoMore(t *testing.T) {
	set := func(m *Message) (bool, error) {
		return true, m.Set(AttrOf("session.token"), StringValue("s3cret"))
	}
	m := NewMessage(OnUpgrade, &Request{Headers: &Headers{}}, 0, nil)
	p := &Policy{Name: "p", Fault: -1, Nodes: []Node{{Name: "set", Filter: filterFunc(set), Success: EndPass, Failure: EndFail}}}
	p.Top(m, nil)
	change := m.Trail()[0].Changes[0]
	if change.After.String() != "[redacted]" || !change.Before.IsMissing() {
		t.Errorf("the trail shows %q → %q", change.Before, change.After)
	}
}
