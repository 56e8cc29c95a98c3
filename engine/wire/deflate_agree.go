package wire

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
)

// DeflateName is the name of the compression extension, RFC 7692 §7.
const DeflateName = "permessage-deflate"

// Windows of LZ77 in bits, RFC 7692 §7.1.2.
const (
	minWindowBits = 8
	maxWindowBits = 15
)

// MaxContext is the largest useful context in bytes: the window of DEFLATE.
const MaxContext = 1 << maxWindowBits

// Deflate is permessage-deflate as it was agreed on for one connection, by who compresses: Deflate[FromClient] is what binds
// the client's compressor.
type Deflate [2]DeflateSide

// DeflateSide is what one side's compressor keeps to.
type DeflateSide struct {
	NoContext bool  // every message can be inflated without those before it (§7.1.1)
	Bits      uint8 // no reference goes back further than 1<<Bits bytes (§7.1.2)
}

// DeflateTerms is what this end of a connection wants.
type DeflateTerms struct {
	// Context is to how many bytes of what it sent before this end refers when it compresses; they are held per connection.
	// 0: every message by itself.
	Context int
	// PeerContext is how many bytes of what the peer sent are held for the peer to refer to: 0, for which every message has to
	// be compressed by itself, or a power of two from 512 to [MaxContext].
	PeerContext int
}

func (t DeflateTerms) peerBits() uint8 { return uint8(bits.Len(uint(t.PeerContext))) - 1 }

// AcceptDeflate chooses, as a server, among a client's offers: the first that is right and can be kept. ok is false where
// there is none; the handshake then goes on without compression. answer is the element for Sec-WebSocket-Extensions.
func AcceptDeflate(offers []Extension, t DeflateTerms) (d Deflate, answer string, ok bool) {
	for _, offer := range offers {
		if offer.Name != DeflateName {
			continue
		}
		// §7.1: "A server MUST decline an extension negotiation offer" with parameters that are unknown in an offer, have an
		// invalid value, or stand there twice.
		if p, err := parseDeflate(offer, true); err == nil {
			d, answer = t.accept(p)
			return d, answer, true
		}
	}
	return d, "", false
}

// accept says how an offer is kept.
func (t DeflateTerms) accept(p deflateParams) (Deflate, string) {
	server := DeflateSide{NoContext: p.serverNoContext || t.Context == 0, Bits: maxWindowBits}
	client := DeflateSide{NoContext: p.clientNoContext || t.PeerContext == 0, Bits: maxWindowBits}
	if p.serverBits > 0 {
		server.Bits = p.serverBits // §7.1.2.1: the answer has "the same or smaller value"
	}
	if p.clientBits > 0 {
		client.Bits = p.clientBits // §7.1.2.2: the client will not use a larger window, whatever is answered
	}
	limited := false
	if !client.NoContext && t.peerBits() < client.Bits {
		// §7.1.2.2: a client that did not offer client_max_window_bits must not get it in the answer.
		limited = p.clientBits > 0 || p.clientAnyBits
		client.NoContext = !limited
	}
	if limited {
		client.Bits = t.peerBits()
	}
	answer := DeflateName + flag("server_no_context_takeover", server.NoContext) + flag("client_no_context_takeover", client.NoContext)
	if p.serverBits > 0 {
		answer += window("server_max_window_bits", server.Bits)
	}
	if limited {
		answer += window("client_max_window_bits", client.Bits)
	}
	return Deflate{client, server}, answer
}

func flag(name string, set bool) string {
	if !set {
		return ""
	}
	return "; " + name
}

func window(name string, bits uint8) string { return "; " + name + "=" + strconv.Itoa(int(bits)) }

