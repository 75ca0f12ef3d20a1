# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The lab: a cluster of three members between a client and an IPsec peer that
# knows nothing of clusters. Source it; every machine is a network namespace.
#
#   client                     m0   m1   m2                      peer
#   10.1.0.100                                                   192.0.2.2, behind it 10.2.0.1
#      |            in0 10.1.0.11-13    out0 192.0.2.11-13         |
#      +--- br-in ---+----+----+            +----+----+--- br-out -+
#                    mgmt0 198.18.0.11-13
#                    +----+----+--- br-mgmt --- evil (also on br-out and br-in)
#
#   cluster addresses: inside 10.1.0.1, outside 192.0.2.1
#   one SA per direction: 0x1000 cluster -> peer, 0x2000 peer -> cluster
#
# The bridges stand in a namespace of their own, sw, and flood multicast MACs.
# The variables below add what else a gateway meets; kinds.sh has the other SAs.

LAB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_BUILD=${LAB_BUILD:-$LAB_ROOT/build}
LAB_MEMBERS=${LAB_MEMBERS:-3}
LAB_RUN=/run/espalier-lab
LAB_BPFFS=/sys/fs/bpf/espalier-lab
# Correctness is judged here, times elsewhere: an emulated machine wakes late.
LAB_HEARTBEAT_MS=${LAB_HEARTBEAT_MS:-100}
LAB_DEAD_MS=${LAB_DEAD_MS:-750}
LAB_QUORUM=${LAB_QUORUM:-none}
# Agents start one after another: the first one shall wait for all.
LAB_JOIN_MS=${LAB_JOIN_MS:-5000}
LAB_WINDOW=${LAB_WINDOW:-1024}
LAB_BLOCK=${LAB_BLOCK:-64}
LAB_PLAIN=${LAB_PLAIN:-0}	# 1: no SAs, plain packets only, for times on kernels without ESP
LAB_MODE=${LAB_MODE:-native}
# "--immediate-mode -U" where captures_settle cannot be used; it costs a lot
LAB_IMMEDIATE=
LAB_EVIL=0	# 1: an attacker on all three switches
LAB_IPV6=${LAB_IPV6:-0}	# 1: fd00:10:1::/64 inside, fd00:192::/64 outside, the cluster is ::1 of both
LAB_VLAN=${LAB_VLAN:-0}	# 1: addresses on VLAN devices only, tags 100 inside and 200 outside
LAB_ROUTER=${LAB_ROUTER:-0}	# 1: a second way to the peer, over a router and a cable of a smaller MTU
LAB_MTU=${LAB_MTU:-1500}
LAB_MAC_MODE=${LAB_MAC_MODE:-multicast}
LAB_ANSWER=${LAB_ANSWER:-agent}	# xdp: needs a program at the far end of a member's cables too
LAB_SCHEME=${LAB_SCHEME:-packet-hash}
LAB_PIDS=()
LAB_CAPTURES=()
declare -A LAB_AGENT=() LAB_CAPTURED=() LAB_SETTLED=() LAB_SETTLED_AT=()
declare -A LAB_NET=([br-in]=10.1.0 [br-out]=192.0.2 [br-mgmt]=198.18.0)
declare -A LAB_NET6=([br-in]=fd00:10:1: [br-out]=fd00:192:)
declare -A LAB_TAG=([br-in]=100 [br-out]=200)
. "$LAB_ROOT/deploy/lab/kinds.sh"

say() { printf '%s\n' "$*"; }
die() {
	local log
	echo "lab: $*" >&2
	for log in "$LAB_RUN"/m*/agent.log; do
		[[ ! -s $log ]] || { echo "--- the end of $log"; tail -n 25 "$log"; } >&2
	done
	exit 1
}

# ip netns exec would remount /sys and hide bpffs.
in_ns() {
	local ns=$1
	shift
	nsenter --net="/run/netns/esp-$ns" -- "$@"
}

