"""KurrentDB's protocol by hand, for tests: messages as bytes, over Debian's python3-grpcio.

No generated code, so that a test can also send what no client would send.
"""
import os
import uuid

import grpc


class Skipped(Exception):
    """The case cannot run here, for this reason."""


def needs_own_memory():
    """For cases that measure the server's memory."""
    with open(os.environ["FACTUM"], "rb") as program:
        code = program.read()
    if b"__asan_init" in code or b"__tsan_init" in code:
        raise Skipped("a sanitizer takes memory of its own")

STREAMS = "/event_store.client.streams.Streams/"
FEATURES = "/event_store.client.server_features.ServerFeatures/GetSupportedMethods"
GOSSIP = "/event_store.client.gossip.Gossip/Read"
STATISTICS = "/event_store.client.projections.Projections/Statistics"
NONE = 2 ** 64 - 1
EMPTY = b""


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, value):
    """A field: a number as varint, text and bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value & NONE)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


class Message:
    """A decoded message: its fields in their order."""

    def __init__(self, data):
        self.fields = []
        at = 0
        while at < len(data):
            tag, at = self.take_varint(data, at)
            if tag & 7 == 0:
                value, at = self.take_varint(data, at)
            elif tag & 7 == 2:
                size, at = self.take_varint(data, at)
                value, at = data[at:at + size], at + size
                assert at <= len(data), "a field beyond its message"
            elif tag & 7 == 5:
                value, at = data[at:at + 4], at + 4
            elif tag & 7 == 1:
                value, at = data[at:at + 8], at + 8
            else:
                raise AssertionError(f"wire type {tag & 7}")
            self.fields.append((tag >> 3, value))

    @staticmethod
    def take_varint(data, at):
        number = shift = 0
        while True:
            byte = data[at]
            at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number, at

    def all(self, number):
        return [value for at, value in self.fields if at == number]

    def has(self, number):
        return any(at == number for at, _ in self.fields)

    def get(self, number, default=None):
        """The last value of the field, as proto3 demands."""
        found = self.all(number)
        return found[-1] if found else default

    def sub(self, number):
        """The message in a field; None if it is missing."""
        found = self.get(number)
        return None if found is None else Message(found)


# ---- what is asked -------------------------------------------------------------------------------

def stream_id(name):
    return field(3, name)


def text_id(value=None):
    return field(2, str(value or uuid.uuid4()))


def structured_id(value):
    def signed(half):
        return int.from_bytes(half, "big")
    raw = value.bytes
    return field(1, field(1, signed(raw[:8])) + field(2, signed(raw[8:])))


def entry(key, value):
    return field(2, field(1, key) + field(2, value))


def event(data=b"{}", kind="t", id=None, metadata=b"", content_type="application/json", more=b""):
    """A ProposedMessage."""
    out = field(1, id or text_id())
    if kind is not None:
        out += entry("type", kind)
    if content_type is not None:
        out += entry("content-type", content_type)
    if metadata:
        out += field(3, metadata)
    return out + field(4, data) + more


ANY, NO_STREAM, EXISTS = field(4, EMPTY), field(3, EMPTY), field(5, EMPTY)  # Append, Delete
BATCH_ANY, BATCH_NO_STREAM, BATCH_EXISTS = field(4, EMPTY), field(3, EMPTY), field(5, EMPTY)


def at(revision):
    return field(2, revision)


def append_requests(stream, events, expected=ANY):
    return [field(1, field(1, stream_id(stream)) + expected)] + [field(2, each) for each in events]


def batch_options(stream, expected=BATCH_ANY, deadline=b""):
    return field(2, field(1, stream_id(stream)) + expected + deadline)


def batch(correlation, options, events, final=True):
    """A BatchAppendReq."""
    return (field(1, correlation) + options + b"".join(field(3, each) for each in events)
            + (field(4, 1) if final else b""))


def seconds(number, nanos=0):
    return (field(1, number) if number else b"") + (field(2, nanos) if nanos else b"")


FORWARDS, BACKWARDS = b"", field(3, 1)
START, END = field(3, EMPTY), field(4, EMPTY)      # of a stream
ALL_START, ALL_END = field(2, EMPTY), field(3, EMPTY)
SUBSCRIBE = field(6, EMPTY)
NO_FILTER = field(8, EMPTY)
AS_TEXT, AS_STRUCTURE = field(9, field(2, EMPTY)), field(9, field(1, EMPTY))


def read_stream(name, start=START, amount=field(5, 1000), rest=FORWARDS, ids=AS_TEXT, filter=NO_FILTER):
    return field(1, field(1, field(1, stream_id(name)) + start) + rest + amount + filter + ids)


def read_all(start=ALL_START, amount=field(5, 1000), rest=FORWARDS, ids=AS_TEXT, filter=NO_FILTER):
    return field(1, field(2, start) + rest + amount + filter + ids)


def all_at(position):
    return field(1, field(1, position) + field(2, position))


def filter_on(kind, regex=None, prefixes=(), window=field(4, EMPTY), every=1):
    """kind 1: stream names, 2: types."""
    expression = (field(1, regex) if regex is not None else b"") + b"".join(
        field(2, prefix) for prefix in prefixes)
    return field(7, field(kind, expression) + window + (field(5, every) if every else b""))


# ---- calls ---------------------------------------------------------------------------------------

class Client:
    def __init__(self, address, **options):
        given = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
                 ("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(address, options=given, **options)

    def close(self):
        self.channel.close()

    def unary(self, path, request, **options):
        return self.channel.unary_unary(path)(request, timeout=options.pop("timeout", 20), **options)

    def append(self, stream, events, expected=ANY, **options):
        options.setdefault("timeout", 20)
        call = self.channel.stream_unary(STREAMS + "Append")
        return Message(call(iter(append_requests(stream, events, expected)), **options))

    def read(self, request, **options):
        options.setdefault("timeout", 20)
        return [Message(each) for each in self.channel.unary_stream(STREAMS + "Read")(request, **options)]

    def subscribe(self, request):
        return self.channel.unary_stream(STREAMS + "Read")(request, timeout=60)

    def batches(self, requests, **options):
        """The replies to requests of one BatchAppend call that is half-closed after them."""
        options.setdefault("timeout", 20)
        call = self.channel.stream_stream(STREAMS + "BatchAppend")
        return [Message(each) for each in call(iter(requests), **options)]

    def delete(self, stream, expected=ANY, method="Delete", **options):
        return Message(self.unary(STREAMS + method, field(1, field(1, stream_id(stream)) + expected),
                                  **options))


def events_of(messages):
    """The RecordedEvents (or links) of the answers to a read."""
    found = [message.sub(1) for message in messages if message.has(1)]
    return [each.sub(1) or each.sub(2) for each in found]


def metadata_of(recorded):
    entries = [Message(each) for each in recorded.all(6)]
    return {each.get(1, b"").decode(): each.get(2, b"").decode() for each in entries}
