#!/usr/bin/env python3
# model_trouble_test.py - read models in trouble, as an operator meets it: two processes at one model,
# one of them stopped; a full disk, a locked file, a table that is gone, files that are deleted or
# overwritten, a store that is an older backup. What users see names the trouble; the guide's remedy
# helps; and then every row equals that of a fold of the same orders in this program. Prints TAP.
#
# The scenarios run side by side, each with a store and a server of its own. With LONG=1 also those
# that wait for a build to be taken over, which takes a minute.
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serving  # noqa: E402
from serving import FACTUM, SLOWER, Server, ok, path, skip  # noqa: E402

LONG = os.environ.get("LONG", "") not in ("", "0")
WAIT = 60  # seconds for things that should happen at once; a busy machine may need them
STEP = 0.1  # between two looks: many scenarios look at the same time

DEFINITION = """--@ projection orders version {version}
--@ from category order
--@ poison retry 0 within 1s then park
--@ tables
CREATE TABLE {{{{orders}}}} (id TEXT PRIMARY KEY, total INTEGER NOT NULL{check}, pad TEXT);
CREATE TABLE {{{{totals}}}} (name TEXT PRIMARY KEY, n INTEGER NOT NULL, total INTEGER NOT NULL);
--@ on OrderPlaced
INSERT INTO {{{{orders}}}} (id, total, pad) VALUES (:orderId, :total, :pad);
INSERT INTO {{{{totals}}}} (name, n, total) VALUES ('all', 1, :total)
ON CONFLICT (name) DO UPDATE SET n = {{{{totals}}}}.n + 1, total = {{{{totals}}}}.total + excluded.total;
"""



def wait_for(condition, seconds=WAIT):
    return serving.wait_for(condition, seconds, STEP)


# ---- a store, its server, its orders --------------------------------------------------------------


class Run:
    """factum run as a process, whose output is in a file."""

    def __init__(self, site, models, *options):
        self.name = path(f"run-{len(runs)}")
        runs.append(self)
        with open(self.name, "wb") as said:
            self.process = subprocess.Popen(
                [FACTUM, "--store", site.address, "run", "--models", models, *options],
                stdout=said, stderr=said, stdin=subprocess.DEVNULL)

    def output(self):
        with open(self.name, encoding="utf-8", errors="replace") as said:
            return said.read()

    def says(self, pattern):
        return re.search(pattern, self.output()) is not None

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


runs = []


