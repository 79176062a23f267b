package handler

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// heads is a ResponseWriter that notes the heads it is given, and whether it is flushed.
type heads struct {
	*httptest.ResponseRecorder
	seen    []int
	flushed int
}

func (h *heads) WriteHeader(status int) { h.seen = append(h.seen, status) }

func (h *heads) FlushError() error {
	h.flushed++
	return nil
}

// TestWholeAnswer: it is decided once, by the last head; those that come before it pass, and nothing else does while the answer is held.
func TestWholeAnswer(t *testing.T) {
	for _, c := range []struct {
		name    string
		given   []int
		holding bool
		seen    []int
		decided []int
		flushed int
	}{
		{"held", []int{200}, true, nil, []int{200}, 0},
		{"not held", []int{404}, false, []int{404}, []int{404}, 1},
		{"no head", nil, false, []int{200}, []int{200}, 1},
		{"no head, held", nil, true, nil, []int{200}, 0},
		{"hints before", []int{103, 103, 200}, true, []int{103, 103}, []int{200}, 0},
		{"hints before, not held", []int{103, 200}, false, []int{103, 200}, []int{200}, 1},
		{"an upgrade", []int{101}, false, []int{101}, []int{101}, 1},
		{"a second head", []int{200, 500}, false, []int{200}, []int{200}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			under := &heads{ResponseRecorder: httptest.NewRecorder()}
			a := &wholeAnswer{ResponseWriter: under}
			var decided []int
			a.decide = func() { decided, a.holding = append(decided, a.status), c.holding }
			for _, status := range c.given {
				a.WriteHeader(status)
			}
			if err := http.NewResponseController(a).Flush(); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(under.seen, c.seen) || !slices.Equal(decided, c.decided) || under.flushed != c.flushed {
				t.Errorf("passed %v, decided by %v, flushed %d times; want %v, %v, %d", under.seen, decided, under.flushed, c.seen, c.decided, c.flushed)
			}
		})
	}
}

// TestAskWhole: what would let an upstream answer with less than the whole, or with what cannot be read, does not go on.
func TestAskWhole(t *testing.T) {
	x := &exchange{}
	askWhole(x)
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{"Accept-Encoding": {"gzip", "br"}, "Range": {"bytes=0-1"}, "If-Range": {`"a"`}, "Accept": {"application/json"}}
	for _, send := range x.sends {
		send(r)
	}
	if diff := cmp.Diff(http.Header{"Accept-Encoding": {"identity"}, "Accept": {"application/json"}}, r.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}