# echo a command with its namespace, then run it there
show() {
	printf '  [%s] %s\n' "$1" "${*:2}"
	in_ns "$@"
}

# wait_for SECONDS WHAT COMMAND...: poll a condition, never guess a time
wait_for() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		((SECONDS < end)) || die "waited in vain for $what"
		read -rt 0.05 <> <(:) || :
	done
}

members() {
	local i
	for ((i = 0; i < LAB_MEMBERS; i++)); do echo "$i"; done
}

# Starting a program is slow in an emulated machine: one `ip -batch` a machine.
# batch NS: run the lines of stdin in a namespace
batch() { ip -n "esp-$1" -batch -; }

# Every cable: namespace, device, host part of its addresses, bridge.
cables() {
	local i
	echo client eth0 100 br-in
	echo peer eth0 2 br-out
	if ((LAB_EVIL)); then
		echo evil mgmt0 99 br-mgmt
		echo evil out0 99 br-out
		echo evil in0 99 br-in
	fi
	((!LAB_ROUTER)) || echo router out0 254 br-out
	for i in $(members); do
		echo "m$i in0 1$((i + 1)) br-in"
		echo "m$i out0 1$((i + 1)) br-out"
		echo "m$i mgmt0 1$((i + 1)) br-mgmt"
	done
}

machines() {
	local i
	echo client peer
	((!LAB_EVIL)) || echo evil
	((!LAB_ROUTER)) || echo router
	for i in $(members); do echo "m$i"; done
}

# l3_device DEVICE BRIDGE: the one that has the addresses
l3_device() {
	if ((LAB_VLAN)) && [[ ${LAB_TAG[$2]-} ]]; then echo "$1.${LAB_TAG[$2]}"; else echo "$1"; fi
}

# interface DEVICE HOST BRIDGE: what makes an interface of the end of a cable
interface() {
	local l3
	l3=$(l3_device "$1" "$3")
	echo "link set $1 up"
	[[ $l3 == "$1" ]] ||
		printf '%s\n' "link add link $1 name $l3 type vlan id ${LAB_TAG[$3]}" "link set $l3 up"
	echo "addr add ${LAB_NET[$3]}.$2/24 dev $l3"
	((!LAB_IPV6)) || [[ ! ${LAB_NET6[$3]-} ]] || echo "addr add ${LAB_NET6[$3]}:$2/64 dev $l3 nodad"
}

lab_cabling() {
	local ns dev host bridge owner
	for ns in sw $(machines); do echo "netns add esp-$ns"; done | ip -batch -
	((!LAB_IPV6)) || for ns in $(machines); do no_dad "$ns"; done
	{
		for bridge in br-in br-out br-mgmt; do
			echo "link add $bridge type bridge mcast_snooping 0"
			echo "link set $bridge up"
		done
		cables | while read -r ns dev host bridge; do
			echo "link add $dev mtu $LAB_MTU netns esp-$ns type veth peer name $ns-$bridge mtu $LAB_MTU"
			echo "link set $ns-$bridge master $bridge up"
		done
		[[ $LAB_ANSWER != xdp || $LAB_MODE != native ]] || pass_programs
	} | in_ns sw ip -batch -
	((!LAB_VLAN)) || tags_in_frames
	for ns in $(machines); do
		{
			echo "link set lo up"
			cables | while read -r owner dev host bridge; do
				[[ $owner != "$ns" ]] || interface "$dev" "$host" "$bridge"
			done
			routes "$ns"
		} | batch "$ns"
	done
	((!LAB_ROUTER)) || lab_router
	one_queue client eth0 1
	one_queue peer eth0 1
	one_queue sw client-br-in 2
	one_queue sw peer-br-out 2
	# A receiver that is scheduled late must not be taken for a lossy network.
	# These are the whole machine's: lab_down puts the old ones back.
	sysctl net.core.rmem_max net.core.rmem_default net.core.netdev_max_backlog >"$LAB_RUN/sysctl"
	sysctl -qw net.core.rmem_max=4194304 net.core.rmem_default=4194304 net.core.netdev_max_backlog=10000
}

