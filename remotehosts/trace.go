package remotehosts

import (
	"crypto/rand"
	"encoding/hex"
	"strings"

	"framegate/engine/wire"
)

// traceparent is the W3C Trace Context for the request to the host: the
// client's trace with a span of ours if there is a valid one, else a new trace.
// tracestate belongs to the client's trace and goes on only with it (§3.3.1.3 there).
func traceparent(h *wire.Headers) (value string, continued bool) {
	trace, flags, ok := parseTraceparent(h)
	if !ok {
		trace, flags = randomHex(16), "01"
	}
	return "00-" + trace + "-" + randomHex(8) + "-" + flags, ok
}

// parseTraceparent reads the one traceparent of h by W3C Trace Context §3.2:
// version, trace id, parent id and flags in lowercase hexadecimal; ids of zeros
// only and version ff are invalid, and later versions may have more at the end.
// Of the flags only the lowest bit has a meaning in version 00.
func parseTraceparent(h *wire.Headers) (trace, flags string, ok bool) {
	count, value := 0, ""
	for v := range h.Values("traceparent") {
		count, value = count+1, v
	}
	if count != 1 || len(value) < 55 || len(value) > 55 && (value[:2] == "00" || value[55] != '-') {
		return "", "", false
	}
	version, trace, span, flags := value[:2], value[3:35], value[36:52], value[53:55]
	if value[2] != '-' || value[35] != '-' || value[52] != '-' || version == "ff" {
		return "", "", false
	}
	if strings.Trim(version+trace+span+flags, "0123456789abcdef") != "" || strings.Trim(trace, "0") == "" || strings.Trim(span, "0") == "" {
		return "", "", false
	}
	sampled := "00"
	if strings.ContainsRune("13579bdf", rune(flags[1])) {
		sampled = "01"
	}
	return trace, sampled, true
}

func randomHex(bytes int) string {
	random := make([]byte, bytes)
	rand.Read(random) // never fails: it ends the process instead
	return hex.EncodeToString(random)
}
