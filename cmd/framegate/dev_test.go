package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What an example prints to type next can be typed: the commands in it are this
// program's, however it was started.
func TestHintsOfExamplesCanBeTyped(t *testing.T) {
	for example, want := range map[string]string{
		"jwt-origin": `"Authorization: Bearer $(` + self() + ` token `, "route-by-token": `"Authorization: Bearer $(` + self() + ` token `,
		"api-keys-with-limits": "X-API-Key: demo-key-free", "mask-pii": `-m '{"card"`, "validate-json": `-m '{"type":"say"`,
	} {
		if hint := hintFor(filepath.Join("..", "..", "examples", example)); !strings.Contains(hint, want) {
			t.Errorf("%s: the hint is %s, want %s in it", example, hint, want)
		}
	}
	if self() == "framegate" {
		t.Error("a program that go has built for one run is called by its name, which no shell knows")
	}
}
