package dns

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"

	"polygate.example/tools/internal/localcloud/plane"
)

// parseValues turns the values of a non-alias record into resource records whose owner is left open.
func parseValues(pr plane.Record) ([]mdns.RR, error) {
	if len(pr.Values) == 0 {
		return nil, errors.New("neither values nor an alias")
	}
	if pr.TTL < 0 || pr.TTL > math.MaxInt32 { // Route 53 API, ResourceRecordSet.TTL: 0 to 2147483647
		return nil, fmt.Errorf("TTL %d is out of range: want 0 to %d seconds", pr.TTL, math.MaxInt32)
	}
	if pr.Type == "CNAME" && len(pr.Values) > 1 {
		return nil, fmt.Errorf("%d values: a CNAME has one", len(pr.Values))
	}
	rrs := make([]mdns.RR, 0, len(pr.Values))
	for _, v := range pr.Values {
		rr, err := parseValue(pr.Type, v)
		if err != nil {
			return nil, fmt.Errorf("value %q: %w", v, err)
		}
		rr.Header().Ttl = uint32(pr.TTL)
		rrs = append(rrs, rr)
	}
	return rrs, nil
}

func parseValue(rtype, value string) (mdns.RR, error) {
	if rtype == "TXT" {
		return parseTXT(value)
	}
	if strings.ContainsAny(value, "\r\n") || strings.HasPrefix(value, `\#`) {
		return nil, errors.New("line break or generic encoding: write the value on one line in the form of its type")
	}
	rr, err := mdns.NewRR(". 0 IN " + rtype + " " + value)
	if err != nil {
		return nil, err
	}
	if rr == nil {
		return nil, errors.New("empty")
	}
	return rr, nil
}

// parseTXT reads a TXT value in Route 53's form, one or more quoted strings, or bare. A bare value is read as if in
// quotes, which is what the AWS provider does; `""` inside it therefore separates two strings. A string over
// 255 bytes, the most one can hold (RFC 1035, 3.3), is split.
func parseTXT(value string) (*mdns.TXT, error) {
	if !strings.HasPrefix(value, `"`) {
		value = `"` + value + `"`
	}
	txt := &mdns.TXT{Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeTXT, Class: mdns.ClassINET}}
	for rest := value; rest != ""; rest = strings.TrimLeft(rest, " \t") {
		s, after, err := unquote(rest)
		if err != nil {
			return nil, err
		}
		for first := true; first || len(s) > 0; first = false {
			n := min(len(s), 255)
			txt.Txt = append(txt.Txt, escape(s[:n]))
			s = s[n:]
		}
		rest = after
	}
	return txt, nil
}

// unquote reads one quoted string and returns its bytes and what follows it. Escapes are \" and \\ and three octal
// digits. Source: Route 53 Developer Guide, "Supported DNS record types", "TXT record type".
func unquote(s string) (b []byte, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		return nil, "", errors.New("text between quoted strings: put each string of a TXT value in quotes")
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return b, s[i+1:], nil
		case c == '\\' && i+3 < len(s) && isOctal(s[i+1:i+4]):
			v, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
			if err != nil {
				return nil, "", fmt.Errorf("escape %s is above \\377", s[i:i+4])
			}
			b = append(b, byte(v))
			i += 3
		case c == '\\' && i+1 < len(s):
			b = append(b, s[i+1])
			i++
		default:
			b = append(b, c)
		}
	}
	return nil, "", errors.New("quoted string without an end")
}

func isOctal(s string) bool { return strings.Trim(s, "01234567") == "" }

// escape writes bytes as the miekg library keeps character strings: decimal escapes, unlike Route 53's octal ones.
func escape(b []byte) string {
	var sb strings.Builder
	for _, c := range b {
		switch {
		case c == '"' || c == '\\':
			sb.WriteByte('\\')
			sb.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&sb, `\%03d`, c)
		default:
			sb.WriteByte(c)
		}
	}
	return sb.String()
}
