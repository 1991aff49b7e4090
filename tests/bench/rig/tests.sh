# The tests. Every one appends rows "round peer test metric value" to $OUT.
RATE_T=${RATE_T:-3} BULK_T=${BULK_T:-2.5} LAT_N=${LAT_N:-3000} START_MAX=${START_MAX:-60}
# a proxy needs two descriptors per connection: stay below the hard limit (no CAP_SYS_RESOURCE here: 20000)
IDLE_N=${IDLE_N:-$(h=$(ulimit -Hn); n=$(( (h - 1000) / 2 )); [ $n -gt 10000 ] && n=10000; echo $n)}

put() { printf '%s\t%s\t%s\t%s\t%s\n' "$ROUND" "$PEER" "$1" "$2" "$3" >>"$OUT"; }
kv() { sed -n "s/.*\b$2=\([^ ]*\).*/\1/p" <<<"$1"; }

# how the client reaches the target: transparent = the target itself, explicit = CONNECT through the proxy
target() { if [ $PEER_ROUTE = explicit ]; then echo "-a $1 -x 10.99.1.1:$PORT"; else echo "-a $1"; fi; }

# measured TEST load-args... : runs load, stores its figures and the CPU deltas
# Others may work on this machine. Their share = busy time of both CPUs less what the rig used; when it is above
# NOISE_MAX percent the run is repeated, at most TRIES times, and the quietest one is kept.
measured() {
	local t=$1 a b r i n best=1000; shift
	for i in $(seq ${TRIES:-3}); do
		cp /proc/stat $W/st0; kthr_snap >$W/k0; a=($(cpu_snap)); r=$(load "$@"); sleep 0.2; b=($(cpu_snap)); kthr_snap >$W/k1
		cp /proc/stat $W/st1
		n=$(awk -v mine="$(bc -l <<<"${b[0]}-${a[0]}+${b[1]}-${a[1]}+${b[2]}-${a[2]}+$(kthr_diff $W/k0 $W/k1)")" \
			'$1=="cpu"{s=NR==FNR?-1:1; for(i=2;i<=9;i++)t+=s*$i; busy+=s*($2+$3+$4+$7+$8+$9)} END{printf "%d",100*(busy-mine*100)/(t?t:1)}' $W/st0 $W/st1)
		if [ "$n" -lt "$best" ]; then
			best=$n LAST=$r
			CPU_N=${NET_PID:+$(bc -l <<<"${b[3]}-${a[3]}")}
			CPU_P=$(bc -l <<<"${b[0]}-${a[0]}"); CPU_C=$(bc -l <<<"${b[1]}-${a[1]}")
			CPU_O=$(bc -l <<<"${b[2]}-${a[2]}"); CPU_K=$(kthr_diff $W/k0 $W/k1)
		fi
		[ "$best" -le ${NOISE_MAX:-6} ] && break
	done
	NOISE=$best
	CPU_ALL=$(bc -l <<<"$CPU_P+$CPU_C+$CPU_O+$CPU_K")
}
per_conn() { # TEST
	local n; n=$(kv "$LAST" conns)
	put $1 noise $NOISE; put $1 rate "$(kv "$LAST" rate)"; put $1 errs "$(kv "$LAST" errs)"
	put $1 p50_us "$(kv "$LAST" p50_us)"; put $1 p99_us "$(kv "$LAST" p99_us)"
	[ "${n:-0}" -gt 0 ] || return
	put $1 proxy_cpu_10k "$(bc -l <<<"$CPU_P*10000/$n")"
	[ -z "$CPU_N" ] || put $1 net_cpu_10k "$(bc -l <<<"$CPU_N*10000/$n")"
	put $1 total_cpu_10k "$(bc -l <<<"$CPU_ALL*10000/$n")"
}
per_gib() {
	local n; n=$(kv "$LAST" bytes)
	put $1 noise $NOISE; put $1 GBps "$(kv "$LAST" GBps)"; put $1 errs "$(kv "$LAST" errs)"
	[ "${n:-0}" -gt 0 ] || return
	put $1 proxy_cpu_gib "$(bc -l <<<"$CPU_P*1073741824/$n")"
	[ -z "$CPU_N" ] || put $1 net_cpu_gib "$(bc -l <<<"$CPU_N*1073741824/$n")"
	put $1 kthr_cpu_gib "$(bc -l <<<"$CPU_K*1073741824/$n")"
	put $1 total_cpu_gib "$(bc -l <<<"$CPU_ALL*1073741824/$n")"
}

