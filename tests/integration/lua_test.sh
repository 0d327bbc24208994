#!/usr/bin/env bash
# lua_test.sh - deciders in Lua by the command line: command, state, test. Prints TAP.
# FACTUM names the program.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/program.sh"
t() { try "$@"; }
F() { "$factum" "$@"; }
order=$root/examples/lua/order.lua
C() { F command order "$1" "$2" --decider "$order" "${@:3}"; }
S() { F state "$1" --decider "$order" "${@:2}"; }
placed='{"customerId":"c7","lines":[{"product":"A","quantity":2,"unitPriceCents":450}]}'

t "the tests of the example pass" 0 "^9 passed, 0 failed$" F test "$root/examples/lua/order_test.lua"
t "a command is accepted" 0 "^1 event, revision 0, position 4[0-9]*, key [0-9a-f-]{36}$" \
    C 42 Place --data "$placed"
t "a rejection has its own exit status" 8 "^factum: rejected: order.not_paid: 0 of 900 cents paid$" \
    C 42 Ship
t "also as JSON" 8 '^\{"verdict":"rejected","code":"order.not_paid","text":"0 of 900' C 42 Ship --json
t "a repeated command changes nothing" 0 "^nothing to do$" C 42 Place --data "$placed"
t "a key is kept" 0 "revision 1, .*key pay-1$" \
    C 42 Pay --data '{"paymentId":"p1","amount":4.35}' --key pay-1
t "and counts once" 0 "key pay-1 \(already accepted: the first answer\)$" \
    C 42 Pay --data '{"paymentId":"p1","amount":4.35}' --key pay-1
t "with other data it is a conflict" 3 "command id pay-1 was used for another command" \
    C 42 Pay --data '{"paymentId":"p1","amount":4.36}' --key pay-1
t "an amount with too many digits" 7 "order.lua:[0-9]+: decimal.scale: 4.355 has more than 2" \
    C 42 Pay --data '{"paymentId":"p2","amount":4.355}'
echo '{"paymentId":"p2","amount":4.65}' >pay.json
t "data from a file" 0 '"verdict":"accepted","count":1,"revision":2' \
    C 42 Pay --data @pay.json --json --correlation flow-9
t "the flow is stamped" 0 "^order-42  2  PaymentReceived" F read --correlation flow-9
input() { C 43 Place --data - <<<"$placed"; }
t "data from standard input" 0 "revision 0" input
t "data that is no JSON" 2 "^factum: --data is not valid JSON" C 42 Pay --data '{'
t "a missing file" 4 "nothing.json: No such file" C 42 Pay --data @nothing.json
t "a missing script" 4 "nothing.lua: No such file" F command order 1 Place --decider nothing.lua
t "no script" 4 "or name a script with --decider FILE.lua" F command order 1 Place
t "a category with a dash" 2 "a name without '-'" F command a-b 1 Place --decider "$order"
t "a key of no bytes" 2 "--key takes a text" C 42 Place --key ''

t "the state" 0 '^  "status": "paid",$' S order-42
t "has the revision and the time that it is of" 0 "^order-42  revision 2  20" S order-42
t "as of a revision" 0 '"paidCents": 435' S order-42 --revision 1
t "as of a time before" 0 "before its first event" S order-42 --at 2001-01-01
t "as JSON" 0 '^\{"stream":"order-42","revision":2,"position":[0-9]+,"time":"[^"]*","token":"[^"]*",' \
    S order-42 --json
t "the event that set each value" 0 '^\.totalCents  900 +revision 0  OrderPlaced' S order-42 --blame
t "and what changed since" 0 '^\.paidCents  900 +revision 2  PaymentReceived' S order-42 --blame
t "as JSON, a line each" 0 '^\{"path":"\.status","value":"paid","revision":2,' S order-42 --blame --json
t "watched until now" 0 '"status": "paid"' S order-42 --watch --timeout 0
t "a stream that does not exist" 4 "no stream order-44" S order-44
t "a stream without a category" 2 "not a stream of a category" S order
t "--watch has no past" 2 "no --at" S order-42 --watch --at 2026-01-01

