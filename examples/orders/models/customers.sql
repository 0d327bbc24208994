--@ projection customers version 1
--@ from type OrderPlaced, PaymentReceived, PaymentRefunded, RentalOrdered, RentalPaid

-- What each customer has ordered and paid. A payment does not name the customer: the model keeps a table of its own
-- in which it looks that up.

--@ tables
CREATE TABLE {{customers}} (
  customer TEXT PRIMARY KEY, orders BIGINT NOT NULL, ordered_cents BIGINT NOT NULL,
  paid_cents BIGINT NOT NULL, first_at TEXT NOT NULL, last_at TEXT NOT NULL);
CREATE TABLE {{customer_of}} (order_id TEXT PRIMARY KEY, customer TEXT NOT NULL);

--@ on OrderPlaced
INSERT INTO {{customer_of}} (order_id, customer) VALUES (:stream, :customerId);
INSERT INTO {{customers}} (customer, orders, ordered_cents, paid_cents, first_at, last_at)
VALUES (:customerId, 1, :totalCents, 0, :event_time, :event_time)
ON CONFLICT (customer) DO UPDATE SET orders = {{customers}}.orders + 1,
  ordered_cents = {{customers}}.ordered_cents + excluded.ordered_cents, last_at = excluded.last_at;

--@ on PaymentReceived expect 1
UPDATE {{customers}} SET paid_cents = paid_cents + :amountCents
WHERE customer = (SELECT customer FROM {{customer_of}} WHERE order_id = :stream);

--@ on PaymentRefunded expect 1
UPDATE {{customers}} SET paid_cents = paid_cents - :amountCents
WHERE customer = (SELECT customer FROM {{customer_of}} WHERE order_id = :stream);

--@ on RentalOrdered
INSERT INTO {{customers}} (customer, orders, ordered_cents, paid_cents, first_at, last_at)
VALUES ('rental ' || :customerId, 1, :data.item.dailyRateCents, 0, :event_time, :event_time)
ON CONFLICT (customer) DO UPDATE SET orders = {{customers}}.orders + 1,
  ordered_cents = {{customers}}.ordered_cents + excluded.ordered_cents, last_at = excluded.last_at;

--@ on RentalPaid expect 1
UPDATE {{customers}} SET paid_cents = paid_cents + :amountCents WHERE customer = 'rental ' || :customerId;

--@ query best
SELECT customer, orders, ordered_cents, paid_cents FROM {{customers}}
ORDER BY ordered_cents DESC, customer LIMIT :count;
