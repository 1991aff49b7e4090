# Rig: namespaces, addresses, CPU accounting, process start/stop. Sourced by run.sh.
#
#   client ns (the "VM")         host ns (proxy)                 origin ns
#   10.99.1.2  vc ----------- vh1 10.99.1.1 | 10.99.2.1 vh2 ----------- vo 10.99.2.2
#                                                            .10 nginx TLS (443)
#                                                            .20/.21/.22 raw origin (443)
# CPU pinning: client + origin + dns on CPU_LOAD, the proxy alone on CPU_PROXY.

NSC=bnC NSH=bnH NSO=bnO
PORT=8443                       # where every proxy listens
CPU_LOAD=${CPU_LOAD:-0} CPU_PROXY=${CPU_PROXY:-1}
W=${W:-/dev/shm/bench.$$}       # work dir (tmpfs): configs, lists, keys, logs
CG=/sys/fs/cgroup/cpuacct       # cgroup v1 cpuacct; else v2 cpu.stat
[ -d $CG ] || CG=/sys/fs/cgroup/unified
[ -d $CG ] || CG=/sys/fs/cgroup
CGPFX=bench_$$

log() { printf '%s %s\n' "$(date +%T)" "$*" >&2; }

rig_up() {
	rig_down 2>/dev/null
	mkdir -p "$W" && chmod 755 "$W"
	local n
	for n in $NSC $NSH $NSO; do
		ip netns add $n
		ip -n $n link set lo up
		mkdir -p /etc/netns/$n
		echo "nameserver 127.0.0.1" >/etc/netns/$n/resolv.conf
		ip netns exec $n sysctl -qw net.ipv4.ip_local_port_range="1024 65535" net.ipv4.tcp_tw_reuse=1 \
			net.core.somaxconn=4096 net.ipv4.tcp_max_syn_backlog=8192 net.ipv4.tcp_syncookies=0
	done
	# switching between a proxy and direct reuses the origin's 4-tuples from another clock: keep no TIME_WAIT there
	ip netns exec $NSO sysctl -qw net.ipv4.tcp_max_tw_buckets=1
	ip link add vc netns $NSC type veth peer name vh1 netns $NSH
	ip link add vo netns $NSO type veth peer name vh2 netns $NSH
	ip -n $NSC addr add 10.99.1.2/24 dev vc;  ip -n $NSC link set vc up
	ip -n $NSH addr add 10.99.1.1/24 dev vh1; ip -n $NSH link set vh1 up
	ip -n $NSH addr add 10.99.2.1/24 dev vh2; ip -n $NSH link set vh2 up
	for n in 2 10 20 21 22; do ip -n $NSO addr add 10.99.2.$n/24 dev vo; done
	ip -n $NSO link set vo up
	ip -n $NSC route add default via 10.99.1.1
	ip netns exec $NSH sysctl -qw net.ipv4.ip_forward=1
	PEER_ROUTE=none route_direct
	ip netns exec $NSH sysctl -qw net.netfilter.nf_conntrack_tcp_timeout_time_wait=2 \
		net.netfilter.nf_conntrack_tcp_timeout_close=2 net.netfilter.nf_conntrack_tcp_timeout_last_ack=2 \
		net.netfilter.nf_conntrack_tcp_timeout_fin_wait=5
	for n in proxy client origin; do mkdir -p $CG/$CGPFX.$n; done
	origin_up
}

rig_down() {
	local n
	for n in proxy client origin; do cg_kill $n; rmdir $CG/$CGPFX.$n; done
	for n in $NSC $NSH $NSO; do
		ip netns del $n
		rm -rf /etc/netns/$n
	done
	rmdir /etc/netns
	rm -rf "$W"
} 2>/dev/null

# nft in the host namespace: masquerade always; redirect only for transparent peers
# (tproxy leaves TIME_WAIT sockets on foreign addresses; early demux hands them forwarded packets of the same ports, which
# ip_forward then drops: wait until they are gone)
route_direct() {
	local t; t=$(cat $W/tproxy 2>/dev/null)
	[ -n "$t" ] && [ $PEER_ROUTE = direct ] && while [ $(($(date +%s) - t)) -lt 63 ]; do sleep 1; done
	_nft ""
}
route_redirect() { _nft "iifname vh1 tcp dport 443 redirect to :$PORT"; }
# no NAT and no conntrack for proxied traffic; the proxy's listener needs IP_TRANSPARENT
route_tproxy() {
	_nft ""
	date +%s >$W/tproxy
	ip netns exec $NSH nft -f - <<-E
	table ip bench {
		chain rawpre { type filter hook prerouting priority raw; iifname vh1 tcp dport 443 notrack; iifname vh2 tcp sport 443 notrack
		}
		chain rawout { type filter hook output priority raw; tcp dport 443 notrack; tcp sport 443 notrack
		}
		chain tp { type filter hook prerouting priority mangle; iifname vh1 tcp dport 443 tproxy to :$PORT meta mark set 1 accept
		}
	}
	E
	ip -n $NSH rule show | grep -q 'fwmark 0x1' || {
		ip -n $NSH rule add fwmark 1 lookup 100
		ip -n $NSH route add local default dev lo table 100
	}
}
# the peer loads rules of its own; nothing of the client is forwarded meanwhile
route_own() {
	_nft ""
	ip netns exec $NSH nft 'table ip bench { chain closed { type filter hook forward priority 10; iifname vh1 counter drop; }; }'
}
_nft() {
	ip netns exec $NSH nft -f - <<-E
	table ip bench
	delete table ip bench
	table ip bench {
		chain pre { type nat hook prerouting priority dstnat; $1 
		}
		chain post { type nat hook postrouting priority srcnat; oifname vh2 masquerade
		}
	}
	E
}