# Addresses are good at once: nobody else is here who could have them.
no_dad() {
	in_ns "$1" sh -c 'for d in all default; do echo 0 >/proc/sys/net/ipv6/conf/$d/accept_dad; done'
}

# A frame that XDP_TX sends back into a veth arrives only where the far end has
# a program as well.
pass_programs() {
	cables | while read -r ns _ _ bridge; do
		[[ $ns != m* ]] ||
			echo "link set dev $ns-$bridge xdpdrv obj $LAB_BUILD/selftests/obj/pass.bpf.o sec xdp.frags"
	done
}

# A veth would carry the tag beside the frame, where no program sees it.
tags_in_frames() {
	cables | while read -r ns dev _ bridge; do
		in_ns "$ns" ethtool -K "$dev" txvlan off rxvlan off
		in_ns sw ethtool -K "$ns-$bridge" txvlan off rxvlan off
	done >/dev/null
}

# one_queue NS DEVICE CPUS: a wire keeps the order of what one machine sent, and a
# real NIC puts the packets of one SA into one queue; a veth would spread them over
# the CPUs of whoever sent them, and a late CPU would reorder more than any wire.
one_queue() {
	(($(nproc) > 1)) || return 0
	ip netns exec "esp-$1" sh -c "echo $3 >/sys/class/net/$2/queues/rx-0/rps_cpus"
}

routes() {
	case $1 in
	client)
		echo "route add default via 10.1.0.1"
		((!LAB_IPV6)) || echo "route add default via fd00:10:1::1"
		;;
	peer)
		kinds_behind_peer
		echo "route add 10.1.0.0/24 via 192.0.2.1 src 10.2.0.1"
		((!LAB_IPV6)) || echo "route add fd00:10:1::/64 via fd00:192::1"
		;;
	m*) kinds_routes ;;
	esac
}

conf_side() { # DEVICE BRIDGE
	printf 'address = "%s.1"; scheme = "%s";' "${LAB_NET[$2]}" "$LAB_SCHEME"
	((!LAB_IPV6)) || printf ' address6 = "%s:1";' "${LAB_NET6[$2]}"
	((!LAB_VLAN)) || printf ' device = "%s";' "$(l3_device "$1" "$2")"
}

# member_conf I [BLOCK]: its configuration file, printed
member_conf() {
	local i=$1 block=${2:-$LAB_BLOCK} j comma=
	cat <<-CONF
		member = $i;
		inside = { interface = "in0"; $(conf_side in0 br-in) };
		outside = { interface = "out0"; $(conf_side out0 br-out) };
		members = (
	CONF
	for j in $(members); do
		printf '%s\t{ id = %d; address = "198.18.0.1%d"; }' "$comma" "$j" $((j + 1))
		comma=$',\n'
	done
	cat <<-CONF
		);
		block = $block;
		mode = "$LAB_MODE";
		mac_mode = "$LAB_MAC_MODE";
		answer = "$LAB_ANSWER";
		heartbeat_ms = $LAB_HEARTBEAT_MS;
		dead_ms = $LAB_DEAD_MS;
		quorum = "$LAB_QUORUM";
		join_wait_ms = $LAB_JOIN_MS;
		secret = "$LAB_RUN/secret";
		bpffs = "$LAB_BPFFS/m$i";
		run = "$LAB_RUN/m$i";
	CONF
}

espalier() { # member I, then the command's words
	local i=$1
	shift
	in_ns "m$i" "$LAB_BUILD/espalier" "$@" -c "$LAB_RUN/m$i/espalier.conf"
}

