package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var at = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		name    string
		results []Result
		want    Result
		healthy bool
	}{
		{"nothing", nil, OK, true},
		{"nothing to look at", []Result{Skipped}, OK, true},
		{"good", []Result{Skipped, OK}, OK, true},
		{"a warning", []Result{OK, Warning, OK}, Warning, true},
		{"a failure", []Result{Warning, Failed, OK}, Failed, false},
		{"a result nobody knows", []Result{OK, "purple"}, "purple", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			var checks []Check
			for _, r := range c.results {
				checks = append(checks, Check{Result: r})
			}
			if r := New("dev", at, checks); r.Result != c.want || r.Healthy() != c.healthy {
				t.Errorf("%s, healthy %t, want %s, %t", r.Result, r.Healthy(), c.want, c.healthy)
			}
		})
	}
}

func TestForms(t *testing.T) {
	r := New("dev", at, []Check{
		{Name: "aws: credentials", Result: OK, Detail: "account 1"},
		{Name: "zone", Result: Failed, Detail: "is not there\nnor below", Remedy: "make it\nand delegate it"},
		{Name: "disk", Result: Warning, Detail: "3 GB", Remedy: "make room"},
	})
	var table, doc bytes.Buffer
	if err := r.Table(&table); err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"OK       aws: credentials  account 1",
		"FAILED   zone              is not there",
		"                           nor below",
		"                           -> make it",
		"                              and delegate it",
		"WARNING  disk              3 GB",
		"                           -> make room",
		"",
		"dev: failed (1 failed, 1 warning, 1 ok)",
		"",
	}, "\n")
	if diff := cmp.Diff(want, table.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := r.JSON(&doc); err != nil {
		t.Fatal(err)
	}
	var read Report
	if err := json.Unmarshal(doc.Bytes(), &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r, read); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(doc.String(), `"result": "failed"`) {
		t.Errorf("no result in %s", doc.String())
	}
	doc.Reset()
	if err := New("dev", at, nil).JSON(&doc); err != nil || !strings.Contains(doc.String(), `"checks": []`) {
		t.Errorf("without checks, %v: %s", err, doc.String())
	}
}
