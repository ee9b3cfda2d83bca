// SPDX-License-Identifier: Apache-2.0

// The function under test in Go.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type command struct {
	Command string
	Ms      int64
	Tag     *string
	Parts   int
	Fail    bool

	// What kiln conformance asks (docs/conformance.md).
	Conformance string
	Value       json.RawMessage
	Message     string
	Size, Code  int
}

var served atomic.Int64

func describe(ctx context.Context) any {
	invocation, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	trace, _ := ctx.Value("x-amzn-trace-id").(string)
	return map[string]any{
		"request_id": invocation.AwsRequestID, "arn": invocation.InvokedFunctionArn, "name": lambdacontext.FunctionName,
		"remaining_ms": time.Until(deadline).Milliseconds(), "trace_id": trace, "client": invocation.ClientContext.Custom["key"],
	}
}

func kill() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL) }

// stream is a result that is read as it is made: the client sends a chunk for each Read.
func stream(asked command) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		for part := 0; part < asked.Parts; part++ {
			fmt.Fprintf(writer, "part %d\n", part)
			time.Sleep(time.Duration(asked.Ms) * time.Millisecond)
		}
		if asked.Fail {
			writer.CloseWithError(errors.New("failed on purpose"))
			return
		}
		writer.Close()
	}()
	return reader
}

func conform(asked command) (any, error) {
	switch asked.Conformance {
	case "offers":
		return []string{"big", "sleep", "exit", "concurrency"}, nil
	case "echo":
		return asked.Value, nil
	case "error":
		return nil, errors.New(asked.Message)
	case "big":
		return strings.Repeat("x", asked.Size), nil
	case "sleep":
		time.Sleep(time.Duration(asked.Ms) * time.Millisecond)
		return asked.Ms, nil
	case "exit":
		os.Exit(asked.Code)
	}
	return nil, fmt.Errorf("no such behaviour: %s", asked.Conformance)
}

func handler(ctx context.Context, event json.RawMessage) (any, error) {
	count := served.Add(1)
	var asked command
	if len(event) == 0 || event[0] != '{' || json.Unmarshal(event, &asked) != nil {
		return event, nil
	}
	if asked.Conformance != "" {
		return conform(asked)
	}
	switch asked.Command {
	case "context":
		return describe(ctx), nil
	case "fail":
		return nil, errors.New("failed on purpose")
	case "crash":
		kill()
		select {}
	case "exit":
		os.Exit(7)
	case "exit_later":
		time.AfterFunc(50*time.Millisecond, func() { os.Exit(7) })
		return map[string]any{"pid": os.Getpid()}, nil
	case "hang":
		select {}
	case "pause":
		fmt.Println("pausing")
		time.Sleep(time.Duration(asked.Ms) * time.Millisecond)
		return map[string]any{"tag": asked.Tag, "pid": os.Getpid(), "served": count}, nil
	case "stream":
		return stream(asked), nil
	}
	return event, nil
}

func main() {
	if os.Getenv("INTEROP_INIT") == "exit" {
		os.Exit(3)
	}
	lambda.Start(handler)
}
