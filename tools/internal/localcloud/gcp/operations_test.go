package gcp_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"polygate.example/tools/internal/localcloud/gcp"
	"polygate.example/tools/internal/localcloud/plane"
	"polygate.example/tools/internal/localcloud/resource"
)

// TestSecretsReachTheFunction: its environment carries the value, which no output shows; a newer version of the latest is
// there for new instances, of which none starts without the right to read it.
func TestSecretsReachTheFunction(t *testing.T) {
	k := newKit(t)
	k.identities()
	k.sourceObject(goodSource())
	k.secret("first", "second")
	grant, _ := k.must(tSecretMember, accessGrant(nil))
	id, out := k.must(tFunction, functionInputs(readsSecret("latest")))
	if got := k.built[0].Environment["KEY"]; got != "second" {
		t.Errorf("the function is tried with %q, want the latest version", got)
	}
	value := func() string { return k.world().Functions[0].Environment["KEY"] }
	if got := value(); got != "second" {
		t.Errorf("the function runs with %q, want the latest version", got)
	}
	if shown := strings.Join(showAll(out), " "); strings.Contains(shown, "second") {
		t.Errorf("an output shows the value: %s", shown)
	}
	if _, err := k.update(tFunction, id, out, functionInputs(readsSecret("1"))); err != nil {
		t.Fatal(err)
	}
	if got := value(); got != "first" {
		t.Errorf("after an update to version 1 the function runs with %q", got)
	}
	if _, err := k.update(tFunction, id, out, functionInputs(readsSecret("latest"))); err != nil {
		t.Fatal(err)
	}
	k.secret("third")
	if got := value(); got != "third" {
		t.Errorf("new instances have %q, want the new version", got)
	}
	if err := k.delete(tSecretMember, grant); err != nil {
		t.Fatal(err)
	}
	if f := k.world().Functions[0]; !strings.Contains(f.Unfetched, "Permission denied on secret") || value() != "" || strings.Contains(f.Unfetched, "third") {
		t.Errorf("without the grant a new instance has %q, and does not start because of %q", value(), f.Unfetched)
	}
	if _, err := k.update(tFunction, id, out, functionInputs(readsSecret("1"))); resource.Code(err) != gcp.ReasonSecret {
		t.Errorf("an update without the grant: %v", err)
	}
}

// showAll lists every text within a value.
func showAll(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case resource.Props:
		for _, e := range v {
			out = append(out, showAll(e)...)
		}
	case []any:
		for _, e := range v {
			out = append(out, showAll(e)...)
		}
	}
	return out
}

// A role on the project is good for every secret, or for those that its condition names.
func TestSecretsByProjectRole(t *testing.T) {
	for name, c := range map[string]struct {
		condition resource.Props
		ok        bool
	}{
		"without a condition":        {nil, true},
		"with one that fits":         {onName("projects/" + gcp.Account + "/secrets/key"), true},
		"with another secret's":      {onName("projects/" + gcp.Account + "/secrets/other"), false},
		"with the project by its id": {onName("projects/" + project + "/secrets/key"), false},
	} {
		t.Run(name, func(t *testing.T) {
			err := withSecret("1", func(k *kit) {
				k.secret("hush")
				k.must(tMember, resource.Props{"project": project, "role": gcp.RoleSecretAccessor, "member": runtimeAccount}.With(c.condition))
			})(newKit(t))
			if (err == nil) != c.ok {
				t.Errorf("deploying: %v, want that it succeeds: %t", err, c.ok)
			}
		})
	}
}

// Both dials of instances reach the runtime.
func TestInstances(t *testing.T) {
	k := newKit(t)
	k.function(func(_, _, service resource.Props) {
		service["minInstanceCount"], service["maxInstanceCount"] = 2.0, 7.0
	})
	f := k.world().Functions[0]
	if f.Warm != 2 || f.Instances != 7 {
		t.Errorf("%d warm instances of %d, want 2 of 7", f.Warm, f.Instances)
	}
}

// TestDefaultURL: no ingress setting but ALLOW_ALL lets the internet call the function by its default URL, whoever may invoke it.
func TestDefaultURL(t *testing.T) {
	for ingress, wired := range map[string]bool{gcp.IngressAll: true, gcp.IngressBalancer: false, gcp.IngressInternal: false} {
		k := newKit(t)
		k.function(func(_, _, service resource.Props) { service["ingressSettings"] = ingress })
		site := k.world().Sites[0]
		if site.Front != plane.RunApp || !strings.HasSuffix(site.Hosts[0].Name, ".a.run.app") {
			t.Fatalf("%s is no default URL", site.ID)
		}
		if got := site.Function != ""; got != wired {
			t.Errorf("with %s the default URL reaches the function: %t, want %t", ingress, got, wired)
		}
	}
}

