package scripts

import _ "embed"

// Types is framegate.d.ts: what scripts find around them, for editors and for the TypeScript compiler.
//
//go:embed framegate.d.ts
var Types []byte
