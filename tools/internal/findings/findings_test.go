package findings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"polygate.example/infra/settings"
	"polygate.example/shared/config"
	"polygate.example/shared/goldentest"
	"polygate.example/tools/internal/schema"
)

// sample is a report with something of each sort, of files in a repository.
func sample(t *testing.T) *Report {
	t.Helper()
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("testdata/bad gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "stacks", "bad gateway.yaml")
	places, err := schema.NewPlaces()
	if err != nil {
		t.Fatal(err)
	}
	r := New()
	_, err = config.Parse(file, text)
	var problems config.Problems
	if !errors.As(err, &problems) {
		t.Fatal(err)
	}
	r.Document(problems, Error, places)
	stack := filepath.Join(root, "stacks", "Pulumi.dev.yaml")
	r.Stack(stack, settings.Problems{{Key: "polygate:check", Path: []string{"interval"}, Message: "is odd", At: stack + ":4:5"}}, Error)
	r.Stack(stack, settings.Problems{{Key: "polygate:ttl", Message: "has no effect"}}, Warning)
	return r
}

// golden compares what was written with a file, in which the temporary folder has a name of its own.
func golden(t *testing.T, file string, got []byte, r *Report) {
	t.Helper()
	root := filepath.Dir(filepath.Dir(r.Problems[0].File))
	goldentest.Compare(t, file, bytes.ReplaceAll(got, []byte(root), []byte("/repository")))
}

func TestJSON(t *testing.T) {
	r := sample(t)
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/bad.json", b.Bytes(), r)
	b.Reset()
	if err := New().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	if want := "{\n  \"formatVersion\": \"1.0\",\n  \"valid\": true,\n  \"errors\": 0,\n  \"warnings\": 0,\n  \"problems\": []\n}\n"; b.String() != want {
		t.Errorf("without findings: %s, want %s", b.String(), want)
	}
}

func TestSARIF(t *testing.T) {
	for name, r := range map[string]*Report{"findings": sample(t), "none": New()} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := r.WriteSARIF(&b, "v1.2.3"); err != nil {
				t.Fatal(err)
			}
			if name == "findings" {
				golden(t, "testdata/bad.sarif", b.Bytes(), r)
			}
			if faults := faultsOf(b.Bytes()); len(faults) > 0 {
				t.Errorf("not as SARIF 2.1.0 has it: %s", strings.Join(faults, "; "))
			}
		})
	}
}

// faultsOf holds a log against the rules of SARIF 2.1.0 for what is used here, and those of GitHub code scanning.
func faultsOf(text []byte) (faults []string) {
	bad := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var log map[string]any
	if err := json.Unmarshal(text, &log); err != nil {
		return []string{err.Error()}
	}
	object := func(v any, where string, required ...string) map[string]any {
		m, ok := v.(map[string]any)
		if !ok {
			bad("%s is no object", where)
		}
		for _, key := range required {
			if m[key] == nil {
				bad("%s has no %s", where, key)
			}
		}
		return m
	}
	list := func(v any, where string) []any {
		l, ok := v.([]any)
		if !ok {
			bad("%s is no list", where)
		}
		return l
	}
	message := func(v any, where string) {
		if s, _ := object(v, where, "text")["text"].(string); strings.TrimSpace(s) == "" {
			bad("%s is empty", where)
		}
	}
	object(log, "log", "version", "runs", "$schema") // 3.13
	if log["version"] != "2.1.0" {
		bad("version is %v", log["version"])
	}
	for _, one := range list(log["runs"], "runs") {
		run := object(one, "run", "tool", "results") // 3.14; results are there, if empty, as the scan was done (3.14.23)
		if kind := run["columnKind"]; kind != "unicodeCodePoints" && kind != "utf16CodeUnits" {
			bad("columnKind is %v", kind)
		}
		driver := object(object(run["tool"], "tool", "driver")["driver"], "driver", "name", "version", "informationUri", "rules") // 3.19
		if u, err := url.Parse(fmt.Sprint(driver["informationUri"])); err != nil || !u.IsAbs() {
			bad("informationUri is %v", driver["informationUri"])
		}
		rules := list(driver["rules"], "rules")
		ids := map[string]int{}
		for i, one := range rules {
			rule := object(one, "rule", "id", "shortDescription", "fullDescription", "help") // 3.49
			id, _ := rule["id"].(string)
			if _, again := ids[id]; again || id == "" {
				bad("rule id %q is empty or there twice", id)
			}
			ids[id] = i
			for _, key := range []string{"shortDescription", "fullDescription", "help"} {
				message(rule[key], id+" "+key)
			}
			if s, _ := object(rule["fullDescription"], "")["text"].(string); len(s) > 1024 {
				bad("%s: the description is longer than GitHub takes", id)
			}
		}
		prints := map[string]bool{}
		for _, one := range list(run["results"], "results") {
			result := object(one, "result", "ruleId", "ruleIndex", "level", "message", "locations", "partialFingerprints") // 3.27
			id := fmt.Sprint(result["ruleId"])
			if i, ok := ids[id]; !ok || float64(i) != result["ruleIndex"] {
				bad("rule %s is not number %v of the rules", id, result["ruleIndex"])
			}
			if !regexp.MustCompile(`^(none|note|warning|error)$`).MatchString(fmt.Sprint(result["level"])) {
				bad("level is %v", result["level"])
			}
			message(result["message"], "message")
			locations := list(result["locations"], "locations")
			if len(locations) != 1 {
				bad("%d locations: GitHub shows the first", len(locations))
			}
			if related, there := result["relatedLocations"]; there {
				for _, l := range list(related, "relatedLocations") {
					if id, ok := object(l, "related location", "id", "message")["id"].(float64); !ok || id < 0 { // 3.28.2
						bad("id %v of a related location", id)
					}
				}
				locations = append(locations, list(related, "relatedLocations")...)
			}
			for _, l := range locations {
				physical := object(object(l, "location", "physicalLocation")["physicalLocation"], "physicalLocation", "artifactLocation", "region")
				artifact := object(physical["artifactLocation"], "artifactLocation", "uri")
				u, err := url.Parse(fmt.Sprint(artifact["uri"])) // 3.4.3: a URI reference of RFC 3986
				if err != nil || strings.ContainsAny(fmt.Sprint(artifact["uri"]), " \\") || strings.HasPrefix(u.Path, "..") {
					bad("uri is %v", artifact["uri"])
				} else if u.IsAbs() == (artifact["uriBaseId"] != nil) {
					bad("%v has the uriBaseId %v", u, artifact["uriBaseId"]) // 3.4.4: with a relative one only
				}
				region := object(physical["region"], "region", "startLine", "startColumn") // 3.30
				for _, key := range []string{"startLine", "startColumn"} {
					if n, _ := region[key].(float64); n < 1 || n != float64(int(n)) {
						bad("%s is %v", key, region[key])
					}
				}
			}
			for key, v := range object(result["partialFingerprints"], "partialFingerprints", "primaryLocationLineHash") {
				print := fmt.Sprint(key, v)
				if prints[print] {
					bad("fingerprint %s is there twice", print)
				}
				prints[print] = true
			}
		}
	}
	return faults
}

