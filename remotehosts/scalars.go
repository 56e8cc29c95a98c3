package remotehosts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Priority is the place of a group of addresses among the others: 1 goes first.
type Priority int

var priorities = []string{"highest", "high", "medium", "low", "lowest"}

// UnmarshalText reads highest, high, medium, low, lowest, or a number from 1.
func (p *Priority) UnmarshalText(text []byte) error {
	if at := slices.Index(priorities, string(text)); at >= 0 {
		*p = Priority(at + 1)
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil || n == 0 {
		return &scalarError{fmt.Sprintf("%q is no priority", text), "write highest, high, medium, low, lowest, or a number from 1"}
	}
	*p = Priority(n)
	return nil
}

// String is the word for the priority, or its number.
func (p Priority) String() string {
	if p >= 1 && int(p) <= len(priorities) {
		return priorities[p-1]
	}
	return strconv.Itoa(int(p))
}

// StatusRange is a range of HTTP statuses, both ends included.
type StatusRange struct{ From, To int }

// UnmarshalText reads 200-399 or 204.
func (r *StatusRange) UnmarshalText(text []byte) error {
	from, to, ranged := strings.Cut(string(text), "-")
	if !ranged {
		to = from
	}
	low, err := strconv.ParseUint(from, 10, 16)
	high, err2 := strconv.ParseUint(to, 10, 16)
	if err != nil || err2 != nil || low < 100 || high > 599 || low > high {
		return &scalarError{fmt.Sprintf("%q is no range of statuses", text), "write 200-399, or one status such as 204"}
	}
	*r = StatusRange{int(low), int(high)}
	return nil
}

// String is the range as it is written.
func (r StatusRange) String() string {
	if r.From == r.To {
		return strconv.Itoa(r.From)
	}
	return fmt.Sprintf("%d-%d", r.From, r.To)
}

// scalarError is what is wrong with a text, and what to write instead.
type scalarError struct{ what, hint string }

func (e *scalarError) Error() string { return e.what }

// Hint says what to write instead.
func (e *scalarError) Hint() string { return e.hint }
