#!/usr/bin/env python3
"""wire_test.py - src/wire against protoc: proto/ defines what the bytes mean.

    WIRE_VECTORS=.../wire_vectors wire_test.py

Each sample message that is encoded in C is decoded by protoc, and must read as the text below. Each
request below is encoded by protoc, and must be decoded in C to the line below it. Every field of every
message that is encoded or decoded by hand occurs here. Prints TAP.
"""
import os
import re
import shutil
import subprocess
import sys
import uuid

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROTO = os.path.join(ROOT, "proto")
WELL_KNOWN = os.path.join(ROOT, "tests", "integration", "well_known")

STREAMS = "event_store.client.streams."
ID = "01234567-89ab-4cde-bf01-23456789abcd"
# The two halves of the id, as signed numbers of 64 bits.
HIGH, LOW = (int.from_bytes(half, "big", signed=True)
             for half in (uuid.UUID(ID).bytes[:8], uuid.UUID(ID).bytes[8:]))
HALVES = f"most_significant_bits: {HIGH} least_significant_bits: {LOW}"
STAMP = "timestamp { seconds: 1767225600 nanos: 123456789 }"


def recorded(id_text, stream, rest, kind, content_type, created):
    """A RecordedEvent: |rest| are its numbers, then come the three entries of its metadata."""
    return (
        f"id {{ {id_text} }} stream_identifier {{ {stream} }} {rest} "
        f'metadata {{ key: "content-type" value: "{content_type}" }} '
        f'metadata {{ key: "created" value: "{created}" }} '
        f'metadata {{ key: "type" value: "{kind}" }}'
    )


ORDER_NUMBERS = (
    "stream_revision: 7 prepare_position: 9223372036854775807 "
    "commit_position: 9223372036854775807"
)
ORDER_END = r'custom_metadata: "{\"$correlationId\":\"c\"}" data: "{\"a\":1}"'
ORDER_STREAM = r'stream_name: "order-\303\244"'


def order(id_text):
    return (
        recorded(id_text, ORDER_STREAM, ORDER_NUMBERS, "OrderPlaced", "application/json",
                 "17672256001234567") + " " + ORDER_END
    )


LINK = (
    recorded("structured { }", 'stream_name: "$ce-order"',
             "prepare_position: 300 commit_position: 300", "$>", "application/octet-stream", "-1")
    + ' data: "7@order"'
)
ALL_300 = "commit_position: 300 prepare_position: 300"


def wrong(current, legacy, expected):
    none = "no_stream_20_6_0 { }", "current_no_stream { }"
    some = "current_revision_20_6_0: 3", "current_revision: 3"
    first, second = some if current else none
    return f"wrong_expected_version {{ {first} {legacy} {second} {expected} }}"


def batch(result, id_text=f'string: "{ID}"', expected="stream_position: 5"):
    return (
        (f"correlation_id {{ {id_text} }} " if id_text else "")
        + f'{result} stream_identifier {{ stream_name: "s-1" }} {expected}'
    )


def refused(code, message, detail, content="", **more):
    url = f"type.googleapis.com/{detail}"
    return batch(
        f'error {{ code: {code} message: "{message}" details {{ [{url}] {{ {content} }} }} }}',
        **more,
    )


CLIENT = "event_store.client."
WRONG_DETAIL = "current_stream_revision: 3 expected_stream_position: 5"
EVENT_DETAIL = f'eventId: "{ID}" proposedEventSize: 17 maxAppendEventSize: 16'

