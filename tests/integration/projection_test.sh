#!/usr/bin/env bash
# projection_test.sh - read models in SQL by the command line: projection, parked, run, query. Prints TAP.
# FACTUM names the program.
. "$(dirname "$0")/program.sh"
t() { try "$@"; }
export FACTUM_STORE=$work/orders.factum
F() { "$factum" "$@"; }
P() { F projection "$@"; }
Q() { F query orders "$@"; }
cleanup() { if [ -n "${running:-}" ]; then kill "$running" 2>/dev/null; fi; }

cat >orders.sql <<'SQL'
--@ projection orders version 1
--@ from category order
--@ poison retry 0 within 1s then park
--@ tables
CREATE TABLE {{orders}} (order_id TEXT PRIMARY KEY, status TEXT NOT NULL,
  total INTEGER NOT NULL CHECK (total >= 0), paid INTEGER NOT NULL DEFAULT 0, note TEXT);
--@ on OrderPlaced
INSERT INTO {{orders}} (order_id, status, total, note) VALUES (:orderId, 'placed', :total, :note);
--@ on PaymentReceived expect 1
UPDATE {{orders}} SET paid = paid + :amount, status = 'paid' WHERE order_id = :orderId;
--@ query paid
SELECT order_id, paid FROM {{orders}} WHERE paid >= :least ORDER BY order_id;
SQL
place() { F append "order-$1" OrderPlaced "{\"orderId\":\"o$1\",\"total\":$2${3:+,\"note\":$3}}" --json; }
pay() { F append "order-$1" PaymentReceived "{\"orderId\":\"o$1\",\"amount\":$2}" --json; }
token() { sed -n 's/.*"token":"\([^"]*\)".*/\1/p'; }
position() { sed -n 's/.*"position":\([0-9]*\).*/\1/p'; }

# Deploying.
sed 's/version 1/version x/' orders.sql >bad.sql
t "a wrong directive has file, line and column" 7 '^factum: bad\.sql:1:[0-9]+: ' P deploy bad.sql
sed 's/UPDATE {{orders}} SET paid/UPDATE {{orders}} SET payed/' orders.sql >bad.sql
t "a column that is not there too" 7 '^factum: bad\.sql:1[01]:[0-9]+: .*payed' P deploy bad.sql
[ ! -e "$FACTUM_STORE" ]
result $? "no store is made for a definition that is wrong"
t "a missing file" 4 "nothing.sql: No such file" P deploy nothing.sql
t "a definition is deployed" 0 "^orders version 1, [0-9a-f]{12}$" P deploy orders.sql --why "a reason" --by ann
t "the same again changes nothing" 0 "^orders has this version already: version 1$" P deploy orders.sql
t "also as JSON" 0 '^\{"name":"orders","version":1,"revision":0,.*"already":true,"token":"' P deploy orders.sql --json
from_input() { P deploy - <orders.sql; }
t "it may come from standard input" 0 "already: version 1" from_input
echo '-- edited' >>orders.sql
t "an edited file under the same version is refused" 3 "give the file the version 2" P deploy orders.sql
sed -i '$d' orders.sql
P show orders >shown.sql && cmp shown.sql orders.sql >out 2>&1
result $? "the deployed text is shown"
t "with who and why" 0 '"by":"ann","why":"a reason","text":"--@ projection orders version 1' P show orders --json
t "an unknown version" 4 "" P show orders --version 9
t "an unknown projection" 4 "" P show carts
t "a name of another form" 2 "is not the name of a projection" P show Orders-1
t "it is listed" 0 "^orders  +1  -  +up to date  +0  +0\.0  +0$" P list

# Schemas.
echo '{"properties": {"orderId": {}, "total": {}}, "additionalProperties": false}' >narrow.json
t "a schema that takes away what it needs is refused" 3 \
    "projection orders version 1 needs it: .*OrderPlaced has no member note: .*; deploy a version that" \
    F schema register OrderPlaced narrow.json
t "and so is a mere check" 3 "needs it" F schema check OrderPlaced narrow.json
t "nothing was registered" 4 "" F schema show OrderPlaced