class Site:
    """A served store with the model orders, and what its rows should be."""

    def __init__(self, name, *options):
        self.name = name
        self.store = path(re.sub("[ ,]+", "-", name))
        self.socket = self.store + ".socket"
        self.address = "factum+unix://" + self.socket
        self.models = os.path.join(self.store, "models")
        self.file = os.path.join(self.models, "orders.db")
        self.rows = {}  # the reference
        self.token = None
        self.server = None
        self.serve(*options)
        self.deploy(1)

    def serve(self, *options):
        if os.path.exists(self.socket):
            os.unlink(self.socket)
        self.server = Server(self.store, "--unix", self.socket, *options)

    def case(self, good, name, *notes):
        shown = [] if good else [*notes, "the server: " + self.server.output()[-1500:]]
        return ok(good, f"{self.name}: {name}",
                  *[line for note in shown for line in str(note).splitlines()])

    def call(self, *arguments, store=None):
        """factum ARGUMENTS: its exit code and all of its output."""
        done = subprocess.run([FACTUM, "--store", store or self.address, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL, timeout=120 * SLOWER)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def deploy(self, version, check=" CHECK (total >= 0)"):
        name = f"{self.store}-{version}.sql"
        with open(name, "w", encoding="ascii") as out:
            out.write(DEFINITION.format(version=version, check=check))
        code, text = self.call("projection", "deploy", name)
        if code != 0:
            raise RuntimeError(f"deploying: {text}")

    def place(self, count, pad=0, is_bad=lambda number: False):
        """Places |count| more orders, in commits of 500 at most. Bad ones have a negative total, which the
        model's tables refuse."""
        while count > 0:
            some = min(count, 500)
            lines = []
            for _ in range(some):
                number = len(self.rows) + 1
                order = f"o{number:06}"
                total = -number if is_bad(number) else number * 7 % 101
                self.rows[order] = total
                lines.append({"stream": f"order-{number}", "type": "OrderPlaced",
                              "data": {"orderId": order, "total": total, "pad": "p" * pad}})
            body = "".join(json.dumps(line) + "\n" for line in lines)
            status, answer = self.server.ask("POST", "/api/v1/events", body,
                                             {"Content-Type": "application/x-ndjson"})
            if status != 201:
                raise RuntimeError(f"appending: {status} {answer}")
            self.token = json.loads(answer)["token"]
            count -= some

    # what a user sees

    def builds(self):
        status, answer = self.server.ask("GET", "/api/v1/models/orders")
        return json.loads(answer)["builds"] if status == 200 else []

    def in_use(self):
        return next((build for build in self.builds() if build["inUse"]), {})

    def wait_state(self, state, reason="", seconds=WAIT):
        def is_so():
            build = self.in_use()
            return build.get("state") == state and re.search(reason, build.get("reason", ""))
        return wait_for(is_so, seconds)

    def query(self, sql, wait=True, seconds=1):
        question = {"sql": sql}
        if wait and self.token is not None:
            question.update(wait=self.token, timeoutSeconds=seconds)
        return self.server.ask("POST", "/api/v1/models/orders/query", json.dumps(question),
                               {"Content-Type": "application/json"})

    def act(self, act):
        """An operator's act by the command line; the server carries it out."""
        code, text = self.call("projection", act, "orders", "--why", "a test")
        done = {"resume": "resumed", "rebuild": "is built once more", "swap": "swapped, version"}[act]
        self.case(code == 0 and f"orders: {done}" in text, f"projection {act}", code, text)

    def log_has(self, pattern):
        return wait_for(lambda: re.search(pattern, self.server.output()))

    # all rows against the reference

    def reference(self):
        return sorted(self.rows.items()), (len(self.rows), sum(self.rows.values()))

    def served_rows(self):
        status, answer = self.query("SELECT id, total FROM orders ORDER BY id")
        if status != 200:
            return f"{status} {answer}"
        rows = [tuple(row) for row in json.loads(answer)["rows"]]
        status, answer = self.query("SELECT n, total FROM totals")
        totals = json.loads(answer).get("rows") if status == 200 else None
        return rows, tuple(totals[0]) if totals else (0, 0)

    def is_right(self, name):
        """Soon: a swap is carried out once what was built has caught up."""
        good = wait_for(lambda: self.served_rows() == self.reference())
        self.case(good, name, f"found {str(self.served_rows())[-300:]}",
                  f"wanted {self.reference()[1]}", self.builds())

    def no_parked(self, name):
        parked = [build["parked"]["events"] for build in self.builds()]
        self.case(parked != [] and not any(parked), name, parked)


def file_rows(file):
    """All rows of a model's file, without writing to it; None while it cannot be read."""
    try:
        db = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)
        try:
            rows = db.execute("SELECT id, total FROM orders ORDER BY id").fetchall()
            totals = db.execute("SELECT n, total FROM totals").fetchall()
            return rows, totals[0] if totals else (0, 0)
        finally:
            db.close()
    except sqlite3.Error:
        return None


def can_be_written(file):
    """Does no process, a stopped one either, have the model's file in a transaction?"""
    try:
        db = sqlite3.connect(file, timeout=0.1, isolation_level=None)
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
            return True
        finally:
            db.close()
    except sqlite3.Error:
        return False


