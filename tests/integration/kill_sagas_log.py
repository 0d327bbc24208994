# kill_sagas_log.py - what the log of kill_sagas_test.py must show: S1 each command has at most one
# answer and one effect, S2 undos go in reverse order, S3 nothing is both done and compensated, S4 every
# saga has ended, S5 no timer fires early, or late while the server runs, S8 an undo that fails is tried
# again after ever longer waits, then the saga is stuck. The ledgers net.
#
# Knows the definition of that test and docs/formats.md; shares no code with what it checks.
import collections
import datetime

from serving import SLOWER, ok

TIMES, FIRST_NS, LAST_NS = 4, 100_000_000, 400_000_000  # of the definition's retry
LATE_SECONDS = 3 * SLOWER  # how late a timer may be while the server runs, and after each start
STAGES = {"reserve_stock": 0, "reserve_van": 0, "charge": 1, "ship": 2, "send_receipt": 3,
          "close_order": 3}
UNDONE_BY_UNDO = {"reserve_stock", "reserve_van", "charge"}
# The sums of a ledger when its order is done, and when it is undone.
LEDGERS = [("stock", {"StockReserved": 1, "StockReleased": -1}, 1, 0),
           ("vans", {"VanReserved": 1, "VanReleased": -1}, 1, 0),
           ("payment", {"PaymentReceived": 1, "PaymentRefunded": -1, "RefundedByHand": -1}, 1, 0),
           ("shipping", {"ParcelHandedOver": 1}, 1, 0), ("mail", {"ReceiptSent": 1}, 1, 0),
           ("order", {"OrderCompleted": 1}, 1, 0), ("order", {"OrderRejected": 1}, 0, 1)]
EFFECTS = {effect for _, effects, _, _ in LEDGERS for effect in effects} - {"RefundedByHand"}


def nanoseconds(text):
    """Seconds of a time in RFC 3339."""
    whole, _, part = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return int(seconds) * 10**9 + int((part + "0" * 9)[:9])


