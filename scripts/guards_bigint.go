package scripts

import (
	"math"
	"math/big"

	"github.com/dop251/goja"
)

// bigOf is the integer of a BigInt.
func bigOf(v goja.Value) (*big.Int, bool) {
	if !goja.IsBigInt(v) {
		return nil, false
	}
	n, ok := v.Export().(*big.Int)
	return n, ok
}

// operands makes both sides of an operator primitive, and gives the integers when both are BigInts.
func (c *machine) operands(call goja.FunctionCall) (x, y goja.Value, a, b *big.Int) {
	x, y = c.primitive(call.Argument(0)), c.primitive(call.Argument(1))
	a, isA := bigOf(x)
	b, isB := bigOf(y)
	if isA != isB {
		c.throw("cannot mix BigInt and other types, use explicit conversions")
	}
	return x, y, a, b
}

// primitive is what an operator makes of an object: its valueOf, else its text.
func (c *machine) primitive(v goja.Value) goja.Value {
	object, ok := v.(*goja.Object)
	if !ok {
		return v
	}
	if f, ok := goja.AssertFunction(object.Get("valueOf")); ok {
		if p := rethrow(f(object)); !isObject(p) {
			return p
		}
	}
	return c.toText(object)
}

func isObject(v goja.Value) bool {
	_, ok := v.(*goja.Object)
	return ok
}

// bits bounds the result of an operator on BigInts.
func (c *machine) bits(n float64) {
	if n > maxBigBits {
		c.exceed("a BigInt of more than %d bits", maxBigBits)
	}
}

func (c *machine) pow(call goja.FunctionCall) goja.Value {
	x, y, a, b := c.operands(call)
	if a == nil {
		return c.rt.ToValue(power(x.ToFloat(), y.ToFloat()))
	}
	if b.Sign() < 0 {
		panic(c.rangeError("the exponent of a BigInt must not be negative"))
	}
	if a.CmpAbs(big.NewInt(1)) > 0 {
		exponent, _ := new(big.Float).SetInt(b).Float64()
		c.bits(float64(a.BitLen()) * exponent)
	} else if b.Sign() > 0 {
		b = big.NewInt(2 - int64(b.Bit(0))) // 0, 1 and -1 only care whether it is odd
	}
	return c.rt.ToValue(new(big.Int).Exp(a, b, nil))
}

// power is the exponentiation of numbers, ECMA-262 §6.1.6.1.3, which differs from IEEE 754 in these cases.
func power(x, y float64) float64 {
	if math.IsNaN(y) || math.IsInf(y, 0) && (x == 1 || x == -1) {
		return math.NaN()
	}
	return math.Pow(x, y)
}

func (c *machine) mul(call goja.FunctionCall) goja.Value {
	x, y, a, b := c.operands(call)
	if a == nil {
		return c.rt.ToValue(x.ToFloat() * y.ToFloat())
	}
	c.bits(float64(a.BitLen()) + float64(b.BitLen()))
	return c.rt.ToValue(new(big.Int).Mul(a, b))
}

func (c *machine) shl(call goja.FunctionCall) goja.Value {
	x, y, a, b := c.operands(call)
	if a == nil {
		return c.rt.ToValue(int32(x.ToInteger()) << (uint32(y.ToInteger()) & 31))
	}
	if !b.IsInt64() || b.Int64() > maxBigBits {
		c.bits(math.Inf(1))
	}
	n := b.Int64()
	if n < 0 {
		return c.rt.ToValue(new(big.Int).Rsh(a, uint(min(-n, maxBigBits))))
	}
	c.bits(float64(a.BitLen()) + float64(n))
	return c.rt.ToValue(new(big.Int).Lsh(a, uint(n)))
}

func (c *machine) rangeError(text string) *goja.Object {
	object, err := c.rt.New(c.rt.Get("RangeError"), c.rt.ToValue(text))
	c.must(err)
	return object
}

// bigIntFunction is BigInt for texts of a bounded number of digits.
func (c *machine) bigIntFunction() goja.Value {
	original := c.rt.Get("BigInt").(*goja.Object)
	native, _ := goja.AssertFunction(original)
	f := c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
		if s, ok := call.Argument(0).(goja.String); ok {
			c.bits(float64(s.Length()) * 3)
		}
		return rethrow(native(undefined, call.Arguments...))
	}).(*goja.Object)
	for _, name := range []string{"asIntN", "asUintN", "prototype"} {
		c.must(f.DefineDataProperty(name, original.Get(name), goja.FLAG_FALSE, goja.FLAG_FALSE, goja.FLAG_FALSE))
	}
	return f
}
