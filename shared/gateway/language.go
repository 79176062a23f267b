package gateway

import (
	"maps"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode/utf8"
)

// Test returns the condition as a function. A regular expression must match the whole value; one that does not compile,
// which no Model has, never matches.
func (c Condition) Test() func(string) bool {
	switch c.Kind {
	case KindExact:
		return func(v string) bool { return v == c.Value }
	case KindPrefix:
		return func(v string) bool { return strings.HasPrefix(v, c.Value) }
	case KindRegexp:
		re, err := regexp.Compile(`^(?:` + c.Value + `)$`)
		if err != nil {
			return func(string) bool { return false }
		}
		return re.MatchString
	default:
		return func(string) bool { return true }
	}
}

// language is the set of values that meet a condition, as far as two of them can be compared: a few values, or all with a
// prefix, or what only an expression can tell. All in it begin with prefix.
type language struct {
	Condition
	holds  func(string) bool
	few    bool
	values []string // all there are, if few
	all    bool     // every value with the prefix is in it
	prefix string
}

// languages are those of a match's conditions, under names that can be compared.
func languages(m Match) map[string]language {
	out := make(map[string]language, len(m.Headers)+len(m.Query))
	for name, c := range m.Headers {
		out["h:"+strings.ToLower(name)] = languageOf(c, true)
	}
	for name, c := range m.Query {
		out["q:"+name] = languageOf(c, false)
	}
	return out
}

// languageOf is the language of a condition on a header or on a query parameter.
func languageOf(c Condition, header bool) language {
	l := language{Condition: c, holds: c.Test()}
	switch c.Kind {
	case KindExact:
		l.few, l.values, l.prefix = true, []string{c.Value}, c.Value
	case KindPrefix:
		l.all, l.prefix = true, c.Value
	case KindPresent:
		l.all = true
	case KindRegexp:
		re, err := syntax.Parse(c.Value, syntax.Perl)
		if err != nil {
			break // reported already
		}
		re = re.Simplify()
		if values, ok := enumerate(re); ok {
			l.few, l.values = true, slices.DeleteFunc(values, func(v string) bool { return !l.holds(v) })
			break
		}
		whole, err := regexp.Compile(c.Value)
		if err != nil {
			break // reported already
		}
		l.prefix, _ = whole.LiteralPrefix()
		last, before := re, ""
		if re.Op == syntax.OpConcat && len(re.Sub) == 2 && re.Sub[0].Op == syntax.OpLiteral && re.Sub[0].Flags&syntax.FoldCase == 0 {
			last, before = re.Sub[1], string(re.Sub[0].Rune)
		}
		// A dot is any character there is only where no line break can be.
		l.all = last.Op == syntax.OpStar && (last.Sub[0].Op == syntax.OpAnyChar || last.Sub[0].Op == syntax.OpAnyCharNotNL && header) && before == l.prefix
	}
	if header {
		l.values = slices.DeleteFunc(l.values, func(v string) bool { return !canBeHeader(v) })
	}
	return l
}

// empty reports whether no value can meet the condition.
func (l language) empty(header bool) bool {
	return l.few && len(l.values) == 0 || header && !l.few && !canBeHeader(l.prefix+"x")
}

// canBeHeader reports whether a header's value can arrive: without control characters, and without the spaces at its ends,
// which are not part of it (RFC 9110, 5.5).
func canBeHeader(value string) bool {
	return value == strings.Trim(value, " \t") && !strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// maxEnumerated bounds the values that are written down of an expression, and the samples that are made of a route.
const maxEnumerated = 64

// enumerate lists what an expression without repetition can match, and maybe more, as it takes assertions to hold; false
// if that is too much.
func enumerate(re *syntax.Regexp) ([]string, bool) {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil, true
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []string{""}, true
	case syntax.OpLiteral:
		// The replacement character also matches bytes that are no UTF-8.
		return []string{string(re.Rune)}, re.Flags&syntax.FoldCase == 0 && !slices.Contains(re.Rune, utf8.RuneError)
	case syntax.OpCharClass:
		var out []string
		for i := 0; i < len(re.Rune); i += 2 {
			for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
				if len(out) == maxEnumerated || c == utf8.RuneError {
					return nil, false
				}
				out = append(out, string(c))
			}
		}
		return out, true
	case syntax.OpCapture:
		return enumerate(re.Sub[0])
	case syntax.OpQuest:
		some, ok := enumerate(re.Sub[0])
		return append(some, ""), ok && len(some) < maxEnumerated
	case syntax.OpAlternate:
		var out []string
		for _, sub := range re.Sub {
			some, ok := enumerate(sub)
			if out = append(out, some...); !ok || len(out) > maxEnumerated {
				return nil, false
			}
		}
		return out, true
	case syntax.OpConcat:
		out := []string{""}
		for _, sub := range re.Sub {
			some, ok := enumerate(sub)
			if !ok || len(out)*len(some) > maxEnumerated {
				return nil, false
			}
			var longer []string
			for _, a := range out {
				for _, b := range some {
					longer = append(longer, a+b)
				}
			}
			out = longer
		}
		return out, true
	}
	return nil, false
}

// excludes reports whether no single value is in both. It errs on the side of "some value might".
func (l language) excludes(o language) bool {
	switch {
	case l.few:
		return !slices.ContainsFunc(l.values, o.holds)
	case o.few:
		return !slices.ContainsFunc(o.values, l.holds)
	}
	return !strings.HasPrefix(l.prefix, o.prefix) && !strings.HasPrefix(o.prefix, l.prefix)
}

// covers reports whether every value of o is in l. It errs on the side of "some value might not".
func (l language) covers(o language) bool {
	return l.Condition == o.Condition || l.all && strings.HasPrefix(o.prefix, l.prefix) && !o.few ||
		o.few && !slices.ContainsFunc(o.values, func(v string) bool { return !l.holds(v) })
}

// excludes reports whether some name has conditions in both that no value meets together.
func (c contender) excludes(o contender) bool {
	for name, l := range c.conditions {
		if other, ok := o.conditions[name]; ok && l.excludes(other) {
			return true
		}
	}
	return false
}

// covers reports whether every request that meets the conditions of sample meets the route's.
func (c contender) covers(sample map[string]language) bool {
	for name, l := range c.conditions {
		if other, ok := sample[name]; !ok || !l.covers(other) {
			return false
		}
	}
	return true
}

// samples splits what a route takes into parts that differ in the few values of its conditions, and reports whether a
// test holds for all of them. If there would be too many, they are not told apart.
func (c contender) samples(test func(map[string]language) bool) bool {
	samples := []map[string]language{c.conditions}
	for _, name := range slices.Sorted(maps.Keys(c.conditions)) {
		l := c.conditions[name]
		if !l.few || len(samples)*len(l.values) > maxEnumerated {
			continue
		}
		var split []map[string]language
		for _, sample := range samples {
			for _, v := range l.values {
				part := maps.Clone(sample)
				part[name] = languageOf(Condition{KindExact, v}, false)
				split = append(split, part)
			}
		}
		samples = split
	}
	return !slices.ContainsFunc(samples, func(s map[string]language) bool { return !test(s) })
}

// sameMatch reports whether two routes of one host and path are written to take the same requests.
func (c contender) sameMatch(o contender) bool {
	return slices.Equal(sortedMethods(c.Match.Methods), sortedMethods(o.Match.Methods)) &&
		maps.EqualFunc(c.conditions, o.conditions, func(a, b language) bool { return a.Condition == b.Condition })
}
