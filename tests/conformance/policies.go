package conformance

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// pair is the key pair of the client that signs tokens and requests.
var pair = func() ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("the client of the conformance table"))
	return ed25519.NewKeyFromSeed(seed[:])
}()

// publicKey is its public half as documents have it, on one line of YAML.
func publicKey() string {
	der, err := x509.MarshalPKIXPublicKey(pair.Public())
	if err != nil { // it is a key of a kind that has the form
		panic(err)
	}
	return strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), "\n", `\n`)
}

// policies are one policy of each kind: key 5f1c0b7a9e2d, password "open sesame".
var policies = `policies:
  admins: {authorize: {roles: [admin]}}
  api-key:
    apiKey:
      keys: [{sha256: 5b9257cd8c779e2e0632228680001009372c44669f6dfdaf5784d14403ddc81a, consumer: acme, plan: gold}]
      forwardAs: {consumer: X-Consumer, plan: X-Plan}
  basic:
    basic:
      realm: Reports
      users:
        - {user: ada, bcrypt: "$2a$10$KxCQufVNiISAeerfWJ.WNusfY/AP0FcoyoIR91W8c0q9WJGEttfRK", roles: [admin]}
        - {user: bob, bcrypt: "$2a$10$KxCQufVNiISAeerfWJ.WNusfY/AP0FcoyoIR91W8c0q9WJGEttfRK", roles: [reader]}
      forwardAs: {consumer: X-Consumer}
  client-certificate:
    clientCertificate: {fingerprints: ["` + strings.Repeat("ab", 32) + `"], consumer: fingerprint, optional: true, forwardAs: {consumer: X-Consumer}}
  cors:
    cors: {origins: ["https://app.example.com"], methods: [PUT], headers: [Authorization], credentials: true, maxAge: 10m}
  graphql: {graphql: {depth: 2, aliases: 1}}
  ip: {ip: {allow: [127.0.0.0/8], deny: [192.0.2.66]}}
  not-us: {ip: {deny: [127.0.0.0/8]}}
  office: {ip: {allow: [192.0.2.0/24]}}
  home: {authorize: {when: 'client.country == "DE"'}} # not geo, which is refused where no front tells the country
  jwt:
    jwt:
      keys: "` + publicKey() + `"
      algorithms: [EdDSA]
      audience: [orders]
      scopes: ["orders:read"]
      forward: {X-User: sub}
      forwardToken: false
  limits:
    limits: {body: 64B, uri: 40, query: 2, contentTypes: [application/json], depth: 3, compressed: refuse}
  quota: {quota: {limit: 1, period: month, by: {header: X-Tenant}}}
  rate-limit: {rateLimit: {rate: 1, per: 24h, by: {header: X-Tenant}}}
  security-headers: {securityHeaders: {hsts: {includeSubDomains: true}, contentSecurityPolicy: "default-src 'self'"}}
  signature:
    signature:
      keys: [{id: acme-1, algorithm: ed25519, publicKey: "` + publicKey() + `", consumer: acme}]
      forwardAs: {consumer: X-Consumer}
  transform:
    transform:
      request:
        headers: {set: {X-Client: "${client.ip}", X-Page: "${request.query.page}"}, remove: [X-Debug], rename: {X-Old-Key: X-Key}}
        query: {remove: [page], set: {order: "7"}}
        cookies: {remove: [tracking]}
        json: {set: {/source: gateway, /version: 2}, remove: [/isAdmin]}
      response:
        - headers: {set: {X-Order: "${request.query.page}"}, remove: [X-Request-Count]}
  validate:
    validate:
      parameters:
        - {name: page, in: query, schema: {type: integer, minimum: 1}}
      body:
        content:
          application/json: {type: object, required: [price], additionalProperties: false, properties: {price: {type: number, minimum: 0}}}
  when: {authorize: {when: 'request.method == "GET" and "admin" in caller.roles and request.query("page") != ""'}}
`

// guarded are routes with one policy each, named as the policy is, and one with many.
func guarded() string {
	var out strings.Builder
	for _, names := range [][]string{
		{"api-key"}, {"basic"}, {"cors"}, {"ip"}, {"office"}, {"not-us"}, {"jwt"}, {"limits"}, {"quota"}, {"rate-limit"}, {"security-headers"}, {"signature"}, {"transform"},
		{"basic", "admins"}, {"basic", "when"}, {"home"}, {"client-certificate"}, {"graphql"}, {"validate"},
		{"security-headers", "cors", "ip", "jwt", "transform"},
	} {
		name := strings.Join(names, "-")
		fmt.Fprintf(&out, "  - {name: guarded-%s, match: {path: /p/%s}, policies: [%s], upstream: origin, rewrite: {path: /echo}}\n", name, name, strings.Join(names, ", "))
	}
	return out.String()
}
