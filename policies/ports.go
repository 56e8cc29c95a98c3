package policies

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// port compiles a port and its websockets.
func (c *compiler) port(name string, p *Port) *engine.Port {
	out := &engine.Port{
		Name: name, Listen: p.Listen, Disabled: !p.Enabled, At: p.place.position(),
		Access: engine.Access{DenyByDefault: p.Access.Default == "deny", Allow: prefixes(p.Access.Allow), Deny: prefixes(p.Access.Deny)},
		Limits: engine.PortLimits{
			Connections: p.Limits.Connections, PerClient: p.Limits.PerClient,
			Header: int(p.Limits.Header), URI: int(p.Limits.URI), Handshake: p.Limits.Handshake,
		},
	}
	if list := member(p.node, "listen"); list != nil && len(list.Content) == 0 && list.Kind == yaml.SequenceNode {
		c.errorf(p.place, "write `listen: 127.0.0.1:8080`", "port %q has no address to listen on", name)
	}
	for i, address := range p.Listen {
		c.address(p.item("listen", i), fmt.Sprintf("port %q", name), address, p.Enabled)
	}
	if p.TLS != nil {
		out.TLS = c.portTLS(name, p)
	}
	seen := make(map[string]*Websocket)
	for _, w := range p.Websockets {
		if w == nil {
			continue
		}
		key := w.Host + " " + w.Path
		if first := seen[key]; first != nil {
			c.errorf(w.place, "delete one of the two, or give one another `path` or `host`", "port %q has two websockets with the path %s; the first is at %s", name, w.Path, first.place.position())
			continue
		}
		seen[key] = w
		out.Websockets = append(out.Websockets, c.websocket(name, p, w))
	}
	return out
}

func prefixes(list []engine.Prefix) []netip.Prefix {
	var out []netip.Prefix
	for _, p := range list {
		out = append(out, p.Prefix)
	}
	return out
}

// address checks host:port, and that nobody else listens there.
func (c *compiler) address(at place, who, address string, enabled bool) {
	host, port, err := net.SplitHostPort(address)
	n, numErr := strconv.ParseUint(port, 10, 16)
	if err != nil || numErr != nil {
		hint := "write host and port, such as 127.0.0.1:8080, or :8080 for every address"
		if _, err := strconv.ParseUint(address, 10, 16); err == nil {
			hint = fmt.Sprintf("write 127.0.0.1:%s, or :%s for every address", address, address)
		}
		c.errorf(at, hint, "%s cannot listen on %q: it is no host and port", who, shorten(address))
		return
	}
	if !enabled || n == 0 {
		return
	}
	for taken, by := range c.listening {
		otherHost, otherPort, _ := net.SplitHostPort(taken)
		if otherPort == port && by != who && (host == otherHost || isEvery(host) || isEvery(otherHost)) {
			c.errorf(at, "give one of them another port number", "%s listens on %s, and so does %s", who, address, by)
			return
		}
	}
	c.listening[net.JoinHostPort(host, port)] = who
}

// isEvery tells whether a host means every address of the machine.
func isEvery(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }

// portTLS loads the certificates of a port.
func (c *compiler) portTLS(name string, p *Port) *tls.Config {
	out := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if p.TLS.MinVersion == "1.3" {
		out.MinVersion = tls.VersionTLS13
	}
	all := p.TLS.Certificates
	if p.TLS.Cert != "" || p.TLS.Key != "" {
		all = slices.Concat([]Certificate{{p.TLS.Cert, p.TLS.Key}}, all)
	}
	if len(all) == 0 {
		c.errorf(p.at("tls"), "write `tls: {cert: tls/server.crt, key: tls/server.key}`", "port %q speaks TLS and has no certificate", name)
	}
	for _, pair := range all {
		if cert, ok := c.certificate(p.at("tls"), name, pair); ok {
			out.Certificates = append(out.Certificates, cert)
		}
	}
	c.clientAuth(out, name, p)
	return out
}

func (c *compiler) certificate(at place, port string, pair Certificate) (tls.Certificate, bool) {
	if pair.Cert == "" || pair.Key == "" {
		c.errorf(at, "write both `cert` and `key`", "port %q: a certificate needs its key, and a key its certificate", port)
		return tls.Certificate{}, false
	}
	certPEM, err := c.pem(at, pair.Cert)
	if err != nil {
		return tls.Certificate{}, false
	}
	keyPEM, err := c.pem(at, pair.Key)
	if err != nil {
		return tls.Certificate{}, false
	}
	cert, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		c.errorf(at, "both files must be PEM, and belong together", "port %q: certificate %s with key %s cannot be used: %s", port, pair.Cert, pair.Key, strings.TrimPrefix(err.Error(), "tls: "))
		return tls.Certificate{}, false
	}
	return cert, true
}

// pem reads a file of the gateway's directory, or by an absolute name.
func (c *compiler) pem(at place, name string) (text []byte, err error) {
	if path.IsAbs(name) {
		if text, err = os.ReadFile(name); err == nil {
			c.reader.files.note(name, text)
		}
	} else {
		text, err = fs.ReadFile(c.reader.files, path.Clean(name))
	}
	if err != nil {
		c.errorf(at, "relative names start at the gateway's directory and stay in it; absolute ones are taken as they are", "%s", fileProblem(name, err))
	}
	return text, err
}

// clientAuth makes the port ask clients for certificates.
func (c *compiler) clientAuth(out *tls.Config, name string, p *Port) {
	if p.TLS.ClientAuth == "none" {
		return
	}
	out.ClientAuth = tls.VerifyClientCertIfGiven
	if p.TLS.ClientAuth == "require" {
		out.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if p.TLS.ClientCA == "" {
		c.errorf(p.at("tls.clientAuth"), "add `clientCA:` with the PEM file of the authority", "port %q asks for client certificates and knows no authority", name)
		return
	}
	text, err := c.pem(p.at("tls.clientCA"), p.TLS.ClientCA)
	if err != nil {
		return
	}
	out.ClientCAs = x509.NewCertPool()
	if !out.ClientCAs.AppendCertsFromPEM(text) {
		c.errorf(p.at("tls.clientCA"), "the file must hold certificates as PEM", "port %q: no certificate in %s", name, p.TLS.ClientCA)
	}
}

// console checks where the console listens.
func (c *compiler) console() engine.Console {
	out := engine.Console{Listen: c.config.Console.Listen, Token: c.config.Console.Token}
	at := place{}
	if written := c.singles["console"]; written != nil {
		at = written.at("listen")
	}
	if out.Listen == "off" {
		out.Listen = ""
		return out
	}
	c.address(at, "the console", out.Listen, true)
	host, _, err := net.SplitHostPort(out.Listen)
	if err != nil {
		return out
	}
	if addr, err := netip.ParseAddr(host); (err != nil || !addr.IsLoopback()) && host != "localhost" && out.Token == "" {
		c.errorf(at, `add token: '{{env "CONSOLE_TOKEN"}}', or listen on 127.0.0.1:8090`, "the console listens on %s, which is more than loopback, without a token", out.Listen)
	}
	return out
}
