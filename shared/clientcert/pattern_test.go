package clientcert

import (
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		field, pattern string
		yes, no        []string
	}{
		{FieldDNS, "a.example.com", []string{"a.example.com"}, []string{"b.a.example.com", "a.example.com.", "aXexample.com", ""}},
		{FieldDNS, "*.clients.example.com", []string{"a.clients.example.com", "a-1_b.clients.example.com"},
			[]string{"clients.example.com", ".clients.example.com", "b.a.clients.example.com", "*.clients.example.com", "a.clients.example.com.evil.example", "aclients.example.com", "a/.clients.example.com", "a\x00.clients.example.com"}},
		{FieldURI, "spiffe://example.org/ns/*/sa/orders", []string{"spiffe://example.org/ns/blue/sa/orders", "spiffe://example.org/ns/a.b-c_1/sa/orders"},
			[]string{"spiffe://example.org/ns//sa/orders", "spiffe://example.org/ns/a/b/sa/orders", "spiffe://example.org/ns/../sa/orders", "spiffe://example.org/ns/./sa/orders",
				"spiffe://example.org/ns/%2e%2e/sa/orders", "spiffe://example.org.evil/ns/blue/sa/orders", "spiffe://example.org/ns/blue/sa/orders/admin", "SPIFFE://example.org/ns/blue/sa/orders",
				"spiffe://example.org/ns/blue/sa/orders?x", "spiffe://example.org/ns/a/sa/orders/sa/orders"}},
		{FieldURI, "spiffe://example.org/*/*", []string{"spiffe://example.org/a/b"}, []string{"spiffe://example.org/a", "spiffe://example.org/a/b/c", "spiffe://example.org/a/", "spiffe://example.org//b", "spiffe://evil/a/b"}},
		{FieldURI, "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", []string{"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"}, []string{"urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf7"}},
		{FieldEmail, "*@example.com", []string{"ada@example.com", "ada.l@example.com"}, []string{"@example.com", "a@b@example.com", "ada@example.com.evil", "ada@sub.example.com", ".@example.com"}},
		{FieldEmail, "ada@example.com", []string{"ada@example.com"}, []string{"Ada@example.com", "bob@example.com"}},
		{FieldCN, "partner-*", []string{"partner-a", "partner-a_1-b"}, []string{"partner-", "partner-a.b", "partner-a b", "partner-a,O=evil", "xpartner-a", "partner-*", "partner-ä"}},
		{FieldCN, "Ada Lovelace", []string{"Ada Lovelace"}, []string{"ada lovelace", "Ada  Lovelace"}},
		{FieldCN, "a*bab", []string{"aXbab", "ababbab"}, []string{"abab", "aXba"}},
	} {
		p, err := ParsePattern(c.field, c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if p.String() != c.pattern {
			t.Errorf("%s is written %s", c.pattern, p)
		}
		for _, name := range c.yes {
			if !p.Match(name) {
				t.Errorf("%s does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.no {
			if p.Match(name) {
				t.Errorf("%s matches %q", c.pattern, name)
			}
		}
	}
}

func TestPatternsThatAreNone(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ field, pattern string }{
		{FieldDNS, ""}, {FieldDNS, "*"}, {FieldDNS, "*.com"}, {FieldDNS, "*.*.example.com"}, {FieldDNS, "a.*.example.com"}, {FieldDNS, "a*.example.com"}, {FieldDNS, "A.example.com"}, {FieldDNS, "a..b"}, {FieldDNS, "a b"},
		{FieldURI, "*"}, {FieldURI, "spiffe://*"}, {FieldURI, "spiffe://*/a"}, {FieldURI, "spiffe://a.*/b"}, {FieldURI, "*://a/b"}, {FieldURI, "spiffe://a/b*"}, {FieldURI, "spiffe://a/**"}, {FieldURI, "urn:*"}, {FieldURI, "urn:/a/*"},
		{FieldURI, "Spiffe://a/b"}, {FieldURI, "/a"}, {FieldURI, "spiffe:"}, {FieldURI, "spiffe:///*"[:9] + " "}, {FieldURI, "spiffe://a/" + strings.Repeat("x", 2048)},
		{FieldEmail, "*"}, {FieldEmail, "a*@example.com"}, {FieldEmail, "a@*.example.com"}, {FieldEmail, "a@Example.com"}, {FieldEmail, "@example.com"}, {FieldEmail, "a@"}, {FieldEmail, "a@b@c"},
		{FieldCN, "*"}, {FieldCN, "**"}, {FieldCN, "a*b"}, {FieldCN, "abc*d*"}, {FieldCN, ""},
	} {
		if p, err := ParsePattern(c.field, c.pattern); err == nil {
			t.Errorf("%s of %s is one: %v", c.pattern, c.field, p.parts)
		}
	}
}

// A pattern's own literal text is always of it, and a * never stands for what separates parts.
func FuzzPattern(f *testing.F) {
	f.Add("spiffe://a/*/b/*", "spiffe://a/x/b/y")
	f.Add("spiffe://a/*", "spiffe://a/..")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		p, err := ParsePattern(FieldURI, pattern)
		if err != nil || !p.Match(name) {
			return
		}
		if strings.Count(pattern, "/") != strings.Count(name, "/") || strings.Count(pattern, "%") != strings.Count(name, "%") {
			t.Errorf("%q matches %q", pattern, name)
		}
	})
}
