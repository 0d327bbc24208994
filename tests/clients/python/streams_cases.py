"""gRPC's C core, on which most languages' clients are built, against the server: each call of the
KurrentDB protocol, with messages that clients send and with messages that they should not send.

    streams_cases.py [WORD OF A CASE'S NAME]...    FACTUM_ADDRESS names the server

Prints "ok - NAME" or "not ok - NAME" for each case.
"""
import os
import queue
import sys
import threading
import time
import traceback
import urllib.request
import uuid

import grpc

from kurrent import *  # the words of the protocol

ADDRESS = os.environ["FACTUM_ADDRESS"]
CASES = []
Code = grpc.StatusCode


def case(function):
    CASES.append(function)
    return function


def name():
    return "python-" + uuid.uuid4().hex


def equal(got, wanted):
    assert got == wanted, f"{got!r}, not {wanted!r}"


def refused(code, call, key=None, text=None, **trailers):
    """The call is refused with this code, trailer "exception", words and trailers."""
    try:
        answer = call()
    except grpc.RpcError as error:
        equal(error.code(), code)
        got = {item.key: item.value for item in error.trailing_metadata() or ()}
        equal(got.get("exception"), key)
        for trailer, value in trailers.items():
            equal(got.get(trailer.replace("_", "-")), value)
        assert text is None or text in error.details(), error.details()
        return error.details()
    raise AssertionError(f"was answered: {answer!r}")


client = Client(ADDRESS)


# ---- Append --------------------------------------------------------------------------------------

@case
def an_append_of_three_events_says_their_last_revision_and_position():
    stream = name()
    success = client.append(stream, [event(), event(), event()], NO_STREAM).sub(1)
    equal(success.get(1), 2)
    position = success.sub(3)
    assert position.get(1) == position.get(2) > 0
    equal([each.get(3, 0) for each in events_of(client.read(read_stream(stream)))], [0, 1, 2])


@case
def revision_0_is_written_although_it_is_a_default():
    success = client.append(name(), [event()]).sub(1)
    assert success.has(1) and success.get(1) == 0


@case
def a_wrong_revision_is_an_answer_and_no_error():
    stream = name()
    client.append(stream, [event(), event()])
    wrong = client.append(stream, [event()], at(7)).sub(2)
    equal((wrong.get(6), wrong.get(8), wrong.get(1), wrong.get(3)), (1, 7, 1, 7))
    wrong = client.append(stream, [event()], NO_STREAM).sub(2)
    assert wrong.has(11) and wrong.get(6) == 1 and wrong.get(3) == NONE
    wrong = client.append(name(), [event()], EXISTS).sub(2)
    assert wrong.has(7) and wrong.has(10) and wrong.has(2)
    wrong = client.append(name(), [event()], at(0)).sub(2)
    assert wrong.has(7) and wrong.has(8) and wrong.get(8) == 0


@case
def the_same_append_again_gets_the_first_answer():
    stream, same = name(), [event(id=text_id()), event(id=text_id())]
    first = client.append(stream, same, NO_STREAM)
    equal(client.append(stream, same, NO_STREAM).fields, first.fields)
    equal(client.append(stream, same, ANY).fields, first.fields)
    equal(len(events_of(client.read(read_stream(stream)))), 2)


@case
def an_append_without_events_says_how_the_stream_stands():
    stream = name()
    success = client.append(stream, []).sub(1)
    assert success.has(2) and success.has(4)
    client.append(stream, [event(), event()])
    success = client.append(stream, [], at(1)).sub(1)
    equal(success.get(1), 1)
    assert client.append(stream, [], at(5)).has(2)
    assert client.append(stream, [], NO_STREAM).has(2)


@case
def ids_go_in_and_out_in_both_forms():
    stream, id = name(), uuid.uuid4()
    high = uuid.UUID("ffeeddcc-bbaa-4988-8766-554433221100")
    client.append(stream, [event(id=structured_id(id)), event(id=text_id(str(high).upper()))])
    equal([each.sub(1).get(2).decode() for each in events_of(client.read(read_stream(stream)))],
          [str(id), str(high)])
    halves = [each.sub(1).sub(1) for each in events_of(client.read(read_stream(stream, ids=AS_STRUCTURE)))]
    equal([each.get(1).to_bytes(8, "big") + each.get(2).to_bytes(8, "big") for each in halves],
          [id.bytes, high.bytes])


@case
def data_and_metadata_of_every_byte_come_back_as_they_were():
    stream, raw = name(), bytes(range(256))
    client.append(stream, [event(raw, "\N{SNOWMAN} type", metadata=raw[::-1],
                                 content_type="application/octet-stream"), event(b"", "empty")])
    first, second = events_of(client.read(read_stream(stream)))
    equal((first.get(8), first.get(7)), (raw, raw[::-1]))
    words = metadata_of(first)
    equal((words["type"], words["content-type"]), ("\N{SNOWMAN} type", "application/octet-stream"))
    assert abs(int(words["created"]) / 1e7 - time.time()) < 60, words["created"]
    equal((second.get(8, b""), second.get(7, b"")), (b"", b""))


@case
def an_event_needs_an_id_a_type_and_a_content_type():
    def append(one):
        return lambda: client.append(name(), [one])
    nil = uuid.UUID(int=0)
    for bad in (text_id("0" * 8 + "-0000-0000-0000-" + "0" * 12), structured_id(nil), text_id("no uuid"),
                field(2, ""), b"", field(1, b"")):
        refused(Code.INVALID_ARGUMENT, append(field(1, bad) + event()[len(field(1, text_id())):]), text="id")
    missing = dict(key="missing-required-metadata-property", required_metadata_properties="type,content-type")
    refused(Code.INVALID_ARGUMENT, append(event(kind=None)), text="'type'", **missing)
    refused(Code.INVALID_ARGUMENT, append(event(content_type=None)), text="'content-type'", **missing)
    refused(Code.INVALID_ARGUMENT, append(event(kind="")))


@case
def options_come_first_and_once():
    stream = name()
    call = client.channel.stream_unary(STREAMS + "Append")
    for requests in ([field(2, event())], append_requests(stream, []) * 2, [EMPTY],
                     append_requests(stream, [])[:1] + [EMPTY], []):
        refused(Code.INVALID_ARGUMENT, lambda: call(iter(requests), timeout=10))
    equal(len(events_of(client.read(read_stream(stream)))), 0)


