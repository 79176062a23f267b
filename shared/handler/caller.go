package handler

import (
	"polygate.example/shared/claim"
	"polygate.example/shared/gateway"
)

// caller is who calls, as the policies have found out that look for it. The zero value is nobody in particular.
type caller struct {
	Consumer string         // name of whom the credential belongs to: of an API key, a user, the subject of a token
	Plan     string         // that the consumer has, "" for none
	Roles    []string       // that the credential gives
	Scopes   []string       // that it is good for
	Claims   map[string]any // of a token; of any other credential what the document says of it
	By       string         // policy that found it out
}

// known reports whether anybody was found.
func (c caller) known() bool { return c.By != "" }

// claim is what the document means by the name of a claim: the one that is called so or, as everywhere else, the one that lies there, see
// gateway.ParseClaim; nil for none.
func (c caller) claim(name string) any {
	if v, there := c.Claims[name]; there {
		return v
	}
	path, err := gateway.ParseClaim(name)
	if err != nil {
		return nil
	}
	v, _ := claim.Lookup(c.Claims, path)
	return v
}
