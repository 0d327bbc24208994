--@ projection gift_cards version 1
--@ from type GiftCardSold, GiftCardUsed
--@ key :stream
--@ poison retry 0 within 1s then park

-- What is left on each gift card. Cards are sold in streams of their own and used by orders: if a use comes before the
-- sale, "expect 1" makes it fail, and the order is parked until the sale has come.

--@ tables
CREATE TABLE {{gift_cards}} (
  card TEXT PRIMARY KEY, sold_cents BIGINT NOT NULL, left_cents BIGINT NOT NULL CHECK (left_cents >= 0),
  uses BIGINT NOT NULL DEFAULT 0);

--@ on GiftCardSold
INSERT INTO {{gift_cards}} (card, sold_cents, left_cents) VALUES (:card, :cents, :cents);

--@ on GiftCardUsed expect 1
UPDATE {{gift_cards}} SET left_cents = left_cents - :cents, uses = uses + 1 WHERE card = :card;

--@ query balances
SELECT card, left_cents, uses FROM {{gift_cards}} ORDER BY card;
