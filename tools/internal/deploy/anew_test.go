package deploy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// Of the certificates in a state, those that no validation was completed for are looked at, and those that were refused are
// requested anew, protected or not. What serves is left alone, and so is what only waits.
func TestRefusedCertificates(t *testing.T) {
	certificate := func(name, status string, change func(*apitype.ResourceV3)) apitype.ResourceV3 {
		r := apitype.ResourceV3{URN: resource.URN("urn::" + name), Type: typeCertificate, ID: resource.ID("arn:" + name), Custom: true, Protect: true,
			Outputs: map[string]any{"status": status}}
		if change != nil {
			change(&r)
		}
		return r
	}
	validation := func(of string) apitype.ResourceV3 {
		return apitype.ResourceV3{URN: resource.URN("urn::" + of + "-issued"), Type: tokens.Type(typeValidation), Inputs: map[string]any{"certificateArn": "arn:" + of}}
	}
	d := apitype.DeploymentV3{Resources: []apitype.ResourceV3{
		certificate("serves", "ISSUED", nil), validation("serves"),
		certificate("renewed-in-vain", "FAILED", nil), validation("renewed-in-vain"), // it was issued once, and is in use
		certificate("refused", "FAILED", nil),
		certificate("unprotected", "FAILED", func(r *apitype.ResourceV3) { r.Protect = false }),
		certificate("waits", "PENDING_VALIDATION", nil),
		certificate("old", "FAILED", func(r *apitype.ResourceV3) { r.Delete = true }),
		{URN: "urn::other", Type: "aws:lambda/function:Function", Outputs: map[string]any{"status": "FAILED"}},
	}}
	waiting := unvalidated(d)
	if diff := cmp.Diff([]string{"urn::refused", "urn::unprotected", "urn::waits"}, waiting); diff != "" {
		t.Errorf("looked at (-want +got):\n%s", diff)
	}
	refused, protected := release(&d, waiting)
	if diff := cmp.Diff([]string{"urn::refused", "urn::unprotected"}, refused); diff != "" || !protected {
		t.Errorf("requested anew, protected %t (-want +got):\n%s", protected, diff)
	}
	for _, r := range d.Resources {
		if want := r.Type == typeCertificate && r.URN != "urn::refused" && r.URN != "urn::unprotected"; r.Protect != want {
			t.Errorf("%s: protected %t", r.URN, r.Protect)
		}
	}
	if refused, protected := release(&d, waiting[1:2]); len(refused) != 1 || protected {
		t.Errorf("without protection: %v, %t", refused, protected)
	}
}
