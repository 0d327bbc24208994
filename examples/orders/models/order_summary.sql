--@ projection order_summary version 1
--@ from category order
--@ key :stream
--@ poison retry 0 within 1s then park

-- A row for each order, as a list of orders shows it. The stream is the order, so its events are applied in
-- their order, and when one of them does not fit, those after it wait for it.

--@ tables
CREATE TABLE {{order_summary}} (
  order_id TEXT PRIMARY KEY, customer TEXT NOT NULL, status TEXT NOT NULL,
  total_cents BIGINT NOT NULL CHECK (total_cents >= 0),
  paid_cents BIGINT NOT NULL DEFAULT 0 CHECK (paid_cents >= 0),
  refunded_cents BIGINT NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),
  placed_at TEXT NOT NULL, changed_at TEXT NOT NULL);
CREATE INDEX {{order_summary_by_customer}} ON {{order_summary}} (customer, placed_at);

--@ on OrderPlaced
INSERT INTO {{order_summary}} (order_id, customer, status, total_cents, placed_at, changed_at)
VALUES (:stream, :customerId, 'placed', :totalCents, :event_time, :event_time);

--@ on PaymentReceived expect 1
UPDATE {{order_summary}} SET paid_cents = paid_cents + :amountCents, changed_at = :event_time,
  status = CASE WHEN status = 'placed' AND paid_cents + :amountCents >= total_cents THEN 'paid' ELSE status END
WHERE order_id = :stream;

--@ on OrderShipped expect 1
UPDATE {{order_summary}} SET status = 'shipped', changed_at = :event_time WHERE order_id = :stream;

--@ on OrderDelivered expect 1
UPDATE {{order_summary}} SET status = 'delivered', changed_at = :event_time WHERE order_id = :stream;

--@ on OrderCancelled expect 1
UPDATE {{order_summary}} SET status = 'cancelled', changed_at = :event_time WHERE order_id = :stream;

--@ on OrderReturned expect 1
UPDATE {{order_summary}} SET status = 'returned', changed_at = :event_time WHERE order_id = :stream;

--@ on PaymentRefunded expect 1
UPDATE {{order_summary}} SET refunded_cents = refunded_cents + :amountCents, changed_at = :event_time
WHERE order_id = :stream;

--@ query totals
SELECT count(*) AS orders, sum(total_cents) AS total_cents, sum(paid_cents) AS paid_cents,
  sum(refunded_cents) AS refunded_cents FROM {{order_summary}};

--@ query by_status
SELECT status, count(*) AS orders, sum(total_cents) AS total_cents FROM {{order_summary}}
GROUP BY status ORDER BY status;

--@ query of_customer
SELECT order_id, status, total_cents, placed_at FROM {{order_summary}} WHERE customer = :customer
ORDER BY placed_at, order_id;