def stop_between_batches(run, file):
    """One that is stopped in the middle of a batch keeps the lock, and nobody can take over."""
    def states():
        tasks = f"/proc/{run.process.pid}/task"
        for task in os.listdir(tasks):
            with open(f"{tasks}/{task}/stat", encoding="ascii", errors="replace") as stat:
                yield stat.read().rsplit(")", 1)[1].split()[0]

    def is_stopped():
        run.signal(signal.SIGSTOP)
        wait_for(lambda: set(states()) == {"T"})
        if can_be_written(file):
            return True
        run.signal(signal.SIGCONT)
        return False
    return wait_for(is_stopped)


# ---- two processes at one model --------------------------------------------------------------------


def two_runs():
    """Both keep the same models of their own from one server; the first is stopped and goes on."""
    site = Site("two runs", "--no-run")
    models = path("two-own")
    file = os.path.join(models, "orders.db")
    first = Run(site, models)
    site.place(200)
    site.case(wait_for(lambda: file_rows(file) == site.reference()), "the first one applies",
              first.output())
    first.signal(signal.SIGSTOP)
    site.place(200)
    second = Run(site, models)
    site.case(wait_for(lambda: file_rows(file) == site.reference()),
              "it is stopped, and the second one takes over", second.output())
    site.case(wait_for(lambda: second.says("orders version 1: live")), "and reports that it is live",
              second.output())
    first.signal(signal.SIGCONT)
    site.place(200)
    site.case(wait_for(lambda: first.says("orders version 1: fenced.*: another host runs it")),
              "the first one continues, is fenced, and reports it", first.output())
    site.case(wait_for(lambda: file_rows(file) == site.reference()),
              "no row was counted twice", file_rows(file) and file_rows(file)[1], site.reference()[1])
    # Stopped at any moment of a backlog, perhaps in the middle of a transaction: then the other one
    # waits for the lock, and reports it.
    for number in range(20 if LONG else 2):
        second.signal(signal.SIGSTOP)
        site.place(3000)
        second.signal(signal.SIGCONT)
        time.sleep(0.01 + 0.01 * number)
        second.signal(signal.SIGSTOP)
        third = Run(site, models)
        good = wait_for(lambda: third.says("live|retrying.*database is locked"))
        second.signal(signal.SIGCONT)
        right = wait_for(lambda: file_rows(file) == site.reference())
        site.case(good and right, f"stopped in a backlog, {number + 1}: each event counts once",
                  second.output(), third.output(), file_rows(file) and file_rows(file)[1],
                  site.reference()[1])
        second.end()
        second = third
    for run in (first, second):
        run.signal(signal.SIGTERM)
    site.case(wait_for(lambda: first.process.poll() == 0 and second.process.poll() == 0),
              "both end well", first.process.poll(), second.process.poll())


def server_and_run():
    """The server's own models, taken by a factum run on the same directory."""
    site = Site("server and run")
    site.place(300)
    site.is_right("the server applies")
    run = Run(site, site.models)
    site.case(wait_for(lambda: run.says("orders version 1: live")), "a run takes the model over",
              run.output())
    site.place(300)
    site.case(site.wait_state("fenced", "another host runs it"), "the server reports that it is fenced",
              site.builds())
    site.case(site.log_has("projection orders, version 1: another host runs it"), "its log too")
    site.is_right("its queries see what the other one writes")
    run.end()  # killed
    site.place(300)
    site.act("resume")
    site.is_right("the server goes on where the other one was, and each event counts once")
    site.case(site.wait_state("live"), "it is live", site.builds())


