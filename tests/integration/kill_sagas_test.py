#!/usr/bin/env python3
# kill_sagas_test.py - orders that six services fulfil as sagas, while the server, the services and a
# second host of the sagas are killed (kill -9), or stopped (SIGSTOP) for longer than an answer is
# waited for, and an operator repairs what is stuck. Then everything runs again until no saga is open,
# and the log alone must show that every saga was right and that the ledgers agree:
# kill_sagas_log.py. Prints TAP.
#
# kill_sagas_test.py [SECONDS [SEED]], or KILL_SECONDS. FACTUM and SAGA_SERVICES name the programs.
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import kill_sagas_log  # noqa: E402
import serving  # noqa: E402
from serving import FACTUM, SLOWER, Server, ok, path  # noqa: E402

WITHIN_MS = 1000 * SLOWER
DEFINITION = f"""saga: fulfil
version: 1
start: OrderPlaced
id: .orderId
keep: {{orderId, account, cents, address}}
deadline: 1h
defaults:
  within: {WITHIN_MS}ms
  retry: {{times: {kill_sagas_log.TIMES}, from: 100ms, to: 400ms, jitter: none}}
steps:
  - parallel:
      steps:
        - reserve_stock: {{do: stock.Reserve, with: {{orderId}}, ok: StockReserved,
                          fail: StockUnavailable, undo: stock.Release, undo_with: {{orderId}}}}
        - reserve_van: {{do: vans.Reserve, with: {{orderId}}, ok: VanReserved,
                        undo: vans.Release, undo_with: {{orderId}}}}
  - charge: {{do: payment.Charge, with: {{orderId, account, cents}}, ok: PaymentReceived,
             fail: PaymentDeclined, undo: payment.Refund, undo_with: {{orderId, account, cents}}}}
  - ship: {{do: shipping.HandOver, with: {{orderId, address}}, ok: ParcelHandedOver, pivot: true,
           on_timeout: ask}}
  - parallel:
      steps:
        - send_receipt: {{do: mail.SendReceipt, with: {{orderId}}, ok: ReceiptSent}}
        - close_order: {{do: order.Complete, with: {{orderId}}, ok: OrderCompleted}}
undone: {{do: order.Reject, with: {{orderId}}}}
"""
# The payment has three processes: two for everything, so that each command is answered once, and one
# for refunds alone, which gets there while the others are silent about the charge: a tombstone.
SERVICES = [("stock.", "stock"), ("vans.", "vans"), ("payment.", "payment-a"),
            ("payment.", "payment-b"), ("payment.Refund", "refunds"), ("shipping.", "shipping"),
            ("mail.", "mail"), ("order.", "order")]


class Service:
    """A process beside the server, which is started again whenever it has ended."""

    def __init__(self, port, name, *arguments):
        self.command = [os.environ["SAGA_SERVICES"], f"factum://127.0.0.1:{port}", *arguments]
        self.said = path(name + ".said")
        self.process = None
        self.frozen_until = None
        self.ends = []  # exit codes, when it ended by itself: 1 if the server was away
        self.start()

    def start(self):
        with open(self.said, "ab") as said:
            self.process = subprocess.Popen(self.command, stdout=said, stderr=said,
                                            stdin=subprocess.DEVNULL)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.frozen_until = None

    def freeze(self, seconds):
        self.process.send_signal(signal.SIGSTOP)
        self.frozen_until = time.monotonic() + seconds

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)
        self.frozen_until = None

    def look_after(self):
        if self.frozen_until is not None and time.monotonic() >= self.frozen_until:
            self.thaw()
        if self.process.poll() is not None:
            self.ends.append(self.process.returncode)
            self.start()

    def has_crashed(self):
        with open(self.said, encoding="utf-8", errors="replace") as said:
            text = said.read()
        return any(code != 1 for code in self.ends) or "Sanitizer" in text or "runtime error" in text


# ---- orders --------------------------------------------------------------------------------------


class Writer(threading.Thread):
    """Places orders, each under an idempotency key and until it is acknowledged. Some ids look like
    the end of a command's id; some orders are placed a second time, in another event."""

    def __init__(self, port, seed, rate):
        super().__init__(daemon=True)
        self.port, self.rate = port, rate
        self.chance = random.Random(seed)
        self.going = True
        self.orders, self.again, self.wrong = [], 0, []

    def run(self):
        number = 0
        while self.going and not self.wrong:
            order = f"{number}/charge/do/1" if number % 7 == 3 else str(number)
            hopeless = number % 25 == 0  # shipping refuses it, and nothing can be refunded
            account = "closed" if hopeless or self.chance.random() < 0.05 else "open"
            self.place(f"order-{number}", {
                "orderId": order, "cents": self.chance.randrange(1, 10000),
                "account": "slow" if number % 50 == 12 else account,
                "address": "nowhere" if hopeless else "Bremen"}, f"place-{number}")
            self.orders.append(order)
            if self.chance.random() < 0.05:
                self.place(f"order-{number}", {"orderId": order, "cents": 1, "account": "open",
                                               "address": "Atlantis"}, f"again-{number}")
                self.again += 1
            number += 1
            time.sleep(self.chance.uniform(0.5, 1.5) / self.rate)

    def place(self, stream, order, key):
        body = json.dumps([{"type": "OrderPlaced", "data": order}])
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20 * SLOWER)
            try:
                connection.request("POST", f"/api/v1/streams/{stream}", body,
                                   {"Content-Type": "application/json", "Idempotency-Key": key})
                answer = connection.getresponse()
                text = answer.read()
                if answer.status in (200, 201):
                    return
                if answer.status not in (500, 503, 504):
                    self.wrong.append(f"{answer.status} {text[:300]}")
                    return
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)

    def end(self):
        self.going = False
        self.join(60 * SLOWER)
        return not self.is_alive()