# name: type, text
ENCODED = {
    "event_string": (STREAMS + "ReadResp",
                     f'event {{ event {{ {order(f"""string: "{ID}" """)} }} commit_position: 300 }}'),
    "event_structured_link": (
        STREAMS + "ReadResp",
        f"event {{ event {{ {order('structured { ' + HALVES + ' }')} }} link {{ {LINK} }} "
        "no_position { } }"),
    "event_link_only": (STREAMS + "ReadResp",
                        f"event {{ link {{ {LINK} }} commit_position: 0 }}"),
    "event_nothing": (STREAMS + "ReadResp", "event { commit_position: 0 }"),
    "event_large": (
        STREAMS + "ReadResp",
        "event { event { "
        + recorded('string: "00000000-0000-0000-0000-000000000000"', "", "", "", "", "0")
        + f' data: "{"L" * 70000}" }} commit_position: 0 }}'),
    "confirmation": (STREAMS + "ReadResp", 'confirmation { subscription_id: "sub-1" }'),
    "checkpoint": (STREAMS + "ReadResp", f"checkpoint {{ {ALL_300} {STAMP} }}"),
    "checkpoint_1969": (
        STREAMS + "ReadResp",
        "checkpoint { commit_position: 1 prepare_position: 1 "
        "timestamp { seconds: -1 nanos: 999999999 } }"),
    "stream_not_found": (STREAMS + "ReadResp",
                         'stream_not_found { stream_identifier { stream_name: "s-1" } }'),
    "first_stream_position": (STREAMS + "ReadResp", "first_stream_position: 0"),
    "last_stream_position": (STREAMS + "ReadResp", "last_stream_position: 9"),
    "last_all_position": (STREAMS + "ReadResp", f"last_all_stream_position {{ {ALL_300} }}"),
    "caught_up_stream": (STREAMS + "ReadResp", f"caught_up {{ {STAMP} stream_revision: 0 }}"),
    "caught_up_empty": (STREAMS + "ReadResp", f"caught_up {{ {STAMP} }}"),
    "caught_up_all": (STREAMS + "ReadResp", f"caught_up {{ {STAMP} position {{ {ALL_300} }} }}"),
    "fell_behind": (STREAMS + "ReadResp", f"fell_behind {{ {STAMP} position {{ {ALL_300} }} }}"),
    "appended": (STREAMS + "AppendResp",
                 f"success {{ current_revision: 0 position {{ {ALL_300} }} }}"),
    "appended_nothing": (STREAMS + "AppendResp", "success { no_stream { } no_position { } }"),
    "wrong_version_none": (STREAMS + "AppendResp", wrong(False, "", "")),
    "wrong_version_revision": (
        STREAMS + "AppendResp", wrong(True, "expected_revision_20_6_0: 5", "expected_revision: 5")),
    "wrong_version_no_stream": (
        STREAMS + "AppendResp",
        wrong(False, f"expected_revision_20_6_0: {2**64 - 1}", "expected_no_stream { }")),
    "wrong_version_any": (STREAMS + "AppendResp",
                          wrong(True, "any_20_6_0 { }", "expected_any { }")),
    "wrong_version_stream_exists": (
        STREAMS + "AppendResp",
        wrong(False, "stream_exists_20_6_0 { }", "expected_stream_exists { }")),
    "deleted": (STREAMS + "DeleteResp", f"position {{ {ALL_300} }}"),
    "deleted_nowhere": (STREAMS + "TombstoneResp", "no_position { }"),
    "batch_appended": (
        STREAMS + "BatchAppendResp",
        batch(f"success {{ current_revision: 6 position {{ {ALL_300} }} }}")),
    "batch_any": (
        STREAMS + "BatchAppendResp",
        batch("success { no_stream { } no_position { } }", f"structured {{ {HALVES} }}", "any { }")),
    "batch_exists": (
        STREAMS + "BatchAppendResp",
        batch("success { no_stream { } no_position { } }", "", "stream_exists { }")),
    "refused_wrong_version": (
        STREAMS + "BatchAppendResp",
        refused("ALREADY_EXISTS", "WrongExpectedVersion", CLIENT + "WrongExpectedVersion",
                WRONG_DETAIL)),
    "refused_no_stream": (
        STREAMS + "BatchAppendResp",
        refused("ALREADY_EXISTS", "WrongExpectedVersion", CLIENT + "WrongExpectedVersion",
                "current_no_stream { } expected_no_stream { }",
                id_text=f"structured {{ {HALVES} }}", expected="no_stream { }")),
    "refused_stream_deleted": (
        STREAMS + "BatchAppendResp",
        refused("NOT_FOUND", "StreamDeleted", CLIENT + "StreamDeleted",
                'stream_identifier { stream_name: "s-1" }')),
    "refused_access_denied": (
        STREAMS + "BatchAppendResp",
        refused("PERMISSION_DENIED", "AccessDenied", CLIENT + "AccessDenied")),
    "refused_timeout": (STREAMS + "BatchAppendResp",
                        refused("DEADLINE_EXCEEDED", "Timeout", CLIENT + "Timeout")),
    "refused_invalid_transaction": (
        STREAMS + "BatchAppendResp",
        refused("FAILED_PRECONDITION", "InvalidTransaction", CLIENT + "InvalidTransaction")),
    "refused_append_too_big": (
        STREAMS + "BatchAppendResp",
        refused("INVALID_ARGUMENT", "MaximumAppendSizeExceeded",
                CLIENT + "MaximumAppendSizeExceeded", "maxAppendSize: 1048576")),
    "refused_event_too_big": (
        STREAMS + "BatchAppendResp",
        refused("INVALID_ARGUMENT", "MaximumAppendEventSizeExceeded",
                CLIENT + "MaximumAppendEventSizeExceeded", EVENT_DETAIL)),
    "refused_bad_request": (
        STREAMS + "BatchAppendResp",
        refused("INVALID_ARGUMENT", "why", CLIENT + "BadRequest", 'message: "why"')),
    "refused_unknown": (STREAMS + "BatchAppendResp",
                        refused("UNKNOWN", "Unknown", CLIENT + "Unknown")),
    "refused_other": (STREAMS + "BatchAppendResp",
                      refused("UNAVAILABLE", "why", "google.protobuf.Empty")),
    "methods": (
        "event_store.client.server_features.SupportedMethods",
        'methods { method_name: "read" service_name: "event_store.client.streams.streams" '
        'features: "position" features: "events" } '
        'methods { method_name: "read" service_name: "event_store.client.gossip.gossip" } '
        'event_store_server_version: "24.10.0"'),
    "cluster": (
        "event_store.client.gossip.ClusterInfo",
        f'members {{ instance_id {{ string: "{ID}" }} time_stamp: 17672256001234567 state: Leader '
        'is_alive: true http_end_point { address: "db.example.org" port: 2113 } }'),
    "projection": (
        "event_store.client.projections.StatisticsResp",
        "details { coreProcessingTime: 1 version: 2 epoch: -1 effectiveName: \"$by_category\" "
        'writesInProgress: 5 readsInProgress: 6 partitionsCached: 7 status: "Running" '
        'stateReason: "reason" name: "$by_category" mode: "Continuous" position: "C:1/P:1" '
        'progress: 99.5 lastCheckpoint: "C:0/P:0" eventsProcessedAfterRestart: 15 '
        'checkpointStatus: "ok" bufferedEvents: 17 writePendingEventsBeforeCheckpoint: 18 '
        "writePendingEventsAfterCheckpoint: -19 }"),
}

