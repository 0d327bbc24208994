#!/usr/bin/env python3
# model_sizes_test.py - read models at size: a backlog of many events in little memory, a second
# version beside many rows, what it would change, swap and rollback, and answers as of a moment, with
# the time and the peak of memory of each. Prints TAP.
#
#     EVENTS=3000000 FACTUM=... MODEL_PROBE=... tests/integration/model_sizes_test.py
#
# The largest table has a row for each third event of EVENTS (30,000). At full size the test takes some
# minutes and 3 GB of disk. Memory is bounded at every size; times are shown, not judged, except that
# a query near an earlier one must be quicker.
import json
import os
import pty
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serving  # noqa: E402
from serving import FACTUM, SANITIZED, ok, path  # noqa: E402

PROBE = os.environ["MODEL_PROBE"]
EVENTS = int(os.environ.get("EVENTS", "30000"))
ROWS = EVENTS // 3
MIB = 1 << 20
RUN_MAX = 64 * MIB
PROBE_MAX = 64 * MIB

DEFINITION = """--@ projection orders version {version}
--@ from category order
--@ tables
CREATE TABLE {{{{orders}}}} (id INTEGER PRIMARY KEY, customer TEXT NOT NULL, total INTEGER NOT NULL,
  paid INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL);
CREATE TABLE {{{{customers}}}} (customer TEXT PRIMARY KEY, orders INTEGER NOT NULL, total INTEGER NOT NULL);
--@ on OrderPlaced
INSERT INTO {{{{orders}}}} (id, customer, total, status) VALUES (:orderId, :customer, :total, 'placed');
INSERT INTO {{{{customers}}}} VALUES (:customer, 1, :total)
ON CONFLICT (customer) DO UPDATE SET orders = {{{{customers}}}}.orders + 1,
  total = {{{{customers}}}}.total + excluded.total;
--@ on PaymentReceived expect 1
UPDATE {{{{orders}}}} SET paid = paid + :amount{change}, status = 'paid' WHERE id = :orderId;
--@ on OrderShipped expect 1
UPDATE {{{{orders}}}} SET status = 'shipped' WHERE id = :orderId;
"""
SUMS = ("SELECT count(*), coalesce(sum(total), 0), coalesce(sum(paid), 0),"
        " coalesce(sum(status = 'shipped'), 0) FROM orders")


def total_of(order):
    return order * 7919 % 10007 + 1


def write_events(name):
    """Orders in rounds of 1,000: placed, then paid, then shipped."""
    with open(name, "w", encoding="ascii") as out:
        for first in range(0, ROWS, 1000):
            orders = range(first, min(first + 1000, ROWS))
            for order in orders:
                out.write(f'{{"stream":"order-{order}","type":"OrderPlaced","data":{{"orderId":{order},'
                          f'"customer":"c{order % 1000:03}","total":{total_of(order)}}}}}\n')
            for order in orders:
                out.write(f'{{"stream":"order-{order}","type":"PaymentReceived","data":{{"orderId":'
                          f'{order},"amount":{total_of(order)}}}}}\n')
            for order in orders:
                out.write(f'{{"stream":"order-{order}","type":"OrderShipped","data":{{"orderId":{order}}}}}\n')


def sums_after(events):
    """The result of SUMS after so many of the events."""
    counts = [0, 0, 0, 0]
    for first in range(0, ROWS, 1000):
        size = min(1000, ROWS - first)
        for kind in range(3):
            some = min(size, events)
            events -= some
            money = sum(total_of(order) for order in range(first, first + some))
            if kind == 0:
                counts[0] += some
                counts[1] += money
            elif kind == 1:
                counts[2] += money
            else:
                counts[3] += some
    return counts


class Watch:
    """Runs a program with its errors on a terminal, and samples its memory."""

    def __init__(self, *command):
        main, other = pty.openpty()
        self.name = os.path.basename(command[0])[:15]  # as the kernel knows it
        self.shown = b""
        self.peak = 0  # resident bytes, as the kernel counts them (VmHWM)
        self.own = 0   # the part of them that is its own, without mapped files
        begun = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=other)
        os.close(other)
        readers = [threading.Thread(target=self.read_terminal, args=(main,)),
                   threading.Thread(target=self.look, args=(process.pid,))]
        for reader in readers:
            reader.start()
        self.out = process.stdout.read().decode("utf-8", "replace")
        self.code = process.wait()
        self.seconds = time.monotonic() - begun
        for reader in readers:
            reader.join()
        process.stdout.close()

    def read_terminal(self, main):
        while True:
            try:
                more = os.read(main, 65536)
            except OSError:
                more = b""
            if not more:
                os.close(main)
                return
            self.shown += more

    def look(self, pid):
        while True:
            try:
                with open(f"/proc/{pid}/status", encoding="ascii") as status:
                    text = status.read()
            except OSError:
                return
            found = re.search(r"VmHWM:\s*(\d+)(?:.|\n)*RssAnon:\s*(\d+)", text)
            if found is None:  # it has ended
                return
            if self.name in text.partition("\n")[0]:  # not before it was executed
                self.peak = int(found.group(1)) << 10
                self.own = max(self.own, int(found.group(2)) << 10)
            time.sleep(0.005)

    def __str__(self):
        return f"{self.seconds:.2f} s, peak {self.peak / MIB:.1f} MiB, of it its own {self.own / MIB:.1f} MiB"


