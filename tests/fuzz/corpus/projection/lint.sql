--@ projection p version 1
--@ from all
--@ tables
CREATE TABLE {{t}} (a DEFAULT (datetime(1)));
--@ on A
DELETE FROM {{t}} LIMIT 1