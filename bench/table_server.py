#!/usr/bin/env python3
"""table_server.py SERVER.tsv - goals V1 to V9 as ratios of one run, with every figure of it."""
import sys

rows, spread, foreign = {}, {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    peer, metric, param, value, _unit, dev = line.rstrip("\n").split("\t")
    rows[peer, metric, param] = float(value)
    spread[peer, metric, param] = float(dev)
    if metric == "foreign_cpu":
        foreign[param] = float(value)

PEERS = ("redis-always", "redis-everysec", "jetstream-nosync", "postgres")
OURS = ("factum", "factum-unary", "factum-v1")
ALL = ("floor", "http2", "http2-sync") + OURS + PEERS


def get(peer, metric, param):
    return rows.get((peer, metric, param))


def number(value):
    if value is None:
        return "-"
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.2f}{unit}"
    return f"{value:.3g}"


def best(metric, param, peers):
    values = [v for p in peers if (v := get(p, metric, param)) is not None]
    return max(values) if values else None


def print_table(title, metric, params):
    print(f"\n{title}")
    print(" " * 17 + "".join(f"{p[:17]:>18}" for p in params))
    for peer in ALL:
        cells = [get(peer, metric, p) for p in params]
        if any(c is not None for c in cells):
            shown = [number(c) + (f" ±{spread[peer, metric, p] / 2:.0%}" if c is not None and
                                  spread.get((peer, metric, p)) else "") for c, p in zip(cells, params)]
            print(f"{peer:17}" + "".join(f"{s:>18}" for s in shown))


def goal(name, what, value, base, must, reach=None, upper=False):
    """The ratio of |value| to |base|, and its goal, a minimum or (|upper|) a maximum."""
    if value is None or not base:
        print(f"  {name:4} {what:60} {'-':>8}")
        return
    ratio = value / base
    good = ratio <= must if upper else ratio >= must
    beyond = reach is not None and (ratio <= reach if upper else ratio >= reach)
    print(f"  {name:4} {what:60} {ratio:8.3f}  must {'<=' if upper else '>='} {must:<6g} "
          f"{'reach ' + format(reach, 'g') if reach is not None else '':12} "
          f"{'reached' if beyond else 'met' if good else 'MISSED'}")


CONNS = ["c1w1", "c1w16", "c1w64", "c1w256", "c16w1", "c64w1", "c256w1"]
REPLAY = "one consumer, from the start"
print("Not durable: redis-everysec (syncs once a second), jetstream-nosync (answers before it syncs), http2 (stores nothing)")
print_table("Append, events/s: connections, in flight on each", "append", CONNS)
print_table("  p50, us", "append_p50", CONNS)
print_table("  p99, us", "append_p99", CONNS)
print_table("Load, events/s", "load", ["all events"])
print_table("Replay, events/s", "replay", [REPLAY])
print_table("Rehydrate, p50 us", "rehydrate_p50", ["10 events", "100 events", "1000 events"])
print_table("Append to subscriber, p50 us", "e2e_p50", ["append to subscriber"])
print_table("  p99", "e2e_p99", ["append to subscriber"])
print_table("Memory, MB (own pages)", "memory", ["idle, empty", "after load", "after replay"])
print_table("Start with the load stored, ms", "startup", ["clean stop before", "hard stop before"])
print_table("Disk, bytes an event", "disk", ["bytes/event"])
print_table("CPU time of the server, us", "cpu", ["c1w1", "c1w256", "c256w1", "an event replayed"])
print_table("2,000 appends/s by 1,000 subscribers, p50 us", "subscribers_p50", ["none", "1000, written", "none, again", "1000, quiet"])
print_table("  CPU time of the server, us an append", "subscribers_cpu", ["none", "1000, written", "none, again", "1000, quiet"])

print("\nGoals (ratios of this run)")


def f(metric, param, peer="factum"):
    return get(peer, metric, param)


def against(name, what, peer, metric, param, must, reach=None, upper=False, own="factum", times=1.0):
    base = get(peer, metric, param)
    goal(name, f"{what} / {peer}", get(own, metric, param), base and base * times, must, reach, upper)


for peer, must, reach in (("floor", .25, .45), ("redis-always", 2.5, None), ("jetstream-nosync", 2.5, None),
                          ("redis-everysec", 1, None)):
    against("V1", "BatchAppend, 256 in flight", peer, "append", "c1w256", must, reach)
