--@ projection purchase_items version 1
--@ from category purchaseorder

-- How far each item of a purchase order is: goods, invoices, payment. Other events are not read.

--@ tables
CREATE TABLE {{purchase_items}} (
  item TEXT PRIMARY KEY, goods BIGINT NOT NULL DEFAULT 0, invoices BIGINT NOT NULL DEFAULT 0,
  cleared BIGINT NOT NULL DEFAULT 0, last_at TEXT NOT NULL);

--@ on GoodsReceived
INSERT INTO {{purchase_items}} (item, goods, last_at) VALUES (:stream, 1, :event_time)
ON CONFLICT (item) DO UPDATE SET goods = {{purchase_items}}.goods + 1, last_at = excluded.last_at;

--@ on InvoiceReceived
INSERT INTO {{purchase_items}} (item, invoices, last_at) VALUES (:stream, 1, :event_time)
ON CONFLICT (item) DO UPDATE SET invoices = {{purchase_items}}.invoices + 1, last_at = excluded.last_at;

--@ on InvoiceCleared
INSERT INTO {{purchase_items}} (item, cleared, last_at) VALUES (:stream, 1, :event_time)
ON CONFLICT (item) DO UPDATE SET cleared = {{purchase_items}}.cleared + 1, last_at = excluded.last_at;

--@ query totals
SELECT count(*) AS items, sum(goods) AS goods, sum(invoices) AS invoices, sum(cleared) AS cleared
FROM {{purchase_items}};
