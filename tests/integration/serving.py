# serving.py - shared by the tests that attack a real server over real sockets: the server as a
# process with its limits, HTTP/2 by hand, a neighbour whose answers are timed, and TAP.
#
# FACTUM names the program. Knows nothing of the server's insides except its messages at the start.
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

FACTUM = os.environ["FACTUM"]
with open(FACTUM, "rb") as program:
    code = program.read()
SANITIZED = b"__asan_init" in code or b"__tsan_init" in code
SLOWER = 10 if b"__tsan_init" in code else 4 if SANITIZED else 1  # times, and memory, are multiplied by this

# ---- TAP -----------------------------------------------------------------------------------------

count = 0
failed = 0
printing = threading.Lock()


def ok(good, name, *notes):
    """A case. The notes are always printed, since they have the measurements. Any thread."""
    global count, failed
    with printing:
        count += 1
        failed += 0 if good else 1
        print(f"{'ok' if good else 'not ok'} {count} - {name}")
        for note in notes:
            print(f"# {note}")
        sys.stdout.flush()
    return good


def skip(name, reason):
    global count
    with printing:
        count += 1
        print(f"ok {count} - {name} # SKIP {reason}", flush=True)


def done():
    print(f"1..{count}")
    sys.exit(1 if failed else 0)


def wait_for(condition, seconds=10.0, step=0.02):
    """Does it become true within so many seconds?"""
    until = time.monotonic() + seconds * SLOWER
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(step)
    return True


# ---- the server ----------------------------------------------------------------------------------

work = []  # the directory of this test, once it was needed
servers = []


def clean_up():
    for server in servers:
        server.kill()
    for directory in work:
        shutil.rmtree(directory, ignore_errors=True)


def path(name):
    if not work:
        work.append(tempfile.mkdtemp(prefix="factum-test."))
    return os.path.join(work[0], name)


class Server:
    """factum serve on the store |name|."""

    def __init__(self, name, *options, files=None, file_size=None, port=0, insecure=True):
        self.store = name if name.startswith("/") else path(name)
        self.said = path(os.path.basename(self.store) + ".said")
        self.process = None

        def limit():
            if files is not None:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
            if file_size is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

        command = [FACTUM, "--store", self.store, "serve", "--listen", f"127.0.0.1:{port}"]
        command += ["--insecure"] if insecure else []
        with open(self.said, "wb") as said:
            self.process = subprocess.Popen(command + list(options), stdout=said, stderr=said,
                                            stdin=subprocess.DEVNULL, preexec_fn=limit)
        servers.append(self)
        self.port = 0
        if not wait_for(lambda: self.find_port() or self.process.poll() is not None, 20):
            self.process.kill()
        if self.port == 0:
            raise RuntimeError(f"the server does not start: {self.output()}")

    def find_port(self):
        found = re.search(r"serving \S+ on 127\.0\.0\.1:(\d+)", self.output())
        self.port = int(found.group(1)) if found else 0
        return found is not None

    def output(self):
        with open(self.said, encoding="utf-8", errors="replace") as said:
            return said.read()

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()

    def stop(self, seconds=15):
        """Sends SIGTERM; the exit code, or None if the server did not end in time."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds * SLOWER)
        except subprocess.TimeoutExpired:
            return None

    def memory(self):
        """Its own resident bytes, without those of mapped files, which can be reclaimed."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return int(re.search(r"RssAnon:\s*(\d+)", status.read()).group(1)) << 10

    def cpu(self):
        """Seconds of processor time so far."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, **options):
        return connect(self.port, **options)

    def http(self, timeout=20):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout * SLOWER)

    def ask(self, method, target, body=None, headers=None):
        """One request on a connection of its own: status and body."""
        connection = self.http()
        try:
            connection.request(method, target, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def append(self, stream, lines, headers=None):
        body = "".join(json.dumps(line) + "\n" for line in lines)
        return self.ask("POST", f"/api/v1/streams/{stream}", body,
                        {"Content-Type": "application/x-ndjson", **(headers or {})})


def connect(port, receive_buffer=None, send_buffer=None, timeout=20):
    made = socket.socket()
    if receive_buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    if send_buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    made.settimeout(timeout * SLOWER)
    made.connect(("127.0.0.1", port))
    return made


def reset(sock):
    """Closes with RST: bytes under way are thrown away."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def is_closed(sock, seconds):
    """Does the peer close within so many seconds? What it sends before is thrown away."""
    sock.settimeout(max(seconds, 0.01))
    until = time.monotonic() + seconds
    try:
        while sock.recv(65536) != b"":
            if time.monotonic() > until:
                return False
    except socket.timeout:
        return False
    except OSError:
        pass
    return True


