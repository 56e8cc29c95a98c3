package engine

import (
	"fmt"
	"testing"
	"time"
)

func TestACacheHoldsSoManyEntriesAndBytesAndForgetsTheOldest(t *testing.T) {
	c, now := NewCache(), time.Unix(1000, 0)
	put := func(key, value string, expires time.Time) { c.Put(key, StringValue(value), expires, 3, 4<<10) }
	holds := func(want ...string) {
		t.Helper()
		got := []string{}
		for at := c.order.Front(); at != nil; at = at.Next() {
			got = append(got, at.Value.(*cached).key)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) || len(c.entries) != len(want) {
			t.Errorf("holds %v, want %v", got, want)
		}
	}
	put("a", "1", time.Time{})
	put("b", "2", now.Add(time.Second))
	put("c", "3", time.Time{})
	if v, ok := c.Get("a", now); !ok || v.String() != "1" {
		t.Errorf("a is %q, %t", v, ok)
	}
	put("d", "4", time.Time{})
	holds("d", "a", "c") // b was used the longest time ago
	put("b", "2", now.Add(time.Second))
	if _, ok := c.Get("b", now.Add(time.Second-1)); !ok {
		t.Error("b is gone before its time")
	}
	if _, ok := c.Get("b", now.Add(time.Second)); ok {
		t.Error("b is there after its time")
	}
	holds("d", "a")
	put("a", string(make([]byte, 3500)), time.Time{})
	holds("a", "d")
	put("e", string(make([]byte, 1000)), time.Time{})
	holds("e")
	put("e", string(make([]byte, 5000)), time.Time{})
	holds()
	if put("f", "", time.Time{}); !c.Remove("f") || c.Remove("f") || c.bytes != 0 {
		t.Errorf("after all is removed %d bytes are left", c.bytes)
	}
}

// What is cached does not change with the buffer or the header set that it came from.
func TestACacheKeepsCopies(t *testing.T) {
	c, body, h := NewCache(), []byte("hello"), &Headers{}
	if err := h.Set("A", "1"); err != nil {
		t.Fatal(err)
	}
	c.Put("body", textView(body), time.Time{}, 9, 1<<20)
	c.Put("bytes", BytesValue(body), time.Time{}, 9, 1<<20)
	c.Put("headers", HeadersValue(h), time.Time{}, 9, 1<<20)
	copy(body, "XXXXX")
	h.Del("A")
	for key, want := range map[string]string{"body": "hello", "bytes": "hello", "headers": "A: 1\r\n"} {
		if v, _ := c.Get(key, time.Now()); v.String() != want {
			t.Errorf("%s is %q, want %q", key, v, want)
		}
	}
	if v, _ := c.Get("bytes", time.Now()); v.Kind() != Bytes {
		t.Errorf("bytes are of kind %d", v.Kind())
	}
}
