package credential

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The variables are those of Pulumi's provider.
func TestAzure(t *testing.T) {
	env := map[string]string{"ARM_TENANT_ID": "11111111-1111-1111-1111-111111111111", "ARM_CLIENT_ID": "c", "ARM_CLIENT_SECRET": "s"}
	get := func(k string) string { return env[k] }
	if got, err := Azure(get); err != nil || strings.Contains(fmt.Sprintf("%T", got), "Default") {
		t.Errorf("by ARM_*: %T, %v", got, err)
	}
	delete(env, "ARM_CLIENT_SECRET")
	if got, err := Azure(get); err != nil || !strings.Contains(fmt.Sprintf("%T", got), "Default") {
		t.Errorf("by whoever is logged in: %T, %v", got, err)
	}
}

func TestCloudflare(t *testing.T) {
	if token, err := Cloudflare(func(string) string { return "t1" }); token != "t1" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
	if _, err := Cloudflare(func(string) string { return "" }); !errors.Is(err, ErrNone) {
		t.Errorf("without one: %v", err)
	}
}
