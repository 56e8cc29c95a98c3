package scripts

import (
	"strings"

	"github.com/dop251/goja"
)

// text is what a method of strings works on. It is nil where the native is going to throw.
func (c *machine) text(v goja.Value) goja.String {
	if s, ok := v.(goja.String); ok {
		return s
	}
	if _, isSymbol := v.(*goja.Symbol); isSymbol || v == nil || goja.IsUndefined(v) || goja.IsNull(v) {
		return nil
	}
	return c.toText(v)
}

// toText is what String(v) says; toString of the script may run.
func (c *machine) toText(v goja.Value) goja.String {
	if s, ok := v.(goja.String); ok {
		return s
	}
	s, _ := c.rt.ToValue(v.String()).(goja.String)
	return s
}

// subject puts the text in the place of this, so that it is made once, and bounds it for natives that go over all of it.
func (c *machine) subject(call *goja.FunctionCall, max int) goja.String {
	s := c.text(call.This)
	if s == nil {
		return nil
	}
	call.This = s
	if n := s.Length(); n > max {
		c.exceed("a text of %d characters is too long here: at most %d", n, max)
	}
	return s
}

func guardRepeat(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if s := c.text(call.This); s != nil {
		call.This = s
		if times := call.Argument(0).ToInteger(); times > 0 && s.Length() > 0 && times > int64(c.code.limits.Bytes/s.Length()) {
			c.exceed("repeat would make a text of more than %d characters", c.code.limits.Bytes)
		}
	}
	return rethrow(native(call.This, call.Arguments...))
}

func guardPad(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if call.Argument(0).ToInteger() > int64(c.code.limits.Bytes) {
		c.exceed("padding would make a text of more than %d characters", c.code.limits.Bytes)
	}
	return rethrow(native(call.This, call.Arguments...))
}

func guardStringConcat(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	total := 0
	if s := c.text(call.This); s != nil {
		call.This = s
		total = s.Length()
	}
	for i, arg := range call.Arguments {
		if _, isSymbol := arg.(*goja.Symbol); !isSymbol {
			s := c.toText(arg)
			call.Arguments[i] = s
			total += s.Length()
		}
	}
	if total > c.code.limits.Bytes {
		c.exceed("concat would make a text of more than %d characters", c.code.limits.Bytes)
	}
	return rethrow(native(call.This, call.Arguments...))
}

// guardSubject is for natives whose work grows with the text.
func guardSubject(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	c.subject(call, maxSubject)
	if s, ok := call.Argument(0).(goja.String); ok && s.Length() > maxSubject {
		c.exceed("a text of %d characters is too long here: at most %d", s.Length(), maxSubject)
	}
	result := rethrow(native(call.This, call.Arguments...))
	c.yield()
	return result
}

// guardMatch is for natives that make a regular expression of a text.
func guardMatch(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if pattern, ok := call.Argument(0).(goja.String); ok {
		c.checkPattern(pattern.String(), "")
	}
	return guardSubject(c, call, native)
}

// guardRegexp is for the methods of regular expressions that take the text as an argument.
func guardRegexp(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	if len(call.Arguments) > 0 {
		if s := c.text(call.Arguments[0]); s != nil {
			call.Arguments[0] = s
			if n := s.Length(); n > maxSubject {
				c.exceed("a text of %d characters is too long for a regular expression: at most %d", n, maxSubject)
			}
		}
	}
	result := rethrow(native(call.This, call.Arguments...))
	c.yield()
	return result
}

// guardReplace counts what the replacements add up to.
func guardReplace(c *machine, call *goja.FunctionCall, native goja.Callable) goja.Value {
	s := c.subject(call, maxSubject)
	if s == nil || len(call.Arguments) < 2 {
		return rethrow(native(call.This, call.Arguments...))
	}
	args := []goja.Value{call.Arguments[0], call.Arguments[1]}
	counter := &replacement{c: c, total: s.Length()}
	if f, ok := goja.AssertFunction(args[1]); ok {
		args[1] = c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
			made := c.toText(rethrow(f(undefined, call.Arguments...)))
			counter.add(made.Length())
			return made
		})
	} else if template := c.text(args[1]); template != nil {
		args[1] = template
		refs := strings.Count(template.String(), "$")
		if worst := (s.Length() + 1) * (template.Length() + refs*s.Length()); worst > c.code.limits.Bytes {
			counter.template = template
			args[1] = c.rt.ToValue(counter.expand)
		}
	}
	result := rethrow(native(call.This, args...))
	c.yield()
	return result
}