def stopped_for_a_minute():
    """No process is started: the one that was fenced takes over by itself."""
    site = Site("a minute", "--no-run")
    models = path("minute-own")
    file = os.path.join(models, "orders.db")
    first = Run(site, models)
    site.place(100)
    wait_for(lambda: file_rows(file) == site.reference())
    second = Run(site, models)
    wait_for(lambda: second.says("live"))
    site.place(100)
    site.case(wait_for(lambda: first.says("fenced")), "the first one stands by", first.output())
    site.case(wait_for(lambda: file_rows(file) == site.reference())
              and stop_between_batches(second, file),
              "the second one is stopped, and not in the middle of a batch", second.output())
    begun = time.monotonic()
    site.place(1000)
    taken = wait_for(lambda: file_rows(file) == site.reference(), 100)
    site.case(taken, f"it takes over from a stopped one, after {time.monotonic() - begun:.0f} s",
              first.output())
    while time.monotonic() - begun < 60:
        site.place(10)
        time.sleep(0.5)
    second.signal(signal.SIGCONT)
    site.place(1000)
    site.case(wait_for(lambda: second.says("fenced")),
              "the other one goes on after a minute, and is fenced", second.output())
    site.case(wait_for(lambda: file_rows(file) == site.reference()), "no row was counted twice",
              file_rows(file) and file_rows(file)[1], site.reference()[1])
    for run in (first, second):
        run.end()


def killed_run():
    """The server takes a model back from a run that was killed."""
    site = Site("a killed run")
    run = Run(site, site.models)
    wait_for(lambda: run.says("live"))
    site.place(100)
    site.wait_state("fenced")
    run.end()
    site.place(100)
    begun = time.monotonic()
    site.case(site.wait_state("live", seconds=100),
              f"the server takes over after {time.monotonic() - begun:.0f} s", site.builds())
    site.is_right("and has every row")


# ---- the disk and the file -------------------------------------------------------------------------


def full_disk():
    site = Site("full disk")
    site.server.stop()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", site.models], check=False,
        stderr=subprocess.DEVNULL).returncode == 0
    if not mounted:
        skip("full disk", "no file system can be mounted")
        return
    mounts.append(site.models)
    site.serve()
    while site.in_use().get("state") != "retrying" and len(site.rows) < 5000:
        site.place(500, pad=1000)
        time.sleep(0.1)
    site.case(site.wait_state("retrying", "disk is full|disk I/O|No space"),
              "the model is retrying, with the reason", site.builds())
    site.case(site.in_use()["behind"]["events"] > 0, "and how far it is behind", site.builds())
    site.case(site.log_has("projection orders, version 1: .*(full|No space)"), "so does the log")
    site.no_parked("no event was parked")
    status, answer = site.query("SELECT n FROM totals", seconds=0.2)
    site.case(status == 504 and b"accepted at" in answer and b"behind by" in answer,
              "a query for the appended events is refused with this reason", status, answer)
    status, answer = site.query("SELECT count(*) FROM orders", wait=False)
    site.case(status == 200, "one that does not wait is answered", status, answer)
    subprocess.run(["mount", "-o", "remount,size=200m", site.models], check=True)
    site.place(10)
    site.is_right("with room it goes on by itself, and every row is right")
    site.case(site.wait_state("live"), "it is live", site.builds())
    site.no_parked("no event was parked in the end")
    site.server.stop()


def locked_file():
    site = Site("locked file")
    site.place(100)
    site.is_right("the model applies")
    db = sqlite3.connect(site.file, timeout=30, isolation_level=None)
    db.execute("PRAGMA wal_autocheckpoint=0")
    db.execute("BEGIN EXCLUSIVE")
    site.place(100)
    site.case(site.wait_state("retrying", "database is locked"), "it is retrying, with the reason",
              site.builds())
    site.case(site.log_has("projection orders, version 1: .*database is locked"), "so does the log")
    status, answer = site.query("SELECT n FROM totals", wait=False)
    site.case(status == 200 and json.loads(answer)["rows"] == [[100]] and
              json.loads(answer)["behind"]["events"] == 100, "it still answers, with how far behind it is",
              status, answer)
    db.execute("ROLLBACK")
    db.close()
    site.is_right("unlocked it goes on by itself, and every row is right")
    site.no_parked("no event was parked")


