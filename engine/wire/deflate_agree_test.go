package wire_test

import (
	"strings"
	"testing"

	"framegate/engine/wire"
)

func extensions(t *testing.T, line string) []wire.Extension {
	h := &wire.Headers{}
	if err := h.Add("Sec-WebSocket-Extensions", line); err != nil {
		t.Fatal(err)
	}
	list, err := wire.ParseExtensions(h)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var (
	byItself = wire.DeflateTerms{Context: 2048}                               // what the gateway wants by default
	neither  = wire.DeflateTerms{}                                            // nobody refers to anything
	both     = wire.DeflateTerms{Context: 2048, PeerContext: wire.MaxContext} // everybody does
	some     = wire.DeflateTerms{Context: 2048, PeerContext: 4096}            // the client within 12 bits
	side     = func(none bool, bits uint8) wire.DeflateSide { return wire.DeflateSide{NoContext: none, Bits: bits} }
)

func TestAcceptDeflate(t *testing.T) {
	const name = "permessage-deflate"
	for _, tt := range []struct {
		offer  string // without the name
		terms  wire.DeflateTerms
		answer string // without the name; "-": declined
		client wire.DeflateSide
		server wire.DeflateSide
	}{
		{"", byItself, "; client_no_context_takeover", side(true, 15), side(false, 15)},
		{"", neither, "; server_no_context_takeover; client_no_context_takeover", side(true, 15), side(true, 15)},
		{"", both, "", side(false, 15), side(false, 15)},
		{"", some, "; client_no_context_takeover", side(true, 15), side(false, 15)},
		{"; client_max_window_bits", byItself, "; client_no_context_takeover", side(true, 15), side(false, 15)},
		{"; client_max_window_bits", both, "", side(false, 15), side(false, 15)},
		{"; client_max_window_bits", some, "; client_max_window_bits=12", side(false, 12), side(false, 15)},
		{"; client_max_window_bits=10", some, "", side(false, 10), side(false, 15)},
		{"; client_max_window_bits=13", some, "; client_max_window_bits=12", side(false, 12), side(false, 15)},
		{"; client_max_window_bits=8", byItself, "; client_no_context_takeover", side(true, 8), side(false, 15)},
		{"; client_no_context_takeover", both, "; client_no_context_takeover", side(true, 15), side(false, 15)},
		{"; server_no_context_takeover", both, "; server_no_context_takeover", side(false, 15), side(true, 15)},
		{"; server_max_window_bits=9", both, "; server_max_window_bits=9", side(false, 15), side(false, 9)},
		{"; server_max_window_bits=\"15\"", both, "; server_max_window_bits=15", side(false, 15), side(false, 15)},
		{"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12; client_max_window_bits=11", byItself,
			"; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12", side(true, 11), side(true, 12)},
		// §7.1: the first that is right is taken.
		{"; bogus, permessage-deflate; server_max_window_bits=10", both, "; server_max_window_bits=10", side(false, 15), side(false, 10)},
		{"-frame, x-webkit-deflate-frame", both, "-", side(false, 0), side(false, 0)},
		{"; bogus=1", both, "-", side(false, 0), side(false, 0)},
		{"; server_max_window_bits", both, "-", side(false, 0), side(false, 0)},
		{"; server_max_window_bits=7", both, "-", side(false, 0), side(false, 0)},
		{"; server_max_window_bits=16", both, "-", side(false, 0), side(false, 0)},
		{"; server_max_window_bits=010", both, "-", side(false, 0), side(false, 0)},
		{"; server_max_window_bits=+10", both, "-", side(false, 0), side(false, 0)},
		{"; client_max_window_bits=99999999999999999999", both, "-", side(false, 0), side(false, 0)},
		{"; client_max_window_bits=x", both, "-", side(false, 0), side(false, 0)},
		{"; server_no_context_takeover=1", both, "-", side(false, 0), side(false, 0)},
		{"; client_no_context_takeover; client_no_context_takeover", both, "-", side(false, 0), side(false, 0)},
		{"; client_max_window_bits; client_max_window_bits=10", both, "-", side(false, 0), side(false, 0)},
	} {
		d, answer, ok := wire.AcceptDeflate(extensions(t, name+tt.offer), tt.terms)
		switch {
		case !ok:
			if tt.answer != "-" {
				t.Errorf("%q is declined", tt.offer)
			}
		case answer != name+tt.answer:
			t.Errorf("%q: answer %q, want %q", tt.offer, answer, name+tt.answer)
		case d != wire.Deflate{tt.client, tt.server}:
			t.Errorf("%q: agreed on %+v", tt.offer, d)
		}
	}
	if _, _, ok := wire.AcceptDeflate(nil, both); ok {
		t.Error("compression without an offer")
	}
}

func TestAgreedDeflate(t *testing.T) {
	const name = "permessage-deflate"
	for _, tt := range []struct {
		answer string
		terms  wire.DeflateTerms
		wrong  string // "": right
		client wire.DeflateSide
		server wire.DeflateSide
	}{
		{name, both, "", side(false, 15), side(false, 15)},
		{name + "; server_no_context_takeover", byItself, "", side(false, 15), side(true, 15)},
		{name + "; server_no_context_takeover", neither, "", side(true, 15), side(true, 15)},
		{name + "; server_no_context_takeover; client_no_context_takeover", byItself, "", side(true, 15), side(true, 15)},
		{name + "; client_max_window_bits=9", both, "", side(false, 9), side(false, 15)},
		{name + "; server_max_window_bits=8", both, "", side(false, 15), side(false, 8)}, // may come unasked, §7.1.2.1
		{name + "; server_max_window_bits=12", some, "", side(false, 15), side(false, 12)},
		{name + "; server_max_window_bits=9", some, "", side(false, 15), side(false, 9)},
		{name, byItself, "lacks server_no_context_takeover", side(false, 0), side(false, 0)},
		{name, some, "does not keep server_max_window_bits=12", side(false, 0), side(false, 0)},
		{name + "; server_max_window_bits=13", some, "does not keep", side(false, 0), side(false, 0)},
		{name + "; client_max_window_bits", both, "not a number", side(false, 0), side(false, 0)},
		{name + "; client_max_window_bits=16", both, "not a number", side(false, 0), side(false, 0)},
		{name + "; server_no_context_takeover=x", both, "has a value", side(false, 0), side(false, 0)},
		{name + "; unknown", both, "unknown parameter", side(false, 0), side(false, 0)},
		{name + ", " + name, both, "twice", side(false, 0), side(false, 0)},
		{"x-other", both, "not offered", side(false, 0), side(false, 0)},
	} {
		d, agreed, err := wire.AgreedDeflate(extensions(t, tt.answer), tt.terms)
		switch {
		case tt.wrong != "":
			if err == nil || agreed || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%q: %v, want %q", tt.answer, err, tt.wrong)
			}
		case err != nil || !agreed || d != wire.Deflate{tt.client, tt.server}:
			t.Errorf("%q: %+v, %v, %v", tt.answer, d, agreed, err)
		}
	}
	if _, agreed, err := wire.AgreedDeflate(nil, byItself); agreed || err != nil {
		t.Errorf("no answer: %v, %v", agreed, err)
	}
}

// What we offer as a client we accept as a server, with the terms of either.
func TestOfferAndAnswerFit(t *testing.T) {
	all := []wire.DeflateTerms{byItself, neither, both, some, {PeerContext: 512}}
	for _, client := range all {
		for _, server := range all {
			offer := wire.OfferDeflate(client)
			at, answer, ok := wire.AcceptDeflate(extensions(t, offer), server)
			if !ok {
				t.Fatalf("%q is declined", offer)
			}
			there, agreed, err := wire.AgreedDeflate(extensions(t, answer), client)
			if err != nil || !agreed || at != there {
				t.Errorf("%q, %q: the server has %+v, the client %+v, %v", offer, answer, at, there, err)
			}
		}
	}
}
