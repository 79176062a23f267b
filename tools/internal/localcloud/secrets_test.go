package localcloud

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestSecretsByHand: what the command line makes is there for the control planes, and no answer holds a value.
func TestSecretsByHand(t *testing.T) {
	c, dir := start(t)
	st, err := ReadState(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	client := NewClient(st)
	const name = "projects/polygate-test/secrets/key"
	for i, value := range []string{"first", "second"} {
		if version, err := client.AddSecret(t.Context(), Secret{Provider: "gcp", Name: name, Value: value}); err != nil || version != i+1 {
			t.Fatalf("version %d, %v: want %d", version, err, i+1)
		}
	}
	if got, _ := c.store.View().Secret("gcp", name, "latest"); got.Value != "second" {
		t.Errorf("the latest version is %q, want the second", got.Value)
	}
	all, err := client.Secrets(t.Context())
	if err != nil || len(all) != 2 || all[0].Value != "" || all[1].Version != 2 {
		t.Errorf("the list is %v, %v: want two versions without values", all, err)
	}
	for what, s := range map[string]Secret{
		"keeps no secrets":      {"mars", name, "hush"},
		`"cloudflare" keeps no`: {"cloudflare", name, "hush"},
		"no name of a secret":   {"gcp", "two words", "hush"},
		"projects/<project>/":   {"gcp", "key", "hush"},
		"is empty":              {"gcp", name, ""},
		"at most 65536":         {"gcp", name, strings.Repeat("hush", MaxSecret/4) + "!"},
		"has a zero byte":       {"gcp", name, "hush\x00"},
		"without the version:":  {"gcp", name + "/versions/1", "hush"},
	} {
		_, err := client.AddSecret(t.Context(), s)
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want a refusal that says %q and nothing of the value", s, err, what)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v", Secret{"gcp", name, "hush"}, Secret{"gcp", name, "hush"}, Secret{"gcp", name, "hush"}); strings.Contains(s, "hush") {
		t.Errorf("a value is shown: %s", s)
	}
	if n, err := client.RemoveSecret(t.Context(), "gcp", name); n != 2 || err != nil {
		t.Errorf("%d versions removed, %v: want 2", n, err)
	}
	if _, err := client.RemoveSecret(t.Context(), "gcp", name); !errors.Is(err, ErrRefused) {
		t.Errorf("a secret that is not there is removed: %v", err)
	}
}
