package filters

import "testing"

func TestConcurrentSettingsThatAreRefused(t *testing.T) {
	_, err := try(nil, func(f *concurrent) { f.AtMost = 0 })
	refused(t, err, "atMost")
}

func TestConcurrentNeedsItsKey(t *testing.T) {
	f := build(t, nil, func(f *concurrent) { f.AtMost, f.Key = 1, sel("${http.header.X-Id}") })
	aborts(t, f, upgrade("/"), "key: ")
	m := upgrade("/", "X-Id: a")
	passes(t, f, m)
	passes(t, f, m) // a session counts once, however often its policy comes by
}