# ---- the operator --------------------------------------------------------------------------------


class Operator:
    """Looks for stuck sagas, by the command line, and acts. An act that comes too late is refused
    (3): that is no mistake."""

    def __init__(self, port, chance):
        self.address, self.chance = f"factum://127.0.0.1:{port}", chance
        self.acts, self.refused, self.wrong = {}, 0, []

    def run(self, *arguments):
        return subprocess.run([FACTUM, "--connect", self.address, *arguments], check=False,
                              capture_output=True, text=True, timeout=60 * SLOWER)

    def list(self, *status):
        """All, page by page."""
        entries, more = [], []
        while True:
            done = self.run("saga", "list", *status, "--count", "1000", *more, "--json")
            if done.returncode != 0:
                self.wrong.append(f"list: {done.stderr[:300]}")
                return entries
            page = [json.loads(line) for line in done.stdout.splitlines()]
            entries += page
            if len(page) < 1000:
                return entries
            more = ["--after", str(page[-1]["position"])]

    def act(self, saga, verb, *arguments):
        done = self.run("saga", verb, f"fulfil-{saga}", *arguments, "--by", "test", "--reason",
                        "the test repairs it")
        if done.returncode == 0:
            self.acts[verb] = self.acts.get(verb, 0) + 1
        elif done.returncode == 3:
            self.refused += 1
        else:
            self.wrong.append(f"{verb} {saga} {arguments}: {done.returncode} {done.stderr[:300]}")
        return done.returncode == 0

    def repair(self):
        for entry in self.list("--status", "stuck"):
            shown = self.run("saga", "show", f"fulfil-{entry['id']}", "--json")
            if shown.returncode != 0:
                self.wrong.append(f"show {entry['id']}: {shown.stderr[:300]}")
                continue
            for step in json.loads(shown.stdout)["steps"]:
                self.repair_step(entry["id"], step)

    def repair_step(self, saga, step):
        name, phase = step["name"], step["phase"]
        if phase == "undo failed, stuck" and "closed" in step.get("text", ""):
            refund = self.run("append", f"payment-{saga}", "RefundedByHand", "{}", "--key",
                              f"by-hand-{saga}", "--quiet")
            if refund.returncode != 0:
                self.wrong.append(f"refund by hand: {refund.stderr[:300]}")
            else:
                self.act(saga, "skip", name, "--result", "ok")
        elif phase in ("undo failed, stuck", "undo silent, stuck"):
            self.act(saga, "retry", name)
        elif phase.startswith("silent, waiting for an operator"):
            if self.chance.random() < 0.5 or not self.act(saga, "skip", name, "--result", "fail"):
                self.act(saga, "retry", name)

    def meddle(self):
        """A customer calls, or somebody is impatient."""
        running = self.list("--status", "running")
        if running:
            saga = self.chance.choice(running)["id"]
            self.act(saga, self.chance.choice(["cancel", "undo"]))


# ---- the run -------------------------------------------------------------------------------------


