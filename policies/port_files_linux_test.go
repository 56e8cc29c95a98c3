package policies_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childHost says that this process is the child of a test, and where its host is.
const childHost = "FRAMEGATE_TEST_CHILD_HOST"

// With no file descriptor left the gateway says so, waits, and serves again as
// soon as there is one. It runs in a process of its own, which may have few.
func TestRunningOutOfFiles(t *testing.T) {
	if host := os.Getenv(childHost); host != "" {
		serveWithFewFiles(t, host)
		return
	}
	parent := &served{t: t}
	parent.echo()
	child := exec.Command(os.Args[0], "-test.run=^TestRunningOutOfFiles$", "-test.timeout=60s")
	child.Env = append(os.Environ(), childHost+"="+parent.host)
	stop, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 1000)
	go func() {
		defer close(lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
	}()
	wait := func(text string) string {
		t.Helper()
		for late := time.After(30 * time.Second); ; {
			select {
			case line, open := <-lines:
				if !open {
					t.Fatalf("the child ended before it said %q", text)
				}
				if strings.Contains(line, text) {
					return line
				}
			case <-late:
				t.Fatalf("the child did not say %q", text)
			}
		}
	}
	_, address, _ := strings.Cut(wait("listens on "), "listens on ")
	var held []net.Conn
	for range 100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		held = append(held, conn)
	}
	if line := wait("cannot accept a connection"); !strings.Contains(line, "too many open files") || !strings.Contains(line, "ulimit -n") {
		t.Errorf("it says %s", line)
	}
	for _, conn := range held {
		conn.Close()
	}
	// Those that waited in the system's queue are taken one after the other, and need a file until they are seen to be closed.
	eventually(t, "upgrades work again", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		return ask(conn, "", "") == 101
	})
	stop.Close()
	for range lines {
	}
	if err := child.Wait(); err != nil {
		t.Error(err)
	}
}

// serveWithFewFiles is the child: a gateway with few files, until its input ends.
func serveWithFewFiles(t *testing.T, host string) {
	g := serve(t, strings.Replace(portYAML("enabled: true"), "HOST", host, 1), nil)
	limit := syscall.Rlimit{Cur: 60, Max: 60}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("listens on %s\n", g.address(false))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		os.Stdin.Read(make([]byte, 1))
	}()
	for said := 0; ; {
		select {
		case <-ended:
			return
		case <-time.After(20 * time.Millisecond):
			text := g.log.String()
			fmt.Print(text[said:])
			said = len(text)
		}
	}
}
