#!/usr/bin/env python3
"""store_wire_test.py - src/wire/store_* and schemas against proto/factum/v1.

    STORE_VECTORS=.../store_vectors store_wire_test.py

Each message is filled by its description: every field with a value of its own, every alternative, and
without what is optional. C decodes it and encodes what came out, and protoc's code must read the same.
So a field that is in one of them only, or has another number or type, is a failed test. Prints TAP.
"""
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORK = tempfile.mkdtemp(prefix="factum-wire-")


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


if shutil.which("protoc") is None:
    skip("protoc is missing")
subprocess.run(["protoc", f"--proto_path={ROOT}/proto", f"--python_out={WORK}",
                "factum/v1/store.proto", "factum/v1/schemas.proto"], check=True)
sys.path.insert(0, WORK)
try:
    from factum.v1 import schemas_pb2, store_pb2 as pb
    from google.protobuf.descriptor import FieldDescriptor as Field
except Exception as problem:  # no runtime, or one that does not fit protoc
    skip(f"Python cannot use protoc's code: {problem}")
shutil.rmtree(WORK)

# Bytes that are an id.
IDS = {"id", "store_id", "fingerprint"}
# Left out of what is filled: a message has its own line with it.
ALONE = {"AppendRequest": {"cancel"}}


class Filler:
    """Values that differ from each other."""

    def __init__(self, big):
        self.number = 2**62 if big else 1
        self.repeat = 3 if big else 1
        self.big = big

    def value(self, field):
        self.number += 1
        if field.type == Field.TYPE_BOOL:
            return True
        if field.type == Field.TYPE_ENUM:
            values = [value.number for value in field.enum_type.values if value.number > 0]
            return values[-1 if self.big else 0]
        if field.type == Field.TYPE_STRING:
            return f"{field.name}-\u00e4-{self.number}"
        if field.type == Field.TYPE_BYTES:
            if field.name in IDS:
                return self.number.to_bytes(16, "big")
            return b"\x00\xff" * (300 if self.big else 1) + str(self.number).encode()
        if field.type == Field.TYPE_INT64:
            return -self.number if self.big else self.number
        if field.type in (Field.TYPE_INT32, Field.TYPE_UINT32):
            return self.number % 2**31
        return self.number

    def fill(self, message, optional=True, without=()):
        for field in message.DESCRIPTOR.fields:
            oneof = field.containing_oneof
            if field.name in without or field.name in ALONE.get(message.DESCRIPTOR.name, ()):
                continue
            if oneof is not None and len(oneof.fields) == 1 and not optional:
                continue  # as proto3 writes "optional"
            if oneof is not None and len(oneof.fields) > 1:
                continue  # the caller's
            if field.label == Field.LABEL_REPEATED:
                for _ in range(self.repeat):
                    if field.type == Field.TYPE_MESSAGE:
                        self.fill(getattr(message, field.name).add(), optional)
                    else:
                        getattr(message, field.name).append(self.value(field))
            elif field.type == Field.TYPE_MESSAGE:
                self.fill(getattr(message, field.name), optional)
            else:
                setattr(message, field.name, self.value(field))
        return message


def expect_any(message):
    for index, expectation in enumerate(getattr(message, "expectations", [])):
        [lambda: setattr(expectation, "any", True),
         lambda: setattr(expectation, "revision", 2**64 - 1),
         lambda: setattr(expectation, "no_stream", True)][index % 3]()
    return message


def fix(message):
    """What the two sides agree on in addition to the fields."""
    if isinstance(message, pb.AskAnswer) and message.HasField("key"):
        message.key.event_count = len(message.key.revisions)
    return message


CASES = []
WHOLE = ["OpenRequest", "OpenAnswer", "AppendRequest", "AppendAnswer", "ReadRequest", "ReadAnswer",
         "NewsRequest", "NewsAnswer", "AskRequest", "ListRequest", "ListAnswer", "VerifyRequest",
         "VerifyAnswer", "BackupRequest", "BackupAnswer"]
SCHEMAS = ["RegisterSchemaRequest", "RegisterSchemaAnswer", "ListSchemasRequest",
           "ListSchemasAnswer", "ShowSchemaRequest", "ShowSchemaAnswer", "SetSchemaModeRequest",
           "SetSchemaModeAnswer"]
PARTS = ["number", "stream", "event", "key", "info"]

