package filters

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"

	"framegate/engine/jsonbytes"
)

// maxOutput is the longest JSON that a program may put out, in bytes.
const maxOutput = 16 << 20

var (
	errDeepOutput = fmt.Errorf("nested more than %d deep", jsonbytes.MaxDepth)
	errLongOutput = fmt.Errorf("more than %d bytes", maxOutput)
)

// appendJSON appends an output of a jq program as JSON. What JSON does not have becomes null, or the largest number, as in jq.
func appendJSON(dst []byte, v any, depth int) ([]byte, error) {
	if depth > jsonbytes.MaxDepth {
		return dst, errDeepOutput
	}
	if len(dst) > maxOutput {
		return dst, errLongOutput
	}
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...), nil
	case bool:
		return strconv.AppendBool(dst, v), nil
	case int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case float64:
		return appendFloat(dst, v), nil
	case *big.Int:
		return v.Append(dst, 10), nil
	case json.Number:
		return append(dst, v...), nil
	case string:
		return jsonbytes.AppendString(dst, v), nil
	case []any:
		return appendList(dst, v, depth)
	case map[string]any:
		return appendObject(dst, v, depth)
	}
	return dst, fmt.Errorf("a %T has no JSON", v)
}

func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) {
		return append(dst, "null"...)
	}
	f = min(max(f, -math.MaxFloat64), math.MaxFloat64)
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e17) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

func appendList(dst []byte, list []any, depth int) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, item := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, item, depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, object map[string]any, depth int) (_ []byte, err error) {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsonbytes.AppendString(dst, name), ':')
		if dst, err = appendJSON(dst, object[name], depth+1); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// plainOutput is an output as attributes have it.
func plainOutput(v any, depth int) (any, error) {
	if depth > jsonbytes.MaxDepth {
		return nil, errDeepOutput
	}
	switch v := v.(type) {
	case int:
		if depth == 0 {
			return int64(v), nil
		}
		return float64(v), nil
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f, nil
	case json.Number:
		return plainNumbers(v, depth == 0), nil
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			var err error
			if list[i], err = plainOutput(item, depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, item := range v {
			var err error
			if object[name], err = plainOutput(item, depth+1); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	return v, nil
}
