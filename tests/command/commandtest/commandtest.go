// Package commandtest looks at what the commands among the tests write.
package commandtest

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
)

// Elements counts the elements of a name in a picture, which has to be well-formed.
func Elements(t *testing.T, picture, name string) (n int) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == name {
			n++
		}
	}
}
