package remotehosts_test

import (
	"io"
	"net"
	"strings"
	"testing"

	"framegate/engine/wire"
)

// The gateway offers compression of its own; the host's answer has to fit it, or
// nothing is left open.
func TestCompressionIsAgreedWithTheHost(t *testing.T) {
	terms := wire.DeflateTerms{Context: 2048}
	const name = "permessage-deflate"
	for _, test := range []struct {
		name, answer string
		want         *wire.Deflate
		wrong        string
	}{
		{name: "none", answer: ""},
		{name: "as asked", answer: name + "; server_no_context_takeover", want: &wire.Deflate{{Bits: 15}, {NoContext: true, Bits: 15}}},
		{
			name: "with a smaller window for us", answer: name + "; server_no_context_takeover; client_max_window_bits=10",
			want: &wire.Deflate{{Bits: 10}, {NoContext: true, Bits: 15}},
		},
		{name: "not as asked", answer: name, wrong: "server_no_context_takeover"},
		{name: "unknown parameter", answer: name + "; server_no_context_takeover; level=9", wrong: "level"},
		{name: "malformed", answer: name + "; =", wrong: "token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := serve(t, nil, func(c net.Conn, head string) {
				more := ""
				if test.answer != "" {
					more = "Sec-WebSocket-Extensions: " + test.answer + "\r\n"
				}
				io.WriteString(c, switching(head, more))
				io.Copy(io.Discard, c)
			})
			c := call()
			c.Offer.Extensions, c.Offer.Deflate = wire.OfferDeflate(terms), &terms
			host := declare(t, b.address, nil)
			if test.wrong != "" {
				expectError(t, host, c, 502, test.wrong)
				return
			}
			s, err := host.Upgrade(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Conn.Close()
			switch {
			case s.Extensions != "":
				t.Errorf("%q is taken for what the client agreed on", s.Extensions)
			case (s.Deflate == nil) != (test.want == nil), s.Deflate != nil && *s.Deflate != *test.want:
				t.Errorf("agreed on %+v", s.Deflate)
			}
		})
	}
	if offer := wire.OfferDeflate(terms); !strings.HasPrefix(offer, name+"; server_no_context_takeover, ") {
		t.Errorf("the offer is %q", offer)
	}
}
