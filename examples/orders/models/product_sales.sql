--@ projection product_sales version 1
--@ from type OrderPlaced, RentalOrdered

-- What is sold, and how often. "each" runs the statement once for each line of an order. A line may have a discount;
-- each is rounded to the cent, so that the lines of an order add up to its total.

--@ tables
CREATE TABLE {{product_sales}} (
  product TEXT PRIMARY KEY, quantity BIGINT NOT NULL CHECK (quantity > 0), orders BIGINT NOT NULL,
  sold_cents BIGINT NOT NULL);

--@ on OrderPlaced each .lines[]
INSERT INTO {{product_sales}} (product, quantity, orders, sold_cents)
VALUES (:product, :quantity, 1,
  CAST(round(:unitPriceCents * :quantity * (1 - coalesce(:discount, 0))) AS BIGINT))
ON CONFLICT (product) DO UPDATE SET quantity = {{product_sales}}.quantity + excluded.quantity,
  orders = {{product_sales}}.orders + 1, sold_cents = {{product_sales}}.sold_cents + excluded.sold_cents;

--@ on RentalOrdered
INSERT INTO {{product_sales}} (product, quantity, orders, sold_cents)
VALUES (:data.item.title, 1, 1, :data.item.dailyRateCents)
ON CONFLICT (product) DO UPDATE SET quantity = {{product_sales}}.quantity + 1,
  orders = {{product_sales}}.orders + 1, sold_cents = {{product_sales}}.sold_cents + excluded.sold_cents;

--@ query best
SELECT product, quantity, sold_cents FROM {{product_sales}}
ORDER BY sold_cents DESC, product LIMIT :count;
