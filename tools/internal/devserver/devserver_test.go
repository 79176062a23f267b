package devserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bench is a server whose document is the text that it answers with; one that begins with "bad" cannot be loaded, one that begins with "slow" not
// before slow is closed, and one that begins with "asks" goes by certificates.
type bench struct {
	file    string
	url     string
	swapped chan string
	said    chan string
	loads   atomic.Int64
	stop    context.CancelFunc
	ended   chan error
	hold    chan struct{} // requests for /hold wait for it
	held    chan struct{}
	slow    chan struct{}
	over    <-chan struct{} // the test
	writing sync.Mutex      // a file that is written is empty before, and nobody is to load that
	closed  chan string     // versions, as they are closed
}

// files are the document and those that it names, each after an @ in it.
func (b *bench) files() []string {
	text, _ := b.text() // none is as good as an empty one
	files := []string{b.file}
	for _, name := range strings.Fields(string(text)) {
		if name, is := strings.CutPrefix(name, "@"); is {
			files = append(files, filepath.Join(filepath.Dir(b.file), name))
		}
	}
	return files
}

// closing is a handler that tells when it is closed.
type closing struct {
	http.HandlerFunc
	close func()
}

func (c closing) Close() error { c.close(); return nil }

func (b *bench) text() ([]byte, error) {
	b.writing.Lock()
	defer b.writing.Unlock()
	return os.ReadFile(b.file)
}

func (b *bench) load() (Version, error) {
	b.loads.Add(1)
	text, err := b.text()
	if err != nil {
		return Version{}, err
	}
	if bytes.HasPrefix(text, []byte("bad")) {
		return Version{}, fmt.Errorf("%s:1:1: %s is no good", b.file, text)
	}
	if bytes.HasPrefix(text, []byte("slow")) {
		select {
		case <-b.slow:
		case <-b.over:
		}
	}
	id := string(text)
	for _, file := range b.files()[1:] {
		more, err := os.ReadFile(file)
		if err != nil {
			return Version{}, err
		}
		id += " " + string(more)
	}
	return Version{ID: id, Asks: bytes.HasPrefix(text, []byte("asks")), Handler: closing{close: func() { b.closed <- id }, HandlerFunc: func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hold" {
			b.held <- struct{}{}
			<-b.hold
		}
		if r.TLS != nil {
			w.Header().Set("X-Shown", fmt.Sprint(len(r.TLS.PeerCertificates)))
		}
		_, _ = w.Write(text)
	}}}, nil
}

func start(t *testing.T, text string) *bench {
	t.Helper()
	return startWith(t, text, nil)
}

func startWith(t *testing.T, text string, authority Authority) *bench {
	t.Helper()
	b := &bench{file: filepath.Join(t.TempDir(), "docs", "a.yaml"), swapped: make(chan string, 100), said: make(chan string, 100), ended: make(chan error, 1),
		hold: make(chan struct{}), held: make(chan struct{}, 100), slow: make(chan struct{}), closed: make(chan string, 1000)}
	if err := os.Mkdir(filepath.Dir(b.file), 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(t, text)
	first, err := b.load()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = "http://" + l.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	b.stop, b.over = cancel, ctx.Done()
	go func() {
		b.ended <- Run(ctx, first, Options{Listener: l, Authority: authority, Files: b.files, Load: b.load,
			Say:     func(format string, args ...any) { b.said <- fmt.Sprintf(format, args...) },
			Swapped: func(v Version) { b.swapped <- v.ID }})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-b.ended; err != nil {
			t.Error(err)
		}
		b.ended <- nil
	})
	return b
}

func (b *bench) write(t *testing.T, text string) {
	t.Helper()
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := os.WriteFile(b.file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// replace writes as editors do: a new file beside the old one, and then in its place.
func (b *bench) replace(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(b.file+"~", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.file+"~", b.file); err != nil {
		t.Fatal(err)
	}
}

// expect waits for something to be told.
func expect(t *testing.T, from chan string, want string) {
	t.Helper()
	select {
	case got := <-from:
		if !strings.Contains(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatalf("nothing was told, want %q", want)
	}
}

func (b *bench) get(path string) (string, error) {
	resp, err := http.Get(b.url + path)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = errors.New(resp.Status)
	}
	return string(text), err
}

func (b *bench) serves(t *testing.T, want string) {
	t.Helper()
	if got, err := b.get("/"); err != nil || got != want {
		t.Fatalf("serves %q (%v), want %q", got, err, want)
	}
}

// However the document is saved, no request is lost, and each is answered by one version or by another.
func TestEditUnderLoad(t *testing.T) {
	b := start(t, "0")
	stop := make(chan struct{})
	var answered, lost atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if text, err := b.get("/"); err != nil || len(text) != 1 {
					lost.Add(1)
					t.Errorf("%q, %v", text, err)
				}
				answered.Add(1)
			}
		})
	}
	for i := range 6 {
		text := fmt.Sprint(i + 1)
		before := answered.Load()
		if i%2 == 0 {
			b.write(t, text)
		} else {
			b.replace(t, text)
		}
		expect(t, b.swapped, text)
		for answered.Load() < before+20 { // there are clients while it happens
			time.Sleep(time.Millisecond)
		}
	}
	close(stop)
	clients.Wait()
	if answered.Load() < 120 || lost.Load() > 0 {
		t.Errorf("%d requests answered, %d lost", answered.Load(), lost.Load())
	}
	b.serves(t, "6")
}

