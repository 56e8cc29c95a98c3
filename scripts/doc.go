// Package scripts compiles and runs JavaScript over messages.
//
// A [Library] compiles a [Source] (a module, a classic script or TypeScript in
// the gateway's directory, or JavaScript written inline) to a [Program], which
// is an [engine.Filter]: its function returns true for success, false for
// failure, and throws to abort.
//
// Authors are trusted not to attack the gateway; what messages carry is not.
// So every call is bounded in time, call depth and memory, whatever ends a
// bound is closed off inside the natives of the JavaScript engine too, and
// every session has its own copy of a script in each direction.
package scripts
