# gatehouse as it is installed: the daemon with its three roles, its rules in force on vh1, every decision told to the
# engine.  Entries are suffixes (".name").  GATEHOUSE: the binary; GATEHOUSE_WORKERS: threads of the proxy.
PEER_ROUTE=own
GATEHOUSE=${GATEHOUSE:-$B/../../../build/gatehouse}
peer_conf() {
	mkdir -p $D/state $D/run && chmod 755 $D/state
	chown nobody $D/run
	cat >$D/gatehouse.conf <<-E
	[daemon]
	user = nobody
	group = root
	control = $D/run/control.sock
	state = $D/state
	[inventory]
	managers = none
	[guard]
	bridge = vh1
	check-every = ${GATEHOUSE_CHECK:-3s}
	rules = $B/../../../rules
	[allow]
	file = $D/allowlist
	presets = $B/../../../conf/presets
	[proxy]
	port = $PORT
	reach = 10.99.2.0/24
	max-connections = 20000
	max-per-guest = 20000
	max-new-per-second = 0
	max-new-in-all = 0
	idle-timeout = 1h
	$GATEHOUSE_CONF
	E
}
# suffixes, swapped in at once as an editor would
peer_list() { sed 's/^/./' "$1" >$D/allowlist.new && mv $D/allowlist.new $D/allowlist; }
peer_start() {
	local i
	peer_conf; peer_list "$1"
	proxy_exec $GATEHOUSE daemon -d -f $D/gatehouse.conf >$D/log 2>&1 &
	# the relaying role by itself, beside the whole
	for i in $(seq 200); do
		NET_PID=$(gatehouse_net) && break
		sleep 0.05
	done
	# its roles leave the session, and with it the scheduling group that every peer is run in
	for i in $(cat $CG/$CGPFX.proxy/cgroup.procs); do echo ${RIG_NICE:--5} >/proc/$i/autogroup; done 2>/dev/null
}
gatehouse_net() {
	local p
	for p in $(cat $CG/$CGPFX.proxy/cgroup.procs); do
		grep -qz "^net$" /proc/$p/cmdline 2>/dev/null && echo $p && return
	done
	return 1
}
peer_reload() { peer_list "$1"; }
GATEHOUSE_CONF=${GATEHOUSE_WORKERS:+workers = $GATEHOUSE_WORKERS}
# its rules outlive it, as they must
peer_stop() {
	cg_kill proxy
	ip netns exec $NSH nft 'destroy table inet gatehouse; destroy table bridge gatehouse' 2>/dev/null ||
		ip netns exec $NSH nft 'delete table inet gatehouse; delete table bridge gatehouse' 2>/dev/null
}
