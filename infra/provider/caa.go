package provider

import (
	"fmt"
	"strconv"
	"strings"
)

// CAAProperty is one value of a CAA record set. Source: RFC 8659, section 4.
type CAAProperty struct {
	Flags int    // 0, or 128: an authority that does not know the tag must not issue
	Tag   string // issue, issuewild, iodef
	Value string // without quotes: "letsencrypt.org"
}

// String is the property as a zone file writes it: 0 issue "letsencrypt.org". Records carry CAA values in this form.
func (p CAAProperty) String() string {
	return strconv.Itoa(p.Flags) + " " + p.Tag + ` "` + p.Value + `"`
}

// ParseCAA reads a value in the form of a zone file, for managers whose API takes flags, tag and value apart.
func ParseCAA(text string) (CAAProperty, error) {
	bad := fmt.Errorf(`%q is no CAA value: want flags, tag and quoted value, for example 0 issue "letsencrypt.org"`, text)
	parts := strings.SplitN(text, " ", 3)
	if len(parts) != 3 {
		return CAAProperty{}, bad
	}
	flags, err := strconv.ParseUint(parts[0], 10, 8)
	if err != nil || parts[1] == "" {
		return CAAProperty{}, bad
	}
	value, quoted := strings.CutPrefix(parts[2], `"`)
	value, closed := strings.CutSuffix(value, `"`)
	if !quoted || !closed || strings.Contains(value, `"`) {
		return CAAProperty{}, bad
	}
	return CAAProperty{Flags: int(flags), Tag: parts[1], Value: value}, nil
}
