--@ projection open_orders version 1
--@ from category order
--@ mode sync
--@ poison retry 0 within 1s then park

-- The orders that somebody has to pack: placed, and neither shipped nor cancelled. "mode sync": an order is
-- acknowledged when it is in this table, so the next page shows it.

--@ tables
CREATE TABLE {{open_orders}} (
  order_id TEXT PRIMARY KEY, customer TEXT NOT NULL, total_cents BIGINT NOT NULL CHECK (total_cents >= 0),
  placed_at TEXT NOT NULL);

--@ on OrderPlaced
INSERT INTO {{open_orders}} (order_id, customer, total_cents, placed_at)
VALUES (:stream, :customerId, :totalCents, :event_time);

--@ on OrderShipped, OrderCancelled expect 1
DELETE FROM {{open_orders}} WHERE order_id = :stream;

--@ query oldest
SELECT order_id, customer, total_cents FROM {{open_orders}} ORDER BY placed_at, order_id LIMIT :count;
