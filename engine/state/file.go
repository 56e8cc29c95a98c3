package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"framegate/engine/meter"
)

// file is the state on disk: one table in an SQLite database that this process
// has for itself.
type file struct {
	db    *sql.DB
	swept time.Time // when what had expired was last taken out
}

const (
	// application marks the database as ours (PRAGMA application_id): "fgst".
	application = 0x66677374
	// schema is the version of the table (PRAGMA user_version).
	schema = 1
	// lockTime is how long the process before may take to let go of the file.
	lockTime = 2 * time.Second
	// sweepFile is how often what has expired is taken out of the file.
	sweepFile = time.Minute
)

// ErrLocked is returned for a state file that another process uses.
var ErrLocked = errors.New("another process uses it; give each gateway a file of its own with `state: {file: …}`, or none with `state: memory`")

// ErrDamaged is returned for a file that is no database, or a damaged one.
var ErrDamaged = errors.New("it is damaged, or no state file; move it away to begin with empty counts, or restore it from a backup")

// ErrForeign is returned for a database of another program.
var ErrForeign = errors.New("it is the database of another program; name another file with `state: {file: …}`")

// ErrNewer is returned for a file that a newer framegate wrote.
var ErrNewer = errors.New("a newer framegate wrote it; run that one, or name another file with `state: {file: …}`")

// openFile opens the state file, or makes it with create; nil when there is none.
// The directory is made too, for its owner only.
func openFile(path string, create bool) (*file, error) {
	_, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !create:
		return nil, nil
	case errors.Is(err, fs.ErrNotExist):
		if err := makeFile(path); err != nil {
			return nil, fmt.Errorf("make state file: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("open state file: %w", err)
	}
	// One connection holds the lock as long as it is open (locking_mode). Each commit is synced, so that a
	// machine that loses its power forgets no more than a process that is killed.
	query := url.Values{"_pragma": {
		fmt.Sprintf("busy_timeout(%d)", lockTime.Milliseconds()),
		"locking_mode(EXCLUSIVE)", "synchronous(FULL)", "temp_store(MEMORY)", "trusted_schema(OFF)",
	}, "_txlock": {"immediate"}}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open state file %s: %w", path, err)
	}
	location := url.URL{Scheme: "file", Path: filepath.ToSlash(absolute), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", location.String())
	if err != nil {
		return nil, fmt.Errorf("open state file %s: %w", path, err)
	}
	db.SetMaxOpenConns(1)
	f := &file{db: db}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("open state file %s: %w", path, explained(err)), db.Close())
	}
	return f, nil
}

// makeFile makes an empty file that only its owner reads: it may have keys and
// what scripts keep.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// prepare takes the lock and makes the table, or sees that it is ours.
func (f *file) prepare() error {
	tx, err := f.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var id, version, tables int
	for query, into := range map[string]*int{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := tx.QueryRow(query).Scan(into); err != nil {
			return err
		}
	}
	switch {
	case tables > 0 && id != application:
		return ErrForeign
	case version > schema:
		return ErrNewer
	case tables == 0:
		if _, err := tx.Exec(fmt.Sprintf(definition, application, schema)); err != nil {
			return err
		}
	}
	var sound string
	if err := tx.QueryRow("PRAGMA quick_check(1)").Scan(&sound); err != nil {
		return err
	}
	if sound != "ok" {
		return fmt.Errorf("%w (%s)", ErrDamaged, sound)
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	_, err = f.db.Exec("PRAGMA journal_mode = WAL")
	return err
}

const definition = `
CREATE TABLE entries (
	bucket  TEXT NOT NULL,
	key     TEXT NOT NULL,
	kind    INTEGER NOT NULL, -- 0 a value, 1 a counter, 2 a floating window
	value   BLOB,             -- of a value, and the counts of a window
	count   INTEGER,          -- of a counter
	expires INTEGER NOT NULL, -- nanoseconds since 1970; 0: never
	PRIMARY KEY (bucket, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX expiring ON entries (expires) WHERE expires > 0;
PRAGMA application_id = %d;
PRAGMA user_version = %d`

// The kinds of entries in the table.
const (
	kindValue = iota
	kindCounter
	kindWindow
)

// read calls each with every entry.
func (f *file) read(each func(*entry) error) error {
	rows, err := f.db.Query("SELECT bucket, key, kind, value, coalesce(count, 0), expires FROM entries")
	if err != nil {
		return explained(err)
	}
	defer rows.Close()
	for rows.Next() {
		e, kind, expires := &entry{}, 0, int64(0)
		if err := rows.Scan(&e.name.bucket, &e.name.key, &kind, &e.value, &e.count, &expires); err != nil {
			return explained(err)
		}
		if expires > 0 {
			e.expires = time.Unix(0, expires)
		}
		switch kind {
		case kindCounter:
			e.counter = true
		case kindWindow:
			e.window = new(meter.Window)
			if err := e.window.UnmarshalBinary(e.value); err != nil {
				return fmt.Errorf("%w (%w)", ErrDamaged, err)
			}
			e.value = nil
		}
		if err := each(e); err != nil {
			return err
		}
	}
	return explained(rows.Err())
}

// write writes all changes, in one transaction, and before it takes out everything with anew. It returns the names that were
// to be written.
func (f *file) write(ctx context.Context, now time.Time, anew bool, changes func(func(name, *entry) error) ([]name, error)) ([]name, error) {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return nil, explained(err)
	}
	defer tx.Rollback()
	put, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)")
	if err != nil {
		return nil, explained(err)
	}
	if anew {
		if _, err := tx.ExecContext(ctx, "DELETE FROM entries"); err != nil {
			return nil, explained(err)
		}
	}
	names, err := changes(func(n name, e *entry) error {
		if e == nil {
			_, err := tx.ExecContext(ctx, "DELETE FROM entries WHERE bucket = ? AND key = ?", n.bucket, n.key)
			return err
		}
		kind, value := e.row()
		_, err := put.ExecContext(ctx, n.bucket, n.key, kind, value, e.count, e.unixExpiry())
		return err
	})
	swept := now.Sub(f.swept) >= sweepFile
	if err == nil && swept {
		_, err = tx.ExecContext(ctx, "DELETE FROM entries WHERE expires > 0 AND expires <= ?", now.UnixNano())
	}
	if err == nil {
		err = tx.Commit()
	}
	if err == nil && swept {
		f.swept = now
	}
	return names, explained(err)
}

// row is how the entry stands in the table.
func (e *entry) row() (kind int, value []byte) {
	switch {
	case e.window != nil:
		value, _ = e.window.AppendBinary(nil) // appending does not fail
		return kindWindow, value
	case e.counter:
		return kindCounter, nil
	}
	return kindValue, e.value
}

func (e *entry) unixExpiry() int64 {
	if e.expires.IsZero() {
		return 0
	}
	return e.expires.UnixNano()
}

// close gives the file free.
func (f *file) close() error { return f.db.Close() }

// explained puts the words of this package to errors of SQLite that an operator
// can do something about.
func explained(err error) error {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return err
	}
	switch failed.Code() & 0xFF {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w (%w)", ErrLocked, err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w (%w)", ErrDamaged, err)
	}
	return err
}
