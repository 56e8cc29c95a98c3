package state

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"framegate/engine"
)

var _ engine.State = (*Disk)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a log that tests read.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// newDisk makes a Disk that is closed after the test.
func newDisk(t *testing.T, c *clock) (*Disk, *lines) {
	t.Helper()
	log := &lines{}
	d := NewDisk(1<<20, c.now, slog.New(slog.NewTextHandler(log, nil)))
	t.Cleanup(func() { d.Close() })
	return d, log
}

// opened is a Disk on a file that is made if need be.
func opened(t *testing.T, c *clock, path string) *Disk {
	t.Helper()
	d, _ := newDisk(t, c)
	if err := d.Open(path, true); err != nil {
		t.Fatal(err)
	}
	return d
}

func statePath(t *testing.T) string { return filepath.Join(t.TempDir(), ".framegate", "state.db") }

func write(t *testing.T, d *Disk) {
	t.Helper()
	if err := d.Write(); err != nil {
		t.Fatal(err)
	}
}

func shut(t *testing.T, d *Disk) {
	t.Helper()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsKeptIsThereAfterARestart(t *testing.T) {
	path, c := statePath(t), newClock()
	d := opened(t, c, path)
	put(t, d.Memory, "for ever", "\x00binary\xff", 0)
	put(t, d.Memory, "empty", "", 0)
	put(t, d.Memory, "short", "1", time.Minute)
	put(t, d.Memory, "long", "2", time.Hour)
	put(t, d.Memory, "deleted", "3", 0)
	if _, err := d.Add("b", "counter", 41, time.Hour); err != nil {
		t.Fatal(err)
	}
	takes(t, d, 3, daily(10), engine.Taken{OK: true, Used: 3, Anew: 20*time.Hour + 55*time.Minute + 55*time.Second})
	for range 80 {
		if _, err := d.Take("window", "k", 1, rolling(100, 3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		c.turn(time.Second / 2)
	}
	write(t, d)
	d.Delete("b", "deleted")
	put(t, d.Memory, "for ever", "changed", 0)
	shut(t, d)

	c.turn(time.Minute)
	d = opened(t, c, path)
	expect(t, d.Memory, "for ever", "changed", true)
	expect(t, d.Memory, "empty", "", true)
	expect(t, d.Memory, "short", "", false)
	expect(t, d.Memory, "long", "2", true)
	expect(t, d.Memory, "deleted", "", false)
	if n, err := d.Add("b", "counter", 1, time.Hour); err != nil || n != 42 {
		t.Errorf("the counter goes on with %d, %v", n, err)
	}
	if got, _ := d.Take("b", "k", 8, daily(10)); got.OK || got.Used != 3 {
		t.Errorf("of the day: %+v", got)
	}
	if got, _ := d.Take("window", "k", 21, rolling(100, 3*time.Hour)); got.OK || got.Used != 80 {
		t.Errorf("of the span: %+v", got)
	}
	c.turn(59 * time.Minute)
	expect(t, d.Memory, "long", "", false) // an hour after it was put
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v", info.Mode(), err)
	}
}

func TestNothingIsWrittenWhenNothingChanged(t *testing.T) {
	path, c := statePath(t), newClock()
	d := opened(t, c, path)
	put(t, d.Memory, "k", "v", 0)
	shut(t, d)
	d = opened(t, c, path)
	if d.unwritten() {
		t.Error("what was read counts as changed")
	}
	put(t, d.Memory, "k", "v2", time.Second)
	write(t, d)
	c.turn(time.Hour)
	d.Sweep() // what expires is taken out of the file in time, and needs no list
	if d.unwritten() {
		t.Error("what expired counts as changed")
	}
	put(t, d.Memory, "other", "v", 0)
	write(t, d)
	var rows int
	if err := d.file.db.QueryRow("SELECT count(*) FROM entries").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows are in the file, %v", rows, err)
	}
}

// A process that is killed leaves the files as they are: a copy of them is what
// the next one finds.
func TestAKilledProcessForgetsOnlyWhatWasNotYetWritten(t *testing.T) {
	path, c := statePath(t), newClock()
	d := opened(t, c, path)
	for round := range 3 {
		for i := range 50 {
			if _, err := d.Take("b", fmt.Sprint(i), 1, daily(1000)); err != nil {
				t.Fatal(err)
			}
		}
		write(t, d)
		if _, err := d.Take("b", "late", 1, daily(1000)); err != nil {
			t.Fatal(err)
		}
		copied := filepath.Join(t.TempDir(), "copy")
		if err := os.CopyFS(copied, os.DirFS(filepath.Dir(path))); err != nil {
			t.Fatal(err)
		}
		next := opened(t, c, filepath.Join(copied, "state.db"))
		for i := range 50 {
			expect(t, next.Memory, fmt.Sprint(i), fmt.Sprint(round+1), true)
		}
		if round == 0 {
			expect(t, next.Memory, "late", "", false)
		}
		shut(t, next)
	}
}

func TestAFileIsMadeWhenThereIsSomethingToWrite(t *testing.T) {
	path := statePath(t)
	d, _ := newDisk(t, newClock())
	if err := d.Open(path, false); err != nil {
		t.Fatal(err)
	}
	write(t, d)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("there is a file: %v", err)
	}
	put(t, d.Memory, "k", "v", 0)
	late := time.After(20 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		if _, err := os.Stat(path); err == nil {
			tick.Stop()
			break
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("nothing was written behind within 20 seconds")
		}
	}
	shut(t, d)
	expect(t, opened(t, newClock(), path).Memory, "k", "v", true)
}

