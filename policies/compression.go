package policies

import (
	"math/bits"
	"reflect"

	"gopkg.in/yaml.v3"

	"framegate/engine"
)

// decodeNode reads the word on or off for both sides, or the keys.
func (c *Compression) decodeNode(d *decoder, n *yaml.Node, what string) {
	v := reflect.ValueOf(c).Elem()
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.structure(n, v, what)
		return
	}
	if n.Value != "on" && n.Value != "off" {
		d.errorf(d.source.at(n), "write `compression: on`, or its keys below it: client, host, minSize, context, peerContext", "%q must be on, off or a map, not %s", what, d.show(n))
		return
	}
	d.structure(&yaml.Node{Kind: yaml.MappingNode}, v, what)
	c.Client, c.Host = n.Value, n.Value
}

// compression compiles what a websocket says of compression.
func (c *compiler) compression(w *Websocket) engine.Compression {
	own := w.Compression
	out := engine.Compression{
		Client: own.Client == "on", Host: own.Host == "on",
		MinSize: int(own.MinSize), Context: int(own.Context), PeerContext: int(own.PeerContext),
	}
	if n := own.PeerContext; n != 0 && (n < 512 || bits.OnesCount64(uint64(n)) != 1) {
		c.errorf(own.at("peerContext"), "write 0, or a power of two from 512 to 32KiB", "peerContext %s is no window that RFC 7692 knows", n)
	}
	if (out.Client || out.Host) && w.OnClientFrame.Name == "" && w.OnServerFrame.Name == "" && w.Mode == "auto" {
		c.warnf(w.at("compression"), "add `mode: message`, or leave compression to the peers", "compression does nothing here: no policy looks at the messages of %s, so client and remote host agree on it themselves", w.Path)
	}
	return out
}
