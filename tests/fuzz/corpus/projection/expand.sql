--@ projection e version 1
--@ from all
--@ tables
CREATE TABLE {{t}} (a);
--@ on X
DELETE FROM {{t}};
--@ query r
WITH a AS (SELECT 1), b AS (SELECT 1 FROM a, a), c AS (SELECT 1 FROM b, b), d AS (SELECT 1 FROM c, c),
e AS (SELECT 1 FROM d, d), f AS (SELECT 1 FROM e, e) SELECT 1 FROM f
