package runtimetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// EnvInit makes the Lambda role misbehave before its first event: "exit", "hang" or "error".
const EnvInit = "POLYGATE_TEST_INIT"

// lambdaEvent is what the role reads of an event: what to do, either from "do" or from the path of an HTTP event.
type lambdaEvent struct {
	Do   string `json:"do"`
	Path string `json:"rawPath"`
	Body string `json:"body"`
}

// lambda is a Lambda runtime of its own, without the vendor's library, so that tests see the bare protocol. What it
// does is chosen by the event:
//
//	echo        a 200 whose body is the event
//	raw         the event's body, verbatim, as the function's answer
//	env         its environment as a JSON array
//	header      the headers its event came with, as JSON
//	pid         its process id
//	size/<n>    a JSON string of n bytes in all
//	sleep/<ms>  sleeps, then answers its process id
//	hold        waits for the file that the event's body names, then answers its process id
//	error       reports a function error
//	exit        ends with status 3 without an answer
//	twice       asks for the next event before it has answered
func lambda() int {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	fmt.Println("bootstrap starts")
	switch os.Getenv(EnvInit) {
	case "exit":
		return 3
	case "hang":
		time.Sleep(time.Minute) // killed long before
		return 0
	case "error":
		post(base+"init/error", "Test.Init", []byte(`{"errorMessage":"no config","errorType":"Test.Init"}`))
		return 1
	}
	for {
		resp, err := http.Get(base + "invocation/next")
		if err != nil {
			return 0 // the local clouds are gone
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return 1
		}
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		var e lambdaEvent
		if err := json.Unmarshal(body, &e); err != nil {
			post(base+"invocation/"+id+"/error", "Test.BadEvent", []byte(`{"errorType":"Test.BadEvent"}`))
			continue
		}
		verb, arg, _ := strings.Cut(strings.TrimPrefix(e.Do+e.Path, "/"), "/")
		switch verb {
		case "error":
			post(base+"invocation/"+id+"/error", "", []byte(`{"errorMessage":"asked to fail","errorType":"Test.Asked"}`))
			continue
		case "exit":
			fmt.Fprintln(os.Stderr, "leaving")
			os.Exit(3)
		case "twice":
			again, err := http.Get(base + "invocation/next")
			if err != nil {
				return 1
			}
			answer, _ := io.ReadAll(again.Body)
			_ = again.Body.Close()
			post(base+"invocation/"+id+"/response", "", fmt.Appendf(nil, `{"status":%d,"body":%s}`, again.StatusCode, answer))
			continue
		}
		status := post(base+"invocation/"+id+"/response", "", lambdaAnswer(verb, arg, body, e, resp.Header))
		if status == http.StatusRequestEntityTooLarge {
			return 1 // as aws-lambda-go does
		}
	}
}

func lambdaAnswer(verb, arg string, event []byte, e lambdaEvent, header http.Header) []byte {
	switch verb {
	case "raw":
		return []byte(e.Body)
	case "env":
		b, _ := json.Marshal(os.Environ())
		return b
	case "header":
		b, _ := json.Marshal(header)
		return b
	case "pid":
		return []byte(strconv.Itoa(os.Getpid()))
	case "size":
		n, _ := strconv.Atoi(arg)
		return []byte(`"` + strings.Repeat("x", max(0, n-2)) + `"`)
	case "sleep":
		n, _ := strconv.Atoi(arg)
		time.Sleep(time.Duration(n) * time.Millisecond)
		return []byte(strconv.Itoa(os.Getpid()))
	case "hold":
		for {
			if _, err := os.Stat(e.Body); err == nil {
				return []byte(strconv.Itoa(os.Getpid()))
			}
			time.Sleep(time.Millisecond)
		}
	default:
		b, _ := json.Marshal(map[string]any{
			"statusCode": 200, "headers": map[string]string{"content-type": "application/json"}, "body": string(event),
		})
		return b
	}
}

func post(url, errType string, body []byte) int {
	req, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	if errType != "" {
		req.Header.Set("Lambda-Runtime-Function-Error-Type", errType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}
