#!/usr/bin/env python3
# model_data_test.py - read models of real orders: the rows that Factum derives from them are the same
# however they were built, and the same as those of a fold in this program. Prints TAP.
#
# For each file: fed live by a server while it is imported in pieces; rebuilt and swapped; built again
# from nothing after models/ was deleted; as of the end; as of a moment in the middle. All rows of all
# tables are compared by their hash, which is shown.
#
# The data is in FACTUM_DATA or ../shared/data; without it each file is skipped. The largest file
# takes longer, and is read only with LONG=1.
import collections
import gzip
import hashlib
import json
import os
import subprocess
import sys
import threading
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import serving  # noqa: E402
from serving import FACTUM, SLOWER, Server, ok, path, skip, wait_for  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.environ.get("FACTUM_DATA") or os.path.join(ROOT, "..", "shared", "data")
LONG = os.environ.get("LONG", "") not in ("", "0")
PIECES = 5

# ---- northwind: lines in orders, prices with discounts, countries ----------------------------------

NORTHWIND = """--@ projection northwind version 1
--@ from category order
--@ tables
CREATE TABLE {{orders}} (order_id INTEGER PRIMARY KEY, customer TEXT NOT NULL, placed TEXT NOT NULL,
  total INTEGER NOT NULL, country TEXT, region TEXT, shipped TEXT, freight INTEGER);
CREATE TABLE {{lines}} (order_id INTEGER, line INTEGER, product_id INTEGER, qty INTEGER, price INTEGER,
  discount REAL, cents INTEGER, PRIMARY KEY (order_id, line));
CREATE TABLE {{products}} (product_id INTEGER PRIMARY KEY, name TEXT, qty INTEGER NOT NULL,
  cents INTEGER NOT NULL);
CREATE TABLE {{customers}} (customer TEXT PRIMARY KEY, name TEXT, orders INTEGER NOT NULL,
  total INTEGER NOT NULL);
CREATE TABLE {{days}} (day TEXT PRIMARY KEY, placed INTEGER NOT NULL, shipped INTEGER NOT NULL,
  total INTEGER NOT NULL, freight INTEGER NOT NULL);
--@ on OrderPlaced
INSERT INTO {{orders}} VALUES (:orderId, :customerId, :event_date, :totalCents, :shipTo.country,
  :shipTo.region, NULL, NULL);
INSERT INTO {{customers}} VALUES (:customerId, :customerName, 1, :totalCents)
ON CONFLICT (customer) DO UPDATE SET orders = {{customers}}.orders + 1,
  total = {{customers}}.total + excluded.total, name = excluded.name;
INSERT INTO {{days}} VALUES (:event_date, 1, 0, :totalCents, 0)
ON CONFLICT (day) DO UPDATE SET placed = {{days}}.placed + 1, total = {{days}}.total + excluded.total;
--@ on OrderPlaced each .lines[]
INSERT INTO {{lines}} VALUES (:data.orderId, :item_index, :productId, :quantity, :unitPriceCents, :discount,
  CAST(:unitPriceCents * :quantity * (1 - :discount) + 0.5 AS INTEGER));
INSERT INTO {{products}} VALUES (:productId, :product, :quantity,
  CAST(:unitPriceCents * :quantity * (1 - :discount) + 0.5 AS INTEGER))
ON CONFLICT (product_id) DO UPDATE SET qty = {{products}}.qty + excluded.qty,
  cents = {{products}}.cents + excluded.cents;
--@ on OrderShipped expect 1
UPDATE {{orders}} SET shipped = :event_date, freight = :freightCents WHERE order_id = :orderId;
--@ on OrderShipped
INSERT INTO {{days}} VALUES (:event_date, 0, 1, 0, :freightCents)
ON CONFLICT (day) DO UPDATE SET shipped = {{days}}.shipped + 1, freight = {{days}}.freight + excluded.freight;
"""


def line_cents(line):
    return int(line["unitPriceCents"] * line["quantity"] * (1 - line["discount"]) + 0.5)


