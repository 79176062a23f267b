package azure

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// derived is a GUID made from parts: an identifier Azure would draw, stable across runs so that a stack put up again
// finds its records unchanged.
func derived(parts ...string) string {
	h := hex.EncodeToString(digest(parts...))
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:32]
}

func digest(parts ...string) []byte {
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Join(parts, "\x00"))))
	return sum[:]
}

// VerificationID is the custom domain verification id: 64 hex digits, the same for every app of a subscription.
// Source: "Map an existing custom DNS name", learn.microsoft.com/azure/app-service/app-service-web-tutorial-custom-domain.
func VerificationID(subscription string) string {
	return strings.ToUpper(hex.EncodeToString(digest("verification", subscription)))
}
