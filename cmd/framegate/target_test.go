package main

import (
	"strings"
	"testing"
)

func TestTarget(t *testing.T) {
	tests := []struct{ text, url, address, err string }{
		{text: "ws://host/chat?a=b", url: "ws://host/chat?a=b", address: "host:80"},
		{text: "wss://host", url: "wss://host", address: "host:443"},
		{text: "http://host:8080/", url: "ws://host:8080/", address: "host:8080"},
		{text: "https://[::1]/", url: "wss://[::1]/", address: "[::1]:443"},
		{text: "127.0.0.1:8080/chat", err: "is not a WebSocket URL"},
		{text: "localhost:8080", err: "is not a WebSocket URL"},
		{text: "ftp://host/", err: "has the scheme ftp"},
		{text: "ws://anna:secret@host/", err: "-H 'Authorization: Basic ...'"},
		{text: "ws://host/#top", err: "fragment"},
	}
	for _, test := range tests {
		var to target
		err := to.UnmarshalText([]byte(test.text))
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: error %v, want one with %q", test.text, err, test.err)
			}
		case err != nil:
			t.Errorf("%s: %v", test.text, err)
		case to.String() != test.url || to.address() != test.address:
			t.Errorf("%s: %s at %s, want %s at %s", test.text, to, to.address(), test.url, test.address)
		}
	}
}

func TestHeader(t *testing.T) {
	tests := []struct {
		text string
		want header
		err  string
	}{
		{text: "X-API-Key: a: b ", want: header{"X-API-Key", "a: b"}},
		{text: "x-empty:", want: header{"x-empty", ""}},
		{text: "no colon", err: "want 'Name: value'"},
		{text: "X Y: z", err: "not a token"},
		{text: "X: a\r\nY: b", err: "control character"},
		{text: "sec-websocket-KEY: x", err: "belongs to the handshake"},
	}
	for _, test := range tests {
		var h header
		err := h.UnmarshalText([]byte(test.text))
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%q: error %v, want one with %q", test.text, err, test.err)
			}
		} else if err != nil || h != test.want {
			t.Errorf("%q: %v, %v", test.text, h, err)
		}
	}
}
