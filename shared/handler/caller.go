package handler

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
