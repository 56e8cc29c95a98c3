package policies

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// maxFile is the size limit of any file that a configuration reads.
const maxFile = 64 << 20

var errTooLarge = errors.New("file is too large")

// readLimited reads a file up to its size limit.
func readLimited(r io.Reader, limit int64) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, fmt.Errorf("%w: more than %d KiB", errTooLarge, limit>>10)
	}
	return text, err
}

// fileProblem says in plain words why a file of the gateway cannot be read.
func fileProblem(name string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("there is no file %s", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("file %s may not be read by this user", name)
	case errors.Is(err, fs.ErrInvalid), strings.Contains(err.Error(), "escapes"):
		return fmt.Sprintf("file %s lies outside the gateway's directory", name)
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("file %s is too large: %s", name, strings.TrimPrefix(err.Error(), errTooLarge.Error()+": "))
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Sprintf("file %s cannot be read: %v", name, err)
}

// tracker is a directory that remembers the content of every file read from it,
// so that a hash over them tells whether anything changed.
type tracker struct {
	fs.FS
	mu   sync.Mutex
	read map[string][]byte
}

func track(files fs.FS) *tracker {
	return &tracker{FS: files, read: make(map[string][]byte)}
}

// note remembers what a file held.
func (t *tracker) note(name string, text []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.read[name] = text
}

// mentions tells whether a word stands in any of the files.
func (t *tracker) mentions(word string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, text := range t.read {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	return false
}

// hash is a hash over the names and contents of what was read.
func (t *tracker) hash() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(t.read)) {
		fmt.Fprintf(h, "%q %x\n", name, sha256.Sum256(t.read[name]))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// ReadFile reads a file whole.
func (t *tracker) ReadFile(name string) ([]byte, error) {
	f, err := t.FS.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := readLimited(f, maxFile)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	t.note(name, text)
	return text, nil
}

// Open opens a directory as it is; a file is read whole first, so that what is
// remembered is what the caller gets.
func (t *tracker) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return f, err
	}
	defer f.Close()
	text, err := readLimited(f, maxFile)
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	t.note(name, text)
	return &memoryFile{*bytes.NewReader(text), info}, nil
}

// Stat, Lstat, ReadLink and ReadDir pass through: they read no content.

// Stat describes a file.
func (t *tracker) Stat(name string) (fs.FileInfo, error) { return fs.Stat(t.FS, name) }

// Lstat describes a file, or the link that it is.
func (t *tracker) Lstat(name string) (fs.FileInfo, error) { return fs.Lstat(t.FS, name) }

// ReadLink tells where a link leads.
func (t *tracker) ReadLink(name string) (string, error) { return fs.ReadLink(t.FS, name) }

// ReadDir lists a directory.
func (t *tracker) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(t.FS, name) }

// memoryFile is a file that has been read.
type memoryFile struct {
	bytes.Reader
	info fs.FileInfo
}

func (f *memoryFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *memoryFile) Close() error               { return nil }