@case
def an_append_needs_a_stream_and_an_expected_revision():
    refused(Code.INVALID_ARGUMENT, lambda: client.append("", [event()]), text="stream")
    refused(Code.INVALID_ARGUMENT, lambda: client.append(name(), [event()], b""), text="revision")
    refused(Code.INVALID_ARGUMENT, lambda: client.append(name(), [event()], at(2 ** 63)), text="revision")
    call = client.channel.stream_unary(STREAMS + "Append")
    refused(Code.INVALID_ARGUMENT, lambda: call(iter([field(1, ANY)]), timeout=10))
    refused(Code.INVALID_ARGUMENT, lambda: call(iter([field(1, field(1, field(3, b"\xff\xfe")) + ANY)]), timeout=10))
    refused(Code.INVALID_ARGUMENT, lambda: client.append("$all", [event()]))
    refused(Code.INVALID_ARGUMENT, lambda: client.append("x" * 70000, [event()]))


@case
def an_event_of_15_mib_is_written_and_read():
    stream, big = name(), b"x" * (15 << 20)
    client.append(stream, [event(big)])
    equal(events_of(client.read(read_stream(stream)))[0].get(8), big)


@case
def an_event_that_is_too_big_is_refused_with_its_size():
    id = uuid.uuid4()
    refused(Code.INVALID_ARGUMENT, lambda: client.append(name(), [event(b"x" * (17 << 20), id=text_id(id))]),
            key="maximum-append-event-size-exceeded", event_id=str(id),
            maximum_append_event_size=str(16 << 20), proposed_append_event_size=str(17 << 20))


@case
def an_append_that_is_too_big_is_refused_whole():
    stream = name()
    refused(Code.INVALID_ARGUMENT, lambda: client.append(stream, [event(b"x" * (8 << 20)) for _ in range(5)]),
            key="maximum-append-size-exceeded", maximum_append_size=str(32 << 20))
    equal(len(events_of(client.read(read_stream(stream)))), 0)


@case
def what_the_server_ignores_counts_too():
    more = b"".join(entry(f"ignored-{i}", "x" * (1 << 20)) for i in range(12))
    refused(Code.INVALID_ARGUMENT, lambda: client.append(name(), [event(more=more) for _ in range(6)]),
            key="maximum-append-size-exceeded")


@case
def a_message_beyond_every_limit_is_refused():
    refused(Code.RESOURCE_EXHAUSTED, lambda: client.append(name(), [event(b"x" * (60 << 20))]))
    client.append(name(), [event()])


@case
def fields_that_are_unknown_are_passed_over():
    stream = name()
    client.append(stream, [event(more=field(99, b"later") + field(100, 7))])
    equal(len(events_of(client.read(read_stream(stream) + field(77, 1)))), 1)


@case
def messages_that_are_no_messages_are_refused():
    call = client.channel.stream_unary(STREAMS + "Append")
    for bad in (b"\x0a\xff", b"\x0a\x05ab", b"\xff" * 11, b"\x07", b"\x00", b"\x0b\x0b\x0b"):
        refused(Code.INVALID_ARGUMENT, lambda: call(iter([bad]), timeout=10))
        refused(Code.INVALID_ARGUMENT, lambda: client.read(bad))
        refused(Code.INVALID_ARGUMENT, lambda: client.unary(STREAMS + "Delete", bad))
        refused(Code.INVALID_ARGUMENT, lambda: client.batches([bad]))
        refused(Code.INVALID_ARGUMENT, lambda: client.unary(STATISTICS, bad))


# ---- BatchAppend ---------------------------------------------------------------------------------

@case
def a_batch_is_answered_with_its_id_stream_and_expectation():
    stream, correlation = name(), uuid.uuid4()
    reply, = client.batches([batch(text_id(correlation), batch_options(stream, BATCH_NO_STREAM), [event()] * 1)])
    equal(reply.sub(1).get(2).decode(), str(correlation))
    equal(reply.sub(4).get(3).decode(), stream)
    assert reply.has(6)
    success = reply.sub(3)
    assert success.has(1) and success.get(1) == 0 and success.sub(3).get(1) == success.sub(3).get(2)


@case
def a_batch_with_a_structured_id_is_answered_in_that_form():
    correlation = uuid.uuid4()
    reply, = client.batches([batch(structured_id(correlation), batch_options(name()), [event()])])
    halves = reply.sub(1).sub(1) or Message(b"")
    got = reply.sub(1).get(2)
    if got is None:
        equal(halves.get(1).to_bytes(8, "big") + halves.get(2).to_bytes(8, "big"), correlation.bytes)
    else:
        equal(got.decode(), str(correlation))


@case
def a_batch_in_chunks_is_one_append():
    stream, id = name(), text_id()
    reply, = client.batches(
        [batch(id, batch_options(stream, BATCH_NO_STREAM), [event()], False)] +
        [batch(id, b"", [event(), event()], False) for _ in range(5)] + [batch(id, b"", [])])
    equal(reply.sub(3).get(1), 10)
    positions = [each.get(5) for each in events_of(client.read(read_stream(stream)))]
    assert positions == sorted(set(positions)) and len(positions) == 11


@case
def two_batches_in_chunks_may_alternate():
    first, second, one, two = name(), name(), text_id(), text_id()
    replies = client.batches([
        batch(one, batch_options(first), [event()], False), batch(two, batch_options(second), [event()], False),
        batch(one, b"", [event()], False), batch(two, b"", [event()]), batch(one, b"", [event()])])
    equal(sorted((each.sub(4).get(3).decode(), each.sub(3).get(1)) for each in replies),
          sorted([(first, 2), (second, 1)]))


@case
def a_batch_of_many_small_chunks_does_not_stall():
    stream, id = name(), text_id()
    reply, = client.batches(
        [batch(id, batch_options(stream), [], False)] +
        [batch(id, b"", [event(b"x" * 12000)], False) for _ in range(1000)] + [batch(id, b"", [])], timeout=20)
    equal(reply.sub(3).get(1), 999)


@case
def twenty_batches_of_15_mib_wait_for_each_other_in_the_client():
    stream, big = name(), event(b"x" * (15 << 20))
    requests = (batch(text_id(), batch_options(stream, at(i - 1) if i else BATCH_NO_STREAM), [big])
                for i in range(20))
    equal([reply.has(3) for reply in client.batches(requests, timeout=40)], [True] * 20)