def dropped_table():
    site = Site("dropped table")
    site.place(100)
    site.is_right("the model applies")
    db = sqlite3.connect(site.file, timeout=30, isolation_level=None)
    db.execute("DROP TABLE totals__v1")
    db.close()
    site.place(100)
    site.case(site.wait_state("stopped", "no such table: .*totals__v1 .*rebuild the model"),
              "it stops with the reason", site.builds())
    site.case(site.log_has("projection orders, version 1: .*no such table"), "so does the log")
    site.no_parked("no event was parked")
    site.act("resume")
    site.case(site.wait_state("stopped", "no such table"), "a resume alone does not help",
              site.builds())
    site.act("rebuild")
    site.act("swap")
    site.is_right("then every row is right")
    site.case(site.wait_state("live"), "it is live", site.builds())
    site.no_parked("no event was parked in the end")
    site.place(50)
    site.is_right("and it goes on")


def deleted_models():
    site = Site("deleted models")
    site.place(700)
    site.is_right("the model applies")
    shutil.rmtree(site.models)
    site.place(100)
    site.case(site.log_has("projection orders: its file is gone, it is rebuilt"),
              "deleted while it is served, which the log reports")
    site.is_right("and it is rebuilt by itself")
    code = site.server.stop()
    site.case(code == 0, "the server is stopped", code)
    shutil.rmtree(site.models)
    site.serve()
    site.place(100)
    site.is_right("deleted meanwhile, it is rebuilt at the start")
    os.unlink(site.file)
    site.case(site.log_has("projection orders: its file is gone, it is rebuilt"),
              "a deleted file is noticed even without a new event")
    site.is_right("and rebuilt")


