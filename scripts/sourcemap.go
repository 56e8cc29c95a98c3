package scripts

import (
	"errors"
	"strings"
)

// shiftMappings moves the mappings of a source map down by one line, for the wrapper that stands above the script, and
// counts columns from 1 on both sides, as the JavaScript engine does when it asks and people do when they read.
func shiftMappings(mappings string) (string, error) {
	var out strings.Builder
	out.Grow(len(mappings) + len(mappings)/8)
	out.WriteByte(';')
	first, lineStart := true, true
	for rest := mappings; rest != ""; {
		if rest[0] == ';' || rest[0] == ',' {
			lineStart = lineStart || rest[0] == ';'
			out.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		end := strings.IndexAny(rest, ";,")
		if end < 0 {
			end = len(rest)
		}
		fields, err := decodeVLQ(rest[:end])
		if err != nil {
			return "", err
		}
		if lineStart {
			fields[0]++
			lineStart = false
		}
		if first && len(fields) >= 4 {
			fields[3]++
			first = false
		}
		for _, n := range fields {
			encodeVLQ(&out, n)
		}
		rest = rest[end:]
	}
	return out.String(), nil
}

const base64Digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// decodeVLQ reads the numbers of one segment (ECMA-426 §9: base 64, five bits a digit, the sign in the lowest bit).
func decodeVLQ(segment string) ([]int, error) {
	var fields []int
	value, shift := 0, 0
	for i := 0; i < len(segment); i++ {
		digit := strings.IndexByte(base64Digits, segment[i])
		if digit < 0 || shift > 50 {
			return nil, errors.New("bad mappings")
		}
		value |= digit & 31 << shift
		shift += 5
		if digit&32 != 0 {
			continue
		}
		if value&1 != 0 {
			value = -(value >> 1)
		} else {
			value >>= 1
		}
		fields = append(fields, value)
		value, shift = 0, 0
	}
	if len(fields) == 0 || shift != 0 {
		return nil, errors.New("bad mappings")
	}
	return fields, nil
}

func encodeVLQ(out *strings.Builder, n int) {
	value := n << 1
	if n < 0 {
		value = -n<<1 | 1
	}
	for {
		digit := value & 31
		if value >>= 5; value > 0 {
			digit |= 32
		}
		out.WriteByte(base64Digits[digit])
		if value == 0 {
			return
		}
	}
}
