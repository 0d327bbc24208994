#!/usr/bin/env bash
# served_test.sh - each command of read models on a directory and on the address of a server of an equal store: the
# same output, the same exit code; and the functions that only a server has. Prints TAP. FACTUM names the program.
. "$(dirname "$0")/program.sh"
unset FACTUM_SECRET FACTUM_SECRET_FILE FACTUM_CA_FILE FACTUM_ALLOW_DEPLOY FACTUM_NO_RUN
t() { try "$@"; }
F() { "$factum" "$@"; }
P() { F projection "$@"; }
Q() { F query orders "$@"; }
running=
cleanup() { if [ -n "$running" ]; then kill -9 "$running" 2>/dev/null; fi; }

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

serve() { # serve STORE OPTION...: a server; $address is how it is called
    rm -f "$work/socket"
    "$factum" serve --store "$1" --listen 127.0.0.1:0 --unix "$work/socket" --insecure "${@:2}" >serve.txt 2>&1 &
    running=$!
    address=factum+unix://$work/socket
    for _ in $(seq 200); do
        "$factum" --store "$address" ping >/dev/null 2>&1 && break
        sleep 0.05
    done
}
stop() {
    kill "$running"
    wait "$running"
    running=
}

# Two equal stores, one of them served: each command gives the same output and exit code. A server is not waited
# for, so it may take a moment.
here=$work/here
export FACTUM_STORE=$here
place 1 10 '"two, \"quoted\"\nlines"' >/dev/null
token=$(pay 1 10 | token)
place 2 20 >/dev/null
poison=$(place 3 -3 | position)
pay 3 1 >/dev/null
sed -e 's/version 1/version 2/' -e "s/'placed'/'PLACED'/" orders.sql >two.sql
P deploy orders.sql --quiet
Q "SELECT 1" >/dev/null 2>&1
P deploy two.sql --quiet
F query orders "SELECT 1" >/dev/null 2>&1
P diff orders >/dev/null
cp -r "$here" there
serve there
# Times of acts are those of each store, and on a directory every command that keeps a model tries what is parked.
now() {
    sed -E 's/20[0-9-]{8}T[0-9:.]*Z/NOW/g; s/[0-9]+ attempts?/N attempts/; s/"attempts":[1-9][0-9]*/"attempts":N/g
        s/( order-3 +)[0-9]+  NOW/\1N  NOW/; s/  +/  /g' "$1"
}
same() { # same NAME COMMAND...: equal output and exit code
    local name=$1 code
    shift
    "$factum" --store "$here" "$@" >local.out 2>local.err </dev/null
    code=$?
    { now local.out; echo "exit $code"; now local.err; } >local
    for _ in $(seq 30); do
        "$factum" --store "$address" "$@" >remote.out 2>remote.err </dev/null
        code=$?
        { now remote.out; echo "exit $code"; now remote.err; } >remote
        diff local remote >out 2>&1 && break
        case $* in *swap* | *rollback* | *pause* | *resume* | *rebuild* | *skip* | *retry*) break ;; esac # once
        sleep 0.1
    done
    diff local remote >out 2>&1
    result $? "the same: $name"
}
same "rows as a table" query orders "SELECT * FROM orders"
same "rows as JSON" query orders "SELECT * FROM orders ORDER BY order_id DESC" --json
same "rows as CSV" query orders "SELECT * FROM orders" --csv --quiet
same "each kind of value" query orders "SELECT NULL, 1, 10.0, 0.1, 9e999, -1e300, x'00ff', 'AP8=', x'', '', -9223372036854775807"
same "each kind as JSON" query orders "SELECT NULL, 1, 10.0, 0.1, 9e999, -1e300, x'00ff', 'AP8=', x'', '', -9223372036854775807" --json
same "each kind as CSV" query orders "SELECT NULL, 1, 10.0, 0.1, 9e999, -1e300, x'00ff', 'AP8=', x'', '', -9223372036854775807" --csv
same "no row" query orders "SELECT * FROM orders WHERE 0" --json
same "a plan" query orders "SELECT * FROM orders WHERE order_id = 'o1'" --plan
same "a named query" query orders --named paid --param least=1
same "parameters" query orders "SELECT :a, :b, :c, :d, typeof(:b)" --param a=007 --param b=7 --param c=1.5 --param d --json
same "a parameter that is missing" query orders --named paid
same "a named query that is not there" query orders --named unpaid
same "a wait" query orders "SELECT paid FROM orders" --wait "$(F info --json | token)"
same "a token of another store" query orders "SELECT 1" --wait f1-0123456789abcdef-0-1
same "as of a token" query orders "SELECT * FROM orders" --at "$token" --json
same "as of a time" query orders "SELECT * FROM orders" --at 2001-01-01
same "as of the writers' time" query orders "SELECT * FROM orders" --time-at 2001-01-01 --json
same "two moments" query orders "SELECT 1" --at 2001-01-01 --time-at 2001-01-01
same "a wait for the past" query orders "SELECT 1" --wait "$token" --at 2001-01-01
same "too many rows" query orders "SELECT * FROM orders" --rows-max 1
same "a statement that is refused" query orders "DELETE FROM orders"
same "a query that does not parse" query orders "SELEC 1"
same "a query that does not end" query orders \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
same "an unknown model" query carts "SELECT 1"
same "the list" projection list
same "the list as JSON" projection list --json
same "a text" projection show orders
same "a text as JSON" projection show orders --json --version 1
same "what is parked" parked list
same "as JSON" parked list orders --json
same "of a key" parked list orders --key order-3
same "of a key that is not there" parked list orders --key "a b/ü&"
same "of an unknown model" parked list carts
same "one of them" parked show orders "$poison"
same "one as JSON" parked show orders "$poison" --json
same "none" parked show orders 1
same "a try" parked try orders "$poison"
same "a try without parked events" parked try orders 1
same "a diff" projection diff orders
same "a diff as JSON" projection diff orders --json --changes-max 1
same "a rebuild that cannot be" projection rebuild orders --why x
same "a swap" projection swap orders --why "looks good" --by ann
same "the new rows" query orders "SELECT * FROM orders"
same "a rollback, as JSON" projection rollback orders --json
same "nothing to compare" projection diff orders
same "paused" projection pause orders --by ann
same "paused already" projection pause orders
same "the list shows it" projection list --json
same "it is asked as it is" query orders "SELECT count(*) FROM orders" --quiet
same "resumed" projection resume orders
same "a retry that fails" parked retry orders order-3 --by ann
same "a key that is not parked" parked retry orders order-9
same "a skip of what is not parked" parked skip orders 1 --why x
same "a skip" parked skip orders "$poison" --why "a wrong amount"
same "a retry of all" parked retry orders
same "an act on an unknown projection" projection pause carts
same "removed" projection remove orders
same "removed for queries" query orders "SELECT 1"
same "removed for acts" projection pause orders

