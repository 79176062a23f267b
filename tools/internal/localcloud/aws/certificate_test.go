package aws_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"polygate.example/tools/internal/localcloud/resource"
)

const (
	acmCAA     = "ACM user guide, (Optional) Configure a CAA record; "
	acmTrouble = "ACM user guide, Troubleshooting CAA issues"
	acmDNS     = "ACM user guide, DNS validation"
	acmRenewal = "ACM user guide, Managed certificate renewal"
)

// request asks for a certificate, and says what the records are that prove its names.
func (b *bed) request(first string, more ...string) (id string, out resource.Props) {
	b.t.Helper()
	in := resource.Props{"domainName": first, "validationMethod": "DNS"}
	if len(more) > 0 {
		in["subjectAlternativeNames"] = resource.List(more...)
	}
	return b.must(tCertificate, in)
}

// proveAll writes the records that a certificate asks for, each once.
func (b *bed) proveAll(out resource.Props) {
	b.t.Helper()
	for _, o := range out.Objects("domainValidationOptions") {
		if name := o.Str("resourceRecordName"); len(b.store.View().Where(tRecord, "fqdn", strings.TrimSuffix(name, "."))) == 0 {
			b.must(tRecord, b.recordInputs(name, "CNAME", o.Str("resourceRecordValue")))
		}
	}
}

// caa writes CAA values at a name.
func (b *bed) caa(name string, values ...string) (id string, out resource.Props) {
	b.t.Helper()
	return b.must(tRecord, b.recordInputs(name, "CAA", values...))
}

// validated has a certificate validated and returns what came of it: its status, or the words of the failure.
func (b *bed) validated(id string) string {
	b.t.Helper()
	if _, _, err := b.try(tValidation, resource.Props{"certificateArn": id}); err != nil {
		return err.Error()
	}
	return b.read(id).Str("status")
}

func (b *bed) read(id string) resource.Props {
	b.t.Helper()
	rec, ok, err := b.c.Read(tCertificate, id, resource.Props{"region": "us-east-1"})
	if err != nil || !ok {
		b.t.Fatalf("read %s: %t %v", id, ok, err)
	}
	return rec.Computed
}

// under requests a certificate for one name under a set of CAA values at the zone's top and proves it.
func under(name string, values ...string) func(*bed) string {
	return func(b *bed) string {
		if len(values) > 0 {
			b.caa(zone, values...)
		}
		id, out := b.request(name)
		b.proveAll(out)
		return b.validated(id)
	}
}

const refusedByCAA = "unexpected state 'FAILED', wanted target 'ISSUED'. last error: CAA_ERROR"

