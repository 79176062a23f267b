package clientcert

// Headers into which a load balancer of Google's with a ServerTlsPolicy writes what it has seen of a client's certificate. They are its backend service's custom
// request headers, each with the variable of its name, as in "X-Client-Cert-Leaf:{client_cert_leaf}"; the names are those of Google's own examples.
// What a client sends by the name is written over. A leaf is told only where the balancer has found it valid, and a variable that is not known is empty.
// The private key is asked for in every mode. Source: "Create custom headers in backend services", Mutual TLS custom headers,
// docs.cloud.google.com/load-balancing/docs/https/custom-headers; "Mutual TLS overview", validation modes, .../docs/mtls.
const (
	GooglePresent  = "X-Client-Cert-Present"
	GoogleVerified = "X-Client-Cert-Chain-Verified"
	GoogleError    = "X-Client-Cert-Error"
	GoogleLeaf     = "X-Client-Cert-Leaf"
	GoogleChain    = "X-Client-Cert-Chain"
)
