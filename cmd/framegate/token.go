package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"framegate/filters"
)

type tokenCommand struct {
	Keys     string            `arg:"" placeholder:"FILE" help:"A JWK Set, one JWK or PEM, with a private key."`
	New      bool              `help:"Make the file, with a new key for ES256, unless it is there."`
	Issuer   string            `placeholder:"URL" help:"The claim iss."`
	Audience []string          `placeholder:"NAME" help:"The claim aud; several times for a list."`
	Subject  string            `placeholder:"NAME" help:"The claim sub."`
	Scope    []string          `placeholder:"NAME" help:"A word of the claim scope; may be given several times."`
	Claim    map[string]string `mapsep:"none" placeholder:"NAME=VALUE" help:"One more claim: JSON, or else a text; may be given several times."`
	For      time.Duration     `default:"1h" placeholder:"TIME" help:"How long the token is good (${default}); negative for one that has expired."`
}

func (tokenCommand) Help() string {
	return `
Prints a signed JSON Web Token, to try jwt-verify with no identity provider at hand. The same file gives jwt-verify its keys
(keys: {file: …}). Not for production: there, tokens come from who knows the users.

    framegate token --new keys.json
    framegate token keys.json --issuer https://login.example.test --audience chat --subject alice
    framegate connect ws://127.0.0.1:8080/chat -H "Authorization: Bearer $(framegate token keys.json --subject alice …)"`
}

// Run prints the token.
func (c *tokenCommand) Run(std stdio) error {
	if c.New {
		if err := newKeyFile(c.Keys); err != nil {
			return err
		}
		if c.Issuer == "" && c.Subject == "" {
			fmt.Fprintf(std.out, "%s has a key; sign with it: framegate token %s --issuer URL --audience NAME --subject NAME\n", printable(c.Keys), printable(c.Keys))
			return nil
		}
	}
	key, err := signingKey(c.Keys)
	if err != nil {
		return err
	}
	signer, err := jose.NewSigner(key, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return fmt.Errorf("the key of %s: %w", c.Keys, err)
	}
	text, err := json.Marshal(c.claims(time.Now()))
	if err != nil {
		return err
	}
	signed, err := signer.Sign(text)
	if err != nil {
		return fmt.Errorf("sign with the key of %s: %w", c.Keys, err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, token)
	return err
}

// claims are what the token says.
func (c *tokenCommand) claims(now time.Time) map[string]any {
	all := map[string]any{"iat": now.Unix(), "exp": now.Add(c.For).Unix(), "jti": rand.Text()}
	for name, value := range map[string]string{"iss": c.Issuer, "sub": c.Subject, "scope": strings.Join(c.Scope, " ")} {
		if value != "" {
			all[name] = value
		}
	}
	switch len(c.Audience) {
	case 0:
	case 1:
		all["aud"] = c.Audience[0]
	default:
		all["aud"] = c.Audience
	}
	more := make(map[string]any, len(c.Claim))
	for name, text := range c.Claim {
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text
		}
		more[name] = value
	}
	maps.Copy(all, more)
	return all
}

// signingKey is the first private key of a file.
func signingKey(file string) (jose.SigningKey, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return jose.SigningKey{}, fmt.Errorf("there is no %s; make one with framegate token --new %s", file, file)
	}
	if err != nil {
		return jose.SigningKey{}, fmt.Errorf("read the keys: %w", err)
	}
	key, err := filters.ParseSigningKey(text)
	if err != nil {
		return key, fmt.Errorf("read the keys of %s: %w", file, err)
	}
	return key, nil
}

// newKeyFile makes a JWK Set with one private key, which only its owner can read.
func newKeyFile(file string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: private, KeyID: rand.Text()[:8], Algorithm: string(jose.ES256), Use: "sig"}}}
	text, err := json.MarshalIndent(set, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make %s: %w", file, err)
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", file, err)
	}
	return f.Close()
}
