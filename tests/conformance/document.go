// Package conformance holds one table of requests and answers against the packed artefacts of all three providers, each
// behind its own front.
package conformance

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"polygate.example/tests/harness"
)

// document is the gateway document of the table.
func document(origin string) string {
	return `version: 1
upstreams:
  origin:
    targets:
      - url: ` + origin + `
    timeouts: {connect: 2s, response: 20s, idle: 20s}
  nobody:
    targets:
      - url: http://127.0.0.1:1
    timeouts: {connect: 1s}
` + policies + `routes:
` + passed("echo", "echo/{rest...}", "bytes/{n}", "cookies", "headers", "status/{code}", "empty", "slow/{ms}", "abort") + `  - name: edited
    match: {path: "/edited/{rest...}"}
    upstream: origin
    request:
      headers:
        set: {X-Set: by the gateway}
        remove: [X-Removed]
    response:
      headers:
        set: {X-Response: also by the gateway}
  - name: keyed
    match: {path: /keyed}
    upstream: origin
    rewrite: {path: /echo}
    request:
      headers:
        set: {X-Key: "${secret.PARTNER_KEY}", Authorization: "Bearer ${secret.SIGNING_KEY}"}
  - name: unusable
    match: {path: /unusable}
    upstream: origin
    rewrite: {path: /echo}
    request: {headers: {set: {X-Key: "${secret.LONG_KEY}"}}}
  - name: read-only
    match: {path: /read-only, methods: [GET]}
    respond: {status: 200, headers: {Content-Type: text/plain}, body: "read"}
  - name: static
    match: {path: /static}
    respond: {status: 418, headers: {Content-Type: text/plain; charset=utf-8, X-Kind: teapot}, body: "short and stout\n"}
  - name: panic
    match: {path: /fault/panic}
    fault: panic
  - name: nobody
    match: {path: /nobody}
    upstream: nobody
  - name: other-host
    match: {host: other.example.com, path: /other}
    respond: {status: 200, body: "other"}
` + guarded()
}

// passed are routes that pass a path to the origin as it came.
func passed(paths ...string) string {
	out := ""
	for i, p := range paths {
		out += fmt.Sprintf("  - name: passed-%d\n    match: {path: \"/%s\"}\n    upstream: origin\n", i, p)
	}
	return out
}

// vault is where the local Azure keeps the secrets.
const vault = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/vaults/providers/Microsoft.KeyVault/vaults/our-vault/secrets/"

// secrets are in each provider's own store, by variable and provider. Where a provider's reference names a version, as it does
// for one of them on Google and Azure, that one is wanted and no newer.
var secrets = map[string]map[string]string{
	"PARTNER_KEY": {
		"aws": "arn:aws:secretsmanager:{region}:000000000000:secret:partner-key-a1B2c3",
		"gcp": "projects/polygate-local/secrets/partner-key", "azure": vault + "partner-key",
	},
	"LONG_KEY": { // of two lines, see store: no header carries it
		"aws": "arn:aws:secretsmanager:{region}:000000000000:secret:long-key-a1B2c3",
		"gcp": "projects/polygate-local/secrets/long-key", "azure": vault + "long-key",
	},
	"SIGNING_KEY": {
		"aws": "arn:aws:ssm:{region}:000000000000:parameter/polygate/signing-key",
		"gcp": "projects/polygate-local/secrets/signing-key/versions/1", "azure": vault + "signing-key/versions/" + firstVersion,
	},
}

// firstVersion is the number of the first version of a secret in the local Key Vault.
const firstVersion = "00000000000000000000000000000001"

// store makes a version of each secret in each provider's store: the value is the variable's name and the suffix.
func store(ctx context.Context, e *harness.Environment, suffix string) error {
	for _, name := range slices.Sorted(maps.Keys(secrets)) {
		for provider, reference := range map[string]string{
			"aws":   strings.ReplaceAll(secrets[name]["aws"], "{region}", "us-east-1"),
			"gcp":   secrets[name]["gcp"],
			"azure": secrets[name]["azure"],
		} {
			reference, _, _ = strings.Cut(reference, "/versions/")
			value := name + suffix
			if name == "LONG_KEY" {
				value += "\n" + value
			}
			if err := e.SetSecret(ctx, provider, reference, value); err != nil {
				return err
			}
		}
	}
	return nil
}
