package policies

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMermaid(t *testing.T) {
	s := one(`
faultHandler: refuse
`+echo+`
  refuse:
    filters:
      - {name: 'say "<no>"', type: json-error}
`).load(t, options(t, nil), nil)
	want := `flowchart TD
  use0(["public /chat onUpgrade"]) --> n0
  n0["connect-to-url"]
  n0 -->|success| pass
  n0 -.->|failure| fail
  pass(("pass"))
  fail(("fail"))
`
	if diff := cmp.Diff(want, Mermaid(s.Policies["admit"], Uses(s, s.Policies["admit"]))); diff != "" {
		t.Error(diff)
	}
	got := Mermaid(s.Policies["refuse"], Uses(s, s.Policies["refuse"]))
	for _, part := range []string{`use0(["faultHandler"])`, `n0["say #quot;#lt;no#gt;#quot;<br/><i>json-error</i>"]`} {
		if !strings.Contains(got, part) {
			t.Errorf("%s is not in\n%s", part, got)
		}
	}
	admit := design.load(t, options(t, nil), nil).Policies["admit"]
	for _, part := range []string{"n1 -->|success| n2", "n1 -.->|failure| n5", "==>|fault| n6"} {
		if !strings.Contains(Mermaid(admit, nil), part) {
			t.Errorf("%s is not in\n%s", part, Mermaid(admit, nil))
		}
	}
}