def fold_northwind(events):
    orders, lines, products, customers, days = {}, {}, {}, {}, {}
    for event in events:
        data, day = event["data"], event["time"][:10]
        known = days.setdefault(day, [0, 0, 0, 0])
        if event["type"] == "OrderPlaced":
            ship = data["shipTo"]
            orders[data["orderId"]] = [data["customerId"], day, data["totalCents"], ship["country"],
                                       ship["region"], None, None]
            customer = customers.setdefault(data["customerId"], ["", 0, 0])
            customer[0] = data["customerName"]
            customer[1] += 1
            customer[2] += data["totalCents"]
            known[0] += 1
            known[2] += data["totalCents"]
            for number, line in enumerate(data["lines"]):
                lines[data["orderId"], number] = [line["productId"], line["quantity"],
                                                  line["unitPriceCents"], float(line["discount"]),
                                                  line_cents(line)]
                product = products.setdefault(line["productId"], [line["product"], 0, 0])
                product[1] += line["quantity"]
                product[2] += line_cents(line)
        else:
            orders[data["orderId"]][5:] = [day, data["freightCents"]]
            known[1] += 1
            known[3] += data["freightCents"]
    return {"orders": orders, "lines": lines, "products": products, "customers": customers, "days": days}


def northwind_total(tables):
    return sum(row[2] for row in tables["orders"].values())


# ---- rentals: several payments, three types of events ----------------------------------------------

RENTALS = """--@ projection rentals version 1
--@ from category rental
--@ tables
CREATE TABLE {{rentals}} (rental_id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, film INTEGER NOT NULL,
  ordered TEXT NOT NULL, due_days INTEGER NOT NULL, paid INTEGER NOT NULL DEFAULT 0,
  payments INTEGER NOT NULL DEFAULT 0, returned TEXT);
CREATE TABLE {{films}} (film INTEGER PRIMARY KEY, title TEXT NOT NULL, rating TEXT, rentals INTEGER NOT NULL);
CREATE TABLE {{customers}} (customer INTEGER PRIMARY KEY, rentals INTEGER NOT NULL, paid INTEGER NOT NULL);
CREATE TABLE {{days}} (day TEXT, what TEXT, n INTEGER NOT NULL, cents INTEGER NOT NULL,
  PRIMARY KEY (day, what));
--@ on RentalOrdered
INSERT INTO {{rentals}} (rental_id, customer, film, ordered, due_days)
VALUES (:rentalId, :customerId, :data.item.filmId, :event_date, :data.item.allowedDays);
INSERT INTO {{films}} VALUES (:data.item.filmId, :data.item.title, :data.item.rating, 1)
ON CONFLICT (film) DO UPDATE SET rentals = {{films}}.rentals + 1;
INSERT INTO {{customers}} VALUES (:customerId, 1, 0)
ON CONFLICT (customer) DO UPDATE SET rentals = {{customers}}.rentals + 1;
--@ on RentalPaid expect 1
UPDATE {{rentals}} SET paid = paid + :amountCents, payments = payments + 1 WHERE rental_id = :rentalId;
--@ on RentalPaid
INSERT INTO {{customers}} VALUES (:customerId, 0, :amountCents)
ON CONFLICT (customer) DO UPDATE SET paid = {{customers}}.paid + excluded.paid;
INSERT INTO {{days}} VALUES (:event_date, :event_type, 1, :amountCents)
ON CONFLICT (day, what) DO UPDATE SET n = {{days}}.n + 1, cents = {{days}}.cents + excluded.cents;
--@ on RentalReturned expect 1
UPDATE {{rentals}} SET returned = :event_date WHERE rental_id = :rentalId;
--@ on RentalReturned, RentalOrdered
INSERT INTO {{days}} VALUES (:event_date, :event_type, 1, 0)
ON CONFLICT (day, what) DO UPDATE SET n = {{days}}.n + 1;
"""


def fold_rentals(events):
    rentals, films, customers, days = {}, {}, {}, {}
    for event in events:
        data, day = event["data"], event["time"][:10]
        known = days.setdefault((day, event["type"]), [0, 0])
        known[0] += 1
        if event["type"] == "RentalOrdered":
            item = data["item"]
            rentals[data["rentalId"]] = [data["customerId"], item["filmId"], day, item["allowedDays"],
                                         0, 0, None]
            films.setdefault(item["filmId"], [item["title"], item["rating"], 0])[2] += 1
            customers.setdefault(data["customerId"], [0, 0])[0] += 1
        elif event["type"] == "RentalPaid":
            rentals[data["rentalId"]][4] += data["amountCents"]
            rentals[data["rentalId"]][5] += 1
            customers.setdefault(data["customerId"], [0, 0])[1] += data["amountCents"]
            known[1] += data["amountCents"]
        else:
            rentals[data["rentalId"]][6] = day
    return {"rentals": rentals, "films": films, "customers": customers, "days": days}


def rentals_total(tables):
    return sum(row[4] for row in tables["rentals"].values())


