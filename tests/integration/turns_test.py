#!/usr/bin/env python3
# turns_test.py - long work takes turns: reads, tails and lists that find nothing among a million
# events, while another connection asks for answers at once. Prints TAP; needs no library.
#
# What is asserted is generous, since other programs use the machine: 99 % of the answers within
# 50 ms, or several answers during each scan, which the loop without turns would hold back. What
# holds the loop does it each time: one good attempt of three is enough. The figures are printed.
#
# turns_test.py [EVENTS]
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serving  # noqa: E402
from serving import FACTUM, SLOWER, Server, ok, path  # noqa: E402

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000000 // SLOWER
P99_MAX = 0.05 * SLOWER
ATTEMPTS = 3


def fill():
    """A store of so many events, each of a stream of its own."""
    importer = subprocess.Popen([FACTUM, "--store", path("store"), "import", "-", "--batch", "10000",
                                 "--quiet"], stdin=subprocess.PIPE)
    for first in range(0, EVENTS, 10000):
        lines = [f'{{"stream":"s{number}","type":"T{number % 50000}","data":{number}}}\n'
                 for number in range(first, min(first + 10000, EVENTS))]
        importer.stdin.write("".join(lines).encode())
    importer.stdin.close()
    return importer.wait() == 0


class Worker(threading.Thread):
    """Asks again and again for something that does not exist."""

    def __init__(self, server, target, fields):
        super().__init__(daemon=True)
        self.server = server
        self.target = target
        self.fields = fields
        self.rounds = 0
        self.wrong = None
        self.going = True
        self.start()

    def run(self):
        while self.going:
            status, body = self.server.ask("GET", self.target, headers=self.fields)
            if status != 200 or b'"data":' in body or b'"name":' in body:
                self.wrong = (status, body[:200])
            self.rounds += 1


def ping(server, until):
    """Seconds of each of many small requests on one connection."""
    times = []
    connection = server.http()
    while not until(times):
        begun = time.monotonic()
        connection.request("GET", "/api/v1/streams/s0/info")
        answer = connection.getresponse()
        answer.read()
        times.append(time.monotonic() - begun)
        time.sleep(0.002)
    connection.close()
    return sorted(times)


def shown(times):
    return (f"{len(times)} pings: median {1000 * times[len(times) // 2]:.2f} ms, 99 % "
            f"{1000 * times[len(times) * 99 // 100]:.2f} ms, worst {1000 * times[-1]:.2f} ms")


def took_turns(times, rounds):
    return times[len(times) * 99 // 100] < P99_MAX or len(times) > 4 * rounds


def try_request(server, target):
    worker = Worker(server, target, {"Accept": "application/json"})
    enough = time.monotonic() + 2
    last = time.monotonic() + 30 * SLOWER
    times = ping(server, lambda seen: (time.monotonic() > enough and len(seen) >= 300 and
                                       worker.rounds > 0) or time.monotonic() > last)
    worker.going = False
    worker.join(60 * SLOWER)
    good = worker.wrong is None and worker.rounds > 0 and took_turns(times, worker.rounds)
    return good, f"{worker.rounds} times {worker.wrong or 'nothing found'}, {shown(times)}"


def try_tail(server):
    """A tail that begins at the first event, and whose prefix fits none."""
    connection = server.http(60)
    begun = time.monotonic()
    connection.request("GET", "/api/v1/events?prefix=none&from=start",
                       headers={"Accept": "text/event-stream"})
    caught_up = []

    def read():
        answer = connection.getresponse()
        while b"caught-up" not in answer.readline():
            pass
        caught_up.append(time.monotonic() - begun)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    times = ping(server, lambda seen: caught_up or time.monotonic() > begun + 60 * SLOWER)
    reader.join(1)
    connection.close()
    return caught_up and took_turns(times, 1), f"caught up after {caught_up}, {shown(times)}"


def measure(name, attempt, *args):
    notes = []
    good = False
    while not good and len(notes) < ATTEMPTS:
        good, note = attempt(*args)
        notes.append(note)
    ok(good, name, *notes)


def main():
    if not ok(fill(), f"{EVENTS} events are imported"):
        return
    server = Server("store")
    start = time.monotonic()
    times = ping(server, lambda _: time.monotonic() > start + 1)
    ok(True, "alone", shown(times))
    for name, target in (("a read whose prefix fits nothing", "/api/v1/events?prefix=none"),
                         ("such a read backwards", "/api/v1/events?prefix=none&backwards"),
                         ("a list of streams with such a prefix", "/api/v1/streams?prefix=none"),
                         ("a list of types with such a prefix", "/api/v1/types?prefix=none")):
        measure(f"{name} takes turns", try_request, server, target)
    measure("a tail whose prefix fits nothing takes turns", try_tail, server)
    ok(server.stop() == 0, "the server stops")


try:
    main()
finally:
    serving.clean_up()
serving.done()
