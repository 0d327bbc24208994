#!/usr/bin/env python3
"""store_test.py - factum.v1.Store as a program in another language uses it: code that protoc makes of
proto/, and Python's gRPC. Prints TAP; skipped without them.

    FACTUM=.../factum store_test.py
"""
import base64
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from serving import SLOWER

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FACTUM = os.environ["FACTUM"]


def skip(reason):
    print(f"1..0 # SKIP {reason}")
    sys.exit(0)


try:
    import grpc
except ImportError:
    skip("Python has no gRPC")
if shutil.which("protoc") is None:
    skip("protoc is missing")

WORK = tempfile.mkdtemp(prefix="factum-store-")
subprocess.run(["protoc", f"--proto_path={ROOT}/proto", f"--python_out={WORK}",
                "factum/v1/store.proto"], check=True)
sys.path.insert(0, WORK)
try:
    from factum.v1 import store_pb2 as pb
except Exception as problem:  # the runtime's version does not fit protoc's
    skip(f"Python cannot use protoc's code: {problem}")

MAX = 2**64 - 1


class Server:
    def __init__(self, name, secret=False):
        self.store = os.path.join(WORK, name)
        self.process = subprocess.Popen(
            [FACTUM, "serve", "--store", self.store, "--listen", "127.0.0.1:0"]
            + ([] if secret else ["--insecure"]), stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "shown this once: " in line:
                self.secret = line.split("shown this once: ")[1].strip()
            if line.startswith("factum: serving"):
                self.address = re.search(r"on ([0-9.:]+)", line).group(1)
                break
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=10)


class Store:
    """The service, one method for each call."""

    def __init__(self, address, *options):
        self.channel = grpc.insecure_channel(
            address, options=[("grpc.max_receive_message_length", -1), *options])
        unary, stream = self.channel.unary_unary, self.channel.unary_stream
        self.Open = self.make(unary, "Open", pb.OpenAnswer)
        self.Ask = self.make(unary, "Ask", pb.AskAnswer)
        self.Read = self.make(stream, "Read", pb.ReadAnswer)
        self.List = self.make(stream, "List", pb.ListAnswer)
        self.Verify = self.make(stream, "Verify", pb.VerifyAnswer)
        self.Backup = self.make(stream, "Backup", pb.BackupAnswer)
        self.Append = self.make(self.channel.stream_stream, "Append", pb.AppendAnswer)
        self.News = self.make(self.channel.stream_stream, "News", pb.NewsAnswer)

    @staticmethod
    def make(kind, name, answer):
        return kind(f"/factum.v1.Store/{name}",
                    request_serializer=lambda message: message.SerializeToString(),
                    response_deserializer=answer.FromString)

    def append(self, *requests):
        """Answers by number."""
        for number, request in enumerate(requests):
            request.number = request.number or number
        return {answer.number: answer for answer in self.Append(iter(requests))}

    def read(self, **request):
        answers = list(self.Read(pb.ReadRequest(**request)))
        places = [answer.place for answer in answers if answer.HasField("place")]
        assert len(places) == 1 and answers[0].HasField("place"), answers
        return places[0], [event for answer in answers for event in answer.events]


def one(stream, kind="T", expected=None, **event):
    expected = expected or {"any": True}
    return pb.AppendRequest(expectations=[pb.Expectation(stream=stream, **expected)],
                            events=[pb.NewEvent(type=kind, **event)])


def failure(call):
    """How a call ends: code, factum-status, text."""
    try:
        call()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        return error.code(), int(trailers.get("factum-status", 0)), error.details()
    return None


def queue_of(*first):
    """Requests that a test sends one by one; None ends them."""
    import queue
    items = queue.Queue()
    for item in first:
        items.put(item)
    return items, iter(items.get, None)


# ---- the tests -----------------------------------------------------------------------------------