# ---- purchases: 42 types, long streams, times of 1948 ----------------------------------------------

PURCHASES = """--@ projection purchases version 1
--@ from category purchaseorder
--@ tables
CREATE TABLE {{items}} (stream TEXT PRIMARY KEY, document TEXT NOT NULL, first_type TEXT NOT NULL,
  last_type TEXT NOT NULL, last_step INTEGER NOT NULL, steps INTEGER NOT NULL, revisions INTEGER NOT NULL);
CREATE TABLE {{activities}} (activity TEXT PRIMARY KEY, type TEXT NOT NULL, n INTEGER NOT NULL,
  step_sum INTEGER NOT NULL);
CREATE TABLE {{days}} (day TEXT PRIMARY KEY, n INTEGER NOT NULL);
CREATE TABLE {{documents}} (document TEXT PRIMARY KEY, n INTEGER NOT NULL, last_time TEXT NOT NULL);
--@ on %s
INSERT INTO {{items}} VALUES (:stream, :document, :event_type, :event_type, :step, 1, :event_revision)
ON CONFLICT (stream) DO UPDATE SET last_type = excluded.last_type, last_step = excluded.last_step,
  steps = {{items}}.steps + 1, revisions = {{items}}.revisions + excluded.revisions;
INSERT INTO {{activities}} VALUES (:activity, :event_type, 1, :step)
ON CONFLICT (activity) DO UPDATE SET n = {{activities}}.n + 1,
  step_sum = {{activities}}.step_sum + excluded.step_sum;
INSERT INTO {{days}} VALUES (:event_date, 1) ON CONFLICT (day) DO UPDATE SET n = {{days}}.n + 1;
INSERT INTO {{documents}} VALUES (:document, 1, :event_time)
ON CONFLICT (document) DO UPDATE SET n = {{documents}}.n + 1,
  last_time = max({{documents}}.last_time, excluded.last_time);
"""


def fold_purchases(events):
    items, activities, days, documents = {}, {}, {}, {}
    for event in events:
        data, kind, when = event["data"], event["type"], event["time"]
        item = items.setdefault(event["stream"], [data["document"], kind, kind, 0, 0, 0])
        item[2:4] = [kind, data["step"]]
        item[5] += item[4]  # its revision is the number of events before it
        item[4] += 1
        activity = activities.setdefault(data["activity"], [kind, 0, 0])
        activity[1] += 1
        activity[2] += data["step"]
        days.setdefault(when[:10], [0])[0] += 1
        document = documents.setdefault(data["document"], [0, when])
        document[0] += 1
        document[1] = max(document[1], when)
    return {"items": items, "activities": activities, "days": days, "documents": documents}


def purchases_total(tables):
    return sum(row[0] for row in tables["days"].values())


# ---- rows and their hash ---------------------------------------------------------------------------


def rows_of(tables):
    """All rows of a fold, each with its table's name."""
    rows = []
    for name, table in tables.items():
        for key, values in table.items():
            rows.append([name, *(key if isinstance(key, tuple) else (key,)), *values])
    return rows


