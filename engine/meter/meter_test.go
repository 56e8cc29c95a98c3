package meter

import (
	"bytes"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"
)

// start is a time to count from: 2026 in nanoseconds.
const start = int64(1_767_322_800_000_000_000)

// The bucket is held against the same in rational numbers: tokens that come in
// continuously, up to the burst.
func TestABucketIsExact(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 1))
		r := Rate{Allow: 1 + random.Int64N(1000), Every: time.Duration(1 + random.Int64N(int64(time.Second))), Burst: 1 + random.Int64N(50)}
		perNanosecond := big.NewRat(r.Allow, int64(r.Every))
		tokens, last, at := big.NewRat(r.Burst, 1), start, start
		var b Bucket
		for range 300 {
			at += random.Int64N(int64(r.Every)/r.Allow*3 + 2)
			tokens.Add(tokens, new(big.Rat).Mul(perNanosecond, big.NewRat(at-last, 1)))
			if burst := big.NewRat(r.Burst, 1); tokens.Cmp(burst) > 0 {
				tokens.Set(burst)
			}
			last = at
			n := random.Int64N(min(r.Burst, 7) + 1)
			want := tokens.Cmp(big.NewRat(n, 1)) >= 0
			s := b.Ask(at, n, r)
			if left := new(big.Int).Quo(tokens.Num(), tokens.Denom()).Int64(); s.Left != left {
				t.Fatalf("seed %d, %+v: %d left, want %d", seed, r, s.Left, left)
			}
			switch {
			case s.OK != want:
				t.Fatalf("seed %d, %+v: %d at %d: %v, want %v", seed, r, n, at-start, s.OK, want)
			case want:
				b.Take(at, n, r)
				tokens.Sub(tokens, big.NewRat(n, 1))
			case b.Ask(at+int64(s.Wait)-1, n, r).OK || !b.Ask(at+int64(s.Wait), n, r).OK:
				t.Fatalf("seed %d, %+v: %d do not fit just after %s", seed, r, n, s.Wait)
			}
		}
	}
}

func TestABucketOnAClockThatIsTurnedBackGivesNothingAway(t *testing.T) {
	r := Rate{Allow: 1_000_000_000, Every: time.Millisecond, Burst: 3}
	var b Bucket
	b.Take(start, 3, r)
	for _, back := range []int64{1, int64(time.Hour), int64(MaxFill) / 4} {
		if s := b.Ask(start-back, 1, r); s.OK || s.Left != 0 {
			t.Errorf("%d ns back: %+v", back, s)
		}
	}
	if s := b.Ask(start, 4, r); s.OK || s.Wait != 0 {
		t.Errorf("more than the burst: %+v", s)
	}
	if b.Idle(start) || !b.Idle(start+int64(time.Second)) {
		t.Error("idle when it is not full, or the other way round")
	}
}

func TestRatesThatNeverFillUp(t *testing.T) {
	year := 365 * 24 * time.Hour
	for _, c := range []struct {
		rate Rate
		want bool
	}{
		{Rate{1, year, 100}, true},
		{Rate{1, year, 101}, false},
		{Rate{1, year, 1 << 62}, false},
		{Rate{1 << 40, time.Millisecond, 1 << 40}, true},
	} {
		if c.rate.Fills() != c.want {
			t.Errorf("%+v: %v", c.rate, !c.want)
		}
	}
}

// Whatever comes, in no span of time more than allowed passes; and a refusal
// says when there is room.
func TestAWindowNeverLetsTooMuchPass(t *testing.T) {
	type passed struct{ at, n int64 }
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 2))
		r := Rate{Allow: 1 + random.Int64N(200), Every: time.Duration(1000 + random.Int64N(100_000))}
		exact := r.Allow <= slices
		at := start
		var w Window
		var all []passed
		for range 500 {
			if random.IntN(3) > 0 { // often several in the same nanosecond
				at += random.Int64N(int64(r.Every) / 20)
			}
			n := random.Int64N(r.Allow/4 + 2)
			inWindow := n
			for _, p := range all {
				if p.at > at-int64(r.Every) {
					inWindow += p.n
				}
			}
			s := w.Ask(at, n, r)
			switch {
			case s.OK && n > 0 && inWindow > r.Allow:
				t.Fatalf("seed %d, %+v: %d in the window", seed, r, inWindow)
			case !s.OK && exact && inWindow <= r.Allow:
				t.Fatalf("seed %d, %+v: refused with %d in the window", seed, r, inWindow)
			case s.OK:
				w.Take(at, n, r)
				all = append(all, passed{at, n})
			case n <= r.Allow:
				later := w.Clone()
				if later.Ask(at+int64(s.Wait)-1, n, r).OK || !later.Ask(at+int64(s.Wait), n, r).OK {
					t.Fatalf("seed %d, %+v: %d do not fit just after %s", seed, r, n, s.Wait)
				}
			case s.Wait != 0:
				t.Fatalf("seed %d, %+v: %d will fit in %s", seed, r, n, s.Wait)
			}
		}
		if len(w.counts) > 2*slices {
			t.Errorf("%+v: a ring of %d counts", r, len(w.counts))
		}
	}
}

func TestAWindowGoesOnAfterItWasWritten(t *testing.T) {
	r := Rate{Allow: 100, Every: time.Hour}
	var w, again Window
	for i := range int64(80) {
		w.Take(start+i*int64(time.Minute), 1, r)
	}
	text, err := w.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.UnmarshalBinary(text); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{start + int64(80*time.Minute), start + int64(100*time.Minute), start + int64(200*time.Minute)} {
		if before, after := w.Ask(at, 50, r), again.Ask(at, 50, r); before != after {
			t.Errorf("%+v before, %+v after", before, after)
		}
	}
	if err := again.UnmarshalBinary(text[:len(text)-1]); err == nil {
		t.Error("half a window was read")
	}
}

func FuzzWindow(f *testing.F) {
	var w Window
	for i := range int64(3) {
		w.Take(start+i*int64(time.Second), i+1, Rate{Allow: 10, Every: time.Minute})
	}
	text, _ := w.AppendBinary(nil)
	f.Add(text)
	f.Add([]byte{0x80})
	f.Fuzz(func(t *testing.T, p []byte) {
		var w Window
		if w.UnmarshalBinary(p) != nil {
			return
		}
		text, _ := w.AppendBinary(nil)
		var again Window
		if err := again.UnmarshalBinary(text); err != nil {
			t.Fatal(err)
		}
		if text2, _ := again.AppendBinary(nil); !bytes.Equal(text, text2) {
			t.Errorf("%x became %x", text, text2)
		}
		w.Ask(start, 1, Rate{Allow: 10, Every: time.Hour})
		w.Take(start, 1, Rate{Allow: 10, Every: time.Hour})
	})
}

func BenchmarkBucket(b *testing.B) {
	r := Rate{Allow: 1000, Every: time.Second, Burst: 1000}
	var bucket Bucket
	for i := range int64(b.N) {
		if at := start + i*1000; bucket.Ask(at, 1, r).OK {
			bucket.Take(at, 1, r)
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	r := Rate{Allow: 1000, Every: time.Second}
	var w Window
	for i := range int64(b.N) {
		if at := start + i*1000; w.Ask(at, 1, r).OK {
			w.Take(at, 1, r)
		}
	}
}