def raise_file_limit(wanted):
    """False if this user may not have so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft >= wanted:
        return True
    if hard != resource.RLIM_INFINITY and hard < wanted:
        return False
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return True


# ---- a neighbour ---------------------------------------------------------------------------------


CALLS_MIN = 20


class Neighbour(threading.Thread):
    """Appends and reads on a connection of its own, and times each call."""

    def __init__(self, server, name="neighbour-1", pause=0.02):
        super().__init__(daemon=True)
        self.server = server
        self.name_of_stream = name
        self.pause = pause
        self.times = []
        self.errors = []
        self.going = True
        self.start()

    def run(self):
        connection = self.server.http(60)
        number = 0
        while self.going:
            number += 1
            begun = time.monotonic()
            try:
                if number % 2 == 0:
                    connection.request("GET", f"/api/v1/streams/{self.name_of_stream}/info")
                else:
                    connection.request("POST", f"/api/v1/streams/{self.name_of_stream}",
                                       '{"type":"N","data":1}',
                                       {"Content-Type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                if answer.status >= 300:
                    self.errors.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
            self.times.append(time.monotonic() - begun)
            time.sleep(self.pause)
        connection.close()

    def end(self):
        """After some calls more if it has made few. Under an attack that goes on, none may ever end."""
        wait_for(lambda: len(self.times) >= CALLS_MIN or not self.is_alive(), 30)
        self.going = False
        self.join(60)
        return self

    def is_well(self, worst=30.0):
        """No errors, some calls, and each answer before a client would give up. How quick they are is
        printed, and not judged: that depends on the machine too."""
        return len(self.times) >= CALLS_MIN and not self.errors and max(self.times) < worst * SLOWER

    def __str__(self):
        times = sorted(self.times) or [0]
        return (f"a neighbour: {len(times)} calls, median {1000 * times[len(times) // 2]:.1f} ms, "
                f"99 % {1000 * times[len(times) * 99 // 100]:.1f} ms, worst "
                f"{1000 * times[-1]:.1f} ms, errors {self.errors[:3]}")


# ---- HTTP/2 (RFC 9113) by hand -------------------------------------------------------------------

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW_MAX = (1 << 31) - 1


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def hpack_text(text):
    size = len(text)
    if size < 127:
        return bytes([size]) + text
    size -= 127
    out = b"\x7f"
    while size >= 128:
        out += bytes([size & 127 | 128])
        size >>= 7
    return out + bytes([size]) + text


def hpack(fields):
    """Literals that are not indexed (RFC 7541, 6.2.2)."""
    return b"".join(b"\0" + hpack_text(name) + hpack_text(value) for name, value in fields)


def grpc_head(method, *more):
    return hpack([(b":method", b"POST"), (b":scheme", b"http"), (b":path", method.encode()),
                  (b":authority", b"localhost"), (b"te", b"trailers"),
                  (b"content-type", b"application/grpc"), *more])


def grpc_message(message):
    return struct.pack(">BI", 0, len(message)) + message


def field(number, payload):
    """A field of protobuf with a length."""
    size, out = len(payload), b""
    while size >= 128:
        out += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + out + bytes([size]) + payload


STREAMS = "/event_store.client.streams.Streams/"


def read_request(stream=None, follow=False):
    """ReadReq of KurrentDB: a stream, or $all, from its start; ids as text."""
    if stream is None:
        source = field(2, field(2, b""))
    else:
        source = field(1, field(1, field(3, stream.encode())) + field(3, b""))
    amount = field(6, b"") if follow else b"\x28\xff\xff\xff\xff\x0f"
    return grpc_message(field(1, source + amount + field(8, b"") + field(9, field(2, b""))))


class H2:
    """A connection. With |reads| a thread receives frames and keeps account of them."""

    def __init__(self, server, reads=True, window=65535, **options):
        self.sock = server.connect(**options)
        self.lock = threading.Condition()
        self.send_window = {0: 65535}
        self.first_window = 65535
        self.data = {}     # bytes by stream
        self.kept = {}     # the bytes themselves, of the streams in this dict
        self.ended = set() # streams that the server has ended or reset
        self.headers = set()
        self.resets = {}
        self.settings = {} # that the server has sent, by their numbers
        self.goaway = None
        self.closed = False
        self.received = bytearray()
        settings = struct.pack(">HI", 4, window)
        self.sock.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
        if window > 65535:
            self.sock.sendall(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", window - 65535)))
        if reads:
            threading.Thread(target=self.read, daemon=True).start()

    def receive(self, size):
        """So many bytes; EOFError at the end. A server that sends nothing for long has not closed."""
        while len(self.received) < size:
            try:
                more = self.sock.recv(65536)
            except TimeoutError:
                continue
            if not more:
                raise EOFError
            self.received += more
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken

    def read(self):
        try:
            while True:
                head = self.receive(9)
                payload = self.receive(int.from_bytes(head[:3], "big"))
                self.take(head[3], head[4], int.from_bytes(head[5:], "big"), payload)
        except (OSError, ValueError, EOFError):
            pass
        with self.lock:
            self.closed = True
            self.lock.notify_all()

    def take(self, kind, flags, stream, payload):
        with self.lock:
            if kind == SETTINGS and flags & ACK == 0:
                for at in range(0, len(payload), 6):
                    name, value = struct.unpack(">HI", payload[at:at + 6])
                    self.settings[name] = value
                    if name == 4:
                        for known in self.send_window:
                            self.send_window[known] += value - self.first_window if known else 0
                        self.first_window = value
                self.sock.sendall(frame(SETTINGS, ACK, 0))
            elif kind == WINDOW_UPDATE:
                more = struct.unpack(">I", payload)[0]
                self.send_window[stream] = self.send_window.get(stream, self.first_window) + more
            elif kind == DATA:
                self.data[stream] = self.data.get(stream, 0) + len(payload)
                if stream in self.kept:
                    self.kept[stream] += payload
            elif kind == HEADERS:
                self.headers.add(stream)
            elif kind == RST_STREAM:
                self.resets[stream] = struct.unpack(">I", payload)[0]
                self.ended.add(stream)
            elif kind == GOAWAY:
                self.goaway = struct.unpack(">I", payload[4:8])[0]
            if kind in (DATA, HEADERS) and flags & END_STREAM != 0:
                self.ended.add(stream)
            self.lock.notify_all()
        if kind == DATA and payload:
            more = struct.pack(">I", len(payload))
            self.write(frame(WINDOW_UPDATE, 0, 0, more) +
                       (b"" if flags & END_STREAM else frame(WINDOW_UPDATE, 0, stream, more)))

    def write(self, frames):
        with self.lock:
            try:
                self.sock.sendall(frames)
            except OSError:
                self.closed = True

    def call(self, stream, method, message, end=True, *more):
        self.write(frame(HEADERS, END_HEADERS, stream, grpc_head(method, *more)) +
                   frame(DATA, END_STREAM if end else 0, stream, message))

    def send_body(self, stream, size, byte=b"\0", seconds=20):
        """Sends so many bytes as DATA, as far as the windows allow; returns how many were sent."""
        sent = 0
        until = time.monotonic() + seconds * SLOWER
        piece = byte * 16384
        while sent < size:
            with self.lock:
                self.send_window.setdefault(stream, self.first_window)
                while not self.closed and stream not in self.ended and \
                        min(self.send_window[0], self.send_window[stream]) < len(piece):
                    if not self.lock.wait(max(0.0, until - time.monotonic())):
                        return sent
                if self.closed or stream in self.ended:
                    return sent
                self.send_window[0] -= len(piece)
                self.send_window[stream] -= len(piece)
                try:
                    self.sock.sendall(frame(DATA, 0, stream, piece))
                except OSError:
                    self.closed = True
                    return sent
            sent += len(piece)
        return sent

    def wait(self, condition, seconds=10):
        until = time.monotonic() + seconds * SLOWER
        with self.lock:
            while not condition():
                left = until - time.monotonic()
                if left <= 0 or not self.lock.wait(left):
                    return condition()
        return True

    def wait_while_it_comes(self, condition, seconds=10):
        """As wait, for much data: it may take its time, but not so many seconds without a byte."""
        came = -1
        while came != sum(self.data.values()):
            came = sum(self.data.values())
            if self.wait(condition, seconds):
                return True
        return False

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