# start with a list and wait until an allowed name gets through; sets START_MS
start_with() {
	local t0 p
	case $PEER_ROUTE in redirect) route_redirect ;; tproxy) route_tproxy ;; own) route_own ;; *) route_direct ;; esac
	t0=$(date +%s%N)
	peer_start "$1"
	p=$(load probe $(target 10.99.2.20:443) -s a.raw.test -t $START_MAX)
	START_MS=$((($(date +%s%N) - t0) / 1000000))
	case $p in *timeout*) START_MS=timeout; log "$PEER did not start: $(tail -2 $D/log 2>/dev/null)"; return 1 ;; esac
}

run_peer() {
	local t
	if [ "$*" != decision ]; then
		start_with $W/list.100 || return
		for t in "$@"; do [ $t = decision ] || t_$t; done
		peer_stop
	fi
	case " $* " in *" decision "*) t_decision ;; esac
}

t_rawrate() { measured x raw $(target 10.99.2.20:443) -s a.raw.test -c 64 -t $RATE_T; per_conn rawrate; }
t_tlsrate() { printf '%s.tls.test\n' a b c d >$W/tlsnames; measured x tls $(target 10.99.2.10:443) -f $W/tlsnames -c 64 -t $RATE_T; per_conn tlsrate; }
t_latency() { sleep 2; measured x raw $(target 10.99.2.20:443) -s a.raw.test -c 1 -n $LAT_N -t 8; per_conn latency; }
t_deny()    { measured x deny $(target 10.99.2.20:443) -s not.allowed.test -c 64 -t $RATE_T; per_conn deny; }
t_bulk()    { local c; for c in 1 16; do measured x bulk $(target 10.99.2.22:443) -s a.bulk.test -c $c -t $BULK_T; per_gib bulk$c; done; }
t_tlsbulk() { local c; for c in 1 16; do measured x tlsbulk $(target 10.99.2.10:443) -s a.tls.test -p /big -c $c -t $BULK_T; per_gib tlsbulk$c; done; }

t_idle() {
	local m0 m1 m2 s0 s1 s2 line f=$W/idle.in g=$W/idle.out
	rm -f $f $g; mkfifo $f $g
	m0=($(mem_snap)); n0=$(pid_rss); s0=$(sys_used); u0=$(slab_used)
	load idle $(target 10.99.2.21:443) -s a.hold.test -n $IDLE_N -S 1000 -c 64 -t 60 <$f >$g &
	exec 7>$f 8<$g
	read -t 70 -u 8 line; sleep 1; m1=($(mem_snap)); n1=$(pid_rss); s1=$(sys_used); put idle ready1k "$(cut -d' ' -f2 <<<"$line")"
	echo go >&7
	read -t 70 -u 8 line; sleep 2; m2=($(mem_snap)); n2=$(pid_rss); s2=$(sys_used); u2=$(slab_used); put idle n $IDLE_N; put idle ready10k "$(cut -d' ' -f2 <<<"$line")"
	echo go >&7
	exec 7>&- 8<&-
	wait %% 2>/dev/null
	put idle rss0_kib ${m0[0]}; put idle rss1k_kib ${m1[0]}; put idle rss10k_kib ${m2[0]}
	put idle pss10k_kib ${m2[1]}
	[ -z "${NET_PID:-}" ] || { put idle net_bytes_conn $(((n2 - n0) * 1024 / IDLE_N)); put idle net_bytes_conn_above_1k $(((n2 - n1) * 1024 / (IDLE_N - 1000))); }
	put idle user_bytes_conn $(((m2[0] - m0[0]) * 1024 / IDLE_N))
	put idle slab_bytes_conn $(((u2 - u0) * 1024 / IDLE_N)); put idle sys_bytes_conn $(((s2 - s0) * 1024 / IDLE_N))
	sleep 1
}

