package handler

import (
	"bufio"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"os"
)

// countedBody refuses a body past a number of bytes, however it is sent.
type countedBody struct {
	io.ReadCloser
	left int64
	over *refusal
}

// Read reads what may still come, and one byte more to see that it does not.
func (b *countedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, b.over
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return n - 1, b.over
	}
	return n, err
}

// hurriedBody tells when a body has ended, and refuses one that has not in time.
type hurriedBody struct {
	io.ReadCloser
	haste *haste
}

// Read reads.
func (b *hurriedBody) Read(p []byte) (int, error) {
	b.haste.waits()
	n, err := b.ReadCloser.Read(p)
	b.haste.got(n)
	if err != nil {
		b.haste.bodyOver()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = b.haste.late
	}
	return n, err
}

// inflatedBody inflates a body, up to a number of bytes. It holds a window of 32 KiB and no more, whatever the body says.
type inflatedBody struct {
	under  io.ReadCloser
	coding string
	limits *limits
	left   int64
	source *bufio.Reader
	plain  io.Reader
	err    error // the end, once it has come
}

// Read inflates.
func (b *inflatedBody) Read(p []byte) (int, error) {
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.plain == nil {
		if b.err = b.open(); b.err != nil {
			return 0, b.err
		}
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.plain.Read(p)
	if b.left -= int64(n); b.left < 0 {
		b.err = b.limits.refuse(http.StatusRequestEntityTooLarge, "The request's body is too large when it is inflated.", codeInflated, "its body inflates to too much")
		return n - 1, b.err
	}
	b.err = b.explain(err)
	return n, b.err
}

func (b *inflatedBody) open() error {
	b.source = bufio.NewReader(b.under)
	var err error
	if b.coding == "deflate" {
		b.plain, err = zlib.NewReader(b.source) // RFC 9110, 8.4.1.2: in the zlib format
	} else {
		b.plain, err = gzip.NewReader(b.source)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // nothing at all is no stream
	}
	return b.explain(err)
}

// explain tells a body that is damaged from one that cannot be read, and finds what comes after the end.
func (b *inflatedBody) explain(err error) error {
	if errors.Is(err, io.EOF) {
		switch _, more := b.source.ReadByte(); {
		case more == nil:
			err = errors.New("there is more after the end")
		case !errors.Is(more, io.EOF):
			return more
		}
	}
	if err == nil || errors.Is(err, io.EOF) || refusalOf(err) != nil {
		return err
	}
	return b.limits.refuse(http.StatusBadRequest, "The request's body is not compressed as it says, or ended early.", codeNotInflated, "its body cannot be inflated: "+err.Error())
}

// Close closes the body as it is sent.
func (b *inflatedBody) Close() error { return b.under.Close() }

// jsonBody refuses JSON that is too deep, while it passes: it counts brackets outside of strings and knows no more of JSON. What is not in UTF-8 it would
// count wrongly, as a quote may be half of a character, and is refused: in UTF-16 and UTF-32 JSON begins with a mark or has zeros in its first character
// (RFC 4627, 3), by which many readers know it whatever the content type says. In UTF-8 those bytes are nowhere (RFC 3629, 3, and RFC 8259, 7).
type jsonBody struct {
	io.ReadCloser
	depth, max      int
	quoted, escaped bool
	over, other     *refusal // of what is too deep, and of what is not in UTF-8
	refused         *refusal
}

// Read reads, and gives nothing of a part in which something was found.
func (b *jsonBody) Read(p []byte) (int, error) {
	if b.refused != nil {
		return 0, b.refused
	}
	n, err := b.ReadCloser.Read(p)
	for _, c := range p[:n] {
		switch {
		case c == 0 || c >= 0xfe:
			b.refused = b.other
			return 0, b.refused
		case b.escaped:
			b.escaped = false
		case b.quoted:
			b.escaped, b.quoted = c == '\\', c != '"'
		case c == '"':
			b.quoted = true
		case c == '[' || c == '{':
			if b.depth++; b.depth > b.max {
				b.refused = b.over
				return 0, b.refused
			}
		case c == ']' || c == '}':
			b.depth--
		}
	}
	return n, err
}

var (
	_ io.ReadCloser = (*countedBody)(nil)
	_ io.ReadCloser = (*hurriedBody)(nil)
	_ io.ReadCloser = (*inflatedBody)(nil)
	_ io.ReadCloser = (*jsonBody)(nil)
)
