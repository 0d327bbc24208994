#!/usr/bin/env python3
# kill_models_test.py - read models whose process is killed (kill -9) while catching up, again and again;
# and two processes that run one model, one of them stopped (SIGSTOP) while the other takes over. At
# the end the tables equal those of a run without a kill, and those that Python computes. Prints TAP.
#
# kill_models_test.py [ROUNDS [SEED [STOPPED_SECONDS]]]
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serving  # noqa: E402
from serving import FACTUM, Server, ok, path, wait_for  # noqa: E402

KEYS = 50
DEFINITION = """--@ projection ledger version 1
--@ from category acct
--@ host elsewhere
--@ poison retry 0 within 1s then park
--@ tables
CREATE TABLE {{account}} (id TEXT PRIMARY KEY, total INTEGER NOT NULL CHECK (total >= 0),
  moves INTEGER NOT NULL);
CREATE TABLE {{stock}} (sku TEXT PRIMARY KEY, qty INTEGER NOT NULL, touches INTEGER NOT NULL);
CREATE TABLE {{journal}} (position INTEGER PRIMARY KEY, id TEXT NOT NULL);
--@ on Moved
INSERT INTO {{account}} (id, total, moves) VALUES (:id, :amount, 1)
ON CONFLICT (id) DO UPDATE SET total = {{account}}.total + excluded.total, moves = {{account}}.moves + 1;
--@ on Moved
INSERT INTO {{journal}} (position, id) VALUES (:event_position, :id);
--@ on Moved each .lines[]
INSERT INTO {{stock}} (sku, qty, touches) VALUES (:sku, :qty, 1)
ON CONFLICT (sku) DO UPDATE SET qty = {{stock}}.qty + excluded.qty, touches = {{stock}}.touches + 1;
"""
TABLES = ["SELECT id, total, moves FROM account ORDER BY id",
          "SELECT sku, qty, touches FROM stock ORDER BY sku",
          "SELECT count(*), count(DISTINCT position), min(id), max(id) FROM journal"]


class Fold:
    """The events, and the expected tables. An event that overdraws parks its key."""

    def __init__(self, chance):
        self.chance = chance
        self.may_poison = True
        self.accounts, self.stock, self.journal, self.parked = {}, {}, [], {}

    def make(self, count):
        lines = []
        for _ in range(count):
            key = f"a{self.chance.randrange(KEYS):02}"
            poison = (self.may_poison and key in self.accounts and key < "a03"
                      and self.chance.random() < 0.004)
            amount = -10**9 if poison else self.chance.randrange(100)
            parts = [{"sku": f"s{self.chance.randrange(9)}", "qty": self.chance.randrange(1, 9)}
                     for _ in range(self.chance.randrange(3))]
            lines.append({"stream": f"acct-{key}", "type": "Moved",
                          "data": {"id": key, "amount": amount, "lines": parts}})
            self.add(key, amount, parts, poison)
        return lines

    def add(self, key, amount, parts, poison):
        if poison or key in self.parked:
            self.parked[key] = self.parked.get(key, 0) + 1
            return
        total, moves = self.accounts.get(key, (0, 0))
        self.accounts[key] = (total + amount, moves + 1)
        self.journal.append(key)
        for part in parts:
            qty, touches = self.stock.get(part["sku"], (0, 0))
            self.stock[part["sku"]] = (qty + part["qty"], touches + 1)

    def tables(self):
        return [[[key, *row] for key, row in sorted(self.accounts.items())],
                [[sku, *row] for sku, row in sorted(self.stock.items())],
                [[len(self.journal), len(self.journal), min(self.journal), max(self.journal)]]]


def factum(store, *arguments, text=None):
    done = subprocess.run([FACTUM, "--store", store, *arguments], input=text, check=False,
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"factum {' '.join(arguments)}: {done.stderr[:300]}")
    return done.stdout


def run_to_the_end(store, models):
    factum(store, "run", "ledger", "--models", models, "--until-caught-up", "--timeout",
           str(60 * serving.SLOWER))


def tables_of(store, models):
    return [json.loads(factum(store, "query", "ledger", sql, "--models", models, "--json"))["rows"]
            for sql in TABLES]


def parked_of(models):
    """By key, out of the file, which nobody has open."""
    model = sqlite3.connect(os.path.join(models, "ledger.db"))
    try:
        rows = model.execute("SELECT key, count(*) FROM factum_parked GROUP BY key")
        return {key.removeprefix("acct-"): count for key, count in rows}
    finally:
        model.close()


def checkpoint_of(models):
    """While a process may run the model; None if no model exists yet, or it is being built."""
    if not os.path.exists(os.path.join(models, "ledger.db")):
        return None
    model = sqlite3.connect(os.path.join(models, "ledger.db"), timeout=5)
    try:
        row = model.execute("SELECT position FROM factum_checkpoint").fetchone()
        return None if row is None else row[0]
    except sqlite3.Error:
        return None
    finally:
        model.close()