def the_store_introduces_itself(store, server):
    opened = store.Open(pb.OpenRequest(protocol=3, client="store_test"))
    assert opened.protocol == 1
    assert opened.capabilities & 7 == 7
    assert opened.append_events_max == 100000
    assert opened.queue_max > 0 and opened.queue_size_max > 0 and opened.event_size_max > 0
    assert len(opened.store_id) == 16
    assert [timeline.__getattribute__("from") for timeline in opened.timelines] == [0]
    assert abs(opened.time - time.time_ns()) < 60e9
    assert opened.server.startswith("factum ")
    assert failure(lambda: store.Open(pb.OpenRequest())) == (
        grpc.StatusCode.INVALID_ARGUMENT, pb.STATUS_INVALID,
        "open: the client's protocol version is missing")


def what_was_appended_is_read_as_it_was_given(store, server):
    ident = uuid.uuid4().bytes
    request = pb.AppendRequest(
        expectations=[pb.Expectation(stream="whole-1", no_stream=True)],
        events=[pb.NewEvent(type="Placed", data=b'{"a":1}', metadata=b'{"$correlationId":"c"}',
                            tags=["x:1", "y:2"], id=ident, media_type="image/png", time=-5)],
        idempotency_key="whole", revisions=True)
    answer = store.append(request)[0]
    assert answer.status == pb.STATUS_OK, answer
    assert list(answer.revisions) == [0]
    assert answer.durability == pb.DURABILITY_SYNC
    place, events = store.read(source=pb.SOURCE_STREAM, name="whole-1", commits=True)
    assert place >= answer.position
    event, = events
    assert (event.stream, event.type, event.data) == ("whole-1", "Placed", b'{"a":1}')
    assert event.metadata == b'{"$correlationId":"c"}'
    assert event.content_type == "image/png"
    assert sorted(event.tags) == ["x:1", "y:2"]
    assert event.id == ident
    assert (event.revision, event.ordinal, event.position) == (0, 0, answer.position)
    assert event.HasField("time") and event.time == -5
    assert event.last_of_commit and event.key == "whole" and event.commit <= event.position
    again = store.append(request)[0]
    assert again.already and again.position == answer.position


def many_appends_are_answered_by_their_numbers(store, server):
    requests = [one(f"many-{n % 7}", data=b"x" * n) for n in range(1000)]
    answers = store.append(*requests)
    assert sorted(answers) == list(range(1000))
    assert all(answer.status == pb.STATUS_OK for answer in answers.values())
    _, events = store.read(source=pb.SOURCE_CATEGORY, name="many")
    assert sorted(len(event.data) for event in events) == list(range(1000))
    assert [event.ordinal for event in events] == list(range(1000))


def a_refusal_says_what_is_true_and_leaves_the_call_open(store, server):
    store.append(one("refused-1"))
    answers = store.append(
        one("refused-1", expected={"revision": 7}), one("refused-1", expected={"no_stream": True}),
        pb.AppendRequest(events=[pb.NewEvent(stream="refused-1", type="T")]),
        one("refused-1", expected={"revision": 0}))
    wrong = answers[0]
    assert wrong.status == pb.STATUS_WRONG_REVISION
    assert "refused-1" in wrong.text
    assert (wrong.actual_state, wrong.actual_revision) == (pb.STREAM_PRESENT, 0)
    assert answers[1].status == pb.STATUS_WRONG_REVISION
    assert answers[2].status == pb.STATUS_INVALID
    assert answers[3].status == pb.STATUS_OK and answers[3].revision == 1


def a_condition_holds_only_while_nothing_fits(store, server):
    store.append(one("course-1", "Joined", tags=["course:1"]))
    query = pb.Query(items=[pb.QueryItem(types=["Joined"], tags=["course:1"])])
    place, events = store.read(source=pb.SOURCE_QUERY, query=query)
    assert len(events) == 1

    def join(after):
        request = one("course-1", "Joined", tags=["course:1"])
        request.condition.CopyFrom(pb.AppendCondition(query=query, after=after))
        return store.append(request)[0]
    assert join(place).status == pb.STATUS_OK
    refused = join(place)
    assert refused.status == pb.STATUS_CONDITION_FAILED and refused.conflict_position > place


