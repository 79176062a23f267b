package handler

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"polygate.example/shared/gateway"
)

// maxPassword is how many bytes of a password bcrypt looks at. A longer one is refused: it would be as good as any that begins alike.
const maxPassword = 72

// user is a compiled one.
type user struct {
	*holding
	hash string
	cost int
}

// users are by name.
type users struct {
	known   map[string]user
	dearest int // highest cost of their hashes
}

func noUsers() users { return users{known: map[string]user{}, dearest: gateway.MinBcryptCost} }

// basic is the compiled policy.
type basic struct {
	env       environment
	challenge string
	users     users
	list      *secretList[users]
	verified  *verified
	turns     *turns
	optional  bool
	forward   bool
	introduce introduction
}

// newBasic finds out who calls by name and password (RFC 7617).
func newBasic(spec gateway.Basic, env environment) (policy, error) {
	p := &basic{env: env, challenge: `Basic realm="` + spec.Realm + `", charset="UTF-8"`, users: noUsers(), verified: newVerified(),
		turns: newTurns(), optional: spec.Optional, forward: spec.Forward, introduce: newIntroduction(spec.ForwardAs)}
	for _, u := range spec.Users {
		h := u.Holder
		h.Consumer = u.User
		if err := p.users.add(gateway.Listed{Credential: u.Bcrypt, Holder: h}, env.name); err != nil {
			return nil, err
		}
	}
	if spec.Variable != "" {
		list, err := env.variable(spec.Variable, gateway.ParseUsers)
		if err != nil {
			return nil, err
		}
		for _, one := range list {
			if err := p.users.add(one, env.name); err != nil {
				return nil, fmt.Errorf("variable %s: %w", spec.Variable, err)
			}
		}
	}
	if spec.Secret != "" {
		p.list = &secretList[users]{name: spec.Secret, env: env, compile: p.compile}
	}
	return p.wrap, nil
}

func (u *users) add(one gateway.Listed, by string) error {
	if _, again := u.known[one.Holder.Consumer]; again {
		return fmt.Errorf("user %q is known from the document already: a user has one password", one.Holder.Consumer)
	}
	cost, err := gateway.CostOfBcrypt(one.Credential)
	if err != nil {
		return err // no model has one
	}
	h, err := newHolding(one.Holder, by)
	if err != nil {
		return err
	}
	u.known[one.Holder.Consumer] = user{holding: h, hash: one.Credential, cost: cost}
	u.dearest = max(u.dearest, cost)
	return nil
}

func (p *basic) compile(text string) (users, error) {
	list, err := gateway.ParseUsers(text)
	if err != nil {
		return noUsers(), err
	}
	out := noUsers()
	for _, one := range list {
		if err := out.add(one, p.env.name); err != nil {
			return noUsers(), err
		}
	}
	return out, nil
}

func (p *basic) wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.introduce.clean(r)
		shown := r.Header["Authorization"]
		if len(shown) == 0 || len(shown) == 1 && !isBasic(shown[0]) {
			if p.optional {
				next.ServeHTTP(w, r)
				return
			}
			p.env.refuse(w, r, p.challenge, codeCredentialMissing, "This path needs a user's name and password.", "there is no password")
			return
		}
		if !p.forward {
			delete(r.Header, "Authorization")
		}
		if len(shown) > 1 {
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The name or the password is not accepted.", "there are several headers Authorization")
			return
		}
		name, password, ok := credentialsOf(shown[0])
		if !ok {
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The name or the password is not accepted.", "its header Authorization cannot be read")
			return
		}
		u, err := p.verify(r.Context(), name, password)
		switch {
		case errors.Is(err, errBusy):
			w.Header().Set("Retry-After", "1")
			p.env.deny(w, r, fail(http.StatusServiceUnavailable, "Too many passwords wait to be tested; try again later."), err.Error())
		case errors.Is(err, errNoTurn):
			fail(http.StatusServiceUnavailable, "The gateway has no time to test the password; try again.").write(w, exchangeOf(r).id)
		case err != nil:
			p.env.unreadable(w, r, err)
		case u == nil:
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The name or the password is not accepted.", "its name or password is wrong")
		case u.ended(p.env.now()):
			p.env.refuse(w, r, p.challenge, codeCredentialRefused, "The name or the password is not accepted.", "user "+u.caller.Consumer+" has expired")
		default:
			x := exchangeOf(r)
			x.caller = u.caller
			p.introduce.tell(x)
			next.ServeHTTP(w, r)
		}
	})
}

// verify finds the user to a name and password; nil if there is none.
func (p *basic) verify(ctx context.Context, name, password string) (*user, error) {
	u, found := p.users.known[name]
	dearest := p.users.dearest
	if p.list != nil {
		listed, err := p.list.get(ctx)
		if err != nil && !found {
			return nil, err
		}
		dearest = max(dearest, listed.dearest)
		if !found {
			u, found = listed.known[name]
		}
	}
	if len(password) > maxPassword {
		return nil, nil
	}
	if found && p.verified.has(name, password, u.hash, p.env.now()) {
		return &u, nil
	}
	end, err := p.turns.take(ctx, dearest)
	if err != nil {
		return nil, err
	}
	defer end()
	if matches(bcrypt.CompareHashAndPassword, u.hash, password, u.cost, dearest) && found {
		p.verified.add(name, password, u.hash, p.env.now())
		return &u, nil
	}
	return nil, nil
}

// matches tests a password against a hash, "" for a user whom nobody knows. What does not match has taken as long as the dearest hash takes,
// whoever it was for: a hash of cost c takes 2^c rounds, and with hashes of the costs c to d-1 after it, 2^d in all. So nobody learns by
// the time whether a name is known.
func matches(compare func(hash, password []byte) error, hash, password string, cost, dearest int) bool {
	if hash == "" {
		_ = compare(nobodysHash(dearest), []byte(password)) // no password has it
		return false
	}
	if compare([]byte(hash), []byte(password)) == nil {
		return true
	}
	for ; cost < dearest; cost++ {
		_ = compare(nobodysHash(cost), []byte(password)) // for the time it takes
	}
	return false
}

// nobodysHash has the form of a hash, and no password gives it: that would be one of 2^184.
func nobodysHash(cost int) []byte {
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, strings.Repeat(".", 53))
}

// isBasic reports whether a header Authorization is of the scheme Basic, which has no case (RFC 9110, 11.1).
func isBasic(value string) bool {
	scheme, _, _ := strings.Cut(value, " ")
	return strings.EqualFold(scheme, "Basic")
}

// credentialsOf reads name and password (RFC 7617, 2).
func credentialsOf(value string) (string, string, bool) {
	_, encoded, _ := strings.Cut(value, " ")
	text, err := base64.StdEncoding.DecodeString(strings.Trim(encoded, " "))
	if err != nil {
		return "", "", false
	}
	return strings.Cut(string(text), ":")
}
