#!/usr/bin/env python3
# attack_test.py - the server under peers that are slow, silent, greedy or hostile, over real sockets:
# its memory stays bounded, its neighbours are served, and nothing is lost. Prints TAP; needs no
# library. How a session treats hostile bytes is tested without sockets in src/net.
import base64
import hashlib
import os
import random
import re
import shutil
import signal
import ssl
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from serving import *  # noqa: E402,F403  one vocabulary, in one file

MB = 1 << 20
JSON = {"Content-Type": "application/json"}


def mb(size):
    return f"{size / MB:.1f} MB"


def fill(server, events, size, stream="bulk"):
    """Appends events of |size| bytes, in few requests."""
    text = "x" * size
    at = 0
    while at < events:
        some = min(events - at, max(1, 8 * MB // size), 10000)
        status, body = server.append(f"{stream}-{at % 7}", [
            {"type": "B", "data": {"n": at + i, "text": text}} for i in range(some)])
        if status != 201:
            raise RuntimeError(f"append: {status} {body}")
        at += some


def get(target, *fields):
    return "".join([f"GET {target} HTTP/1.1\r\nHost: localhost\r\n",
                    *[f + "\r\n" for f in fields], "\r\n"]).encode()


# ---- slow peers ----------------------------------------------------------------------------------


class Drip(threading.Thread):
    """Connections that each send one byte of |text| a second, from its byte |at| on. The server's own
    limit is 10 s; how much later a busy machine gets to close them is not judged."""
    LONGEST = 45 * SLOWER

    def __init__(self, server, number, text, at):
        super().__init__(daemon=True)
        self.text = text
        self.at = at
        self.open = [server.connect() for _ in range(number)]
        self.closed_after = []
        self.begun = time.monotonic()
        for sock in self.open:
            sock.sendall(text[:at])
        self.start()

    def run(self):
        at = self.at
        while self.open and time.monotonic() - self.begun < self.LONGEST:
            time.sleep(0.5)
            for sock in list(self.open):
                try:
                    sock.setblocking(False)
                    if sock.recv(4096) == b"":
                        raise ConnectionError
                except BlockingIOError:
                    pass
                except OSError:
                    self.open.remove(sock)
                    self.closed_after.append(time.monotonic() - self.begun)
                    sock.close()
            if int((time.monotonic() - self.begun) * 2) % 2 == 0 and at < len(self.text):
                for sock in self.open:
                    try:
                        sock.send(self.text[at:at + 1])
                    except OSError:
                        pass
                at += 1

    def verdict(self, name, least):
        self.join(self.LONGEST + 10)
        times = self.closed_after or [0]
        ok(not self.open and min(times) >= least, name,
           f"{len(self.closed_after)} closed after {min(times):.1f} to {max(times):.1f} s, "
           f"{len(self.open)} not")


def slow_peers(server):
    head = b"POST /api/v1/streams/slow-1 HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 1000
    body = (b"POST /api/v1/streams/slow-1 HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n" + b" " * 1000)
    h2 = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, b"\0" * 5000)
    drips = [
        (Drip(server, 50, head, 60), "heads that come a byte a second are closed", 8),
        (Drip(server, 50, body, body.index(b"\r\n\r\n") + 4),
         "bodies that come a byte a second are closed", 8),
        (Drip(server, 50, b"", 0), "peers that never send a byte are closed", 8),
        (Drip(server, 20, PREFACE[:10], 10), "half a preface is closed", 8),
        (Drip(server, 20, h2, len(PREFACE) + 20), "half a header block of HTTP/2 is closed", 8),
    ]
    return drips


def unfinished_appends(server):
    """An append whose client never sends the rest, and a batch without its last chunk."""
    target = field(1, field(3, b"unfinished-1")) + field(4, b"")
    h2 = H2(server)
    h2.sock.settimeout(None)
    h2.call(1, STREAMS + "Append", grpc_message(field(1, target)), False)
    h2.call(3, STREAMS + "BatchAppend",
            grpc_message(field(1, field(2, b"00000000-0000-4000-8000-000000000001")) + field(2, target)), False)
    return h2, time.monotonic()


def unfinished_verdict(h2, begun):
    ended = h2.wait(lambda: 1 in h2.ended, 40)
    answered = h2.wait(lambda: h2.data.get(3, 0) > 0, 10)
    took = time.monotonic() - begun
    ok(ended and answered and took > 29 and 3 not in h2.ended,
       "appends that nobody finishes are given up, and a batch call stays", f"at most {took:.0f} s")
    h2.sock.close()


def never_reading(server):
    before = server.memory()
    neighbour = Neighbour(server, "never-1")
    peers = []
    for i in range(48):
        sock = server.connect(receive_buffer=4096)
        kind = ["Accept: text/event-stream"] if i % 2 == 0 else ["Accept: application/x-ndjson"]
        sock.sendall(get("/api/v1/events?limit=100000" if i % 2 else "/api/v1/events", *kind))
        peers.append(sock)
    for i in range(16):
        h2 = H2(server, reads=False, window=WINDOW_MAX, receive_buffer=4096)
        for stream in range(1, 16, 2):
            h2.call(stream, STREAMS + "Read", read_request(follow=i % 2 == 0))
        peers.append(h2.sock)
    time.sleep(4 * SLOWER)
    neighbour.end()
    grown = server.memory() - before
    ok(grown < 180 * MB * SLOWER, "64 readers of 100 MB that never read cost bounded memory",
       f"{mb(grown)}, {mb(grown / len(peers))} each")
    ok(neighbour.is_well(), "and their neighbour does not notice", neighbour)
    return peers


def window_of_zero(server):
    """Streams whose client opens no window: each gets its first event, which may be big."""
    before = server.memory()
    peers = [H2(server, window=0) for _ in range(4)]
    for h2 in peers:
        for i in range(100):
            h2.call(1 + 2 * i, STREAMS + "Read", read_request())
    time.sleep(1)
    grown = server.memory() - before
    ok(grown < 280 * MB * SLOWER, "400 replays without a window cost bounded memory", mb(grown))
    greedy = H2(server, window=0)
    before = server.memory()
    for i in range(60):
        greedy.call(1 + 2 * i, STREAMS + "Read", read_request("big-1"))
    time.sleep(1)
    grown = server.memory() - before
    ok(grown < 200 * MB * SLOWER, "60 reads of an event of 12 MB do too", mb(grown))
    greedy.first_window = 0
    greedy.write(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 20)))
    ok(greedy.wait_while_it_comes(lambda: len(greedy.ended) == 60, 30) and
       sum(greedy.data.values()) > 60 * 12 * MB, "and get all of it once they have a window",
       f"{len(greedy.ended)} ended, {mb(sum(greedy.data.values()))}")
    ok(not any(h2.closed for h2 in peers), "and the others' connections stay",
       [(h2.closed, h2.goaway, len(h2.ended)) for h2 in peers])
    for h2 in [greedy, *peers]:
        h2.close()