STREAM = 'stream_identifier { stream_name: "s-1" }'
NO_FILTER = "filter=off on=none regex= window=none:0 multiplier=0"
UNSET_FILTER = "filter=none on=none regex= window=none:0 multiplier=0"
PROPOSED = (
    f'id {{ string: "{ID.upper()}" }} metadata {{ key: "type" value: "t" }} '
    'metadata { key: "content-type" value: "application/json" } '
    'metadata { key: "other" value: "x" } custom_metadata: "m" data: "\\001d"'
)
PROPOSED_LINE = (
    f"{{ id=string:{ID} has=11 type=t content_type=application/json custom_metadata=m "
    "data=\\x01d }"
)
ZERO = "00000000-0000-0000-0000-000000000000"


def expectations(prefix, kinds):
    """The alternatives of a oneof of expected revisions, and what they come out as."""
    return [(f"{prefix}: 5", "revision:5"), (f"{prefix}: {2**64 - 1}", f"revision:{2**64 - 1}"),
            (f"{prefix}: 0", "revision:0"), ("no_stream { }", "no_stream:0"),
            ("any { }", "any:0"), ("stream_exists { }", "stream_exists:0"), ("", "none:0")][:kinds]


# kind, type, text, line
DECODED = [
    ("read", STREAMS + "ReadReq",
     f"options {{ stream {{ {STREAM} revision: 5 }} read_direction: Backwards resolve_links: true "
     "count: 7 no_filter { } uuid_option { string { } } control_option { compatibility: 21 } }",
     f"source=stream stream=s-1 from=revision:5:0:0 direction=1 links=1 amount=count:7 {NO_FILTER} "
     "ids=string compatibility=21"),
    ("read", STREAMS + "ReadReq",
     f"options {{ stream {{ {STREAM} start {{ }} }} subscription {{ }} "
     "uuid_option { structured { } } }",
     "source=stream stream=s-1 from=start:0:0:0 direction=0 links=0 amount=subscription:0 "
     f"{UNSET_FILTER} ids=structured compatibility=0"),
    ("read", STREAMS + "ReadReq", f"options {{ stream {{ {STREAM} end {{ }} }} count: 0 }}",
     "source=stream stream=s-1 from=end:0:0:0 direction=0 links=0 amount=count:0 "
     f"{UNSET_FILTER} ids=none compatibility=0"),
    ("read", STREAMS + "ReadReq",
     "options { all { position { commit_position: 300 prepare_position: 299 } } filter { "
     'stream_identifier { prefix: "a" prefix: "b" } max: 20 checkpointIntervalMultiplier: 3 } }',
     "source=all stream= from=position:0:300:299 direction=0 links=0 amount=none:0 filter=given "
     "on=stream regex= prefix=a prefix=b window=max:20 multiplier=3 ids=none compatibility=0"),
    ("read", STREAMS + "ReadReq",
     'options { all { start { } } filter { event_type { regex: "^[^$].*" } count { } '
     "checkpointIntervalMultiplier: 4294967295 } }",
     "source=all stream= from=start:0:0:0 direction=0 links=0 amount=none:0 filter=given on=type "
     "regex=^[^$].* window=count:0 multiplier=4294967295 ids=none compatibility=0"),
    ("read", STREAMS + "ReadReq", "options { all { end { } } }",
     "source=all stream= from=end:0:0:0 direction=0 links=0 amount=none:0 "
     f"{UNSET_FILTER} ids=none compatibility=0"),
    ("read", STREAMS + "ReadReq", "",
     f"source=none stream= from=none:0:0:0 direction=0 links=0 amount=none:0 {UNSET_FILTER} "
     "ids=none compatibility=0"),
    ("append", STREAMS + "AppendReq", f"proposed_message {{ {PROPOSED} }}",
     f"message {PROPOSED_LINE}"),
    ("append", STREAMS + "AppendReq",
     f"proposed_message {{ id {{ structured {{ {HALVES} }} }} }}",
     f"message {{ id=structured:{ID} has=00 type= content_type= custom_metadata= data= }}"),
    ("append", STREAMS + "AppendReq", 'proposed_message { id { string: "no" } }',
     f"message {{ id=malformed:{ZERO} has=00 type= content_type= custom_metadata= data= }}"),
    ("append", STREAMS + "AppendReq", "", "none"),
    ("batch", STREAMS + "BatchAppendReq",
     f'correlation_id {{ string: "{ID}" }} options {{ {STREAM} any {{ }} '
     "deadline_21_10_0 { seconds: 1767225600 nanos: 123456789 } } "
     f"proposed_messages {{ {PROPOSED} }} proposed_messages {{ {PROPOSED} }} is_final: true",
     f"options=1 id=string:{ID} stream=s-1 expected=any:0 deadline=at:1767225600123456789 final=1 "
     f"count=2 {PROPOSED_LINE} {PROPOSED_LINE}"),
    ("batch", STREAMS + "BatchAppendReq",
     f"correlation_id {{ structured {{ {HALVES} }} }} options {{ deadline {{ seconds: -2 "
     "nanos: -5 } }",
     f"options=1 id=structured:{ID} stream= expected=none:0 deadline=after:-2000000005 final=0 "
     "count=0"),
    ("batch", STREAMS + "BatchAppendReq", "options { deadline { seconds: 315576000000 } }",
     f"options=1 id=none:{ZERO} stream= expected=none:0 deadline=after:{2**63 - 1} final=0 count=0"),
    ("statistics", "event_store.client.projections.StatisticsReq",
     'options { name: "$by_category" }', "mode=name name=$by_category"),
    ("statistics", "event_store.client.projections.StatisticsReq", "", "mode=none name="),
]
for text, expected in expectations("revision", 7):
    line = f"stream=s-1 expected={expected}"
    options = f"options {{ {STREAM} {text} }}"
    DECODED += [("append", STREAMS + "AppendReq", options, "options " + line),
                ("delete", STREAMS + "DeleteReq", options, "target " + line),
                ("delete", STREAMS + "TombstoneReq", options, "target " + line)]