# run_in NS GROUP CPU cmd... : in namespace, cgroup, pinned, high fd limit
run_in() { # (the cgroup first: ip netns exec hides /sys/fs/cgroup)
	local ns=$1 g=$2 cpu=$3; shift 3
	sh -c 'echo $$ >"$0" || exit 1; ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn); exec '$B'/bin/pin '$cpu' ip netns exec '$ns' "$@"' \
		$CG/$CGPFX.$g/cgroup.procs "$@"
}
proxy_exec() { run_in $NSH proxy $CPU_PROXY "$@"; }   # peers use this in peer_start (add & for daemons)
load() { run_in $NSC client $CPU_LOAD "$B/bin/load" "$@"; }

# end only what we put in our own cgroup
cg_kill() {
	local f=$CG/$CGPFX.$1/cgroup.procs i p sig
	[ -e $f ] || return 0
	for i in $(seq 60); do
		p=$(cat $f); [ -z "$p" ] && return 0
		sig=TERM; [ $i -gt 4 ] && sig=KILL
		kill -$sig $p 2>/dev/null
		sleep 0.05
	done
}

# CPU seconds used so far by a group
cg_cpu() {
	local d=$CG/$CGPFX.$1
	if [ -e $d/cpuacct.usage ]; then awk '{printf "%.6f\n",$1/1e9}' $d/cpuacct.usage
	else awk '/^usage_usec/{printf "%.6f\n",$2/1e6}' $d/cpu.stat; fi
}
# the same of one process: what the relaying role of several takes by itself
pid_cpu() { cat /proc/$1/task/*/schedstat 2>/dev/null | awk '{s+=$1}END{printf "%.6f\n",s/1e9}'; }
# kernel threads (kworker, ksoftirqd): proxies that push work there must not look free. "pid ns" lines, differenced per pid
kthr_snap() { local p; for p in $(pgrep -P 2); do read -r v _ <"/proc/$p/schedstat" && echo "$p $v"; done 2>/dev/null; }
kthr_diff() { awk 'NR==FNR{a[$1]=$2;next}{s+=$2-a[$1]}END{printf "%.6f\n",s/1e9}' "$1" "$2"; }
cpu_snap() { echo "$(cg_cpu proxy) $(cg_cpu client) $(cg_cpu origin) ${NET_PID:+$(pid_cpu $NET_PID)}"; }

# memory of the proxy's processes in KiB: RSS and PSS summed
mem_snap() {
	local p rss=0 pss=0 v
	for p in $(cat $CG/$CGPFX.proxy/cgroup.procs); do
		v=$(awk '/^Rss:/{r=$2}/^Pss:/{p=$2}END{print r+0,p+0}' /proc/$p/smaps_rollup 2>/dev/null) || continue
		rss=$((rss + ${v% *})); pss=$((pss + ${v#* }))
	done
	echo "$rss $pss"
}
pid_rss() { awk '/^VmRSS:/{print $2}' /proc/${NET_PID:-0}/status 2>/dev/null || echo 0; }
# system memory not in page cache, KiB (kernel socket memory shows here)
slab_used() { awk '/^Slab:/{print $2}' /proc/meminfo; }
sys_used() { awk '/^MemTotal/{t=$2}/^MemFree/{f=$2}/^Buffers/{b=$2}/^Cached/{c=$2}END{print t-f-b-c}' /proc/meminfo; }

origin_up() {
	local d=$W/origin i
	mkdir -p $d/www
	chmod 755 $d $d/www
	head -c 1024 /dev/urandom >$d/www/1k
	head -c $((1 << 30)) /dev/zero >$d/www/big
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=tls.test \
		-addext "subjectAltName=DNS:*.tls.test" -keyout $d/key.pem -out $d/cert.pem 2>/dev/null
	cat >$d/nginx.conf <<-E
	daemon off; worker_processes 1; pid $d/pid; error_log $d/err.log crit; 
	user root;
	events { worker_connections 15000; multi_accept on; }
	http {
		access_log off; sendfile on; tcp_nodelay on; keepalive_timeout 60s;
		client_body_temp_path $d/t1; proxy_temp_path $d/t2; fastcgi_temp_path $d/t3; uwsgi_temp_path $d/t4; scgi_temp_path $d/t5;
		ssl_certificate $d/cert.pem; ssl_certificate_key $d/key.pem;
		ssl_protocols TLSv1.2 TLSv1.3; ssl_session_tickets off; ssl_session_cache off; ssl_buffer_size 16k;
		server { listen 10.99.2.10:443 ssl backlog=4096; server_name a.tls.test b.tls.test c.tls.test d.tls.test; root $d/www; }
	}
	E
	run_in $NSO origin $CPU_LOAD nginx -c $d/nginx.conf >$d/out 2>&1 &
	run_in $NSO origin $CPU_LOAD "$B/bin/origin" 443 10.99.2. &
	# one resolver in every namespace; wildcard answers, so any number of names resolve
	for i in $NSH $NSC; do
		run_in $i origin $CPU_LOAD dnsmasq -k -C /dev/null --no-resolv --no-hosts --listen-address=127.0.0.1 --bind-interfaces \
			--user=root --pid-file= --local-ttl=300 --cache-size=10000 --dns-forward-max=2000 \
			--address=/tls.test/10.99.2.10 --address=/hold.test/10.99.2.21 --address=/bulk.test/10.99.2.22 --address=/#/10.99.2.20 &
	done
	load probe -a 10.99.2.20:443 -s a.raw.test -t 5 >/dev/null || { log "origin did not start"; exit 1; }
}
