//go:build !without_jwt

package handler

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"polygate.example/shared/gateway"
)

// BenchmarkJWT is what the policy adds to a request: for a token that it has not seen, and for one that it has.
func BenchmarkJWT(b *testing.B) {
	ec := newIssuer(b)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		method  jwt.SigningMethod
		private any
		public  any
	}{{jwt.SigningMethodES256, ec.key, &ec.key.PublicKey}, {jwt.SigningMethodRS256, r, &r.PublicKey}, {jwt.SigningMethodPS256, r, &r.PublicKey}, {jwt.SigningMethodEdDSA, ed, ed.Public()}} {
		der, err := x509.MarshalPKIXPublicKey(c.public)
		if err != nil {
			b.Fatal(err)
		}
		spec := gateway.JWT{
			Algorithms: []string{c.method.Alg()}, Keys: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), RequireExpiry: true, ConsumerClaim: "sub",
			Issuer: "https://login.example.com", Audience: []string{"orders"}, Scopes: []string{"read"}, RolesClaim: "roles", Forward: map[string]string{"X-User": "sub"}, ForwardToken: true,
		}
		sign := func(id int) string {
			token, err := jwt.NewWithClaims(c.method, jwt.MapClaims{
				"iss": "https://login.example.com", "aud": "orders", "sub": "alice", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(),
				"scope": "openid profile read", "roles": []string{"clerk", "user"}, "email": "alice@example.com", "jti": fmt.Sprintf("0b8b6d0e-8f0c-4c2b-a5f0-%012d", id),
			}).SignedString(c.private)
			if err != nil {
				b.Fatal(err)
			}
			return token
		}
		// More tokens than are remembered, in turn, are all as good as new.
		var many [][]string
		for id := range 1100 {
			many = append(many, []string{"Bearer " + sign(id)})
		}
		for name, values := range map[string][][]string{"first": many, "seen": many[:1]} {
			b.Run(c.method.Alg()+"/"+name, func(b *testing.B) {
				p, err := newJWT(spec, environment{name: "user", log: slog.New(slog.DiscardHandler), now: time.Now})
				if err != nil {
					b.Fatal(err)
				}
				h := identify(p(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), "")
				r := get("/x")
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					r.Header = http.Header{"Authorization": values[i%len(values)]}
					h.ServeHTTP(nowhere{http.Header{}}, r)
				}
			})
		}
	}
}