// OfferDeflate is what this end, as a client, offers in Sec-WebSocket-Extensions. There are two offers: a host that can do
// without limiting our window should, since a smaller one costs work and size.
func OfferDeflate(t DeflateTerms) string {
	offer := DeflateName + flag("client_no_context_takeover", t.Context == 0) + flag("server_no_context_takeover", t.PeerContext == 0)
	if t.PeerContext > 0 && t.PeerContext < MaxContext {
		offer += window("server_max_window_bits", t.peerBits())
	}
	return offer + ", " + offer + "; client_max_window_bits"
}

// AgreedDeflate reads a host's answer to [OfferDeflate] with the same terms. agreed is false where the host wants no
// compression. After an error the connection must not be used (§7.1: the client "MUST _Fail the WebSocket Connection_").
func AgreedDeflate(answer []Extension, t DeflateTerms) (d Deflate, agreed bool, err error) {
	for _, e := range answer {
		if e.Name != DeflateName {
			return d, false, fmt.Errorf("agree on compression: answer accepts extension %q, which was not offered", e.Name)
		}
		if agreed {
			return d, false, errors.New("agree on compression: " + DeflateName + " is accepted twice")
		}
		p, err := parseDeflate(e, false)
		if err == nil {
			err = t.checkAnswer(p)
		}
		if err != nil {
			return d, false, fmt.Errorf("agree on compression: %w", err)
		}
		agreed = true
		d = Deflate{{p.clientNoContext || t.Context == 0, maxWindowBits}, {p.serverNoContext, maxWindowBits}}
		if p.clientBits > 0 {
			d[FromClient].Bits = p.clientBits
		}
		if p.serverBits > 0 {
			d[FromServer].Bits = p.serverBits
		}
	}
	return d, agreed, nil
}

// checkAnswer checks that the host keeps what it was asked for, by including it in its answer (§7.1.1.1, §7.1.2.1).
func (t DeflateTerms) checkAnswer(p deflateParams) error {
	switch {
	case t.PeerContext == 0 && !p.serverNoContext:
		return errors.New("answer lacks server_no_context_takeover, which was asked for")
	case t.PeerContext > 0 && t.PeerContext < MaxContext && (p.serverBits == 0 || p.serverBits > t.peerBits()):
		return fmt.Errorf("answer does not keep server_max_window_bits=%d, which was asked for", t.peerBits())
	}
	return nil
}

// deflateParams are the parameters of an offer or answer; bits are 0 where they are left out.
type deflateParams struct {
	serverNoContext, clientNoContext bool
	serverBits, clientBits           uint8
	clientAnyBits                    bool // an offer's client_max_window_bits without a value
}

// parseDeflate reads the parameters of an offer, or of an answer.
func parseDeflate(e Extension, offer bool) (p deflateParams, err error) {
	var seen []string
	for _, param := range e.Params {
		if slices.Contains(seen, param.Name) {
			return p, fmt.Errorf("%s stands there twice", param.Name)
		}
		seen = append(seen, param.Name)
		switch param.Name {
		case "server_no_context_takeover":
			p.serverNoContext = true
			err = noValue(param)
		case "client_no_context_takeover":
			p.clientNoContext = true
			err = noValue(param)
		case "server_max_window_bits":
			p.serverBits, err = windowBits(param)
		case "client_max_window_bits":
			if offer && param.Value == "" {
				p.clientAnyBits = true
				break
			}
			p.clientBits, err = windowBits(param)
		default:
			err = fmt.Errorf("unknown parameter %s", param.Name)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func noValue(p Param) error {
	if p.Value != "" {
		return fmt.Errorf("%s has a value", p.Name)
	}
	return nil
}

// windowBits reads "a decimal integer value without leading zeroes between 8 to 15 inclusive" (§7.1.2).
func windowBits(p Param) (uint8, error) {
	n, err := strconv.ParseUint(p.Value, 10, 8)
	if err != nil || n < minWindowBits || n > maxWindowBits || p.Value[0] == '0' {
		return 0, fmt.Errorf("%s is %q, not a number from 8 to 15", p.Name, p.Value)
	}
	return uint8(n), nil
}
