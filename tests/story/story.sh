# Sourced by every story: runs it in a lab, and counts what it states.
#
# A story is plain bash. Each check is one sentence and a command:
#	ok  "an unlisted name is denied"   [ "$x" = denied ]
#	is  "a listed name is reached"     reached   guest agent-1 probe tls api.x
#	soon "the drop shows"              drops_hold ...	(tries for some seconds)
# A story ends with "done_testing".  On failure it shows the daemon's log.

# Ends with a status, where 77 means that the machine lacks something: a reason
# to skip, but a failure where everything must be there.
story_skip() {
	if [ $1 -eq 77 ] && [ -n "${CI-}" ]; then
		echo "not ok - this machine must be able to run a lab" >&2
		exit 1
	fi
	exit $1
}

if [ -z "${LAB_DIR-}" ]; then
	PATH=$PATH:/usr/sbin:/sbin
	status=0
	here=$(cd "$(dirname "$0")" && pwd)
	export LAB_BUILD=${LAB_BUILD-${abs_builddir-}}
	# One at a time: "within a second" is said of a machine that does nothing else.
	flock -o "${LAB_BUILD:-$here}" "$here/../lab/lab" ${STORY_LAB-} "$BASH" "$here/${0##*/}" "$@" \
		</dev/null || status=$?
	story_skip $status
fi

set -u

# jq -e of version 1.6 takes no input at all for a yes, as from a command that
# failed: not in a story.
strict_jq() {
	local jq=$(command -v jq)
	cat >$LAB_DIR/bin/jq <<-EOF
		#!/bin/bash
		[ -p /dev/stdin ] || exec $jq "\$@"
		IFS= read -r -d '' input
		[ -n "\$input" ] || exit 4
		$jq "\$@" <<<"\$input"
	EOF
	chmod 755 $LAB_DIR/bin/jq
}
[ ! -d $LAB_DIR/bin ] || strict_jq

story_count=0 story_failed=0 story_started=${EPOCHREALTIME/[.,]/}

story_result() {	# status, sentence, what else to say
	local since=$(((${EPOCHREALTIME/[.,]/} - story_started) / 1000))
	story_count=$((story_count + 1))
	if [ $1 -eq 0 ]; then
		echo "ok $story_count - $2"
		return
	fi
	story_failed=$((story_failed + 1))
	echo "not ok $story_count - $2 (at $since ms)"
	printf '%s\n' "${3-}" | sed '/^$/d; s/^/#   /'
	return 1
}

ok() {
	local sentence=$1 output status
	shift
	output=$("$@" 2>&1)
	status=$?
	story_result $status "$sentence" "$* gave $status
$output"
}

not_ok() {
	local sentence=$1 output
	shift
	if output=$("$@" 2>&1); then
		story_result 1 "$sentence" "$* succeeded
$output"
	else
		story_result 0 "$sentence"
	fi
}

is() {
	local sentence=$1 expected=$2 output
	shift 2
	output=$("$@" 2>&1)
	[ "$output" = "$expected" ]
	story_result $? "$sentence" "$*
wanted: $expected
got:    $output"
}

# Tries for five seconds, or $SOON.
soon() {
	local sentence=$1 output
	shift
	output=$(try "$@" 2>&1)
	story_result $? "$sentence" "$output"
}

# lab-wait for a command that may be a function of the story.
try() {
	local end output
	end=$((${EPOCHREALTIME/[.,]/} + ${SOON-5} * 1000000))
	until output=$("$@" 2>&1); do
		if [ ${EPOCHREALTIME/[.,]/} -ge $end ]; then
			printf 'not within %s s: %s\n%s\n' "${SOON-5}" "$*" "$output"
			return 1
		fi
		sleep 0.03
	done
}

done_testing() {
	echo "1..$story_count"
	[ $story_failed -ne 0 ] || exit 0
	echo "# $story_failed of $story_count failed"
	[ ! -s $LAB_DIR/daemon.log ] || sed 's/^/# daemon: /' $LAB_DIR/daemon.log
	exit 1
}

# --- gatehouse in the lab ---

# Starts the daemon so that its log is ours, and states that it serves: rules
# are in force then, and the proxy has what it needs a moment later.
start_daemon() {	# sentence
	gatehouse daemon -d >>$LAB_DIR/daemon.log 2>&1 </dev/null &
	story_daemon=$!
	# Without it a story has nothing more to tell.
	SOON=15 soon "${1-the daemon starts}" serving || done_testing
}

serving() {
	gatehouse status --json >$LAB_DIR/status &&
		jq -e '.firewall.state != "unknown" and .proxy.state != "down"' $LAB_DIR/status
}

# Ends the daemon by a signal, TERM unless told, and waits for it.
stop_daemon() {
	kill -"${1-TERM}" $story_daemon
	wait $story_daemon
}

# The process of a role that is up: engine, net, or priv, the daemon itself.
role_pid() {
	gatehouse status --json | jq -r --arg role "$1" '.roles[] | select(.name == $role and .pid > 1) | .pid'
}

# How a guest's attempt went, in one word: says agent-1 tcp 8.8.8.8 22
# A name that DNS does not give out is tried at an address all the same.
says() {
	local name=$1
	shift
	guest "$name" probe -u "$@"
}

# Whether a view has a row for which a jq condition holds: row_of drops '.dport == 22'
row_of() {
	gatehouse "$1" --json | jq -e "any(.rows[]; $2)"
}

# The newest decision about a name, as its id.
last_id() {
	gatehouse domains --json | jq -r --arg name "$1" '.rows[] | select(.name == $name) | .last_id'
}

# Its verdict and reason by `why`: "deny not-listed".
why_of() {
	gatehouse why "$(last_id "$1")" --json | jq -r '"\(.verdict) \(.reason)"'
}

# For soon: a decision is told a moment after it was taken.
why_is() { [ "$(why_of "$2")" = "$1" ]; }

# A server in a guest or on the host ("host"), TCP and UDP echo.
serve_in() {
	local where=$1
	shift
	if [ "$where" = host ]; then
		probe serve "$@" >$LAB_DIR/serve.$where &
	else
		guest "$where" probe serve "$@" >$LAB_DIR/serve.$where &
	fi
	lab-wait grep -q serving $LAB_DIR/serve.$where
}

# A connection kept open in the background: hold FILE GUEST tls|http|tcp ...;
# FILE gets "reached", then "cut" when it ends.
hold() {
	local file=$LAB_DIR/$1 name=$2
	shift 2
	guest "$name" probe -h -t 5 "$@" >$file 2>&1 &
	lab-wait --seconds 5 grep -q reached $file
}

is_cut() { grep -q cut $LAB_DIR/$1; }
is_open() { [ "$(cat $LAB_DIR/$1)" = reached ]; }
