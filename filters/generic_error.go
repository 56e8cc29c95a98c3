package filters

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"net/http"
	"strings"

	"framegate/engine"
)

func init() {
	register[genericError](Kind{
		Type: "generic-error", Family: Answers, Aliases: []string{"GenericErrorFilter"}, Hooks: engine.OnHTTP, Ends: true, Closing: true,
		Writes: []string{"http.response.status", "content.body"},
	})
}

// Answers with an error page of your own: HTML, XML, JSON or text. The status and
// the headers are what the filter that failed wants, as with json-error. It is meant
// as a policy's fault handler, or for the end of a failure arrow. What selectors yield
// is escaped for the kind of page, so that no request can write into it. It aborts
// when an attribute is not set. As Axway's Generic Error, whose status is always 500.
//
//	filters:
//	  - name: refuse
//	    type: generic-error
//	    contentType: text/html; charset=utf-8
//	    body: '<!doctype html><title>No</title><p>Status ${http.response.status}, ask for ${id}.</p>'
type genericError struct {
	// Status is the status of the answer, 400 to 599. Without it: the one that the failed filter
	// wants, 403 where it wants none, and 500 after an abort.
	Status int `yaml:"status"`

	// ContentType is the media type of the page. HTML, XML and JSON are known by it.
	ContentType string `yaml:"contentType" default:"text/html; charset=utf-8"`

	// Body is the page. ${http.response.status} is the status, ${circuit.failure.reason} why the policy failed, with the names
	// of its filters. In JSON a selector stands within quotes. Left out, it is a short page with the words of the status and
	// the id of the session.
	Body engine.Selector `yaml:"body"`

	escape func(dst []byte, text string) []byte
	page   string // where there is no body: with the status, its words and the id
}

func (f *genericError) Prepare(*Env) error {
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return wrong("status", "write a status from 400 to 599", "%d is not the status of an error", f.Status)
	}
	var h engine.Headers
	if err := h.Set("Content-Type", f.ContentType); err != nil || !strings.Contains(f.ContentType, "/") {
		return wrong("contentType", "write a media type such as text/plain", "%q is no media type", f.ContentType)
	}
	kind, _, _ := strings.Cut(strings.ToLower(f.ContentType), ";")
	switch kind = strings.TrimSpace(kind); {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		f.escape, f.page = escapeJSON, `{"status":%[1]d,"error":"%[2]s","id":"%[3]s"}`+"\n"
	case kind == "text/xml" || kind == "application/xml" || strings.HasSuffix(kind, "+xml") && kind != "application/xhtml+xml":
		f.escape, f.page = escapeXML, `<error><status>%[1]d</status><text>%[2]s</text><id>%[3]s</id></error>`+"\n"
	case kind == "text/html" || kind == "application/xhtml+xml":
		f.escape, f.page = escapeHTML, "<!doctype html>\n<title>%[1]d %[2]s</title>\n<h1>%[2]s</h1>\n<p>%[3]s</p>\n"
	default:
		f.escape, f.page = asItIs, "%[1]d %[2]s (%[3]s)\n"
	}
	return nil
}

func (f *genericError) Run(m *engine.Message) (bool, error) {
	status, headers, _ := m.Refusal()
	if f.Status != 0 {
		status = f.Status
	}
	answer := engine.Answer{Status: status, Headers: *headers.Clone()}
	if err := answer.Headers.Set("Content-Type", f.ContentType); err != nil {
		return false, fmt.Errorf("contentType: %w", err)
	}
	if f.Body.IsZero() {
		answer.Body = fmt.Appendf(nil, f.page, status, strings.ToLower(http.StatusText(status)), m.Session.ID)
		*m.Answer = answer
		return true, nil
	}
	m.Answer.Status = status // the page may name it
	body, err := f.Body.AppendWith(nil, m, f.escape)
	if err != nil {
		return false, fmt.Errorf("body: %w", err)
	}
	answer.Body = body
	*m.Answer = answer
	return true, nil
}

func asItIs(dst []byte, text string) []byte { return append(dst, text...) }

func escapeHTML(dst []byte, text string) []byte { return append(dst, html.EscapeString(text)...) }

// escapeXML escapes quotes and line ends too; what XML cannot hold becomes U+FFFD.
func escapeXML(dst []byte, text string) []byte {
	var b strings.Builder
	if xml.EscapeText(&b, []byte(text)) != nil { // a Builder takes everything
		return dst
	}
	return append(dst, b.String()...)
}

// escapeJSON appends a text as it stands between the quotes of a JSON string.
func escapeJSON(dst []byte, text string) []byte {
	quoted, err := json.Marshal(text)
	if err != nil { // a string can always be written
		return dst
	}
	return append(dst, quoted[1:len(quoted)-1]...)
}