def same(name, store, models, fold):
    got, wanted = tables_of(store, models), fold.tables()
    notes = [f"table {i}: {g[:3]}, not {w[:3]}" for i, (g, w) in enumerate(zip(got, wanted)) if g != w]
    ok(not notes, name, f"{len(fold.journal)} events, {sum(fold.parked.values())} parked", *notes)


# ---- kills ---------------------------------------------------------------------------------------


def kill_once(store, models, chance, before):
    """Runs the model until its checkpoint moves, or it has ended, and kills it a moment later."""
    process = subprocess.Popen([FACTUM, "--store", store, "run", "ledger", "--models", models,
                                "--until-caught-up"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if chance.random() < 0.8:
        wait_for(lambda: process.poll() is not None or checkpoint_of(models) != before, 30, 0.001)
    time.sleep(chance.random() * 0.02)
    process.kill()
    return process.wait() == -signal.SIGKILL


def play_kills(rounds, chance):
    store, models = path("killed.factum"), path("killed")
    fold = Fold(chance)
    with open(path("ledger.sql"), "w", encoding="utf-8") as out:
        out.write(DEFINITION)
    factum(store, "projection", "deploy", path("ledger.sql"))
    kills, amid = 0, 0
    for number in range(rounds):
        fold.may_poison = number >= rounds - 3  # of one key at most 1,024 events are parked
        lines = fold.make(12000)
        factum(store, "import", "-", text="".join(json.dumps(line) + "\n" for line in lines))
        end = int(json.loads(factum(store, "append", "other-1", "Tick", "{}", "--json"))["position"])
        for _ in range(2):
            before = checkpoint_of(models)
            kills += kill_once(store, models, chance, before)
            after = checkpoint_of(models)
            amid += after is not None and after != before and after < end - 1
    run_to_the_end(store, models)
    run_to_the_end(store, path("reference"))
    ok(kills > 0, "the process that runs the model was killed",
       f"{kills} times in {rounds} rounds, {amid} times amid catching up after a commit")
    same("the tables are what Python computes", store, models, fold)
    ok(tables_of(store, models) == tables_of(store, path("reference")),
       "and those of a run without a kill")
    ok(parked_of(models) == fold.parked == parked_of(path("reference")),
       "and the same events are parked", f"{fold.parked}")


# ---- two processes -------------------------------------------------------------------------------


def start_runner(port, models):
    return subprocess.Popen([FACTUM, "--connect", f"factum://127.0.0.1:{port}", "run", "ledger",
                             "--models", models, "--json"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def append_all(server, lines):
    position = 0
    for line in lines:
        status, body = server.append(line["stream"], [{"type": line["type"], "data": line["data"]}])
        if status not in (200, 201):
            raise RuntimeError(f"append: {status} {body[:300]}")
        position = json.loads(body)["position"]
    return position


def epoch_of(models):
    model = sqlite3.connect(os.path.join(models, "ledger.db"), timeout=5)
    try:
        return model.execute("SELECT epoch FROM factum_checkpoint").fetchone()[0]
    finally:
        model.close()


def play_stop(chance, seconds):
    server = Server("fought", "--allow-deploy")
    models = path("fought-models")
    fold = Fold(chance)
    deployed = subprocess.run([FACTUM, "--connect", f"factum://127.0.0.1:{server.port}",
                               "projection", "deploy", path("ledger.sql")], check=False,
                              capture_output=True, text=True)
    runners = [start_runner(server.port, models)]
    try:
        ok(deployed.returncode == 0, "a projection of another host is deployed", deployed.stderr)
        position = append_all(server, fold.make(40))
        caught_up = wait_for(lambda: (checkpoint_of(models) or 0) >= position, 30)
        ok(caught_up, "one process runs it")
        runners[0].send_signal(signal.SIGSTOP)
        append_all(server, fold.make(40))
        runners.append(start_runner(server.port, models))
        position = append_all(server, fold.make(40))
        caught_up = wait_for(lambda: (checkpoint_of(models) or 0) >= position, 30)
        ok(caught_up and epoch_of(models) == 2, "while it is stopped another one takes over")
        time.sleep(seconds)
        runners[0].send_signal(signal.SIGCONT)
        position = append_all(server, fold.make(40))
        caught_up = wait_for(lambda: (checkpoint_of(models) or 0) >= position, 30)
        ok(caught_up and epoch_of(models) == 2 and runners[0].poll() is None,
           "the first goes on, is fenced, and stands by", f"stopped for {seconds} s")
    finally:
        for runner in runners:
            runner.kill()
            runner.wait()
    ok(server.stop() == 0, "the server stops in order")
    same("each event counts once", server.store, models, fold)


def main(arguments):
    rounds = int(arguments[0]) if arguments else 3
    seed = int(arguments[1]) if len(arguments) > 1 else random.randrange(1 << 32)
    seconds = float(arguments[2]) if len(arguments) > 2 else 0.5
    print(f"# {rounds} rounds, seed {seed}", flush=True)
    chance = random.Random(seed)
    try:
        play_kills(rounds, chance)
        play_stop(chance, seconds)
    finally:
        serving.clean_up()
    serving.done()


main(sys.argv[1:])