// The check of the form can fail.
func TestFaultsAreSeen(t *testing.T) {
	r := sample(t)
	var b bytes.Buffer
	if err := r.WriteSARIF(&b, "v1"); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		`"version": "2.1.0"`: `"version": "2.0.0"`, `"ruleIndex": 0`: `"ruleIndex": 1`, `"level": "error"`: `"level": "fatal"`,
		`"startLine": 1,`: `"startLine": 0,`, `"uri": "stacks/bad%20gateway.yaml"`: `"uri": "stacks/bad gateway.yaml"`, `"uriBaseId"`: `"uriBase"`,
		`"name": "polygate"`: `"nam": "polygate"`, `"runs"`: `"run"`, `"informationUri": "https`: `"informationUri": "`, `"text": "key"`: `"text": ""`,
		`"id": 0`: `"id": -1`, `"primaryLocationLineHash"`: `"other"`,
	} {
		broken := strings.ReplaceAll(b.String(), from, to)
		if broken == b.String() {
			t.Errorf("there is no %s", from)
		} else if len(faultsOf([]byte(broken))) == 0 {
			t.Errorf("%s in place of %s is not seen", to, from)
		}
	}
}

// A fingerprint stays when lines are put before it, and two findings alike have two.
func TestFingerprintsStay(t *testing.T) {
	places, err := schema.NewPlaces()
	if err != nil {
		t.Fatal(err)
	}
	prints := func(doc string) []string {
		_, err := config.Parse("a.yaml", []byte(doc))
		var problems config.Problems
		if !errors.As(err, &problems) {
			t.Fatal(err)
		}
		r := New()
		r.Document(problems, Error, places)
		var b bytes.Buffer
		if err := r.WriteSARIF(&b, "v1"); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`"primaryLocationLineHash": "[^"]*"`).FindAllString(b.String(), -1)
	}
	const doc = "version: 1\nroutes:\n- {name: a, match: {path: b}, respond: {status: 200}}\n- {name: c, match: {path: b}, respond: {status: 200}}\n" +
		"- {name: d, match: {path: /d}, respond: {status: 200}}\n- {name: e, match: {path: /d}, respond: {status: 200}}\n"
	before, after := prints(doc), prints("# more\n\n"+doc)
	if len(before) != 3 || before[0] == before[1] || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestArtifact(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got := artifact("testdata/a.yaml"); got.URI != "tools/internal/findings/testdata/a.yaml" || got.URIBaseID == "" {
		t.Errorf("in the repository of %s: %+v", wd, got)
	}
	dir := t.TempDir()
	if got := artifact(filepath.Join(dir, "a b.yaml")); got.URI != "file://"+filepath.ToSlash(dir)+"/a%20b.yaml" || got.URIBaseID != "" {
		t.Errorf("elsewhere: %+v", got)
	}
	t.Chdir(dir)
	if got := artifact("a:b.yaml"); got.URI != "./a:b.yaml" || got.URIBaseID == "" {
		t.Errorf("in no repository: %+v", got)
	}
}

func TestSort(t *testing.T) {
	r := New()
	for _, f := range []Finding{{File: "b", Line: 9}, {File: "a", Line: 2, Column: 7}, {File: "a", Line: 2, Column: 3}, {File: "b", Line: 1}} {
		r.Add(f, "")
	}
	r.Sort()
	got := ""
	for _, f := range r.Problems {
		got += fmt.Sprint(f.File, f.Line, " ")
	}
	if got != "b1 b9 a2 a2 " || r.Problems[2].Column != 3 {
		t.Errorf("%v", r.Problems)
	}
}

func TestPosition(t *testing.T) {
	for at, want := range map[string]string{"a.yaml:3:4": "a.yaml 3 4 true", `C:\a.yaml:3:4`: `C:\a.yaml 3 4 true`, "": " 0 0 false", "a": " 0 0 false", "a:b": "a 0 0 false", "a:b:c": "a 0 0 false"} {
		file, line, column, ok := position(at)
		if got := fmt.Sprint(file, " ", line, " ", column, " ", ok); ok != strings.HasSuffix(want, "true") || ok && got != want {
			t.Errorf("%q is %s, want %s", at, got, want)
		}
	}
}