def replays(server):
    neighbour = Neighbour(server, "replays-1")
    ends = []

    def replay():
        h2 = H2(server, window=1 << 20)
        h2.call(1, STREAMS + "Read", read_request())
        ends.append(h2.wait_while_it_comes(lambda: 1 in h2.ended) and h2.data.get(1, 0) > 100 * MB)
        h2.close()

    threads = [threading.Thread(target=replay) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    neighbour.end()
    ok(ends == [True] * 4, "four replays of 100 MB at once are complete")
    ok(neighbour.is_well(), "and starve no neighbour", neighbour)


# ---- HTTP/1 over sockets -------------------------------------------------------------------------


def ends_of_connections(server):
    def seconds_until_gone():
        sock = server.connect()
        sock.sendall(get("/health/live", "Connection: close"))
        while sock.recv(4096):
            pass
        files = server.files()  # the server waits for this side's end
        sock.close()
        begun = time.monotonic()
        return time.monotonic() - begun if wait_for(lambda: server.files() < files, 5) else 99

    tries = []
    while len(tries) < 20 and min(tries, default=99) >= 0.5:
        tries.append(seconds_until_gone())
    ok(min(tries) < 0.5, "a connection that both sides have closed is gone at once",
       f"the quickest of {len(tries)} after {1000 * min(tries):.0f} ms")
    # The answer is not lost although the peer has sent bytes that nobody reads.
    sock = server.connect()
    sock.sendall(b"POST /api/v1/none HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n" +
                 b"x" * 3 * MB)
    answer = b""
    try:
        while part := sock.recv(65536):
            answer += part
    except OSError:
        pass
    ok(b"404" in answer[:20], "a refusal arrives though its body was not read", answer[:40])


def big_event(server):
    data = "y" * (12 * MB)
    status, _ = server.append("big-1", [{"type": "B", "data": data}])
    size = 0
    sock = server.connect(receive_buffer=8192)
    sock.sendall(get("/api/v1/streams/big-1", "Connection: close"))
    time.sleep(0.5)
    while part := sock.recv(262144):
        size += len(part)
    ok(status == 201 and size > len(data), "an event of 12 MB reaches a slow reader",
       f"{size} bytes")


def oversize(server):
    before = server.memory()
    sock = server.connect()
    sock.sendall(b"POST /api/v1/streams/o-1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                 b"application/json\r\nContent-Length: 4000000000\r\n\r\n")
    ok(b" 413 " in sock.recv(4096), "a body of 4 GB is refused at its head")
    sock.close()
    chunked = server.connect()
    chunked.sendall(b"POST /api/v1/streams/o-1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                    b"application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    piece = b"%x\r\n" % MB + b" " * MB + b"\r\n"
    sent = 0
    try:
        while sent < 200:
            chunked.sendall(piece)
            sent += 1
        answer = chunked.recv(4096)
    except OSError:
        answer = b""
        try:
            answer = chunked.recv(4096)
        except OSError:
            pass
    chunked.close()
    ok(sent < 200 or b" 413 " in answer, "a chunked body without an end is refused",
       f"after {sent} MB: {answer[:30]}")
    neighbour = Neighbour(server, "oversize-1")
    h2 = H2(server)
    h2.wait(lambda: h2.first_window != 65535)
    for i in range(16):
        h2.call(1 + 2 * i, STREAMS + "BatchAppend", b"\0" + struct.pack(">I", 40 * MB), False)
        h2.send_body(1 + 2 * i, 39 * MB)
    grown = server.memory() - before
    neighbour.end()
    ok(grown < 360 * MB * SLOWER, "16 messages of 40 MB that never end cost bounded memory",
       f"{mb(grown)}; {len(h2.resets)} refused")
    ok(neighbour.is_well(), "and their neighbour appends meanwhile", neighbour)
    h2.close()
    ok(wait_for(lambda: server.memory() - before < 120 * MB * SLOWER, 10),
       "and give it back when their connection ends", mb(server.memory() - before))


# ---- hostile peers -------------------------------------------------------------------------------


def closed_in_every_state(server):
    body = b'{"type":"C","data":{"n":1}}'
    one = (b"POST /api/v1/streams/cut-1 HTTP/1.1\r\nHost: localhost\r\n"
           b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    live = get("/api/v1/events?from=start", "Accept: text/event-stream")
    read = PREFACE + frame(SETTINGS, 0, 0) + \
        frame(HEADERS, END_HEADERS, 1, grpc_head(STREAMS + "Read")) + \
        frame(DATA, END_STREAM, 1, read_request(follow=True))
    cuts = 0
    for text in (one, live, read):
        for cut in range(0, len(text) + 1, 1 if not SANITIZED else 3):
            for rude in (True, False):
                sock = server.connect()
                if cut > 0:
                    sock.sendall(text[:cut])
                if rude:
                    reset(sock)
                else:
                    sock.shutdown(socket.SHUT_WR)
                    sock.close()
                cuts += 1
    status, info = server.ask("GET", "/api/v1/streams/cut-1/info")
    ok(server.alive() and status == 200, f"{cuts} connections closed in every state", info)
    ok(json.loads(info)["lastRevision"] < 2, "and nothing of an append that was cut off is stored")
    ok(wait_for(lambda: server.files() < 200, 5), "and no descriptor is left",
       f"{server.files()} open")


def half_open(server):
    """The peer ends its side, and still reads."""
    sock = server.connect()
    sock.sendall(get("/api/v1/info", "Connection: close"))
    sock.shutdown(socket.SHUT_WR)
    answer = b""
    try:
        while part := sock.recv(4096):
            answer += part
    except OSError:
        pass
    ok(answer.startswith(b"HTTP/1.1 200") and is_closed(sock, 3),
       "a connection closed halfway gets its answer and ends", answer[:15])
    sock.close()


def garbage(server):
    before = server.files()
    random.seed(7)
    for i in range(200):
        sock = server.connect()
        head = [b"\x16\x03\x01\x02\x00", b"\x16\x03\x03\xff\xff\x01", b"\x80\x2e\x01", b"\0",
                PREFACE, b"PRI ", b"GET ", b"\xff"][i % 8]
        try:
            sock.sendall(head + random.randbytes(random.randrange(400)))
        except OSError:
            pass
        if i % 2:
            reset(sock)
        else:
            sock.close()
    ok(server.alive() and server.ask("GET", "/health/live")[0] == 204,
       "200 connections of garbage leave it serving")
    ok(wait_for(lambda: server.files() <= before + 2, 5), "and no descriptor is left",
       f"{before} before, {server.files()} after")


def cancelled_subscriptions(server):
    h2 = H2(server)
    streams = range(1, 2001, 2)
    for stream in streams:
        h2.call(stream, STREAMS + "Read", read_request(f"sub-{stream}", True))
    confirmed = h2.wait(lambda: all(stream in h2.data for stream in streams), 20)
    subscribed = server.memory()
    h2.write(b"".join(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)) for stream in streams))
    h2.call(2001, STREAMS + "Read", read_request("sub-1", True))
    again = h2.wait(lambda: 2001 in h2.data, 10)
    ok(confirmed and again and h2.goaway is None and not h2.closed,
       "1,000 subscriptions of one connection are cancelled, and it lives",
       f"{len(h2.data)} confirmed, resident {mb(subscribed)}, goaway {h2.goaway}")
    metrics = server.ask("GET", "/metrics")[1].decode()
    left = re.search(r"^factum_subscri\S* (\d+)", metrics, re.M)
    ok(left is not None and int(left.group(1)) == 1, "and none of them is left",
       left.group(0) if left else "the figure is missing")
    h2.close()


# ---- floods --------------------------------------------------------------------------------------

PRIORITY, PUSH_PROMISE, CONTINUATION = 2, 5, 9
GET_HEAD = b"\x82\x86\x84\x41\x09localhost"  # by HPACK's static table: GET http localhost /
POST_HEAD = b"\x83\x86\x84\x41\x09localhost"


def again(*frames):
    """The same frames again and again, in pieces of 64 KiB."""
    one = b"".join(frames)
    piece = one * (1 + 65536 // len(one))
    while True:
        yield piece


def streams(*of_stream):
    """For each stream the frames that the functions make of its number."""
    first = 3
    while True:
        yield b"".join(make(stream) for stream in range(first, first + 400, 2)
                       for make in of_stream)
        first += 400


def continuations(payload):
    yield frame(HEADERS, 0, 3, POST_HEAD)
    yield from again(frame(CONTINUATION, 0, 3, payload))


def head(stream, block=POST_HEAD, flags=END_HEADERS):
    return frame(HEADERS, flags, stream, block)


def update(stream, size):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


def windows_flap():
    """Each change of the first window goes over all open streams."""
    yield b"".join(head(stream) for stream in range(3, 203, 2))
    yield from again(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)),
                     frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 20)))