against("V2", "unary, 256 streams", "http2", "append", "c1w256", .4, .6, own="factum-unary")
against("V2", "unary, 256 streams", "redis-always", "append", "c1w256", 1.2, own="factum-unary")
against("V3", "unary, 256 connections", "http2", "append", "c256w1", .6, .8, own="factum-unary")
against("V3", "unary, 256 connections", "redis-always", "append", "c256w1", .6, .9, own="factum-unary")
against("V3", "unary, 256 connections", "postgres", "append", "c256w1", 4, own="factum-unary")
against("V4", "one at a time, p50", "floor", "append_p50", "c1w1", 1.6, 1.25, True)
against("V4", "one at a time, p50", "redis-always", "append_p50", "c1w1", .9, None, True)
goal("V4", "one at a time, p99 / own p50", f("append_p99", "c1w1"), f("append_p50", "c1w1"), 2.5, None, True)
against("V5", "replay of all", "floor", "replay", REPLAY, .12, .25)
goal("V5", "replay of all / best of Redis, JetStream, PostgreSQL", f("replay", REPLAY), best("replay", REPLAY, PEERS), 1.6)
against("V6", "rehydrate 100 events, p50", "redis-always", "rehydrate_p50", "100 events", 1, .6, True)
against("V6", "rehydrate 100 events, p50", "postgres", "rehydrate_p50", "100 events", .4, None, True)
against("V7", "append to subscriber, p50", "floor", "e2e_p50", "append to subscriber", 1.3, 1, True)
against("V7", "append to subscriber, p50", "redis-always", "e2e_p50", "append to subscriber", 1.1, None, True)
goal("V7", "append to subscriber, p99 / own p50", f("e2e_p99", "append to subscriber"),
     f("e2e_p50", "append to subscriber"), 4, None, True)
against("V8", "memory, idle and empty", "redis-always", "memory", "idle, empty", 1.6, None, True)
goal("V8", "memory, idle and empty / 16 MB", f("memory", "idle, empty"), 16, 1, .625, True)
against("V8", "memory, loaded and replayed", "redis-always", "memory", "after replay", .1, None, True)
goal("V8", "memory, loaded and replayed / 43 MB", f("memory", "after replay"), 43, 1, .558, True)
against("V9", "start after a clean stop", "jetstream-nosync", "startup", "clean stop before", .25, None, True)
against("V9", "start after a clean stop", "postgres", "startup", "clean stop before", 1, None, True)
goal("V9", "start after a clean stop / 50 ms", f("startup", "clean stop before"), 50, 1, .4, True)
against("V9", "start after a clean stop", "redis-always", "startup", "clean stop before", .03, None, True)
against("V9", "start after kill -9", "jetstream-nosync", "startup", "hard stop before", .5, None, True)
against("V9", "start after kill -9", "redis-always", "startup", "hard stop before", .03, None, True)
for none, some, what in (("none", "1000, written", "each tenth append is seen"), ("none, again", "1000, quiet", "of quiet streams")):
    for metric, unit in (("subscribers_cpu", "CPU time"), ("subscribers_p50", "p50")):
        goal("", f"1,000 subscribers / none, {unit} of an append, {what}", f(metric, some), f(metric, none), 1.1, None, True)
for metric, param, what in (("append", "c1w256", "256 in flight"), ("replay", REPLAY, "replay of all")):
    goal("", f"{what}: factum.v1 / KurrentDB's protocol", f(metric, param, "factum-v1"), f(metric, param), 1)
for metric, param, what in (("append_p50", "c1w1", "one at a time, p50"), ("rehydrate_p50", "100 events", "rehydrate 100 events, p50"),
                            ("cpu", "c1w256", "CPU time an append"), ("cpu", "an event replayed", "CPU time an event replayed")):
    goal("", f"{what}: factum.v1 / KurrentDB's protocol", f(metric, param, "factum-v1"), f(metric, param), 1, None, True)
print(f"\nLoad of the machine before and after: {get('env', 'load_before', 'run')}, {get('env', 'load_after', 'run')}")
print("CPU that others took: " + ", ".join(f"{p} {v:.0f} %" for p, v in foreign.items()))