def spoil(site, how):
    if how == "garbage":
        with open(site.file, "r+b") as file:
            size = os.path.getsize(site.file)
            file.write(b"no database " * (size // 12 + 1))
    elif how == "half":
        os.truncate(site.file, os.path.getsize(site.file) // 2 // 4096 * 4096)
    else:
        os.truncate(site.file, 0)


def garbage_while_stopped():
    site = Site("garbage, stopped")
    for how in ("garbage", "half", "nothing"):
        site.place(700)
        site.is_right(f"before it is {how}, the model applies")
        site.server.stop()
        spoil(site, how)
        site.serve()
        site.place(10)
        site.is_right(f"{how}: it is rebuilt at the start")
        if how == "garbage":
            site.case(site.log_has("projection orders: .*not a database.*it is rebuilt"),
                      "and the log has the reason")
            site.case(os.path.exists(site.file + ".damaged"), "and the old file is kept")
    site.no_parked("no event was parked")


def garbage_while_served(how):
    site = Site(f"{how}, served")
    site.place(700)
    site.is_right("the model applies")
    # A file that is in the WAL alone is not harmed by what is written over the database.
    db = sqlite3.connect(site.file, timeout=30)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    spoil(site, how)
    site.place(700)
    if how == "nothing":  # as if it had been deleted
        site.case(site.log_has("projection orders: its file is gone, it is rebuilt"), "the log reports it")
    else:
        site.case(site.wait_state("stopped", "damaged.*delete the file"), "it stops with the remedy",
                  site.builds())
        site.no_parked("no event was parked")
        os.unlink(site.file)
    site.place(10)
    site.is_right("it is rebuilt")


def every_event_is_bad():
    site = Site("a bad model")
    site.place(100)
    site.is_right("the model applies")
    site.place(100, is_bad=lambda number: True)
    site.case(site.wait_state("stopped", "16 events in a row could not be applied.*none is parked.*CHECK"),
              "it stops with the reason", site.builds())
    site.no_parked("no event was parked")
    site.act("resume")
    site.case(site.wait_state("stopped", "16 events in a row"), "a resume alone does not help",
              site.builds())
    site.no_parked("and parks none either")
    site.deploy(2, check="")
    site.act("swap")
    site.is_right("a better version is deployed and swapped, and has every row")


def too_many_are_bad():
    site = Site("too many parked")
    site.place(2100, is_bad=lambda number: number % 2 == 0)
    site.case(site.wait_state("stopped", "1024 keys have parked events, and no more may"),
              "it stops at the limit, with the reason", site.builds())
    build = site.in_use()  # the batch that went over the limit was taken back
    site.case(0 < build["parked"]["keys"] <= 1024 and build["behind"]["events"] > 0 and
              build["events"] + build["parked"]["events"] + build["behind"]["events"] == 2100,
              "each event was applied, is parked, or is still to come", build)
    site.deploy(2, check="")
    site.act("swap")
    site.is_right("a better version is deployed and swapped, and has every row")
    site.case(site.in_use()["version"] == 2 and site.in_use()["parked"]["events"] == 0,
              "nothing is parked in it", site.builds())


# ---- an older backup ----------------------------------------------------------------------------


def older_backup(remedy):
    """The store comes from a backup that is older than the model."""
    site = Site(f"older backup, {remedy}")
    site.place(300)
    site.is_right("the model applies")
    site.server.stop()
    backup = site.store + ".backup"
    code, text = site.call("backup", backup, store=site.store)
    site.case(code == 0, "a backup is made", text)
    kept = dict(site.rows)
    site.serve()
    site.place(200)
    site.is_right("more comes")
    if remedy == "by itself":
        site.deploy(2)
        site.act("swap")
        site.is_right("it is in use")
    site.server.stop()
    os.rename(site.models, site.store + ".models")
    shutil.rmtree(site.store)
    code, text = site.call("restore", backup, store=site.store)
    site.case(code == 0, "the store is lost and restored from the backup", text)
    os.rename(site.store + ".models", site.models)
    site.rows, site.token = kept, None
    site.serve()
    if remedy == "by itself":
        site.case(site.log_has("projection orders: .*acts that this store does not have: it is rebuilt"),
                  "the log reports that the model is rebuilt")
    else:
        site.case(site.wait_state("stopped", "checkpoint_ahead: .*[Dd]elete (its|the model's) file or rebuild it"),
                  "it reports checkpoint_ahead, and the remedy", site.builds())
        site.case(site.log_has("projection orders, version 1: checkpoint_ahead"), "so does the log")
    site.place(100)
    if remedy == "delete":
        os.unlink(site.file)
    elif remedy == "rebuild":
        site.act("rebuild")
        site.act("swap")
    site.is_right("then the model has the events of the store, and nothing else")
    site.case(site.wait_state("live"), "it is live", site.builds())
    site.no_parked("no event was parked")
    site.place(100)
    site.is_right("and it goes on")


# ---- all of them -----------------------------------------------------------------------------------

mounts = []


def guarded(scenario, arguments):
    try:
        scenario(*arguments)
    except Exception:  # pylint: disable=broad-except
        ok(False, f"{scenario.__name__} {arguments}", *traceback.format_exc().splitlines())


def clean_up():
    for run in runs:
        run.end()
    for server in serving.servers:
        server.kill()
    for mounted in mounts:
        subprocess.run(["umount", mounted], check=False)
    serving.clean_up()


SCENARIOS = [(two_runs,), (server_and_run,), (full_disk,), (locked_file,), (dropped_table,),
             (deleted_models,), (every_event_is_bad,), (too_many_are_bad,), (garbage_while_stopped,), (garbage_while_served, "garbage"),
             (garbage_while_served, "half"), (garbage_while_served, "nothing"),
             (older_backup, "delete"), (older_backup, "rebuild"), (older_backup, "by itself")]


def main():
    path("")  # the directory, before there are threads
    wanted = sys.argv[1:]
    scenarios = SCENARIOS + ([(stopped_for_a_minute,), (killed_run,)] if LONG else [])
    threads = [threading.Thread(target=guarded, args=(scenario[0], scenario[1:]))
               for scenario in scenarios if not wanted or scenario[0].__name__ in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


try:
    main()
finally:
    clean_up()
serving.done()
