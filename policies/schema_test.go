package policies

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"framegate/filters"
)

// compiledSchema is the schema as a validator has it.
func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("gateway.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("gateway.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// document is a YAML text as the validator of an editor sees it.
func document(t *testing.T, text []byte) any {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	out, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// What the loader takes, the schema takes: the examples, and the gateways of these tests.
func TestSchemaTakesWhatRuns(t *testing.T) {
	schema := compiledSchema(t)
	files, err := filepath.Glob("../examples/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, pattern := range []string{"../examples/*/policies/*.yaml", "../examples/*/remotehosts/*.yaml", "../examples/*/stores/stores.yaml", "testdata/warned/*/gateway.yaml"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	texts := map[string]string{"design": design["gateway.yaml"], "frames of design": design["policies/frames.yaml"], "echo": echo, "everything": everything}
	for _, file := range files {
		if filepath.Base(file) == "values.yaml" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	for name, text := range texts {
		if err := schema.Validate(document(t, []byte(text))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// everything has most keys, some of them as {{…}}.
const everything = `
version: 1
include: extra/*.yaml
values: values.yaml
faultHandler: refuse
showReason: '{{show}}'
console: {listen: off, token: '{{env "TOKEN"}}'}
trafficLog: {records: 100, frames: true, payloads: 10KiB, trails: 1}
limits: {buffered: '{{env "BUFFERED" "1GiB"}}'}
scripts: {timeout: 50ms, callDepth: 100}
ports:
  public:
    listen: ['127.0.0.1:8080', ':8081']
    enabled: '{{on}}'
    tls: {cert: a.pem, key: b.pem, minVersion: 1.3, clientAuth: require, clientCA: ca.pem}
    access: {default: '{{access}}', allow: 10.0.0.0/8, deny: [10.1.0.0/16]}
    limits: {connections: 100, header: 16KiB, uri: 8192}
    websockets:
      - {path: /a, onUpgrade: admit, expire: 0, idleTimeout: 1d12h, onFrameFault: {fail: close 1008}, limits: {message: 1048576}}
remoteHosts:
  chat: {host: chat.internal, port: '{{port}}', tls: {serverName: chat.example.test}}
  many:
    host: many.internal
    addresses: ['10.0.0.1:9001', {priority: low, weight: 2, list: ['10.0.0.2:9001']}, {priority: 9, list: [10.0.0.3]}]
    balancing: sticky
    stickyKey: '${http.header.X-Room ?: ""}'
    retries: 2
    ejection: {first: 1s, most: 1m}
    breaker: {failures: 0}
    watchdog: {method: HEAD, uri: /health, ok: [200-299, 401], every: 30s, pollIfUp: true}
    proxy: {url: 'http://proxy.internal:3128', username: bob, password: '{{env "PASSWORD"}}', bypass: [.internal, 10.0.0.0/8]}
    tls: {sni: false, verifyHost: false, cert: a.pem, key: b.pem}
    addressCacheTime: 1m
    correlationHeader: ''
stores:
  users: {records: {bob: {anything: [1, two]}}}
`

// What an editor must mark.
func TestSchemaRefusesWhatIsWrong(t *testing.T) {
	schema := compiledSchema(t)
	for _, name := range []string{
		"unknown-top-level-key", "unknown-port-key", "unknown-websocket-key", "unknown-filter-type", "unknown-filter-key",
		"enum-typo", "required-missing", "required-missing-in-filter", "duration-without-unit", "size-in-kb", "yes-for-true",
		"list-for-map", "text-for-map", "map-for-list", "map-for-text", "text-for-filter", "filter-without-type", "filter-type-as-key",
		"negative-number", "route-unknown-key", "version-2", "other-words-for-arrows",
	} {
		text, err := os.ReadFile(filepath.Join("testdata/broken", name, gatewayFile))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(document(t, text)) == nil {
			t.Errorf("%s: the schema takes it", name)
		}
	}
}

// Every key is described, and `type` has every filter type and alias.
func TestSchemaDescribesEverything(t *testing.T) {
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	if root["$schema"] != "http://json-schema.org/draft-07/schema#" {
		t.Error(root["$schema"])
	}
	described(t, "", root)
	filter := root["definitions"].(map[string]any)["filter"].(map[string]any)
	types := filter["properties"].(map[string]any)["type"].(map[string]any)["enum"].([]any)
	if want := len(tableOfFilters().names); len(types) != want || len(filter["allOf"].([]any)) != len(filters.All()) {
		t.Errorf("%d types, want %d; %d rules", len(types), want, len(filter["allOf"].([]any)))
	}
	for name, key := range laterKeys {
		for word := range key {
			if properties, ok := find(root, name); ok && properties[word] != nil {
				t.Errorf("%s.%s is not in this version, but in the schema", name, word)
			}
		}
	}
}

// find returns the properties of a named part.
func find(root map[string]any, name string) (map[string]any, bool) {
	properties := root["properties"].(map[string]any)
	switch name {
	case "gateway":
		return properties, true
	case "port":
		return properties["ports"].(map[string]any)["additionalProperties"].(map[string]any)["properties"].(map[string]any), true
	case "remote host":
		return properties["remoteHosts"].(map[string]any)["additionalProperties"].(map[string]any)["properties"].(map[string]any), true
	}
	return nil, false
}

func described(t *testing.T, path string, node any) {
	t.Helper()
	switch node := node.(type) {
	case map[string]any:
		if properties, ok := node["properties"].(map[string]any); ok && node["additionalProperties"] == false {
			for name, p := range properties {
				if p.(map[string]any)["description"] == nil {
					t.Errorf("%s.%s has no description", path, name)
				}
			}
		}
		for key, child := range node {
			described(t, path+"."+key, child)
		}
	case []any:
		for _, child := range node {
			described(t, path, child)
		}
	}
}
