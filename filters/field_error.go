package filters

import (
	"fmt"
	"strconv"
)

// wrong makes the error for a field: what is wrong with it, and in hint what to
// write instead.
func wrong(field, hint, format string, args ...any) error {
	return &FieldError{Field: field, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// indexed is the path of an item of a list.
func indexed(field string, i int) string { return field + "." + strconv.Itoa(i) }
