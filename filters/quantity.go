package filters

import (
	"fmt"
	"math"
	"strconv"

	"framegate/engine"
)

// quantity is how much of something a limit allows: a number, or bytes as a size
// such as 10MiB.
type quantity int64

// maxQuantity is the most that is counted with: 10^15, a thousand terabytes.
const maxQuantity = 1e15

// UnmarshalText reads a whole number, or a size.
func (q *quantity) UnmarshalText(text []byte) error {
	var size engine.Size
	if err := size.UnmarshalText(text); err != nil {
		return notAQuantity(text)
	}
	*q = quantity(size)
	return nil
}

// notAQuantity is the error of a text that is no quantity.
type notAQuantity string

func (e notAQuantity) Error() string {
	return fmt.Sprintf("%q is no whole number, and no size", string(e))
}

// Hint says what to write instead.
func (e notAQuantity) Hint() string { return "write a whole number, or bytes such as 10MiB" }

// countOf is what a message costs, or a plan allows, as a selector gave it: a
// number of 0 or more, as such or as text. Parts are rounded up.
func countOf(v engine.Value) (int64, error) {
	f, err := numberOf(v)
	switch {
	case err != nil:
		return 0, err
	case f < 0:
		return 0, fmt.Errorf("%s is less than 0", strconv.FormatFloat(f, 'g', -1, 64))
	case f > maxQuantity:
		return 0, fmt.Errorf("%s is more than can be counted, %d", strconv.FormatFloat(f, 'g', -1, 64), int64(maxQuantity))
	}
	return int64(math.Ceil(f)), nil
}
