# kill_doors.py - the doors (protocols) of a server as kill_server_test.py uses them: HTTP/JSON, KurrentDB's
# protocol over Debian's python3-grpcio, and factum.v1 by the command line.
#
# A door for publishers has send(stream, attempt): the revision that the last event of the attempt
# has, None if the outcome is unknown, or a text if it was refused. A door for subscribers is a
# function (port, notes, target, resume): it records events until the connection ends, and returns where
# to resume.
import http.client
import json
import os
import socket
import subprocess
import sys

import serving

try:
    import grpc
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients",
                                    "python"))
    import kurrent
except ImportError:
    grpc = None

# ---- publishers ----------------------------------------------------------------------------------


def type_of(one):
    """The type of an event with that id: each type has its share."""
    return "K" + one[0]


def data_of(attempt):
    return json.dumps({"pad": "p" * attempt["pad"]})


class HttpDoor:
    def __init__(self, port):
        self.port = port
        self.connection = None

    def send(self, stream, attempt):
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
            headers = {"Content-Type": "application/json"}
            if attempt["key"]:
                headers["Idempotency-Key"] = attempt["key"]
            body = json.dumps([{"id": one, "type": type_of(one), "data": json.loads(data_of(attempt))}
                               for one in attempt["ids"]])
            self.connection.request("POST", f"/api/v1/streams/{stream}?expected={attempt['expected']}",
                                    body, headers)
            answer = self.connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return None
        if answer.status in (200, 201):
            return json.loads(text)["revision"]
        return None if answer.status in (500, 503, 504) else f"{answer.status} {text[:300]}"


class KurrentDoor:
    """Append; with a new channel after each failure, since a channel waits longer and longer."""

    def __init__(self, port):
        self.port = port
        self.client = None

    def send(self, stream, attempt):
        try:
            if self.client is None:
                self.client = kurrent.Client(f"127.0.0.1:{self.port}")
            return self.append(stream, attempt)
        except grpc.RpcError as error:
            self.client.close()
            self.client = None
            unknown = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED,
                       grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNKNOWN,
                       grpc.StatusCode.INTERNAL)
            return None if error.code() in unknown else f"{error.code()} {error.details()}"

    def events(self, attempt):
        return [kurrent.event(data_of(attempt).encode(), type_of(one), kurrent.text_id(one))
                for one in attempt["ids"]]

    def append(self, stream, attempt):
        answer = self.client.append(stream, self.events(attempt), self.expected(attempt))
        done = answer.sub(1)
        return f"refused: {answer.fields}" if done is None else done.get(1, 0)

    def expected(self, attempt):
        """Append and BatchAppend use the same field numbers here."""
        expected = attempt["expected"]
        if expected == "any":
            return kurrent.ANY
        return kurrent.NO_STREAM if expected == "no-stream" else kurrent.at(int(expected))


class BatchDoor(KurrentDoor):
    """BatchAppend: each attempt on a call of its own. One request is all, so it is sent as such: the
    library's thread that feeds a stream of requests now and then waits for ever when the connection
    breaks, whatever the deadline."""

    def append(self, stream, attempt):
        options = kurrent.batch_options(stream, self.expected(attempt))
        request = kurrent.batch(kurrent.text_id(), options, self.events(attempt))
        call = self.client.channel.unary_stream(kurrent.STREAMS + "BatchAppend")
        answers = [kurrent.Message(answer) for answer in call(request, timeout=20)]
        if not answers:
            return None
        done = answers[0].sub(3)
        return f"refused: {answers[0].fields}" if done is None else done.get(1, 0)


