--@ projection q version 2
--@ from tag sku:1
--@ tables
CREATE TABLE {{t}} (a TEXT, b REAL);
CREATE UNIQUE INDEX {{i}} ON {{t}} (lower(a)) WHERE b > 1;
--@ on X
WITH n (k) AS NOT MATERIALIZED (SELECT value FROM json_each(:list)) INSERT INTO {{t}}{{t}} ORDER BY a LIMIT 5 OFFSET 1e1
