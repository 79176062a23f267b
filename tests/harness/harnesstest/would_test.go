package harnesstest

import "testing"

// TestWould: the one resource that is left out hides no other.
func TestWould(t *testing.T) {
	const topology = "  +-gcp:storage/bucketObject:BucketObject: (replace)\n      [id=x]\n      [urn=urn:pulumi:local::polygate::a$b::gateway-gcp-topology]\n"
	const check = "  +-aws:route53/healthCheck:HealthCheck: (replace)\n      [id=y]\n      [urn=urn:pulumi:local::polygate::a$b::gateway-check]\n"
	for text, want := range map[string]bool{"": false, topology: false, check: true, topology + check: true, check + topology: true} {
		if Would(text, "replace") != want || Would(text, "create") {
			t.Errorf("%q: replaces %t, want %t", text, !want, want)
		}
	}
}
