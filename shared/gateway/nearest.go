package gateway

import "slices"

// Nearest returns the known name that name is most likely a misspelling of, or "" if none is near: at most a third of
// its letters, and never more than three, may be wrong.
func Nearest(name string, known []string) string {
	best, bestDistance := "", min(3, max(1, len(name)/3))+1
	for _, k := range slices.Sorted(slices.Values(known)) {
		if d := distance(name, k, bestDistance); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the optimal string alignment distance of a and b (insert, delete, replace, swap of neighbours), or limit
// if it is not below that.
func distance(a, b string, limit int) int {
	if n := len(a) - len(b); n >= limit || -n >= limit {
		return limit
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return min(prev[len(b)], limit)
}

// suggest is the end of a message about an unknown name: a guess, or the list of what there is.
func suggest(name string, known []string) string {
	if n := Nearest(name, known); n != "" {
		return "did you mean " + quote(n) + "?"
	}
	if len(known) == 0 {
		return "there is none"
	}
	return "known are " + list(known)
}
