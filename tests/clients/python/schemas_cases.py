"""An event that does not fit its schema is refused through every protocol and the command line, with the same pointer.

    schemas_cases.py    FACTUM_ADDRESS names the server, FACTUM its program

Prints "ok - NAME" or "not ok - NAME" for each case.
"""
import json
import os
import subprocess
import sys
import tempfile
import traceback
import urllib.error
import urllib.request
import uuid

import grpc

from kurrent import *  # the words of the protocol

ADDRESS = os.environ["FACTUM_ADDRESS"]
STORE_APPEND = "/factum.v1.Store/Append"
STATUS_SCHEMA_VIOLATION = 26
BAD_REQUEST = "type.googleapis.com/event_store.client.BadRequest"
POINTER = "/lines/1/qty"
GOOD = {"lines": [{"qty": 1}], "shop": "a"}
BAD = {"lines": [{"qty": 1}, {"qty": 0}]}
SCHEMA = {
    "type": "object",
    "required": ["lines"],
    "properties": {"lines": {"type": "array", "items": {
        "properties": {"qty": {"type": "integer", "minimum": 1}}, "required": ["qty"]}},
        "shop": {"type": "string", "x-factum-tag": "shop"}},
}
CASES = []
client = Client(ADDRESS)


def case(function):
    CASES.append(function)
    return function


