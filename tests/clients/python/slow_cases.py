"""A subscriber that is stopped (SIGSTOP) while 200,000 events arrive costs the server only its place, and
gets all of them when it continues.

    slow_cases.py    FACTUM_ADDRESS names the server, FACTUM_PID its process, FACTUM its program

Prints "ok - NAME" or "not ok - NAME" for each case.
"""
import os
import signal
import subprocess
import sys
import time

from kurrent import *  # the words of the protocol

EVENTS = 200_000
PER_APPEND = 1000
STREAM = "slow-1"
RESIDENT_MAX = 64 << 20


def follow(address):
    """The subscriber, a process of its own: a line at its confirmation, and a line when it has all."""
    client = Client(address)
    expected = 0
    for message in map(Message, client.channel.unary_stream(STREAMS + "Read")(
            read_stream(STREAM, amount=SUBSCRIBE))):
        if message.has(2):
            print("confirmed", flush=True)
        if message.has(1):
            revision = message.sub(1).sub(1).get(3, 0)
            assert revision == expected, f"{revision}, not {expected}"
            expected += 1
            if expected == EVENTS:
                print("complete", flush=True)
                return


def publish(address):
    """Appends all events in one BatchAppend call. They have the same ids each time: since the expected
    revision is right, ids are not compared."""
    events = [event(b'{"number":%d,"text":"a few words"}' % i) for i in range(PER_APPEND)]
    requests = (batch(text_id(), batch_options(STREAM, at(i - 1) if i else BATCH_NO_STREAM), events)
                for i in range(0, EVENTS, PER_APPEND))
    client = Client(address)
    replies = client.channel.stream_stream(STREAMS + "BatchAppend")(requests, timeout=120)
    count = sum(Message(reply).has(3) for reply in replies)
    assert count == EVENTS // PER_APPEND, f"{count} appends succeeded"
    client.close()


def resident(pid, what="VmRSS"):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith(what + ":"))


def check(name, holds, why=""):
    print(f"{'ok' if holds else 'not ok'} - {name}" + ("" if holds else f"\n# {why}"), flush=True)
    return holds


def measure(name, pid):
    try:
        needs_own_memory()
    except Skipped as reason:
        print(f"ok - {name} # SKIP {reason}", flush=True)
        return True
    most = resident(pid, "VmHWM")
    print(f"# {most >> 20} MiB at most, {resident(pid) >> 20} MiB now, "
          f"{resident(pid, 'RssAnon') >> 20} MiB of them its own")
    return check(name, most < RESIDENT_MAX)


def main():
    address, pid = os.environ["FACTUM_ADDRESS"], int(os.environ["FACTUM_PID"])
    here = [sys.executable, os.path.abspath(__file__), "--follow", address]
    slow = [subprocess.Popen(here, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        for each in slow:
            assert each.stdout.readline() == "confirmed\n"
            each.send_signal(signal.SIGSTOP)
        publish(address)
        time.sleep(0.5)
        good = measure("a server with stopped subscribers needs less than 64 MiB", pid)
        for each in slow:
            each.send_signal(signal.SIGCONT)
        ends = [each.stdout.readline() for each in slow]
        good &= check("subscribers that go on get everything, in order", ends == ["complete\n"] * len(slow), ends)
        good &= measure("the server still needs less", pid)
    finally:
        for each in slow:
            each.kill()
    return 0 if good else 1


if sys.argv[1:2] == ["--follow"]:
    follow(sys.argv[2])
else:
    sys.exit(main())
