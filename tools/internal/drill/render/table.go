package render

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"polygate.example/tools/internal/drill"
	"polygate.example/tools/internal/report"
)

// Measures of the terminal, in columns.
const (
	columns = 110
	widest  = 34 // of a column that is not the last
)

// Table writes an outcome for people at a terminal, at most 110 columns wide: the verdict, what counts, then each run with its timeline and all
// that was seen, and last what was checked and what exactly was drilled. It reads the same without colour.
func Table(w io.Writer, o drill.Outcome) error {
	o, err := plain(o)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	verdict := cut(strings.ToUpper(string(o.Verdict)), 20) + "  "
	fill(&b, verdict, strings.Repeat(" ", utf8.RuneCountInString(verdict)), o.Title)
	fill(&b, "", "", o.Because)
	b.WriteByte('\n')
	key(o).table(&b, "")
	for i, r := range o.Runs {
		b.WriteByte('\n')
		fill(&b, fmt.Sprintf("Run %d of %d: ", i+1, len(o.Runs)), "  ", told(o, r))
		b.WriteByte('\n')
		strip(&b, o, r)
		for _, s := range ofRun(o, r) {
			b.WriteByte('\n')
			s.titled(&b)
		}
	}
	if len(o.Runs) == 0 {
		b.WriteString("\nNo run: nothing was broken.\n")
	}
	rest := []section{about(o), checks(o.Report), digests(o.Digests)}
	if o.Spread.Runs > 1 {
		rest = append([]section{spread(o)}, rest...)
	}
	for _, s := range rest {
		b.WriteByte('\n')
		s.titled(&b)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// Brief writes what counts of an outcome: the verdict, each run with its timeline and moments, and the checks that are not ok.
func Brief(w io.Writer, o drill.Outcome) error {
	o, err := plain(o)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	verdict := cut(strings.ToUpper(string(o.Verdict)), 20) + "  "
	fill(&b, verdict, strings.Repeat(" ", utf8.RuneCountInString(verdict)), o.Title)
	fill(&b, "", "", o.Because)
	b.WriteByte('\n')
	key(o).table(&b, "")
	for i, r := range o.Runs {
		b.WriteByte('\n')
		fill(&b, fmt.Sprintf("Run %d of %d: ", i+1, len(o.Runs)), "  ", told(o, r))
		b.WriteByte('\n')
		strip(&b, o, r)
	}
	if o.Spread.Runs > 1 {
		b.WriteByte('\n')
		spread(o).titled(&b)
	}
	held := o.Report
	held.Checks = slices.DeleteFunc(slices.Clone(held.Checks), func(c report.Check) bool { return c.Result == report.OK || c.Result == report.Skipped })
	if n := len(o.Report.Checks) - len(held.Checks); len(held.Checks) == 0 {
		fmt.Fprintf(&b, "\nAll %d checks are ok.\n", n)
	} else {
		b.WriteByte('\n')
		s := checks(held)
		s.Title = fmt.Sprintf("Checks that are not ok (%d others are)", n)
		s.titled(&b)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// titled writes a section with its title above it.
func (s section) titled(b *bytes.Buffer) {
	b.WriteString(s.Title + "\n")
	s.table(b, "  ")
}

// table writes the rows in columns. What does not fit is broken into lines; the last column takes what the others leave.
func (s section) table(b *bytes.Buffer, indent string) {
	if len(s.Rows) == 0 {
		b.WriteString(indent + s.None + "\n")
		return
	}
	rows := s.Rows
	if s.Head != nil {
		rows = append([][]string{s.Head}, rows...)
	}
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			for line := range strings.Lines(cell) {
				widths[i] = max(widths[i], min(widest, utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))))
			}
		}
	}
	// Columns that leave nothing for the last one give way, the widest first.
	for last := len(widths) - 1; ; {
		left, wide := columns-len(indent), 0
		for i, w := range widths[:last] {
			left -= w + 2
			if w > widths[wide] {
				wide = i
			}
		}
		if left >= min(widths[last], 20) || widths[wide] <= 6 {
			widths[last] = left
			break
		}
		widths[wide]--
	}
	for _, row := range rows {
		cells, deep := make([][]string, len(row)), 1
		for i, cell := range row {
			cells[i] = wrap(cell, widths[i])
			deep = max(deep, len(cells[i]))
		}
		for n := range deep {
			line := indent
			for i := range cells {
				text := ""
				if n < len(cells[i]) {
					text = cells[i][n]
				}
				line += text + strings.Repeat(" ", max(0, widths[i]-utf8.RuneCountInString(text))+2)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
}

// fill writes a text in as many lines as it needs.
func fill(b *bytes.Buffer, first, more, text string) {
	for i, line := range wrap(text, max(columns-utf8.RuneCountInString(first), 20)) {
		if i > 0 {
			first = more
		}
		b.WriteString(strings.TrimRight(first+line, " ") + "\n")
	}
}

// wrap breaks a text into lines of at most so many characters: at spaces, and within a word only where it fills a line by itself. A line that
// begins with spaces keeps them.
func wrap(text string, width int) []string {
	var out []string
	for _, whole := range strings.Split(text, "\n") {
		line := whole[:len(whole)-len(strings.TrimLeft(whole, " "))]
		if utf8.RuneCountInString(line) > width/2 {
			line = ""
		}
		empty := true
		for _, word := range strings.Fields(whole) {
			runes := []rune(word)
			if !empty && utf8.RuneCountInString(line)+1+len(runes) > width {
				out, line, empty = append(out, line), "", true
			}
			if !empty {
				line += " "
			}
			for room := width - utf8.RuneCountInString(line); len(runes) > room; room = width {
				out, line, runes = append(out, line+string(runes[:room])), "", runes[room:]
			}
			line, empty = line+string(runes), false
		}
		out = append(out, line)
	}
	return out
}
