//go:build !race

package socket_test

import "testing"

func TestRelayingAllocatesNothing(t *testing.T) {
	d, a := pair(t, "127.0.0.1:0")
	p := make([]byte, 64)
	allocs := testing.AllocsPerRun(200, func() {
		if _, err := d.Write(p); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(p); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0.1 {
		t.Errorf("%v allocations for a write and a read", allocs)
	}
}
