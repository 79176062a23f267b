package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Shared is how a policy that counts does so together with other gateways.
type Shared struct {
	Redis        Redis    `json:"redis"`
	Mode         string   `json:"mode"`          // ShareAsync or ShareStrict
	Sync         Duration `json:"sync,omitzero"` // of ShareAsync: how old a shared count may become, 50 ms to 10 s
	Timeout      Duration `json:"timeout"`       // that the store has to answer, 5 ms to 2 s
	OnStoreError string   `json:"onStoreError"`  // StoreErrorLocal, StoreErrorAllow or StoreErrorDeny
}

// Redis is where a server is: by a URL, or by its parts.
type Redis struct {
	URL      string `json:"url,omitempty"`     // a Template: one secret and nothing else, or a URL without a password
	Address  string `json:"address,omitempty"` // host:port
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"` // a Template that is one secret and nothing else
	Database int    `json:"database,omitempty"`
	TLS      bool   `json:"tls,omitempty"`
}

// Values of Shared.Mode.
const (
	ShareAsync  = "async"  // gateways decide by themselves and tell each other what they granted
	ShareStrict = "strict" // the store decides
)

// Values of Shared.OnStoreError: what is done while the store does not answer.
const (
	StoreErrorLocal = "local" // each gateway grants the whole limit
	StoreErrorAllow = "allow" // there is no limit
	StoreErrorDeny  = "deny"  // 503
)

const (
	minSync         = Duration(50 * time.Millisecond)
	maxSync         = Duration(10 * time.Second)
	minStoreTimeout = Duration(5 * time.Millisecond)
	maxStoreTimeout = Duration(2 * time.Second)
)

func (s *Shared) check(r *report, at Pointer) {
	if s == nil {
		return
	}
	switch s.Mode {
	case ShareAsync:
		if s.Sync < minSync || s.Sync > maxSync {
			r.value(at.Key("sync"), fmt.Sprintf("duration %s is out of range", s.Sync), fmt.Sprintf("write one from %s to %s", minSync, maxSync))
		}
	case ShareStrict:
		if s.Sync != 0 {
			r.key(at.Key("sync"), "sync stands beside mode: strict, which asks the store for every request", "remove it, or write mode: async")
		}
	default:
		r.value(at.Key("mode"), fmt.Sprintf("mode %s is not known", quote(s.Mode)), suggest(s.Mode, []string{ShareAsync, ShareStrict}))
	}
	if s.Timeout < minStoreTimeout || s.Timeout > maxStoreTimeout {
		r.value(at.Key("timeout"), fmt.Sprintf("duration %s is out of range", s.Timeout), fmt.Sprintf("write one from %s to %s", minStoreTimeout, maxStoreTimeout))
	}
	if known := []string{StoreErrorLocal, StoreErrorAllow, StoreErrorDeny}; !slices.Contains(known, s.OnStoreError) {
		r.value(at.Key("onStoreError"), fmt.Sprintf("%s is nothing to do without the store", quote(s.OnStoreError)), suggest(s.OnStoreError, known))
	}
	s.Redis.check(r, at.Key("redis"))
}

// noLiteral is the remedy for a credential in the document.
const noLiteral = `put it into polygate:secrets and write "${secret.NAME}" here`

func (p Redis) check(r *report, at Pointer) {
	switch {
	case p == (Redis{}):
		r.value(at, "it does not say where the store is", `write redis: "${secret.REDIS_URL}", or a mapping with address`)
	case p.URL != "" && (p != Redis{URL: p.URL}):
		r.value(at, "redis has a URL and parts of one", "keep the URL, or the parts")
	case p.URL != "":
		if what, remedy := wholeSecret(p.URL); strings.Contains(p.URL, "${") {
			if what != "" {
				r.value(at, "the URL of redis "+what, remedy)
			}
		} else if strings.Contains(p.URL, "@") {
			r.value(at, "the URL of redis has a user or password in it", noLiteral)
		} else if !strings.HasPrefix(p.URL, "redis://") && !strings.HasPrefix(p.URL, "rediss://") {
			r.value(at, fmt.Sprintf("the URL of redis %s does not begin with rediss:// or redis://", quote(p.URL)), `write "${secret.REDIS_URL}", or a mapping with address`)
		}
	default:
		host, port, err := net.SplitHostPort(p.Address)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 || strings.ContainsAny(host, "/@ ") {
			r.value(at.Key("address"), fmt.Sprintf("address %s is no host and port", quote(p.Address)), `write one such as "redis.internal.example:6379"`)
		}
		if p.Password != "" {
			if what, remedy := wholeSecret(p.Password); what != "" {
				r.value(at.Key("password"), "the password of redis "+what, remedy)
			}
		}
		if p.Username != "" && p.Password == "" {
			r.value(at.Key("username"), "there is a user name without a password", "write password as well, or remove it")
		}
		if p.Database < 0 || p.Database > 1<<16 {
			r.value(at.Key("database"), fmt.Sprintf("database %d is out of range", p.Database), "write the number of one, from 0 on")
		}
	}
}

// wholeSecret tests that a value is one secret and nothing else. What it says does not repeat the value, which may be a credential.
func wholeSecret(value string) (what, remedy string) {
	t, err := ParseTemplate(value)
	switch {
	case !strings.Contains(value, "${"):
		return "is written in the document", noLiteral
	case err != nil:
		return "has a reference that cannot be read", noLiteral
	}
	if _, alone := t.Secret(); !alone {
		return "is not one secret alone", noLiteral
	}
	return "", ""
}

// SecretName is the secret that a URL or password stands for, "" if it is none.
func (p Redis) SecretName() string {
	t, err := ParseTemplate(p.URL + p.Password) // one of them is empty
	if err != nil {
		return ""
	}
	if names := t.Secrets(); len(names) > 0 {
		return names[0]
	}
	return ""
}

func (s *Shared) secrets() []string {
	if s == nil || s.Redis.SecretName() == "" {
		return nil
	}
	return []string{s.Redis.SecretName()}
}

// usable tests the text of a secret that the policy reads: a URL, or a password, which may be any text.
func (s *Shared) usable(_, text string) error {
	if s == nil || s.Redis.URL == "" {
		return nil
	}
	if u, err := url.Parse(text); err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" {
		return errors.New("it is no URL of the form rediss://user:password@host:port/database")
	}
	return nil
}

func (s *Shared) parts() []Part {
	if s == nil {
		return nil
	}
	return []Part{PartRedis}
}
