package main

import (
	"slices"
	"strings"
	"testing"

	"polygate.example/tests/command/commandtest"
)

func TestFaster(t *testing.T) {
	linear := []row{{6, 10, 2, 3}, {12, 20, 4, 6}, {24, 40, 8, 12}, {48, 80, 16, 24}}
	if found := faster(linear); len(found) > 0 {
		t.Errorf("linear growth is called faster: %v", found)
	}
	quadratic := slices.Clone(linear)
	quadratic[3].Preview = 64
	if found := faster(quadratic); len(found) != 2 || !strings.HasPrefix(found[0], "preview: 48 regions take 32.0 times as long as 6") {
		t.Errorf("found %v", found)
	}
	late := slices.Clone(linear) // a large fixed part hides it in the whole, not in the last doubling
	late[0].Up, late[1].Up, late[2].Up = 30, 32, 36
	late[3].Up = 100
	if found := faster(late); len(found) != 1 || !strings.Contains(found[0], "as long as 24") {
		t.Errorf("found %v", found)
	}
}

func TestRegions(t *testing.T) {
	for _, n := range sizes {
		got := regions(n)
		unique := slices.Compact(slices.Sorted(slices.Values(got)))
		if len(got) != n || len(unique) != n {
			t.Errorf("%d regions, %d of them different: want %d", len(got), len(unique), n)
		}
	}
}

func TestPicture(t *testing.T) {
	lines := commandtest.Elements(t, picture([]row{{6, 10, 2, 3}, {12, 20, 4, 6}}), "polyline")
	if lines != 3 {
		t.Errorf("%d lines, want one for each time", lines)
	}
}
