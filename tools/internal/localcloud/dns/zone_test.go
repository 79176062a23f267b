package dns

import (
	"slices"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

// TXT values come in Route 53's quoted form and in the AWS provider's bare one.
func TestTXT(t *testing.T) {
	tests := []struct {
		name, value string
		want        []string // strings on the wire, raw bytes
		err         string
	}{
		{name: "bare", value: "v=1 a", want: []string{"v=1 a"}},
		{name: "quoted", value: `"v=1 a"`, want: []string{"v=1 a"}},
		{name: "two strings", value: `"one" "two"`, want: []string{"one", "two"}},
		{name: "bare, parted as the provider does", value: `one""two`, want: []string{"one", "two"}},
		{name: "empty", value: `""`, want: []string{""}},
		{name: "escaped quote and backslash", value: `"a\"b\\c"`, want: []string{`a"b\c`}},
		{name: "octal", value: `"\101\344"`, want: []string{"A\xe4"}},
		{name: "bytes above ASCII", value: "gr\u00fcn", want: []string{"gr\u00fcn"}},
		{name: "long string is split", value: strings.Repeat("a", 600),
			want: []string{strings.Repeat("a", 255), strings.Repeat("a", 255), strings.Repeat("a", 90)}},
		{name: "exactly 255", value: strings.Repeat("b", 255), want: []string{strings.Repeat("b", 255)}},
		{name: "no end", value: `"abc`, err: "without an end"},
		{name: "text outside quotes", value: `"abc" def`, err: "put each string"},
		{name: "octal above a byte", value: `"\777"`, err: `above \377`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			txt, err := parseTXT(tt.value)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			wire := make([]byte, 4096)
			end, err := mdns.PackRR(txt, wire, 0, nil, false)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for data := wire[11:end]; len(data) > 0; data = data[1+int(data[0]):] { // root owner, type, class, TTL, length: 11 bytes
				got = append(got, string(data[1:1+int(data[0])]))
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("strings %q, want %q", got, tt.want)
			}
		})
	}
}

// What cannot be served is named in the error and left out; the rest is served.
func TestApplyNamesWhatItLeavesOut(t *testing.T) {
	pair := func(name, slot string) plane.Record {
		r := rec(name, "CNAME", 60, "www.polygate.test")
		r.Failover, r.SetIdentifier = slot, slot
		return r
	}
	good := rec("www.polygate.test", "A", 60, "127.0.0.1")
	tests := []struct {
		name    string
		records []plane.Record
		want    string
	}{
		{"bad address", []plane.Record{rec("a.polygate.test", "A", 60, "300.0.0.1")}, `record a.polygate.test A "": value "300.0.0.1"`},
		{"unknown type", []plane.Record{rec("a.polygate.test", "ALIAS", 60, "x")}, "not a type Route 53 serves"},
		{"meta type", []plane.Record{rec("a.polygate.test", "ANY", 60, "x")}, "not a type Route 53 serves"},
		{"outside the zone", []plane.Record{rec("a.other.test", "A", 60, "127.0.0.1")}, "name is not in the zone"},
		{"no values", []plane.Record{rec("a.polygate.test", "A", 60)}, "neither values nor an alias"},
		{"negative TTL", []plane.Record{rec("a.polygate.test", "A", -1, "127.0.0.1")}, "TTL -1 is out of range"},
		{"two CNAMEs", []plane.Record{rec("a.polygate.test", "CNAME", 1, "b.test", "c.test")}, "a CNAME has one"},
		{"line break", []plane.Record{rec("a.polygate.test", "A", 1, "127.0.0.1\n$GENERATE 1-9 x A 1.2.3.4")}, "line break"},
		{"second simple record", []plane.Record{good, good}, "a second record of this name and type without a routing policy"},
		{"second PRIMARY", []plane.Record{pair("a.polygate.test", "PRIMARY"), pair("a.polygate.test", "PRIMARY")}, "a second PRIMARY record"},
		{"simple beside failover", []plane.Record{rec("a.polygate.test", "CNAME", 1, "b.test"), pair("a.polygate.test", "PRIMARY")}, "beside a simple one"},
		{"unknown slot", []plane.Record{pair("a.polygate.test", "TERTIARY")}, `failover is "TERTIARY"`},
		{"CNAME at the apex", []plane.Record{rec("polygate.test", "CNAME", 1, "b.test")}, "not allowed at the zone apex"},
		{"CNAME beside another type", []plane.Record{rec("a.polygate.test", "CNAME", 1, "b.test"), rec("a.polygate.test", "TXT", 1, "x")}, "not allowed beside TXT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, nil)
			err := s.Apply([]plane.Zone{{ID: "Z1", Name: zoneName, Records: append([]plane.Record{good}, tt.records...)}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if m := s.Lookup("www.polygate.test", mdns.TypeA); len(m.Answer) != 1 {
				t.Errorf("the good record is gone: %v", m)
			}
		})
	}
}

// A control plane that brings the SOA and NS of a zone is believed.
func TestOwnSOAAndNS(t *testing.T) {
	s := serve(t, nil,
		rec("polygate.test", "SOA", 900, "ns-7.example. admin.example. 5 7200 900 1209600 30"),
		rec("polygate.test", "NS", 100, "ns-7.example"),
	)
	m := s.Lookup("none.polygate.test", mdns.TypeA)
	if got, want := lines(m.Ns), []string{"polygate.test. 30 IN SOA ns-7.example. admin.example. 5 7200 900 1209600 30"}; !slices.Equal(got, want) {
		t.Errorf("authority %v, want %v: negative TTL is the lesser of the two (RFC 2308)", got, want)
	}
	m = s.Lookup("polygate.test", mdns.TypeNS)
	if got, want := lines(m.Answer), []string{"polygate.test. 100 IN NS ns-7.example."}; !slices.Equal(got, want) {
		t.Errorf("NS %v, want %v", got, want)
	}
}