def an_append_whose_time_is_up_writes_nothing(store, server):
    late = one("late-1")
    late.timeout_ms = 0
    assert store.append(late)[0].status == pb.STATUS_EXPIRED
    ended = failure(lambda: store.read(source=pb.SOURCE_STREAM, name="late-1"))
    assert ended[:2] == (grpc.StatusCode.NOT_FOUND, pb.STATUS_STREAM_NOT_FOUND), ended


def a_cancel_is_not_answered_and_harms_nobody(store, server):
    answers = store.append(pb.AppendRequest(number=99, cancel=True), one("calm-1"),
                           pb.AppendRequest(number=1, cancel=True))
    assert list(answers) == [1]
    assert answers[1].status in (pb.STATUS_OK, pb.STATUS_CANCELLED)


def streams_are_deleted_and_tombstoned(store, server):
    store.append(one("gone-1"), one("gone-2"))

    def remove(action, stream):
        return store.append(pb.AppendRequest(
            action=action, expectations=[pb.Expectation(stream=stream, any=True)]))[0].status
    assert remove(pb.ACTION_DELETE, "gone-1") == pb.STATUS_OK
    assert remove(pb.ACTION_TOMBSTONE, "gone-2") == pb.STATUS_OK
    assert remove(pb.ACTION_TOMBSTONE, "gone-2") == pb.STATUS_STREAM_DELETED
    ended = failure(lambda: store.read(source=pb.SOURCE_STREAM, name="gone-1"))
    assert ended[1] == pb.STATUS_STREAM_NOT_FOUND, ended
    ended = failure(lambda: store.read(source=pb.SOURCE_STREAM, name="gone-2"))
    assert ended[1] == pb.STATUS_STREAM_DELETED, ended
    state = store.Ask(pb.AskRequest(question=pb.QUESTION_STREAM, name="gone-2")).stream.state
    assert state == pb.STREAM_TOMBSTONED


def a_message_that_is_none_ends_the_call(store, server):
    send = store.channel.stream_stream("/factum.v1.Store/Append")
    ended = failure(lambda: list(send(iter([b"\xff"]))))
    assert ended == (grpc.StatusCode.INVALID_ARGUMENT, pb.STATUS_INVALID,
                     "not a valid AppendRequest message"), ended


def reads_take_every_member_of_a_request(store, server):
    store.append(*[one("all-1", f"T{n}", time=n) for n in range(10)])
    name = {"source": pb.SOURCE_STREAM, "name": "all-1"}

    def types(**more):
        return [event.type for event in store.read(**name, **more)[1]]
    everything = [f"T{n}" for n in range(10)]
    assert types() == everything
    assert types(backwards=True) == everything[::-1]
    assert types(count_max=3) == everything[:3]
    assert types(until_revision=0) == everything[:1]
    assert types(until_time=4) == everything[:5]
    assert types(until_created=0) == []
    assert types(until_position=0) == []
    assert types(filter=pb.Filter(types=["T3"], type_prefixes=["T9"])) == ["T3", "T9"]
    assert types(filter=pb.Filter(stream_prefixes=["no"])) == []
    revision = {"from": pb.FROM_REVISION, "from_value": 8}
    assert types(**revision) == everything[8:]
    position = store.read(**name)[1][4].position
    assert types(**{"from": pb.FROM_AFTER, "from_value": position}) == everything[5:]
    assert types(**{"from": pb.FROM_POSITION, "from_value": position}) == everything[4:]
    assert types(**{"from": pb.FROM_END}) == []
    _, visible = store.read(source=pb.SOURCE_ALL, skip_system=True)
    assert visible and not any(event.stream.startswith("$") for event in visible)


def a_long_read_comes_in_batches_with_one_place(store, server):
    store.append(*[one("long-1", data=bytes([n % 256]) * 10000) for n in range(300)])
    answers = list(store.Read(pb.ReadRequest(source=pb.SOURCE_STREAM, name="long-1")))
    assert len(answers) > 50
    assert max(len(answer.SerializeToString()) for answer in answers) < 64 << 10
    assert sum(len(answer.events) for answer in answers) == 300
    assert [answer.HasField("place") for answer in answers].count(True) == 1


