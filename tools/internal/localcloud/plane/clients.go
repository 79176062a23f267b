package plane

// Header is one that a front sets on requests to the function, over all that the client has sent by the name.
type Header struct {
	Name  string
	Value []Text
}

// Text is a part of a header's value: as it stands, or by what the front knows of the request.
type Text struct {
	Literal  string `json:",omitzero"`
	Variable string `json:",omitzero"`
}

// GoogleVariables are those that the local Google front knows, of the many that there are.
var GoogleVariables = []string{
	"client_cert_chain", "client_cert_chain_verified", "client_cert_error", "client_cert_leaf", "client_cert_present", "client_cert_sha256_fingerprint", "client_region",
}

// Clients says that a front asks clients for TLS certificates, and whom it believes.
type Clients struct {
	Required  bool     `json:",omitzero"` // who shows none, or a wrong one, gets no connection
	Unchecked bool     `json:",omitzero"` // it believes nobody, as it has not been told whom
	Anchors   []string `json:",omitzero"` // PEM of authorities that are trusted for themselves
	Steps     []string `json:",omitzero"` // PEM of authorities on the way to them
}