class Saga:
    """The fold of one saga's stream. |wrong| collects its violations."""

    def __init__(self, name):
        self.name, self.status, self.wrong = name, "running", []
        self.phase = {step: "idle" for step in STAGES}
        self.phase["undone"] = "idle"  # the call at the end
        self.timers, self.failed = {}, collections.Counter()
        self.generation = collections.Counter()
        self.rests, self.lateness, self.counts = {}, [], collections.Counter()
        self.compensates, self.created = False, 0

    def note(self, event, text):
        self.wrong.append(f"{self.name} revision {event['revision']} {event['type']}: {text}")

    def take(self, event):
        self.created = nanoseconds(event["created"])
        self.counts[event["type"]] += 1
        if self.status in ("done", "undone") and event["type"] != "ReplyRecorded":
            self.note(event, f"after it has ended: {self.status}")
        handler = getattr(self, "on_" + event["type"], None)
        if handler is not None:
            handler(event, event["data"], event["data"].get("step"))

    def check_generation(self, event, kind, again):
        """A command without an answer is sent again under its id, so that it counts once; after a
        failure it gets a new id."""
        step, data = event["data"]["step"], event["data"]
        expected = self.generation[kind, step] + (0 if again else 1)
        if data["generation"] != expected or (data["attempt"] > 1) != again:
            self.note(event, f"{step} is {self.phase[step]}: generation {data['generation']}, "
                             f"attempt {data['attempt']}")
        self.generation[kind, step] = data["generation"]

    # ---- forward

    def on_SagaStarted(self, event, data, step):
        if event["revision"] != 0:
            self.note(event, "a second start")

    def on_StepStarted(self, event, data, step):
        if step in STAGES:
            before = [one for one in STAGES if STAGES[one] < STAGES[step]]
            if self.compensates or any(self.phase[one] != "done" for one in before):
                self.note(event, f"{step} before its turn: {self.phase}")
        elif set(self.phase[one] for one in UNDONE_BY_UNDO) - {"idle", "failed", "undone"}:
            self.note(event, f"the call at the end, before all is undone: {self.phase}")
        self.check_generation(event, "do", self.phase[step] in ("doing", "asked"))
        self.phase[step] = "doing"

    def on_StepSucceeded(self, event, data, step):
        if self.phase[step] not in ("doing", "asked", "unknown"):
            self.note(event, f"{step} is {self.phase[step]}")
        self.phase[step] = "done"

    def on_StepFailed(self, event, data, step):
        if self.phase[step] not in ("doing", "asked", "unknown"):
            self.note(event, f"{step} is {self.phase[step]}")
        self.phase[step] = "failed"

    def on_StepTimedOut(self, event, data, step):
        self.phase[step] = "asked" if data.get("why") == "ask" else "unknown"

    def on_SagaDone(self, event, data, step):
        if any(self.phase[one] != "done" for one in STAGES) or self.counts["UndoStarted"] > 0:
            self.note(event, f"S3: {self.phase}, {self.counts['UndoStarted']} undos")
        self.status = "done"

    # ---- back

    def on_SagaFailed(self, event, data, step):
        if self.phase["ship"] in ("done", "doing", "asked"):
            self.note(event, f"ship is {self.phase['ship']}")
        self.compensates = True

    def on_UndoStarted(self, event, data, step):
        if self.phase[step] in ("idle", "failed", "undone"):
            self.note(event, f"S2: {step} is {self.phase[step]}: nothing is to be undone")
        later = [one for one in UNDONE_BY_UNDO if STAGES[one] > STAGES[step]]
        if any(self.phase[one] not in ("idle", "failed", "undone") for one in later):
            self.note(event, f"S2: {step} before what came after it: {self.phase}")
        if not self.compensates or any(phase == "doing" for phase in self.phase.values()):
            self.note(event, f"S2: while it goes forward: {self.phase}")
        if self.phase[step] == "resting":
            self.check_rest(event, step)
        elif self.phase[step] != "undoing":
            self.failed[step] = 0
        self.check_generation(event, "undo", self.phase[step] in ("undoing", "silent"))
        self.phase[step] = "undoing"

    def check_rest(self, event, step):
        """S8: after |failed| failures the wait has doubled so often, and is over."""
        due, wait = self.rests.pop(step, (None, None))
        expected = min(FIRST_NS << (self.failed[step] - 1), LAST_NS)
        if wait != expected or self.created < due:
            self.note(event, f"S8: {step} has waited {wait} ns, until {due}, after failure "
                             f"{self.failed[step]}: not {expected}, until {self.created}")
        self.counts["tried again"] += 1

    def on_UndoSucceeded(self, event, data, step):
        if self.phase[step] not in ("undoing", "resting", "stuck", "silent"):
            self.note(event, f"{step} is {self.phase[step]}")
        self.phase[step] = "undone"

    def on_UndoFailed(self, event, data, step):
        if self.phase[step] not in ("undoing", "silent"):
            self.note(event, f"{step} is {self.phase[step]}")
        self.failed[step] += 1
        self.phase[step] = "resting"

    def on_SagaStuck(self, event, data, step):
        self.counts["stuck " + data["why"]] += 1
        if data["why"] == "ask":
            if self.phase[step] != "asked":
                self.note(event, f"{step} is {self.phase[step]}")
            return
        if data["why"] not in ("undo", "silent") or not TIMES <= self.failed[step] <= TIMES + 1:
            self.note(event, f"S8: stuck ({data['why']}) after {self.failed[step]} failures")
        self.phase[step] = "stuck" if data["why"] == "undo" else "silent"

    def on_SagaSkipped(self, event, data, step):
        if not data.get("reason") or not data.get("by"):
            self.note(event, "without a reason")
        undo = self.phase[step] in ("undoing", "resting", "stuck", "silent")
        self.phase[step] = "undone" if undo else "done" if data["result"] == "ok" else "failed"

    def on_SagaUndone(self, event, data, step):
        left = {one: self.phase[one] for one in UNDONE_BY_UNDO
                if self.phase[one] not in ("idle", "failed", "undone")}
        if left or self.phase["ship"] not in ("idle", "failed") or self.phase["undone"] != "done":
            self.note(event, f"S3: {self.phase}")
        self.status = "undone"

    def on_ReplyRecorded(self, event, data, step):
        self.counts["recorded " + data["why"]] += 1

    # ---- timers

    def on_TimerSet(self, event, data, step):
        timer = data["timer"]
        self.timers[timer] = data["dueNs"]
        if self.phase.get(timer) == "resting":
            self.rests[timer] = (data["dueNs"], data["waitNs"])

    def on_TimerFired(self, event, data, step):
        timer = data["timer"]
        due = self.timers.pop(timer, None)
        if due is None or self.created < due:
            self.note(event, f"S5: {timer} fires at {self.created}, is due at {due}")
            return
        self.lateness.append((due, self.created))
        if self.phase.get(timer) == "undoing":
            self.failed[timer] += 1  # a silence counts as a failure