agent_start() {
	local i=$1
	spawn "m$i" "$LAB_BUILD/espalierd" -c "$LAB_RUN/m$i/espalier.conf" \
		>>"$LAB_RUN/m$i/agent.log" 2>&1
	LAB_AGENT[$i]=${LAB_PIDS[-1]}
}

# agent_end I SIGNAL: and wait until it is gone
agent_end() {
	local pid=${LAB_AGENT[$1]} i
	kill "-$2" "$pid"
	wait "$pid" 2>/dev/null || :
	for i in "${!LAB_PIDS[@]}"; do [[ ${LAB_PIDS[i]} != "$pid" ]] || unset "LAB_PIDS[i]"; done
}

agent_is() { # I STATE-OR-REASON
	espalier "$1" status --json |
		jq -e --arg s "$2" '.agent | .state == $s or .why.reason == $s or .hold.reason == $s'
}

lab_secret() {
	mkdir -p "$LAB_RUN"
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf
	mkdir -p "$LAB_BPFFS"
	(umask 077 && head -c 32 /dev/urandom >"$LAB_RUN/secret")
}

member_load() { # I [BLOCK]
	mkdir -p "$LAB_RUN/m$1"
	member_conf "$@" >"$LAB_RUN/m$1/espalier.conf"
	espalier "$1" load
}

lab_members_up() {
	local i pid
	local -a loads=()
	for i in $(members); do
		member_load "$i" &
		loads+=($!)
	done
	for pid in "${loads[@]}"; do wait "$pid" || die "a member did not load"; done
	for i in $(members); do agent_start "$i"; done
	for i in $(members); do wait_for 15 "member $i to forward" agent_is "$i" forwarding; done
}

lab_net() {
	mkdir -p "$LAB_RUN"
	lab_down
	trap lab_down EXIT
	lab_secret
	lab_cabling
}

lab_up() {
	lab_net
	lab_sas
	lab_members_up
}

# spawn NS COMMAND...: in the background; ${LAB_PIDS[-1]} is the command itself
spawn() {
	(
		ns=$1
		shift
		exec nsenter --net="/run/netns/esp-$ns" -- "$@"
	) &
	LAB_PIDS+=($!)
}

lab_down() {
	local pid ns i
	# Who is stopped does not hear.
	for pid in "${LAB_PIDS[@]}"; do kill "$pid" 2>/dev/null && kill -CONT "$pid" 2>/dev/null || :; done
	for pid in "${LAB_PIDS[@]}"; do wait "$pid" 2>/dev/null || :; done
	LAB_PIDS=()
	[[ -e $LAB_RUN ]] || return 0
	for i in $(members); do
		[[ ! -e $LAB_RUN/m$i/espalier.conf ]] || espalier "$i" unload >/dev/null 2>&1 || :
	done
	for ns in sw $(machines); do
		[[ ! -e /run/netns/esp-$ns ]] || ip netns del "esp-$ns"
	done
	[[ ! -e $LAB_RUN/sysctl ]] || sysctl -qp "$LAB_RUN/sysctl"
	rmdir "$LAB_BPFFS" 2>/dev/null || :
	rm -rf "$LAB_RUN"
}

# The member whose status says that it leads.
who_leads() {
	local i
	for i in $(members); do
		! espalier "$i" status --json | jq -e .agent.leader >/dev/null || echo "$i"
	done
}

# capture NS DEVICE FILE FILTER: to memory, copied to FILE at the end. Every
# packet counts, so a dropped one is an error that the judge sees in FILE.log
capture() {
	local file
	file=$LAB_RUN/captures/$(basename "$3")
	mkdir -p "$LAB_RUN/captures"
	spawn "$1" tcpdump -i "$2" -n -s "${LAB_SNAPLEN:-128}" -B 65536 $LAB_IMMEDIATE -w "$file" "$4" \
		2>"$3.log"
	wait_for 10 "the capture on $1 $2" grep -q 'listening on' "$3.log"
	LAB_CAPTURES+=("${LAB_PIDS[-1]}")
	LAB_CAPTURED[${LAB_PIDS[-1]}]="$file $3"
}

