#!/usr/bin/env python3
"""table.py RESULTS.tsv - goals E1 to E11, E13, E15 and E16 (the engine), M1 to M5 (read models) and
F1 to F7 (sagas: flows) as ratios of one run: what was measured, what was to be reached."""
import sys

rows, spread, foreign = {}, {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    peer, metric, param, value, _unit, dev = line.rstrip("\n").split("\t")
    rows[peer, metric, param] = float(value)
    spread[peer, metric, param] = float(dev)
    if metric == "foreign_cpu":
        foreign[param] = float(value)

PEERS = ("sqlite-full", "lmdb", "rocksdb")


def get(peer, metric, param):
    return rows.get((peer, metric, param))


def number(value):
    if value is None:
        return "-"
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.2f}{unit}"
    return f"{value:.3g}"


def best(metric, param, least=False):
    values = [v for p in PEERS if (v := get(p, metric, param)) is not None]
    return None if not values else min(values) if least else max(values)


def print_table(title, metric, params, peers):
    print(f"\n{title}")
    width = max(19, 2 + max(len(p) for p in params))
    print(" " * 13 + "".join(f"{p:>{width}}" for p in params))
    for peer in peers:
        cells = [get(peer, metric, p) for p in params]
        if any(c is not None for c in cells):
            shown = [number(c) + (f" ±{spread[peer, metric, p] / 2:.0%}" if c is not None and
                                  spread.get((peer, metric, p)) else "") for c, p in zip(cells, params)]
            print(f"{peer:13}" + "".join(f"{s:>{width}}" for s in shown))


def goal(name, what, value, base, must, reach, upper=False):
    """|must| None: the ratio is only printed."""
    if value is None or not base:
        print(f"  {name:4} {what:58} {'-':>8}")
        return
    ratio = value / base
    good = must is not None and (ratio <= must if upper else ratio >= must)
    beyond = reach is not None and (ratio <= reach if upper else ratio >= reach)
    sign = "<=" if upper else ">="
    verdict = ("reached" if beyond else "not reached" if must is None else
               "met" if good else "MISSED")
    needed = "print         " if must is None else f"must {sign} {must:<6g}"
    print(f"  {name:4} {what:58} {ratio:8.3f}  {needed} "
          f"{'reach ' + format(reach, 'g') if reach is not None else '':12} {verdict}")


BIG = "factum-10M"
LIVE = "1000 events/s"
ALL = ("raw-pre", "raw", "factum") + PEERS
print_table("Append, durable events/s", "append",
            ["g1", "g100", "g256", "g1000", "a256", "w1", "w16", "w64", "w256"], ALL)
print_table("  p50, us", "append_p50", ["g1", "g1000", "a256", "w1", "w16", "w256"], ALL)
print_table("  p99, us", "append_p99", ["g1", "g1000", "a256", "w1", "w16", "w256"], ALL)
print_table("Replay, events/s", "replay", ["all, warm", "first pass after open"], ALL)
print_table("Rehydrate, p50 us", "rehydrate_p50", ["10 events", "100 events", "1000 events"], ALL)
print_table("Open with the load stored, ms", "open", ["new process", "after kill -9"], ALL)
print_table("Disk, bytes an event", "disk", ["bytes/event, closed", "zeros written ahead"], ALL)
print_table("Memory growth, MB (anonymous)", "mem_growth",
            ["anonymous after load", "anonymous after replay"], ALL)
print_table("Projection into SQLite, events/s", "projection", ["into SQLite, 1000 a transaction"], ALL)
print_table("Contention, commits/s", "contention", ["16 threads, one stream", "refusals a commit"], ALL)
print_table("One event a commit, commits/s, by listeners", "listeners", ["none", "1000"], ALL)

if get(BIG, "open", "new process") is not None:
    print("\nFactum with 10 million events in 1 million streams")
    for metric, param, unit in (
            ("load", "g1000, all events", "events/s"), ("open", "new process", "ms"),
            ("replay", "all, warm", "events/s"), ("rehydrate_p50", "10 events", "us"),
            ("rehydrate_p50", "100 events", "us"), ("absent_p50", "a stream that is not there", "us"),
            ("absent_p99", "a stream that is not there", "us"),
            ("query_p50", "first 100 of two types x one tag", "us"),
            ("query_p99", "first 100 of two types x one tag", "us"),
            ("query_p50", "first 100 of a tag", "us"), ("verify", "replay", "events/s"),
            ("verify", "all", "events/s"), ("disk", "bytes/event, closed", "B"),
            ("index", "bytes/event", "B"), ("mem_growth", "anonymous after load", "MB"),
            ("rss", "opened, idle", "MB")):
        print(f"  {metric + ', ' + param:45} {number(get(BIG, metric, param)):>10} {unit}")

