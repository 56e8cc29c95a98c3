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
	Kind string `arg:"" enum:"sha256,argon2id,bcrypt" help:"sha256 for API keys, argon2id or bcrypt for passwords."`
}

func (hashCommand) Help() string {
	return `
Reads a secret, one line, from standard input and prints what to write into a store. API keys are long and random, so a
fast hash is right for them; passwords are not, so theirs is slow.

    framegate hash sha256 < key.txt
    framegate hash argon2id < password.txt`
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
	hash, err := filters.HashSecret(c.Kind, secret)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.out, hash)
	return err
}
