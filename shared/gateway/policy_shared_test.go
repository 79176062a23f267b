package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// The secret of a shared count is a URL or any password, and what is said of one that cannot be used does not hold it.
func TestSharedSecret(t *testing.T) {
	counting := func(at Redis) *Model {
		t.Helper()
		m, err := New(Spec{Version: Version, Policies: map[string]Policy{"calls": {RateLimit: &RateLimit{Rate: 1, Per: Duration(time.Second), Burst: 1, By: []CountBy{{Kind: ByIP}}, Keys: 1000,
			Shared: &Shared{Redis: at, Mode: ShareStrict, Timeout: Duration(50 * time.Millisecond), OnStoreError: StoreErrorLocal}}}},
			Routes: []Route{{Name: "a", Match: Match{Path: "/a"}, Policies: []string{"calls"}, Respond: &Respond{Status: 200}}}})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	url, password := counting(Redis{URL: "${secret.STORE}"}), counting(Redis{Address: "redis.example:6379", Password: "${secret.STORE}"})
	for _, m := range []*Model{url, password} {
		if !slices.Equal(m.Secrets(), []string{"STORE"}) || !slices.Equal(m.Parts(), []Part{PartRedis}) {
			t.Errorf("secrets %v, parts %v", m.Secrets(), m.Parts())
		}
	}
	for _, text := range []string{"redis://h", "rediss://u:p@h:1/2"} {
		if err := url.Usable("STORE", text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"s3cret", "http://u:s3cret@h", "redis://s3cret:%zz@h", "redis:///s3cret"} {
		if err := url.Usable("STORE", text); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := password.Usable("STORE", "ein Paßwort"); err != nil {
		t.Error(err)
	}
}
