package policies

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Nearest finds the name that was most likely meant: the one with the smallest
// edit distance, if that is at most two, or a third of the word for long ones.
func Nearest(word string, names []string) (string, bool) {
	best, bestDistance := "", max(1, min(2, len(word)/2), len(word)/3)+1
	for _, name := range names {
		if strings.EqualFold(word, name) || squash(word) == squash(name) {
			return name, true
		}
		if gap := len(name) - len(word); gap >= bestDistance || -gap >= bestDistance {
			continue
		}
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = name, d
		}
	}
	if best == "" {
		best = beginning(word, names)
	}
	return best, best != ""
}

// beginning is the one name that begins with the word: connect is connect-to-url.
func beginning(word string, names []string) string {
	found := ""
	for _, name := range names {
		if len(word) < 4 || !strings.HasPrefix(strings.ToLower(name), strings.ToLower(word)+"-") {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}

// squash removes what separates words, so that connect_to_url, connectToURL and
// connect-to-url are one.
func squash(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' || r == '.' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// distance is the number of insertions, deletions, replacements and swaps of
// neighbours that make one word of the other (Damerau-Levenshtein, restricted).
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean is the hint for an unknown name: the nearest one, or the choice.
// kind is what the names are, in the plural.
func didYouMean(word string, names []string, kind string) string {
	if name, ok := Nearest(word, names); ok {
		return fmt.Sprintf("did you mean %q?", name)
	}
	return choice(names, kind)
}

// didYouMean is the hint for an unknown name. Past the problems that are listed
// it saves the search, which takes its time where there are thousands of names.
func (r *report) didYouMean(word string, names []string, kind string) string {
	if len(r.problems) > maxProblems {
		return "mend the problems above first"
	}
	return didYouMean(word, names, kind)
}

// choice lists the names there are.
func choice(names []string, kind string) string {
	if len(names) == 0 {
		return fmt.Sprintf("there are no %s yet", kind)
	}
	names = slices.Clone(names)
	slices.Sort(names)
	const most = 30
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return fmt.Sprintf("%s: %s%s", kind, strings.Join(names, ", "), more)
}

// article puts "a" or "an" before a word.
func article(word string) string {
	if word != "" && strings.ContainsRune("aeioAEIO", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}
