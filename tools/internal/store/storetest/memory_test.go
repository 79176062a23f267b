package storetest_test

import (
	"testing"

	"polygate.example/tools/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(*testing.T) storetest.Bed {
		var m storetest.Memory
		return storetest.Bed{Driver: &m, Another: &m, Gone: func() { m.Cut(true) }}
	})
}
