package main

import (
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the files must stay unchanged before a reload: editors
// write a file in several steps.
const settle = 100 * time.Millisecond

// watcher tells when something in a gateway's directory has changed.
type watcher struct {
	changed chan struct{}
	log     *slog.Logger
	files   *fsnotify.Watcher
	done    chan struct{}
}

// watchDirectory watches a directory and those below it; directories rather
// than files, because many editors replace a file by renaming another over it.
func watchDirectory(dir string, log *slog.Logger) (*watcher, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	w := &watcher{changed: make(chan struct{}, 1), log: log, files: files, done: make(chan struct{})}
	if err := w.add(dir); err != nil {
		files.Close()
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	go w.loop()
	return w, nil
}

// add watches a directory and those below it, but for hidden ones and node_modules.
func (w *watcher) add(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case !entry.IsDir():
			return nil
		case path != dir && ignored(entry.Name()):
			return filepath.SkipDir
		}
		return w.files.Add(path)
	})
}

func ignored(name string) bool { return strings.HasPrefix(name, ".") || name == "node_modules" }

func (w *watcher) loop() {
	defer close(w.done)
	timer := time.NewTimer(settle)
	timer.Stop()
	for {
		select {
		case event, open := <-w.files.Events:
			if !open {
				return
			}
			if ignored(filepath.Base(event.Name)) || event.Op == fsnotify.Chmod {
				continue
			}
			if event.Has(fsnotify.Create) {
				w.add(event.Name) // a new directory; for a file it does nothing
			}
			timer.Reset(settle)
		case err, open := <-w.files.Errors:
			if !open {
				return
			}
			w.log.Warn("watching files", "error", err)
		case <-timer.C:
			select {
			case w.changed <- struct{}{}:
			default:
			}
		}
	}
}

func (w *watcher) close() {
	w.files.Close()
	<-w.done
}