# A field of 4,000 bytes goes into the dynamic table, and is then named as often as there is room.
BOMB = POST_HEAD + b"\x40\x01x\x7f\xa1\x1e" + b"v" * 4000 + b"\xbe" * 12000

FLOODS = [
    ("rapid reset", streams(head, lambda s: frame(RST_STREAM, 0, s, b"\0\0\0\x08"))),
    ("resets provoked by windows that overflow", streams(head, lambda s: update(s, WINDOW_MAX))),
    ("resets provoked by windows that grow by 0", streams(head, lambda s: update(s, 0))),
    ("resets provoked by data after the end",
     streams(lambda s: head(s, flags=END_HEADERS | END_STREAM), lambda s: frame(DATA, 0, s, b"x"))),
    ("resets provoked by a content-length that is wrong",
     streams(lambda s: head(s, POST_HEAD + hpack([(b"content-length", b"5")])),
             lambda s: frame(DATA, END_STREAM, s, b"too long"))),
    ("PING", again(frame(PING, 0, 0, b"12345678"))),
    ("SETTINGS", again(frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 1)))),
    ("empty SETTINGS", again(frame(SETTINGS, 0, 0))),
    ("acknowledgements of SETTINGS", again(frame(SETTINGS, ACK, 0))),
    ("empty DATA", again(frame(DATA, 0, 1))),
    ("PRIORITY", again(frame(PRIORITY, 0, 3, b"\0\0\0\1\1"))),
    ("unknown frames", again(frame(0x77, 0, 1))),
    ("PUSH_PROMISE", again(frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + GET_HEAD))),
    ("windows that grow by 1", again(update(1, 1), update(0, 1))),
    ("a window that overflows", again(update(0, WINDOW_MAX))),
    ("windows that flap under 100 streams", windows_flap()),
    ("CONTINUATION without an end", continuations(b"\x84" * 16000)),
    ("empty CONTINUATION", continuations(b"")),
    ("empty HEADERS", streams(lambda s: head(s, b""))),
    ("heads without a path", streams(lambda s: head(s, b"\x83\x86"))),
    ("an HPACK bomb", streams(lambda s: head(s, BOMB[:16384], END_HEADERS | END_STREAM))),
    ("a string of 4 GB", streams(lambda s: head(s, POST_HEAD + b"\0\x7f\x80\x80\x80\x80\x10"))),
    ("streams of even numbers", streams(lambda s: head(s + 1))),
]


