package schema

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"polygate.example/shared/config"
)

// readme is the reference's first page.
const readme = "README.md"

// containers are what the first page's table calls the things that have keys, by their path.
var containers = map[string]string{
	".upstreams.*": "upstream", ".upstreams.*.regions.*": "region", ".routes[]": "route", ".routes[].match": "match",
}

// reference is the tables of keys of each page, by the page's name: README.md, jwt.md.
type reference map[string][]table

// table is the rows of one table of keys.
type table []row

// row is what the reference says of some keys.
type row struct {
	keys     []string
	of       string // what has the keys, in the table that says so
	text     string
	required bool
}

// found is what the reference says of a key, and where.
type found struct {
	page      string
	table     int // -1 as long as there is none
	container string
	text      string
	links     []string // pages that the text leads to
	required  bool
	own       bool // the row is the key's own, and not one that speaks of it besides
}

// readReference reads the tables whose first column is headed "key".
func readReference() (reference, error) {
	out := reference{}
	err := fs.WalkDir(config.Reference, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(config.Reference, name)
		if err != nil {
			return fmt.Errorf("read the reference: %w", err)
		}
		out[path.Base(name)] = tables(string(text))
		return nil
	})
	return out, err
}

func tables(text string) []table {
	var out []table
	var head []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			head = nil
			continue
		}
		cells := cellsOf(line)
		switch {
		case head == nil:
			if head = cells; head[0] == "key" {
				out = append(out, nil)
			}
		case head[0] != "key" || strings.HasPrefix(cells[0], "---"):
		default:
			out[len(out)-1] = append(out[len(out)-1], rowOf(head, cells))
		}
	}
	return out
}

// cellsOf splits a line of a table; a bar inside a cell has a backslash before it.
func cellsOf(line string) []string {
	const bar = "\x00"
	line = strings.ReplaceAll(strings.Trim(line, "| "), `\|`, bar)
	cells := strings.Split(line, "|")
	for i, c := range cells {
		cells[i] = strings.ReplaceAll(strings.TrimSpace(c), bar, "|")
	}
	return cells
}

var code = regexp.MustCompile("`([^`]+)`")

func rowOf(head, cells []string) row {
	var r row
	for _, m := range code.FindAllStringSubmatch(cells[0], -1) {
		r.keys = append(r.keys, m[1])
	}
	for i, h := range head[:min(len(head), len(cells))] {
		switch h {
		case "of":
			r.of = cells[i]
		case "value", "what it does":
			r.text = cells[i]
		case "default":
			r.required = len(r.keys) == 1 && (cells[i] == "required" || cells[i] == "must be there")
		}
	}
	return r
}

// find is what the reference says of a key of the mapping that was found at up. It looks where a reader would: in the table that tells of the
// mapping, on the page that this leads to, in what is said of the mapping itself, and in the other tables of the page.
func (ref reference) find(up found, at, key string) found {
	page := up.page
	if strings.HasPrefix(at, ".policies.*.") && strings.Count(at, ".") == 3 {
		if here, ok := ref.look(readme, ref.all(readme), "", key); ok {
			return found{page: key + ".md", table: -1, text: here.text, own: true}
		}
	}
	here := []int{up.table}
	if up.table < 0 || page == readme {
		here = []int{0}
	}
	if out, ok := ref.look(page, here, up.container, key); ok {
		return ref.follow(out, key)
	}
	for _, to := range up.links {
		if out, ok := ref.look(to, ref.all(to), "", key); ok {
			return out
		}
	}
	if speaksOf(up.text, key) || page == readme {
		up.own, up.required, up.container = false, false, ""
		return up
	}
	all := ref.all(page)
	slices.Reverse(all)
	if out, ok := ref.look(page, all, "", key); ok {
		return ref.follow(out, key)
	}
	return found{page: page, table: up.table}
}

// speaksOf reports whether a text has a key in code.
func speaksOf(text, key string) bool {
	return slices.ContainsFunc(code.FindAllString(text, -1), func(c string) bool {
		return slices.Contains(strings.FieldsFunc(c, func(r rune) bool { return strings.ContainsRune("`{}[]:, ", r) }), key)
	})
}

// follow takes, of a key that is said to be as another page has it, what that page says.
func (ref reference) follow(f found, key string) found {
	if len(f.links) == 1 && strings.HasPrefix(f.text, "as of ") {
		if out, ok := ref.look(f.links[0], ref.all(f.links[0]), "", key); ok {
			out.required = f.required
			return out
		}
	}
	return f
}

func (ref reference) all(page string) []int {
	out := make([]int, len(ref[page]))
	for i := range out {
		out[i] = i
	}
	return out
}

var link = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

// look finds a key's row in some tables of a page.
func (ref reference) look(page string, in []int, container, key string) (found, bool) {
	for _, i := range in {
		if i < 0 || i >= len(ref[page]) {
			continue
		}
		for _, r := range ref[page][i] {
			if !slices.Contains(r.keys, key) || r.of != "" && (container == "" || !strings.Contains(r.of, container)) {
				continue
			}
			f := found{page: page, table: i, text: link.ReplaceAllString(r.text, "$1"), required: r.required, own: true}
			for _, m := range link.FindAllStringSubmatch(r.text, -1) {
				if to, _, _ := strings.Cut(m[2], "#"); ref[path.Base(to)] != nil && path.Base(to) != page {
					f.links = append(f.links, path.Base(to))
				}
			}
			return f, true
		}
	}
	return found{}, false
}