# Queries.
place 1 10 >/dev/null
token=$(pay 1 10 | token)
t "rows as a table" 0 "^o1 +paid +10 +10  -$" Q "SELECT * FROM orders" --wait "$token"
t "numbers to the right" 0 "^order_id  status  total  paid  note$" Q "SELECT * FROM orders"
t "how many, and as of when" 0 "^1 row, as of 20.*Z \(f1-[0-9a-f-]+\)$" Q "SELECT * FROM orders"
t "--quiet has rows alone" 0 "^ *1$" Q "SELECT count(*) FROM orders" --quiet
grep -q "as of" out
[ $? -eq 1 ]
result $? "and no remark"
t "as JSON" 0 '^\{"columns":\["order_id","note"\],"rows":\[\["o1",null\]\],"asOf":\{"token":"[^"]*","position":[0-9]+,"created":"20[^"]*","version":1\},"behind":\{"events":0,"seconds":0\.000\}\}$' \
    Q "SELECT order_id, note FROM orders" --json
place 2 5 '"two, \"quoted\"\nlines"' >/dev/null
Q "SELECT order_id, note, NULL AS n, 1.5 AS x FROM orders ORDER BY 1" --csv --quiet >out
printf 'order_id,note,n,x\r\no1,,,1.5\r\no2,"two, ""quoted""\nlines",,1.5\r\n' | cmp - out >>out 2>&1
result $? "as CSV (RFC 4180)"
t "a terminal is not obeyed" 0 'two, "quoted"\\x0alines' Q "SELECT note FROM orders"
t "the plan" 0 "SEARCH .*order_id=" Q "SELECT * FROM orders WHERE order_id = 'o1'" --plan
t "a named query" 0 "^o1 +10$" Q --named paid --param least=1
t "a parameter that is missing" 2 "least" Q --named paid
t "a text that looks like a number is kept" 0 '"rows":\[\["007","integer",null\]\]' \
    Q "SELECT :a, typeof(:b), :c" --param a=007 --param b=7 --param c --json
t "an unknown query" 4 "has no query unpaid" Q --named unpaid
t "SQL and a name" 2 "give either a SELECT or --named QUERY" Q "SELECT 1" --named paid
t "neither" 2 "give either a SELECT or --named QUERY" Q
t "two forms" 2 "exclude each other" Q "SELECT 1" --json --csv
t "an unknown model" 4 "" F query carts "SELECT 1"
t "a token of another store" 3 "" Q "SELECT 1" --wait f1-0123456789abcdef-0-1
t "no token at all" 2 "" Q "SELECT 1" --wait soon
t "more rows than are wanted" 2 "" Q "SELECT * FROM orders" --rows-max 1
for sql in "DELETE FROM orders" "DROP TABLE orders" "PRAGMA journal_mode = DELETE" "ATTACH '/etc/passwd' AS x" \
    "SELECT * FROM factum_checkpoint" "SELECT * FROM sqlite_master" "SELECT 1; DELETE FROM orders" \
    "SELECT load_extension('x')" "SELECT * FROM orders__v1" "INSERT INTO orders VALUES ('x','y',1,1,'')" \
    "VACUUM INTO 'copy.db'" "SELECT readfile('/etc/passwd')" "SELEC 1"; do
    t "refused: $sql" 2 "^factum: ." Q "$sql"
done
[ ! -e copy.db ]
result $? "no file was made"
t "one that does not end is stopped" 9 "" \
    Q "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
t "the model has come to no harm" 0 "^ *2$" Q "SELECT count(*) FROM orders"

# Parked events.
poison=$(place 3 -5 | position)
pay 3 1 >/dev/null
place 4 8 >/dev/null
t "poison does not stop other keys" 0 "^o1,o2,o4$" Q "SELECT group_concat(order_id) FROM (SELECT order_id FROM orders ORDER BY 1)"
t "it is parked" 0 "^orders +1 +$poison +OrderPlaced +order-3 +1 .*CHECK constraint failed" F parked list
t "what follows it waits" 0 "PaymentReceived +order-3 +0 .*waits for those before it" F parked list orders
t "of a key" 0 '^\{"name":"orders","version":1,"key":"order-3","position":[0-9]+,"type":"OrderPlaced","reason":"' \
    F parked list orders --key order-3 --json