# ---- commands and their answers ------------------------------------------------------------------


class Commands:
    """All commands by id, with the events that answer them."""

    def __init__(self, events):
        self.sent, self.answers, self.undoes = collections.Counter(), {}, {}
        self.effects, self.tombstones, self.wrong = collections.Counter(), set(), []
        self.closed = 0  # tombstones of operators
        self.at, waiting = {}, None
        for event in events:
            meta = event.get("metadata") or {}
            self.at[event["position"]] = meta.get("$causationId")
            waiting = self.take(event, meta, waiting)
        if waiting is not None:
            self.wrong.append(f"never sent: {waiting}")

    def take(self, event, meta, waiting):
        """A command comes right after the event of its saga, in the same commit. Returns the event
        whose command comes next."""
        is_command = "$commandId" in meta
        if is_command != (waiting is not None):
            self.wrong.append(f"no command where one has to be, or one too many: {event}")
        elif is_command:
            self.check(event, meta, waiting)
        data = event["data"]
        if event["stream"].startswith("saga:"):
            started = event["type"] in ("StepStarted", "UndoStarted")
            return event if started and data.get("why") != "early" else None
        cause = meta.get("$causationId", "")
        if event["type"] == "CommandCancelled":
            # A participant's has the undo as its cause. An operator's names no command: what it
            # closes is in the ledgers.
            self.tombstones.update([self.undoes[cause]] if cause in self.undoes else [])
            self.closed += cause not in self.undoes
        elif not is_command and cause.startswith("saga:"):
            self.answers.setdefault(cause, []).append(event["type"])
            self.effects[cause] += event["type"] in EFFECTS
        return None

    def check(self, event, meta, waiting):
        command, data = meta["$commandId"], waiting["data"]
        self.sent[command] += 1
        if "$undoes" in meta:
            self.undoes[command] = meta["$undoes"]
        if (command != data["commandId"] or meta.get("$attempt", 1) != data["attempt"]
                or event["type"] != data["command"] or event["created"] != waiting["created"]):
            self.wrong.append(f"{waiting['type']} {data} has sent {event}")


def check_commands(events, sagas):
    commands = Commands(events)
    started = sum(saga.counts["StepStarted"] + saga.counts["UndoStarted"] for saga in sagas.values())
    ok(not commands.wrong and started == sum(commands.sent.values()) > 0,
       "each start of a step has sent its command, in the same commit",
       f"{started} starts, {sum(commands.sent.values())} commands, {len(commands.sent)} ids, "
       f"{sum(count > 1 for count in commands.sent.values())} of them sent again", *commands.wrong[:3])
    twice = {one: types for one, types in commands.answers.items()
             if len(types) > (0 if one in commands.tombstones else 1)}
    ok(not twice, "S1: each command has at most one answer, none if it was cancelled",
       f"{len(commands.answers)} answered, {sum(commands.effects.values())} with an effect",
       *[f"{one}: {types}" for one, types in list(twice.items())[:3]])
    ok(len(commands.tombstones) > 0, "an undo that came first has cancelled its do",
       f"{len(commands.tombstones)} tombstones of services, {commands.closed} of the operator")
    unknown = [one for one in commands.answers if one not in commands.sent]
    ok(not unknown, "and nobody answers a command that was not sent", *unknown[:3])
    check_replies(events, commands)


def check_replies(events, commands):
    """Each event that a saga took as an answer answers the command that the saga names."""
    wrong = []
    for event in events:
        reply = event["data"].get("reply") if event["stream"].startswith("saga:") else None
        step = event["data"].get("step") if reply else None
        kind = "undo" if event["type"].startswith("Undo") or (reply and event["data"].get("undo")) \
            else "do"
        if step is not None:
            prefix = f"{event['stream']}/{step}/{kind}/"
            if not (commands.at.get(reply["position"]) or "").startswith(prefix):
                wrong.append(event)
    ok(not wrong, "and each saga has taken its own answers", *wrong[:3])


