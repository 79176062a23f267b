package resourcemanager_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"polygate.example/tools/internal/control"
	"polygate.example/tools/internal/control/resourcemanager"
)

// answered is the SDK's error of an answer.
func answered(t *testing.T, status int, body string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://management.azure.com/subscriptions/s", nil)
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NewResponseError(&http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req})
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		name    string
		err     error
		want    string
		unknown bool
	}{
		{"a refusal", answered(t, 403, `{"error": {"code": "AuthorizationFailed", "message": "The client\ndoes not have authorization."}}`),
			"403 Forbidden: AuthorizationFailed: The client does not have authorization.", false},
		{"what is not there", answered(t, 404, `{"error": {"code": "ResourceNotFound", "message": "The Resource 'x' was not found."}}`),
			"404 Not Found: ResourceNotFound: The Resource 'x' was not found.", true},
		{"no document", answered(t, 502, `<html>`), "502 Bad Gateway", false},
		{"no answer", io.ErrUnexpectedEOF, "unexpected EOF", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := resourcemanager.Explain(tt.err)
			for range 2 { // the body can be read again
				if got.Error() != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			}
			if errors.Is(got, control.ErrUnknown) != tt.unknown {
				t.Errorf("unknown is %t, want %t", !tt.unknown, tt.unknown)
			}
			var answer *azcore.ResponseError
			if errors.As(tt.err, &answer) && !errors.Is(got, tt.err) {
				t.Error("the SDK's error is lost")
			}
		})
	}
}
