--@ projection order_summary version 3
--@ from category order
--@ key :stream
--@ mode async
--@ poison retry 5 within 2m then park

-- One row an order, and what was sold of each article.
--@ tables
CREATE TABLE {{order_summary}} (
  order_id    TEXT PRIMARY KEY,
  customer_id TEXT NOT NULL,
  status      TEXT NOT NULL,
  total_cents BIGINT NOT NULL,
  paid_cents  BIGINT NOT NULL DEFAULT 0,
  tracking    TEXT,
  placed_at   TEXT NOT NULL,
  version     BIGINT NOT NULL
);
CREATE INDEX {{order_summary_by_customer}} ON {{order_summary}} (customer_id, placed_at);
CREATE TABLE {{sku_sales}} (sku TEXT PRIMARY KEY, qty BIGINT NOT NULL);

--@ on OrderPlaced
INSERT INTO {{order_summary}} (order_id, customer_id, status, total_cents, placed_at, version)
VALUES (:orderId, :customerId, 'placed', :totalCents, :event_time, :event_revision);

--@ on OrderPlaced each .lines[]
INSERT INTO {{sku_sales}} (sku, qty) VALUES (:sku, :qty)
ON CONFLICT (sku) DO UPDATE SET qty = {{sku_sales}}.qty + excluded.qty;

--@ on PaymentReceived expect 1
UPDATE {{order_summary}}
SET paid_cents = paid_cents + :amountCents,
    version = :event_revision,
    status = CASE WHEN paid_cents + :amountCents >= total_cents THEN 'paid' ELSE status END
WHERE order_id = :orderId;

--@ on OrderShipped expect 1
UPDATE {{order_summary}} SET status = 'shipped', tracking = :trackingNo, version = :event_revision
WHERE order_id = :orderId;

--@ on OrderDelivered expect 1
UPDATE {{order_summary}} SET status = 'delivered', version = :event_revision
WHERE order_id = :orderId;

--@ query of_customer
SELECT order_id, status, total_cents - paid_cents AS open_cents
FROM {{order_summary}}
WHERE customer_id = :customer
ORDER BY placed_at, order_id
LIMIT 100;
