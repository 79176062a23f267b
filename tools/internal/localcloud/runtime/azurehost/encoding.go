package azurehost

import "strings"

const hexDigits = "0123456789ABCDEF"

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// decodePath decodes a path as Kestrel does: everything but %2F, which would look like a separator.
func decodePath(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			if c := unhex(s[i+1])<<4 | unhex(s[i+2]); c != '/' {
				b.WriteByte(c)
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// decodeQuery decodes one name or value of a query; what is no escape stays as it is.
func decodeQuery(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			b.WriteByte(' ')
		case s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// encode percent-encodes every byte of s that keeps does not keep.
func encode(b *strings.Builder, s string, keeps func(s string, i int) bool) {
	for i := 0; i < len(s); i++ {
		if keeps(s, i) {
			b.WriteByte(s[i])
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hexDigits[s[i]>>4])
		b.WriteByte(hexDigits[s[i]&0xf])
	}
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// pathKeeps are the characters a path has as they are. Source: RFC 3986, section 3.3.
func pathKeeps(s string, i int) bool {
	return unreserved(s[i]) || strings.IndexByte("/!$&'()*+,;=:@", s[i]) >= 0
}

// queryKeeps are the characters .NET's UrlEncoder leaves as they are.
func queryKeeps(s string, i int) bool {
	return unreserved(s[i]) || strings.IndexByte("!$()*,;@", s[i]) >= 0
}
