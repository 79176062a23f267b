package main

import (
	"slices"
	"strings"
	"testing"

	"polygate.example/tests/command/commandtest"
)

// TestDocuments: the first needs no part, the last all, and those between one each.
func TestDocuments(t *testing.T) {
	var seen []string
	for i, d := range documents {
		got, want := d.parts(), 1
		switch i {
		case 0:
			want = 0
		case len(documents) - 1:
			want = len(parts)
		default:
			seen = append(seen, got...)
		}
		if len(got) != want || strings.Count(document(d.policies), "\n    ") < want {
			t.Errorf("%s needs %v, want %d parts", d.name, got, want)
		}
	}
	slices.Sort(seen)
	if !slices.Equal(seen, parts) {
		t.Errorf("one by one they need %v, want %v", seen, parts)
	}
}

func rows() []Row {
	return []Row{
		{Parts: []string{}, Binary: map[string]int64{"aws": 8_000_000, "azure": 9_000_000}, Zip: map[string]int64{"aws": 3_000_000}, Start: 0.01, Beside: 1},
		{Parts: []string{"expression"}, Binary: map[string]int64{"aws": 8_500_000, "azure": 9_500_000}, Zip: map[string]int64{"aws": 3_100_000}, Start: 0.011, Beside: 1.1},
	}
}

// TestCheck: a gateway that has a part is larger than one that has none, with every provider, and has no other part.
func TestCheck(t *testing.T) {
	if err := check(rows()); err != nil {
		t.Error(err)
	}
	same := rows()
	same[1].Binary["azure"] = 9_000_000
	if err := check(same); err == nil || !strings.Contains(err.Error(), "azure: with expression the binary is 9.00 MB, and without any part 9.00 MB") {
		t.Errorf("a part that costs nothing: %v", err)
	}
	other := rows()
	other[0].Parts = []string{"jwt"}
	if err := check(other); err == nil || !strings.Contains(err.Error(), "no part: the binaries have the parts [jwt], and the document needs []") {
		t.Errorf("a part that nobody needs: %v", err)
	}
}

func TestPrint(t *testing.T) {
	var b strings.Builder
	print(&b, rows())
	for _, want := range []string{"none", "expression", "8.50 MB", "11.0 ms", "× 1.10"} {
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
