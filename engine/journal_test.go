package engine

import (
	"context"
	"testing"
)

func TestJournalTellsAReaderWhatItLost(t *testing.T) {
	j := NewJournal(4)
	for i := range 10 {
		j.Add(&Record{Size: int64(i), Before: []byte{byte(i)}})
	}
	records, lost := j.Read(0, 100)
	if lost != 6 || len(records) != 4 || records[0].Seq != 7 || records[3].Before[0] != 9 {
		t.Errorf("lost %d, read %+v", lost, records)
	}
	records, lost = j.Read(8, 1)
	if lost != 0 || len(records) != 1 || records[0].Seq != 9 {
		t.Errorf("lost %d, read %+v", lost, records)
	}
}

func TestJournalIsFollowed(t *testing.T) {
	j := NewJournal(16)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	seen := make(chan Record)
	go func() {
		for r := range j.Follow(ctx, 0) {
			seen <- r
		}
		close(seen)
	}()
	for i := range 5 {
		j.Add(&Record{Size: int64(i)})
		if r := <-seen; r.Seq != uint64(i+1) || r.Size != int64(i) || !j.Following() {
			t.Fatalf("got %+v", r)
		}
	}
	cancel()
	if _, open := <-seen; open || j.Following() {
		t.Error("the follower goes on after its context")
	}
}

func TestJournalDoesNotAllocate(t *testing.T) {
	j := NewJournal(8)
	r := Record{Before: []byte("some payload")}
	for range 16 {
		j.Add(&r)
	}
	if n := testing.AllocsPerRun(100, func() { j.Add(&r) }); n != 0 {
		t.Errorf("%v allocations a record", n)
	}
}
