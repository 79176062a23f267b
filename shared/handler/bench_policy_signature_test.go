package handler

import (
	"net/http"
	"testing"
	"time"

	"polygate.example/shared/gateway"
	"polygate.example/shared/secret"
)

// BenchmarkSignature is what a signature of each algorithm costs a request, with the vectors of RFC 9421; the body is left out.
func BenchmarkSignature(b *testing.B) {
	now := time.Unix(rfcCreated, 0)
	for _, i := range []int{2, 3, 4} {
		v := rfcVectors[i]
		b.Run(v.section, func(b *testing.B) {
			p := newTestSignature(b, gateway.Signature{Keys: rfcKeys(), MaxAge: ms(300_000), Nonce: gateway.NonceOptional, MaxBody: 100}, &now)
			p.env.secrets = secret.New(vault{"SHARED": rfcSecret}, nil)
			r := rfcRequest(v.input, v.signature)
			r.Body = http.NoBody
			if i > 2 {
				r.URL.RawQuery = "" // which they do not sign
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := p.verify(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("nonce", func(b *testing.B) {
		n := nonces{window: 1}
		at := int64(0)
		b.ReportAllocs()
		for b.Loop() {
			at++
			if err := n.use(string(rune('a'+at%26)), at*2); err != nil {
				b.Fatal(err)
			}
		}
	})
}
