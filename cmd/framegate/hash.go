package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"framegate/filters"
)

type hashCommand struct {
	Kind      string `arg:"" enum:"sha256,argon2id,bcrypt,digest" help:"sha256 for API keys, argon2id or bcrypt for passwords, digest for passwords of http-digest."`
	User      string `help:"For digest: the user's name."`
	Realm     string `default:"framegate" help:"For digest: the realm of the filter."`
	Algorithm string `default:"SHA-256" enum:"SHA-256,SHA-512-256,MD5" help:"For digest: SHA-256, SHA-512-256 or MD5."`
}

func (hashCommand) Help() string {
	return `
Reads a secret, one line, from standard input and prints what to write into a store. API keys are long and random, so a
fast hash is right for them; passwords are not, so theirs is slow. What digest prints is as good as the password: whoever has
it can log in.

    framegate hash sha256 < key.txt
    framegate hash argon2id < password.txt
    framegate hash digest --user ann --realm chat < password.txt`
}

// Run prints the hash.
func (c *hashCommand) Run(std stdio) error {
	line, err := bufio.NewReader(std.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the secret: %w", err)
	}
	secret := strings.TrimRight(line, "\r\n")
	if secret == "" {
		return errors.New("there is no secret on standard input; write: framegate hash sha256 < key.txt")
	}
	hash, err := c.hash(secret)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, hash)
	return err
}

func (c *hashCommand) hash(secret string) (string, error) {
	switch {
	case c.Kind != "digest" && c.User != "":
		return "", fmt.Errorf("--user is for digest: a hash of kind %s holds no name", c.Kind)
	case c.Kind != "digest":
		return filters.HashSecret(c.Kind, secret)
	case c.User == "":
		return "", errors.New("a digest holds the user's name: write --user NAME")
	}
	return filters.HashDigest(c.Algorithm, c.User, c.Realm, secret)
}