def factum(*arguments):
    return Watch(FACTUM, "--store", path("store"), *arguments)


def case(watch, good, name, *notes):
    """With the measurements; on failure also with all output."""
    good = good and watch.code == 0
    more = [] if good else [f"exit {watch.code}", *watch.out.splitlines()[-5:],
                            *watch.shown.decode("utf-8", "replace").splitlines()[-5:]]
    ok(good, name, str(watch), *notes, *more)


def small(watch, limit):
    """Without the store's mapped files, whose pages can be reclaimed at any time."""
    return SANITIZED or watch.own < limit


def progress_of(watch):
    """How often progress was shown, and its texts."""
    shown = re.findall(rb"\d+ ?%|[\d,]+ events? (?:behind|left|to go)|\d[\d,.]* ?[KMG]i?B", watch.shown)
    return f"progress shown {len(shown)} times: {watch.shown[:100]!r}"


def deploy(version, change):
    name = path(f"{version}.sql")
    with open(name, "w", encoding="ascii") as out:
        out.write(DEFINITION.format(version=version, change=change))
    watch = factum("projection", "deploy", name)
    case(watch, True, f"version {version} is deployed")


def backlog():
    name = path("events.ndjson")
    write_events(name)
    watch = factum("import", name)
    case(watch, f"{ROWS * 3:,} events" in watch.out, f"{ROWS * 3:,} events are imported")
    os.unlink(name)
    deploy(1, "")
    watch = factum("run", "--until-caught-up")
    case(watch, "orders version 1: live" in watch.out and small(watch, RUN_MAX),
         f"a backlog of them is applied in less than {RUN_MAX // MIB} MiB",
         f"{ROWS * 3 / watch.seconds:,.0f} events/s", progress_of(watch))
    ask("the rows are right", sums_after(ROWS * 3))


def ask(name, wanted, *options):
    watch = factum("query", "orders", SUMS, "--json", *options)
    rows = json.loads(watch.out)["rows"] if watch.code == 0 else watch.out
    case(watch, rows == [wanted], name, rows, *([progress_of(watch)] if options else []))
    return watch


def two_versions():
    wanted = sums_after(ROWS * 3)
    changed = len([order for order in range(ROWS) if order % 100 == 0])
    deploy(2, " + (:orderId % 100 = 0)")
    watch = factum("run", "--until-caught-up")
    case(watch, "orders version 2, not in use: live" in watch.out and small(watch, RUN_MAX),
         "a second version is built beside the first one", f"{ROWS * 3 / watch.seconds:,.0f} events/s",
         progress_of(watch))
    watch = Watch(PROBE, path("store"), "orders", "diff")
    said = json.loads(watch.out) if watch.code == 0 else {}
    case(watch, said.get("changed") == changed == said.get("total") and small(watch, PROBE_MAX),
         f"diff over {ROWS:,} rows finds the {changed:,} that differ", watch.out.strip())
    watch = factum("projection", "swap", "orders")
    case(watch, "version 2 is in use" in watch.out and small(watch, RUN_MAX), "swap")
    ask("the second version answers", [wanted[0], wanted[1], wanted[2] + changed, wanted[3]])
    watch = factum("projection", "rollback", "orders")
    case(watch, "version 1 is in use" in watch.out and small(watch, RUN_MAX), "rollback")
    ask("the first version answers", wanted)


def token_of(stream):
    """The token and the position of the last event of a stream."""
    watch = factum("read", stream, "--json")
    last = json.loads(watch.out.splitlines()[-1])
    info = json.loads(factum("info", "--json").out)
    return info["token"].rsplit("-", 1)[0] + "-" + str(last["position"]), last["position"]


def as_of():
    # The last event of the last order of a round: all orders up to it are shipped, none after it is
    # placed.
    rounds = max(1, ROWS // 1000 * 2 // 3)
    order = min(rounds * 1000, ROWS) - 1
    token, position = token_of(f"order-{order}")
    wanted = sums_after((order + 1) * 3)
    ask(f"as of event {(order + 1) * 3:,}", wanted, "--at", token)
    ask("as of the end", sums_after(ROWS * 3), "--at", json.loads(factum("info", "--json").out)["token"])
    later = min(order + 1000, ROWS - 1)
    positions = [position, position, token_of(f"order-{later}")[1], position]
    watch = Watch(PROBE, path("store"), "orders", SUMS, *map(str, positions))
    answers = [json.loads(line) for line in watch.out.splitlines()] if watch.code == 0 else []
    after = sums_after((later + 1) * 3)
    rows = [answer["row"] for answer in answers]
    case(watch, rows == [wanted, wanted, after, wanted], "asked again and near each other in one process",
         *watch.out.splitlines())
    if len(answers) == 4:
        first, again, near, _ = [answer["seconds"] for answer in answers]
        ok(first > 3 * again and first > 3 * near or EVENTS < 100000,
           "an answer near an earlier one is quicker", f"{first:.3f} s, again {again:.3f} s, near {near:.3f} s")
        ok(answers[0]["steps"] > 0 and answers[0]["whole"] and not any(a["wrong"] for a in answers),
           "its progress only rises, and ends at its end", f"{answers[0]['steps']} steps")
        ok(small(watch, PROBE_MAX), f"in less than {PROBE_MAX // MIB} MiB")


try:
    backlog()
    two_versions()
    as_of()
finally:
    serving.clean_up()
serving.done()
