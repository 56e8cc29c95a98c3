package filters

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/url"
	"strings"
	"time"
)

// Why a certificate does not say who the client is.
var (
	errBadCertificate  = errors.New("the header holds no certificate")
	errCertificateTime = errors.New("the certificate is not valid at this time")
	errNoSuchName      = errors.New("the certificate has no name of the kind that identity asks for")
)

// headerCertificate reads the certificate that a proxy has checked and put into a header.
func headerCertificate(text string, now time.Time) (*x509.Certificate, error) {
	der, err := headerDER(text)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	switch {
	case err != nil:
		return nil, errBadCertificate
	case now.Before(cert.NotBefore) || now.After(cert.NotAfter):
		return nil, errCertificateTime
	}
	return cert, nil
}

// headerDER finds the certificate's bytes: in X-Forwarded-Client-Cert the one that the nearest proxy added; in
// a list with commas the first, which is the client's own; as :base64: (RFC 9440 §2.1), base64, or PEM in percent-encoding.
func headerDER(text string) ([]byte, error) {
	if element := lastXFCC(text); element != "" {
		text = element
	}
	if strings.HasPrefix(text, ":") && strings.HasSuffix(text, ":") && len(text) > 2 {
		return decodeDER(text[1 : len(text)-1])
	}
	plain, err := url.PathUnescape(text)
	if err != nil {
		return nil, errBadCertificate
	}
	if block, _ := pem.Decode([]byte(plain)); block != nil && block.Type == "CERTIFICATE" {
		return block.Bytes, nil
	}
	first, _, _ := strings.Cut(plain, ",")
	return decodeDER(first)
}

func decodeDER(text string) ([]byte, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(der) == 0 {
		return nil, errBadCertificate
	}
	return der, nil
}

// lastXFCC is the Cert of the last element of an X-Forwarded-Client-Cert header:
// elements have commas between them, their KEY=VALUE pairs semicolons, and values may be quoted.
func lastXFCC(text string) string {
	cert := ""
	for rest := text; rest != ""; {
		var pair string
		var end byte
		pair, end, rest = cutXFCC(rest)
		if key, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(key), "Cert") {
			cert = strings.Trim(value, `"`)
		}
		if end == ',' && rest != "" {
			cert = ""
		}
	}
	return cert
}

// cutXFCC cuts a pair off, and the ; or , behind it.
func cutXFCC(text string) (pair string, end byte, rest string) {
	quoted := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quoted: // what follows ends nothing
			i++
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ';' || c == ','):
			return text[:i], c, text[i+1:]
		}
	}
	return text, 0, ""
}

// nameOfCertificate is the name in a certificate that is the subject.
func nameOfCertificate(cert *x509.Certificate, part string) (name string, err error) {
	first := func(names []string) string {
		if len(names) == 0 {
			return ""
		}
		return names[0]
	}
	switch part {
	case "dn":
		name = cert.Subject.String()
	case "cn":
		name = cert.Subject.CommonName
	case "email":
		name = first(cert.EmailAddresses)
	case "dns":
		name = first(cert.DNSNames)
	case "uri":
		if len(cert.URIs) > 0 {
			name = cert.URIs[0].String()
		}
	}
	if name == "" {
		return "", errNoSuchName
	}
	return name, nil
}
