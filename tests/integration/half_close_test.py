#!/usr/bin/env python3
# half_close_test.py - HTTP/1.1 peers that end their side after the request, as `nc -N` does: they
# get their whole answer, and the connection closes after it. Prints TAP; needs no library.
import os
import socket
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serving  # noqa: E402
from serving import Server, ok  # noqa: E402


def request(method, target, body=b"", *fields):
    head = [f"{method} {target} HTTP/1.1", "Host: localhost", *fields]
    if body:
        head += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def ask(server, sent, pause=0.0):
    """All bytes until the server closes; None if it does not close."""
    sock = server.connect(timeout=10)
    sock.sendall(sent)
    sock.shutdown(socket.SHUT_WR)
    time.sleep(pause)
    came = b""
    try:
        while True:
            piece = sock.recv(1 << 16)
            if not piece:
                return came
            came += piece
    except OSError as error:
        print(f"# {error!r} after {came[:200]!r}")
        return None
    finally:
        sock.close()


def main():
    server = Server("store")
    append = request("POST", "/api/v1/streams/s", b'{"type":"T","data":1}')
    info = request("GET", "/api/v1/streams/s/info")
    answers = [ask(server, append) for _ in range(50)]
    ok(all(answer and answer.startswith(b"HTTP/1.1 201") for answer in answers),
       "an append is acknowledged to a peer that has ended its side", repr(answers[0])[:100])
    answer = ask(server, append + info + info)
    ok(answer and answer.count(b"HTTP/1.1 20") == 3, "requests sent in advance are answered too",
       repr(answer)[:100])
    lines = [{"type": "T", "data": "x" * 1000} for _ in range(1000)]
    for _ in range(8):
        server.append("big", lines)
    whole = server.ask("GET", "/api/v1/streams/big?limit=8000")[1]
    for pause in (0, 0.3):
        answer = ask(server, request("GET", "/api/v1/streams/big?limit=8000", b"",
                                     "Connection: close"), pause)
        ok(answer and answer.count(b'"data":"xxx') == 8000 and len(answer) > len(whole),
           f"a long answer arrives whole at a peer that reads after {pause} s", f"{len(answer or b'')} bytes")
    before = server.files()
    answer = ask(server, request("GET", "/api/v1/streams/s", b"", "Accept: text/event-stream"))
    ok(answer is not None, "a live tail ends with its subscriber's side")
    for sent in (b"", b"GET / HT", append[:-4]):
        ok(ask(server, sent) is not None, f"half a request ends the connection: {sent[-10:]!r}")
    ok(serving.wait_for(lambda: server.files() <= before), "no connection is left over")
    ok(server.stop() == 0, "the server stops")


try:
    main()
finally:
    serving.clean_up()
serving.done()
