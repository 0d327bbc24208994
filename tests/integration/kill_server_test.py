#!/usr/bin/env python3
# kill_server_test.py - publishers and subscribers at every door (kill_doors.py) while the server and
# they themselves are killed at any moment; then a checker of the histories that they recorded.
# Prints TAP. Without python3-grpcio KurrentDB's door is not used, which is reported.
#
# A publisher notes each append before it sends it and once it is acknowledged; a subscriber notes
# each event with the id to resume from. Both continue from their notes. At the end: what was
# acknowledged is stored exactly once, at the revision that was returned; what was not, at most once;
# and each subscriber has noted what the store holds of its selection, in order, once.
#
# kill_server_test.py [ROUNDS [SEED]]
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kill_doors  # noqa: E402
import serving  # noqa: E402
from serving import Server, ok, path  # noqa: E402

PAUSE = 0.05  # before something is tried again

# ---- a publisher ---------------------------------------------------------------------------------


class Notes:
    """Lines that outlive a kill: each is one write."""

    def __init__(self, name):
        self.lines = []
        if os.path.exists(name):
            with open(name, encoding="utf-8") as found:
                self.lines = [json.loads(line) for line in found if line.endswith("\n")]
        self.out = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, line):
        os.write(self.out, (json.dumps(line) + "\n").encode())


class Publisher:
    """Kinds: "expected" knows its stream's revision and tries again with it; "any" tries again with
    the same ids; "key" the same with an idempotency key; "once" never tries again."""

    def __init__(self, door, notes, kind, number):
        self.door = door
        self.notes = notes
        self.kind = kind
        self.stream = f"{kind}-{number}"
        self.many = [1] if isinstance(door, kill_doors.CliDoor) else [1, 1, 1, 2, 5, 20]
        self.random = random.Random(os.getpid())
        self.revision = -1
        self.going = True
        signal.signal(signal.SIGTERM, self.stop)

    def stop(self, _signal, _frame):
        self.going = False

    def settle(self, attempt):
        """Until the outcome is known, or once for the kind "once"."""
        while True:
            outcome = self.door.send(self.stream, attempt)
            if isinstance(outcome, int):
                self.revision = outcome
                self.notes.add({"acked": attempt["ids"], "revision": self.revision})
                return
            if outcome is not None:
                self.notes.add({"wrong": f"{outcome} for {attempt}"})
                return
            if self.kind == "once":
                return
            time.sleep(PAUSE)

    def new_attempt(self):
        expected = "any"
        if self.kind == "expected":
            expected = "no-stream" if self.revision < 0 else str(self.revision)
        ids = [str(uuid.UUID(int=self.random.getrandbits(128), version=4))
               for _ in range(self.random.choice(self.many))]
        return {"ids": ids, "expected": expected, "key": ids[0] if self.kind == "key" else None,
                "pad": self.random.choice([0, 100, 3000])}

    def run(self):
        open_attempt = None
        for line in self.notes.lines:
            if "acked" in line:
                self.revision = line["revision"]
            open_attempt = line.get("tried")
        if open_attempt is not None and self.kind != "once":
            self.settle(open_attempt)
        while self.going:
            attempt = self.new_attempt()
            self.notes.add({"tried": attempt})
            self.settle(attempt)
            time.sleep(self.random.random() * 0.004)


# ---- a subscriber --------------------------------------------------------------------------------


def subscribe(follow, port, notes, target):
    """Subscribes from its last note on, again and again."""
    while True:
        try:
            follow(port, notes, target, last_token(notes))
        except (OSError, ValueError):
            pass
        time.sleep(PAUSE)


def last_token(notes):
    last = None
    with open(f"/proc/self/fd/{notes.out}", encoding="utf-8") as found:
        for line in found:
            last = json.loads(line).get("token", last) if line.endswith("\n") else last
    return last


# ---- the checker ---------------------------------------------------------------------------------


def stored_events(server):
    connection = server.http(60)
    events, after = [], ""
    while True:
        connection.request("GET", f"/api/v1/events?limit=10000&system=false{after}")
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"read: {answer.status} {text[:300]}")
        page = json.loads(text)
        events += page["events"]
        if not page["events"] or page["next"] is None:
            return events
        after = f"&after={page['next']}"