@case
def batches_that_fit_are_answered_while_others_wait_for_chunks():
    requests = queue.Queue()
    replies = client.channel.stream_stream(STREAMS + "BatchAppend")(iter(requests.get, None), timeout=20)
    waiting = text_id()
    requests.put(batch(waiting, batch_options(name()), [event(b"x" * 1000)] * 1, False))
    for _ in range(100):
        requests.put(batch(text_id(), batch_options(name()), [event(b"x" * 20000)]))
    got = [Message(next(replies)) for _ in range(100)]
    assert all(each.has(3) for each in got)
    requests.put(batch(waiting, b"", []))
    assert Message(next(replies)).has(3)
    requests.put(None)
    equal(list(replies), [])


@case
def the_errors_of_a_batch_have_details_and_leave_the_call_open():
    stream, gone = name(), name()
    client.append(stream, [event(), event()])
    client.delete(gone, ANY, "Tombstone")
    big = 17 << 20
    for options, events, code, kind in (
            (batch_options(stream, at(9)), [event()], 6, "WrongExpectedVersion"),
            (batch_options(stream, BATCH_NO_STREAM), [event()], 6, "WrongExpectedVersion"),
            (batch_options(name(), BATCH_EXISTS), [event()], 6, "WrongExpectedVersion"),
            (batch_options(gone), [event()], 5, "StreamDeleted"),
            (batch_options(stream), [event(b"x" * big)], 3, "MaximumAppendEventSizeExceeded"),
            (batch_options(stream), [event(b"x" * (9 << 20)) for _ in range(4)], 3, "MaximumAppendSizeExceeded"),
            (batch_options(""), [event()], 3, "BadRequest"),
            (batch_options(stream, b""), [event()], 3, "BadRequest"),
            (batch_options(stream), [event(kind=None)], 3, "BadRequest"),
            (batch_options(stream), [event(content_type=None)], 3, "BadRequest"),
            (batch_options(stream), [event(id=text_id("nonsense"))], 3, "BadRequest"),
            (batch_options(stream), [event(id=structured_id(uuid.UUID(int=0)))], 3, "BadRequest"),
            (batch_options(stream, deadline=field(7, EMPTY)), [event()], 4, "Timeout"),
            (batch_options(stream, deadline=field(7, seconds(NONE - 4))), [event()], 4, "Timeout"),
            (batch_options(stream, deadline=field(6, seconds(1600000000))), [event()], 4, "Timeout")):
        after = text_id()
        refusal, success = sorted(client.batches([batch(text_id(), options, events),
                                                  batch(after, batch_options(name()), [event()])]),
                                  key=lambda reply: reply.has(3))
        assert success.has(3), kind
        status = refusal.sub(2)
        details = status.sub(3)
        equal((status.get(1), details.get(1).decode()), (code, "type.googleapis.com/event_store.client." + kind))
        assert status.get(2), "no text"
        assert refusal.has(4), "no stream"
        if kind == "WrongExpectedVersion":
            assert Message(details.get(2)).has(1) or Message(details.get(2)).has(2)
    equal(len(events_of(client.read(read_stream(stream)))), 2)


@case
def a_batch_with_time_left_is_written_with_either_deadline():
    for deadline in (field(7, seconds(5)), field(7, seconds(5, 500000000)), field(7, seconds(2 ** 62)),
                     field(6, seconds(int(time.time()) + 60, 5))):
        reply, = client.batches([batch(text_id(), batch_options(name(), deadline=deadline), [event()])])
        assert reply.has(3)


@case
def a_batch_whose_last_chunk_does_not_come_in_time_is_answered_once():
    requests = queue.Queue()
    replies = client.channel.stream_stream(STREAMS + "BatchAppend")(iter(requests.get, None), timeout=20)
    stream, id = name(), text_id()
    requests.put(batch(id, batch_options(stream, deadline=field(7, seconds(0, 200000000))), [event()], False))
    reply = Message(next(replies))
    equal(reply.sub(2).get(1), 4)
    requests.put(batch(id, b"", [event()]))  # late: not answered
    requests.put(batch(text_id(), batch_options(name()), [event()]))
    assert Message(next(replies)).has(3)
    requests.put(None)
    equal(list(replies), [])
    assert client.read(read_stream(stream))[0].has(4)


@case
def a_chunk_of_an_unknown_id_is_not_answered():
    reply, = client.batches([batch(text_id(), b"", [event()]), batch(text_id(), batch_options(name()), [event()])])
    assert reply.has(3)


@case
def a_batch_without_an_id_ends_the_call():
    refused(Code.INVALID_ARGUMENT, lambda: client.batches([batch_options(name()) + field(4, 1)]))
    refused(Code.INVALID_ARGUMENT, lambda: client.batches([batch(text_id("x"), batch_options(name()), [])]))


@case
def an_empty_batch_says_how_the_stream_stands():
    stream = name()
    reply, = client.batches([batch(text_id(), batch_options(stream), [])])
    assert reply.sub(3).has(2)
    client.append(stream, [event()] * 1)
    reply, = client.batches([batch(text_id(), batch_options(stream), [])])
    equal(reply.sub(3).get(1), 0)


@case
def a_half_closed_batch_call_answers_what_is_pending_and_ends_well():
    ids = [uuid.uuid4() for _ in range(2000)]
    replies = client.batches([batch(text_id(id), batch_options(name()), [event(), event()]) for id in ids])
    equal(sorted(reply.sub(1).get(2).decode() for reply in replies), sorted(map(str, ids)))
    assert all(reply.has(3) for reply in replies)


@case
def a_batch_without_its_last_chunk_is_refused_at_the_half_close():
    stream, id = name(), uuid.uuid4()
    reply, = client.batches([batch(text_id(id), batch_options(stream), [event()], False)])
    equal((reply.sub(1).get(2).decode(), reply.sub(2).get(1)), (str(id), 3))
    equal(client.batches([]), [])
    assert client.read(read_stream(stream))[0].has(4)


@case
def too_many_open_batches_are_refused_each_by_itself():
    ids = [uuid.uuid4() for _ in range(70)]
    requests = [batch(text_id(id), batch_options(name()), [event()], False) for id in ids]
    requests += [batch(text_id(id), b"", []) for id in ids]
    replies = client.batches(requests)
    equal(len(replies), 70)
    equal(sum(reply.has(3) for reply in replies), 64)


