package gateway

import "testing"

// An origin is the same only if all of it is: what an attacker can register must not match.
func TestOriginMatches(t *testing.T) {
	for origin, values := range map[string]map[string]bool{
		"https://app.example.com": {
			"https://app.example.com": true, "http://app.example.com": false, "https://app.example.com:8443": false, "https://app.example.com.evil.example": false,
			"https://evil-app.example.com": false, "https://app.example.com/": false, "https://APP.example.com": false, "null": false, "": false, "*": false,
			"https://appxexample.com": false, "https://evil.example#https://app.example.com": false,
		},
		"https://*.example.com": {
			"https://a.example.com": true, "https://a.b.example.com": true, "https://example.com": false, "https://evilexample.com": false, "http://a.example.com": false,
			"https://a.example.com:8443": false, "https://evil.example/.example.com": false, "https://evil.example?.example.com": false, "https://u@a.example.com": false,
			"https://evil.example\\.example.com": false, "https://.example.com": false, "https://*.example.com": false, "https://a.example.com.": false, "null": false,
			"https://evil.example:1.example.com": false, "https:// .example.com": false,
		},
		"http://*.example.com:8080": {"http://a.example.com:8080": true, "http://a.example.com": false, "http://a.example.com:80801": false},
		"http://[::1]:3000":         {"http://[::1]:3000": true, "http://[::1]:300": false},
		"capacitor://localhost":     {"capacitor://localhost": true, "https://localhost": false},
		"null":                      {"null": true, "https://null": false},
		"*":                         {"https://anything.example": true, "null": true},
	} {
		o, err := ParseOrigin(origin)
		if err != nil {
			t.Errorf("%s: %v", origin, err)
			continue
		}
		for value, want := range values {
			if got := o.Matches(value); got != want {
				t.Errorf("%s matches %q: %t", origin, value, got)
			}
		}
	}
}

// FuzzOrigin: nothing but names below the domain match a wildcard, whatever is sent.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example.com", "https://a.example.com/", "https://x@.example.com", "null", "https://[.example.com", "https://a%2f.example.com"} {
		f.Add(s)
	}
	o, bad := ParseOrigin("https://*.example.com")
	if bad != nil {
		f.Fatal(bad)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if !o.Matches(value) {
			return
		}
		const scheme, domain = "https://", ".example.com"
		if len(value) <= len(scheme)+len(domain) || value[:len(scheme)] != scheme || value[len(value)-len(domain):] != domain {
			t.Fatalf("%q matches", value)
		}
		for _, c := range value[len(scheme):] {
			if c != '.' && c != '-' && c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
				t.Fatalf("%q matches, with %q in its host", value, c)
			}
		}
	})
}
