package policies

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"path"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

const outsideHint = "relative names start at the gateway's directory and stay in it; absolute ones are taken as they are"

// load reads a certificate with its key.
func (c Certificate) load(read func(string) ([]byte, error)) (tls.Certificate, *unusable) {
	switch {
	case c.PKCS12 != "" && (c.Cert != "" || c.Key != ""):
		return tls.Certificate{}, &unusable{what: "a certificate comes from PEM files or from a PKCS#12 file, not from both", hint: "write either `pkcs12` and `password`, or `cert` and `key`"}
	case c.PKCS12 != "":
		return c.fromPKCS12(read)
	case c.Cert == "" || c.Key == "":
		return tls.Certificate{}, &unusable{what: "a certificate needs its key, and a key its certificate", hint: "write both `cert` and `key`, or `pkcs12` with a file that holds both"}
	}
	certPEM, problem := readPEM(read, c.Cert)
	if problem != nil {
		return tls.Certificate{}, problem
	}
	keyPEM, problem := readPEM(read, c.Key)
	if problem != nil {
		return tls.Certificate{}, problem
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return tls.Certificate{}, &unusable{
			what: fmt.Sprintf("certificate %s with key %s cannot be used: %s", c.Cert, c.Key, strings.TrimPrefix(err.Error(), "tls: ")),
			hint: keyHint(keyPEM),
		}
	}
	return cert, nil
}

func keyHint(keyPEM []byte) string {
	if block, _ := pem.Decode(keyPEM); block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "") {
		return "the key is encrypted; decrypt it with openssl pkey -in IN -out OUT, or write `pkcs12` and `password`"
	}
	return "both files must be PEM, and belong together"
}

// readPEM reads a file that is wanted as PEM, and knows what is often there in its place.
func readPEM(read func(string) ([]byte, error), name string) ([]byte, *unusable) {
	text, err := read(name)
	switch {
	case err != nil:
		return nil, &unusable{what: err.Error(), hint: outsideHint}
	case isJavaKeyStore(text):
		return nil, javaKeyStore(name)
	case len(text) > 0 && text[0] == 0x30 && !bytes.Contains(text, []byte("-----BEGIN")): // an ASN.1 SEQUENCE
		return nil, &unusable{what: name + " is not PEM but binary", hint: "a PKCS#12 file goes under `pkcs12:`; a DER certificate is converted with openssl x509 -inform der -in IN -out OUT"}
	}
	return text, nil
}

// isJavaKeyStore tells by its first bytes whether a file is a JKS or JCEKS key store.
func isJavaKeyStore(text []byte) bool {
	return bytes.HasPrefix(text, []byte{0xFE, 0xED, 0xFE, 0xED}) || bytes.HasPrefix(text, []byte{0xCE, 0xCE, 0xCE, 0xCE})
}

func javaKeyStore(name string) *unusable {
	converted := strings.TrimSuffix(name, path.Ext(name)) + ".p12"
	return &unusable{
		what: name + " is a Java key store, which only Java reads",
		hint: fmt.Sprintf("convert it: keytool -importkeystore -srckeystore %s -destkeystore %s -deststoretype PKCS12, and write `pkcs12: %s`", name, converted, converted),
	}
}

// fromPKCS12 reads a file of RFC 7292.
func (c Certificate) fromPKCS12(read func(string) ([]byte, error)) (tls.Certificate, *unusable) {
	data, err := read(c.PKCS12)
	switch {
	case err != nil:
		return tls.Certificate{}, &unusable{what: err.Error(), hint: outsideHint}
	case isJavaKeyStore(data):
		return tls.Certificate{}, javaKeyStore(c.PKCS12)
	}
	key, leaf, between, err := pkcs12.DecodeChain(data, c.Password)
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return tls.Certificate{}, &unusable{what: "the password does not open " + c.PKCS12, hint: `write password: '{{env "P12_PASSWORD"}}' and set the variable`}
	case err != nil:
		return tls.Certificate{}, &unusable{
			what: fmt.Sprintf("%s cannot be read: %s", c.PKCS12, strings.TrimPrefix(err.Error(), "pkcs12: ")),
			hint: "it must be a PKCS#12 file with one private key and its certificate; PEM files go under `cert` and `key`",
		}
	}
	return chained(c.PKCS12, key, leaf, between)
}

// chained puts a certificate, its key and those between it and the authority together.
func chained(name string, key any, leaf *x509.Certificate, between []*x509.Certificate) (tls.Certificate, *unusable) {
	out := tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}
	for _, cert := range between {
		if !bytes.Equal(cert.RawSubject, cert.RawIssuer) { // clients have their roots
			out.Certificate = append(out.Certificate, cert.Raw)
		}
	}
	signer, ok := key.(crypto.Signer)
	public, comparable := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !comparable || !public.Equal(signer.Public()) {
		return tls.Certificate{}, &unusable{what: name + " cannot be used: the key is not that of the certificate", hint: "make the file again of a certificate and its own key"}
	}
	return out, nil
}
