#!/usr/bin/env python3
"""schemas_rpc_test.py - factum.v1.Schemas as a program in another language uses it: code that protoc
makes of proto/, and Python's gRPC; beside it the same over HTTP. Prints TAP; skipped without them.

    FACTUM=.../factum schemas_rpc_test.py
"""
import base64
import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import store_test as base
from store_test import grpc, pb

subprocess.run(["protoc", f"--proto_path={base.ROOT}/proto", f"--python_out={base.WORK}",
                "factum/v1/schemas.proto"], check=True)
from factum.v1 import schemas_pb2 as sp  # noqa: E402 (made by the line before)

QTY = '{"properties": {"qty": {"type": "integer", "minimum": 1}}, "required": ["qty"]}'


class Schemas:
    """The service, one method for each call."""

    def __init__(self, channel):
        def unary(name, answer):
            return channel.unary_unary(f"/factum.v1.Schemas/{name}",
                                       request_serializer=lambda message: message.SerializeToString(),
                                       response_deserializer=answer.FromString)
        self.Register = unary("Register", sp.RegisterSchemaAnswer)
        self.Check = unary("Check", sp.RegisterSchemaAnswer)
        self.Show = unary("Show", sp.ShowSchemaAnswer)
        self.SetMode = unary("SetMode", sp.SetSchemaModeAnswer)
        self.List = channel.unary_stream("/factum.v1.Schemas/List",
                                         request_serializer=lambda message: message.SerializeToString(),
                                         response_deserializer=sp.ListSchemasAnswer.FromString)

    def register(self, subject, schema, **more):
        return self.Register(sp.RegisterSchemaRequest(subject=subject, schema=schema, **more))

    def check(self, subject, schema, **more):
        return self.Check(sp.RegisterSchemaRequest(subject=subject, schema=schema, **more))

    def list(self, **request):
        answers = list(self.List(sp.ListSchemasRequest(**request)))
        assert answers
        return ([version for answer in answers for version in answer.schemas],
                [mode for answer in answers for mode in answer.modes])


