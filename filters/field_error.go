package filters

import "fmt"

// wrong makes the error for a field: what is wrong with it, and in hint what to
// write instead.
func wrong(field, hint, format string, args ...any) error {
	return &FieldError{Field: field, Hint: hint, Err: fmt.Errorf(format, args...)}
}