@case
def a_batch_of_30000_events_is_one_append():
    stream, id = name(), text_id()
    reply, = client.batches([batch(id, batch_options(stream) if i == 0 else b"",
                                   [event(b"{\"n\":1}") for _ in range(3000)], i == 9) for i in range(10)])
    equal(reply.sub(3).get(1), 29999)


# ---- Read ----------------------------------------------------------------------------------------

def filled(count):
    stream = name()
    client.append(stream, [event(b"%d" % i) for i in range(count)])
    return stream


def revisions(request):
    return [each.get(3, 0) for each in events_of(client.read(request))]


@case
def reads_of_a_stream_start_and_end_where_they_should():
    stream = filled(10)
    two = field(5, 2)
    equal(revisions(read_stream(stream, amount=two)), [0, 1])
    equal(revisions(read_stream(stream, at(7))), [7, 8, 9])
    equal(revisions(read_stream(stream, at(9))), [9])
    equal(revisions(read_stream(stream, at(10))), [])
    equal(revisions(read_stream(stream, at(2 ** 62))), [])
    equal(revisions(read_stream(stream, at(2 ** 63 - 1))), [])
    equal(revisions(read_stream(stream, END)), [])
    equal(revisions(read_stream(stream, at(NONE))), [])
    equal(revisions(read_stream(stream, END, two, BACKWARDS)), [9, 8])
    equal(revisions(read_stream(stream, at(NONE), two, BACKWARDS)), [9, 8])
    equal(revisions(read_stream(stream, at(4), two, BACKWARDS)), [4, 3])
    equal(revisions(read_stream(stream, at(99), two, BACKWARDS)), [9, 8])
    equal(revisions(read_stream(stream, at(2 ** 63 - 1), two, BACKWARDS)), [9, 8])
    equal(revisions(read_stream(stream, START, two, BACKWARDS)), [0])
    equal(revisions(read_stream(stream, amount=field(5, 2 ** 53 - 1))), list(range(10)))
    equal(revisions(read_stream(stream, amount=field(5, NONE))), list(range(10)))
    equal(revisions(read_stream(stream, amount=field(5, 0))), [])


@case
def a_revision_that_no_stream_can_have_is_refused():
    stream = filled(1)
    for revision in (2 ** 63, NONE - 1):
        refused(Code.INVALID_ARGUMENT, lambda: client.read(read_stream(stream, at(revision))))
        refused(Code.INVALID_ARGUMENT, lambda: client.read(read_all(all_at(revision))))


@case
def a_missing_stream_is_an_answer():
    stream = name()
    answer, = client.read(read_stream(stream))
    equal(answer.sub(4).sub(1).get(3).decode(), stream)
    for start, way in ((at(5), FORWARDS), (END, BACKWARDS), (END, FORWARDS), (START, BACKWARDS)):
        answer, = client.read(read_stream(stream, start, rest=way))
        assert answer.has(4)


@case
def compatibility_1_is_told_where_the_stream_ends():
    stream = filled(5)
    control = field(10, field(1, 1))
    equal(client.read(read_stream(stream, rest=control, amount=field(5, 2)))[-1].get(6), 4)
    equal(client.read(read_stream(stream, END, rest=control + BACKWARDS))[-1].get(6), 4)
    client.append("$$" + stream, [event(b'{"$tb":3}', "$metadata")])
    answers = client.read(read_stream(stream, rest=control))
    equal([each.get(3) for each in events_of(answers)], [3, 4])
    equal(answers[-1].get(6), 4)
    assert not any(each.has(6) for each in client.read(read_stream(stream)))


@case
def a_read_from_the_end_of_a_truncated_stream_is_told_the_end_alone():
    stream = filled(4)
    client.append("$$" + stream, [event(b'{"$tb":2}', "$metadata")])
    caught_up, = client.read(read_stream(stream, start=END, rest=field(10, field(1, 1))))
    equal(caught_up.get(6), 3)


@case
def reads_of_all_go_both_ways_from_positions():
    stream = filled(6)
    places = [each.get(5) for each in events_of(client.read(read_stream(stream)))]
    one, two = field(5, 1), field(5, 2)

    def positions(*options, **more):
        return [each.get(5) for each in events_of(client.read(read_all(*options, **more)))]
    equal(positions(all_at(places[2]), two), places[2:4])
    equal(positions(all_at(places[2]), two, BACKWARDS), [places[1], places[0]])
    equal(positions(ALL_END, two, BACKWARDS), [places[5], places[4]])
    equal(positions(all_at(NONE), two, BACKWARDS), [places[5], places[4]])
    equal(positions(ALL_END, one), [])
    equal(positions(all_at(NONE), one), [])
    equal(positions(ALL_START, one, BACKWARDS), [])
    equal(positions(all_at(0), one, BACKWARDS), [])
    equal(positions(all_at(0), two), positions(ALL_START, two))
    equal(len(positions(all_at(places[0]), field(5, 6))), 6)
    every = positions(ALL_START, field(5, 2 ** 53))
    assert every == sorted(set(every))
    equal(positions(ALL_END, field(5, 2 ** 53), BACKWARDS), every[::-1])
    answer = client.read(read_all(all_at(places[0]), one))[0].sub(1)
    equal(answer.get(3), places[0])


@case
def combinations_that_have_no_meaning_are_refused():
    stream = filled(1)
    some = filter_on(1, prefixes=["a"])
    for request in (
            EMPTY, field(1, EMPTY),
            field(1, field(5, 1) + NO_FILTER + AS_TEXT),  # neither a stream nor $all
            read_stream(stream, b""), read_all(b""),  # from where?
            read_stream(stream, amount=b""), read_all(amount=b""),
            read_stream(stream, filter=some), read_stream(stream, amount=SUBSCRIBE, filter=some),
            read_stream(stream, amount=SUBSCRIBE, rest=BACKWARDS), read_all(amount=SUBSCRIBE, rest=BACKWARDS),
            read_stream(stream, ids=b""), read_all(ids=b""), read_stream(stream, ids=field(9, EMPTY)),
            read_stream(stream, rest=field(3, 2)), read_stream(""),
            field(1, field(1, START) + field(5, 1) + NO_FILTER + AS_TEXT),
            read_all(filter=field(7, EMPTY)), read_all(filter=filter_on(1)), read_all(filter=filter_on(1, "(")),
            read_all(filter=filter_on(1, prefixes=["a"], window=field(3, 0))),
            read_all(amount=SUBSCRIBE, filter=filter_on(1, prefixes=["a"], every=0)),
            read_all(filter=filter_on(1, prefixes=["$idx-ce-a", "b"]))):
        try:
            refused(Code.INVALID_ARGUMENT, lambda: client.read(request))
        except AssertionError as error:
            raise AssertionError(f"{request.hex()}: {error}") from None


