package azure

import (
	"testing"

	"polygate.example/tools/internal/localcloud/resource"
)

// TestParseID keeps the forms of ids. Source: resource-name-rules, see ID.
func TestParseID(t *testing.T) {
	const site = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/a"
	for in, want := range map[string]string{
		"/subscriptions/s/resourceGroups/g":  "Microsoft.Resources/resourceGroups",
		"/subscriptions/s/resourcegroups/g/": "Microsoft.Resources/resourceGroups",
		site:                                 "Microsoft.Web/sites",
		site + "/certificates/c":             "Microsoft.Web/sites/certificates",
		"":                                   "",
		"gw":                                 "",
		"/subscriptions/s":                   "",
		"/subscriptions//resourceGroups/g":   "",
		"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web": "",
		site + "/certificates": "",
	} {
		t.Run(in, func(t *testing.T) {
			id, err := ParseID(in)
			if want == "" {
				if resource.Code(err) != CodeInvalidID {
					t.Errorf("got %v, %v; want it refused", id, err)
				}
				return
			}
			if err != nil || id.Type() != want {
				t.Errorf("got type %q, %v; want %q", id.Type(), err, want)
			}
			if again, err := ParseID(id.String()); err != nil || !Equal(again.String(), id.String()) {
				t.Errorf("%s does not survive: %v, %v", id, again, err)
			}
		})
	}
}

// TestCovers keeps that a grant holds below its scope and not beside it.
func TestCovers(t *testing.T) {
	for name, c := range map[string]struct {
		scope, id string
		want      bool
	}{
		"itself":        {"/a/b", "/a/b", true},
		"below":         {"/a/b", "/a/b/c/d", true},
		"in other case": {"/A/B", "/a/b/c", true},
		"above":         {"/a/b/c", "/a/b", false},
		"beside":        {"/a/b", "/a/bc", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Covers(c.scope, c.id); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// FuzzBlobURL makes sure that an address which is accepted is one of blob storage.
func FuzzBlobURL(f *testing.F) {
	f.Add("https://gwstore.blob.core.windows.net/packages/released-package.zip")
	f.Add("https://gwstore.blob.core.windows.net/packages")
	f.Add("http://gwstore.blob.core.windows.net/packages")
	f.Add("https://evil.example/.blob.core.windows.net/packages")
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := parseBlobURL(s)
		if ok && (!accountName.MatchString(a.account) || a.container == "") {
			t.Errorf("accepted %q as %+v", s, a)
		}
	})
}
