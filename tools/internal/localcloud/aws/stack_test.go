package aws_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"polygate.example/tools/internal/localcloud/aws"
	"polygate.example/tools/internal/localcloud/resource"
)

// TestDeleteTakesAlong: what is a part of a resource goes with it, and nobody else's does.
func TestDeleteTakesAlong(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r, other := b.deploy("us-east-1", "use1"), b.deploy("eu-west-1", "euw1")
	remove := func(shorts ...string) {
		t.Helper()
		for _, short := range shorts {
			m := r.made[short]
			if err := b.delete(m.token, m.id, m.out); err != nil {
				t.Fatalf("%s: %v", short, err)
			}
		}
	}
	left := func(r *region, shorts ...string) (found []string) {
		for _, short := range shorts {
			m := r.made[short]
			if rec, ok := b.store.View().Get(m.token, m.id); ok && (rec.Scope == "" || strings.HasPrefix(rec.Scope, m.out.Str("region"))) {
				found = append(found, short)
			}
		}
		return found
	}
	// A function made again under its name has no permission any more.
	remove("function")
	b.must(tFunction, b.functionInputs("polygate-use1", "us-east-1", r.out("role").Str("arn")))
	if s := b.project().Sites[0]; !s.InvokeError {
		t.Error("the new function may be invoked by the permission of the one that was deleted")
	}
	remove("record", "mapping-own", "mapping-shared", "api")
	parts := []string{"integration", "route", "stage"}
	if got := left(r, parts...); len(got) > 0 {
		t.Errorf("left of the API: %v", got)
	}
	if got := left(other, append(parts, "permission")...); len(got) != 4 {
		t.Errorf("left of the other region: %v", got)
	}
	// A role's policies keep it, unless it is told to let them go.
	role := r.made["role"]
	if err := b.delete(role.token, role.id, role.out); resource.Code(err) != "DeleteConflict" {
		t.Errorf("a role with a policy: %v", err)
	}
	rec, _ := b.store.View().Get(tRole, role.id)
	if _, err := b.c.Update(t.Context(), tRole, role.id, role.out, rec.Inputs.With(resource.Props{"forceDetachPolicies": true}), nil, false); err != nil {
		t.Fatal(err)
	}
	remove("role")
	if got := left(r, "policy"); len(got) > 0 {
		t.Error("the role's policy is left")
	}
}

// TestRestart: a store that is opened again has all, and shows the same world, certificates and addresses included.
func TestRestart(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	pair(b)
	before := b.project()
	records := len(b.store.View().All())
	b.open()
	if got := len(b.store.View().All()); got != records {
		t.Fatalf("%d records after the restart, %d before", got, records)
	}
	x, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	y, err := json.Marshal(b.project())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x, y) {
		t.Errorf("the world changed by a restart:\n%s\n%s", x, y)
	}
	for _, f := range before.Functions {
		if _, err := os.Stat(f.Package); err != nil {
			t.Errorf("package of %s: %v", f.ID, err)
		}
	}
}

// TestUpIsStable: checking and comparing the same inputs again finds no change, for every type.
func TestUpIsStable(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	east, _ := pair(b)
	b.switches(east)
	b.bucket(true)
	seen := map[string]bool{}
	for _, rec := range b.store.View().All() {
		if rec.Type == "aws:route53/zone:Zone" {
			continue
		}
		seen[rec.Type] = true
		again, failures, err := b.c.Check(t.Context(), resource.Checking{Token: rec.Type, Name: "x", Old: rec.Inputs, New: rec.Inputs})
		if err != nil || len(failures) > 0 {
			t.Errorf("%s %s: %v %v", rec.Type, rec.ID, failures, err)
		}
		d, err := b.c.Diff(rec.Type, rec.Inputs, again)
		if err != nil || len(d.Changes) > 0 {
			t.Errorf("%s %s changes by itself: %v %v", rec.Type, rec.ID, d, err)
		}
	}
	for _, typ := range aws.Cloud().Types {
		if !seen[typ.Token] {
			t.Errorf("the stack has no %s: nothing keeps it stable", typ.Token)
		}
	}
}

