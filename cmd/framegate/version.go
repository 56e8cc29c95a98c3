package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

type versionCommand struct{}

func (versionCommand) Help() string {
	return `
One line: the module's version, the revision it was built from, and the Go version and platform.
A revision that ends in "+changes" was built from a tree with uncommitted changes.

    framegate version`
}

// Run prints the line.
func (versionCommand) Run(std stdio) error {
	_, err := fmt.Fprintln(std.out, version())
	return err
}

// version describes this build.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return versionLine(info)
}

// versionLine describes a build; info may be nil where a binary was built without module support.
func versionLine(info *debug.BuildInfo) string {
	version, revision := "(devel)", ""
	if info != nil {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		revision = revisionOf(info.Settings)
	}
	words := []string{"framegate", version}
	if revision != "" {
		words = append(words, revision)
	}
	return strings.Join(append(words, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH), " ")
}

// revisionOf is the version control revision in 12 digits with its date, as far as the go tool noted them.
func revisionOf(settings []debug.BuildSetting) string {
	var revision, date, changes string
	for _, s := range settings {
		switch s.Key {
		case "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case "vcs.time":
			date, _, _ = strings.Cut(s.Value, "T")
		case "vcs.modified":
			if s.Value == "true" {
				changes = "+changes"
			}
		}
	}
	if revision == "" {
		return ""
	}
	if date != "" {
		date = " " + date
	}
	return revision + changes + date
}