func TestWithoutAFileItIsMemory(t *testing.T) {
	d, _ := newDisk(t, newClock())
	put(t, d.Memory, "k", "v", 0)
	write(t, d)
	shut(t, d)
	shut(t, d)
	if d.Opened() {
		t.Error("it says that it is open")
	}
	path := statePath(t) // what was put before is written too
	if err := d.Open(path, false); err != nil {
		t.Fatal(err)
	}
	if err := d.Open(path, false); err == nil {
		t.Error("it was opened twice")
	}
	shut(t, d)
	expect(t, opened(t, newClock(), path).Memory, "k", "v", true)
}

func TestAFileOfAnotherProcessIsLeftAlone(t *testing.T) {
	path, c := statePath(t), newClock()
	first := opened(t, c, path)
	put(t, first.Memory, "k", "v", 0)
	write(t, first)
	second, _ := newDisk(t, c)
	if err := second.Open(path, true); !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Fatalf("opened a file in use: %v", err)
	}
	shut(t, first)
	expect(t, opened(t, c, path).Memory, "k", "v", true)
}

func TestFilesThatCannotBeUsedAreLeftAlone(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	sound := filepath.Join(dir, "sound.db")
	d := opened(t, c, sound)
	for i := range 500 {
		put(t, d.Memory, fmt.Sprint(i), strings.Repeat("v", 100), 0)
	}
	shut(t, d)
	content, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	holed := bytes.Clone(content)
	for i := len(holed) / 4; i < len(holed)*3/4; i++ {
		holed[i] ^= 0x5A
	}
	foreign := database(t, dir, "CREATE TABLE users (name TEXT)")
	newer := database(t, dir, "PRAGMA application_id = 1718055796; PRAGMA user_version = 2; CREATE TABLE entries (x)")
	for what, c := range map[string]struct {
		content []byte
		want    error
	}{
		"no database": {[]byte(strings.Repeat("this is a text\n", 100)), ErrDamaged},
		"damaged":     {holed, ErrDamaged},
		"cut":         {content[:len(content)/2], ErrDamaged},
		"foreign":     {foreign, ErrForeign},
		"newer":       {newer, ErrNewer},
	} {
		path := filepath.Join(dir, what+".db")
		if err := os.WriteFile(path, c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		d, _ := newDisk(t, newClock())
		if err := d.Open(path, true); !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want %v", what, err, c.want)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(after, c.content) {
			t.Errorf("%s: the file was changed", what)
		}
	}
	small := NewDisk(10<<10, c.now, nil)
	if err := small.Open(sound, true); !errors.Is(err, ErrFull) {
		t.Errorf("more than fits: %v", err)
	}
	path := filepath.Join(sound, "in a file", "state.db")
	nowhere, _ := newDisk(t, c)
	if err := nowhere.Open(path, true); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("no directory: %v", err)
	}
}