def a_following_read_needs_no_stream_and_tells_its_place(store, server):
    name = {"source": pb.SOURCE_STREAM, "name": "later-1", "follow": True}
    place, events = store.read(**name)
    assert events == []
    position = store.append(one("later-1", "First"))[0].position
    after = {"from": pb.FROM_AFTER, "from_value": place}
    place, events = store.read(**name, **after)
    assert [event.type for event in events] == ["First"] and place >= position
    assert store.read(**name, **{"from": pb.FROM_AFTER, "from_value": place})[1] == []


def questions_are_answered(store, server):
    request = pb.AppendRequest(expectations=[pb.Expectation(stream="asked-1", any=True)],
                               events=[pb.NewEvent(type="A", id=b"0123456789abcdef"),
                                       pb.NewEvent(type="B")], idempotency_key="asked")
    appended = store.append(request)[0]
    number = store.Ask(pb.AskRequest(question=pb.QUESTION_PLACE)).number
    assert number >= appended.position
    stream = store.Ask(pb.AskRequest(question=pb.QUESTION_STREAM, name="asked-1")).stream
    assert (stream.state, stream.last_revision) == (pb.STREAM_PRESENT, 1)
    event = store.Ask(pb.AskRequest(question=pb.QUESTION_EVENT, position=appended.position)).event
    assert (event.stream, event.type, event.revision) == ("asked-1", "B", 1)
    found = store.Ask(pb.AskRequest(question=pb.QUESTION_FIND_EVENT, name="asked-1",
                                    id=b"0123456789abcdef")).event
    assert found.type == "A"
    key = store.Ask(pb.AskRequest(question=pb.QUESTION_KEY, name="asked", revisions_max=10)).key
    assert (key.event_count, key.position) == (2, appended.position)
    assert list(key.revisions) == [0, 1] and len(key.fingerprint) == 16
    count = store.Ask(pb.AskRequest(question=pb.QUESTION_COUNT, source=pb.SOURCE_STREAM,
                                    name="asked-1", upto=MAX))
    assert count.number == 2
    info = store.Ask(pb.AskRequest(question=pb.QUESTION_INFO)).info
    assert info.event_count > 2 and info.format_major > 0 and not info.damaged
    ended = failure(lambda: store.Ask(pb.AskRequest(question=pb.QUESTION_KEY, name="none")))
    assert ended[:2] == (grpc.StatusCode.NOT_FOUND, pb.STATUS_NOT_FOUND), ended
    ended = failure(lambda: store.Ask(pb.AskRequest()))
    assert ended[1] == pb.STATUS_INVALID, ended


def names_are_listed_page_by_page(store, server):
    store.append(*[one(f"listed-{n}") for n in range(5)])

    def names(**request):
        return [entry for answer in store.List(pb.ListRequest(**request))
                for entry in answer.entries]
    entries = names(category="listed")
    assert [entry.name for entry in entries] == [f"listed-{n}" for n in range(5)]
    assert all(entry.event_count == 1 for entry in entries)
    first = names(category="listed", count_max=2)
    rest = names(category="listed", after=first[-1].first_position)
    assert [entry.name for entry in first + rest] == [entry.name for entry in entries]
    assert "listed" in [entry.name for entry in names(kind=pb.LIST_CATEGORIES)]


def news_says_where_there_is_something_to_read(store, server):
    requests, sent = queue_of()
    news = store.News(sent)
    first = next(news)
    assert first.place > 0 and first.requests == 0
    requests.put(pb.NewsRequest(interests=[
        pb.Interest(number=1, source=pb.SOURCE_STREAM, name="news-1"),
        pb.Interest(number=2, source=pb.SOURCE_CATEGORY, name="news"),
        pb.Interest(number=3, source=pb.SOURCE_TYPE, name="Other"),
        pb.Interest(number=4, source=pb.SOURCE_TAG, name="t"),
        pb.Interest(number=5, source=pb.SOURCE_STREAM, name="$ce-news")]))
    while next(news).requests == 0:
        pass

    def hits_of(request):
        position = store.append(request)[0].position
        hits = []
        for answer in news:
            hits += answer.hits
            if answer.place >= position:
                return sorted(hits)
    assert hits_of(one("news-1")) == [1, 2, 5]
    assert hits_of(one("news-2", "Other")) == [2, 3, 5]
    assert hits_of(one("else", tags=["t"])) == [4]
    assert hits_of(one("else")) == []
    requests.put(pb.NewsRequest(interests=[pb.Interest(number=2, remove=True)]))
    while next(news).requests < 2:
        pass
    assert hits_of(one("news-1")) == [1, 5]
    requests.put(pb.NewsRequest(interests=[pb.Interest(number=1, source=pb.SOURCE_TAG, name="u")]))
    ended = failure(lambda: list(news))
    assert ended[1:] == (pb.STATUS_INVALID, "news: the number 1 is in use"), ended
    requests.put(None)


