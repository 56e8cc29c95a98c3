package main

import (
	"math"
	"math/bits"
	"time"
)

// histogram counts durations in buckets whose width grows with the value: each power of two is cut into 64, so that a
// quantile is off by 1/64 at most (as in HdrHistogram). Below 64 ns buckets are exact; beyond 18 minutes all count as that.
// Adding takes no allocation. The zero histogram is empty.
type histogram struct {
	counts [histogramOctaves << histogramBits]uint64
	total  uint64
	max    time.Duration
}

const (
	histogramBits    = 6
	histogramOctaves = 40 - histogramBits + 1
	histogramLimit   = 1<<40 - 1
)

// bucketOf is the index of the bucket for v nanoseconds.
func bucketOf(v uint64) int {
	shift := bits.Len64(v|1<<histogramBits) - histogramBits - 1 // how many low bits the bucket forgets
	return shift<<histogramBits + int(v>>shift)
}

// bucketEnd is the largest value that falls into a bucket.
func bucketEnd(bucket int) uint64 {
	shift := max(bucket>>histogramBits-1, 0)
	return uint64(bucket-shift<<histogramBits+1)<<shift - 1
}

// add counts d n times; negative durations count as 0.
func (h *histogram) add(d time.Duration, n uint64) {
	d = min(max(d, 0), histogramLimit)
	h.counts[bucketOf(uint64(d))] += n
	h.total += n
	h.max = max(h.max, d)
}

// merge adds all that other counted.
func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile is a duration that a share of q of all counted ones does not exceed; 0 when empty.
func (h *histogram) quantile(q float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := max(uint64(math.Ceil(q*float64(h.total))), 1)
	for i, n := range h.counts {
		if n >= rank {
			return min(time.Duration(bucketEnd(i)), h.max)
		}
		rank -= n
	}
	return h.max
}