@case
def filters_find_streams_and_types():
    mark = uuid.uuid4().hex[:12]
    client.append(f"{mark}a-1", [event(kind=f"{mark}A"), event(kind=f"{mark}B")])
    client.append(f"{mark}b-1", [event(kind=f"{mark}A")])

    def found(filter, way=FORWARDS, amount=field(5, 100)):
        start = ALL_END if way else ALL_START
        return [(each.sub(2).get(3).decode()[12:], metadata_of(each)["type"][12:])
                for each in events_of(client.read(read_all(start, amount, way, filter=filter)))]
    equal(found(filter_on(1, prefixes=[mark + "b"])), [("b-1", "A")])
    equal(found(filter_on(1, f"^{mark}a-\\d$")), [("a-1", "A"), ("a-1", "B")])
    equal(found(filter_on(2, f"{mark}A$")), [("a-1", "A"), ("b-1", "A")])
    equal(found(filter_on(2, f"^(?!\\$){mark}.*")), [("a-1", "A"), ("a-1", "B"), ("b-1", "A")])
    equal(found(filter_on(2, prefixes=["nothing", mark + "B"])), [("a-1", "B")])
    equal(found(filter_on(2, mark), BACKWARDS), [("b-1", "A"), ("a-1", "B"), ("a-1", "A")])
    equal(found(filter_on(2, mark), amount=field(5, 1)), [("a-1", "A")])
    equal(found(filter_on(2, mark, window=field(3, 1)), amount=field(5, 2)), [("a-1", "A"), ("a-1", "B")])
    equal(found(filter_on(1, prefixes=[f"$idx-ce-{mark}a"])), [("a-1", "A"), ("a-1", "B")])
    equal(found(filter_on(1, prefixes=[f"$idx-et-{mark}A"])), [("a-1", "A"), ("b-1", "A")])


@case
def a_costly_expression_does_not_keep_others_waiting():
    client.append("a" * 18, [event()] * 3000)  # each needs some 5 ms
    scan = Client(ADDRESS)
    scan.append(name(), [event()])  # it is connected
    reading = scan.channel.unary_stream(STREAMS + "Read")(read_all(filter=filter_on(1, "^(a|aa)+[bc]")), timeout=20)
    time.sleep(0.5)  # the scan begins
    for _ in range(5):
        client.append(name(), [event()])
    scans = reading.is_active()
    reading.cancel()
    scan.close()
    assert scans  # it takes some 15 s


@case
def an_index_that_is_not_there_is_said():
    refused(Code.NOT_FOUND, lambda: client.read(read_all(filter=filter_on(1, prefixes=["$idx-user-mine"]))),
            key="index-not-found", index_name="$idx-user-mine")
    empty = "$idx-ce-" + name()
    refused(Code.NOT_FOUND, lambda: client.read(read_all(filter=filter_on(1, prefixes=[empty]))),
            key="index-not-found", index_name=empty)


@case
def an_expression_wins_over_the_name_of_an_index():
    mark = uuid.uuid4().hex
    client.append(f"{mark}-1", [event()])
    found = client.read(read_all(filter=filter_on(1, f"^{mark}-2", ["$idx-ce-" + mark])))
    equal(events_of(found), [])


@case
def categories_and_types_are_streams_of_links():
    mark = uuid.uuid4().hex
    client.append(f"{mark}-1", [event(kind=mark + "A"), event(kind=mark + "B")])
    client.append(f"{mark}-2", [event(kind=mark + "A")])
    links = events_of(client.read(read_stream("$ce-" + mark)))
    equal([each.get(8).decode() for each in links], [f"0@{mark}-1", f"1@{mark}-1", f"0@{mark}-2"])
    equal([each.get(3, 0) for each in links], [0, 1, 2])
    equal(metadata_of(links[0])["type"], "$>")
    resolved = [each.sub(1) for each in client.read(read_stream("$et-" + mark + "A", rest=field(4, 1)))]
    equal([each.sub(1).sub(2).get(3).decode() for each in resolved], [f"{mark}-1", f"{mark}-2"])
    equal([each.sub(2).get(3, 0) for each in resolved], [0, 1])
    again = events_of(client.read(read_stream("$ce-" + mark)))
    equal([each.sub(1).get(2) for each in again], [each.sub(1).get(2) for each in links])
    answer, = client.read(read_stream("$ce-" + name()))
    assert answer.has(4)


@case
def a_list_that_is_read_from_its_end_on_is_not_missing():
    mark = uuid.uuid4().hex
    client.append(f"{mark}-1", [event(), event()])
    for start in (at(2), END):
        equal(client.read(read_stream("$ce-" + mark, start=start)), [])


@case
def links_to_what_was_deleted_or_truncated_lead_nowhere():
    mark = uuid.uuid4().hex
    for number in range(4):
        client.append(f"{mark}-{number}", [event(), event()])
    client.delete(f"{mark}-0")
    client.delete(f"{mark}-1", method="Tombstone")
    client.append(f"$${mark}-2", [event(b'{"$tb":1}', "$metadata")])
    found = [each.sub(1) for each in client.read(read_stream("$ce-" + mark, rest=field(4, 1)))]
    led = [each.sub(2).get(8).decode().split("-")[1] + "/" + str(each.sub(1).get(3, 0))
           for each in found if each.has(1)]
    equal(led, ["2/1", "3/0", "3/1"])
    equal(len(found), 9)  # and the tombstone
    equal(len(events_of(client.read(read_stream("$ce-" + mark)))), 9)