# The kernel hands a capture over in blocks, up to a second late: wait until
# tcpdump has read all that its filter let in, but for what the kernel dropped,
# which the judge holds against the run. No traffic may flow.
captures_settle() {
	local pid
	for pid in "${LAB_CAPTURES[@]}"; do
		wait_for 10 "a capture to be read" captured_all "$pid"
	done
}

# Or nothing has come for longer than a block may wait: a packet that arrived
# before the filter was set is counted as received and never handed over.
captured_all() {
	local log line
	read -r _ log <<<"${LAB_CAPTURED[$1]}"
	kill -USR1 "$1"
	line=$(tail -n 1 "$log.log")
	if [[ $line != "${LAB_SETTLED[$1]-}" ]]; then
		LAB_SETTLED[$1]=$line
		LAB_SETTLED_AT[$1]=$SECONDS
	fi
	awk '/packets captured/ { exit !($2 > 0 && $2 + $10 >= $5) } { exit 1 }' <<<"$line" ||
		((SECONDS - LAB_SETTLED_AT[$1] > 3))
}

# Stop the captures when what was sent has arrived.
captures_end() {
	local pid
	for pid in "${LAB_CAPTURES[@]}"; do kill -INT "$pid" 2>/dev/null || :; done
	for pid in "${LAB_CAPTURES[@]}"; do
		wait "$pid" 2>/dev/null || :
		cp ${LAB_CAPTURED[$pid]}
	done
	LAB_CAPTURES=()
}

listening() { in_ns "$1" ss -Hltn "sport = :$2" | grep -q LISTEN; }

# iperf_server NS ADDRESS
iperf_server() {
	spawn "$1" iperf3 -s -B "$2" >/dev/null 2>&1
	wait_for 10 "iperf3 on $1" listening "$1" 5201
}

# udp_stream FROM TO ADDRESS PACKETS RATE SIZE FILE: both ends' JSON in FILE
udp_stream() {
	local receiver
	printf '  [%s] %s packets of %s bytes to %s, %s a second\n' "$1" "$4" "$6" "$3" "$5"
	spawn "$2" "$LAB_BUILD/selftests/stream" recv "$3" 9000 "$4" >"$7.recv"
	receiver=${LAB_PIDS[-1]}
	wait_for 10 "the receiver on $2" bound "$2" 9000
	in_ns "$1" "$LAB_BUILD/selftests/stream" send "$3" 9000 "$4" "$5" "$6" >"$7.send"
	wait "$receiver"
	jq -cs add "$7.send" "$7.recv" | tee "$7"
}

bound() { in_ns "$1" ss -Hlun "sport = :$2" | grep -q UNCONN; }

# iperf FILE ARG...: from the client to the peer; JSON to FILE
iperf() {
	local file=$1
	shift
	printf '  [client] iperf3 -c 10.2.0.1 %s\n' "$*"
	in_ns client iperf3 -c 10.2.0.1 -J "$@" >"$file" ||
		die "iperf3 $*: $(jq -r '.error // "failed"' "$file")"
}

# facts OUTDIR: what the judge needs besides the captures
facts() {
	local out=$1 i
	in_ns peer cat /proc/net/xfrm_stat >"$out/peer.xfrm_stat"
	ip -n esp-peer -s xfrm state >"$out/peer.sas"
	ip -n esp-sw -s -j link show >"$out/sw.links.json"
	for i in $(members); do
		espalier "$i" status --json >"$out/m$i.status.json" || :
		in_ns "m$i" cat /proc/net/xfrm_stat >"$out/m$i.xfrm_stat"
		cp "$LAB_RUN/m$i/agent.log" "$out/m$i.agent.log"
		ip -n "esp-m$i" -s -j link show >"$out/m$i.links.json"
	done
}