if ("factum", "catch_up", "one projection") in rows or ("factum", "visible_p50", LIVE) in rows:
    print_table("Read models: catch-up, events/s, all projections together", "catch_up",
                ["one projection", "three projections"], ("hand", "factum"))
    print_table("  the same a second of CPU time", "catch_up_cpu",
                ["one projection", "three projections"], ("hand", "factum"))
    print_table("  the loop by hand without parts of it", "catch_up",
                ["read only", "read and parse", "SQLite, no parsing"], ("hand",))
    print_table("  queries of one row/s", "model_query", ["1 thread", "2 threads"], ("factum", "sqlite"))
    print()
    for metric, param, unit in (
            ("rebuild", "one projection", "events/s"), ("rebuild_cpu", "one projection", "events/s of CPU time"),
            ("wait", "already there", "ns"), ("as_of", "first question, near the end", "ms"),
            ("as_of", "the same moment again", "ms"), ("as_of", "1,000 events later", "ms"),
            ("as_of", "2,000 events earlier", "ms")):
        print(f"  {metric + ', ' + param:45} {number(get('factum', metric, param)):>10} {unit}")
    print("\n  a server that runs, us" + " " * 27 + "".join(f"{q:>10}" for q in ("p50", "p99", "max")))
    for metric, param in [("acknowledged", LIVE), ("visible", LIVE)] + [
            ("sync_append", f"{m}, {w}") for w in ("1 writer", "16 writers")
            for m in ("no model wants it", "mode async", "mode sync")]:
        print(f"  {metric + ', ' + param:48}" + "".join(
            f"{number(get('factum', f'{metric}_{q}', param)):>10}" for q in ("p50", "p99", "max")))

AT_ONCE = ("1 at once", "16 at once", "64 at once")
KINDS = ("", ", factum_participant", ", server", ", server, factum_participant")
if ("factum", "sagas", AT_ONCE[0]) in rows or ("factum", "sagas", AT_ONCE[0] + ", server") in rows:
    for kind in KINDS:
        params = [p + kind for p in AT_ONCE]
        if get("factum", "sagas", params[0]) is not None:
            print(f"\nSagas of four steps{kind}" + " " * (32 - len(kind)) + "".join(f"{p:>14}" for p in AT_ONCE))
            for name, peer, metric in (("by hand, sagas/s", "hand", "sagas"), ("sagas/s", "factum", "sagas"),
                                       ("time / by hand", "factum", "saga_time"),
                                       ("CPU time / by hand", "factum", "saga_cpu")):
                print(f"  {name:49}" + "".join(f"{number(get(peer, metric, p)):>14}" for p in params))
    print()
    for peer, metric, param, unit in (
            ("factum", "saga_step_p50", AT_ONCE[0], "us"), ("factum", "saga_step_p99", AT_ONCE[0], "us"),
            ("hand", "saga_commit_p50", AT_ONCE[0], "us"), ("factum", "timers", "armed", "/s"),
            ("factum", "timers", "fired, 10,000 due at once", "/s"), ("factum", "saga_start", "ready", "ms"),
            ("factum", "saga_memory", "just started, the store's too", "B each"),
            ("factum", "saga_memory", "after a start", "B each"), ("factum", "saga_check", "states/s", "states/s"),
            ("factum", "append_plain", "256 at once", "/s"), ("factum", "append_carries", "256 at once", "/s"),
            ("factum", "append_traced", "256 at once", "/s")):
        print(f"  {peer + ' ' + metric + ', ' + param:56} {number(get(peer, metric, param)):>10} {unit}")

print("\nGoals (ratios of this run)")


def f(metric, param):
    return get("factum", metric, param)


goal("E1", "g1 / bare log over written extents", f("append", "g1"), get("raw-pre", "append", "g1"), .85, .95)
goal("E1", "g1 / best peer", f("append", "g1"), best("append", "g1"), 1.05, 1.3)
goal("E2", "w256 / bare log", f("append", "w256"), get("raw-pre", "append", "w256"), .8, 1)
goal("E2", "w256 / best peer", f("append", "w256"), best("append", "w256"), 3, None)
goal("E2", "w256 p99 / bare log's", f("append_p99", "w256"), get("raw-pre", "append_p99", "w256"), 1.5, None, True)
goal("E3", "a256 / bare log g256", f("append", "a256"), get("raw-pre", "append", "g256"), .4, .65)
goal("E3", "a256 / best peer g256", f("append", "a256"), best("append", "g256"), 4.5, None)
goal("E4", "g100 / bare log", f("append", "g100"), get("raw-pre", "append", "g100"), .45, .65)
goal("E4", "g1000 / bare log", f("append", "g1000"), get("raw-pre", "append", "g1000"), .45, .65)
goal("E4", "g100 / best peer", f("append", "g100"), best("append", "g100"), 2.5, None)
goal("E4", "g1000 / best peer", f("append", "g1000"), best("append", "g1000"), 10, None)
goal("E5", "replay / raw scan", f("replay", "all, warm"), get("raw", "replay", "all, warm"), .6, .85)
goal("E5", "replay / best peer", f("replay", "all, warm"), best("replay", "all, warm"), 2, None)
for n in ("100 events", "1000 events"):
    goal("E6", f"rehydrate {n} / raw", f("rehydrate_p50", n), get("raw", "rehydrate_p50", n), 2.5, 1.2, True)
    goal("E6", f"rehydrate {n} / best peer", f("rehydrate_p50", n), best("rehydrate_p50", n, True), .5, None, True)