t "a script is deployed" 0 "^order revision 0, [0-9a-f]{12}$" F decider deploy order "$order" --why "a reason" --by ann
t "the same again changes nothing" 0 "^order has this decider already: revision 0$" F decider deploy order "$order"
t "then it decides" 8 "rejected: order.not_paid" F command order 50 Ship
t "and folds" 0 '^  "status": "paid",$' F state order-42
t "and is blamed by" 0 '^\.totalCents  900 +revision 0  OrderPlaced' F state order-42 --blame
sed 's/order.not_paid/order.unpaid/' "$order" >mine.lua
t "a script that is named comes first" 8 "rejected: order.unpaid" F command order 50 Ship --decider mine.lua
t "another version" 0 '^\{"category":"order","revision":1,"position":[0-9]*,"hash":"[0-9a-f]{64}","already":false,' \
    F decider deploy order mine.lua --json
t "decides from then on" 8 "rejected: order.unpaid" F command order 50 Ship
t "deployed deciders are listed" 0 "^order  revision 1  [0-9a-f]{12}  20" F decider list
t "also as JSON" 0 '^\{"category":"order","revision":1,.*"hash":"[0-9a-f]{64}","by":' F decider list --json
t "an earlier one is shown" 0 '"by":"ann","why":"a reason",.*"text":"-- order.lua' F decider show order --revision 0 --json
F decider show order >shown.lua && cmp shown.lua mine.lua >out 2>&1
result $? "the deployed text is shown"
t "an unknown revision" 4 "has no revision 9" F decider show order --revision 9
t "an unknown decider" 4 "no decider is deployed for the category cart" F decider show cart
t "a category with a dash" 2 "a name without '-'" F decider deploy a-b mine.lua
echo 'initial = 1' >half.lua
t "a script that lacks its functions is not deployed" 7 "half.lua: .*evolve" F decider deploy order half.lua
t "nor a file that does not exist" 4 "nothing.lua: No such file" F decider deploy order nothing.lua
t "no store is made for a script that does not load" 7 "" F --store fresh decider deploy order half.lua
[ ! -e fresh ]
result $? "none was"

cat >bad.lua <<'LUA'
initial = {}
function evolve(state, event) return state end
function decide(state, command)
    while true do end
end
LUA
t "a script that never ends" 7 "bad.lua:4: stopped after 1,000,000 instructions" \
    F command bad 1 Go --decider bad.lua
t "wrote nothing" 4 "no stream bad-1" F read bad-1
echo 'initial = = 1' >worse.lua
t "a script that does not load" 7 "worse.lua:1: unexpected symbol" F command bad 1 Go --decider worse.lua
cat >order_test.lua <<'LUA'
test("wrong", { when = { name = "Place", data = { lines = {} } }, expect = { type = "OrderPlaced" } })
LUA
t "a test that fails shows the difference" 7 "^  got:$" F test order_test.lua --decider "$order"
t "and where" 7 "^failed  wrong  order_test.lua:1$" F test order_test.lua --decider "$order"
t "a file that is no test" 2 "does not end in _test.lua" F test bad.lua

# The same input gives the same bytes in 20 processes: the order of a table's members is not that of a hash.
cat >many.lua <<'LUA'
initial = { seen = {} }
function evolve(state, event)
    for i = 1, 200 do state.seen["k" .. i * 7919 % 1000] = i end
    return state
end
function decide(state, command)
    local text, list = "", {}
    for key, value in pairs(state.seen) do text = text .. key .. "=" .. value .. ";" end
    for i = 1, 300 do list[i] = { rank = i * 31 % 7, at = i } end
    table.sort(list, function(a, b) return a.rank < b.rank end)
    return { type = "Made", data = { text = text, list = list, seen = state.seen } }
end
LUA
for i in $(seq 20); do
    for _ in 1 2; do F --store "many$i" command many 1 Go --decider many.lua >/dev/null; done
    F --store "many$i" read many-1 | grep '^    '
    F --store "many$i" state many-1 --decider many.lua --json | sed 's/.*"state"//'
done >all.txt
[ "$(wc -l <all.txt)" = 60 ] && [ "$(sort -u all.txt | wc -l)" = 3 ]
result $? "twenty processes give the same bytes"
done_testing