// database is the content of a database that some statements made.
func database(t *testing.T, dir, statements string) []byte {
	t.Helper()
	path := filepath.Join(dir, "made.db")
	defer os.Remove(path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Whatever bytes of the file are wrong: it opens or says why not, and never
// takes the process with it.
func TestAFlippedByteIsNoPanic(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	sound := filepath.Join(dir, "sound.db")
	d := opened(t, c, sound)
	for i := range 30 {
		if _, err := d.Take("b", fmt.Sprint(i), 1, rolling(10, time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, d)
	content, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		broken := bytes.Clone(content)
		for range 1 + i/20 {
			broken[random.IntN(len(broken))] ^= byte(1 + random.IntN(255))
		}
		path := filepath.Join(dir, fmt.Sprint(i, ".db"))
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		d, _ := newDisk(t, c)
		if d.Open(path, true) == nil {
			d.Take("b", "1", 1, rolling(10, time.Hour))
			d.Write()
		}
		d.Close()
	}
}

func TestAFullDiskStopsNobody(t *testing.T) {
	path, c := statePath(t), newClock()
	d := opened(t, c, path)
	if _, err := d.file.db.Exec("PRAGMA max_page_count = 8"); err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		put(t, d.Memory, fmt.Sprint(i), strings.Repeat("v", 1000), 0)
	}
	if err := d.Write(); err == nil || !strings.Contains(err.Error(), "full") {
		t.Fatalf("written: %v", err)
	}
	takes(t, d, 1, rolling(2, time.Hour), engine.Taken{OK: true, Used: 1, Anew: time.Hour})
	if _, err := d.file.db.Exec("PRAGMA max_page_count = 100000"); err != nil {
		t.Fatal(err)
	}
	shut(t, d)
	d = opened(t, c, path)
	for i := range 300 {
		expect(t, d.Memory, fmt.Sprint(i), strings.Repeat("v", 1000), true)
	}
	takes(t, d, 2, rolling(2, time.Hour), engine.Taken{Used: 1, Wait: time.Hour, Anew: time.Hour})
}

func TestADiskThatFailsIsLoggedNowAndThenAndTriedAgain(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "data", "state.db")
	if err := os.WriteFile(filepath.Join(dir, "data"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d, log := newDisk(t, newClock())
	d.path, d.stop, d.done = path, make(chan struct{}), make(chan struct{})
	close(d.done) // opened, but for its goroutine
	d.journal()
	put(t, d.Memory, "k", "v", 0)
	for range 5 {
		d.note(d.guarded())
	}
	if n := log.count("kept in memory only"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if err := os.Remove(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	d.note(d.guarded())
	if log.count("written to disk again") != 1 {
		t.Error("the end of it is not logged")
	}
	shut(t, d)
	expect(t, opened(t, newClock(), path).Memory, "k", "v", true)
}

func TestAFailingDiskFillsNoMemory(t *testing.T) {
	path, c := statePath(t), newClock()
	d := opened(t, c, path)
	put(t, d.Memory, "before", "v", 0)
	write(t, d)
	broken := d.file
	if err := broken.close(); err != nil {
		t.Fatal(err)
	}
	for i := range 200_000 {
		key := fmt.Sprint(i)
		put(t, d.Memory, key, "v", 0)
		d.Delete("b", key)
		if i%10_000 == 0 && d.Write() == nil {
			t.Fatal("written to a closed file")
		}
	}
	d.Delete("b", "before")
	put(t, d.Memory, "after", "v", 0)
	if err := d.Write(); err == nil {
		t.Fatal("written to a closed file")
	}
	listed := 0
	for i := range d.shards {
		sh := &d.shards[i]
		sh.mu.Lock()
		listed += len(sh.changed)
		sh.mu.Unlock()
	}
	if listed > shards*maxGone+10 {
		t.Errorf("%d names wait to be written", listed)
	}
	again, err := openFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.file = again
	d.mu.Unlock()
	write(t, d)
	if d.unwritten() {
		t.Error("all is written again and again")
	}
	shut(t, d)
	d = opened(t, c, path)
	expect(t, d.Memory, "before", "", false)
	expect(t, d.Memory, "after", "v", true)
	if d.Used() > 2*overhead {
		t.Errorf("%d bytes are in the file", d.Used())
	}
}

func TestWritingBehindWhileAllIsInUse(t *testing.T) {
	path := statePath(t)
	d := opened(t, newClock(), path)
	var wg sync.WaitGroup
	const goroutines, each = 4, 2000
	for range goroutines {
		wg.Go(func() {
			for i := range each {
				if _, err := d.Take("b", fmt.Sprint(i%20), 1, rolling(1<<40, time.Hour)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if err := d.Write(); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	shut(t, d)
	d = opened(t, newClock(), path)
	for i := range 20 {
		expect(t, d.Memory, fmt.Sprint(i), fmt.Sprint(goroutines*each/20), true)
	}
}
