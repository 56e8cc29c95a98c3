package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// writeEvery is how often what has changed is written to disk: a process that is
// killed forgets no more than that, and what one writing takes.
const writeEvery = 500 * time.Millisecond

// warnEvery is how often a disk that cannot be written to is logged.
const warnEvery = time.Minute

// Disk is an engine.State whose truth is in memory and which writes it to a file
// behind itself. Every call answers from memory and waits for no disk; one
// goroutine writes what has changed, twice a second, each time in one transaction that
// is synced. [Disk.Close] writes the rest. A disk that fails at run time is
// logged and tried again; meanwhile all goes on in memory.
type Disk struct {
	*Memory
	log *slog.Logger

	mu     sync.Mutex // held while the file is written
	path   string
	file   *file // nil until something is written to a file that is yet to be made
	anew   bool  // what has changed is no longer known: all is to be written
	failed time.Time
	stop   chan struct{}
	done   chan struct{}
}

// NewDisk makes an empty Disk, which is a [Memory] with such a limit and clock
// until it is opened.
func NewDisk(limit int64, now func() time.Time, log *slog.Logger) *Disk {
	return &Disk{Memory: NewMemory(limit, now), log: log}
}

// Open takes in what the file at path holds and begins to write to it. A file
// that does not exist is made at once with create, else when there is something to
// write. It is an error when the file is another process's, damaged, not ours, of a
// newer version, or holds more than fits: nothing is overwritten then.
func (d *Disk) Open(path string, create bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		return fmt.Errorf("open state file %s: %s is open", path, d.path)
	}
	f, err := openFile(path, create)
	if err != nil {
		return err
	}
	d.journal() // what was put before is written too
	if f != nil {
		if err := d.load(f); err != nil {
			return errors.Join(fmt.Errorf("read state file %s: %w", path, err), f.close())
		}
	}
	d.path, d.file = path, f
	d.stop, d.done = make(chan struct{}), make(chan struct{})
	go d.writeBehind(d.stop)
	return nil
}

// load puts the entries of the file that have not expired into memory; what is
// there already stays.
func (d *Disk) load(f *file) error {
	now := d.now()
	return f.read(func(e *entry) error {
		if e.expired(now) {
			return nil
		}
		sh := d.shard(e.name)
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.live(e.name, now) != nil {
			return nil
		}
		ttl := time.Duration(0)
		if !e.expires.IsZero() {
			ttl = e.expires.Sub(now)
		}
		err := d.replace(sh, e, now, ttl)
		delete(sh.changed, e.name)
		return err
	})
}

// writeBehind writes what has changed until it is told to stop.
func (d *Disk) writeBehind(stop <-chan struct{}) {
	defer close(d.done)
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.note(d.guarded())
		case <-stop:
			return
		}
	}
}

// guarded is Write; a panic in it must not end the process.
func (d *Disk) guarded() (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return d.Write()
}

// note logs that the disk fails, now and then, and that it works again.
func (d *Disk) note(err error) {
	now := time.Now()
	switch {
	case err == nil && !d.failed.IsZero():
		d.failed = time.Time{}
		d.log.Info("state is written to disk again", "file", d.path)
	case err != nil && now.Sub(d.failed) >= warnEvery:
		d.failed = now
		d.log.Error("state is kept in memory only: it cannot be written to disk", "file", d.path, "error", err)
	}
}

// Write writes what has changed since it was last written. It does nothing
// before Open. After an error all of it is still to be written.
func (d *Disk) Write() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop == nil || !d.unwritten() {
		return nil
	}
	return d.write()
}

// write is Write; the caller holds mu.
func (d *Disk) write() error {
	if d.file == nil {
		f, err := openFile(d.path, true)
		if err != nil {
			return err
		}
		d.file = f
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTime)
	defer cancel()
	if d.anew {
		d.journal()
	}
	names, err := d.file.write(ctx, d.now(), d.anew, d.changes)
	if err != nil {
		d.touch(names)
		d.bound()
		return fmt.Errorf("write state file %s: %w", d.path, err)
	}
	d.anew = false
	return nil
}

// bound keeps the lists of what has changed from growing without end while the
// disk fails: past a bound, everything is written anew once it works again.
func (d *Disk) bound() {
	for i := range d.shards {
		sh := &d.shards[i]
		sh.mu.Lock()
		if len(sh.changed) > 2*len(sh.entries)+maxGone {
			sh.changed, d.anew = make(map[name]struct{}), true
		}
		sh.mu.Unlock()
	}
}

// maxGone is how many names of a shard may be on its list beside those that have entries.
const maxGone = 1000

// writeTime bounds one writing.
const writeTime = 30 * time.Second

// changes calls write for every entry that has changed, with nil for one that is
// gone. It returns the names it has taken off the list.
func (d *Disk) changes(write func(n name, e *entry) error) (taken []name, err error) {
	for i := range d.shards {
		changed, now := d.shards[i].take()
		for n := range changed {
			taken = append(taken, n)
		}
		for n := range changed {
			if err := write(n, now[n]); err != nil {
				return taken, err
			}
		}
	}
	return taken, nil
}

// touch puts names back on the list of what is to be written.
func (d *Disk) touch(names []name) {
	for _, n := range names {
		sh := d.shard(n)
		sh.mu.Lock()
		sh.touch(n)
		sh.mu.Unlock()
	}
}

// unwritten tells whether something is to be written.
func (d *Disk) unwritten() bool {
	if d.anew {
		return true
	}
	for i := range d.shards {
		sh := &d.shards[i]
		sh.mu.Lock()
		n := len(sh.changed)
		sh.mu.Unlock()
		if n > 0 {
			return true
		}
	}
	return false
}

// Close stops writing behind, writes the rest, and gives the file free. The
// memory can still be used; nothing of it is written any more.
func (d *Disk) Close() error {
	d.mu.Lock()
	stop := d.stop
	d.stop = nil
	d.mu.Unlock()
	if stop == nil {
		return nil
	}
	close(stop)
	<-d.done
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	if d.unwritten() {
		err = d.write()
	}
	if d.file != nil {
		err = errors.Join(err, d.file.close())
	}
	return err
}

// Opened tells whether the state is written to a file.
func (d *Disk) Opened() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stop != nil
}
