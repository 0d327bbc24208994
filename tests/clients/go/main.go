// grpc-go, on which the Go client is built, against the server: append, batch, read, subscribe,
// cancel, errors. Messages are plain bytes: no generated code.
//
// FACTUM_ADDRESS names the server. Prints "ok - NAME" or "not ok - NAME" for each case.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const streams = "/event_store.client.streams.Streams/"

// Messages are passed as they are.
type raw struct{}

func (raw) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}
func (raw) Name() string { return "proto" }

func varint(number uint64) []byte {
	var out [binary.MaxVarintLen64]byte
	return out[:binary.PutUvarint(out[:], number)]
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func message(number int, parts ...[]byte) []byte {
	inside := join(parts...)
	return join(varint(uint64(number)<<3|2), varint(uint64(len(inside))), inside)
}

func text(number int, value string) []byte { return message(number, []byte(value)) }

func number(field int, value uint64) []byte { return join(varint(uint64(field)<<3), varint(value)) }

// The last field |wanted| of a message: its number, or its bytes.
func find(data []byte, wanted int) (uint64, []byte, bool) {
	var value uint64
	var inside []byte
	found := false
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		data = data[n:]
		one, n := binary.Uvarint(data)
		data = data[n:]
		var two []byte
		if tag&7 == 2 {
			two, data = data[:one], data[one:]
		}
		if int(tag>>3) == wanted {
			value, inside, found = one, two, true
		}
	}
	return value, inside, found
}

var count int

func id() []byte {
	count++
	return message(1, text(2, fmt.Sprintf("00000000-0000-4000-8000-%012x", count)))
}

func entry(key, value string) []byte { return message(2, text(1, key), text(2, value)) }

func event(data string) []byte {
	return join(id(), entry("type", "go"), entry("content-type", "application/json"), text(4, data))
}

func stream(name string) []byte { return message(1, text(3, name)) }

func readRequest(name string, amount []byte) []byte {
	return message(1, message(1, stream(name), message(3)), amount, message(8), message(9, message(2)))
}

var subscribe = message(6)

type client struct{ conn *grpc.ClientConn }

func (c client) open(ctx context.Context, call string, requests ...[]byte) (grpc.ClientStream, error) {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
	out, err := c.conn.NewStream(ctx, desc, streams+call, grpc.ForceCodec(raw{}),
		grpc.MaxCallRecvMsgSize(32<<20), grpc.MaxCallSendMsgSize(32<<20))
	for _, request := range requests {
		if err == nil {
			request := request
			err = out.SendMsg(&request)
		}
	}
	return out, err
}

func receive(in grpc.ClientStream) ([]byte, error) {
	var data []byte
	err := in.RecvMsg(&data)
	return data, err
}

// All answers of a call that sends these requests and closes its side.
func (c client) call(ctx context.Context, call string, requests ...[]byte) ([][]byte, metadata.MD, error) {
	in, err := c.open(ctx, call, requests...)
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	_ = in.CloseSend()
	var answers [][]byte
	for {
		data, err := receive(in)
		if err == io.EOF {
			return answers, in.Trailer(), nil
		}
		if err != nil {
			return answers, in.Trailer(), err
		}
		answers = append(answers, data)
	}
}

func (c client) append(name string, expected []byte, events ...string) ([]byte, error) {
	requests := [][]byte{message(1, stream(name), expected)}
	for _, data := range events {
		requests = append(requests, message(2, event(data)))
	}
	answers, _, err := c.call(context.Background(), "Append", requests...)
	if err != nil {
		return nil, err
	}
	return answers[0], nil
}

var anyRevision = message(4)

func check(holds bool, format string, arguments ...interface{}) {
	if !holds {
		panic(fmt.Sprintf(format, arguments...))
	}
}

func must(err error) { check(err == nil, "%v", err) }

func appendAndRead(c client) {
	answer, err := c.append("go-read", message(3), "{}", `{"a":1}`)
	must(err)
	_, success, ok := find(answer, 1)
	check(ok, "no success: %x", answer)
	revision, _, _ := find(success, 1)
	check(revision == 1, "revision %d", revision)
	answers, _, err := c.call(context.Background(), "Read", readRequest("go-read", number(5, 10)))
	must(err)
	check(len(answers) == 2, "%d answers", len(answers))
	_, read, _ := find(answers[1], 1)
	_, recorded, _ := find(read, 1)
	_, data, _ := find(recorded, 8)
	check(string(data) == `{"a":1}`, "data %s", data)
}

func bigEvent(c client) {
	big := strings.Repeat("x", 15<<20)
	_, err := c.append("go-big", anyRevision, big)
	must(err)
	answers, _, err := c.call(context.Background(), "Read", readRequest("go-big", number(5, 1)))
	must(err)
	check(len(answers) == 1 && len(answers[0]) > 15<<20, "the event is missing")
}