# Functions that only a server has.
export FACTUM_STORE=$address
t "deployed again at the server" 0 "^orders version 2" P deploy two.sql
t "the query waits for the event" 0 "^ *2$" Q "SELECT count(*) FROM orders" --wait "$token"
t "paused at the server" 0 "^orders: paused$" P pause orders
token=$(place 4 1 | token)
t "a token that does not come in time" 9 "^factum: accepted at $token; the model orders is behind" \
    Q "SELECT 1" --wait "$token" --timeout 1
t "a paused model answers as it is, with the reason" 0 "^2 rows, as of .*, 1 event behind: paused$" Q "SELECT order_id FROM orders"
t "also as JSON" 0 '"behind":\{"events":1,"seconds":[0-9.]+,"state":"paused"\}\}$' Q "SELECT 1" --json
t "a swap that has to wait" 3 "nothing is built beside" P swap orders --timeout 1
t "resumed at the server" 0 "^orders: resumed$" P resume orders
sed -e 's/version 1/version 1/' -e 's/projection orders/projection mine/' -e 's/^--@ from category order/&\n--@ host me/' orders.sql >mine.sql
t "a projection of another host" 0 "^mine version 1" P deploy mine.sql
t "it is listed" 0 "^mine +1  -  +deployed +- +- +-$" P list
t "but not asked here" 2 "kept by its host me, and not by the server" F query mine "SELECT 1"
t "an act on it is recorded" 0 "^mine: pause is recorded, revision 1; its host me carries it out$" P pause mine
t "also as JSON" 0 '"act":"resume","revision":2,.*"done":false,' P resume mine --json
t "models of one's own" 0 "^mine version 1: live" F run mine --models own --until-caught-up --timeout 60
t "are asked" 0 "^o1 +paid +10 " F query mine "SELECT * FROM orders" --models own
t "and listed" 0 "^mine +1  -  +up to date +0 +0\.0 +2$" P list --models own
stop
serve there --no-run
t "a server without models is not asked" 2 "this server keeps no read models" Q "SELECT 1"
t "it lists the deployed projections" 0 "^orders +2  -  +deployed +- +- +-$" P list
t "and records acts" 0 "^orders: pause is recorded, revision [0-9]+; the server keeps no read models now" P pause orders
stop
done_testing
