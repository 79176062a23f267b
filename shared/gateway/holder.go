package gateway

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxCredentials = 10_000 // of one policy in the document: a list in a secret is as long as a secret may be
	maxMarks       = 64     // roles, scopes and metadata of one credential
	maxMark        = 128    // bytes of one
)

// Holder is whom a credential belongs to, and what it gives.
type Holder struct {
	Consumer string            `json:"consumer,omitempty"` // of a user it is the user's name, and not said again
	Plan     string            `json:"plan,omitempty"`
	Roles    []string          `json:"roles,omitempty"`
	Scopes   []string          `json:"scopes,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"` // whatever else is to be known of the holder
	Expires  string            `json:"expires,omitempty"`  // RFC 3339; "" for a credential that does not end
}

// ForwardAs names headers that tell an upstream who calls. What a client sends under these names never passes.
type ForwardAs struct {
	Consumer string `json:"consumer,omitempty"`
	Plan     string `json:"plan,omitempty"`
}

// Listed is one line of a list of credentials: a digest or hash, and whom it belongs to.
type Listed struct {
	Credential string
	Holder     Holder
}

// LineError is a line of a list that cannot be used. It never holds what the line says.
type LineError struct {
	Line int // from 1
	What string
}

// Error names the line by its number.
func (e *LineError) Error() string { return "line " + strconv.Itoa(e.Line) + ": " + e.What }

// noPlan stands for no plan where roles follow.
const noPlan = "-"

// parseList reads lines of "<credential> <consumer> [plan] [role,role]", with spaces or tabs between. Empty lines, and lines that
// begin with #, are skipped. credential tests the first field, and user says that the second is a user's name. The error is a *LineError.
func parseList(text string, credential func(string) error, user bool) ([]Listed, error) {
	var out []Listed
	seen := map[string]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.FieldsFunc(line, func(c rune) bool { return strings.ContainsRune(" \t\r\n", c) })
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		wrong := func(format string, args ...any) ([]Listed, error) {
			return nil, &LineError{Line: number, What: fmt.Sprintf(format, args...)}
		}
		if len(fields) < 2 || len(fields) > 4 {
			return wrong("it has %d fields: want 2 to 4, <credential> <consumer> [plan] [role,role]", len(fields))
		}
		if err := credential(fields[0]); err != nil {
			return wrong("its credential %v", err)
		}
		h := Holder{Consumer: fields[1]}
		if user && !isUser(h.Consumer) || !user && !isMark(h.Consumer) {
			return wrong("its consumer is no name that can be used")
		}
		if len(fields) > 2 && fields[2] != noPlan {
			if h.Plan = fields[2]; !isMark(h.Plan) {
				return wrong("its plan is no name that can be used")
			}
		}
		if len(fields) > 3 {
			h.Roles = strings.Split(fields[3], ",")
			if slices.ContainsFunc(h.Roles, func(role string) bool { return !isMark(role) }) || len(h.Roles) > maxMarks {
				return wrong("its roles are no names that can be used: want role,role without spaces")
			}
		}
		key := fields[0]
		if user {
			key = h.Consumer
		}
		if before, again := seen[key]; again {
			return wrong("it repeats line %d", before)
		}
		seen[key] = number
		out = append(out, Listed{Credential: fields[0], Holder: h})
	}
	if len(out) == 0 {
		return nil, &LineError{Line: 1, What: "there is none with a credential"}
	}
	return out, nil
}

// check tests a holder. user says that the consumer has a place of its own, which is tested there.
func (h Holder) check(r *report, at Pointer, user bool) {
	if !user {
		switch {
		case h.Consumer == "":
			r.value(at.Key("consumer"), "it belongs to nobody", "write consumer, a name by which logs and limits tell who calls")
		case !isMark(h.Consumer):
			r.value(at.Key("consumer"), fmt.Sprintf("consumer %s is not a name", quote(h.Consumer)), markRule)
		}
	}
	if h.Plan != "" && !isMark(h.Plan) {
		r.value(at.Key("plan"), fmt.Sprintf("plan %s is not a name", quote(h.Plan)), markRule)
	}
	for _, list := range []struct {
		key, what string
		given     []string
	}{{"roles", "role", h.Roles}, {"scopes", "scope", h.Scopes}} {
		at := at.Key(list.key)
		if len(list.given) > maxMarks {
			r.value(at, fmt.Sprintf("there are %d %s", len(list.given), list.key), fmt.Sprintf("keep to %d", maxMarks))
			continue
		}
		for i, mark := range list.given {
			switch {
			case !isMark(mark):
				r.value(at.Index(i), fmt.Sprintf("%s %s is not a name", list.what, quote(mark)), markRule)
			case slices.Contains(list.given[:i], mark):
				r.value(at.Index(i), fmt.Sprintf("%s %s is listed twice", list.what, quote(mark)), "list it once")
			}
		}
	}
	if len(h.Metadata) > maxMarks {
		r.value(at.Key("metadata"), fmt.Sprintf("there are %d entries", len(h.Metadata)), fmt.Sprintf("keep to %d", maxMarks))
	}
	if _, err := h.Until(); err != nil {
		r.value(at.Key("expires"), fmt.Sprintf("time %s cannot be read", quote(h.Expires)), `write it as RFC 3339 has it, such as "2027-01-31T00:00:00Z", in quotes`)
	}
}

