package main

import (
	"fmt"

	"framegate/engine/wire"
)

// closeSentences say what to think of a close code, for a person at a terminal. The word for it is [wire.CodeText].
var closeSentences = map[uint16]string{
	wire.CloseNormal:             "The conversation is over; nothing went wrong.",
	wire.CloseGoingAway:          "That side is leaving: a server shuts down, a page was left, or a session was idle or too old.",
	wire.CloseProtocolError:      "What was received breaks the rules of RFC 6455.",
	wire.CloseUnsupportedData:    "A kind of message came that the endpoint cannot take, binary instead of text for instance.",
	wire.CloseNoStatus:           "A close frame came without a code.",
	wire.CloseAbnormal:           "The TCP connection ended or was reset without a close frame: a crash, a proxy or the network.",
	wire.CloseInvalidPayload:     "A message did not hold what its type promised, usually text that is not UTF-8.",
	wire.ClosePolicyViolation:    "A message broke a rule of the endpoint: a policy refused it or a rate was exceeded.",
	wire.CloseTooBig:             "A message was bigger than the endpoint takes; send less or raise its limit.",
	wire.CloseMandatoryExtension: "The client asked for an extension that the server did not agree to.",
	wire.CloseInternalError:      "Something failed inside the server; its log says what.",
	wire.CloseServiceRestart:     "The server restarts; connect again, after a short random wait.",
	wire.CloseTryAgainLater:      "The server is overloaded; connect again later.",
	wire.CloseBadGateway:         "A gateway lost the server behind it.",
	wire.CloseUnauthorized:       "A token is missing, expired or revoked; get a new one and connect again.",
	wire.CloseForbidden:          "The subject is known but may not do this.",
	wire.CloseTimeout:            "Something expected did not come in time.",
}

// closeSentence explains any code.
func closeSentence(code uint16) string {
	if s, ok := closeSentences[code]; ok {
		return s
	}
	switch {
	case code >= 4000 && code <= 4999:
		return "The application gave this code its own meaning."
	case code >= 3000 && code <= 3999:
		return "A library or framework registered this code with IANA."
	}
	return "RFC 6455 gives this code no meaning."
}

// closeLine is a close in one line: code, word and reason.
func closeLine(code uint16, reason string) string {
	line := fmt.Sprintf("%d %s", code, wire.CodeText(code))
	if reason != "" {
		line += `, reason "` + printable(reason) + `"`
	}
	return line
}
