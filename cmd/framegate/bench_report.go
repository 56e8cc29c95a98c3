package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// figure is one of the numbers that bench finds.
type figure int

const (
	perSecond figure = iota
	upgradesPerSecond
	megabytes
	p50
	p90
	p99
	p999
	cpuEach
	ownCPUEach
	cpuEachUpgrade
	ownCPUEachUpgrade
	residentEach
	residentAll
	figureCount
)

// figureNames are the words for a figure in the table and in JSON, and its digits after the point.
var figureNames = [figureCount]struct {
	label, json string
	digits      int
}{
	upgradesPerSecond: {"upgrades/s", "upgradesPerSecond", 0},
	cpuEachUpgrade:    {"CPU µs/upgrade", "cpuMicrosPerUpgrade", 1},
	ownCPUEachUpgrade: {"CPU of bench", "benchCpuMicrosPerUpgrade", 1},
	perSecond:         {"messages/s", "messagesPerSecond", 0},
	megabytes:         {"MB/s", "megabytesPerSecond", 2},
	p50:               {"p50 µs", "p50Micros", 0},
	p90:               {"p90 µs", "p90Micros", 0},
	p99:               {"p99 µs", "p99Micros", 0},
	p999:              {"p99.9 µs", "p999Micros", 0},
	cpuEach:           {"CPU µs/message", "cpuMicrosPerMessage", 2},
	ownCPUEach:        {"CPU of bench", "benchCpuMicrosPerMessage", 2},
	residentEach:      {"KiB/connection", "residentKiBPerConnection", 2},
	residentAll:       {"MiB in all", "residentMiB", 1},
}

// figures are those of one round; NaN is one that was not measured.
type figures [figureCount]float64

func unknownFigures() (f figures) {
	for i := range f {
		f[i] = math.NaN()
	}
	return f
}

// quantiles are the shares of all that take no longer.
var quantiles = map[figure]float64{p50: 0.5, p90: 0.9, p99: 0.99, p999: 0.999}

// figures computes them; watched says that CPU times were taken of another process.
func (r *round) figures(payload int, watched bool) figures {
	f := unknownFigures()
	messages := float64(r.messages)
	f[perSecond] = messages / r.took.Seconds()
	f[megabytes] = f[perSecond] * float64(payload) / 1e6
	for at, q := range quantiles {
		f[at] = micros(r.latencies.quantile(q))
	}
	if r.messages > 0 && watched {
		f[cpuEach] = micros(r.cpu) / messages
	}
	if r.messages > 0 && r.own > 0 {
		f[ownCPUEach] = micros(r.own) / messages
	}
	return f
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// ownCPU is the CPU time of this process so far, 0 where it cannot be known.
func ownCPU() time.Duration {
	s, err := statOf(os.Getpid())
	if err != nil {
		return 0
	}
	return s.cpu
}

// medians takes the median of each figure over rounds.
func medians(rounds []figures) figures {
	m := unknownFigures()
	for i := range m {
		var values []float64
		for _, r := range rounds {
			if !math.IsNaN(r[i]) {
				values = append(values, r[i])
			}
		}
		m[i] = median(values)
	}
	return m
}

// median is NaN without values, and the mean of the middle two of an even number.
func median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// ratios is a ÷ b, NaN where that makes no sense.
func ratios(a, b figures) figures {
	r := unknownFigures()
	for i := range r {
		if b[i] > 0 {
			r[i] = a[i] / b[i]
		}
	}
	return r
}

// MarshalJSON leaves out what is not known.
func (f figures) MarshalJSON() ([]byte, error) {
	known := make(map[string]float64)
	for i, v := range f {
		if !math.IsNaN(v) {
			known[figureNames[i].json] = math.Round(v*1000) / 1000
		}
	}
	return json.Marshal(known)
}

// benchReport is all that a bench found.
type benchReport struct {
	command  *benchCommand
	payload  int
	subjects []*subject
}

func (b benchReport) writeJSON(w io.Writer) error {
	type result struct {
		URL     string    `json:"url"`
		PID     int       `json:"pid,omitempty"`
		Rounds  []figures `json:"rounds"`
		Median  figures   `json:"median"`
		Failed  int       `json:"failedConnections"`
		Failure string    `json:"firstFailure,omitempty"`
	}
	all := struct {
		Connections int      `json:"connections"`
		Window      int      `json:"window"`
		Payload     int      `json:"payloadBytes"`
		Seconds     float64  `json:"secondsPerRound"`
		Results     []result `json:"results"`
		Ratio       *figures `json:"ratio,omitempty"`
	}{Connections: b.command.Connections, Window: b.command.Window, Payload: b.payload, Seconds: b.command.Duration.Seconds()}
	for _, s := range b.subjects {
		r := result{URL: s.to.String(), PID: s.pid, Rounds: s.rounds, Median: medians(s.rounds), Failed: s.failed}
		if s.failure != nil {
			r.Failure = s.failure.Error()
		}
		all.Results = append(all.Results, r)
	}
	if len(all.Results) == 2 {
		ratio := ratios(all.Results[0].Median, all.Results[1].Median)
		all.Ratio = &ratio
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(all)
}

func (b benchReport) writeTable(w io.Writer) error {
	fmt.Fprintln(w, b.heading())
	columns := []string{""}
	var values []figures
	for i, s := range b.subjects {
		letter := string(rune('A' + i))
		fmt.Fprintf(w, "%s  %s%s\n", letter, s.to, pidNote(s.pid))
		columns = append(columns, letter)
		values = append(values, medians(s.rounds))
	}
	fmt.Fprintln(w)
	if len(values) == 2 {
		columns = append(columns, "A ÷ B")
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, strings.Join(columns, "\t")+"\t")
	for i, name := range figureNames {
		if math.IsNaN(values[0][i]) {
			continue
		}
		row := []string{name.label}
		for _, v := range values {
			row = append(row, number(v[i], name.digits))
		}
		if len(values) == 2 {
			row = append(row, number(ratios(values[0], values[1])[i], 2))
		}
		fmt.Fprintln(table, strings.Join(row, "\t")+"\t")
	}
	return table.Flush()
}

// heading says what was done.
func (b benchReport) heading() string {
	c := b.command
	if c.Upgrades {
		return fmt.Sprintf("upgrades and closes, %d at a time; medians of %d rounds of %v", c.Connections, c.Rounds, c.Duration)
	}
	if c.Idle {
		return fmt.Sprintf("%d idle connections, memory after %v", c.Connections, c.Duration)
	}
	return fmt.Sprintf("%d connections, %s, %d in flight each; medians of %d rounds of %v", c.Connections, bytesWord(b.payload), c.Window, c.Rounds, c.Duration)
}

func pidNote(pid int) string {
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf("  (process %d)", pid)
}

func number(v float64, digits int) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.*f", digits, v)
}