def check_publishers(events, journals):
    by_id = {}
    for event in events:
        by_id.setdefault(event["id"], []).append(event)
    tried, acked, wrong, missing, moved = set(), set(), [], [], []
    for lines in journals:
        for line in lines:
            tried.update(line.get("tried", {}).get("ids", []))
            if "wrong" in line:
                wrong.append(line["wrong"])
            ids = line.get("acked", [])
            acked.update(ids)
            for i, one in enumerate(ids):
                expected = line["revision"] - len(ids) + 1 + i
                if one not in by_id:
                    missing.append(one)
                elif by_id[one][0]["revision"] != expected:
                    moved.append((one, by_id[one][0]["revision"], expected))
    doubled = [one for one, found in by_id.items() if len(found) > 1]
    unknown = [one for one in by_id if one not in tried]
    ok(not wrong, "no publisher gets an answer that it cannot explain", *wrong[:5])
    ok(len(acked) > 0 and not missing, "every acknowledged event is stored",
       f"{len(tried)} tried, {len(acked)} acknowledged, {len(events)} stored", *missing[:5])
    ok(not doubled, "and no event twice, acknowledged or not", *doubled[:5])
    ok(not moved, "each at the revision that was returned", *moved[:5])
    ok(not unknown, "and nothing that nobody sent", *unknown[:5])


def check_shares(publishers):
    """Every client took part, so that every door is tried."""
    acked = [sum(len(line.get("acked", [])) for line in read_notes(f"publisher-{i}"))
             for i in range(len(publishers))]
    ok(min(acked) > 0, "at each door events were acknowledged",
       ", ".join(f"{door} {kind}: {count}" for (door, kind, _), count in zip(publishers, acked)))


def check_streams(events):
    revisions, position, wrong = {}, -1, []
    for event in events:
        expected = revisions.get(event["stream"], -1) + 1
        if event["revision"] != expected or event["position"] <= position:
            wrong.append(event)
        revisions[event["stream"]] = event["revision"]
        position = event["position"]
    ok(not wrong, "revisions have no gap, positions rise", *wrong[:3])


def check_subscriber(name, selected, lines):
    got = [line["id"] for line in lines if "id" in line]
    expected = [event["id"] for event in selected]
    wrong = [line["wrong"] for line in lines if "wrong" in line]
    notes = [f"{len(got)} seen, {len(expected)} stored", *wrong[:3]]
    for i, (one, other) in enumerate(zip(got, expected)):
        if one != other:
            notes.append(f"differs first at {i}: {one}, not {other}")
            break
    ok(got == expected and not wrong, f"the subscriber of {name} has no gap and no double", *notes)


# ---- the rounds ----------------------------------------------------------------------------------

PUBLISHERS = [("http", "expected", 1), ("http", "expected", 2), ("http", "any", 1),
              ("http", "key", 1), ("http", "once", 1), ("kurrent", "expected", 3),
              ("kurrent", "any", 2), ("batch", "expected", 4), ("batch", "any", 3),
              ("cli", "expected", 5), ("cli", "any", 4)]
SUBSCRIBERS = [
    ("http", "everything", "/api/v1/events?from=start&system=false", lambda event: True),
    ("http", "a category", "/api/v1/events?from=start&category=expected",
     lambda event: event["stream"].startswith("expected-")),
    ("http", "a stream", "/api/v1/streams/any-1?from=start",
     lambda event: event["stream"] == "any-1"),
    ("http", "a type", "/api/v1/events?from=start&type=K7", lambda event: event["type"] == "K7"),
    ("kurrent", "everything", "$all", lambda event: True),
    ("kurrent", "a stream", "stream:expected-1", lambda event: event["stream"] == "expected-1"),
    ("kurrent", "a filter", "type:K3", lambda event: event["type"] == "K3"),
    ("cli", "everything", "--all --skip-system", lambda event: True),
    ("cli", "a category", "--category any", lambda event: event["stream"].startswith("any-")),
]


def present(clients):
    """The clients whose door can be used on this machine."""
    return [client for client in clients
            if kill_doors.grpc is not None or client[0] not in ("kurrent", "batch")]


