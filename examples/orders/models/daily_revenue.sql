--@ projection daily_revenue version 1
--@ from type OrderPlaced, PaymentReceived, PaymentRefunded, RentalPaid

-- What came in on each day, of two businesses: orders, and rentals of films. A day is that of the event's own time,
-- so orders that were imported later are added to the day when they were placed.

--@ tables
CREATE TABLE {{daily_revenue}} (
  day TEXT NOT NULL, business TEXT NOT NULL, orders BIGINT NOT NULL, ordered_cents BIGINT NOT NULL,
  received_cents BIGINT NOT NULL, refunded_cents BIGINT NOT NULL, PRIMARY KEY (day, business));

--@ on OrderPlaced
INSERT INTO {{daily_revenue}} (day, business, orders, ordered_cents, received_cents, refunded_cents)
VALUES (:event_date, 'orders', 1, :totalCents, 0, 0)
ON CONFLICT (day, business) DO UPDATE SET orders = {{daily_revenue}}.orders + 1,
  ordered_cents = {{daily_revenue}}.ordered_cents + excluded.ordered_cents;

--@ on PaymentReceived
INSERT INTO {{daily_revenue}} (day, business, orders, ordered_cents, received_cents, refunded_cents)
VALUES (:event_date, 'orders', 0, 0, :amountCents, 0)
ON CONFLICT (day, business) DO UPDATE SET
  received_cents = {{daily_revenue}}.received_cents + excluded.received_cents;

--@ on PaymentRefunded
INSERT INTO {{daily_revenue}} (day, business, orders, ordered_cents, received_cents, refunded_cents)
VALUES (:event_date, 'orders', 0, 0, 0, :amountCents)
ON CONFLICT (day, business) DO UPDATE SET
  refunded_cents = {{daily_revenue}}.refunded_cents + excluded.refunded_cents;

--@ on RentalPaid
INSERT INTO {{daily_revenue}} (day, business, orders, ordered_cents, received_cents, refunded_cents)
VALUES (:event_date, 'rentals', 1, :amountCents, :amountCents, 0)
ON CONFLICT (day, business) DO UPDATE SET orders = {{daily_revenue}}.orders + 1,
  ordered_cents = {{daily_revenue}}.ordered_cents + excluded.ordered_cents,
  received_cents = {{daily_revenue}}.received_cents + excluded.received_cents;

--@ query by_month
SELECT substr(day, 1, 7) AS month, business, sum(orders) AS orders, sum(ordered_cents) AS ordered_cents,
  sum(received_cents) AS received_cents, sum(refunded_cents) AS refunded_cents
FROM {{daily_revenue}} GROUP BY substr(day, 1, 7), business ORDER BY month, business;

--@ query totals
SELECT business, sum(ordered_cents) AS ordered_cents, sum(received_cents) AS received_cents,
  sum(refunded_cents) AS refunded_cents FROM {{daily_revenue}} GROUP BY business ORDER BY business;
