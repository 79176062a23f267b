package main

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// unencodedURL is the header in which the App Service front repeats the request target as the client sent it.
const unencodedURL = "X-WAWS-Unencoded-URL"

// restorePath gives a request the path the client sent, as far as it can be told.
//
// The host decodes a path once, all but %2F, and encodes it anew, every "%" of it too (dotnet/yarp#1419, dotnet/yarp#1219).
// So %41 comes as A and %25 as %25, which mean the same as before; but both %2F and %252F come as %252F, and YARP's
// authors hold that the two cannot be told apart behind ASP.NET Core (dotnet/aspnetcore#30655). Two rules tell them:
//
//   - Where the App Service front is, it repeats the target in a header. That is believed if the host would have made of
//     it exactly the path that came; so a client who writes the header itself can choose between spellings of the path it
//     asked for, as it could by asking, and nothing else.
//   - Otherwise %252F is %2F. Of the two it is the one clients send, to put a slash into a parameter. A client's own %252F
//     is then read as %2F, one level of encoding less.
func restorePath(r *http.Request) {
	u := *r.URL
	if !restoreFrom(&u, r.Header.Get(unencodedURL)) {
		if !strings.Contains(strings.ToUpper(u.EscapedPath()), "%252F") {
			return
		}
		raw := strings.NewReplacer("%252F", "%2F", "%252f", "%2f").Replace(u.EscapedPath())
		path, err := url.PathUnescape(raw)
		if err != nil {
			return // cannot be: it was well-formed before, and is so after
		}
		u.Path, u.RawPath = path, raw
	}
	r.URL, r.RequestURI = &u, u.RequestURI()
}

// restoreFrom sets u's path to the one of a target, if the host would turn that into u's.
func restoreFrom(u *url.URL, target string) bool {
	raw, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(raw, "/") {
		return false
	}
	came, ok := hostDecoded(raw)
	if !ok || came != u.Path {
		return false
	}
	parsed, err := url.ParseRequestURI(raw)
	if err != nil {
		return false
	}
	u.Path, u.RawPath = parsed.Path, parsed.RawPath
	return true
}

// hostDecoded decodes a path as the host does: every escape but that of the slash. What is no UTF-8 then, the host leaves
// escaped by rules of its own; that is reported as not known.
func hostDecoded(raw string) (string, bool) {
	// An escaped slash that is itself escaped once more survives decoding as it is.
	path, err := url.PathUnescape(strings.NewReplacer("%2F", "%252F", "%2f", "%252f").Replace(raw))
	return path, err == nil && utf8.ValidString(path)
}
