package resource

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// names is a DNS of fixed answers.
type names struct {
	caa   map[string][]string
	cname map[string]string
}

func (names) TXT(View, string) []string          { return nil }
func (n names) CNAME(_ View, name string) string { return n.cname[name] }
func (n names) CAA(_ View, name string) []string { return n.caa[name] }

func TestCAAClimbs(t *testing.T) {
	const example, sub, alias = `0 issue "example"`, `0 issue "sub"`, `0 issue "alias"`
	for name, tt := range map[string]struct {
		dns  names
		ask  string
		want []string
	}{
		"none":                     {names{}, "api.example.test", nil},
		"at the name":              {names{caa: map[string][]string{"api.example.test": {sub}, "example.test": {example}}}, "api.example.test", []string{sub}},
		"above":                    {names{caa: map[string][]string{"example.test": {example}}}, "a.b.example.test", []string{example}},
		"at the top level":         {names{caa: map[string][]string{"test": {example}}}, "api.example.test", []string{example}},
		"beside is not above":      {names{caa: map[string][]string{"other.example.test": {sub}}}, "api.example.test", nil},
		"letter case and end":      {names{caa: map[string][]string{"example.test": {example}}}, "API.Example.test.", []string{example}},
		"wildcard":                 {names{caa: map[string][]string{"example.test": {example}}}, "*.example.test", []string{example}},
		"where the alias leads":    {names{caa: map[string][]string{"t.cloud": {alias}, "example.test": {example}}, cname: map[string]string{"api.example.test": "x.test", "x.test": "t.cloud"}}, "api.example.test", []string{alias}},
		"not above where it leads": {names{caa: map[string][]string{"cloud": {alias}, "example.test": {example}}, cname: map[string]string{"api.example.test": "t.cloud"}}, "api.example.test", []string{example}},
		"aliases that bite a tail": {names{cname: map[string]string{"a.test": "b.test", "b.test": "a.test"}}, "a.test", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, caa(tt.dns, View{}, tt.ask)); diff != "" {
				t.Errorf("CAA of %s (-want +got):\n%s", tt.ask, diff)
			}
		})
	}
}

func TestAdmitted(t *testing.T) {
	for name, tt := range map[string]struct {
		caa      string // lines
		wildcard bool
		want     bool
	}{
		"no record":                {"", false, true},
		"another":                  {`0 issue "other.test"`, false, false},
		"it":                       {`0 issue "ca.test"`, false, true},
		"it among others":          {"0 issue \"other.test\"\n0 issue \"ca.test\"", false, true},
		"with parameters":          {`0 issue "ca.test; accounturi=https://ca.test/1"`, false, true},
		"in capitals":              {`0 ISSUE "CA.test"`, false, true},
		"its second name":          {`0 issue "ca2.test"`, false, true},
		"nobody":                   {`0 issue ";"`, false, false},
		"iodef only":               {`0 iodef "mailto:ops@example.test"`, false, true},
		"wildcards only":           {`0 issuewild "other.test"`, false, true},
		"wildcard by issue":        {`0 issue "ca.test"`, true, true},
		"wildcard by issuewild":    {"0 issue \"ca.test\"\n0 issuewild \"other.test\"", true, false},
		"wildcards for it":         {"0 issue \"other.test\"\n0 issuewild \"ca.test\"", true, true},
		"unknown tag":              {"0 issue \"ca.test\"\n0 future \"x\"", false, true},
		"unknown and critical tag": {"0 issue \"ca.test\"\n128 future \"x\"", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			var values []string
			if tt.caa != "" {
				values = strings.Split(tt.caa, "\n")
			}
			if got := admitted(values, tt.wildcard, []string{"ca.test", "ca2.test"}); got != tt.want {
				t.Errorf("admitted is %v, want %v", got, tt.want)
			}
		})
	}
}