@case
def stored_links_are_resolved_or_shown():
    stream, links = filled(2), name()
    client.append(links, [event(f"1@{stream}".encode(), "$>", content_type="application/octet-stream"),
                          event(f"9@{stream}".encode(), "$>"), event(b"nonsense", "$>")])
    first, missing, plain = [each.sub(1) for each in client.read(read_stream(links, rest=field(4, 1)))]
    equal((first.sub(1).sub(2).get(3).decode(), first.sub(1).get(3)), (stream, 1))
    assert first.sub(2).sub(2).get(3).decode() == links
    assert not missing.has(1) and missing.has(2)
    assert plain.has(1) and not plain.has(2)
    equal(len(events_of(client.read(read_stream(links)))), 3)


# ---- subscriptions -------------------------------------------------------------------------------

@case
def a_subscription_confirms_gives_everything_and_says_that_it_is_live():
    stream = filled(3)
    call = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    uuid.UUID(Message(next(call)).sub(2).get(1).decode())
    equal([Message(next(call)).sub(1).sub(1).get(3, 0) for _ in range(3)], [0, 1, 2])
    live = Message(next(call)).sub(8)
    equal(live.get(2), 2)
    assert abs(live.sub(1).get(1) - time.time()) < 60
    client.append(stream, [event(), event()])
    equal([Message(next(call)).sub(1).sub(1).get(3) for _ in range(2)], [3, 4])
    call.cancel()


@case
def a_subscription_starts_after_what_it_is_given():
    stream = filled(4)
    places = [each.get(5) for each in events_of(client.read(read_stream(stream)))]
    for request, first in ((read_stream(stream, at(1), SUBSCRIBE), 2), (read_stream(stream, at(0), SUBSCRIBE), 1),
                           (read_all(all_at(places[0]), SUBSCRIBE), 1)):
        call = client.subscribe(request)
        assert Message(next(call)).has(2)
        equal(Message(next(call)).sub(1).sub(1).get(3), first)
        call.cancel()
    for start in (END, at(NONE), at(3), at(2 ** 63 - 1)):
        call = client.subscribe(read_stream(stream, start, SUBSCRIBE))
        assert Message(next(call)).has(2)
        live = Message(next(call))
        assert live.has(8), live.fields
        equal(live.sub(8).get(2), 3)
        call.cancel()


@case
def a_subscription_to_a_stream_that_is_not_there_waits_for_it():
    stream = name()
    call = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    assert Message(next(call)).has(2)
    live = Message(next(call)).sub(8)
    assert not live.has(2)
    client.append(stream, [event()])
    equal(Message(next(call)).sub(1).sub(1).get(3, 0), 0)
    call.cancel()


@case
def a_subscription_to_all_gives_live_events_and_its_place():
    call = client.subscribe(read_all(ALL_END, SUBSCRIBE))
    assert Message(next(call)).has(2)
    live = Message(next(call)).sub(8)
    assert live.sub(3).get(1) == live.sub(3).get(2) > 0
    stream = filled(2)
    equal([Message(next(call)).sub(1).sub(1).sub(2).get(3).decode() for _ in range(2)], [stream] * 2)
    call.cancel()


@case
def a_filtered_subscription_has_checkpoints_that_never_go_back():
    wanted = name()
    for _ in range(3):
        filled(100)
    client.append(wanted, [event()])
    call = client.subscribe(read_all(ALL_START, SUBSCRIBE,
                                     filter=filter_on(1, prefixes=[wanted], window=field(3, 10), every=3)))
    checkpoints, live = [], False
    assert Message(next(call)).has(2)
    while not live:
        answer = Message(next(call))
        live = answer.has(8)
        if answer.has(3):
            equal(answer.sub(3).get(1), answer.sub(3).get(2))
            checkpoints.append(answer.sub(3).get(1))
            assert answer.sub(3).has(3), "no time"
    assert len(checkpoints) > 10 and checkpoints == sorted(set(checkpoints)), checkpoints
    filled(60)
    assert Message(next(call)).has(3)
    call.cancel()


@case
def a_subscription_to_an_index_has_checkpoints_too():
    mark = uuid.uuid4().hex
    client.append(f"{mark}-1", [event() for _ in range(5)])
    call = client.subscribe(read_all(ALL_START, SUBSCRIBE, filter=filter_on(
        1, prefixes=["$idx-ce-" + mark], window=field(3, 2))))
    kinds = [Message(next(call)).fields[0][0] for _ in range(10)]
    equal(kinds, [2, 1, 1, 3, 1, 1, 3, 1, 3, 8])
    call.cancel()


@case
def caught_up_is_told_once():
    stream = name()
    call = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    equal([Message(next(call)).fields[0][0] for _ in range(2)], [2, 8])
    for _ in range(5):
        client.append(stream, [event()])
        assert Message(next(call)).has(1)
    call.cancel()


@case
def subscriptions_to_a_category_and_an_index_are_live():
    mark = uuid.uuid4().hex
    calls = [client.subscribe(request) for request in (
        read_stream("$ce-" + mark, amount=SUBSCRIBE, rest=field(4, 1)),
        read_stream("$et-" + mark, amount=SUBSCRIBE),
        read_all(ALL_END, SUBSCRIBE, filter=filter_on(1, prefixes=[mark])))]
    for call in calls:
        answer = Message(next(call))
        while not answer.has(8):
            answer = Message(next(call))
    client.append(f"{mark}-1", [event(kind=mark)])
    for call in calls:
        answer = Message(next(call))
        while not answer.has(1):
            assert answer.has(3), answer.fields
            answer = Message(next(call))
        call.cancel()


@case
def a_tombstone_ends_a_subscription_after_it_was_delivered():
    stream = filled(1)
    call = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    for _ in range(3):
        next(call)
    client.delete(stream, ANY, "Tombstone")
    last = Message(next(call)).sub(1).sub(1)
    equal(metadata_of(last)["type"], "$streamDeleted")
    refused(Code.FAILED_PRECONDITION, lambda: next(call), key="stream-deleted", stream_name=stream)
    refused(Code.FAILED_PRECONDITION, lambda: client.read(read_stream(stream, amount=SUBSCRIBE)),
            key="stream-deleted", stream_name=stream)


@case
def a_soft_delete_does_not_end_a_subscription():
    stream = filled(1)
    call = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    for _ in range(3):
        next(call)
    client.delete(stream)
    client.append(stream, [event(b"again")])
    equal(Message(next(call)).sub(1).sub(1).get(3), 1)
    call.cancel()


