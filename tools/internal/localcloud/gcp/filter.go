package gcp

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// comparison is one clause of a filter: a field, an operator and a value.
type comparison struct{ field, op, value string }

// language is what a filter may be made of.
type language struct {
	operators []string
	logical   bool // OR, NOT and parentheses, beside AND
}

// The filters of two services look alike and are not. Cloud Logging's know regular expressions, those of Cloud Monitoring do
// not: a =~ is a syntax error there (chainguard-dev/terraform-infra-common pull request #463). Of Monitoring's, those are
// modelled that join comparisons with AND. Sources: "Logging query language", docs.cloud.google.com/logging/docs/view/
// logging-query-language; "Monitoring filters", docs.cloud.google.com/monitoring/api/v3/filters.
var (
	loggingFilter    = language{operators: []string{"=~", "!~", "!=", ">=", "<=", "=", ">", "<", ":"}, logical: true}
	monitoringFilter = language{operators: []string{"!=", ">=", "<=", "=", ">", "<", ":"}}
)

var (
	filterField = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.@/-]*`)
	filterText  = regexp.MustCompile(`^"([^"\\\n]|\\.)*"`)
	filterBare  = regexp.MustCompile(`^[A-Za-z0-9_.+-]+`)
)

// filterParser reads one filter.
type filterParser struct {
	language
	all, rest string
	found     []comparison
}

// parse reads a filter and returns its comparisons in order. The error says where it ends to make sense.
func (l language) parse(text string) ([]comparison, error) {
	p := &filterParser{language: l, all: text, rest: text}
	if err := p.disjunction(); err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, p.unexpected()
	}
	return p.found, nil
}

func (p *filterParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *filterParser) unexpected() error {
	at := len(p.all) - len(p.rest)
	token := p.rest
	if i := strings.IndexAny(token, " \t\r\n"); i >= 0 {
		token = token[:i]
	}
	if token == "" {
		return fmt.Errorf("syntax error at the end, want a comparison such as resource.type=\"x\"")
	}
	return fmt.Errorf("syntax error at column %d, token '%s'", at+1, token)
}

// keyword takes a word that stands alone.
func (p *filterParser) keyword(word string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, word)
	if !ok || filterBare.MatchString(rest) {
		return false
	}
	p.rest = rest
	return true
}

func (p *filterParser) take(token string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *filterParser) disjunction() error {
	for {
		if err := p.conjunction(); err != nil {
			return err
		}
		if !p.logical || !p.keyword("OR") {
			return nil
		}
	}
}

func (p *filterParser) conjunction() error {
	for {
		if err := p.term(); err != nil {
			return err
		}
		p.skip()
		if p.keyword("AND") {
			continue
		}
		// Comparisons beside each other are joined as well.
		if p.rest == "" || p.rest[0] == ')' || p.logical && strings.HasPrefix(p.rest, "OR") {
			return nil
		}
	}
}

func (p *filterParser) term() error {
	if p.logical {
		if p.keyword("NOT") {
			return p.term()
		}
		if p.take("(") {
			if err := p.disjunction(); err != nil {
				return err
			}
			if !p.take(")") {
				return p.unexpected()
			}
			return nil
		}
	}
	return p.comparison()
}

func (p *filterParser) comparison() error {
	p.skip()
	var c comparison
	if c.field = filterField.FindString(p.rest); c.field == "" {
		return p.unexpected()
	}
	p.rest = p.rest[len(c.field):]
	i := slices.IndexFunc(p.operators, p.take)
	if i < 0 {
		return p.unexpected()
	}
	c.op = p.operators[i]
	p.skip()
	if quoted := filterText.FindString(p.rest); quoted != "" {
		c.value = strings.ReplaceAll(strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`), `\\`, `\`)
		p.rest = p.rest[len(quoted):]
	} else if c.value = filterBare.FindString(p.rest); c.value != "" {
		p.rest = p.rest[len(c.value):]
	} else {
		return p.unexpected()
	}
	if c.op == "=~" || c.op == "!~" {
		if _, err := regexp.Compile(c.value); err != nil { // RE2 on both sides
			return fmt.Errorf("%s is no regular expression: %w", c.value, err)
		}
	}
	p.found = append(p.found, c)
	return nil
}

// value is what a field must be equal to; ok is false when the filter does not say.
func valueOf(all []comparison, fields ...string) (value string, ok bool) {
	for _, c := range all {
		if c.op == "=" && slices.Contains(fields, c.field) {
			return c.value, true
		}
	}
	return "", false
}
