package openapiimport

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"polygate.example/shared/openapi"
)

// maxName is how long a name may be in a gateway document.
const maxName = 63

// kebab makes a name of any text: lower-case letters and digits with hyphens between, "orderById2" as order-by-id2. What would begin with a
// digit, or have nothing left, begins with before.
func kebab(before, text string) string {
	var b strings.Builder
	runes := []rune(text)
	gap := false
	for i, c := range runes {
		lower := unicode.ToLower(c)
		if lower > unicode.MaxASCII || !unicode.IsLetter(lower) && !unicode.IsDigit(lower) {
			gap = true
			continue
		}
		if unicode.IsUpper(c) && i > 0 {
			after := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			gap = gap || unicode.IsLower(runes[i-1]) || unicode.IsDigit(runes[i-1]) || after && unicode.IsUpper(runes[i-1])
		}
		if gap && b.Len() > 0 {
			b.WriteByte('-')
		}
		gap = false
		b.WriteRune(lower)
	}
	name := b.String()
	switch {
	case name == "":
		name = before
	case name[0] >= '0' && name[0] <= '9':
		name = before + "-" + name
	}
	return shorten(name, maxName)
}

func shorten(name string, most int) string {
	return strings.TrimSuffix(name[:min(len(name), most)], "-")
}

// unique adds a number to a name that is taken, and takes it.
func unique(name string, taken map[string]bool) string {
	out := name
	for n := 2; taken[out]; n++ {
		suffix := "-" + strconv.Itoa(n)
		out = shorten(name, maxName-len(suffix)) + suffix
	}
	taken[out] = true
	return out
}

// nameRoute is the name of an operation's route: the one that x-polygate chooses, else by operationId, else by method and path.
func (im *importer) nameRoute(chosen string, o openapi.Operation) string {
	switch {
	case chosen != "":
		return chosen // as it is: check tells if it is none, or taken
	case o.ID != "":
		return unique(kebab("operation", o.ID), im.routeName)
	}
	return unique(kebab("operation", o.Method+" "+o.Path), im.routeName)
}

// variable is a name for a variable of the function's environment.
func variable(name, suffix string) string {
	upper := strings.ToUpper(strings.ReplaceAll(kebab("scheme", name), "-", "_"))
	if strings.HasPrefix(upper, "POLYGATE_") {
		upper = "API_" + upper
	}
	if strings.HasSuffix(upper, suffix) {
		return upper
	}
	return upper + suffix
}

// sorted goes through a mapping by its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