# ---- timers --------------------------------------------------------------------------------------


def check_timers(sagas, down):
    """S5. Early ones were noted by the fold. Time when the server was down does not count; each start
    that a timer had to wait for gives it as long again."""
    worst, late, fired = 0.0, [], 0
    for saga in sagas.values():
        for due, at in saga.lateness:
            begin, end = due / 1e9, at / 1e9
            starts = [one for one in down if one[0] < end and one[1] > begin]
            up = end - begin - sum(min(end, one[1]) - max(begin, one[0]) for one in starts)
            fired += 1
            worst = max(worst, up) if not starts else worst
            if up > LATE_SECONDS * (1 + len(starts)):
                late.append(f"{saga.name}: {up:.3f} s late, {len(starts)} starts of the server")
    ok(not late and fired > 0, "S5: timers fire in time while the server runs",
       f"{fired} fired, at worst {worst:.3f} s late where the server was not killed", *late[:3])


# ---- ledgers -------------------------------------------------------------------------------------


def check_ledgers(events, sagas):
    books = collections.defaultdict(collections.Counter)
    for event in events:
        books[event["stream"]][event["type"]] += 1
    wrong, sums = [], collections.Counter()
    for order, saga in sagas.items():
        for name, effects, if_done, if_undone in LEDGERS:
            book = books[f"{name}-{order}"]
            net = sum(book[effect] * sign for effect, sign in effects.items())
            sums.update({effect: book[effect] for effect in effects})
            if net != (if_done if saga.status == "done" else if_undone) or net < 0:
                wrong.append(f"{order} is {saga.status}: {name} comes to {net}: {dict(book)}")
    ok(not wrong, "the ledgers net: one of each for an order that is done, otherwise none",
       ", ".join(f"{effect} {count}" for effect, count in sums.items()), *wrong[:5])


# ---- all of it -----------------------------------------------------------------------------------


def fold(events):
    sagas = {}
    for event in events:
        name = event["stream"].removeprefix("saga:fulfil-")
        if name != event["stream"]:
            sagas.setdefault(name, Saga(name)).take(event)
    return sagas


def check(events, orders, statuses, down):
    """|statuses| is the output of `factum saga list`; |down| the times without a server."""
    sagas = fold(events)
    counts = sum((saga.counts for saga in sagas.values()), collections.Counter())
    wrong = [text for saga in sagas.values() for text in saga.wrong]
    for rule, name in (("S2", "undos go in reverse order, for steps that may have happened"),
                       ("S3", "nothing is both done and compensated"),
                       ("S5", "no timer fires early"),
                       ("S8", "undos that fail are tried again after a while, then are stuck")):
        notes = [text for text in wrong if f": {rule}: " in text]
        ok(not notes, f"{rule}: {name}", *notes[:5])
    rest = [text for text in wrong if not any(f": S{n}: " in text for n in (2, 3, 5, 8))]
    ended = collections.Counter(saga.status for saga in sagas.values())
    ok(not rest, "each event fits the ones before it",
       f"{len(events)} events; {len(sagas)} sagas: {dict(ended)}", *rest[:5])
    ok(set(sagas) == set(orders) and counts["SagaStarted"] == len(orders) and
       ended["done"] > 0 and ended["undone"] > 0 and ended["running"] == 0,
       "S4: each order has one saga, which has ended",
       ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    folded = {name: saga.status for name, saga in sagas.items()}
    differ = [f"{name}: {folded.get(name)}, {statuses.get(name)}"
              for name in set(folded) | set(statuses) if folded.get(name) != statuses.get(name)]
    ok(not differ, "the list of sagas agrees with the fold of their streams", *differ[:5])
    ok(counts["stuck undo"] > 0 and counts["SagaSkipped"] > 0 and counts["tried again"] > 0,
       "some were stuck, and were repaired with a reason")
    check_commands(events, sagas)
    check_timers(sagas, down)
    check_ledgers(events, sagas)