// TestOutputs: every output a type promises to preview is there after a create.
func TestOutputs(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	east, _ := pair(b)
	b.switches(east)
	b.bucket(true)
	for _, rec := range b.store.View().All() {
		typ, err := aws.Cloud().Type(rec.Type)
		if err != nil {
			continue // the seeded zone
		}
		for _, name := range typ.Computed {
			if _, ok := rec.Outputs()[name]; !ok {
				t.Errorf("%s: computed output %q is missing", rec.Type, name)
			}
		}
		for name := range rec.Computed {
			if !slices.Contains(typ.Computed, name) {
				t.Errorf("%s: output %q is not named in Computed: a preview would not know of it", rec.Type, name)
			}
		}
	}
}

// TestDelete: what is in use stays, and everything goes in the reverse order of creation, blobs included.
func TestDelete(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r := b.deploy("us-east-1", "use1")
	for short, code := range map[string]string{
		"role": "DeleteConflict", "certificate": "ResourceInUseException", "api": "BadRequestException", "stage": "BadRequestException", "integration": "ConflictException",
	} {
		m := r.made[short]
		if err := b.delete(m.token, m.id, m.out); resource.Code(err) != code {
			t.Errorf("delete %s in use: %v, want %s", short, err, code)
		}
	}
	for _, m := range slices.Backward(r.all) {
		if err := b.delete(m.token, m.id, m.out); err != nil {
			t.Fatalf("delete %s: %v", m.token, err)
		}
		if err := b.delete(m.token, m.id, m.out); err != nil {
			t.Errorf("delete %s again: %v", m.token, err)
		}
	}
	if all := b.store.View().All(); len(all) != 1 { // the zone
		t.Errorf("%d records are left, want only the zone", len(all))
	}
	blobs, err := os.ReadDir(filepath.Join(b.dir, "store", "blobs"))
	if err != nil || len(blobs) > 0 {
		t.Errorf("blobs left: %v %v", blobs, err)
	}
}

// TestValidationWaits: the validation is created once the record comes, and the record is the same in both regions.
func TestValidationWaits(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	in := resource.Props{"domainName": "new.polygate.test", "validationMethod": "DNS"}
	id, east := b.must(tCertificate, in.With(resource.Props{"region": "us-east-1"}))
	_, west := b.must(tCertificate, in.With(resource.Props{"region": "eu-west-1"}))
	o := east.Objects("domainValidationOptions")[0]
	if w := west.Objects("domainValidationOptions")[0]; o.Str("resourceRecordName") != w.Str("resourceRecordName") || o.Str("resourceRecordValue") != w.Str("resourceRecordValue") {
		t.Errorf("the regions ask for different records: %v, %v", o, w)
	}
	b.services.Clock = nil // in real time the wait would take 75 minutes: only the record can end it
	b.open()
	done := make(chan error, 1)
	go func() {
		_, _, err := b.c.Create(t.Context(), tValidation, "", resource.Props{"certificateArn": id, "region": "us-east-1"}, nil, false)
		done <- err
	}()
	b.must(tRecord, b.recordInputs(o.Str("resourceRecordName"), "CNAME", o.Str("resourceRecordValue")))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	rec, ok, err := b.c.Read(tCertificate, id, east)
	if err != nil || !ok || rec.Computed.Str("status") != "ISSUED" {
		t.Errorf("certificate after validation: %v %t %v", rec.Computed["status"], ok, err)
	}
}

// TestConcurrentCreates: of many creates of one name, one wins.
func TestConcurrentCreates(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	var won, lost atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			_, _, err := b.c.Create(t.Context(), tRole, "", resource.Props{"name": "one", "path": "/", "assumeRolePolicy": trust}, nil, false)
			var e *resource.Error
			switch {
			case err == nil:
				won.Add(1)
			case errors.As(err, &e) && e.Code == "EntityAlreadyExists":
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won, %d lost; want 1 and 15", won.Load(), lost.Load())
	}
}