for kind in WHOLE + SCHEMAS:
    make = getattr(pb if kind in WHOLE else schemas_pb2, kind)
    for big in (False, True):
        for optional in (True, False):
            CASES.append((kind, f"{'big' if big else 'small'}{'' if optional else ', bare'}",
                          expect_any(Filler(big).fill(make(), optional))))
    if kind not in ("AskRequest", "ShowSchemaAnswer"):  # a question, a version is needed
        CASES.append((kind, "empty", make()))
for part in PARTS:
    for big in (False, True):
        for optional in (True, False):
            answer = Filler(big).fill(pb.AskAnswer(), optional,
                                      without=[other for other in PARTS if other != part])
            CASES.append((f"AskAnswer.{part}", f"{'big' if big else 'small'} {optional}",
                          fix(answer)))
CASES += [
    ("AppendRequest", "a cancel", pb.AppendRequest(number=7, cancel=True)),
    ("AppendRequest", "every expectation", pb.AppendRequest(expectations=[
        pb.Expectation(stream="a", any=True), pb.Expectation(stream="b", no_stream=True),
        pb.Expectation(stream="c", stream_exists=True), pb.Expectation(stream="d", revision=0),
        pb.Expectation(stream="e", revision=2**64 - 1), pb.Expectation(stream="f")])),
    ("AppendRequest", "no time left", pb.AppendRequest(timeout_ms=0)),
    ("AppendRequest", "an empty condition", pb.AppendRequest(
        condition=pb.AppendCondition(query=pb.Query()))),
    ("AppendRequest", "events of the first expectation's stream", pb.AppendRequest(
        expectations=[pb.Expectation(stream="a", any=True)],
        events=[pb.NewEvent(type="T"), pb.NewEvent(stream="b", type="U", tags=["", "t"])])),
    ("ReadRequest", "zero bounds", pb.ReadRequest(
        until_created=0, until_time=0, until_revision=0, until_position=0)),
    ("ReadRequest", "an empty query and filter", pb.ReadRequest(
        query=pb.Query(), filter=pb.Filter())),
    ("ReadAnswer", "place 0", pb.ReadAnswer(place=0)),
    ("ReadAnswer", "an empty key", pb.ReadAnswer(events=[pb.Event(id=bytes(16), key="")])),
    ("NewsAnswer", "4,096 hits", pb.NewsAnswer(hits=range(4096))),
    ("AppendAnswer", "100,000 revisions", pb.AppendAnswer(revisions=range(100000))),
]
# Every value of every enum that a message has.
for kind, name, enum in [("AppendRequest", "action", pb.Action), ("AppendRequest", "durability",
                         pb.Durability), ("AppendAnswer", "status", pb.Status),
                         ("AppendAnswer", "actual_state", pb.StreamState),
                         ("AppendAnswer", "durability", pb.Durability),
                         ("ReadRequest", "source", pb.Source), ("ReadRequest", "from", pb.From),
                         ("AskRequest", "question", pb.Question), ("ListRequest", "kind",
                         pb.ListKind)]:
    for value in enum.values():
        if (kind, value) != ("AskRequest", 0):
            CASES.append((kind, f"{name} {value}", getattr(pb, kind)(**{name: value})))

for kind, name, enum in [("RegisterSchemaRequest", "proof", schemas_pb2.SchemaProof),
                         ("SetSchemaModeRequest", "mode", schemas_pb2.SchemaMode)]:
    for value in enum.values():
        CASES.append((kind, f"{name} {value}", getattr(schemas_pb2, kind)(**{name: value})))

