// Package jsonbytes reads and edits JSON as the bytes it is: no tree is built, and whatever an edit does not touch stays
// byte for byte as it was — spaces, the spelling of numbers and escapes, the order of members, members that stand twice.
//
// Everything takes RFC 8259 strictly: one value, UTF-8, no comments, no trailing commas; nothing nested deeper than
// [MaxDepth]. A document is read from front to back once, whatever the number of paths, and never past its first error.
//
// Names are compared as they read, not as they are spelt: "pass\u0077ord" is password. Of members that stand twice in an
// object all are replaced, masked and removed, since nobody knows which of them the reader takes; what is looked up is the last
// of them, as JavaScript and Go have it.
package jsonbytes

// MaxDepth is how deep objects and lists may be nested.
const MaxDepth = 512
