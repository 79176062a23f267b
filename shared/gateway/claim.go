package gateway

import (
	"errors"
	"strings"
)

// maxClaimDepth is how many mappings deep a claim may lie.
const maxClaimDepth = 16

// ParseClaim reads where a claim of a token lies: names with dots between, such as realm_access.roles, or an RFC 6901 pointer, such
// as /https:~1~1example.com~1roles, for names that hold dots themselves. The error's words go on after the name.
func ParseClaim(text string) ([]string, error) {
	var path []string
	if pointer, ok := strings.CutPrefix(text, "/"); ok {
		for part := range strings.SplitSeq(pointer, "/") {
			if strings.Contains(strings.NewReplacer("~0", "", "~1", "").Replace(part), "~") {
				return nil, errors.New("has a ~ that is neither ~0 nor ~1")
			}
			path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		}
	} else {
		if strings.ContainsAny(text, "/: ") {
			return nil, errors.New("is not of names with dots between")
		}
		path = strings.Split(text, ".")
	}
	if len(path) > maxClaimDepth {
		return nil, errors.New("lies too deep")
	}
	for _, name := range path {
		if name == "" {
			return nil, errors.New("has an empty name in it")
		}
	}
	return path, nil
}

const remedyClaim = "write a name such as sub, a path such as realm_access.roles, or a pointer such as /https:~1~1example.com~1roles"

// checkClaim tests the name of a claim.
func checkClaim(object func(Pointer, string, string), at Pointer, text string) {
	if _, err := ParseClaim(text); err != nil {
		object(at, "claim "+quote(text)+" "+err.Error(), remedyClaim)
	}
}