// replacement expands the template of a replace and counts what comes out.
type replacement struct {
	c        *machine
	template goja.String
	total    int
}

func (r *replacement) add(n int) {
	r.c.yield()
	if r.total += n; r.total > r.c.code.limits.Bytes {
		r.c.exceed("replace would make a text of more than %d characters", r.c.code.limits.Bytes)
	}
}

// expand is GetSubstitution (ECMA-262 §22.1.3.19.1): it is called with the match, its groups, its position, the text,
// and the named groups where there are any.
func (r *replacement) expand(call goja.FunctionCall) goja.Value {
	args := call.Arguments
	var named *goja.Object
	if last, ok := args[len(args)-1].(*goja.Object); ok {
		named = last
		args = args[:len(args)-1]
	}
	text, _ := args[len(args)-1].(goja.String)
	at := int(args[len(args)-2].ToInteger())
	match, _ := args[0].(goja.String)
	groups := args[1 : len(args)-2]
	var out goja.StringBuilder
	put := func(s goja.String) {
		r.add(s.Length())
		out.WriteString(s)
	}
	t := r.template
	for i := 0; i < t.Length(); {
		piece, next := r.piece(t, i, match, text, at, groups, named)
		if piece != nil {
			put(piece)
		}
		i = next
	}
	return out.String()
}

// piece is what stands for the template at i, and where the template goes on.
func (r *replacement) piece(t goja.String, i int, match, text goja.String, at int, groups []goja.Value, named *goja.Object) (goja.String, int) {
	if t.CharAt(i) != '$' || i+1 == t.Length() {
		end := i + 1
		for end < t.Length() && t.CharAt(end) != '$' {
			end++
		}
		return t.Substring(i, end), end
	}
	switch next := t.CharAt(i + 1); {
	case next == '$':
		return t.Substring(i, i+1), i + 2
	case next == '&':
		return match, i + 2
	case next == '`':
		return text.Substring(0, at), i + 2
	case next == '\'':
		return text.Substring(min(text.Length(), at+match.Length()), text.Length()), i + 2
	case next >= '0' && next <= '9':
		if n, end := groupNumber(t, i+1, len(groups)); n > 0 {
			group, _ := groups[n-1].(goja.String)
			return group, end
		}
	case next == '<' && named != nil:
		for end := i + 2; end < t.Length(); end++ {
			if t.CharAt(end) == '>' {
				group, _ := named.Get(t.Substring(i+2, end).String()).(goja.String)
				return group, end + 1
			}
		}
	}
	return t.Substring(i, i+1), i + 1
}

// groupNumber reads one or two digits that name a group there is.
func groupNumber(t goja.String, i, groups int) (n, end int) {
	digit := func(i int) int {
		if i < t.Length() && t.CharAt(i) >= '0' && t.CharAt(i) <= '9' {
			return int(t.CharAt(i) - '0')
		}
		return -1
	}
	one, two := digit(i), digit(i+1)
	if two >= 0 && one*10+two >= 1 && one*10+two <= groups {
		return one*10 + two, i + 2
	}
	if one >= 1 && one <= groups {
		return one, i + 1
	}
	return 0, i
}

// bounded makes a global function of texts that takes no more than a native may work on.
func bounded(name string) func(c *machine) goja.Value {
	return func(c *machine) goja.Value {
		native, _ := goja.AssertFunction(c.rt.GlobalObject().Get(name))
		f := c.rt.ToValue(func(call goja.FunctionCall) goja.Value {
			if s := c.text(call.Argument(0)); s != nil && s.Length() > maxSubject {
				c.exceed("a text of %d characters is too long for %s: at most %d", s.Length(), name, maxSubject)
			}
			return rethrow(native(undefined, call.Arguments...))
		}).(*goja.Object)
		c.must(f.DefineDataProperty("name", c.rt.ToValue(name), goja.FLAG_FALSE, goja.FLAG_TRUE, goja.FLAG_FALSE))
		return f
	}
}

// grown looks at the size of a text that may have met itself.
func (c *machine) grown(call goja.FunctionCall) goja.Value {
	v := call.Argument(0)
	if s, ok := v.(goja.String); ok && s.Length() > c.code.limits.Bytes {
		c.exceed("a text of more than %d characters", c.code.limits.Bytes)
	}
	return v
}