def equal(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def http(method, path, body=None, kind="application/json", **fields):
    """Status and parsed body."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {name.replace("_", "-"): value for name, value in fields.items()}
    request = urllib.request.Request(f"http://{ADDRESS}/api/v1{path}", data, method=method,
                                     headers={"Content-Type": kind, **headers})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def factum(*words, code=0, content=b""):
    """What the command line prints when it is connected to the server."""
    done = subprocess.run([os.environ["FACTUM"], "--store", "factum://" + ADDRESS, *words], input=content,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    equal((done.returncode, done.stderr if code == 0 else b""), (code, b""))
    return done.stdout.decode() + (done.stderr.decode() if code else "")


def proposed(data, **more):
    return event(json.dumps(data).encode(), "Placed", **more)


def stream_of(door):
    return f"schemas-{door}"


def is_empty(stream):
    """Nothing of a refused append is stored."""
    equal(http("GET", f"/streams/{stream}/info")[1]["state"], "absent")


def names_the_place(text):
    assert "event 1: " + POINTER + ": " in text and "schema schemas/Placed 1" in text, text


@case
def a_schema_is_registered_over_http():
    status, answer = http("POST", "/schemas/schemas%2FPlaced", SCHEMA, "application/schema+json")
    equal((status, answer["version"], answer["registered"]), (201, 1, True))
    equal(http("GET", "/schemas/schemas%2FPlaced")[1]["schema"], SCHEMA)


@case
def append_of_kurrentdb_is_refused():
    stream = stream_of("append")
    try:
        client.append(stream, [proposed(GOOD), proposed(BAD)])
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.INVALID_ARGUMENT)
        names_the_place(error.details())
        trailers = {item.key for item in error.trailing_metadata() or ()}
        assert "exception" not in trailers, trailers
    else:
        raise AssertionError("it was appended")
    is_empty(stream)


@case
def batch_append_of_kurrentdb_is_refused_and_the_call_goes_on():
    stream = stream_of("batch")
    replies = client.batches([batch(text_id(), batch_options(stream), [proposed(GOOD), proposed(BAD)]),
                              batch(text_id(), batch_options(stream_of("after")), [proposed(GOOD)])])
    refusal, success = sorted(replies, key=lambda reply: reply.has(3))
    assert success.has(3)
    status = refusal.sub(2)
    equal((status.get(1), status.sub(3).get(1).decode()), (3, BAD_REQUEST))
    names_the_place(status.get(2).decode())
    is_empty(stream)


@case
def append_of_factum_is_refused():
    stream = stream_of("factum")

    def new_event(data):
        return field(5, field(1, stream) + field(2, "Placed") + field(3, json.dumps(data)))

    request = field(1, 7) + field(4, field(1, stream) + field(2, 1)) + new_event(GOOD) + new_event(BAD)
    call = client.channel.stream_stream(STORE_APPEND)
    answer, = [Message(each) for each in call(iter([request]), timeout=20)]
    equal((answer.get(1), answer.get(2)), (7, STATUS_SCHEMA_VIOLATION))
    names_the_place(answer.get(3).decode())
    equal(answer.get(10), 1)
    is_empty(stream)


def is_problem(answer, event_index, stream):
    status, problem = answer
    equal(status, 422)
    equal({name: problem[name] for name in ("code", "event", "stream", "pointer", "schema")},
          {"code": "SCHEMA_VIOLATION", "event": event_index, "stream": stream, "pointer": POINTER,
           "schema": "schemas/Placed 1"})
    is_empty(stream)


@case
def an_append_over_http_is_refused():
    stream = stream_of("http")
    body = [{"type": "Placed", "data": GOOD}, {"type": "Placed", "data": BAD}]
    is_problem(http("POST", f"/streams/{stream}", body), 1, stream)
    lines = "\n".join(map(json.dumps, body)).encode()
    is_problem(http("POST", f"/streams/{stream}", lines, "application/x-ndjson"), 1, stream)
    several = {"events": [{"stream": stream, **each} for each in body]}
    is_problem(http("POST", "/events", several), 1, stream)


def cloud(data):
    return {"specversion": "1.0", "id": str(uuid.uuid4()), "source": "/shop", "type": "Placed", "data": data}


@case
def cloudevents_are_refused():
    stream = stream_of("cloud")
    path = f"/streams/{stream}"
    is_problem(http("POST", path, BAD, ce_specversion="1.0", ce_id="1", ce_source="/shop", ce_type="Placed"),
               0, stream)
    is_problem(http("POST", path, cloud(BAD), "application/cloudevents+json"), 0, stream)
    is_problem(http("POST", path, [cloud(GOOD), cloud(BAD)], "application/cloudevents-batch+json"), 1, stream)


@case
def the_command_line_is_refused():
    text = factum("append", stream_of("cli"), "Placed", json.dumps(BAD), code=7)
    assert POINTER in text, text
    is_empty(stream_of("cli"))


@case
def an_event_of_a_client_without_tags_gets_those_of_its_data():
    stream = stream_of("tags")
    client.append(stream, [proposed(GOOD)])
    stored = http("GET", f"/streams/{stream}")[1]["events"][0]
    equal(stored["tags"], ["shop:a"])
    equal(stored["metadata"]["$schema.id"], 1)
    stored, = events_of(client.read(read_stream(stream)))
    equal(json.loads(stored.get(7))["$schema.id"], 1)


@case
def a_key_in_the_metadata_makes_an_append_repeatable():
    stream = stream_of("key")
    metadata = json.dumps({"$idempotencyKey": uuid.uuid4().hex}).encode()
    first, second = (client.append(stream, [proposed(GOOD, metadata=metadata)]).sub(1) for _ in range(2))
    equal((first.get(1, 0), second.get(1, 0)), (0, 0))
    equal(len(events_of(client.read(read_stream(stream)))), 1)


@case
def a_mode_lets_events_through_with_a_word_in_their_metadata():
    equal(http("PUT", "/schemas/schemas%2FPlaced/mode", {"mode": "warn"})[0], 200)
    stream = stream_of("warn")
    client.append(stream, [proposed(BAD)])
    stored = http("GET", f"/streams/{stream}")[1]["events"][0]
    assert POINTER in json.dumps(stored["metadata"]["$schema.fault"]), stored
    equal(http("PUT", "/schemas/schemas%2FPlaced/mode", {"mode": "reject"})[0], 200)


@case
def a_version_that_a_stored_event_does_not_fit_is_refused_with_its_place():
    narrow = {"properties": {"lines": {"maxItems": 1}}}
    status, problem = http("POST", "/schemas/schemas%2FPlaced", narrow)
    equal((status, problem["stream"], problem["revision"], problem["pointer"]),
          (422, stream_of("warn"), 0, "/lines"))
    status, answer = http("POST", "/schemas/schemas%2FPlaced/check?after=" + problem["token"], narrow)
    equal((status, answer["registered"]), (200, False))


@case
def the_commands_of_the_registry_work_at_an_address():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "schema.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"type": "object"}, file)
        factum("schema", "check", "schemas/Paid", path)
        factum("schema", "register", "schemas/Paid", path)
    equal(json.loads(factum("schema", "show", "schemas/Paid")), {"type": "object"})
    factum("schema", "mode", "paid/", "warn")
    listed = [json.loads(line) for line in factum("schema", "list", "--json").splitlines()]
    over_http = http("GET", "/schemas")[1]
    equal([each["subject"] for each in listed if "version" in each],
          [each["subject"] for each in over_http["schemas"]])
    assert {"subject": "paid/", "mode": "warn"} in listed and {"subject": "paid/", "mode": "warn"} in over_http["modes"]
    draft = json.loads(factum("--quiet", "schema", "infer", "schemas/Placed"))
    equal(draft["properties"]["lines"]["type"], "array")


def main():
    failed = 0
    for function in CASES:
        title = function.__name__.replace("_", " ")
        try:
            function()
            print(f"ok - {title}", flush=True)
        except BaseException:  # a case that fails must not end the others
            failed += 1
            print(f"not ok - {title}")
            lines = traceback.format_exc().rstrip().splitlines()
            print("\n".join("# " + line[:600] for line in lines[-8:]), flush=True)
    client.close()
    return 1 if failed else 0


sys.exit(main())
