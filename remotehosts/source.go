package remotehosts

import "embed"

// Source is the file that declares [Definition]: its comments are the manual of
// remote hosts.
//
//go:embed definition.go
var Source embed.FS