def news_without_interests_tells_the_place(store, server):
    requests, sent = queue_of()
    news = store.News(sent)
    next(news)
    position = store.append(one("plain-1"))[0].position
    while next(news).place < position:
        pass
    news.cancel()
    requests.put(None)


def a_store_is_verified(store, server):
    answers = list(store.Verify(pb.VerifyRequest()))
    assert answers[-1].HasField("report")
    assert answers[-1].report.problems == 0 and answers[-1].report.events > 1000


def a_backup_goes_to_a_directory_of_the_server(store, server):
    to = os.path.join(WORK, "backup")
    report = list(store.Backup(pb.BackupRequest(to=to)))[-1].report
    assert report.files > 0 and report.copied_files == report.files and report.end_position > 0
    assert len(os.listdir(to)) > 0
    ended = failure(lambda: list(store.Backup(pb.BackupRequest(to="here"))))
    assert ended == (grpc.StatusCode.INVALID_ARGUMENT, pb.STATUS_INVALID,
                     "backup: the directory of the server must be an absolute path"), ended


def work_that_nobody_waits_for_is_stopped(store, server):
    for _ in range(10):
        store.Verify(pb.VerifyRequest()).cancel()
    while (ended := failure(lambda: list(store.Verify(pb.VerifyRequest())))) is not None:
        assert ended[1] == pb.STATUS_BUSY, ended
        time.sleep(0.01)