F parked list orders --key order-1 --json >out 2>&1 && [ ! -s out ]
result $? "another key has no parked events"
t "the event itself" 0 '^    \{"orderId":"o3","total":-5\}$' F parked show orders "$poison"
t "as JSON" 0 '^\{"parked":\[\{.*\}\],"event":\{"stream":"order-3","type":"OrderPlaced",.*\}\}$' F parked show orders "$poison" --json
t "an event that is not parked" 4 "no event at position 1 is parked" F parked show orders 1
t "a retry that fails" 0 "^factum: 2 events are still parked$" F parked retry orders order-3
t "a key that is not parked" 4 "no event of the key order-9" F parked retry orders order-9
t "a skip needs a reason" 2 "give --why" F parked skip orders "$poison"
t "a skip of what is not parked" 4 "no event at position 1" F parked skip orders 1 --why x
t "an invalid position" 2 "POSITION" F parked skip orders -1x --why x
t "skipped" 0 "^orders: skipped$" F parked skip orders "$poison" --why "a wrong amount" --by ann
t "what waited is tried" 0 "expected 1 row, 0 changed" F parked list orders
place3() { F append order-3fix OrderPlaced '{"orderId":"o3","total":5}' && F query orders "SELECT 1"; }
t "what was missing comes" 0 "" place3
t "and all are retried" 0 '^\{"name":"orders","act":"retry all","revision":[0-9]+,.*"done":true,' F parked retry orders --json
F parked list >out 2>&1 && [ ! -s out ]
result $? "nothing is parked any more"
t "it counts once" 0 "^ *1$" Q "SELECT paid FROM orders WHERE order_id = 'o3'"

# Versions.
sed -e 's/version 1/version 2/' -e "s/'placed'/'PLACED'/" orders.sql >two.sql
t "nothing can be swapped to" 3 "nothing is built beside version 1" P swap orders
t "nor to return to" 3 "nothing to return to" P rollback orders
t "a newer version" 0 "^orders version 2, " P deploy two.sql
t "an older one is refused" 7 "version 1 is older" P deploy orders.sql
t "is built beside" 0 "^orders +1 +2  " P list
t "until then the old one answers" 0 "^placed$" Q "SELECT status FROM orders WHERE order_id = 'o2'"
t "no rebuild meanwhile" 3 "version 2 is being built" P rebuild orders
t "swapped" 0 "^orders: swapped, version 2 is in use$" P swap orders --why "looks good"
t "the new one answers" 0 "^PLACED$" Q "SELECT status FROM orders WHERE order_id = 'o2'"
t "rolled back" 0 "^orders: rolled back, version 1 is in use$" P rollback orders
t "the old one answers again" 0 "^placed$" Q "SELECT status FROM orders WHERE order_id = 'o2'"
t "what was skipped stays so" 0 "^ *5$" Q "SELECT total FROM orders WHERE order_id = 'o3'"
t "rebuilt" 0 "^orders: is built once more" P rebuild orders
t "and swapped, as JSON" 0 '^\{"name":"orders","act":"swap",.*"already":false,"done":true,"version":1,"token":' P swap orders --json
t "the first text can still be shown" 0 "version 1" P show orders --version 1
rm -r "$FACTUM_STORE/models"
t "a model whose file is gone is built again" 0 "^ *4$" Q "SELECT count(*) FROM orders"

# Pausing.
t "paused" 0 "^orders: paused$" P pause orders
t "paused already" 0 "^orders: paused already$" P pause orders
token=$(place 6 1 | token)
t "a paused model answers as it is" 0 "^4 rows, as of .*, 1 event behind: paused$" Q "SELECT * FROM orders"
t "but not for a token" 9 "^factum: accepted at $token; the model orders is behind" Q "SELECT * FROM orders" --wait "$token"
t "the list shows it" 0 "^orders  +1  .*paused +1 " P list
t "resumed" 0 "^orders: resumed$" P resume orders
t "then it has all" 0 "^ *5$" Q "SELECT count(*) FROM orders" --wait "$token" --timeout 60

