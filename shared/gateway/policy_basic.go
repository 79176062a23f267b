package gateway

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Bounds of the cost of a bcrypt hash, the logarithm of how often it goes around: below, guessing is cheap; above, a request takes
// seconds of a function's processor.
const (
	MinBcryptCost = 8
	MaxBcryptCost = 14
)

// Basic finds out who calls by a user's name and password (RFC 7617). Of passwords only bcrypt hashes are known here.
type Basic struct {
	Realm     string    `json:"realm"`
	Users     []User    `json:"users,omitempty"`
	Secret    string    `json:"secret,omitempty"`   // whose text is a list of users; see ParseUsers
	Variable  string    `json:"variable,omitempty"` // of the environment, with the same text
	Optional  bool      `json:"optional,omitempty"` // who shows no password passes as nobody
	Forward   bool      `json:"forward,omitempty"`  // the header Authorization goes upstream
	ForwardAs ForwardAs `json:"forwardAs,omitzero"`
}

// User is one user; the user's name is the consumer.
type User struct {
	User   string `json:"user"`
	Bcrypt string `json:"bcrypt"`
	Holder
}

// bcryptPattern is a hash as bcrypt writes it: the version, the cost, and 22 and 31 characters of salt and hash. $2x$ is refused: it marks
// hashes of a defect of 2011 that gives different passwords one hash.
var bcryptPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}$`) })

const makeBcrypt = "write bcrypt, a hash of cost 8 to 14, as of: htpasswd -nBC 10 USER"

// CostOfBcrypt is the cost of a bcrypt hash. The error goes on after the hash's name, and does not repeat it.
func CostOfBcrypt(hash string) (int, error) {
	m := bcryptPattern().FindStringSubmatch(hash)
	if m == nil {
		return 0, errors.New("is no bcrypt hash")
	}
	cost, err := strconv.Atoi(m[1])
	if err != nil || cost < MinBcryptCost || cost > MaxBcryptCost {
		return 0, fmt.Errorf("has the cost %s: want %d to %d", m[1], MinBcryptCost, MaxBcryptCost)
	}
	return cost, nil
}

func (p *Basic) check(r *report, at Pointer) {
	if p.Realm == "" || len(p.Realm) > maxMark || !IsFieldValue(p.Realm) || strings.ContainsAny(p.Realm, `"\`) {
		r.value(at.Key("realm"), fmt.Sprintf("realm %s cannot be sent", quote(p.Realm)), "use up to 128 visible ASCII characters and spaces, without quotes and backslashes")
	}
	sources{listed: len(p.Users), key: "users", secret: p.Secret, variable: p.Variable}.check(r, at)
	seen := map[string]int{}
	for i, u := range p.Users {
		at := at.Key("users").Index(i)
		switch j, again := seen[u.User]; {
		case u.User == "":
			r.value(at.Key("user"), "the user has no name", "write user, the name that the client sends")
		case !isUser(u.User):
			r.value(at.Key("user"), fmt.Sprintf("user %s is not a name", quote(u.User)), "use up to 128 bytes of visible characters, without spaces, colons, commas, quotes and backslashes")
		case again:
			r.value(at.Key("user"), fmt.Sprintf("user %s is listed already", quote(u.User)), "keep one of them: a user has one password")
			r.found[len(r.found)-1].Related = string(at.Parent().Index(j).Key("user"))
		default:
			seen[u.User] = i
		}
		switch _, err := CostOfBcrypt(u.Bcrypt); {
		case u.Bcrypt == "":
			r.value(at, "the user has no password", makeBcrypt)
		case err != nil && !bcryptPattern().MatchString(u.Bcrypt):
			r.value(at.Key("bcrypt"), "this "+err.Error()+": a password itself must not stand in the document", makeBcrypt)
		case err != nil:
			r.value(at.Key("bcrypt"), "the hash "+err.Error(), makeBcrypt)
		}
		u.Holder.check(r, at, true)
	}
	p.ForwardAs.check(r, at.Key("forwardAs"), "Authorization")
}

// ParseUsers reads a list of users, a line each: <bcrypt hash> <user> [plan] [role,role], with - for no plan before roles. Empty lines and
// lines that begin with # do not count. The error is a *LineError and does not repeat what the line says.
func ParseUsers(text string) ([]Listed, error) {
	return parseList(text, func(hash string) error {
		_, err := CostOfBcrypt(hash)
		return err
	}, true)
}

func (p *Basic) secrets() []string {
	if p.Secret == "" {
		return nil
	}
	return []string{p.Secret}
}

// usable tests the text of a secret that the policy reads.
func (p *Basic) usable(name, text string) error {
	if name != p.Secret {
		return nil
	}
	_, err := ParseUsers(text)
	return err
}

func (*Basic) parts() []Part     { return nil }
func (*Basic) caller() callerUse { return callerMade }

var (
	_ kind         = (*Basic)(nil)
	_ secretReader = (*Basic)(nil)
)
