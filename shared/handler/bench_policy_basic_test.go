package handler

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"polygate.example/shared/gateway"
)

// BenchmarkBasic is what a password costs a request: known from before, and when bcrypt of the least cost is asked.
func BenchmarkBasic(b *testing.B) {
	value := strings.TrimPrefix(login("ada", "pw"), "Authorization: ")
	hash := hashed(b, "pw", gateway.MinBcryptCost)
	b.Run("known", func(b *testing.B) {
		benchPolicy(b, gateway.Policy{Basic: &gateway.Basic{Realm: "r", Users: []gateway.User{{User: "ada", Bcrypt: hash}}}}, Options{},
			func(r *http.Request) { r.Header["Authorization"] = []string{value} })
	})
	b.Run("bcrypt of cost 8", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if !matches(bcrypt.CompareHashAndPassword, hash, "pw", gateway.MinBcryptCost, gateway.MinBcryptCost) {
				b.Fatal("does not match")
			}
		}
	})
}