def answers_that_nobody_reads_do_not_pile_up(store, server):
    sent = 0

    def requests():
        nonlocal sent
        for number in range(200000):
            sent = number
            yield one("unread-1", data=b"x" * 100)
    before = memory_of(server)
    lazy = Store(server.address, ("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65535))
    call = lazy.Append(requests())
    last, still = -1, 0
    while still < 4:  # until the windows are full; a busy machine may pause for longer than one sample
        still = still + 1 if sent == last else 0
        last = sent
        time.sleep(0.5)
    assert 1000 < sent < 199999, sent
    grown = memory_of(server) - before
    assert grown < (64 << 20) * SLOWER, grown
    position = store.append(one("others-1"))[0].position
    assert position > 0
    call.cancel()


SYNCED = """--@ projection synced version 1
--@ from category synced
--@ mode sync
--@ tables
CREATE TABLE {{t}} (id INTEGER);
--@ on T
INSERT INTO {{t}} VALUES (1);
"""


def an_append_that_waits_for_a_model_answers_before_its_deadline(store, server):
    deploy = subprocess.run([FACTUM, "--store", "factum://" + server.address, "projection", "deploy", "-"],
                            input=SYNCED, text=True, capture_output=True, check=False)
    if deploy.returncode != 0:  # a program without SQLite does not know the command
        assert "projection" in deploy.stderr, deploy
        return
    file = os.path.join(server.store, "models", "synced.db")
    until = time.monotonic() + 20 * SLOWER
    while not os.path.exists(file):
        assert time.monotonic() < until
        time.sleep(0.05)
    store.append(one("synced-1"))  # the model exists, and has the event
    took = []
    while len(took) < 5 and min(took, default=99) >= 1.5 * SLOWER:  # a busy machine may be late
        lock = sqlite3.connect(file, timeout=20, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        late = one("synced-1")
        late.timeout_ms = 1500
        begun = time.monotonic()
        answer = store.append(late)[0]
        took.append(time.monotonic() - begun)
        lock.execute("ROLLBACK")
        lock.close()
    assert answer.status == pb.STATUS_OK and answer.position > 0, answer
    assert 1.2 < min(took) < 1.5 * SLOWER, took


def memory_of(server):
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def who_is_not_let_in_gets_nothing(store, server):
    guarded = Server("guarded", secret=True)
    try:
        nobody = Store(guarded.address)
        denied = [lambda: nobody.Open(pb.OpenRequest(protocol=1)),
                  lambda: nobody.Ask(pb.AskRequest(question=pb.QUESTION_PLACE)),
                  lambda: list(nobody.Read(pb.ReadRequest())),
                  lambda: list(nobody.Read(pb.ReadRequest(skip_system=True))),
                  lambda: list(nobody.List(pb.ListRequest())),
                  lambda: list(nobody.News(iter([pb.NewsRequest()]))),
                  lambda: nobody.append(one("s-1")),
                  lambda: list(nobody.Verify(pb.VerifyRequest())),
                  lambda: list(nobody.Backup(pb.BackupRequest(to="/nowhere/at/all")))]
        for number, call in enumerate(denied):
            ended = failure(call)
            assert ended[0] == grpc.StatusCode.UNAUTHENTICATED, (number, ended)
        login = base64.b64encode(f"admin:{guarded.secret}".encode()).decode()
        admin = [("authorization", f"Basic {login}")]
        assert nobody.Open(pb.OpenRequest(protocol=1), metadata=admin).protocol == 1
        answers = list(nobody.Append(iter([one("s-1")]), metadata=admin))
        assert answers[0].status == pb.STATUS_OK
    finally:
        guarded.stop()


def a_server_that_stops_says_so(store, server):
    requests, sent = queue_of()
    news = store.News(sent)
    next(news)
    stopped = []
    thread = threading.Thread(target=lambda: stopped.append(server.stop()))
    thread.start()
    ended = failure(lambda: list(news))
    thread.join()
    requests.put(None)
    assert ended[:2] == (grpc.StatusCode.UNAVAILABLE, pb.STATUS_UNREACHABLE), ended
    assert stopped == [0]


TESTS = [
    the_store_introduces_itself,
    what_was_appended_is_read_as_it_was_given,
    many_appends_are_answered_by_their_numbers,
    a_refusal_says_what_is_true_and_leaves_the_call_open,
    a_condition_holds_only_while_nothing_fits,
    an_append_whose_time_is_up_writes_nothing,
    a_cancel_is_not_answered_and_harms_nobody,
    streams_are_deleted_and_tombstoned,
    a_message_that_is_none_ends_the_call,
    reads_take_every_member_of_a_request,
    a_long_read_comes_in_batches_with_one_place,
    a_following_read_needs_no_stream_and_tells_its_place,
    questions_are_answered,
    names_are_listed_page_by_page,
    news_says_where_there_is_something_to_read,
    news_without_interests_tells_the_place,
    a_store_is_verified,
    a_backup_goes_to_a_directory_of_the_server,
    work_that_nobody_waits_for_is_stopped,
    answers_that_nobody_reads_do_not_pile_up,
    an_append_that_waits_for_a_model_answers_before_its_deadline,
    who_is_not_let_in_gets_nothing,
    a_server_that_stops_says_so,
]


def run(tests, server, *arguments):
    """Calls each with the arguments, and ends the server."""
    failed = 0
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        try:
            test(*arguments)
            said = "ok"
        except Exception as problem:  # a test that fails does not end the others
            said = "not ok"
            failed += 1
            for line in f"{type(problem).__name__}: {problem}".splitlines():
                print("#", line)
            trace = sys.exc_info()[2]
            while trace.tb_next is not None:
                trace = trace.tb_next
            print("# line", trace.tb_lineno)
        print(f"{said} {number} - {test.__name__.replace('_', ' ')}", flush=True)
    if server.process.poll() is None:
        server.process.kill()
    shutil.rmtree(WORK, ignore_errors=True)
    return 1 if failed else 0


def main():
    server = Server("store")
    return run(TESTS, server, Store(server.address), server)


if __name__ == "__main__":
    sys.exit(main())
