package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every YAML and JavaScript block of the README is checked as framegate check
// does, and every command in it exists.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, block := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		language, code := block[1], block[2]
		counts[language]++
		t.Run(fmt.Sprint(language, " ", counts[language]), func(t *testing.T) {
			switch language {
			case "yaml":
				checkReadmeGateway(t, code)
			case "js", "ts":
				checkReadmeScript(t, language, code)
			case "console":
				checkReadmeCommands(t, code)
			default:
				t.Errorf("no check for %s", language)
			}
		})
	}
	if counts["yaml"] < 2 || counts["js"] < 2 || counts["console"] < 3 {
		t.Errorf("the README has only %v", counts)
	}
}

// The tables of keys and filters are what the source says.
func TestReadmeTables(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	tables := regexp.MustCompile("(?s)<!-- framegate ([a-z -]+) --markdown -->\n(.*?)<!-- end -->").FindAllStringSubmatch(string(text), -1)
	if len(tables) == 0 {
		t.Fatal("the README has no table of keys")
	}
	for _, table := range tables {
		want, problems, code := cli(t, append(strings.Fields(table[1]), "--markdown")...)
		if code != 0 || want != table[2] {
			t.Errorf("replace the table by what framegate %s --markdown prints (exit %d %s):\n%s", table[1], code, problems, want)
		}
	}
}

// surroundings is what the fragments of the README stand in.
const surroundings = `
version: 1
ports:
  public:
    listen: 127.0.0.1:0
    websockets:
      - {path: /chat, onUpgrade: admit}
remoteHosts:
  chat: {host: chat.internal, port: 9001}
stores:
  clients: {records: {a: {key: 'sha256:ea8f163db38682925e4491c5e58d4bb3506ef8c14eb78a86e908c5624a67200f'}}}
  users: {records: {a: {password: $2a$10$bTT78OtCKCF3uXBf86PWCunBVN2NyXmLdXB4Dn26n5TSl3ATC2FCm}}}
`

func checkReadmeGateway(t *testing.T, code string) {
	dir := t.TempDir()
	if strings.Contains(code, "version:") {
		write(t, filepath.Join(dir, "gateway.yaml"), code)
	} else {
		around := surroundings
		if !strings.Contains(code, "  admit:") { // a policy for messages
			policy := regexp.MustCompile(`(?m)^  (\w+):$`).FindStringSubmatch(code)
			around = strings.Replace(around, "onUpgrade: admit", "onUpgrade: admit, onClientFrame: "+policy[1], 1) +
				"policies: {admit: {filters: [{type: connect-to-url, url: 'ws://chat/'}]}}\n"
		}
		write(t, filepath.Join(dir, "gateway.yaml"), around)
		write(t, filepath.Join(dir, "policies", "readme.yaml"), code)
	}
	checkFine(t, dir)
}

func checkReadmeScript(t *testing.T, language, code string) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gateway.yaml"), strings.Replace(surroundings, "onUpgrade: admit", "onUpgrade: admit, onClientFrame: script", 1))
	write(t, filepath.Join(dir, "policies", "policies.yaml"), `
policies:
  admit: {filters: [{type: connect-to-url, url: 'ws://chat/'}]}
  script: {filters: [{type: script, file: scripts/readme.`+language+`}]}
`)
	write(t, filepath.Join(dir, "scripts", "readme."+language), code)
	checkFine(t, dir)
}

func checkFine(t *testing.T, dir string) {
	t.Helper()
	if out, problems, code := cli(t, "check", dir); code != 0 || problems != "" {
		t.Errorf("exit %d\n%s%s", code, out, problems)
	}
}

func checkReadmeCommands(t *testing.T, code string) {
	commands := regexp.MustCompile(`(?m)^\$ (?:framegate|go run \./cmd/framegate) ([a-z]+)`).FindAllStringSubmatch(code, -1)
	for _, command := range commands {
		if _, problems, code := cli(t, command[1], "--help"); code != 0 {
			t.Errorf("framegate %s --help: exit %d %s", command[1], code, problems)
		}
	}
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