// A request ends by the version that it came to, whatever is saved meanwhile.
func TestRequestsInFlight(t *testing.T) {
	b := start(t, "old")
	got := make(chan string, 1)
	go func() {
		text, err := b.get("/hold")
		got <- fmt.Sprint(text, err)
	}()
	<-b.held
	b.write(t, "new")
	expect(t, b.swapped, "new")
	b.serves(t, "new")
	close(b.hold)
	if text := <-got; text != "old<nil>" {
		t.Errorf("the request in flight got %q, want old", text)
	}
}

// A version is closed when another serves and its last request has ended, the last of them at the end, and none of them before.
func TestVersionsAreClosed(t *testing.T) {
	b := start(t, "old")
	b.write(t, "old") // the same once more, which is not taken up
	expect(t, b.closed, "old")
	b.settle(t)
	go func() { _, _ = b.get("/hold") }()
	<-b.held
	b.write(t, "new")
	expect(t, b.swapped, "new")
	b.serves(t, "new")
	b.settle(t)
	close(b.hold)
	expect(t, b.closed, "old")
	b.write(t, "newer")
	expect(t, b.closed, "new")
	b.stop()
	expect(t, b.closed, "newer")
}

// settle waits until what was written has been looked at, and nothing is closed that was served.
func (b *bench) settle(t *testing.T) {
	t.Helper()
	before := b.loads.Load()
	b.write(t, b.read(t))
	for b.loads.Load() == before {
		time.Sleep(time.Millisecond)
	}
	for len(b.closed) == 0 { // what was loaded for nothing
		time.Sleep(time.Millisecond)
	}
	for len(b.closed) > 0 {
		if id := <-b.closed; id != b.read(t) {
			t.Fatalf("%q is closed", id)
		}
	}
}

func (b *bench) read(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(b.file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Files that the document names are watched where they are, from the time on at which it names them.
func TestOtherFolders(t *testing.T) {
	b := start(t, "one")
	sub := filepath.Join(filepath.Dir(b.file), "sub", "api.yaml")
	if err := os.Mkdir(filepath.Dir(sub), 0o755); err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"first", "second", "third"} {
		if err := os.WriteFile(sub, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			b.write(t, "two @sub/api.yaml")
		}
		expect(t, b.swapped, "two @sub/api.yaml "+text)
	}
}

// What is wrong is told of once, and the version before serves on; what was mended is taken up.
func TestInvalidEdit(t *testing.T) {
	b := start(t, "good")
	b.write(t, "bad 1")
	expect(t, b.said, "not taken, the version before serves on:\n"+b.file+":1:1: bad 1 is no good")
	b.serves(t, "good")
	before := b.loads.Load()
	b.replace(t, "bad 1")
	for b.loads.Load() == before { // and nothing is said: it has been
		time.Sleep(time.Millisecond)
	}
	b.replace(t, "bad 2")
	expect(t, b.said, "bad 2 is no good")
	b.replace(t, "good")
	expect(t, b.said, "as they are served again")
	b.write(t, "better")
	expect(t, b.swapped, "better")
	b.serves(t, "better")
}

// While a large document is made into a gateway, the version before serves on.
func TestSlowEdit(t *testing.T) {
	b := start(t, "old")
	b.settle(t)
	before := b.loads.Load()
	b.write(t, "slow")
	for b.loads.Load() == before {
		time.Sleep(time.Millisecond)
	}
	b.serves(t, "old")
	close(b.slow)
	expect(t, b.swapped, "slow")
	b.serves(t, "slow")
}

func TestRenamedFile(t *testing.T) {
	b := start(t, "old")
	for i := range 3 { // the second one is of the file that came with the first
		text := fmt.Sprintf("new %d", i)
		b.replace(t, text)
		expect(t, b.swapped, text)
		b.serves(t, text)
	}
}

func TestDeletedAndWrittenAgain(t *testing.T) {
	b := start(t, "old")
	if err := os.Remove(b.file); err != nil {
		t.Fatal(err)
	}
	expect(t, b.said, "no such file")
	b.serves(t, "old")
	b.write(t, "new")
	expect(t, b.swapped, "new")
	b.serves(t, "new")
}

func TestFolderReplaced(t *testing.T) {
	b := start(t, "old")
	dir := filepath.Dir(b.file)
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	expect(t, b.said, "no such file")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(t, "new")
	expect(t, b.swapped, "new")
	b.write(t, "newer") // by the watch on the folder that is there now, or by looking
	expect(t, b.swapped, "newer")
}

// A document that is reached by links, as mounted volumes have them, is seen when the link in the middle is turned.
func TestLink(t *testing.T) {
	b := start(t, "old")
	dir := filepath.Dir(b.file)
	for _, v := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, v), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, v, "a.yaml"), []byte(v), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	turn := func(to string) {
		if err := os.Symlink(to, filepath.Join(dir, "next")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "next"), filepath.Join(dir, "now")); err != nil {
			t.Fatal(err)
		}
	}
	turn("v1")
	if err := os.Symlink("now/a.yaml", b.file+".link"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(b.file+".link", b.file); err != nil {
		t.Fatal(err)
	}
	expect(t, b.swapped, "v1")
	turn("v2")
	expect(t, b.swapped, "v2")
}

