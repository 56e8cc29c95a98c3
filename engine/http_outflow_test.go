package engine

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A body that the answer is still made of is not read to make room for the next
// request: all of it comes back, however slowly it is sent.
func TestBodyIsForWhoAnswersWithIt(t *testing.T) {
	began := make(chan struct{}, 1)
	s := snapshotOf()
	s.Ports["public"].Routes = []*Route{{Path: "/", Port: "public", Active: time.Minute, Request: policyOf("echo", filterFunc(func(m *Message) (bool, error) {
		*m.Answer = Answer{Status: 200, Stream: m.RequestBody()}
		began <- struct{}{}
		return true, nil
	}))}}
	r := start(t, s)
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 6\r\n\r\none")
	<-began
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "two")
	if body, err := io.ReadAll(answer.Body); string(body) != "onetwo" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
}
