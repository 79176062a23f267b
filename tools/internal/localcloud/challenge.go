package localcloud

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"polygate.example/tools/internal/localcloud/plane"
)

// challengeLabel begins the name at which an ACME authority looks for the answer to its challenge (RFC 8555, section 8.4).
const challengeLabel = "_acme-challenge."

// challengeTTL is how long a resolver may keep the answer, in seconds.
const challengeTTL = 60

// challengesNote is the key under which the store keeps the answers, as a zone does: an order goes on after a restart.
const challengesNote = "challenges"

// Challenge is the answer to one DNS-01 challenge: a TXT record beside the deployed ones, which no program knows of.
type Challenge struct {
	Name  string `json:"name"` // _acme-challenge.<name>, without trailing dot
	Value string `json:"value"`
}

// challenges are those being answered.
type challenges struct {
	mu  sync.Mutex
	all []Challenge
}

// serveChallenges adds what puts answers in and takes them out. Both take effect before they reply.
func (c *Clouds) serveChallenges(mux *http.ServeMux) {
	decode := func(w http.ResponseWriter, r *http.Request) (ch Challenge, ok bool) {
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<12))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&ch); err != nil {
			refuse(w, fmt.Errorf("decode the challenge: %w", err))
			return ch, false
		}
		ch.Name = strings.ToLower(strings.TrimSuffix(ch.Name, "."))
		return ch, true
	}
	mux.HandleFunc("PUT /v1/challenge", func(w http.ResponseWriter, r *http.Request) {
		ch, ok := decode(w, r)
		if !ok {
			return
		}
		if err := ch.check(c.world.Load().Zones); err != nil {
			refuse(w, err)
			return
		}
		if err := c.answer(func(all []Challenge) []Challenge { return append(slices.DeleteFunc(all, ch.is), ch) }); err != nil {
			refuse(w, err)
			return
		}
		reply(w, struct{}{})
	})
	mux.HandleFunc("DELETE /v1/challenge", func(w http.ResponseWriter, r *http.Request) {
		ch, ok := decode(w, r)
		if !ok {
			return
		}
		if err := c.answer(func(all []Challenge) []Challenge { return slices.DeleteFunc(all, ch.is) }); err != nil {
			refuse(w, err)
			return
		}
		reply(w, struct{}{})
	})
}

func (ch Challenge) is(other Challenge) bool { return other == ch }

// check refuses what no authority would look for, and what DNS has no room for: a CNAME is alone at its name.
func (ch Challenge) check(zones []plane.Zone) error {
	if !strings.HasPrefix(ch.Name, challengeLabel) || ch.Value == "" || len(ch.Value) > 255 {
		return fmt.Errorf("%q = %q answers no challenge: want a name that begins with %s, and a value of at most 255 characters", ch.Name, ch.Value, challengeLabel)
	}
	i := zoneOf(zones, ch.Name)
	if i < 0 {
		return fmt.Errorf("no delegated zone of the local clouds holds %s", ch.Name)
	}
	for _, r := range zones[i].Records {
		if r.Name == ch.Name && r.Type == "CNAME" {
			return fmt.Errorf("%s is a CNAME to %s, beside which there can be no TXT record: take it out of the zone %s", ch.Name, strings.Join(r.Values, ", "), zones[i].Name)
		}
	}
	return nil
}

// zoneOf is the index of the delegated zone that holds a name, the deepest of several; below 0 when there is none.
func zoneOf(zones []plane.Zone, name string) int {
	found := -1
	for i, z := range zones {
		if !z.Undelegated && (name == z.Name || strings.HasSuffix(name, "."+z.Name)) && (found < 0 || len(z.Name) > len(zones[found].Name)) {
			found = i
		}
	}
	return found
}

// answer changes the challenges, keeps them, and has the DNS serve them.
func (c *Clouds) answer(change func([]Challenge) []Challenge) error {
	c.challenges.mu.Lock()
	defer c.challenges.mu.Unlock()
	c.challenges.all = change(c.challenges.all)
	b, err := json.Marshal(c.challenges.all)
	if err != nil {
		return fmt.Errorf("encode the challenges: %w", err)
	}
	if err := c.store.SetNote(challengesNote, string(b)); err != nil {
		return fmt.Errorf("keep the challenges: %w", err)
	}
	return c.dns.Apply(withChallenges(c.world.Load().Zones, c.challenges.all))
}

// recallChallenges reads what clouds before these have kept.
func (c *Clouds) recallChallenges() error {
	text, ok := c.store.Note(challengesNote)
	if !ok {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &c.challenges.all); err != nil {
		return fmt.Errorf("read the challenges that were kept: %w", err)
	}
	return nil
}

// serveZones has the DNS serve the world's zones, and the challenges beside them.
func (c *Clouds) serveZones() error {
	c.challenges.mu.Lock()
	defer c.challenges.mu.Unlock()
	return c.dns.Apply(withChallenges(c.world.Load().Zones, c.challenges.all))
}

// withChallenges puts answers into copies of the zones that hold them.
func withChallenges(zones []plane.Zone, all []Challenge) []plane.Zone {
	zones = slices.Clone(zones)
	for _, ch := range all {
		i := zoneOf(zones, ch.Name)
		if i < 0 {
			continue // its zone has gone
		}
		records := slices.Clone(zones[i].Records)
		at := slices.IndexFunc(records, func(r plane.Record) bool { return r.Name == ch.Name && r.Type == "TXT" })
		if at < 0 {
			records = append(records, plane.Record{Name: ch.Name, Type: "TXT", TTL: challengeTTL, Values: []string{ch.Value}})
		} else {
			records[at].Values = append(slices.Clone(records[at].Values), ch.Value)
		}
		zones[i].Records = records
	}
	return zones
}

// PutChallenge answers a DNS-01 challenge.
func (c *Client) PutChallenge(ctx context.Context, ch Challenge) error {
	return c.call(ctx, http.MethodPut, "/v1/challenge", ch, nil)
}

// DeleteChallenge takes the answer out again; one that is not there is no error.
func (c *Client) DeleteChallenge(ctx context.Context, ch Challenge) error {
	return c.call(ctx, http.MethodDelete, "/v1/challenge", ch, nil)
}