// TestReplaces: what cannot be changed replaces, and a physical name that stays makes the old one go first.
func TestReplaces(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, token string
		old, new    resource.Props
		replaces    []string
		deleteFirst bool
	}{
		{"interval", tCheck, resource.Props{"requestInterval": 30.0}, resource.Props{"requestInterval": 10.0}, []string{"requestInterval"}, false},
		{"threshold", tCheck, resource.Props{"failureThreshold": 3.0}, resource.Props{"failureThreshold": 2.0}, nil, false},
		{"function name", tFunction, resource.Props{"name": "a", "region": "r"}, resource.Props{"name": "b", "region": "r"}, []string{"name"}, false},
		{"function package type", tFunction, resource.Props{"name": "a", "region": "r", "packageType": "Zip"}, resource.Props{"name": "a", "region": "r", "packageType": "Image"}, []string{"packageType"}, true},
		{"role policy spelling", tRole, resource.Props{"assumeRolePolicy": trust}, resource.Props{"assumeRolePolicy": " " + trust}, nil, false},
		{"permission on an alias", tPermission, resource.Props{"statementId": "a", "function": "f", "region": "r"}, resource.Props{"statementId": "a", "function": "f", "region": "r", "qualifier": "live"}, []string{"qualifier"}, false},
		{"version of an alias", tAlias, resource.Props{"functionVersion": "1"}, resource.Props{"functionVersion": "2"}, nil, false},
		{"function of an alias by its ARN", tAlias, resource.Props{"functionName": "f"}, resource.Props{"functionName": "arn:aws:lambda:us-east-1:000000000000:function:f"}, nil, false},
		{"warm instances", tWarm, resource.Props{"qualifier": "live", "provisionedConcurrentExecutions": 1.0}, resource.Props{"qualifier": "live", "provisionedConcurrentExecutions": 2.0}, nil, false},
		{"threshold of an alarm", tAlarm, resource.Props{"name": "a", "threshold": 1.0}, resource.Props{"name": "a", "threshold": 2.0}, nil, false},
		{"address of a subscription", tSubscribe, resource.Props{"endpoint": "a@b.c"}, resource.Props{"endpoint": "d@b.c"}, []string{"endpoint"}, false},
		{"budget spelling", tBudget, resource.Props{"name": "a", "limitAmount": "100"}, resource.Props{"name": "a", "limitAmount": "100.0"}, nil, false},
		{"record name spelling", tRecord, resource.Props{"name": "A.polygate.test."}, resource.Props{"name": "a.polygate.test"}, nil, false},
		{"certificate names in another order", tCertificate, resource.Props{"subjectAlternativeNames": resource.List("a.b", "c.d")}, resource.Props{"subjectAlternativeNames": resource.List("c.d", "a.b")}, nil, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			typ, err := aws.Cloud().Type(tc.token)
			if err != nil {
				t.Fatal(err)
			}
			d := typ.Diff(tc.old, tc.new)
			if !slices.Equal(d.Replaces(), tc.replaces) || d.DeleteBeforeReplace != tc.deleteFirst {
				t.Errorf("replaces %v, delete first %t; want %v, %t", d.Replaces(), d.DeleteBeforeReplace, tc.replaces, tc.deleteFirst)
			}
		})
	}
}

// TestOverwrite: allowOverwrite takes an existing record over.
func TestOverwrite(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.must(tRecord, b.recordInputs("a", "A", "192.0.2.1"))
	b.must(tRecord, b.recordInputs("a", "A", "192.0.2.2").With(resource.Props{"allowOverwrite": true}))
	if z := b.project().Zones[0]; len(z.Records) != 1 || z.Records[0].Values[0] != "192.0.2.2" {
		t.Errorf("records: %v", z.Records)
	}
}

// TestGetZone: lookups by name and id, and the words for what is not there.
func TestGetZone(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, tc := range []struct {
		name string
		args resource.Props
		code string
	}{
		{"by name", resource.Props{"name": "polygate.test."}, ""},
		{"by id", resource.Props{"zoneId": b.zoneID}, ""},
		{"unknown", resource.Props{"name": "example.com"}, "NoSuchHostedZone"},
		{"private", resource.Props{"name": zone, "privateZone": true}, "NoSuchHostedZone"},
		{"nothing asked", resource.Props{}, "InvalidInput"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, _, err := b.c.Invoke(t.Context(), "aws:route53/getZone:getZone", tc.args, nil, false)
			if resource.Code(err) != tc.code {
				t.Fatalf("got %v, want %q", err, tc.code)
			}
			if err == nil && (out.Str("zoneId") != b.zoneID || out.Str("name") != zone) {
				t.Errorf("zone %v", out)
			}
		})
	}
}
