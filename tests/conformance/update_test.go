package conformance

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What is behind the names of the secrets: their first values, and those that they are changed to.
const (
	firstSuffix  = "-first-b5e0c9"
	secondSuffix = "-second-77a1d2"
)

// TestSecretsAreUpdated changes the secrets in every store and watches what each provider's function sends. It is the last test
// of the package, by the name of its file: the others know the values of before.
//
// Sources: of AWS, "Use AWS Secrets Manager secrets in AWS Lambda functions", environment variables (kept for 300 s); of Google,
// "Configure secrets", docs.cloud.google.com/run/docs/configuring/services/secrets (resolved when an instance starts); of Azure,
// "Use Key Vault references as app settings", rotation (when the configuration changes, or within 24 hours).
func TestSecretsAreUpdated(t *testing.T) {
	e := deployed(t)
	sent := func(p provider) (key, signing string) {
		t.Helper()
		a := p.ask(t, http.MethodGet, "/keyed", nil, nil)
		if a.status != http.StatusOK {
			t.Fatalf("%s answers %d: %.300s", p.name, a.status, a.body)
		}
		h := a.echo(t).Headers
		return strings.TrimPrefix(h.Get("X-Key"), "PARTNER_KEY"), strings.TrimPrefix(h.Get("Authorization"), "Bearer SIGNING_KEY")
	}
	expect := func(when string, p provider, wantKey, wantSigning string) {
		t.Helper()
		if key, signing := sent(p); key != wantKey || signing != wantSigning {
			t.Errorf("%s: %s sends %s and %s, want %s and %s", when, p.name, key, signing, wantKey, wantSigning)
		}
	}
	for _, p := range e.providers() {
		expect("before", p, firstSuffix, firstSuffix) // so that an instance of each runs, and has read them
	}
	changed := time.Now()
	if err := store(t.Context(), e.Environment, secondSuffix); err != nil {
		t.Fatal(err)
	}
	for _, p := range e.providers() {
		if p.name == "aws" {
			// 300 s of the extension, in cloud time, and 5 s of the gateway, and as long again for a machine that is busy. How long it
			// takes at the least cannot be told: instances have read the value at times of their own.
			limit := changed.Add(2 * (time.Duration(300/e.Speed*float64(time.Second)) + 5*time.Second))
			for key, signing := sent(p); key != secondSuffix || signing != secondSuffix; key, signing = sent(p) {
				if time.Now().After(limit) {
					t.Fatalf("%s after the change aws sends %s and %s", time.Since(changed), key, signing)
				}
				time.Sleep(200 * time.Millisecond) // between two looks: a change takes wall time to be everywhere, and who serves it tells nobody
			}
			t.Logf("aws: %s of wall time at speed %g", time.Since(changed).Round(time.Second), e.Speed)
		}
	}
	for _, p := range e.providers() {
		if p.name != "aws" {
			expect("with the instances of before", p, firstSuffix, firstSuffix)
		}
	}

	// A release: another document is another artefact.
	path := filepath.Join(e.Root, "stacks", "local.gateway.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(text, "  - {name: more, match: {path: /more}, respond: {status: 200}}\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Must(t.Context(), "up"); err != nil {
		t.Fatal(err)
	}
	for _, p := range e.providers() {
		pinned := firstSuffix // the first version, by reference
		if p.name == "aws" {
			pinned = secondSuffix
		}
		expect("after a release", p, secondSuffix, pinned)
	}
}