// certificateFacts are what is to be seen of certificates; words are part of it.
var certificateFacts = []struct {
	name, source string
	see          func(b *bed) string
	words        string
}{
	{"pending without records", acmDNS, func(b *bed) string { id, _ := b.request("new." + zone); return b.read(id).Str("status") }, "PENDING_VALIDATION"},
	{"pending until every name is proved", acmDNS, func(b *bed) string {
		id, out := b.request("new."+zone, "more."+zone)
		o := out.Objects("domainValidationOptions")[0]
		b.must(tRecord, b.recordInputs(o.Str("resourceRecordName"), "CNAME", o.Str("resourceRecordValue")))
		return b.read(id).Str("status")
	}, "PENDING_VALIDATION"},
	{"pending with another value", acmDNS, func(b *bed) string {
		id, out := b.request("new." + zone)
		b.must(tRecord, b.recordInputs(out.Objects("domainValidationOptions")[0].Str("resourceRecordName"), "CNAME", "elsewhere.test"))
		return b.read(id).Str("status")
	}, "PENDING_VALIDATION"},
	{"issued when proved", acmDNS, under("new." + zone), "ISSUED"},
	{"record of the form _x.name and _x.acm-validations.aws", acmDNS, func(b *bed) string {
		_, out := b.request("new." + zone)
		o := out.Objects("domainValidationOptions")[0]
		return fmt.Sprint(strings.HasPrefix(o.Str("resourceRecordName"), "_"), strings.HasSuffix(o.Str("resourceRecordName"), ".new."+zone+"."), strings.HasSuffix(o.Str("resourceRecordValue"), ".acm-validations.aws."))
	}, "true true true"},
	{"a wildcard shares the record of the name below it", acmDNS, func(b *bed) string {
		_, out := b.request("new."+zone, "*.new."+zone)
		o := out.Objects("domainValidationOptions")
		return fmt.Sprint(len(o), o[0].Str("resourceRecordName") == o[1].Str("resourceRecordName"), o[0].Str("resourceRecordValue") == o[1].Str("resourceRecordValue"))
	}, "2 true true"},
	{"the first name is among the alternative ones", acmAPI + "DescribeCertificate, SubjectAlternativeNames", func(b *bed) string {
		_, out := b.request("New."+zone, "more."+zone, "new."+zone)
		return strings.Join(out.Strings("subjectAlternativeNames"), " ")
	}, "new.polygate.test more.polygate.test"},
	{"validation is of the certificate's region", acmAPI + "DescribeCertificate", func(b *bed) string {
		id, out := b.request("new." + zone)
		b.proveAll(out)
		_, _, err := b.try(tValidation, resource.Props{"certificateArn": id, "region": "eu-west-1"})
		return fmt.Sprint(err)
	}, "Could not find certificate"},
	{"stays issued when the records go", acmRenewal, func(b *bed) string {
		id, out := b.request("new." + zone)
		b.proveAll(out)
		b.validated(id)
		for _, r := range b.store.View().List(tRecord) {
			if err := b.delete(tRecord, r.ID, r.Outputs()); err != nil {
				b.t.Fatal(err)
			}
		}
		return b.read(id).Str("status")
	}, "ISSUED"},
	{"valid for 198 days", "ACM user guide, ACM Certificate", func(b *bed) string {
		id, out := b.request("new." + zone)
		b.proveAll(out)
		b.validated(id)
		from, err1 := time.Parse(time.RFC3339, b.read(id).Str("notBefore"))
		to, err2 := time.Parse(time.RFC3339, b.read(id).Str("notAfter"))
		return fmt.Sprint(to.Sub(from).Hours()/24, err1, err2)
	}, "198 <nil> <nil>"},
	{"not renewed while nothing uses it", acmRenewal, func(b *bed) string {
		id, out := b.request("new." + zone)
		b.proveAll(out)
		b.validated(id)
		return b.read(id).Str("renewalEligibility")
	}, "INELIGIBLE"},
	{"renewed while in use", acmRenewal, func(b *bed) string {
		r := b.deploy("us-east-1", "use1")
		return "now " + b.read(r.id("certificate")).Str("renewalEligibility")
	}, "now ELIGIBLE"},
	{"deleted when unused", acmAPI + "DeleteCertificate", func(b *bed) string {
		id, out := b.request("new." + zone)
		return fmt.Sprint(b.delete(tCertificate, id, out))
	}, "<nil>"},
	{"CAA of amazon.com", acmCAA + "value", under("new."+zone, `0 issue "amazon.com"`), "ISSUED"},
	{"CAA of amazontrust.com", acmCAA + "value", under("new."+zone, `0 issue "amazontrust.com"`), "ISSUED"},
	{"CAA of awstrust.com", acmCAA + "value", under("new."+zone, `0 issue "awstrust.com"`), "ISSUED"},
	{"CAA of amazonaws.com among others", acmCAA + "value", under("new."+zone, `0 issue "letsencrypt.org"`, `0 issue "amazonaws.com"`), "ISSUED"},
	{"CAA of others", acmTrouble, under("new."+zone, `0 issue "letsencrypt.org"`), refusedByCAA},
	{"CAA of nobody", acmCAA + "semicolon", under("new."+zone, `0 issue ";"`), refusedByCAA},
	{"CAA for wildcards does not bind a name", acmCAA + "issuewild", under("new."+zone, `0 issuewild "letsencrypt.org"`), "ISSUED"},
	{"CAA for wildcards binds a wildcard", acmCAA + "issuewild", under("*.new."+zone, `0 issue "amazon.com"`, `0 issuewild "letsencrypt.org"`), refusedByCAA},
	{"a wildcard by issue alone", acmCAA + "issuewild", under("*.new."+zone, `0 issue "amazon.com"`), "ISSUED"},
	{"CAA to report to", acmCAA + "iodef is ignored", under("new."+zone, `0 iodef "mailto:ops@example.com"`), "ISSUED"},
	{"CAA nearer to the name", "RFC 8659, section 3", func(b *bed) string {
		b.caa("sub."+zone, `0 issue "amazon.com"`)
		return under("new.sub."+zone, `0 issue "letsencrypt.org"`)(b)
	}, "ISSUED"},
	{"CAA binds every name", acmTrouble, func(b *bed) string {
		b.caa("sub."+zone, `0 issue "letsencrypt.org"`)
		id, out := b.request("new."+zone, "new.sub."+zone)
		b.proveAll(out)
		return b.validated(id)
	}, refusedByCAA},
	{"CAA where the name's alias leads", "RFC 8659, section 3; ACM user guide, Troubleshooting CAA issues", func(b *bed) string {
		b.must(tRecord, b.recordInputs("new."+zone, "CNAME", "front."+zone))
		b.caa("front."+zone, `0 issue "letsencrypt.org"`)
		return under("new." + zone)(b)
	}, refusedByCAA},
	{"failed is for good", acmTrouble, func(b *bed) string {
		id, out := b.request("new." + zone)
		b.proveAll(out)
		caa, is := b.caa(zone, `0 issue "letsencrypt.org"`)
		b.validated(id)
		if err := b.delete(tRecord, caa, is); err != nil {
			b.t.Fatal(err)
		}
		again, _ := b.request("new." + zone)
		return b.read(id).Str("status") + ", requested anew " + b.validated(again)
	}, "FAILED, requested anew ISSUED"},
	{"CAA is looked at when the name is proved", acmCAA + "after it validates your domain", func(b *bed) string {
		b.caa(zone, `0 issue "letsencrypt.org"`)
		id, _ := b.request("new." + zone)
		return b.read(id).Str("status")
	}, "PENDING_VALIDATION"},
}

