--@ projection q version 2
--@ from tag sku:1
--@ tables
CREATE TABLE {{t}} (a TEXT, b REAL);
CREATE UNIQUE INDEX {{i}} ON {{t}} (lower(a)) WHERE b > 1;
--@ on X
WITH n (k) AS NOT MATERIALIZED (SELECT value FROM json_each(:list)) INSERT INTO {{t}} (a) SELECT k FROM n;
UPDATE {{t}} INDEXED BY {{i}} SET a = "b" WHERE [a] = `b` AND a LIKE '%''x' AND b > 1;
--@ query r
WITH RECURSIVE n (i) AS (SELECT 1 UNION SELECT i + 1 FROM n WHERE i < :max)
SELECT row_number() OVER (PARTITION BY b ORDER BY a), group_concat(a) FILTER (WHERE b > 0x1f) OVER (ORDER BY a)
FROM n, {{t}} ORDER BY a LIMIT 5 OFFSET 1e1
