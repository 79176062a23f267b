package provider

import "testing"

func TestCAAProperty(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want CAAProperty
	}{
		"issue":    {`0 issue "letsencrypt.org"`, CAAProperty{Tag: "issue", Value: "letsencrypt.org"}},
		"critical": {`128 issue "pki.goog; cansignhttpexchanges=yes"`, CAAProperty{Flags: 128, Tag: "issue", Value: "pki.goog; cansignhttpexchanges=yes"}},
		"nobody":   {`0 issue ";"`, CAAProperty{Tag: "issue", Value: ";"}},
		"iodef":    {`0 iodef "mailto:ops@example.com"`, CAAProperty{Tag: "iodef", Value: "mailto:ops@example.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ParseCAA(tt.text)
			if err != nil || got != tt.want {
				t.Fatalf("ParseCAA(%q) = %+v, %v; want %+v", tt.text, got, err, tt.want)
			}
			if got.String() != tt.text {
				t.Errorf("String() = %q, want %q", got.String(), tt.text)
			}
		})
	}
	for _, text := range []string{"", `0 issue`, `256 issue "a.example"`, `-1 issue "a.example"`, `0 issue a.example`, `0 issue "a.example`, `0 issue "a"b"`, `0  "a.example"`} {
		if got, err := ParseCAA(text); err == nil {
			t.Errorf("ParseCAA(%q) = %+v, want an error", text, got)
		}
	}
}
