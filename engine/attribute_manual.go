package engine

import "embed"

// Source is the source of [Selector]: its comment is the manual.
//
//go:embed selector.go
var Source embed.FS

// attributeManual says what the attributes of the engine are.
var attributeManual = map[string]string{
	"content.body":                      "The message itself: a string for text, bytes for binary. In HTTP hooks the body of the answer that filters make. Filters may replace it.",
	"content.type":                      "The media type of content.body: the websocket's contentType for text, application/octet-stream for binary.",
	"http.headers":                      "The header set of the request: ${http.headers[\"User-Agent\"]}, in scripts .get(\"User-Agent\").",
	"http.header.":                      "A header of the request by its name, compared without case; not set where there is none.",
	"params.query.":                     "A parameter of the query by its name, percent-decoded; the first where there are several.",
	"params.path.":                      "What stands in the path for a {name} of the websocket's path, percent-decoded.",
	"http.path":                         "All of params.path: ${http.path[\"id\"]}.",
	"http.request.uri":                  "Path and query as they came.",
	"http.request.rawURI":               "The same as http.request.uri.",
	"http.request.path":                 "The path without the query, as it came.",
	"http.request.verb":                 "The method of the request; GET for every upgrade.",
	"http.request.host":                 "The host that the request names.",
	"http.querystring":                  "The query as it came, without the question mark.",
	"http.request.clientaddr":           "The client's IP address, behind trusted proxies the one that they name.",
	"http.request.clientcert":           "The certificate that the client proved itself with, as PEM; not set where there is none.",
	"http.request.clientcert.subject":   "That certificate's subject (RFC 4514).",
	"http.destination.host":             "The host that a router has chosen for the filter connection. Filters may set it.",
	"http.destination.port":             "The port that a router has chosen; filters may set it.",
	"http.destination.protocol":         "ws or wss, as a router has chosen; filters may set it.",
	"http.response.status":              "The status of the answer, once a filter or a remote host has given one. Filters may set it.",
	"id":                                "The id of the session: the same in the traffic log, the log, and X-CorrelationID.",
	"websock.connection.id":             "The same as id.",
	"websock.session.":                  "What policies and scripts keep for the session; both directions share it. Filters may set it. In scripts: msg.session.vars.",
	"websock.context":                   "The attributes of the upgrade, its header set among them, as the upgrade policy left them. Writing to it aborts.",
	"websock.context.":                  "An attribute of the upgrade: ${websock.context.http.header.X-Device-Id}.",
	"websock.origin":                    "Where the message came from: client or server.",
	"websock.opcode":                    "text or binary.",
	"websock.message.length":            "How long content.body is now, in bytes.",
	"websock.fragments":                 "In how many wire frames the message came.",
	"websock.frame.seq":                 "The number of the message in its direction, from 1.",
	"websock.subprotocol":               "The subprotocol that client and host agreed on; empty for none.",
	"websock.opened":                    "When the session was opened (RFC 3339).",
	"websock.duration":                  "How long the session has been open.",
	"websock.path":                      "The path of the upgrade request.",
	"websock.port":                      "The name of the port.",
	"websock.close.code":                "The close code of the session; 1005 for none, 1006 for a lost connection.",
	"websock.close.reason":              "The reason beside the close code.",
	"websock.close.by":                  "Who ended the session: client, host, policy, idle timeout, expiry, shutdown…",
	"websock.frames.in":                 "Messages from the client so far.",
	"websock.frames.out":                "Messages from the remote host so far.",
	"websock.bytes.in":                  "Bytes of messages from the client so far.",
	"websock.bytes.out":                 "Bytes of messages from the remote host so far.",
	"authentication.subject.id":         "Who the client is, as the last authentication filter has found out.",
	"authentication.subject.format":     "What kind of name authentication.subject.id is: User Name, X.509 DName…",
	"authentication.subject.role":       "The role of the subject.",
	"authentication.subject.attributes": "What else is known of the subject: its record in the store without secrets, or the claims of its token.",
	"authentication.method":             "How the client has proved who it is: api-key, basic, jwt…",
	"authentication.issuer.id":          "Who vouches for the subject: the issuer of its token or certificate.",
	"authentication.scope":              "What the credentials allow, with spaces between.",
	"authentication.expires":            "When the credentials expire, and with them the session (RFC 3339).",
	"attribute.lookup.list":             "The same as authentication.subject.attributes, by Axway's name.",
	"circuit.name":                      "The policy that runs.",
	"circuit.path":                      "The policies and filters that have run so far.",
	"circuit.exception":                 "The error of the filter that aborted, in a fault handler.",
	"circuit.failure.reason":            "Why the policy failed or aborted, in a fault handler.",
}

// AttributeText says what an attribute of the engine is, or a family of them,
// whose name ends in a dot; empty for a name that only filters and scripts set.
func AttributeText(name string) string {
	if text, ok := attributeManual[name]; ok {
		return text
	}
	if _, key := lookUp(name); key != "" {
		return attributeManual[name[:len(name)-len(key)]]
	}
	return ""
}