for text, expected in expectations("stream_position", 7):
    DECODED.append(("batch", STREAMS + "BatchAppendReq", f"options {{ {STREAM} {text} }}",
                    f"options=1 id=none:{ZERO} stream=s-1 expected={expected} deadline=none:0 "
                    "final=0 count=0"))
for mode in "all", "transient", "continuous", "one_time":
    DECODED.append(("statistics", "event_store.client.projections.StatisticsReq",
                    f"options {{ {mode} {{ }} }}", f"mode={mode} name="))

count = 0
failed = False


def result(good, name, *lines):
    global count, failed
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        failed = True
        for line in lines:
            print(f"# {line[:2000]}")


def protoc(verb, message_type, given):
    files = {"server_features": "server_features", "gossip": "gossip", "projections": "projections"}
    file = files.get(message_type.split(".")[2], "streams")
    command = ["protoc", f"--proto_path={PROTO}", f"--proto_path={WELL_KNOWN}",
               f"--{verb}={message_type}", f"kurrent/{file}.proto"]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    return done.stdout, done.stderr.decode()


def words(text):
    """The same for every layout."""
    return re.sub(r"\s+", " ", text).strip()


ANY = re.compile(r'type_url: "type.googleapis.com/([^"]+)"(?: value: "((?:[^"\\]|\\.)*)")?')


