--@ projection rental_summary version 1
--@ from category rental

-- A row for each rental of a film. Some are paid in several parts, some never come back.

--@ tables
CREATE TABLE {{rental_summary}} (
  rental_id TEXT PRIMARY KEY, customer BIGINT NOT NULL, film TEXT NOT NULL, status TEXT NOT NULL,
  payments BIGINT NOT NULL DEFAULT 0, paid_cents BIGINT NOT NULL DEFAULT 0,
  rented_at TEXT NOT NULL, returned_at TEXT);

--@ on RentalOrdered
INSERT INTO {{rental_summary}} (rental_id, customer, film, status, rented_at)
VALUES (:stream, :customerId, :data.item.title, 'out', :event_time);

--@ on RentalPaid expect 1
UPDATE {{rental_summary}} SET payments = payments + 1, paid_cents = paid_cents + :amountCents
WHERE rental_id = :stream;

--@ on RentalReturned expect 1
UPDATE {{rental_summary}} SET status = 'back', returned_at = :event_time WHERE rental_id = :stream;

--@ query totals
SELECT status, count(*) AS rentals, sum(payments) AS payments, sum(paid_cents) AS paid_cents
FROM {{rental_summary}} GROUP BY status ORDER BY status;