class Play:
    def __init__(self, chance):
        self.chance = chance
        self.store = path("orders")
        self.server = self.deploy_and_serve()
        self.port = self.server.port
        seed = chance.randrange(1 << 32)
        self.services = [Service(self.port, name, commands, name, str(seed), str(WITHIN_MS * 2))
                         for commands, name in SERVICES]
        # A second host of the same sagas: of two commits for one input the later one is refused.
        self.services.append(Service(self.port, "host", "host", path("host-models")))
        self.writer = Writer(self.port, chance.randrange(1 << 32), 8 / SLOWER)
        self.operator = Operator(self.port, chance)
        self.down = []  # [from, until] of the wall clock
        self.kills = {"server": 0, "service": 0, "stop": 0}
        self.deck, self.crashes = [], 0

    def deploy_and_serve(self):
        with open(path("fulfil.yaml"), "w", encoding="utf-8") as out:
            out.write(DEFINITION)
        done = subprocess.run([FACTUM, "--store", self.store, "saga", "deploy", path("fulfil.yaml")],
                              check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"deploy: {done.stderr}")
        return Server("orders", "--allow-deploy")

    def kill_server(self):
        self.crashes += not self.server.alive()
        begun = time.time()
        self.server.kill()
        time.sleep(self.chance.choice([0, 0, 0.5, 1.5]) * self.chance.random())
        self.server = Server("orders", "--allow-deploy", port=self.port)
        self.down.append((begun, time.time()))
        self.kills["server"] += 1

    def draw(self):
        """From 0 to 1; of ten draws each has a tenth of its own, so that nothing is left out."""
        if not self.deck:
            self.deck = [(tenth + self.chance.random()) / 10 for tenth in range(10)]
            self.chance.shuffle(self.deck)
        return self.deck.pop()

    def round(self):
        what = self.draw()
        if what < 0.25 or 0.90 < what:
            self.kill_server()
        if 0.15 < what < 0.55:
            for service in self.chance.sample(self.services, self.chance.randrange(1, 4)):
                service.kill()
                service.start()
                self.kills["service"] += 1
        if 0.50 < what < 0.70:
            self.chance.choice(self.services).freeze(WITHIN_MS / 1000 * self.chance.uniform(1.2, 3))
            self.kills["stop"] += 1
        if 0.65 < what < 0.85:
            self.operator.repair()
        if 0.80 < what:
            self.operator.meddle()
        for service in self.services:
            service.look_after()

    def rage(self, seconds):
        self.writer.start()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(self.chance.uniform(0.2, 1.2))
            self.round()

    def heal(self):
        """Is no saga open once everything runs?"""
        for service in self.services:
            if service.frozen_until is not None:
                service.thaw()
        self.writer_ended = self.writer.end()
        until = time.monotonic() + 90 * SLOWER
        quiet = 0
        while time.monotonic() < until and quiet < 2:  # those that have not begun are not listed yet
            for service in self.services:
                service.look_after()
            self.operator.repair()
            ended = len(self.operator.list("--status", "done")) + len(self.operator.list("--status", "undone"))
            quiet += ended >= len(self.writer.orders) and not self.operator.list("--status", "open")
            time.sleep(0.3)
        self.crashes += not self.server.alive()
        self.crashes += sum(service.has_crashed() for service in self.services)
        self.open = self.operator.list("--status", "open")
        self.statuses = {entry["id"]: entry["status"] for entry in self.operator.list()}

    def end(self):
        for service in self.services:
            service.kill()


def check_hosts(said):
    """S6: what a host that was stopped, or was slower, decides is refused, and decided again. The
    counts are those of a process: they begin again after a kill."""
    counts, before = [0, 0], [0, 0]
    with open(said, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = re.match(r"commits (\d+) conflicts (\d+)", line)
            if found:
                now = [int(found[1]), int(found[2])]
                before = [0, 0] if now[0] < before[0] else before
                counts = [count + n - b for count, n, b in zip(counts, now, before)]
                before = now
    ok(counts[0] > 0 and counts[1] > 0, "S6: two hosts fence each other",
       f"the second one: {counts[0]} commits, {counts[1]} times the other was faster")


def read_log(store):
    done = subprocess.run([FACTUM, "--store", store, "read", "--all", "--json"], check=True,
                          capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def play(seconds, chance):
    game = Play(chance)
    try:
        game.rage(seconds)
        game.heal()
    finally:
        game.end()
    writer, operator = game.writer, game.operator
    ok(game.kills["server"] > 0 and game.kills["service"] > 0 and game.kills["stop"] > 0,
       "the server and services were killed, and services stopped",
       f"killed: server {game.kills['server']}, services {game.kills['service']}; stopped "
       f"{game.kills['stop']}; ended by themselves {sum(len(one.ends) for one in game.services)}")
    ok(game.crashes == 0, "and nothing else has ended them", f"{game.crashes} crashes")
    ok(game.writer_ended and not writer.wrong and len(writer.orders) > 0,
       "each order was acknowledged", f"{len(writer.orders)} orders, {writer.again} placed twice",
       *writer.wrong[:3])
    ok(not operator.wrong, "each act of the operator was done, or refused in order",
       f"done {operator.acts}, refused {operator.refused}", *operator.wrong[:5])
    ok(not game.open, "S4: no saga is open after that", *[str(one) for one in game.open[:5]])
    ok(game.server.stop() == 0, "the server stops in order")
    check_hosts(path("host.said"))
    kill_sagas_log.check(read_log(game.store), writer.orders, game.statuses, game.down)
    verified = subprocess.run([FACTUM, "--store", game.store, "verify"], check=False,
                              capture_output=True, text=True)
    ok(verified.returncode == 0, "and its store is whole", verified.stderr[:300])


def main(arguments):
    seconds = float(arguments[0] if arguments else os.environ.get("KILL_SECONDS", 20 * SLOWER))
    seed = int(arguments[1]) if len(arguments) > 1 else random.randrange(1 << 32)
    print(f"# {seconds} seconds, seed {seed}", flush=True)
    try:
        play(seconds, random.Random(seed))
    finally:
        serving.clean_up()
    serving.done()


main(sys.argv[1:])
