package filters

import "bytes"

// threatLists are the built-in block lists by name. They look for what has next to
// no business in ordinary text, and would rather miss an attack than stop a chat: a back end must
// still bind its parameters and escape its output. The texts they see are in lower case, with one
// space for each run of white space, or one line feed where a line ends in it.
var threatLists = map[string][]threatRule{
	"sql-injection": {
		{begins: []string{`'`}, words: `or and`, soon: `=<>`},
		{begins: []string{`" `, "\"\n"}, words: `or and`, soon: `=<>`},
		{begins: []string{`union`}, after: noWord, then: sqlSpace + `((all|distinct)` + sqlSpace + `)?select\b`},
		{begins: []string{`drop`, `alter`, `truncate`}, after: endOfValue, then: sqlSpace + `(table|database|schema|user)\b`},
		{begins: []string{`;`}, words: `delete`, then: sqlSpace + `from\b`},
		{begins: []string{`;`}, words: `insert`, then: sqlSpace + `into\b`},
		{begins: []string{`;`}, words: `update`, then: sqlSpace + `\w{1,60}` + sqlSpace + `set\b`},
		{begins: []string{`;`}, words: `exec execute shutdown`, then: `\s|$`},
		{begins: []string{`'--`, `' --`, `'/*`}, after: wordBefore},
		{begins: []string{`sleep`, `pg_sleep`, `benchmark`}, after: noWord, then: `\s?\(\s?['"\d]`},
		{begins: []string{`waitfor`}, after: noWord, then: `\sdelay\b`},
		{begins: []string{`information_schema`, `sysobjects`, `xp_cmdshell`, `pg_catalog`}, after: noWord},
		{begins: []string{`into`}, after: noWord, then: sqlSpace + `(out|dump)file\b`},
	},
	"cross-site-scripting": {
		{begins: []string{`<`}, words: `script iframe frame object embed applet meta base link style svg math form`},
		{begins: []string{`on`}, after: inTag, then: `[a-z]{3,20}\s?=`},
		{begins: []string{`javascript`, `vbscript`}, after: noWord, then: `\s?:`},
		{begins: []string{`data:text/html`}, after: noWord},
		{begins: []string{`expression`}, after: noWord, then: `\s?\(`},
	},
	"path-traversal": {
		{begins: []string{`..`}, after: noWordOrDot, then: `([\\/]|%2f|%5c|$)`},
		{begins: []string{`%2e`}, then: `(%2e|\.)([\\/]|%2f|%5c)`},
		{begins: []string{`.%2e`}, then: `([\\/]|%2f|%5c)`},
		{begins: []string{`%25`}, then: `(25){0,8}2e`},
		{begins: []string{`%c0%ae`, `%c0%af`, `%c1%9c`}},
		{begins: []string{`/etc/`}, then: `(passwd|shadow|group|hosts)\b`},
		{begins: []string{`/proc/self/`}},
		{begins: []string{`:\windows`, `:\winnt`, `:\boot.ini`}, after: wordBefore},
	},
	"command-injection": {
		{begins: []string{`;`, `&`, `|`, "`"}, words: `cat ls id uname whoami wget curl bash sh nc ncat netcat rm chmod ping nslookup python python2 python3 perl php powershell cmd`, then: `\s[-/.\w'"]|\s?[;&|` + "`" + `<>]|\s?$`},
		{begins: []string{`$(`}, then: `\s?(cat|ls|id|uname|whoami|wget|curl|bash|sh|nc|rm|ping|nslookup|echo|printf)\b`},
		{begins: []string{`/bin/`}, then: `(ba|da|z|k|c)?sh\b`},
		{begins: []string{`cmd`, `powershell`}, after: noWord, then: `(\.exe)?\s[-/](c|enc|encodedcommand|command)\b`},
		{begins: []string{`()`}, then: `\s?\{\s?:?;?\s?\}\s?;`},
	},
	"xml-entity":          {{begins: []string{`<!`}, then: `\s?(doctype|entity)\b`}},
	"lookup-injection":    {{begins: []string{`${`}, then: `\s?(\$\{\s?)?((jndi|lower|upper|env|sys|java|ctx|main):|::-)`}},
	"server-side-include": {{begins: []string{`<!--`}, then: `\s?#\s?(exec|include|echo|printenv|config|set)\b`}},
	"crlf-injection":      {{begins: []string{"\n"}, then: `(set-cookie|location|content-type|content-length|transfer-encoding|http/\d)\s?[:.]`}},
	"control-characters":  {{begins: controls()}},
}

// sqlSpace is what SQL takes for white space: comments too.
const sqlSpace = `(\s|/\*[^*]{0,50}\*/)+`

// controls are the control characters (ASCII) but for tab, line feed, form feed and carriage return, which stand in texts.
func controls() (all []string) {
	for c := range byte(' ') {
		if bytes.IndexByte([]byte("\t\n\f\r"), c) < 0 {
			all = append(all, string(rune(c)))
		}
	}
	return append(all, "\x7f")
}

func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }

// noWord: the word begins here.
func noWord(before []byte) bool { return len(before) == 0 || !isWord(before[len(before)-1]) }

func noWordOrDot(before []byte) bool {
	return noWord(before) && !bytes.HasSuffix(before, []byte("."))
}

// inTag: an attribute of an HTML tag begins here.
func inTag(before []byte) bool {
	if len(before) == 0 || bytes.IndexByte([]byte(" \n/'\""), before[len(before)-1]) < 0 {
		return false
	}
	before = before[max(0, len(before)-thenLength):]
	open := bytes.LastIndexByte(before, '<')
	return open >= 0 && open+1 < len(before) && isWord(before[open+1]) && bytes.IndexByte(before[open:], '>') < 0
}

// wordBefore: a word ends here.
func wordBefore(before []byte) bool { return !noWord(before) }

// endOfValue: a quote, a bracket or a semicolon ends something, and white space may follow.
func endOfValue(before []byte) bool {
	before = bytes.TrimRight(before, " \n")
	return len(before) > 0 && bytes.IndexByte([]byte(`'";)`), before[len(before)-1]) >= 0
}