goal("E6", "rehydrate 10 events / LMDB", f("rehydrate_p50", "10 events"), get("lmdb", "rehydrate_p50", "10 events"), 1, None, True)
goal("E7", "open, clean / raw's scan", f("open", "new process"), get("raw", "open", "new process"), .15, None, True)
goal("E7", "open, after kill -9 / raw's scan", f("open", "after kill -9"), get("raw", "open", "new process"), .5, None, True)
goal("E7", "open, clean, 10M events / 1M", get(BIG, "open", "new process"), f("open", "new process"), 1.5, None, True)
goal("E8", "disk / 377 logical bytes", f("disk", "bytes/event, closed"), 377, 1.15, 1.08, True)
goal("E8", "disk / SQLite", f("disk", "bytes/event, closed"), get("sqlite-full", "disk", "bytes/event, closed"), 1, None, True)
goal("E9", "memory after load / 24 MB", f("mem_growth", "anonymous after load"), 24, 1, .667, True)
goal("E9", "memory after replay / 24 MB", f("mem_growth", "anonymous after replay"), 24, 1, .667, True)
goal("E10", "contention / own g1", f("contention", "16 threads, one stream"), f("append", "g1"), .7, 1)
goal("E11", "projection / raw loop", f("projection", "into SQLite, 1000 a transaction"),
     get("raw", "projection", "into SQLite, 1000 a transaction"), .8, .9)
goal("E13", "query, first 100 of 10M events / a tag's first 100",
     get(BIG, "query_p50", "first 100 of two types x one tag"),
     get(BIG, "query_p50", "first 100 of a tag"), None, 1.5, True)
goal("E15", "time of a commit with 1,000 listeners / with none",
     f("listeners", "none"), f("listeners", "1000"), 1.1, 1.02, True)
goal("E16", "verify / replay in the same run, 10M events",
     get(BIG, "verify", "all"), get(BIG, "verify", "replay"), .2, .5)
goal("M1", "catch-up of one projection / loop by hand", f("catch_up_ratio", "one projection"), 1, .8, .9)
goal("M1", "catch-up of three projections / three loops by hand",
     f("catch_up_ratio", "three projections"), 1, .8, .9)
goal("M2", "rebuild / 300,000 events a second", f("rebuild", "one projection"), 300000, 1, None)
goal("M3", "append to visible, p99 / 20 ms", f("visible_p99", LIVE), 20000, 1, None, True)
goal("M3", "append to visible, p50 / append to answer, p50", f("visible_p50", LIVE),
     f("acknowledged_p50", LIVE), None, 2, True)
goal("M4", "append with mode sync, p50 / mode async, 1 writer", f("sync_append_p50", "mode sync, 1 writer"),
     f("sync_append_p50", "mode async, 1 writer"), None, 3, True)
goal("M4", "append with mode sync, p50 / mode async, 16 writers",
     f("sync_append_p50", "mode sync, 16 writers"), f("sync_append_p50", "mode async, 16 writers"), None, 3, True)
goal("M5", "wait for what is there / 1 us", f("wait", "already there"), 1000, 1, None, True)
for at in AT_ONCE:
    goal("F1", f"sagas of four steps, time / by hand, {at}", f("saga_time", at), 1, 1.5, None, True)
for at in AT_ONCE:
    goal("F2", f"the same over the server, {at}", f("saga_time", at + ", server"), 1, None, 1.5, True)
hand_commit = get("hand", "saga_commit_p50", AT_ONCE[0])
goal("F3", "command to the commit of its answer, p50 / two by hand", f("saga_step_p50", AT_ONCE[0]),
     hand_commit and 2 * hand_commit, None, 1.5, True)
for what in ("armed", "fired, 10,000 due at once"):
    goal("F4", f"timers {what}, time / by hand", f("timers_time", what), 1, None, 1.5, True)
goal("F5", "start with 100,000 running sagas / 5 s", f("saga_start", "ready"), 5000, 1, None, True)
goal("F5", "memory a running saga after a start / 1 KiB", f("saga_memory", "after a start"), 1024, 1, None, True)
goal("F6", "checker, states a second / 450,000", f("saga_check", "states/s"), 450000, None, 1)
for at in ("1 at once", "256 at once"):
    goal("F7", f"append with a trace, time / with the same bytes, {at}", f("append_traced_time", at), 1, 1.05, None, True)
    goal("F7", f"the same by CPU time, {at}", f("append_traced_cpu", at), 1, None, 1.05, True)
    goal("F7", f"append with a trace, time / without its bytes, {at}", f("append_traced_all", at), 1, None, 1.05, True)
print("\nCPU that others took: " + ", ".join(f"{p} {v:.0f} %" for p, v in foreign.items()))