class CliDoor:
    """factum append: a process and a connection for each event."""

    def __init__(self, port):
        self.address = f"factum://127.0.0.1:{port}"

    def send(self, stream, attempt):
        one = attempt["ids"][0]
        done = subprocess.run(
            [serving.FACTUM, "--store", self.address, "append", stream, type_of(one),
             data_of(attempt), "--id", one, "--expected", attempt["expected"], "--json"],
            capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return json.loads(done.stdout)["revision"]
        return None if done.returncode == 11 else f"exit {done.returncode}: {done.stderr}"


DOORS = {"http": HttpDoor, "kurrent": KurrentDoor, "batch": BatchDoor, "cli": CliDoor}

# ---- subscribers ---------------------------------------------------------------------------------


def follow_http(port, notes, target, resume):
    """|target|: a path; it resumes by Last-Event-ID."""
    sock = socket.create_connection(("127.0.0.1", port), 20)
    sock.settimeout(40)
    after = f"Last-Event-ID: {resume}\r\n" if resume else ""
    sock.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
                 f"{after}\r\n".encode())
    lines = sock.makefile("rb")
    status = lines.readline()
    if b" 200 " not in status:
        if b" 503 " not in status and status:
            notes.add({"wrong": f"{status} {lines.read(2000)}"})
        return
    token, data = None, None
    for line in lines:
        if line.startswith(b"id: "):
            token = line[4:].strip().decode()
        elif line.startswith(b"data: "):
            data = json.loads(line[6:]) if line.endswith(b"\n") else None
        elif line == b"\n":
            if token is not None and data is not None and "id" in data:
                notes.add({"token": token, "id": data["id"]})
            elif token is not None:
                notes.add({"token": token})
            token, data = None, None


def kurrent_request(target, resume):
    """|target|: "$all", "stream:NAME", or "type:PREFIX", a filter with checkpoints."""
    kind, _, name = target.partition(":")
    if kind == "stream":
        start = kurrent.START if resume is None else kurrent.field(2, resume)
        return kurrent.read_stream(name, start, kurrent.SUBSCRIBE)
    start = kurrent.ALL_START if resume is None else kurrent.all_at(resume)
    filtered = kurrent.NO_FILTER
    if kind == "type":
        filtered = kurrent.filter_on(2, None, [name], kurrent.field(3, 5), 2)
    return kurrent.read_all(start, kurrent.SUBSCRIBE, filter=filtered)


def note_kurrent(notes, answer, of_stream):
    """An event with the place to resume from, or a checkpoint."""
    checkpoint = answer.sub(3)
    if checkpoint is not None:
        notes.add({"token": checkpoint.get(1, 0)})
    for event in kurrent.events_of([answer]):
        name = kurrent.Message(event.get(2)).get(3).decode()
        token = event.get(3, 0) if of_stream else event.get(5, 0)
        if name.startswith("$"):
            notes.add({"token": token})
        else:
            notes.add({"token": token, "id": kurrent.Message(event.get(1)).get(2).decode()})


def follow_kurrent(port, notes, target, resume):
    client = kurrent.Client(f"127.0.0.1:{port}")
    known = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL,
             grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED)
    try:
        for answer in client.subscribe(kurrent_request(target, resume)):
            note_kurrent(notes, kurrent.Message(answer), target.startswith("stream:"))
    except grpc.RpcError as error:
        if error.code() not in known:
            notes.add({"wrong": f"{error.code()} {error.details()}"})
    finally:
        client.close()


def follow_cli(port, notes, target, resume):
    """factum tail with the options |target|; it resumes after the position of its last event."""
    command = [serving.FACTUM, "--store", f"factum://127.0.0.1:{port}", "tail", "--json", "--quiet",
               *target.split(), "--from-position", str(0 if resume is None else resume + 1)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL) as tail:
        for line in tail.stdout:
            if line.endswith(b"\n"):
                event = json.loads(line)
                notes.add({"token": event["position"], "id": event["id"]})
        said = tail.stderr.read()
        if tail.wait() != 11:
            notes.add({"wrong": f"exit {tail.returncode}: {said[:300]}"})


FOLLOWS = {"http": follow_http, "kurrent": follow_kurrent, "cli": follow_cli}
