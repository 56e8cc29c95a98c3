package policies

import (
	"strings"
	"testing"
)

// YAML that is unusual, and right.
func TestYAMLThatIsTaken(t *testing.T) {
	for name, text := range map[string]string{
		"byte order mark":        "\ufeff" + echo,
		"carriage returns":       strings.ReplaceAll(echo, "\n", "\r\n"),
		"start of a document":    "# a comment\n---" + echo,
		"directive":              "%YAML 1.1\n---" + echo,
		"end of a document":      echo + "...\n# nothing\n",
		"empty sections":         echo + "remoteHosts:\nstores:\n",
		"no end of line":         strings.TrimSuffix(echo, "\n"),
		"JSON":                   `{"ports": {"public": {"listen": "127.0.0.1:8080"}}}`,
		"nothing":                "",
		"only comments":          "# nothing\n",
		"comments after content": echo + "\n\n# the end",
		"anchors and aliases":    strings.Replace(echo, "listen: 127.0.0.1:8080", "listen: [&one '127.0.0.1:8080', *one]", 1),
		"merge keys":             echo + "  other:\n    filters:\n      - &base {name: a, type: connect-to-url, url: ws://127.0.0.1:9001/, failure: b}\n      - {<<: *base, name: b, failure: fail}\n",
	} {
		t.Run(name, func(t *testing.T) {
			got := one(text).problems(t, options(t, nil))
			if got != "" {
				t.Errorf("it is refused:\n%s", got)
			}
		})
	}
}

func TestNearest(t *testing.T) {
	names := []string{"connect-to-url", "true-filter", "api-key", "onUpgrade", "url", "drop-frame"}
	for word, want := range map[string]string{
		"conect-to-url": "connect-to-url", "connect_to_url": "connect-to-url", "ConnectToURL": "connect-to-url", "connect": "connect-to-url",
		"true": "true-filter", "apikey": "api-key", "api-kye": "api-key", "onupgrade": "onUpgrade", "ulr": "url", "drop-fram": "drop-frame",
		"nothing": "", "": "", "x": "", strings.Repeat("x", 1000): "",
	} {
		if got, _ := Nearest(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"abc", "acb", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
		if got := distance(c.b, c.a); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.b, c.a, got, c.want)
		}
	}
}
