--@ projection p version 1
--@ from type A, "B, C"
--@ key :meta.user.id
--@ mode sync
--@ host other
--@ tables
CREATE TABLE {{t}} (a TEXT, b INT DEFAULT (1 + 2) CHECK (b IN (1, 2, 3)), PRIMARY KEY (a)) WITHOUT ROWID;
--@ on A, "B, C" each .x[] expect 1
--@ if sqlite
INSERT OR REPLACE INTO {{t}} (a, b) VALUES (:item, :item_index);
--@ end
--@ if postgres
INSERT INTO {{t}} (a, b) VALUES (:item::text, :item_index) ON CONFLICT (a) DO NOTHING;
--@ end
DELETE FROM {{t}} WHERE a = :data.x.y OR a = x'00' OR a IN (:meta, :event_id, :correlation_id) /* all */;
