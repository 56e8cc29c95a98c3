package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"framegate/engine/console"
)

type revokeCommand struct {
	Kind         string        `arg:"" enum:"subject,jti,key,user,token" help:"What: everything of a subject, a JWT by its id (jti), an API key or a user by the name of the record, or a token, read from standard input."`
	Name         string        `arg:"" optional:"" placeholder:"NAME" help:"Whose or which."`
	For          time.Duration `placeholder:"TIME" help:"For how long; without it, until --undo."`
	IssuedBefore string        `placeholder:"WHEN" help:"Only what was issued before a time, such as now or 2026-11-21T08:00:00Z: then the subject can log in anew."`
	Undo         bool          `help:"Take the revocation back."`
	URL          string        `default:"http://127.0.0.1:8090" placeholder:"URL" help:"The console of the gateway (${default})."`
	Token        string        `env:"FRAMEGATE_TOKEN" placeholder:"TOKEN" help:"The token that the console asks for; the environment shows it to fewer people."`

	before time.Time
}

func (revokeCommand) Help() string {
	return `
Open sessions that used what is revoked are closed at once, with 3000; new ones are refused with 401.

    framegate revoke subject alice
    framegate revoke subject alice --issued-before now
    framegate revoke jti 6f1c2b --for 24h
    framegate revoke token < token.txt
    framegate revoke subject alice --undo`
}

// Validate is called by kong once all flags are known.
func (c *revokeCommand) Validate() error {
	switch {
	case c.Kind == "token" && c.Name != "":
		return fmt.Errorf("a token is read from standard input, where nobody sees it: framegate revoke token < token.txt")
	case c.Kind != "token" && c.Name == "":
		return fmt.Errorf("revoke %s needs to know which: framegate revoke %s NAME", c.Kind, c.Kind)
	case c.Undo && (c.For != 0 || c.IssuedBefore != ""):
		return fmt.Errorf("--undo takes the whole revocation back; leave --for and --issued-before out")
	case c.For < 0:
		return fmt.Errorf("--for %s is in the past", c.For)
	case c.IssuedBefore == "now":
		c.before = time.Now()
	case c.IssuedBefore != "":
		var err error
		if c.before, err = time.Parse(time.RFC3339, c.IssuedBefore); err != nil {
			return fmt.Errorf("--issued-before %q is neither now nor a time like 2026-11-21T08:00:00Z", c.IssuedBefore)
		}
	}
	return checkConsoleURL(c.URL)
}

// Run prints what was revoked, and how many sessions that closed.
func (c *revokeCommand) Run(ctx context.Context, std stdio) error {
	order := console.RevokeBody{IssuedBefore: c.before}
	if c.For > 0 {
		order.Until = time.Now().Add(c.For)
	}
	switch c.Kind {
	case "subject":
		order.Subject = c.Name
	case "jti":
		order.JTI = c.Name
	case "key":
		order.Key = c.Name
	case "user":
		order.User = c.Name
	case "token":
		line, _ := bufio.NewReader(std.in).ReadString('\n')
		if order.Token = strings.TrimSpace(line); order.Token == "" {
			return fmt.Errorf("there is no token on standard input; write: framegate revoke token < token.txt")
		}
	}
	client := &consoleClient{base: strings.TrimSuffix(c.URL, "/"), token: c.Token, http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	var done console.Revoked
	if c.Undo {
		if err := client.delete(ctx, "revocations", order, &done); err != nil {
			return err
		}
		fmt.Fprintf(std.out, "%s is good again\n", printable(done.Handle))
		return nil
	}
	if err := client.post(ctx, "revocations", order, &done); err != nil {
		return err
	}
	fmt.Fprintf(std.out, "%s is revoked%s; sessions closed: %d\n", printable(done.Handle), forHowLong(done.Until), done.Closed)
	return nil
}

func forHowLong(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return " until " + until.Local().Format(time.RFC3339)
}