// At the end requests in flight are answered, and new ones are not taken.
func TestEnd(t *testing.T) {
	b := start(t, "text")
	got := make(chan string, 1)
	go func() {
		text, err := b.get("/hold")
		got <- fmt.Sprint(text, err)
	}()
	<-b.held
	b.stop()
	for { // until the listener is closed
		c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			break
		}
		c.Close()
		time.Sleep(time.Millisecond)
	}
	close(b.hold)
	if text := <-got; text != "text<nil>" {
		t.Errorf("the request in flight got %q", text)
	}
}

func TestLog(t *testing.T) {
	var got []string
	log := NewLog(func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) })
	log.Info("request", "status", 200, "method", "GET", "host", "h", "path", "/a\x1b[2J", "route", "r", "target", "t:1", "bytes", 5, "took", 1234567*time.Nanosecond)
	log.Info("request", "status", 404, "method", "GET", "host", "h", "path", "/a", "route", "", "target", "", "bytes", 5, "took", time.Second)
	log.Debug("request", "status", 200)
	log.Warn("denied", "status", 403, "policy", "office", "route", "r", "why", "no")
	log.Warn("denied", "status", 400, "policy", "(paths)", "route", "", "why", "dots")
	log.Warn("denied", "status", 400, "policy", "(paths)", "route", "r", "why", "dots")
	log.With("a", 1).Error("odd", "b", "x y")
	want := []string{"200 GET h/a?[2J by r -> t:1 in 1.23ms, 5 bytes", "404 GET h/a in 1s, 5 bytes", "403 denied by the policy office of r: no", "400 denied by the gateway's guard of paths: dots", "400 denied by the gateway's guard of paths: dots", "error: odd a=1 b=x y"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestReadEnv(t *testing.T) {
	file := filepath.Join(t.TempDir(), ".env")
	read := func(text string) (map[string]string, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return ReadEnv(file)
	}
	got, err := read("\ufeff# one\r\n\nA=1\r\nexport B = \" a \\\"b\\\" \\\\n c\\nd\" \nC='$x # y'\nD=a=b # c\nE=\n")
	if want := map[string]string{"A": "1", "B": " a \"b\" \\n c\nd", "C": "$x # y", "D": "a=b # c", "E": ""}; err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q (%v)\nwant %q", got, err, want)
	}
	for text, want := range map[string]string{
		"A=1\ntop-secret\n": file + ":2:1: the line is no variable; write NAME=value",
		"1A=top-secret":     file + ":1:1: the line is no variable; write NAME=value",
		"A=\"top-secret":    file + ":1:1: the value of A has no closing quote; write one, on the same line",
		"A='":               file + ":1:1: the value of A has no closing quote; write one, on the same line",
	} {
		if _, err := read(text); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := ReadEnv(filepath.Join(file, "none")); err == nil {
		t.Error("a file that is not there is read")
	}
}