# Running.
t "run until caught up" 0 "^orders version 1: live" F run --until-caught-up --timeout 60
t "one by its name, as JSON" 0 '^\{"name":"orders","version":1,"inUse":true,"state":"live",' F run orders --until-caught-up --json
t "an unknown projection" 4 "" F run carts --until-caught-up
t "names and a host" 2 "" F run orders --host here
t "of a host without projections" 0 "no projection is deployed for this host" F run --host elsewhere --until-caught-up
t "for a time" 0 "^orders version 1: live" F run --timeout 1
"$factum" run >run.txt 2>&1 &
running=$!
for _ in $(seq 100); do
    grep -q live run.txt && break
    sleep 0.1
done
t "meanwhile others are refused" 6 "" Q "SELECT 1"
kill -TERM "$running"
wait "$running"
code=$?
running=
cp run.txt out
[ $code -eq 0 ] && grep -q "^orders version 1: live" out
result $? "a signal ends it well"

# Removing.
t "removed" 0 "^orders: removed$" P remove orders
t "nobody answers" 4 "was removed" Q "SELECT 1"
t "the list shows it" 0 "^orders +- .*removed" P list
t "deployed again" 0 "^orders version 2" P deploy two.sql
t "it is all there" 0 "^ *5$" Q "SELECT count(*) FROM orders"

# What a swap and a parked event would change.
sed -e 's/version 2/version 3/' -e 's/:total, :note/:total * 2, :note/' two.sql >three.sql
t "nothing can be compared" 4 "nothing is built beside version 2" P diff orders
t "a third version" 0 "^orders version 3" P deploy three.sql
t "a row that would change" 0 "^~ orders: order_id=o1, status=paid, total=10 -> 20, paid=10, note=NULL$" P diff orders
t "what is counted" 0 "^orders: 5 changed$" P diff orders
t "and in all" 0 "^5 rows would change, 2 shown$" P diff orders --changes-max 2
t "as JSON" 0 '^\{"table":"orders","change":"changed","columns":\["order_id",.*"before":\["o1","paid",10,10,null\],"after":\["o1","paid",20,' \
    P diff orders --json
t "with the counts" 0 '^\{"tables":\[\{"table":"orders","added":0,"removed":0,"changed":5\}\],"total":5,"more":true\}$' \
    P diff orders --json --changes-max 1
t "of an unknown model" 4 "" P diff carts
t "an invalid number of changes" 2 "changes-max" P diff orders --changes-max 0
poison=$(place 7 -7 | position)
paid=$(pay 7 1 | position)
Q "SELECT 1" >/dev/null 2>&1
t "a parked event is tried" 7 "CHECK constraint failed" F parked try orders "$poison"
t "an event that waits for it too" 7 "expected 1 row, 0 changed" F parked try orders "$paid"
place 7fix 7 >/dev/null
fixed() { F append order-7fix2 OrderPlaced '{"orderId":"o7","total":7}' && F query orders "SELECT 1"; }
t "what was missing comes" 0 "" fixed
t "then it would change a row" 0 "^~ orders: order_id=o7, status=PLACED -> paid, total=7, paid=0 -> 1, note=NULL$" \
    F parked try orders "$paid"
t "but it has not" 0 "^ *0$" Q "SELECT paid FROM orders WHERE order_id = 'o7'"
t "as JSON" 0 '"total":1,"more":false\}$' F parked try orders "$paid" --json
t "what is not parked" 4 "no event of orders is parked at position 1" F parked try orders 1
t "a text that is no position" 2 "POSITION" F parked try orders x

# An address has its models at the server.
t "run needs a place" 2 "factum run needs the models" F run --connect factum://127.0.0.1:1
t "an address without a server" 11 "" Q "SELECT 1" --connect factum://127.0.0.1:1
done_testing
