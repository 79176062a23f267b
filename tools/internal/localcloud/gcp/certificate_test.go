package gcp_test

import (
	"fmt"
	"strings"
	"testing"

	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/resource"
)

const (
	docRecords = docAuth + "; Certificate Manager API, DnsAuthorization.type"
	docStates  = "docs.cloud.google.com/certificate-manager/docs/troubleshooting; Certificate Manager API, ManagedCertificate"
	docIssuers = "docs.cloud.google.com/certificate-manager/docs/core-components, Google-managed certificates"
	docReasons = "Certificate Manager API, AuthorizationAttemptInfo.FailureReason"
)

// recordOf is the record that an authorisation asks for.
func recordOf(authorization resource.Props) resource.Props {
	return authorization.Objects("dnsResourceRecords")[0]
}

// stateOf is the state of the certificate that kit.certificates makes, and why it is not more.
func (k *kit) stateOf() string {
	k.t.Helper()
	id := "projects/" + project + "/locations/global/certificates/gw"
	rec, ok, err := k.ctl.Read(tCert, id, nil)
	if err != nil || !ok {
		k.t.Fatalf("read %s: %t %v", id, ok, err)
	}
	m := rec.Outputs().Object("managed")
	out := m.Str("state")
	for _, i := range m.Objects("provisioningIssues") {
		out += " " + i.Str("reason")
	}
	for _, a := range m.Objects("authorizationAttemptInfos") {
		out += " " + a.Str("domain") + " " + a.Str("state") + " " + a.Str("failureReason")
	}
	return out
}

// proved is the state once the authorisation's record is there, under CAA values at a name.
func proved(at string, values ...string) func(*kit) string {
	return func(k *kit) string {
		if len(values) > 0 {
			k.zone["CAA "+at] = strings.Join(values, "\n")
		}
		k.authorize(k.certificates())
		return k.stateOf()
	}
}

const byCAA = "PROVISIONING AUTHORIZATION_ISSUE " + ownName + " FAILED CAA"

// certificateStates are what is to be seen of authorisations and certificates.
var certificateStates = []struct {
	name, source string
	see          func(k *kit) string
	want         string
}{
	{"a fixed record stands where ACME's challenge does", docRecords, func(k *kit) string {
		_, out := k.must(tAuth, resource.Props{"name": "a", "domain": ownName, "type": gcp.FixedRecord})
		return recordOf(out).Str("name") + " " + recordOf(out).Str("type")
	}, "_acme-challenge." + ownName + ". CNAME"},
	{"the record is fixed unless asked for otherwise", docRecords, func(k *kit) string {
		_, out := k.must(tAuth, resource.Props{"name": "a", "domain": ownName})
		return recordOf(out).Str("name")
	}, "_acme-challenge." + ownName + "."},
	{"a record of the project leaves ACME's challenge free", docRecords, func(k *kit) string {
		_, out := k.must(tAuth, resource.Props{"name": "a", "domain": ownName, "type": gcp.ProjectRecord})
		name := recordOf(out).Str("name")
		return fmt.Sprint(strings.HasPrefix(name, "_acme-challenge_"), strings.HasSuffix(name, "."+ownName+"."))
	}, "true true"},
	{"authorisations of one domain want one record", docRecords, func(k *kit) string {
		_, a := k.must(tAuth, resource.Props{"name": "a", "domain": ownName, "type": gcp.ProjectRecord})
		_, b := k.must(tAuth, resource.Props{"name": "b", "domain": ownName, "type": gcp.ProjectRecord})
		return fmt.Sprint(recordOf(a).Str("data") == recordOf(b).Str("data"), recordOf(a).Str("name") == recordOf(b).Str("name"))
	}, "true true"},
	{"the two kinds want different values", docRecords, func(k *kit) string {
		_, a := k.must(tAuth, resource.Props{"name": "a", "domain": ownName, "type": gcp.ProjectRecord})
		_, b := k.must(tAuth, resource.Props{"name": "b", "domain": ownName, "type": gcp.FixedRecord})
		return fmt.Sprint(recordOf(a).Str("data") == recordOf(b).Str("data"))
	}, "false"},
	{"the value is Google's", docRecords, func(k *kit) string {
		_, out := k.must(tAuth, resource.Props{"name": "a", "domain": ownName})
		return fmt.Sprint(strings.HasSuffix(recordOf(out).Str("data"), ".authorize.certificatemanager.goog."))
	}, "true"},
	{"provisioning without the record", docStates, func(k *kit) string { k.certificates(); return k.stateOf() }, "PROVISIONING AUTHORIZATION_ISSUE " + ownName + " FAILED CONFIG"},
	{"active with it", docStates, proved(""), "ACTIVE"},
	{"active when the record goes", docStates, func(k *kit) string {
		id, out := k.must(tAuth, resource.Props{"name": "gw-own", "domain": ownName, "type": gcp.ProjectRecord})
		k.authorize(out)
		k.must(tCert, resource.Props{"name": "gw", "managed": resource.Props{"domains": resource.List[any](ownName), "dnsAuthorizations": resource.List[any](id)}})
		clear(k.zone)
		return k.stateOf()
	}, "ACTIVE"},
	{"CAA of Google's authority", docIssuers, proved("polygate.test", `0 issue "pki.goog"`), "ACTIVE"},
	{"CAA of Let's Encrypt alone", docIssuers, proved("polygate.test", `0 issue "letsencrypt.org"`), "ACTIVE"},
	{"CAA of others", docReasons, proved("polygate.test", `0 issue "amazon.com"`), byCAA},
	{"CAA of nobody", docReasons, proved("polygate.test", `0 issue ";"`), byCAA},
	{"CAA nearer to the name", "RFC 8659, section 3", func(k *kit) string {
		k.zone["CAA polygate.test"] = `0 issue "pki.goog"`
		return proved("api.polygate.test", `0 issue "amazon.com"`)(k)
	}, byCAA},
	{"CAA to report to binds nobody", "RFC 8659, section 4.4", proved("polygate.test", `0 iodef "mailto:ops@example.com"`), "ACTIVE"},
	{"CAA may be mended", docStates, func(k *kit) string {
		before := proved("polygate.test", `0 issue "amazon.com"`)(k)
		k.zone["CAA polygate.test"] += "\n" + `0 issue "pki.goog"`
		return before + ", then " + k.stateOf()
	}, byCAA + ", then ACTIVE"},
}

// TestCertificateStates looks at one rule at a time.
func TestCertificateStates(t *testing.T) {
	for _, f := range certificateStates {
		t.Run(f.name, func(t *testing.T) {
			if got := f.see(newKit(t)); got != f.want {
				t.Errorf("got %q, want %q (%s)", got, f.want, f.source)
			}
		})
	}
}
