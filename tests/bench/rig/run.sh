#!/bin/bash
# ./run.sh [-r ROUNDS] [-T "tests"] [-o results.tsv] PEER...   (default: all peers, all tests, 5 rounds)
# ./run.sh -l      list peers and tests
# Rounds are interleaved (every peer once per round) so that noise hits all alike; summary.py takes medians.
set -u
[ -n "${BENCH_SID:-}" ] || { export BENCH_SID=1; exec setsid -w "$0" "$@"; } # own session: own scheduler autogroup
B=$(cd "$(dirname "$0")" && pwd)
. "$B/lib.sh"
. "$B/tests.sh"
ALL="direct haproxy nginx squid sniproxy floor-splice floor-tuned floor-lowat floor-tproxy haproxy-tproxy haproxy-suffix gatehouse"
ALLTESTS="rawrate tlsrate bulk tlsbulk latency deny idle decision"
ROUNDS=5 TESTS="" OUT=$B/out/results-$(date +%m%d-%H%M).tsv
while getopts r:T:o:l o; do case $o in
	r) ROUNDS=$OPTARG ;; T) TESTS=$OPTARG ;; o) OUT=$OPTARG ;;
	l) echo "peers: $ALL"; echo "tests: $ALLTESTS strace scale"; exit ;;
	*) exit 2 ;; esac; done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- $ALL
[ "$(id -u)" = 0 ] || { echo "needs root" >&2; exit 1; }
mkdir -p "$B/bin" "$B/out"
make -s -C "$B" || exit 1
trap 'rig_down; exit 130' INT TERM
trap rig_down EXIT
echo ${RIG_NICE:--5} >/proc/self/autogroup 2>/dev/null # our own scheduling group only; nice counts per group
rig_up
for n in 100 10000 1000000; do "$B/gen_list.py" $n $W/list.$n $W/sample.$n; done
[ -s "$OUT" ] || printf 'round\tpeer\ttest\tmetric\tvalue\n' >"$OUT"
for ROUND in $(seq $ROUNDS); do
	for PEER in "$@"; do
		(
			PEER_TESTS=$ALLTESTS PEER_MAXLIST=1000000 PEER_ROUTE=redirect
			peer_reload() { return 1; }
			peer_stop() { cg_kill proxy; }
			NET_PID=
			. "$B/peers/$PEER.sh"
			D=$W/$PEER; mkdir -p $D
			todo=${TESTS:-$PEER_TESTS}
			# a peer's own list wins over -T, except for tests it does not name at all
			[ -n "$TESTS" ] && todo=$(for t in $TESTS; do case " $PEER_TESTS strace scale " in *" $t "*) echo $t ;; esac; done)
			log "round $ROUND: $PEER: $(echo $todo)"
			run_peer $todo
			peer_stop
			[ $PEER_ROUTE = tproxy ] && date +%s >$W/tproxy
			rm -rf $D
		)
	done
done
python3 "$B/summary.py" "$OUT" | tee "${OUT%.tsv}.md"
