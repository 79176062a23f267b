package render

import (
	"bytes"
	"fmt"
	"strings"

	"polygate.example/tools/internal/drill"
)

// The strip is a timeline of characters: names take head columns, a run's length the rest.
const (
	head = 32
	body = columns - head
)

// strip writes a run as a line of characters for each lane, all on one axis, and below it what the characters mean.
func strip(b *bytes.Buffer, o drill.Outcome, r drill.Run) {
	length := end(o, r)
	col := func(at float64) int { return min(max(int(at/length*body), 0), body-1) }
	second := func(c int) float64 { return (float64(c) + 0.5) * length / body }
	row := func(name string, line []byte) {
		b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s%s", head, cut(name, head-2), line), " ") + "\n")
	}
	all := regions(o)

	zero, says := 0.0, "seconds"
	if r.Moments.Fault != nil {
		zero, says = r.Fault, "seconds after the fault"
	}
	scale, ruler := blank(), blank()
	for _, t := range ticks(zero, length, 7) {
		label := number(t-zero, 1)
		if zero > 0 && t > zero {
			label = "+" + label
		}
		c := col(t)
		if c+len(label) <= body {
			copy(scale[c:], label)
		}
		ruler[c] = '|'
	}
	row(says, scale)
	row("", ruler)

	if r.Moments.Fault != nil {
		line, until := blank(), mended(r, length)
		for c := range body {
			if s := second(c); s >= r.Fault && s <= until {
				line[c] = '='
			}
		}
		line[col(r.Fault)] = '['
		if gone(r) {
			line[col(until)] = ']'
		} else {
			line[body-1] = '>'
		}
		row("faults", line)
	}
	for _, l := range votes(o, r) {
		line := blank()
		for c := range body {
			s, ok := l.at(second(c))
			switch {
			case ok && second(c) > r.Length, !ok:
			case s.votes.Healthy:
				line[c] = '+'
			default:
				line[c] = 'x'
			}
		}
		row("votes "+l.name, line)
	}
	for _, l := range answers(r) {
		line := blank()
		for c := range body {
			if s, ok := l.at(second(c)); ok && second(c) <= r.Length {
				line[c] = '-'
				if n := len(s.regions); n > 0 {
					line[c] = letter(all, s.regions[c%n]) // several take turns
				}
			}
		}
		row("DNS "+l.name, line)
	}
	row("clients", clients(r, all, col))

	marks, legend := blank(), []string(nil)
	for i, m := range moments(r, o.Speed) {
		if !m.seen || m.at > length {
			continue
		}
		mark := byte('0' + i)
		c := col(m.at)
		if marks[c] != ' ' {
			mark = '*'
		}
		marks[c] = mark
		legend = append(legend, fmt.Sprintf("%d %s %s", i, m.name, after(m.at-r.Fault)))
	}
	if len(legend) > 0 {
		row("moments (* several)", marks)
	}
	if limit := r.Fault + o.Expected.Bound; r.Moments.Fault != nil && !o.Expected.Unnoticed && limit <= length {
		line := blank()
		line[col(limit)] = '|'
		row("bound "+seconds(o.Expected.Bound), line)
	}
	fill(b, "", "", strings.Join(legend, ", "))
	signs := []string{"+ healthy", "x ill", "! a request was lost", ". no request"}
	for _, region := range all {
		signs = append(signs, fmt.Sprintf("%c %s", letter(all, region), named(region)))
	}
	fill(b, "", "", strings.Join(signs, ", "))
}

// clients is a letter for the region that most answers came from; a column in which a request was lost says so instead.
func clients(r drill.Run, all []string, col func(float64) int) []byte {
	line, most := blank(), make([]map[string]int, body)
	lost := make([]int, body)
	watched := make([]bool, body)
	for _, k := range r.Timeline {
		c := col(k.At)
		watched[c] = true
		lost[c] += k.Lost
		for region, n := range k.By {
			if most[c] == nil {
				most[c] = map[string]int{}
			}
			most[c][region] += n
		}
	}
	for c := range line {
		best := 0
		for _, region := range all {
			if n := most[c][region]; n > best {
				best, line[c] = n, letter(all, region)
			}
		}
		switch {
		case lost[c] > 0:
			line[c] = '!'
		case best == 0 && watched[c]:
			line[c] = '.'
		case best == 0 && c > 0 && float64(len(r.Timeline)) < body && c <= col(r.Length):
			line[c] = line[c-1] // a second is wider than a column
		}
	}
	return line
}

func blank() []byte { return bytes.Repeat([]byte{' '}, body) }

// cut shortens a text to so many characters, and shows that it did.
func cut(text string, to int) string {
	if r := []rune(text); len(r) > to {
		return string(r[:max(to-1, 0)]) + "…"
	}
	return text
}

// mended is when a run's faults were gone: the end of the axis where they were not.
func mended(r drill.Run, length float64) float64 {
	if gone(r) {
		return r.Mended
	}
	return length
}

// end is the last second of a run's axis: the bound is on it as well, unless it lies so far out that nothing else could be seen.
func end(o drill.Outcome, r drill.Run) float64 {
	length := max(r.Length, 1)
	for _, m := range moments(r, o.Speed) {
		if m.seen && m.at > length && m.at < 2*length {
			length = m.at
		}
	}
	if b := r.Fault + o.Expected.Bound; r.Moments.Fault != nil && !o.Expected.Unnoticed && b > length && b < 2*length {
		length = b
	}
	return length
}

// ticks are round seconds before and after zero, about so many over the length.
func ticks(zero, length float64, about int) []float64 {
	step := 1.0
	for i := 0; length/step > float64(about); i++ {
		step *= []float64{2, 2.5, 2}[i%3] // 1, 2, 5, 10, ...
	}
	var out []float64
	for t := zero - step*float64(int(zero/step)); t <= length; t += step {
		out = append(out, t)
	}
	return out
}