def hash_of(rows):
    """A hash of all rows, whatever their order: 16 digits."""
    texts = sorted(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


Source = collections.namedtuple("Source", "name file definition fold total known")


class Site:
    """A store with the model of one file."""

    def __init__(self, source, events):
        self.source = source
        self.store = path(source.name)
        self.widths = {}
        for row in rows_of(source.fold(events)):
            self.widths[row[0]] = len(row) - 1
        widest = max(self.widths.values())
        self.sql = " UNION ALL ".join(
            f"SELECT '{table}', {table}.*{', NULL' * (widest - width)} FROM {table}"
            for table, width in sorted(self.widths.items()))

    def call(self, *arguments, store=None):
        done = subprocess.run([FACTUM, "--store", store or self.store, *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              stdin=subprocess.DEVNULL, timeout=300 * SLOWER)
        if done.returncode != 0:
            raise RuntimeError(f"{arguments}: {done.returncode} {done.stderr.decode()}")
        return done.stdout.decode()

    def rows(self, *options):
        """All rows of all tables of the model."""
        answer = json.loads(self.call("query", self.source.name, self.sql, "--json", "--rows-max",
                                      "1000000", *options))
        return [row[:self.widths[row[0]] + 1] for row in answer["rows"]]

    def compare(self, name, wanted, rows):
        found = hash_of(rows)
        ok(found == hash_of(wanted), f"{self.source.name}: {name}", f"{len(rows)} rows, {found}",
           *([] if found == hash_of(wanted) else different(rows, wanted)))


def different(rows, wanted):
    a = {json.dumps(row) for row in rows}
    b = {json.dumps(row) for row in wanted}
    return [f"found:  {row}" for row in sorted(a - b)[:5]] + [f"wanted: {row}" for row in sorted(b - a)[:5]]


def import_in_pieces(site, lines):
    """While a server feeds the model. The tokens of the ends of the pieces."""
    socket = site.store + ".socket"
    address = "factum+unix://" + socket
    server = Server(site.store, "--unix", socket)
    definition = site.store + ".sql"
    with open(definition, "w", encoding="utf-8") as out:
        out.write(site.source.definition)
    site.call("projection", "deploy", definition, store=address)
    tokens, behind = [], []
    for number in range(PIECES):
        piece = f"{site.store}-{number}.ndjson"
        with open(piece, "wb") as out:
            out.writelines(lines[len(lines) * number // PIECES:len(lines) * (number + 1) // PIECES])
        site.call("import", piece, "--quiet", store=address)
        tokens.append(json.loads(site.call("info", "--json", store=address))["token"])
        if number == PIECES // 2:  # killed in the middle of its work
            server.kill()
            os.unlink(socket)
            server = Server(site.store, "--unix", socket)

    def caught_up():
        status, answer = server.ask("GET", f"/api/v1/models/{site.source.name}")
        behind[:] = [answer]
        builds = json.loads(answer)["builds"] if status == 200 else []
        return builds and all(build["state"] == "live" and build["behind"]["events"] == 0
                              for build in builds)
    good = wait_for(caught_up, 60, 0.1)
    ok(good, f"{site.source.name}: a server feeds it while it is imported", *([] if good else behind))
    ok(server.stop() == 0, f"{site.source.name}: the server ends")
    return tokens


def compare_all(source, lines):
    events = [json.loads(line) for line in lines]
    site = Site(source, events)
    tables = source.fold(events)
    wanted = rows_of(tables)
    ok(source.total(tables) == source.known, f"{source.name}: the total of the fold is known",
       source.total(tables))
    print(f"# {source.name}: {len(events)} events, the fold: {len(wanted)} rows, {hash_of(wanted)}")
    tokens = import_in_pieces(site, lines)
    site.compare("incremental", wanted, site.rows())
    site.call("projection", "rebuild", source.name, "--quiet")
    site.call("projection", "swap", source.name, "--quiet")
    site.compare("rebuilt and swapped", wanted, site.rows())
    for directory, _, files in os.walk(os.path.join(site.store, "models"), topdown=False):
        for name in files:
            os.unlink(os.path.join(directory, name))
        os.rmdir(directory)
    site.compare("from nothing", wanted, site.rows())
    site.compare("as of the end", wanted, site.rows("--at", tokens[-1]))
    middle = PIECES // 2
    part = events[:len(events) * (middle + 1) // PIECES]
    site.compare(f"as of event {len(part)}", rows_of(source.fold(part)),
                 site.rows("--at", tokens[middle]))
    parked = site.call("parked", "list", source.name)
    ok(parked == "", f"{source.name}: nothing is parked", *parked.splitlines())


SOURCES = [
    Source("northwind", "northwind-orders.ndjson.gz", NORTHWIND, fold_northwind, northwind_total, 126579302),
    Source("rentals", "rental-orders.ndjson.gz", RENTALS, fold_rentals, rentals_total, 6741651),
    Source("purchases", "purchase-orders.ndjson.gz", PURCHASES, fold_purchases, purchases_total, 338247),
]


def compare_file(source, name):
    try:
        with gzip.open(name, "rb") as file:
            lines = file.readlines()
        if "%s" in source.definition:
            types = sorted({json.loads(line)["type"] for line in lines})
            source = source._replace(definition=source.definition % ", ".join(types))
        compare_all(source, lines)
    except Exception:  # pylint: disable=broad-except
        ok(False, source.name, *traceback.format_exc().splitlines())


def main():
    path("")  # the directory, before there are threads
    threads = []
    for source in SOURCES:
        name = os.path.join(DATA, source.file)
        if not os.path.exists(name):
            skip(source.name, f"no order data in {DATA}")
        elif source.name == "purchases" and not LONG:
            skip(source.name, "338,247 events: with LONG=1")
        else:
            threads.append(threading.Thread(target=compare_file, args=(source, name)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


try:
    main()
finally:
    serving.clean_up()
serving.done()
