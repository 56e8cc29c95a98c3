package main

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestHistogramBuckets(t *testing.T) {
	next := uint64(0) // buckets follow each other without a gap
	for bucket := range histogramOctaves << histogramBits {
		end := bucketEnd(bucket)
		if bucketOf(next) != bucket || bucketOf(end) != bucket {
			t.Fatalf("bucket %d should hold %d to %d; these are in %d and %d", bucket, next, end, bucketOf(next), bucketOf(end))
		}
		next = end + 1
	}
	if next != histogramLimit+1 {
		t.Errorf("the last bucket ends at %d, want %d", next-1, histogramLimit)
	}
}

// A quantile is never below the exact one, and at most 1/64 above it.
func TestHistogramQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, histogramLimit), 1, 300).Draw(t, "values")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		half := rapid.IntRange(0, len(values)).Draw(t, "half")
		var h, other histogram
		for i, v := range values {
			if i < half {
				h.add(time.Duration(v), 1)
			} else {
				other.add(time.Duration(v), 1)
			}
		}
		h.merge(&other)
		slices.Sort(values)
		exact := values[max(int(math.Ceil(q*float64(len(values)))), 1)-1]
		got := int64(h.quantile(q))
		if got < exact || got > exact+exact/64+1 || got > values[len(values)-1] {
			t.Fatalf("quantile %v of %d values is %d, exactly %d", q, len(values), got, exact)
		}
	})
}

func TestHistogramEdges(t *testing.T) {
	var h histogram
	if got := h.quantile(0.5); got != 0 {
		t.Errorf("an empty histogram has the median %v", got)
	}
	h.add(-time.Second, 2)
	h.add(time.Hour, 1)
	if h.total != 3 || h.quantile(0.5) != 0 || h.quantile(1) != histogramLimit {
		t.Errorf("%d values, median %v, maximum %v", h.total, h.quantile(0.5), h.quantile(1))
	}
}