# Nearly as many relays as one guest may have are held (half of what descriptors allow), connections come and go beside
# them as fast as they can, and names that nobody asked for before are refused, all for SCALE_T seconds: does memory stay,
# is everybody served to the end?
# (not part of the default set: it takes as long as it is asked to)
SCALE_T=${SCALE_T:-600}
t_scale() {
	local i m line f=$W/scale.in g=$W/scale.out hold raw deny n=$((IDLE_N * 2 / 5))
	rm -f $f $g; mkfifo $f $g
	load idle $(target 10.99.2.21:443) -s a.hold.test -n $n -S 1000 -c 64 -t $((SCALE_T + 120)) <$f >$g &
	hold=$!
	exec 7>$f 8<$g
	read -t 70 -u 8 line; echo go >&7
	read -t 70 -u 8 line; put scale held "$(cut -d' ' -f2 <<<"$line")"
	load raw $(target 10.99.2.20:443) -s a.raw.test -c 32 -t $SCALE_T >$W/scale.raw & raw=$!
	load deny $(target 10.99.2.20:443) -u -c 4 -t $SCALE_T >$W/scale.deny & deny=$!
	for i in 0 1 2 3 4 5 6 7 8 9; do
		sleep $((SCALE_T / 10 - 1))
		m=($(mem_snap)); put scale rss_kib_$i ${m[0]}; put scale net_rss_$i "$(pid_rss)"
	done
	wait $raw $deny
	sleep 2
	line=$(cat $W/scale.raw)
	put scale rate "$(kv "$line" rate)"; put scale errs "$(kv "$line" errs)"; put scale p99_us "$(kv "$line" p99_us)"
	put scale denied "$(kv "$(cat $W/scale.deny)" conns)"
	put scale held_to_the_end $(ip netns exec $NSC ss -Htn state established dst 10.99.2.21 | wc -l)
	echo go >&7
	exec 7>&- 8<&-
	wait $hold 2>/dev/null
}

t_decision() {
	local n m p c0 c1
	for n in 100 10000 1000000; do
		[ $n -gt $PEER_MAXLIST ] && { put decision$n rate skipped; continue; }
		cp $W/list.$n $W/list.cur; chmod 644 $W/list.cur
		c0=$(cg_cpu proxy)
		if start_with $W/list.cur; then
			c1=$(cg_cpu proxy)
			m=($(mem_snap))
			put decision$n start_ms $START_MS
			put decision$n start_cpu_s "$(bc -l <<<"$c1-$c0")"
			put decision$n rss_kib ${m[0]}; put decision$n pss_kib ${m[1]}
			measured x raw $(target 10.99.2.20:443) -f $W/sample.$n -c 64 -t $RATE_T; per_conn decision$n
			# a new forbidden name every time: no cache helps, a linear list shows
			measured x deny $(target 10.99.2.20:443) -u -c 16 -t 2; per_conn denynew$n
			# reload: add one name, time until it is let through
			echo "sentinel.reload.example" >>$W/list.cur
			c0=$(cg_cpu proxy)
			if peer_reload $W/list.cur; then
				p=$(load probe $(target 10.99.2.20:443) -s sentinel.reload.example -t 60)
				put decision$n reload_ms "$(kv "$p" ms)"
				put decision$n reload_cpu_s "$(bc -l <<<"$(cg_cpu proxy)-$c0")"
			else
				put decision$n reload_ms restart
			fi
		else
			put decision$n start_ms timeout
		fi
		peer_stop
	done
}

# syscalls per connection (not part of the default set: strace slows the proxy)
t_strace() {
	local pids n
	pids=$(echo ${NET_PID:-$(cat $CG/$CGPFX.proxy/cgroup.procs)} | tr ' ' '\n' | sed 's/^/-p /' | tr '\n' ' ')
	run_in $NSH client $CPU_LOAD strace -f -c -q -o $D/strace $pids &
	sleep 1
	n=$(kv "$(load raw $(target 10.99.2.20:443) -s a.raw.test -c 16 -n 2000 -t 20)" conns)
	for p in $(cat $CG/$CGPFX.client/cgroup.procs); do kill -INT $p 2>/dev/null; done
	sleep 1
	awk -v n=$n '$4 ~ /^[0-9]+$/ && $NF != "total" {printf "%s=%.2f ", $NF, $4/n; t+=$4} END{printf "all=%.2f\n", t/n}' $D/strace >$D/s
	log "$PEER syscalls/conn: $(cat $D/s)"
	put strace calls_conn "$(kv "$(cat $D/s)" all)"
	cp $D/s "$B/out/strace-$PEER.txt"
}