def http(server, method, path, body=None, content_type="application/json"):
    """Status and JSON."""
    request = urllib.request.Request(f"http://{server.address}/api/v1{path}", method=method,
                                     data=None if body is None else body.encode(),
                                     headers={"content-type": content_type} if body else {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def path_of(subject, more=""):
    return f"/schemas/{urllib.parse.quote(subject, safe='')}{more}"


# ---- the tests -----------------------------------------------------------------------------------

def a_schema_is_registered_and_binds(store, schemas, server):
    answer = schemas.register("order/Placed", QTY)
    assert (answer.accepted, answer.version, answer.id, answer.registered, answer.already,
            answer.proven_events) == (True, 1, 1, True, False, 0), answer
    again = schemas.register("order/Placed", f"\n {QTY} ")
    assert (again.accepted, again.version, again.registered, again.already) == (True, 1, False, True)
    assert schemas.register("Placed", QTY).id == 1  # equal schemas have equal ids
    refused = store.append(base.one("order-1", "Placed", data=b'{"qty": 0}'))[0]
    assert refused.status == pb.STATUS_SCHEMA_VIOLATION and refused.refused_index == 0
    assert "/qty: " in refused.text and refused.text.endswith("(schema order/Placed 1)")
    assert store.append(base.one("order-1", "Placed", data=b'{"qty": 7}'))[0].status == pb.STATUS_OK
    _, events = store.read(source=pb.SOURCE_STREAM, name="order-1")
    assert json.loads(events[0].metadata)["$schema.id"] == 1


def what_is_stored_is_proven_as_over_http(store, schemas, server):
    narrow = QTY.replace('"minimum": 1', '"minimum": 9')
    for call in (schemas.check, schemas.register):
        answer = call("order/Placed", narrow)
        status, said = http(server, "POST", path_of("order/Placed", "/check"), narrow,
                            "application/schema+json")
        assert status == 422 and not answer.accepted and not answer.registered
        assert answer.text == said["detail"], (answer.text, said)
        assert (answer.failed_position, answer.failed_stream, answer.failed_revision,
                answer.failed_pointer) == (said["position"], said["stream"], said["revision"],
                                           said["pointer"])
        assert answer.failed_pointer == "/qty"
    after = schemas.check("order/Placed", narrow, proof=sp.SCHEMA_PROOF_AFTER,
                          after=answer.failed_position)
    assert after.accepted and after.version == 2 and not after.registered
    none = schemas.register("order/Placed", narrow, proof=sp.SCHEMA_PROOF_NONE)
    assert none.accepted and none.registered and none.version == 2 and none.proven_events == 0


def versions_are_listed_and_shown(store, schemas, server):
    versions, modes = schemas.list()
    assert [(v.subject, v.version, v.newest, v.text) for v in versions] == [
        ("Placed", 1, True, ""), ("order/Placed", 2, True, "")], versions
    assert not modes
    versions, _ = schemas.list(all=True, texts=True)
    assert [(v.subject, v.version) for v in versions] == [
        ("order/Placed", 1), ("Placed", 1), ("order/Placed", 2)]
    assert versions[0].text == QTY and not versions[0].newest
    own, _ = schemas.list(subject="order/Placed")
    assert [(v.version, v.proof) for v in own] == [(1, sp.SCHEMA_PROOF_ALL), (2, sp.SCHEMA_PROOF_NONE)]
    for version in (1, 2):
        shown = schemas.Show(sp.ShowSchemaRequest(subject="order/Placed", version=version)).schema
        _, said = http(server, "GET", path_of("order/Placed", f"?version={version}"))
        assert (shown.version, shown.id, shown.hash) == (said["version"], said["id"], said["hash"])
        assert json.loads(shown.text) == said["schema"] and shown.newest == said["newest"]
        assert abs(shown.created - time.time_ns()) < 600e9
    assert schemas.Show(sp.ShowSchemaRequest(subject="order/Placed")).schema.version == 2
    first = schemas.Show(sp.ShowSchemaRequest(id=1)).schema
    assert (first.subject, first.version) == ("order/Placed", 1)


def modes_are_set(store, schemas, server):
    schemas.SetMode(sp.SetSchemaModeRequest(subject="order/", mode=sp.SCHEMA_MODE_WARN))
    assert store.append(base.one("order-2", "Placed", data=b'{"qty": 0}'))[0].status == pb.STATUS_OK
    schemas.SetMode(sp.SetSchemaModeRequest(subject="order/Placed", mode=sp.SCHEMA_MODE_OFF))
    _, modes = schemas.list()
    assert [(m.subject, m.mode) for m in modes] == [("order/", sp.SCHEMA_MODE_WARN),
                                                    ("order/Placed", sp.SCHEMA_MODE_OFF)]
    assert schemas.Show(sp.ShowSchemaRequest(subject="order/Placed")).mode == sp.SCHEMA_MODE_OFF
    schemas.SetMode(sp.SetSchemaModeRequest(subject="order/Placed", mode=sp.SCHEMA_MODE_REJECT))
    refused = store.append(base.one("order-2", "Placed", data=b'{"qty": 0}'))[0]
    assert refused.status == pb.STATUS_SCHEMA_VIOLATION


def what_makes_no_sense_is_refused_as_over_http(store, schemas, server):
    for subject, schema in (("T", "{"), ("T", '{"type": 7}'), ("", "{}"), ("order/", "{}"),
                            ("T", '{"$ref": "http://elsewhere/x"}'), ("T", '{"pattern": "(?<=a+)b"}'),
                            ("x" * 2000, "{}")):
        code, number, text = base.failure(lambda: schemas.register(subject, schema))
        status, said = http(server, "POST", path_of(subject or "%"), schema)
        assert code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.RESOURCE_EXHAUSTED,
                        grpc.StatusCode.OUT_OF_RANGE), (subject[:9], schema, code, text)
        assert number != 0
        if subject and len(subject) < 99:
            assert (status, said["detail"]) == (400, text), (status, said, text)
    cases = [
        (lambda: schemas.check("T", "{}", after=5), pb.STATUS_INVALID, "SCHEMA_PROOF_AFTER"),
        (lambda: schemas.Show(sp.ShowSchemaRequest()), pb.STATUS_INVALID, "is needed"),
        (lambda: schemas.Show(sp.ShowSchemaRequest(subject="T", id=1)), pb.STATUS_INVALID, "is needed"),
        (lambda: schemas.Show(sp.ShowSchemaRequest(subject="Nope")), pb.STATUS_NOT_FOUND, "Nope"),
        (lambda: schemas.Show(sp.ShowSchemaRequest(subject="Placed", version=7)), pb.STATUS_NOT_FOUND, ""),
        (lambda: schemas.Show(sp.ShowSchemaRequest(id=77)), pb.STATUS_NOT_FOUND, "no schema has id 77"),
        (lambda: schemas.list(subject="Nope"), pb.STATUS_NOT_FOUND, "Nope"),
        (lambda: schemas.SetMode(sp.SetSchemaModeRequest(subject="T")), pb.STATUS_INVALID, "OFF, WARN"),
        (lambda: schemas.SetMode(sp.SetSchemaModeRequest(subject="T", mode=4)), pb.STATUS_INVALID,
         "not a valid SetSchemaModeRequest"),
    ]
    for number, (call, status, part) in enumerate(cases):
        ended = base.failure(call)
        assert ended and ended[1] == status and part in ended[2], (number, ended)


def a_long_list_comes_in_pieces(store, schemas, server):
    text = '{"description": "%s"}' % ("x" * 20000)
    for number in range(40):
        schemas.register(f"long/T{number}", text, proof=sp.SCHEMA_PROOF_NONE)
    answers = list(schemas.List(sp.ListSchemasRequest(all=True, texts=True)))
    assert len(answers) > 10
    long = [v for answer in answers for v in answer.schemas if v.subject.startswith("long/")]
    assert [v.subject for v in long] == [f"long/T{number}" for number in range(40)]
    assert all(v.text == text for v in long)
    slow = schemas.List(sp.ListSchemasRequest(all=True, texts=True))
    got = 0
    for answer in slow:  # a slow reader gets all of it
        got += len(answer.schemas)
        time.sleep(0.01)
    assert got == sum(len(answer.schemas) for answer in answers)


def a_proof_ends_with_its_call(store, schemas, server):
    events = [pb.NewEvent(type="Bulk", data=b'{"n": 1}')] * 1000
    for _ in range(200):
        answer = store.append(pb.AppendRequest(expectations=[pb.Expectation(stream="bulk-1", any=True)],
                                               events=events))[0]
        assert answer.status == pb.STATUS_OK
    code, _, _ = base.failure(lambda: schemas.Register(
        sp.RegisterSchemaRequest(subject="Bulk", schema='{"required": ["n"]}'), timeout=0.005))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    call = schemas.Register.future(sp.RegisterSchemaRequest(subject="Bulk", schema='{"required": ["n"]}'))
    time.sleep(0.005)
    call.cancel()
    time.sleep(0.5)
    assert base.failure(lambda: schemas.Show(sp.ShowSchemaRequest(subject="Bulk")))[1] == pb.STATUS_NOT_FOUND
    done = schemas.register("Bulk", '{"required": ["n"]}')
    assert done.registered and done.proven_events == 200000


def no_more_than_two_proofs_run_at_a_time(store, schemas, server):
    calls = [schemas.Check.future(sp.RegisterSchemaRequest(subject="Bulk", schema='{"type": "object"}'))
             for _ in range(6)]
    ends = [call.exception() for call in calls]
    busy = [dict(end.trailing_metadata())["factum-status"] for end in ends if end is not None]
    assert all(int(status) == pb.STATUS_BUSY for status in busy), busy
    assert any(end is None for end in ends)
    assert schemas.check("Bulk", '{"type": "object"}').accepted  # there is room again


def who_may_not_is_not_let_in(store, schemas, server):
    guarded = base.Server("guarded-schemas", secret=True)
    try:
        nobody = Schemas(grpc.insecure_channel(guarded.address))
        for call in (lambda: nobody.register("T", "{}"), lambda: nobody.check("T", "{}"), nobody.list,
                     lambda: nobody.Show(sp.ShowSchemaRequest(subject="T")),
                     lambda: nobody.SetMode(sp.SetSchemaModeRequest(subject="T", mode=1))):
            assert base.failure(call)[0] == grpc.StatusCode.UNAUTHENTICATED
        login = base64.b64encode(f"admin:{guarded.secret}".encode()).decode()
        answer = nobody.Register(sp.RegisterSchemaRequest(subject="T", schema="{}"),
                                 metadata=[("authorization", f"Basic {login}")])
        assert answer.registered
    finally:
        guarded.stop()


def a_server_that_stops_ends_proofs(store, schemas, server):
    call = schemas.Check.future(sp.RegisterSchemaRequest(subject="Bulk", schema='{"minProperties": 1}'))
    stopped = []
    thread = threading.Thread(target=lambda: stopped.append(server.stop()))
    thread.start()
    call.exception()  # done, cancelled or cut off: it ends
    thread.join()
    assert stopped == [0]


TESTS = [
    a_schema_is_registered_and_binds,
    what_is_stored_is_proven_as_over_http,
    versions_are_listed_and_shown,
    modes_are_set,
    what_makes_no_sense_is_refused_as_over_http,
    a_long_list_comes_in_pieces,
    a_proof_ends_with_its_call,
    no_more_than_two_proofs_run_at_a_time,
    who_may_not_is_not_let_in,
    a_server_that_stops_ends_proofs,
]


def main():
    server = base.Server("schemas")
    store = base.Store(server.address)
    schemas = Schemas(store.channel)
    return base.run(TESTS, server, store, schemas, server)


if __name__ == "__main__":
    sys.exit(main())
