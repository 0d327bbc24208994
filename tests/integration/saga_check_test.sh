#!/usr/bin/env bash
# saga_check_test.sh - sagas checked, simulated and deployed by the command line. Prints TAP. FACTUM names the
# program, SAGAS the directory of definitions.
. "$(dirname "$0")/program.sh"
t() { try "$@"; }
export FACTUM_STORE=$work/sagas.factum
S() { "$factum" saga "$@"; }

cat >order.yaml <<'YAML'
saga: order
version: 1
start: OrderPlaced
id: .orderId
keep: {orderId}
steps:
  - reserve: {do: stock.Reserve, with: {orderId}, ok: Reserved, fail: Unavailable,
              undo: stock.Release, undo_with: {orderId}}
  - charge: {do: payment.Charge, with: {orderId}, ok: Charged, fail: Declined,
             undo: payment.Refund, undo_with: {orderId}}
  - ship: {do: shipping.HandOver, with: {orderId}, ok: Shipped, pivot: true, on_timeout: ask}
YAML

# Checking.
t "a saga that is sound" 0 "^order version 1: sound, [0-9,]+ states, most distant state after [0-9]+ inputs, [0-9.]+ s$" S check order.yaml
t "its ends are counted" 0 "^states at an end: [0-9,]+ done, [0-9,]+ undone, [0-9,]+ waiting for an operator$" S check order.yaml
t "its bounds are printed" 0 "^bounds: 2 ids of each command after failures, 1 act of an operator; any number" S check order.yaml
t "as JSON" 0 '^\{"name":"order","version":1,"hash":"[0-9a-f]{64}","sound":true,"complete":true,"states":[0-9]+,' S check order.yaml --json
t "other bounds" 0 "bounds: 1 id of each command after failures, 0 acts of operators" S check order.yaml --generations 1 --acts 0
t "too few states to decide" 7 "^order version 1: not decided after 50 states: raise --states-max, most distant state after [0-9]+ inputs?, [0-9.]+ s$" S check order.yaml --states-max 50
t "a bound that is too high" 2 "generations takes 4 at most" S check order.yaml --generations 5
t "an invalid bound" 2 "acts takes a whole number" S check order.yaml --acts x
t "a missing file" 4 "none.yaml: No such file" S check none.yaml
from_input() { S check - <"$work/order.yaml"; }
t "from standard input" 0 "sound" from_input
sed 's/id: .orderId/id: orderId/' order.yaml >bad.yaml
t "a wrong definition has file, line and column" 7 '^factum: bad\.yaml:4:[0-9]+: ' S check bad.yaml
t "--quiet prints nothing about a sound one" 0 "" S check order.yaml --quiet
[ "$(S check order.yaml --quiet | wc -c)" = 0 ]
result $? "nothing at all"

# Every definition of the tests is sound.
wrong=0
for file in "$SAGAS"/*.yaml; do
    S check "$file" --quiet >out 2>&1 || { cat out; wrong=1; }
done
result $wrong "all right definitions are sound"

# Simulating.
cat >declined.yaml <<'YAML'
given: [OrderPlaced: {orderId: "42"}]
script:
  payment.Charge: {reply: Declined, data: {code: card.limit}, duplicate: 1}
then: {commands: [stock.Reserve, payment.Charge, stock.Release], status: undone}
YAML
t "a script is played" 0 "^passed$" S simulate order.yaml --script declined.yaml
t "with what has happened" 0 "StepFailed charge" S simulate order.yaml --script declined.yaml
t "as JSON" 0 '^\{"passed":true,"seed":1,"status":"undone","runs":1,"sagas":1,.*"commands":\["stock\.Reserve","payment\.Charge","stock\.Release"\],"trace":\[' S simulate order.yaml --script declined.yaml --json
t "seeds one after another" 0 "^20 runs of [0-9]+ sagas: " S simulate order.yaml --seeds 20
t "and as JSON" 0 '^\{"passed":true,"seed":14,.*"runs":5,' S simulate order.yaml --seed 10 --seeds 5 --json
[ "$(S simulate order.yaml --seed 3 | sha256sum)" = "$(S simulate order.yaml --seed 3 | sha256sum)" ]
result $? "the same seed gives the same run"
sed 's/status: undone/status: done/' declined.yaml >hoped.yaml
t "an expectation that is not met" 7 "^FAILED: then: saga 42 is undone, not done$" S simulate order.yaml --script hoped.yaml
t "and how to see it again" 7 "^the same again: --seed 9$" S simulate order.yaml --script hoped.yaml --seed 9 --seeds 4
t "also as JSON" 7 '"broken":"then: saga 42 is undone, not done","trace":' S simulate order.yaml --script hoped.yaml --json
sed 's/payment.Charge:/payment.Chrage:/' declined.yaml >misspelt.yaml
t "a wrong script has file, line and column" 7 '^factum: misspelt\.yaml:3:3: the saga has no command "payment\.Chrage"' S simulate order.yaml --script misspelt.yaml
t "a missing script" 4 "none.yaml: No such file" S simulate order.yaml --script none.yaml
t "too many seeds" 2 "seeds takes 100000000 at most" S simulate order.yaml --seeds 100000001
t "a wrong definition is not played" 7 '^factum: bad\.yaml:4:[0-9]+: ' S simulate bad.yaml

# Deploying.
[ ! -e "$FACTUM_STORE" ]
result $? "checking makes no store"
t "a wrong definition is not deployed" 7 "bad\.yaml:4:" S deploy bad.yaml
[ ! -e "$FACTUM_STORE" ]
result $? "and no store is made for it"
t "a sound one is" 0 "^order version 1, [0-9a-f]{12}, sound, [0-9,]+ states$" S deploy order.yaml --why "a reason" --by ann
t "the same again changes nothing" 0 "^order has this version already: version 1$" S deploy order.yaml
t "also as JSON" 0 '^\{"name":"order","version":1,"revision":0,.*"already":true,"sound":true,.*"token":"' S deploy order.yaml --json
sed 's/a reason/b/; s/fail: Declined/fail: Refused/' order.yaml >edited.yaml
t "an edited file under the same version is refused" 3 "give the file the version 2" S deploy edited.yaml
sed 's/version: 1/version: 3/' edited.yaml >newer.yaml
t "a definition whose check is not complete is refused" 7 "the check was not complete after 50 states" S deploy newer.yaml --states-max 50
t "forcing needs a reason" 2 "force needs --why" S deploy newer.yaml --states-max 50 --force
t "forced with a reason" 0 "FORCED: not sound" S deploy newer.yaml --states-max 50 --force --why "the check is too slow" --by bob
sed 's/version: 1/version: 2/' order.yaml >older.yaml
t "an older version is refused" 7 "the newest version of order is 3: version 2 is older" S deploy older.yaml
t "both versions are listed" 0 "^order +1 .* sound +server +ann *$" S definitions
t "the forced one too" 0 "^order +3 .* 50 +forced +server +bob *$" S definitions order
t "with the reason as JSON" 0 '"version":3,.*"forced":true,"states":50,.*"why":"the check is too slow","text":"saga: order' S definitions order --json
t "a saga that is not there" 4 "no saga cart is deployed" S definitions cart
t "no name of a saga" 2 "is not the name of a saga" S definitions Cart-1
t "its events are those of the definition's stream" 0 "SagaDeployed" "$factum" read '$definition:saga-order'
done_testing