// TestOperationsOutputs: names and ids as Google gives them.
func TestOperationsOutputs(t *testing.T) {
	k := newKit(t)
	channel, out := k.must(tChannel, channelInputs(nil))
	if !strings.HasPrefix(channel, "projects/"+project+"/notificationChannels/") || out.Str("name") != channel {
		t.Errorf("the channel is %s, named %s", channel, out.Str("name"))
	}
	again, _ := k.must(tChannel, channelInputs(nil))
	if again == channel {
		t.Error("two channels to one address are one")
	}
	check, out := k.must(tUptime, uptimeInputs(nil))
	if check != "projects/"+project+"/uptimeCheckConfigs/"+out.Str("uptimeCheckId") || out.Str("uptimeCheckId") == "" {
		t.Errorf("the uptime check is %s, with the id %q", check, out.Str("uptimeCheckId"))
	}
	in := alertInputs(resource.Props{
		"filter": requestCount + ` AND metric.labels.response_code_class="500"`, "denominatorFilter": requestCount, "denominatorAggregations": by("300s", "ALIGN_RATE", "REDUCE_SUM"),
	}, resource.Props{"notificationChannels": resource.List[any](channel)})
	policy, out := k.must(tAlert, in)
	if name := out.Objects("conditions")[0].Str("name"); !strings.HasPrefix(name, policy+"/conditions/") {
		t.Errorf("the condition of %s is named %q", policy, name)
	}
	if err := k.delete(tAlert, policy); err != nil {
		t.Fatal(err)
	}
	if err := k.delete(tChannel, channel); err != nil {
		t.Errorf("a channel that nothing refers to stays: %v", err)
	}
	bucket, out := k.must(tLogBucket, logBucketInputs(resource.Props{"retentionDays": 90.0}))
	if bucket != "projects/"+project+"/locations/global/buckets/gw" || out.Str("lifecycleState") != "ACTIVE" {
		t.Errorf("the log bucket is %s, %s", bucket, out.Str("lifecycleState"))
	}
	if same, _ := k.must(tLogBucket, logBucketInputs(nil)); same != bucket { // it is taken over
		t.Errorf("the log bucket made again is %s", same)
	}
	_, out = k.must(tLogSink, sinkInputs(nil))
	if got := out.Str("writerIdentity"); got != "serviceAccount:cloud-logs@system.gserviceaccount.com" {
		t.Errorf("the sink writes as %q", got)
	}
	money, out := k.must(tBudget, budgetInputs(resource.Props{"allUpdatesRule": resource.Props{"monitoringNotificationChannels": resource.List[any](again)}}))
	if money != "billingAccounts/012345-6789AB-CDEF01/budgets/"+out.Str("name") {
		t.Errorf("the budget is %s, named %s", money, out.Str("name"))
	}
}

// TestReplaceOrUpdate: what the provider changes in place, and what it makes anew.
func TestReplaceOrUpdate(t *testing.T) {
	k := newKit(t)
	for _, c := range []struct {
		token   string
		in      resource.Props
		change  resource.Props
		replace []string
	}{
		{tLogBucket, logBucketInputs(nil), resource.Props{"retentionDays": 7.0}, nil},
		{tLogBucket, logBucketInputs(nil), resource.Props{"location": "europe-west1"}, []string{"location"}},
		{tLogSink, sinkInputs(nil), resource.Props{"filter": "severity>=ERROR"}, nil},
		{tLogSink, sinkInputs(nil), resource.Props{"name": "other"}, []string{"name"}},
		{tAlert, alertInputs(nil, nil), resource.Props{"combiner": "AND"}, nil},
		{tChannel, channelInputs(nil), resource.Props{"labels": resource.Props{"email_address": "else@example.com"}}, nil},
		{tUptime, uptimeInputs(nil), resource.Props{"timeout": "5s"}, nil},
		{tUptime, uptimeInputs(nil), resource.Props{
			"monitoredResource": resource.Props{"type": "uptime_url", "labels": resource.Props{"project_id": project, "host": "other.example.com"}},
		}, []string{"monitoredResource"}},
		{tBudget, budgetInputs(nil), resource.Props{"displayName": "else"}, nil},
		{tBudget, budgetInputs(nil), resource.Props{"billingAccount": "FFFFFF-6789AB-CDEF01"}, []string{"billingAccount"}},
		{tSecretMember, accessGrant(nil), resource.Props{"secretId": "other"}, []string{"secretId"}},
	} {
		d, err := k.ctl.Diff(c.token, c.in, c.in.With(c.change))
		if err != nil {
			t.Fatal(err)
		}
		var replace []string
		for _, change := range d.Changes {
			if change.Replace {
				replace = append(replace, change.Property)
			}
		}
		if diff := cmp.Diff(c.replace, replace); diff != "" || len(d.Changes) == 0 {
			t.Errorf("%s with %v (-want +got):\n%s", c.token, c.change, diff)
		}
	}
}

// TestProjectNumber: budgets want it in the place of the id.
func TestProjectNumber(t *testing.T) {
	k := newKit(t)
	out, failures, err := k.ctl.Invoke(t.Context(), "gcp:organizations/getProject:getProject", resource.Props{"projectId": project}, nil, true)
	if err != nil || len(failures) > 0 || out.Str("number") != gcp.Account {
		t.Errorf("the project is %v (%v, %v), want the number %s", out, failures, err, gcp.Account)
	}
	if _, _, err := k.ctl.Invoke(t.Context(), "gcp:organizations/getProject:getProject", resource.Props{"projectId": "No Project"}, nil, true); resource.Code(err) != gcp.ReasonNotFound {
		t.Errorf("a project that cannot be: %v", err)
	}
}