REFUSED = [
    ("RegisterSchemaRequest", "proof 3", schemas_pb2.RegisterSchemaRequest(proof=3),
     "not a valid RegisterSchemaRequest message"),
    ("SetSchemaModeRequest", "mode 4", schemas_pb2.SetSchemaModeRequest(mode=4),
     "not a valid SetSchemaModeRequest message"),
    ("ListSchemasAnswer", "proof 3", schemas_pb2.ListSchemasAnswer(
        schemas=[schemas_pb2.SchemaVersion(proof=3)]), "not a valid SchemaVersion message"),
    ("ListSchemasAnswer", "mode 4", schemas_pb2.ListSchemasAnswer(
        modes=[schemas_pb2.SchemaModeEntry(mode=4)]), "not a valid SchemaModeEntry message"),
    ("ShowSchemaAnswer", "no version", schemas_pb2.ShowSchemaAnswer(),
     "not a valid ShowSchemaAnswer message"),
    ("AppendRequest", "33 tags", pb.AppendRequest(events=[pb.NewEvent(tags=["t"] * 33)]),
     "append: event 0 has more than 32 tags"),
    ("AppendRequest", "100,001 events", pb.AppendRequest(events=[pb.NewEvent()] * 100001),
     "append: more than 100000 events"),
    ("AppendRequest", "200,001 expectations", pb.AppendRequest(
        expectations=[pb.Expectation()] * 200001), "append: more than 200000 expectations"),
    ("AppendRequest", "an id of 15 bytes", pb.AppendRequest(events=[pb.NewEvent(id=b"x" * 15)]),
     "not a valid AppendRequest message"),
    ("AppendRequest", "a fingerprint of 17 bytes", pb.AppendRequest(fingerprint=b"x" * 17),
     "not a valid AppendRequest message"),
    ("AppendRequest", "action 3", pb.AppendRequest(action=3), "not a valid AppendRequest message"),
    ("ReadRequest", "65 items", pb.ReadRequest(query=pb.Query(items=[pb.QueryItem()] * 65)),
     "a query has more than 64 items"),
    ("ReadRequest", "1,025 names", pb.ReadRequest(query=pb.Query(items=[
        pb.QueryItem(types=["t"] * 1000), pb.QueryItem(tags=["u"] * 25)])),
     "a query has more than 1024 types and tags"),
    ("ReadRequest", "65 types in a filter", pb.ReadRequest(filter=pb.Filter(types=["t"] * 65)),
     "a list of a filter has more than 64 entries"),
    ("ReadRequest", "source 7", pb.ReadRequest(source=7), "not a valid ReadRequest message"),
    ("ReadAnswer", "33 tags", pb.ReadAnswer(events=[pb.Event(id=bytes(16), tags=["t"] * 33)]),
     "not a valid Event message"),
    ("ReadAnswer", "an event's id of 1 byte", pb.ReadAnswer(events=[pb.Event(id=b"x")]),
     "not a valid Event message"),
    ("OpenAnswer", "33 timelines", pb.OpenAnswer(timelines=[pb.Timeline()] * 33),
     "open: more than 32 timelines"),
    ("NewsAnswer", "4,097 hits", pb.NewsAnswer(hits=range(4097)), "not a valid NewsAnswer message"),
    ("AppendAnswer", "status 27", pb.AppendAnswer(status=27), "not a valid AppendAnswer message"),
    ("AskRequest", "no question", pb.AskRequest(), "not a valid AskRequest message"),
    ("AskAnswer.info", "no info", pb.AskAnswer(number=1), "not a valid AskAnswer message"),
]


def adjust(kind, message):
    """The members that C leaves out because they mean nothing."""
    if kind == "AppendAnswer" and message.status == 0:
        message.ClearField("text")
        message.ClearField("os_error")
    if kind in ("ReadAnswer", "AskAnswer.event"):
        for event in [message.event] if kind != "ReadAnswer" else message.events:
            event.id = event.id or bytes(16)
    return message


def echo(cases):
    lines = "".join(f"{case[0]} {case[2].SerializeToString().hex()}\n" for case in cases)
    done = subprocess.run([os.environ["STORE_VECTORS"]], input=lines, capture_output=True,
                          text=True, check=True)
    return done.stdout.splitlines()


def main():
    count = failed = 0
    for (kind, name, message), line in zip(CASES, echo(CASES), strict=True):
        count += 1
        said = "ok"
        try:
            whole = bytes.fromhex(line)
            good = whole[0] == 0 and int.from_bytes(whole[1:5], "big") == len(whole) - 5
            got = type(message).FromString(whole[5:])
            wanted = adjust(kind, message)
            if not good or got != wanted:
                said = "not ok"
        except ValueError:
            said, got, wanted = "not ok", line, ""
        if said != "ok":
            failed += 1
            print("# wanted", str(wanted)[:1500].replace("\n", " "))
            print("# got   ", str(got)[:1500].replace("\n", " "))
        print(f"{said} {count} - {kind}, {name}")
    for (kind, name, message, text), line in zip(REFUSED, echo(REFUSED), strict=True):
        count += 1
        good = line == text
        failed += not good
        print(f"{'ok' if good else 'not ok'} {count} - {kind}, {name}: refused")
        if not good:
            print(f"# {line[:300]}")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
