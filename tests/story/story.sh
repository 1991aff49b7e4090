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
	"$here/../lab/lab" ${STORY_LAB-} "$BASH" "$here/${0##*/}" "$@" </dev/null || status=$?
	story_skip $status
fi

set -u
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