// Until is when the credential ends; the zero time if it does not.
func (h Holder) Until() (time.Time, error) {
	if h.Expires == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, h.Expires)
}

const markRule = "use up to 128 visible ASCII characters, without spaces, commas, quotes and backslashes"

// isMark tests a name of a consumer, plan, role or scope: what fits in a header, in a list joined by commas, and in a scope (RFC 6749, 3.3).
func isMark(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == ',' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= maxMark
}

// isUser tests a user's name: as isMark, but in any script, and without the colon that ends it (RFC 7617, 2).
func isUser(s string) bool {
	return s != "" && len(s) <= maxMark && utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool {
		return !unicode.IsGraphic(c) || unicode.IsSpace(c) || strings.ContainsRune(`:,"\`, c)
	}) < 0
}

// check tests the names of the headers. taken is a header that carries the credential, "" for none.
func (f ForwardAs) check(r *report, at Pointer, taken string) {
	for _, one := range []struct{ key, name string }{{"consumer", f.Consumer}, {"plan", f.Plan}} {
		if one.name == "" {
			continue
		}
		checkHeaderName(r.value, at.Key(one.key), one.name, requestOwned)
		if strings.EqualFold(one.name, taken) || strings.EqualFold(one.name, "Cookie") {
			r.value(at.Key(one.key), fmt.Sprintf("header %s carries credentials", quote(one.name)), "use another, such as X-Consumer")
		}
	}
	if f.Consumer != "" && strings.EqualFold(f.Consumer, f.Plan) {
		r.value(at.Key("plan"), fmt.Sprintf("header %s is the consumer's already", quote(f.Plan)), "give the plan one of its own, such as X-Plan")
	}
}

// sources are the places a policy has credentials from.
type sources struct {
	listed   int // how many are in the document
	key      string
	secret   string
	variable string
}

func (s sources) check(r *report, at Pointer) {
	if s.listed == 0 && s.secret == "" && s.variable == "" {
		r.value(at, "nobody can call: there are no "+s.key, "list some under "+s.key+", or name a secret or a variable that has a list")
	}
	if s.listed > maxCredentials {
		r.value(at.Key(s.key), fmt.Sprintf("there are %d %s", s.listed, s.key), fmt.Sprintf("keep to %d, or put the list into a secret", maxCredentials))
	}
	if s.secret != "" && !isSecretName(s.secret) {
		r.value(at.Key("secret"), fmt.Sprintf("%s is no name of a secret", quote(cutName(s.secret))),
			"write the name that polygate:secrets has: A-Z, 0-9 and _, beginning with a letter and not with POLYGATE_")
	}
	if s.variable != "" && !isSecretName(s.variable) {
		r.value(at.Key("variable"), fmt.Sprintf("%s is no name of a variable", quote(cutName(s.variable))),
			"write one with A-Z, 0-9 and _, beginning with a letter and not with POLYGATE_")
	}
	if s.secret != "" && s.secret == s.variable {
		r.value(at.Key("variable"), fmt.Sprintf("%s is the list of the secret already", quote(s.variable)), "keep one of the two: the secret is read again when it changes")
	}
}

// cutName keeps a message from repeating a list that stands where its name should.
func cutName(s string) string {
	if len(s) > 32 || strings.ContainsAny(s, " \n") {
		return s[:min(len(s), 4)] + "..."
	}
	return s
}

// digestPattern, as others here with many repetitions, is compiled when it is first needed: a gateway that has no use for it starts sooner.
var digestPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[0-9a-f]{64}$`) })

var _ error = (*LineError)(nil)