def flood(server, pieces, seconds):
    """Sends until the server closes the connection: bytes sent, seconds, the code of the GOAWAY."""
    sock = server.connect(timeout=seconds)
    sock.sendall(PREFACE + frame(SETTINGS, 0, 0) +
                 head(1, grpc_head(STREAMS + "Append")))
    sent, said, begun = 0, b"", time.monotonic()
    closed, rest = False, b""
    while not closed and time.monotonic() - begun < seconds:
        try:
            rest = rest or memoryview(next(pieces))
            sock.settimeout(0.2)
            size = sock.send(rest)
            sent += size
            rest = rest[size:]
        except socket.timeout:
            pass
        except OSError:
            closed = True
        try:
            sock.setblocking(False)
            while part := sock.recv(65536):
                said += part
            closed = True
        except BlockingIOError:
            pass
        except OSError:
            closed = True
    took = time.monotonic() - begun
    sock.close()
    goaway = re.search(rb"\0\0.\x07\0\0\0\0\0....\0\0\0(.)", said, re.S)
    return closed, sent, took, goaway and goaway.group(1)[0]


def floods():
    """Each flood must be cut off soon, cost little, and trouble nobody else."""
    server = Server("floods")
    fill(server, 1000, 1000)
    neighbour = Neighbour(server)
    flood(server, again(frame(PING, 0, 0, b"12345678")), 2)  # memory that is allocated once
    for name, pieces in FLOODS:
        memory, cpu = server.memory(), server.cpu()
        closed, sent, took, code = flood(server, pieces, 10 * SLOWER)
        cpu, grown = server.cpu() - cpu, server.memory() - memory
        ok(closed and cpu < 1 * SLOWER and grown < 16 * MB * SLOWER,
           f"{name}: cut off soon and cheaply",
           f"after {took:.2f} s and {mb(sent)}, GOAWAY {code}; {cpu:.2f} s of processor, "
           f"{mb(grown)}")
    neighbour.end()
    ok(neighbour.is_well(), "and a neighbour does not notice these floods", neighbour)
    ok(wait_for(lambda: server.files() < 100, 5), "and no descriptor is left",
       f"{server.files()} open")
    ok(server.stop() == 0, "and the server stops in order")


# ---- requests that could be read in two ways -------------------------------------------------------

HOST = b"Host: localhost\r\n"
NEXT = b"GET /health/live HTTP/1.1\r\n" + HOST + b"\r\n"
POST = b"POST /api/v1/streams/smuggled-1 HTTP/1.1\r\n" + HOST + \
    b"Content-Type: application/json\r\n"
BODY = b'{"type":"T"}'

