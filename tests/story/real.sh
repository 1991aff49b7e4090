# Sourced by the stories of a real VM manager, ahead of story.sh: what its daemon needs,
# and what its guests run, is looked for before the lab, which reaches no archive.

skip() {
	echo "$*" >&2
	exit $([ -n "${CI-}" ] && echo 1 || echo 77)
}

real_needs() {	# whose daemon, the packages of the tools, tools
	local whose=$1 packages=$2 tool
	shift 2
	PATH=$PATH:/usr/sbin:/sbin
	if [ "$(id -u)" -ne 0 ] || ! grep -q '^ *0 *0 *4294967295$' /proc/self/uid_map; then
		skip "$whose daemon needs the real root"
	fi
	for tool; do
		command -v $tool >/dev/null || skip "$tool not found; on Debian: apt-get install $packages"
	done
}
