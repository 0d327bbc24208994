#!/usr/bin/env python3
"""The rows that the read models of examples/orders/models must have, folded here from lines of events.

    model_rows.py FILE.ndjson[.gz]...

Prints for each model its number of rows and the SHA-256 of them as CSV, in the order of their keys, as
`factum query MODEL "SELECT * FROM MODEL ORDER BY KEY" --csv` prints them. Knows nothing of SQL.
"""
import csv
import gzip
import hashlib
import io
import json
import sys
from decimal import ROUND_HALF_UP, Decimal


def order_summary(orders, stream, kind, data, time):
    if kind == "OrderPlaced":
        orders[stream] = [data["customerId"], "placed", data["totalCents"], 0, 0, time, time]
        return
    row = orders.get(stream)
    states = {"OrderShipped": "shipped", "OrderDelivered": "delivered", "OrderCancelled": "cancelled",
              "OrderReturned": "returned"}
    if kind in states:
        row[1] = states[kind]
    elif kind == "PaymentReceived":
        row[3] += data["amountCents"]
        row[1] = "paid" if row[1] == "placed" and row[3] >= row[2] else row[1]
    elif kind == "PaymentRefunded":
        row[4] += data["amountCents"]
    else:
        return
    row[6] = time


def open_orders(orders, stream, kind, data, time):
    if kind == "OrderPlaced":
        orders[stream] = [data["customerId"], data["totalCents"], time]
    elif kind in ("OrderShipped", "OrderCancelled"):
        del orders[stream]


def daily_revenue(days, stream, kind, data, time):
    columns = {"OrderPlaced": ("orders", 0, 1), "PaymentReceived": ("orders", 2), "PaymentRefunded": ("orders", 3),
               "RentalPaid": ("rentals", 0, 1, 2)}
    if kind in columns:
        business, *places = columns[kind]
        row = days.setdefault((time[:10], business), [0, 0, 0, 0])
        for place in places:
            row[place] += 1 if place == 0 else data["totalCents" if kind == "OrderPlaced" else "amountCents"]


def product_sales(products, stream, kind, data, time):
    lines = []
    if kind == "OrderPlaced":
        for line in data["lines"]:
            price = Decimal(line["unitPriceCents"]) * line["quantity"] * (1 - Decimal(str(line.get("discount", 0))))
            cents = int(price.quantize(Decimal(1), ROUND_HALF_UP))
            lines.append((line["product"], line["quantity"], cents))
    elif kind == "RentalOrdered":
        lines.append((data["item"]["title"], 1, data["item"]["dailyRateCents"]))
    for product, quantity, cents in lines:
        row = products.setdefault(product, [0, 0, 0])
        row[0] += quantity
        row[1] += 1
        row[2] += cents


def customers(rows, stream, kind, data, time):
    owners = rows.setdefault(None, {})
    if kind in ("OrderPlaced", "RentalOrdered"):
        rental = kind == "RentalOrdered"
        name = f"rental {data['customerId']}" if rental else data["customerId"]
        owners[stream] = name
        row = rows.setdefault(name, [0, 0, 0, time, time])
        row[0] += 1
        row[1] += data["item"]["dailyRateCents"] if rental else data["totalCents"]
        row[4] = time
    elif kind in ("PaymentReceived", "RentalPaid", "PaymentRefunded"):
        name = f"rental {data['customerId']}" if kind == "RentalPaid" else owners[stream]
        rows[name][2] += -data["amountCents"] if kind == "PaymentRefunded" else data["amountCents"]


def rental_summary(rentals, stream, kind, data, time):
    if kind == "RentalOrdered":
        rentals[stream] = [data["customerId"], data["item"]["title"], "out", 0, 0, time, ""]
    elif kind == "RentalPaid":
        rentals[stream][3] += 1
        rentals[stream][4] += data["amountCents"]
    elif kind == "RentalReturned":
        rentals[stream][2] = "back"
        rentals[stream][6] = time


def purchase_items(items, stream, kind, data, time):
    places = {"GoodsReceived": 0, "InvoiceReceived": 1, "InvoiceCleared": 2}
    if kind in places:
        row = items.setdefault(stream, [0, 0, 0, time])
        row[places[kind]] += 1
        row[3] = time


MODELS = [order_summary, open_orders, daily_revenue, product_sales, customers, rental_summary, purchase_items]


def events(paths):
    for path in paths:
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                yield event["stream"], event["type"], event["data"], event["time"]


def main():
    tables = {model: {} for model in MODELS}
    for event in events(sys.argv[1:]):
        for model, rows in tables.items():
            model(rows, *event)
    for model, rows in tables.items():
        rows.pop(None, None)
        text = io.StringIO()
        out = csv.writer(text, lineterminator="\n")
        for key in sorted(rows, key=lambda key: [part.encode() for part in (key if isinstance(key, tuple) else (key,))]):
            out.writerow([*(key if isinstance(key, tuple) else (key,)), *rows[key]])
        print(model.__name__, len(rows), hashlib.sha256(text.getvalue().encode()).hexdigest()[:16])


main()