class Client:
    """A publisher or subscriber as a process that is started again after each kill."""

    def __init__(self, *arguments):
        self.arguments = [str(argument) for argument in arguments]
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__),
                                         *self.arguments], stdin=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def acked(self):
        """How many of a publisher's attempts were answered."""
        with open(self.arguments[3], encoding="utf-8") as lines:
            return sum('"acked"' in line for line in lines)

    def finish(self):
        """A publisher's last attempt is answered, and it ends. Debian's gRPC for Python now and then
        waits for ever, without a connection and past its deadline, after a server was killed: such a
        publisher is killed, and goes on with its attempt, as those that are killed before do."""
        self.process.terminate()
        try:
            self.process.wait(40 * serving.SLOWER)
        except subprocess.TimeoutExpired:
            answered = self.acked()
            self.kill()
            self.start()
            serving.wait_for(lambda: self.acked() > answered, 30, 0.2)
            self.process.terminate()
            self.process.wait(40 * serving.SLOWER)


def read_notes(name):
    with open(path(name), encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def play(rounds, chance):
    """The server at the end, after so many rounds of kills."""
    server = Server("history")
    port = server.port
    subscribers = present(SUBSCRIBERS)
    publishers = [Client("publish", door, port, path(f"publisher-{i}"), kind, number)
                  for i, (door, kind, number) in enumerate(present(PUBLISHERS))]
    clients = publishers + [Client("subscribe", door, port, path(f"subscriber-{i}"), target)
                            for i, (door, _, target, _) in enumerate(subscribers)]
    kills, stops = 0, []
    try:
        # On a busy machine clients take long to start: none may miss the kills.
        serving.wait_for(lambda: all(
            os.path.exists(path(f"subscriber-{i}")) for i in range(len(subscribers))) and all(
            os.path.exists(path(f"publisher-{i}")) and
            any("acked" in line for line in read_notes(f"publisher-{i}"))
            for i in range(len(publishers))), 30, 0.2)
        for _ in range(rounds):
            time.sleep(chance.uniform(0.3, 2.5))
            what = chance.random()
            if what < 0.1:
                stops.append(server.stop())
            elif what < 0.75:
                server.kill()
                kills += 1
            if what > 0.5:
                for client in chance.sample(clients, 3):
                    client.kill()
                    client.start()
            if not server.alive():
                server = Server("history", port=port)
        time.sleep(1)
        for client in publishers:
            client.process.terminate()
        for client in publishers:
            client.finish()
        events = stored_events(server)
        selections = [[event for event in events if wanted(event)] for *_, wanted in subscribers]
        serving.wait_for(lambda: all(
            sum("id" in line for line in read_notes(f"subscriber-{i}")) >= len(selection)
            for i, selection in enumerate(selections)), 20, 0.5)
        time.sleep(0.3)  # duplicates may come last
    finally:
        for client in clients:
            client.kill()
    ok(kills > 0 and not any(stops), "the server was killed, and stopped in between",
       f"{kills} times killed in {rounds} rounds; exit codes of stops: {stops}")
    check_publishers(events, [read_notes(f"publisher-{i}") for i in range(len(publishers))])
    check_shares(present(PUBLISHERS))
    check_streams(events)
    for i, (door, name, *_) in enumerate(subscribers):
        check_subscriber(f"{name} by {door}", selections[i], read_notes(f"subscriber-{i}"))
    if kill_doors.grpc is None:
        serving.skip("publishers and subscribers of KurrentDB", "python3-grpcio is not installed")
    ok(server.stop() == 0, "the server stops in order")
    verified = subprocess.run([serving.FACTUM, "--store", server.store, "verify"], check=False,
                              capture_output=True, text=True)
    ok(verified.returncode == 0, "and its store is whole", verified.stderr[:300])


def main(arguments):
    if arguments[:1] == ["publish"]:
        door, port, notes, kind, number = arguments[1:]
        Publisher(kill_doors.DOORS[door](int(port)), Notes(notes), kind, number).run()
        return
    if arguments[:1] == ["subscribe"]:
        door, port, notes, target = arguments[1:]
        subscribe(kill_doors.FOLLOWS[door], int(port), Notes(notes), target)
        return
    rounds = int(arguments[0]) if arguments else 20
    seed = int(arguments[1]) if len(arguments) > 1 else random.randrange(1 << 32)
    print(f"# {rounds} rounds, seed {seed}", flush=True)
    try:
        play(rounds, random.Random(seed))
    finally:
        serving.clean_up()
    serving.done()


main(sys.argv[1:])
