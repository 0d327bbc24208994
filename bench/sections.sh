# sections.sh - shared by run.sh and server.sh: rows, and sections that wait for a quiet CPU.
# Sourced. Needs $tsv, $work, $bin, the array nice, and ONLY, SETTLE, NOISE, TRIES; sets $failed. A
# process started with launch is stopped with stop, or at the end. LIMIT: seconds that a program may take.
declare -A pids=()
failed=0

row() { printf '%s\t%s\t%s\t%s\t%s\t0.00\n' "$@" >>"$tsv"; }
bench() {
    timeout -k 5 "${LIMIT:-120}" "${nice[@]}" "$@" >>"$tsv" 2>"$work/err" && return
    echo "failed: ${*:2} $(tail -1 "$work/err")" >&2
    failed=1
    return 1
}
launch() { # launch COMMAND...: in the background; its pid is in $pid
    "${nice[@]}" "$@" >>"$work/log" 2>&1 &
    pid=$!
    pids[$pid]=1
}
stop() { # stop PID [SIGNAL], and wait for it
    kill "-${2:-TERM}" "$1" 2>/dev/null
    wait "$1" 2>/dev/null # and the shell does not report how it ended
    unset "pids[$1]"
}
free_port() {
    local p
    for _ in {1..100}; do
        p=$((20000 + RANDOM % 12000))
        ss -ltnH "sport = :$p" | grep -q . || { echo $p; return; }
    done
    exit 1
}
clean_up() {
    local p
    for p in "${!pids[@]}"; do
        kill -KILL "$p" 2>/dev/null
        wait "$p" 2>/dev/null
    done
    rm -rf "$work"
}
# clock ticks in which the machine was busy, and those of this script and its children
machine() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8 + $9; exit}' /proc/stat; }
ours() {
    local p
    for p in $$ "${!pids[@]}"; do cat "/proc/$p/stat" 2>/dev/null; done |
        awk '{sub(/^.*\) /, ""); s += $12 + $13 + $14 + $15} END {print s + 0}'
}
settle() {
    local i before
    for ((i = 0; i < SETTLE * 2; i++)); do
        before=$(machine)
        sleep 0.5
        (($(machine) - before < 8 * $(nproc))) && return
    done
}
section() { # section NAME FUNCTION [ARGUMENT...]: with the share of the CPU that others took, and a yardstick
    [[ " $ONLY " == *" $1 "* ]] || return
    local try m o t size others
    for ((try = 1; try <= TRIES; try++)); do
        size=$(stat -c %s "$tsv")
        settle
        m=$(machine) o=$(ours) t=$(date +%s%N)
        dir=$work/$1
        mkdir "$dir"
        chmod 755 "$dir"
        bench "$bin/limits" yard "$1" "$work"
        if ((${#@} > 2)); then "${@:2}"; else "$2" "$1"; fi
        rm -rf "$dir"
        t=$((($(date +%s%N) - t) / 10000000))
        others=$(((100 * ($(machine) - m - $(ours) + o)) / ((t + 1) * $(nproc))))
        ((others < 0)) && others=0
        echo "$1: $((t / 100)) s, $others % of the CPU to others" >&2
        ((others > NOISE && try < TRIES && SECONDS < 480)) || break
        truncate -s "$size" "$tsv"
    done
    row env foreign_cpu "$1" "$others" "%"
}
