package jsonbytes

import "unicode/utf8"

// Mask hides a value: what is left is a string with the mask's text, and as much of the beginning and the end as is to be
// kept. Numbers become strings; null stays null, since it tells nothing; true, false, objects and lists are hidden whole.
type Mask struct {
	Text  string
	Each  bool // Text stands once for every hidden character, and not once for all
	First int  // characters kept of the beginning
	Last  int  // and of the end; of a value that is no longer than First and Last together nothing is kept
}

// append writes the mask of a value.
func (k *Mask) append(p *Pass, value []byte) []byte {
	text := value
	switch value[0] {
	case '"':
		p.text = AppendText(p.text[:0], value)
		text = p.text
	case '{', '[', 't', 'f':
		return AppendString(p.out, k.Text)
	}
	n := utf8.RuneCount(text)
	first, last := k.First, k.Last
	if first+last >= n {
		first, last = 0, 0
	}
	head, tail := ends(text, first, last)
	out := AppendEscaped(append(p.out, '"'), text[:head])
	if !k.Each {
		out = AppendEscaped(out, k.Text)
	} else {
		for range n - first - last {
			out = AppendEscaped(out, k.Text)
		}
	}
	return append(AppendEscaped(out, text[tail:]), '"')
}

// ends is where the first characters of a text end, and where the last begin.
func ends(text []byte, first, last int) (head, tail int) {
	for range first {
		_, size := utf8.DecodeRune(text[head:])
		head += size
	}
	tail = len(text)
	for range last {
		_, size := utf8.DecodeLastRune(text[:tail])
		tail -= size
	}
	return head, tail
}