func wrongRevision(c client) {
	_, err := c.append("go-wrong", anyRevision, "{}")
	must(err)
	answer, err := c.append("go-wrong", number(2, 7), "{}")
	must(err)
	_, _, ok := find(answer, 2)
	check(ok, "no wrong_expected_version: %x", answer)
}

func trailers(c client) {
	request := message(1, stream("go-nothing"), number(2, 3))
	_, trailer, err := c.call(context.Background(), "Delete", request)
	check(status.Code(err) == codes.FailedPrecondition, "%v", err)
	check(fmt.Sprint(trailer.Get("exception")) == "[wrong-expected-version]", "%v", trailer)
	check(fmt.Sprint(trailer.Get("stream-name")) == "[go-nothing]", "%v", trailer)
	_, _, err = c.call(context.Background(), "Nothing", request)
	check(status.Code(err) == codes.Unimplemented, "%v", err)
}

func batches(c client) {
	in, err := c.open(context.Background(), "BatchAppend")
	must(err)
	const many = 1000
	go func() {
		for i := 0; i < many; i++ {
			request := join(id(), message(2, stream("go-batch"), anyRevision), message(3, event("{}")), number(4, 1))
			if in.SendMsg(&request) != nil {
				return
			}
		}
		_ = in.CloseSend()
	}()
	for i := 0; i < many; i++ {
		answer, err := receive(in)
		must(err)
		_, _, ok := find(answer, 3)
		check(ok, "no success: %x", answer)
	}
	_, err = receive(in)
	check(err == io.EOF, "%v", err)
}

// Receives up to and including the message that has this field.
func skipTo(in grpc.ClientStream, field int) {
	for {
		answer, err := receive(in)
		must(err)
		if _, _, ok := find(answer, field); ok {
			return
		}
	}
}

func subscriptions(c client) {
	const many = 200
	ctx, cancel := context.WithCancel(context.Background())
	var all []grpc.ClientStream
	for i := 0; i < many; i++ {
		in, err := c.open(ctx, "Read", readRequest(fmt.Sprintf("go-live-%d", i), subscribe))
		must(err)
		must(in.CloseSend())
		all = append(all, in)
	}
	for _, in := range all {
		skipTo(in, 8)
	}
	for i := range all {
		_, err := c.append(fmt.Sprintf("go-live-%d", i), anyRevision, "{}")
		must(err)
	}
	for _, in := range all {
		skipTo(in, 1)
	}
	cancel()
	for _, in := range all {
		_, err := receive(in)
		check(status.Code(err) == codes.Canceled, "%v", err)
	}
	appendAgain, err := c.append("go-live-0", anyRevision, "{}")
	must(err)
	check(len(appendAgain) > 0, "no answer")
}

func deadline(c client) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	in, err := c.open(ctx, "Read", readRequest("go-never", subscribe))
	must(err)
	skipTo(in, 8)
	_, err = receive(in)
	check(status.Code(err) == codes.DeadlineExceeded, "%v", err)
}

func atOnce(c client) {
	var group sync.WaitGroup
	failures := make(chan error, 400)
	for i := 0; i < 400; i++ {
		group.Add(1)
		request := [][]byte{message(1, stream("go-at-once"), anyRevision), message(2, event("{}"))}
		go func() {
			defer group.Done()
			_, _, err := c.call(context.Background(), "Append", request...)
			failures <- err
		}()
	}
	group.Wait()
	close(failures)
	for err := range failures {
		must(err)
	}
	answers, _, err := c.call(context.Background(), "Read", readRequest("go-at-once", number(5, 1000)))
	must(err)
	check(len(answers) == 400, "%d events", len(answers))
}

func run(name string, c client, body func(client)) (good bool) {
	defer func() {
		if failure := recover(); failure != nil {
			fmt.Printf("not ok - %s\n# %v\n", name, failure)
			good = false
		}
	}()
	body(c)
	fmt.Printf("ok - %s\n", name)
	return true
}

func main() {
	conn, err := grpc.Dial(os.Getenv("FACTUM_ADDRESS"), grpc.WithInsecure(), grpc.WithKeepaliveParams(
		keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}))
	must(err)
	c := client{conn}
	good := true
	for _, each := range []struct {
		name string
		body func(client)
	}{
		{"what is appended is read", appendAndRead},
		{"an event of 15 MiB comes through", bigEvent},
		{"a wrong revision is an answer", wrongRevision},
		{"errors have their trailers", trailers},
		{"a thousand batches are answered", batches},
		{"200 subscriptions are live, and cancelled", subscriptions},
		{"a deadline ends a subscription", deadline},
		{"400 calls at once over one connection", atOnce},
	} {
		good = run(each.name, c, each.body) && good
	}
	if !good {
		os.Exit(1)
	}
}