def open_any(match):
    """protoc shows the bytes of an Any: let it read them as well."""
    value = (match[2] or "").encode().decode("unicode_escape").encode("latin-1")
    text, error = protoc("decode", match[1], value)
    return f"[type.googleapis.com/{match[1]}] {{ {text.decode()} }} {error}"


def test_encoder(name, encoded):
    message_type, wanted = ENCODED[name]
    whole = bytes.fromhex(encoded)
    flag, size = whole[0], int.from_bytes(whole[1:5], "big")
    got, error = protoc("decode", message_type, whole[5:])
    got, wanted = words(ANY.sub(open_any, words(got.decode()))), words(wanted)
    good = flag == 0 and size == len(whole) - 5 and got == wanted and error == ""
    result(good, f"protoc reads {name}", f"wanted {wanted}", f"got    {got}", error)


def test_decoder(vectors, kind, message_type, text, wanted):
    given, error = protoc("encode", message_type, text.encode())
    done = subprocess.run([vectors, "decode", kind, given.hex()], capture_output=True, check=False)
    got = done.stdout.decode().strip()
    good = got == wanted and done.returncode == 0 and error == ""
    result(good, f"{kind} reads {message_type.split('.')[-1]} {{ {text} }}".replace("#", ""),
           f"wanted {wanted}", f"got    {got}", error, done.stderr.decode())


def main():
    if shutil.which("protoc") is None:
        print("1..0 # SKIP protoc is not installed (Debian: protobuf-compiler)")
        return 0
    vectors = os.environ["WIRE_VECTORS"]
    done = subprocess.run([vectors, "encode"], capture_output=True, check=True, text=True)
    encoded = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    result(set(encoded) == set(ENCODED), "each sample is expected, and each expectation has a sample",
           str(set(encoded) ^ set(ENCODED)))
    for name in sorted(set(encoded) & set(ENCODED)):
        test_encoder(name, encoded[name])
    for case in DECODED:
        test_decoder(vectors, *case)
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