# Each is followed by NEXT, which must not be answered.
SMUGGLED = [
    ("both lengths", POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("both lengths, the other way", POST +
     b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
    ("two lengths", POST + b"Content-Length: 12\r\nContent-Length: 13\r\n\r\n" + BODY),
    ("a list of lengths", POST + b"Content-Length: 12, 12\r\n\r\n" + BODY),
    ("a length with a sign", POST + b"Content-Length: +12\r\n\r\n" + BODY),
    ("a length that is negative", POST + b"Content-Length: -1\r\n\r\n" + BODY),
    ("a length in hexadecimal", POST + b"Content-Length: 0xc\r\n\r\n" + BODY),
    ("a length beyond 64 bits", POST + b"Content-Length: 18446744073709551628\r\n\r\n" + BODY),
    ("a blank before the colon", POST + b"Content-Length : 12\r\n\r\n" + BODY),
    ("a folded field", POST + b"X: a\r\n Content-Length: 12\r\n\r\n" + BODY),
    ("a bare line feed", POST + b"Content-Length: 12\n\r\n" + BODY),
    ("a bare carriage return", POST + b"X: a\rContent-Length: 12\r\n\r\n" + BODY),
    ("chunked twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("another coding", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("a coding that is misspelt", POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunks in HTTP/1.0", POST.replace(b"1.1", b"1.0") +
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("a chunk whose size overflows", POST +
     b"Transfer-Encoding: chunked\r\n\r\n1000000000000000c\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("a chunk longer than its size", POST +
     b"Transfer-Encoding: chunked\r\n\r\n2\r\n" + BODY + b"\r\n0\r\n\r\n"),
    ("two hosts", b"GET /health/live HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    ("no host", b"GET /health/live HTTP/1.1\r\n\r\n"),
    ("a zero byte", b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: \0\r\n\r\n"),
    ("no version", b"GET /health/live\r\n\r\n"),
    ("a head of 100 KB", b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 100000 +
     b"\r\n\r\n"),
    ("1,000 fields", b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 1000 + b"\r\n"),
    ("a target of 100 KB", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
]


def answers_of(sock):
    """Statuses until the peer ends or resets the connection; and whether it did."""
    said, closed = b"", True
    sock.settimeout(3 * SLOWER)
    try:
        while part := sock.recv(65536):
            said += part
    except socket.timeout:
        closed = False
    except OSError:
        pass
    return [int(status) for status in re.findall(rb"^HTTP/1.1 (\d+) ", said, re.M)], closed


def smuggling():
    server = Server("smuggling")
    for name, request in SMUGGLED:
        sock = server.connect()
        try:
            sock.sendall(request + NEXT)
        except OSError:
            pass  # it was refused before its end
        statuses, closed = answers_of(sock)
        sock.close()
        ok(closed and len(statuses) <= 1 and all(400 <= status < 600 for status in statuses),
           f"{name}: refused once, and the connection ends", f"{statuses}, closed: {closed}")
    status, _ = server.ask("GET", "/api/v1/streams/smuggled-1")
    ok(status == 404, "and nothing of it is stored", status)
    sock = server.connect()  # a body that is shorter than its length
    sock.sendall(POST + b"Content-Length: 100\r\n\r\n" + BODY)
    sock.shutdown(socket.SHUT_WR)
    statuses, closed = answers_of(sock)
    ok(closed and all(status >= 400 for status in statuses) and
       server.ask("GET", "/api/v1/streams/smuggled-1")[0] == 404,
       "a body that ends before its length is no append", statuses)
    ok(server.stop() == 0, "and the server stops in order")


# ---- subscribers that stop -----------------------------------------------------------------------

# Counts the events, and prints the first, the last, and each one that is out of order.
READER = r"""
import socket, sys
sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
sock.sendall(("GET /api/v1/streams/%s?from=start HTTP/1.0\r\nHost: localhost\r\n"
              "Accept: text/event-stream\r\n\r\n" % sys.argv[2]).encode())
seen, last = 0, int(sys.argv[3])
for line in sock.makefile("rb", 1 << 20):
    if line.startswith(b"data: {"):
        at = line.index(b'{"n": ') + 6
        number = int(line[at:line.index(b",", at)])
        if number != seen:
            print("wrong order at", seen, line[:200], flush=True)
            break
        seen += 1
        if seen == 1 or seen == last:
            print("seen", seen, flush=True)
        elif seen > last:
            print("more than", last, flush=True)
"""


class Memory(threading.Thread):
    """The peak of the server's memory, sampled several times a second."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.most = 0
        self.going = True
        self.start()

    def run(self):
        while self.going:
            self.most = max(self.most, self.server.memory())
            time.sleep(0.2)

    def end(self):
        self.going = False
        self.join()
        return self.most


def numbered(begin, end):
    """Events as lines, made as text, since there are up to a million of them."""
    return "".join(f'{{"type":"S","data":{{"n": {n},"text":"{PAD}"}}}}\n' for n in range(begin, end))


PAD = "x" * 300


def append_while_stopped(server, total):
    connection = server.http(60)
    for at in range(1, total, 5000):
        connection.request("POST", "/api/v1/streams/stop-1", numbered(at, min(total, at + 5000)),
                           {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"append: {answer.status} {text[:200]}")
    connection.close()


def stopped_subscriber(server):
    """STOPPED_EVENTS events come while a subscriber is stopped; the server does not keep them for
    it."""
    total = int(os.environ.get("STOPPED_EVENTS", 20001 if SANITIZED else 100001))
    server.append("stop-1", [{"type": "S", "data": {"n": 0, "text": ""}}])
    reader = subprocess.Popen([sys.executable, "-c", READER, str(server.port), "stop-1",
                               str(total)], stdout=subprocess.PIPE, text=True)
    first = reader.stdout.readline()
    reader.send_signal(signal.SIGSTOP)
    before = server.memory()
    neighbour = Neighbour(server, "beside-1")
    memory = Memory(server)
    begun = time.monotonic()
    append_while_stopped(server, total)
    took = time.monotonic() - begun
    reader.send_signal(signal.SIGCONT)
    timer = threading.Timer(120 * SLOWER, reader.kill)
    timer.start()
    last = reader.stdout.readline()
    timer.cancel()
    grown = memory.end() - before
    time.sleep(0.3)  # duplicates would come last
    reader.kill()
    more = reader.stdout.read()
    neighbour.end()
    ok(first == "seen 1\n" and last == f"seen {total}\n" and more == "",
       f"a subscriber that was stopped gets all of {total} events in order, once", last, more,
       f"appended in {took:.1f} s, read in {time.monotonic() - begun - took:.1f} s")
    # The store has caches and indexes of its own, which do not grow with the log without bound.
    ok(grown < 64 * MB * SLOWER, "and the server keeps none of them for it",
       f"it grew by {mb(grown)}; the log by {mb(total * (len(PAD) + 100))}")
    ok(neighbour.is_well(), "while its neighbour appends", neighbour)


def stopped_alone():
    """That case alone, with a server of its own: attack_test.py stopped_alone."""
    server = Server("stopped")
    stopped_subscriber(server)
    ok(server.stop() == 0, "and the server stops in order")


# ---- many, and the limits ------------------------------------------------------------------------


def idle_connections():
    number = 5000
    if not raise_file_limit(number + 500):
        skip("5,000 idle connections", "this user may not open so many files")
        return
    server = Server("idle", "--connections-per-address-max", "10000", files=number + 1000)
    server.append("a-1", [{"type": "T", "data": 1}])
    before = server.memory()
    sockets = []
    for i in range(number):
        sock = server.connect()
        if i % 2:
            sock.sendall(PREFACE + frame(SETTINGS, 0, 0))
        else:
            sock.sendall(get("/health/live"))
        sockets.append(sock)
    ok(wait_for(lambda: server.files() > number, 20), "5,000 connections are open",
       f"{server.files()} descriptors")
    time.sleep(3)  # a tick frees what idle connections do not need
    each = (server.memory() - before) / number
    ok(each < 24 * 1024 * SLOWER, "an idle connection costs little memory",
       f"{each / 1024:.1f} KiB each, resident {mb(server.memory())}")
    neighbour = Neighbour(server)
    time.sleep(1)
    cpu = server.cpu()
    time.sleep(1)
    used = server.cpu() - cpu
    neighbour.end()
    ok(neighbour.is_well(), "their neighbour does not notice", neighbour,
       f"{used:.2f} s of processor in a second")
    for sock in sockets:
        reset(sock)
    ok(wait_for(lambda: server.files() < 100, 20), "and all of them go",
       f"{server.files()} descriptors")
    ok(server.stop() == 0, "and the server stops")


def descriptors_exhausted():
    server = Server("files", files=64)
    server.append("f-1", [{"type": "T", "data": 1}])
    old = server.http()
    sockets = [server.connect() for _ in range(150)]
    for sock in sockets:
        try:
            sock.sendall(b"GET ")
        except OSError:
            pass
    time.sleep(1)
    used = server.cpu()
    time.sleep(1)
    used = server.cpu() - used
    ok(used < 0.3 * SLOWER, "without descriptors it does not spin", f"{used:.2f} s in a second")
    ok(server.files() <= 64 - 8, "some are left for the store", f"{server.files()} of 64 in use")
    for sock in sockets:
        sock.close()
    statuses = []
    for _ in range(40):  # new files of the log, if 40 MB need any
        try:
            statuses.append(server.append("f-1", [{"type": "T", "data": "z" * MB}])[0])
        except OSError as error:
            statuses.append(repr(error))
    ok(statuses == [201] * 40, "once they close it accepts and appends again", set(statuses))
    del old
    ok(server.stop() == 0, "and stops in order")
    ok(subprocess.run([FACTUM, "--store", server.store, "verify"], check=False,
                      capture_output=True).returncode == 0, "and its store is whole")


def restart_storm():
    codes, lost, stored = [], [], 0
    for i in range(10):
        server = Server("storm")
        status, _ = server.append("r-1", [{"type": "T", "data": {"n": i}}],
                                  {"Idempotency-Key": f"k{i}"})
        stored += 1 if status == 201 else 0
        _, info = server.ask("GET", "/api/v1/streams/r-1/info")
        if json.loads(info)["lastRevision"] != stored - 1:
            lost.append(i)
        peers = [server.connect() for _ in range(20)]
        for peer in peers:
            peer.sendall(get("/api/v1/events", "Accept: text/event-stream"))
        if i % 2:
            server.kill()
        else:
            codes.append(server.stop())
        for peer in peers:
            peer.close()
    ok(codes == [0] * 5 and not lost, "ten restarts, half of them by kill -9, lose nothing",
       f"{codes}, lost at {lost}")


def stop_under_load():
    server = Server("under-load")
    fill(server, 2000, 1000)
    slow = [server.connect(receive_buffer=4096) for _ in range(8)]
    for sock in slow:
        sock.sendall(get("/api/v1/events", "Accept: text/event-stream"))
    h2 = H2(server)
    for i in range(100):
        h2.call(1 + 2 * i, STREAMS + "Read", read_request(follow=True))
    h2.wait(lambda: len(h2.headers) == 100)
    begun = time.monotonic()
    code = server.stop()
    took = time.monotonic() - begun
    ended = h2.wait(lambda: len(h2.ended) == 100, 2)
    ok(code == 0, "it stops though some catch up and others do not read",
       f"exit {code} after {took:.1f} s")
    ok(ended, "and readers get an error", f"{len(h2.ended)} of 100")
    server = Server("under-load")
    h2 = H2(server)
    h2.call(1, STREAMS + "BatchAppend", b"", False)
    h2.call(3, "/factum.v1.Store/Append", b"", False)
    h2.call(5, STREAMS + "Read", read_request("bulk-1"))
    h2.wait(lambda: 5 in h2.ended)  # so that it has seen the others
    begun = time.monotonic()
    code = server.stop()
    took = time.monotonic() - begun
    ended = h2.wait(lambda: len(h2.ended) == 3, 2)
    ok(code == 0 and ended, "calls that wait for appends do not hold it up",
       f"exit {code} after {took:.1f} s, {len(h2.ended) - 1} of 2 ended")


def full_disk():
    place = path("small")
    os.mkdir(place)
    mounted = os.getuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", place], check=False,
        capture_output=True).returncode == 0
    if not mounted:
        full_files()
        return
    try:
        full_device(place)
    finally:
        for server in servers:
            if server.store.startswith(place):
                server.kill()
        subprocess.run(["umount", place], check=False, capture_output=True)


def appends_until_refused(server, stream, most):
    acknowledged, statuses = 0, []
    for i in range(most):
        try:
            status, body = server.append(stream, [{"type": "T", "data": {"n": i, "t": "z" * MB}}])
        except (OSError, http.client.HTTPException) as error:
            statuses.append(repr(error))
            break
        if status == 201:
            acknowledged += 1
        else:
            statuses.append((status, body[:200]))
            if len(statuses) == 3:
                break
    return acknowledged, statuses


def check_full(server, make_room):
    reader = server.http()
    acknowledged, statuses = appends_until_refused(server, "full-1", 80)
    ok(statuses and all(isinstance(status, tuple) and 400 < status[0] < 600
                        for status in statuses) and server.alive(),
       "an append that finds the disk full is refused, and the server lives",
       f"{acknowledged} acknowledged", *statuses)
    reader.request("GET", "/api/v1/streams/full-1?limit=1")
    answer = reader.getresponse()
    ok(answer.status == 200 and b'"n": 0' in answer.read(), "reads go on meanwhile")
    if make_room is None:
        server.kill()
    else:
        make_room()
        server.stop()
    again = Server(server.store)
    _, info = again.ask("GET", "/api/v1/streams/full-1/info")
    last = json.loads(info)["lastRevision"]
    ok(acknowledged - 1 <= last <= acknowledged, "what was acknowledged is stored",
       f"{acknowledged} acknowledged, last revision {last}")
    if make_room is not None:
        ok(again.append("full-1", [{"type": "T", "data": 1}])[0] == 201,
           "and appends go on once there is room")
    again.kill()


def full_device(place):
    ballast = os.path.join(place, "ballast")
    with open(ballast, "wb") as out:
        out.write(bytes(8 * MB))
    check_full(Server(os.path.join(place, "store")), lambda: os.remove(ballast))


def full_files():
    """No mount: files may not grow beyond 16 MB."""
    check_full(Server("full", file_size=16 * MB), None)


def one_address():
    """Too many connections of one address are refused with a reason."""
    server = Server("many", "--connections-per-address-max", "20")
    sockets = [server.connect() for _ in range(30)]
    refused = [sock for sock in sockets if is_closed(sock, 0.05)]
    said = "connections-per-address-max allows: refused" in server.output()
    ok(len(refused) == 10 and said, "the number of connections of one address is limited",
       f"{len(refused)} of 30 refused; {server.output().splitlines()[-1:]}")
    for sock in sockets:
        sock.close()
    ok(wait_for(lambda: server.append("c-1", [{"type": "T"}])[0] == 201, 5),
       "and new ones once they have gone")
    ok(server.stop() == 0, "and the server stops")


def streams_before_login():
    """A connection may have 100 calls at once before it has logged in, and then 1,024."""
    server = Server("login", insecure=False)
    secret = re.search(r"shown this once: (\S+)", server.output()).group(1)
    h2 = H2(server)
    ok(h2.wait(lambda: 3 in h2.settings) and h2.settings[3] == 100,
       "a connection without a login may have 100 streams", h2.settings)
    wrong = b"Basic " + base64.b64encode(b"admin:wrong")
    h2.call(1, STREAMS + "Read", read_request(), True, (b"authorization", wrong))
    h2.wait(lambda: 1 in h2.ended)
    ok(h2.settings[3] == 100, "also after a wrong login", h2.settings)
    login = b"Basic " + base64.b64encode(f"admin:{secret}".encode())
    h2.call(3, STREAMS + "Read", read_request(), True, (b"authorization", login))
    ok(h2.wait(lambda: h2.settings[3] == 1024), "and 1,024 after a right one", h2.settings)
    h2.close()
    open_to_all = H2(Server("all"))
    ok(open_to_all.wait(lambda: 3 in open_to_all.settings) and open_to_all.settings[3] == 1024,
       "and at once without logins", open_to_all.settings)
    open_to_all.close()
    server.stop()


def empty_store():
    """A subscriber to $all gets no position at which no event exists."""
    server = Server("empty")
    kept = []
    for _ in range(2):
        h2 = H2(server)
        h2.kept[1] = b""
        h2.call(1, STREAMS + "Read", read_request(follow=True))
        h2.wait(lambda: b"\x82\x01" in h2.kept[1] or len(h2.kept[1]) > 60, 3)
        kept.append(h2.kept[1])
        h2.close()
        server.append("e-1", [{"type": "T", "data": 1}])
    head = b"\xff\x1f"  # 4,095, the end of the log's header
    ok(kept[0] and head not in kept[0], "an empty store has no position to catch up with", kept)
    ok(len(kept[1]) > len(kept[0]), "as one with an event has", len(kept[1]))
    server.stop()


def nobody():
    """Connections without a login get no memory for big messages."""
    server = Server("locked", insecure=False)
    before = server.memory()
    h2 = H2(server)
    h2.wait(lambda: h2.first_window != 65535)
    sent = 0
    for stream in range(1, 32, 2):
        h2.call(stream, STREAMS + "BatchAppend", b"\0" + struct.pack(">I", 40 * MB), False)
        sent += h2.send_body(stream, 2 * MB)
    grown = server.memory() - before
    ok(len(h2.ended) == 16 and grown < 8 * MB * SLOWER,
       "big messages without a login are refused at their beginning",
       f"{len(h2.ended)} of 16 refused after {mb(sent)}, grown by {mb(grown)}")
    h2.close()
    refused = server.append("n-1", [{"type": "T", "data": "x" * MB}])
    ok(refused[0] == 401, "and appends over HTTP too", refused[1][:100])
    server.stop()


def damaged_block():
    """A block on the disk goes bad while the server runs."""
    server = Server("damaged")
    for i in range(50):
        server.append(f"d-{i}", [{"type": "T", "data": {"text": f"canary-{i:03d}-" + "c" * 2000}}])
    neighbour = Neighbour(server)
    hit = 0
    for directory, _, names in os.walk(server.store):
        for name in names:
            with open(os.path.join(directory, name), "r+b") as found:
                at = found.read().find(b"canary-025")
                if at >= 0:
                    found.seek(at)
                    found.write(b"CANARY-025")
                    hit += 1
    status, text = server.ask("GET", "/api/v1/streams/d-25")
    others = [server.ask("GET", f"/api/v1/streams/d-{i}")[0] for i in (0, 24, 26, 49)]
    appended = server.append("d-50", [{"type": "T", "data": 1}])[0]
    neighbour.end()
    ok(hit > 0 and (status != 200 or b"CANARY" not in text),
       "a block that has gone bad is not served", f"{status} {text[:160]}")
    ok(others == [200] * 4 and appended == 201 and neighbour.is_well(),
       "and everything else is served meanwhile", others, appended, neighbour)
    ok(server.stop() == 0, "and the server stops in order")


# ---- TLS -----------------------------------------------------------------------------------------


def tls():
    cert, key = path("cert.pem"), path("key.pem")
    if shutil.which("openssl") is None:
        skip("TLS", "no openssl")
        return
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-keyout", key, "-out", cert], check=True,
                   capture_output=True)
    os.chmod(key, 0o600)
    server = Server("tls", "--tls-cert", cert, "--tls-key", key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE

    # Records that TLS has read ahead are not announced by the socket.
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wrapped = context.wrap_bio(incoming, outgoing)
    sock = server.connect(timeout=10)
    while True:
        try:
            wrapped.do_handshake()
            break
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
    for _ in range(20):
        wrapped.write(get("/health/live"))
    sock.sendall(outgoing.read())
    answers = b""
    try:
        while answers.count(b" 204 ") < 20:
            incoming.write(sock.recv(65536))
            try:
                while True:
                    answers += wrapped.read(65536)
            except ssl.SSLWantReadError:
                pass
    except OSError:
        pass
    ok(answers.count(b" 204 ") == 20, "20 requests, a record each, in one segment are answered",
       f"{answers.count(b' 204 ')} answers")
    sock.close()

    before = server.files()
    random.seed(5)
    hello = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + random.randbytes(200)
    for i in range(150):
        rude = server.connect()
        rude.sendall(hello[:1 + i] if i % 3 else hello[:11] + random.randbytes(i))
        if i % 2:
            reset(rude)
        else:
            rude.close()
    with context.wrap_socket(server.connect()) as good:
        good.sendall(get("/health/live"))
        ok(b" 204 " in good.recv(4096), "150 broken handshakes leave it serving")
    ok(wait_for(lambda: server.files() <= before + 2, 5), "and no descriptor is left",
       f"{before} before, {server.files()} after")
    server.stop()


# ---- all of it -----------------------------------------------------------------------------------


def main():
    raise_file_limit(6000)
    server = Server("a")
    fill(server, 1050, 100000)
    drips = slow_peers(server)
    unfinished = unfinished_appends(server)
    big_event(server)
    peers = never_reading(server)
    window_of_zero(server)
    for drip, *expected in drips:
        drip.verdict(*expected)
    for sock in peers:
        reset(sock)
    ends_of_connections(server)
    oversize(server)
    closed_in_every_state(server)
    half_open(server)
    garbage(server)
    cancelled_subscriptions(server)
    replays(server)
    stopped_subscriber(server)
    unfinished_verdict(*unfinished)
    ok(server.stop() == 0, "after all that it stops in order", server.output()[-300:])
    floods()
    smuggling()
    tls()
    idle_connections()
    descriptors_exhausted()
    stop_under_load()
    restart_storm()
    one_address()
    streams_before_login()
    empty_store()
    nobody()
    damaged_block()
    full_disk()


try:
    only = sys.argv[1:]
    if only:
        for name in only:
            globals()[name]()
    else:
        main()
finally:
    clean_up()
done()