@case
def a_subscription_that_nobody_reads_holds_up_no_other_of_its_connection():
    stream = name()
    lazy = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    eager = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
    for _ in range(20):
        client.append(stream, [event(b"x" * 10000) for _ in range(50)])
    got = [each for each in (Message(next(eager)) for _ in range(1002)) if each.has(1)]
    assert len(got) >= 1000
    equal(len([1 for _ in range(1002) if Message(next(lazy)).has(1)]) >= 1000, True)
    lazy.cancel()
    eager.cancel()


def wait_until(holds):
    for _ in range(200):
        if holds():
            return
        time.sleep(0.05)
    raise AssertionError("it does not happen within 10 s")


def needs_figures():
    if ADDRESS.startswith("unix:"):
        raise Skipped("the figures are served over TCP")
    needs_own_memory()


def resident_size():
    with urllib.request.urlopen(f"http://{ADDRESS}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    return next(int(float(line.split()[1])) for line in lines if line.startswith("factum_memory_resident_bytes "))


@case
def a_subscription_that_waits_keeps_no_memory_of_a_big_event():
    needs_figures()
    stream = name()
    client.append(stream, [event(bytes(15 << 20))])
    sizes, calls = [], []
    for _ in range(12):
        call = client.subscribe(read_stream(stream, amount=SUBSCRIBE))
        while not Message(next(call)).has(8):
            pass
        calls.append(call)
        sizes.append(resident_size())
    for call in calls:
        call.cancel()
    assert sizes[11] - sizes[1] < 50 << 20, sizes


@case
def memory_of_big_appends_that_are_given_up_is_given_back():
    needs_figures()
    own, going_on = Client(ADDRESS), threading.Event()
    options, big = batch_options(name()), event(bytes(8 << 20))

    def requests():
        for _ in range(20):
            yield batch(text_id(), options, [big], final=False)
        going_on.wait(20)
    before = resident_size()
    call = own.channel.stream_stream(STREAMS + "BatchAppend")(requests())
    wait_until(lambda: resident_size() > before + (140 << 20))
    call.cancel()
    wait_until(lambda: resident_size() < before + (40 << 20))
    going_on.set()
    own.close()


@case
def a_cancelled_subscription_leaves_the_connection_usable():
    for _ in range(200):
        call = client.subscribe(read_all(ALL_END, SUBSCRIBE))
        next(call)
        call.cancel()
    client.append(name(), [event()])


# ---- Delete, Tombstone, metadata -----------------------------------------------------------------

@case
def a_deleted_stream_is_not_found_and_goes_on_after_its_last_revision():
    stream = filled(3)
    position = client.delete(stream, at(2)).sub(1)
    assert position.get(1) == position.get(2) > 0
    answer, = client.read(read_stream(stream))
    assert answer.has(4)
    equal(client.append(stream, [event()], NO_STREAM).sub(1).get(1), 3)
    equal(revisions(read_stream(stream)), [3])
    last, = events_of(client.read(read_stream("$$" + stream, END, field(5, 1), BACKWARDS)))
    assert b'"$tb":3' in last.get(8).replace(b" ", b""), last.get(8)


@case
def deletes_check_the_revision():
    stream = filled(2)
    for method in ("Delete", "Tombstone"):
        wrong = dict(key="wrong-expected-version", stream_name=stream)
        refused(Code.FAILED_PRECONDITION, lambda: client.delete(stream, at(7), method), expected_version="7",
                actual_version="1", **wrong)
        refused(Code.FAILED_PRECONDITION, lambda: client.delete(stream, NO_STREAM, method), expected_version="-1",
                **wrong)
    other = name()
    refused(Code.FAILED_PRECONDITION, lambda: client.delete(other, EXISTS), key="wrong-expected-version",
            stream_name=other, expected_version="-4", actual_version="-1")
    refused(Code.FAILED_PRECONDITION, lambda: client.delete(other), key="wrong-expected-version",
            stream_name=other, expected_version="-2", actual_version="-1")
    client.delete(stream, EXISTS)
    client.delete(stream)
    refused(Code.FAILED_PRECONDITION, lambda: client.delete(stream, EXISTS), key="stream-deleted")


@case
def a_tombstoned_stream_refuses_everything():
    stream = filled(2)
    client.delete(stream, at(1), "Tombstone")
    gone = dict(key="stream-deleted", stream_name=stream)
    refused(Code.FAILED_PRECONDITION, lambda: client.read(read_stream(stream)), **gone)
    refused(Code.FAILED_PRECONDITION, lambda: client.append(stream, [event()]), **gone)
    refused(Code.FAILED_PRECONDITION, lambda: client.delete(stream), **gone)
    refused(Code.FAILED_PRECONDITION, lambda: client.delete(stream, ANY, "Tombstone"), **gone)
    client.delete(name(), NO_STREAM, "Tombstone")
    client.delete(name(), ANY, "Tombstone")
    last, = events_of(client.read(read_all(ALL_END, field(5, 1), BACKWARDS)))
    equal((metadata_of(last)["type"], last.get(3)), ("$streamDeleted", 2 ** 63 - 1))


@case
def a_name_that_is_not_ascii_is_escaped_in_trailers():
    stream = name() + "-\N{SNOWMAN} %"
    client.append(stream, [event()])
    client.delete(stream, ANY, "Tombstone")
    refused(Code.FAILED_PRECONDITION, lambda: client.read(read_stream(stream)), key="stream-deleted",
            stream_name=stream.replace("%", "%25").replace("\N{SNOWMAN}", "%E2%98%83"))
    refused(Code.FAILED_PRECONDITION, lambda: client.append(stream, [event()]), key="stream-deleted",
            stream_name=stream.replace("%", "%25").replace("\N{SNOWMAN}", "%E2%98%83"))


@case
def metadata_truncates_what_is_read():
    stream = filled(5)

    def tell(data):
        client.append("$$" + stream, [event(data, "$metadata")])
        return revisions(read_stream(stream))
    equal(tell(b'{"$maxCount":2}'), [3, 4])
    equal(revisions(read_stream(stream, END, rest=BACKWARDS)), [4, 3])
    equal(tell(b'{"$tb":4}'), [4])
    equal(tell(b'{"$maxCount":0,"$maxAge":-1}'), [0, 1, 2, 3, 4])
    equal(tell(b'no json'), [0, 1, 2, 3, 4])
    time.sleep(1.1)
    answers = client.read(read_stream(stream)) if tell(b'{"$maxAge":1}') == [] else None
    assert answers is not None and not answers, "old events are shown, or the stream is missing"


@case
def streams_that_cannot_be_written_or_deleted_are_refused():
    for stream in ("$all", "$$", "$ce-x", "$$$$x"):
        refused(Code.INVALID_ARGUMENT, lambda: client.append(stream, [event(kind="$metadata")]))
    refused(Code.INVALID_ARGUMENT, lambda: client.delete(""))
    refused(Code.INVALID_ARGUMENT, lambda: client.delete("$all"))


# ---- calls in general ----------------------------------------------------------------------------

@case
def features_are_lower_case_and_the_version_is_semver():
    answer = Message(client.unary(FEATURES, EMPTY))
    methods = {(Message(each).get(2).decode(), Message(each).get(1).decode()) for each in answer.all(1)}
    assert ("event_store.client.streams.streams", "batchappend") in methods
    assert all(part == part.lower() for pair in methods for part in pair)
    equal(len(answer.get(2).decode().split(".")), 3)


@case
def gossip_names_the_address_that_was_asked():
    member = Message(client.unary(GOSSIP, EMPTY)).sub(1)
    equal((member.get(3), member.get(4)), (8, 1))
    if ADDRESS.startswith("unix:"):
        return
    host, port = ADDRESS.rsplit(":", 1)
    equal((member.sub(5).get(1).decode(), member.sub(5).get(2)), (host, int(port)))
    assert len(member.sub(1).get(2, b"")) == 36 or member.sub(1).has(1)


@case
def the_standard_projections_run():
    call = client.channel.unary_stream(STATISTICS)
    found = [Message(each).sub(1) for each in call(field(1, field(4, EMPTY)), timeout=10)]
    equal({each.get(10).decode() for each in found},
          {"$by_category", "$by_event_type", "$stream_by_category", "$streams", "$by_correlation_id"})
    assert all(each.get(8) == b"Running" for each in found)
    one, = call(field(1, field(1, "$by_category")), timeout=10)
    equal(Message(one).sub(1).get(10), b"$by_category")
    refused(Code.NOT_FOUND, lambda: list(call(field(1, field(1, "mine")), timeout=10)))


@case
def what_is_not_offered_says_so():
    for path in ("/event_store.client.operations.Operations/StartScavenge",
                 "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Create",
                 "/kurrentdb.protocol.v2.streams.StreamsService/AppendRecords", "/no/such", STREAMS + "read"):
        refused(Code.UNIMPLEMENTED, lambda: client.unary(path, EMPTY))
    requests = queue.Queue()  # its client keeps its side open
    read = "/event_store.client.persistent_subscriptions.PersistentSubscriptions/Read"
    refused(Code.UNIMPLEMENTED,
            lambda: list(client.channel.stream_stream(read)(iter(requests.get, None), timeout=20)))
    requests.put(None)


@case
def a_unary_call_with_two_messages_or_none_is_refused():
    for path in (STREAMS + "Delete", FEATURES, STREAMS + "Read", STATISTICS):
        call = client.channel.stream_unary(path)
        request = field(1, field(1, stream_id(name())) + ANY)
        refused(Code.INVALID_ARGUMENT, lambda: call(iter([]), timeout=10))
        if path == STREAMS + "Read":
            both = client.channel.stream_stream(path)
            refused(Code.INVALID_ARGUMENT,
                    lambda: list(both(iter([read_all(ALL_END, SUBSCRIBE)] * 2), timeout=10)))
        elif path == STREAMS + "Delete":  # which may be over before the second comes
            try:
                call(iter([request, request]), timeout=10)
            except grpc.RpcError as error:
                assert error.code() in (Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION), error.code()


@case
def compressed_messages_are_refused_and_the_connection_stays():
    other = Client(ADDRESS, compression=grpc.Compression.Gzip)
    refused(Code.UNIMPLEMENTED, lambda: other.append(name(), [event(b"x" * 10000)]))
    refused(Code.UNIMPLEMENTED, lambda: other.batches([batch(text_id(), batch_options(name()), [event(b"x" * 9999)])]))
    other.append(name(), [event()], compression=grpc.Compression.NoCompression)
    other.close()


@case
def a_call_whose_time_is_over_ends():
    requests = queue.Queue()
    requests.put(append_requests(name(), [])[0])
    started = time.monotonic()
    refused(Code.DEADLINE_EXCEEDED, lambda: client.channel.stream_unary(STREAMS + "Append")(
        iter(requests.get, None), timeout=0.5))
    assert time.monotonic() - started < 20  # the server gives up after 30 s
    requests.put(None)


@case
def headers_that_clients_send_do_no_harm():
    client.append(name(), [event()], metadata=[
        ("connection-name", "a name"), ("requires-leader", "true"), ("authorization", "Basic YWRtaW46Y2hhbmdlaXQ="),
        ("some-bin", b"\x00\xff"), ("x" * 100, "y" * 4000)])


@case
def calls_of_many_threads_go_over_one_connection():
    failures = []

    def work():
        try:
            for _ in range(25):
                stream = filled(2)
                equal(revisions(read_stream(stream)), [0, 1])
        except Exception as error:  # reported by the case
            failures.append(error)
    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [])


@case
def one_of_many_appends_at_the_same_revision_wins():
    stream = filled(1)
    outcomes = []
    threads = [threading.Thread(target=lambda: outcomes.append(client.append(stream, [event()], at(0)).has(1)))
               for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(sorted(outcomes), [False] * 23 + [True])


def main():
    only = sys.argv[1:]
    failed = 0
    for function in CASES:
        title = function.__name__.replace("_", " ")
        if only and not any(word in title for word in only):
            continue
        try:
            function()
            print(f"ok - {title}", flush=True)
        except Skipped as reason:
            print(f"ok - {title} # SKIP {reason}", flush=True)
        except BaseException:  # a case that fails must not end the others
            failed += 1
            print(f"not ok - {title}")
            lines = traceback.format_exc().rstrip().splitlines()
            print("\n".join("# " + line[:600] for line in lines[-8:]), flush=True)
    client.close()
    return 1 if failed else 0


sys.exit(main())
