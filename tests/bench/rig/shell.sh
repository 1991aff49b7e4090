#!/bin/bash
# ./shell.sh 'bash commands' : set the rig up, run the commands with lib.sh + tests.sh loaded, take it down (for poking around)
set -u
B=$(cd "$(dirname "$0")" && pwd)
. "$B/lib.sh"; . "$B/tests.sh"
trap rig_down EXIT
make -s -C "$B" || exit 1
rig_up
for n in 100 10000; do "$B/gen_list.py" $n $W/list.$n $W/sample.$n; done
ROUND=0 OUT=/dev/null
peer_stop() { cg_kill proxy; }
peer() { PEER=$1 PEER_ROUTE=redirect; peer_reload() { return 1; }; . "$B/peers/$1.sh"; D=$W/$1; mkdir -p $D; start_with $W/list.100; }
mkdir -p "$B/bin" "$B/out"
eval "$1"