// TestCertificateFacts looks at one rule at a time.
func TestCertificateFacts(t *testing.T) {
	t.Parallel()
	for _, f := range certificateFacts {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if got := f.see(newBed(t)); !strings.Contains(got, f.words) || f.words == "ISSUED" && got != f.words {
				t.Errorf("got %q, want %q (%s)", got, f.words, f.source)
			}
		})
	}
}

// A CAA value has a form of its own. Source: Route 53 developer guide, CAA record type.
func TestCAARecords(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for value, words := range map[string]string{
		`0 issue amazon.com`: "CAARRDATAIllegalValue", `issue "amazon.com"`: "CAARRDATAIllegalValue", `0 "amazon.com"`: "CAARRDATAIllegalValue",
		`300 issue "amazon.com"`: "CAARRDATAIllegalFlags", `0 issue "amazon.com`: "CAARRDATAIllegalValue",
	} {
		_, _, err := b.try(tRecord, b.recordInputs(zone, "CAA", value))
		if resource.Code(err) != "InvalidChangeBatch" || !strings.Contains(err.Error(), words+" (") || !strings.Contains(err.Error(), "encountered with '"+value+"'") {
			t.Errorf("%s: %v, want %s", value, err, words)
		}
	}
	b.caa(zone, `0 issue "amazon.com"`, `0 issue "letsencrypt.org; accounturi=https://acme.test/1"`, `0 iodef "mailto:ops@example.com"`)
	if _, _, err := b.try(tRecord, b.recordInputs(zone, "CAA", `0 issue "pki.goog"`)); err == nil || !strings.Contains(err.Error(), "but it already exists") {
		t.Errorf("a second CAA record set: %v, want that there is one", err)
	}
}
