package patterns

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

var every = flag.Bool("every", false, "deploy every combination that is allowed, not only each manager's ways once")

// TestMain lets three environments run at a time: most of what they do is wait. What is measured is marked as parallel itself, and
// so begins when all that deploys without a pause has ended.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "3"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(m.Run())
}
