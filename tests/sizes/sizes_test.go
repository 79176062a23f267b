package main

import (
	"slices"
	"strings"
	"testing"

	"polygate.example/shared/config"
	"polygate.example/shared/gateway"
	"polygate.example/tests/command/commandtest"
)

// TestDocuments: the first needs no part, the last all, and those between one each.
func TestDocuments(t *testing.T) {
	var seen []gateway.Part
	for i, d := range documents {
		m, err := config.Parse("gateway.yaml", []byte(document(d.policies)))
		if err != nil {
			t.Fatalf("%s: %v", d.name, err)
		}
		got, want := m.Parts(), 1
		switch i {
		case 0:
			want = 0
		case len(documents) - 1:
			want = len(gateway.Parts())
		default:
			seen = append(seen, got...)
		}
		if len(got) != want {
			t.Errorf("%s needs %v, want %d parts", d.name, got, want)
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, gateway.Parts()) {
		t.Errorf("one by one they need %v, want %v", seen, gateway.Parts())
	}
}

func rows() []Row {
	return []Row{
		{Binary: map[string]int64{"aws": 8_000_000, "azure": 9_000_000}, Zip: map[string]int64{"aws": 3_000_000}, Start: 0.01, Beside: 1},
		{Parts: []gateway.Part{gateway.PartJWT}, Binary: map[string]int64{"aws": 8_500_000, "azure": 9_500_000}, Zip: map[string]int64{"aws": 3_100_000}, Start: 0.011, Beside: 1.1},
	}
}

// TestCheck: a gateway that has a part is larger than one that has none, with every provider.
func TestCheck(t *testing.T) {
	if err := check(rows()); err != nil {
		t.Error(err)
	}
	same := rows()
	same[1].Binary["azure"] = 9_000_000
	if err := check(same); err == nil || !strings.Contains(err.Error(), "azure: with jwt the binary is 9.00 MB, and without any part 9.00 MB") {
		t.Errorf("a part that costs nothing: %v", err)
	}
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	print(&b, rows())
	for _, want := range []string{"none", "jwt", "8.50 MB", "11.0 ms", "× 1.10"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the table lacks %q:\n%s", want, &b)
		}
	}
}

func TestPicture(t *testing.T) {
	if n := commandtest.Elements(t, picture(rows()), "rect"); n != 5 {
		t.Errorf("%d rectangles, want the paper and two for each row", n)
	}
}
