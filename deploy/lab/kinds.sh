# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The SAs of the lab, by kind; part of lab.sh. One pair of SAs and one network
# behind the peer for each: 0x1000 + n cluster -> peer, 0x2000 + n peer -> cluster.

LAB_KINDS=${LAB_KINDS:-esp}
LAB_ESN=${LAB_ESN:-1}	# 0: 32-bit numbers

# n, protocol, cluster's and peer's outer address, network behind the peer
declare -A LAB_KIND=(
	[esp]="0 esp 192.0.2.1 192.0.2.2 10.2.0.0/24"
	[natt]="1 natt 192.0.2.1 192.0.2.2 10.2.1.0/24"
	[ah]="2 ah 192.0.2.1 192.0.2.2 10.2.2.0/24"
	[4in6]="3 esp fd00:192::1 fd00:192::2 10.2.3.0/24"
	[esp6]="4 esp fd00:192::1 fd00:192::2 fd00:10:2::/64"
	[6in4]="5 esp 192.0.2.1 192.0.2.2 fd00:10:2:1::/64"
	[ah6]="6 ah fd00:192::1 fd00:192::2 fd00:10:2:2::/64"
	[natt6]="7 natt fd00:192::1 fd00:192::2 fd00:10:2:3::/64"
	[far]="8 esp 192.0.2.1 203.0.113.2 10.2.4.0/24"
	[far6]="9 esp fd00:192::1 fd00:203::2 fd00:10:2:4::/64"
)

# kinds: those in use, a line each, to be read by
#   while read -r kind n protocol ours theirs net
kinds() {
	local kind
	for kind in $LAB_KINDS; do
		[[ ${LAB_KIND[$kind]-} ]] || die "there is no kind of SA '$kind'"
		echo "$kind ${LAB_KIND[$kind]}"
	done
}

# The host with number 1 of the network behind the peer, and the client that
# talks with it.
far_host() { # KIND
	local net=${LAB_KIND[$1]##* }
	if [[ $net == *:* ]]; then echo "${net%/*}1"; else echo "${net%0/*}1"; fi
}
near_host() { # KIND
	if [[ ${LAB_KIND[$1]##* } == *:* ]]; then echo fd00:10:1::100; else echo 10.1.0.100; fi
}

kinds_behind_peer() {
	local kind net
	kinds | while read -r kind _ _ _ _ net; do
		if [[ $net == *:* ]]; then
			echo "addr add $(far_host "$kind")/64 dev lo nodad"
		else
			echo "addr add $(far_host "$kind")/24 dev lo"
		fi
	done
}

# Where a member sends what is for the peer, before and after encryption.
kinds_routes() {
	local kind net hop
	kinds | while read -r kind _ _ _ _ net; do
		hop=192.0.2.2
		[[ $net != *:* ]] || hop=fd00:192::2
		if [[ $kind == far* ]]; then
			hop=${hop/%2/254}
			[[ $kind != far ]] || echo "route add 203.0.113.0/24 via 192.0.2.254"
			[[ $kind != far6 ]] || echo "route add fd00:203::/64 via fd00:192::254"
		fi
		echo "route add $net via $hop"
	done
}

# sa KIND PROTOCOL SRC DST KEY SPI REQID
sa() {
	local proto=${2/natt/esp} common
	common="xfrm state add src $3 dst $4 proto $proto spi $6 reqid $7 mode tunnel"
	common+=" replay-window $LAB_WINDOW"
	((!LAB_ESN)) || common+=" flag esn"
	# One family inside the other: the SA must not take packets of its own only.
	[[ $1 != ?in? ]] || common+=" af-unspec"
	case $2 in
	esp) echo "$common aead rfc4106(gcm(aes)) ${5:0:42} 128" ;;
	natt) echo "$common aead rfc4106(gcm(aes)) ${5:0:42} 128 encap espinudp 4500 4500 0.0.0.0" ;;
	ah) echo "$common auth-trunc hmac(sha256) $5 128" ;;
	esac
}

policy() { # DIR SRC DST TUNNEL-SRC TUNNEL-DST PROTOCOL REQID
	echo "xfrm policy add dir $1 src $2 dst $3 tmpl src $4 dst $5 proto ${6/natt/esp} reqid $7 mode tunnel"
}

# Two keys a line, of 32 bytes each.
random_keys() { od -An -v -w64 -tx1 -N 1024 /dev/urandom | tr -d ' ' | sed 's/.\{64\}/0x& 0x/'; }

# Into the files sas.member and sas.peer: the same SAs on both sides, the
# policies of each.
write_sas() {
	local kind n protocol ours theirs net inside key key_in both
	rm -f "$LAB_RUN/sas.member" "$LAB_RUN/sas.peer"
	while read -r kind n protocol ours theirs net && read -r -u 4 key key_in; do
		inside=10.1.0.0/24
		[[ $net != *:* ]] || inside=fd00:10:1::/64
		both=$(sa "$kind" "$protocol" "$ours" "$theirs" "$key" $((0x1000 + n)) $((2 * n + 1))
			sa "$kind" "$protocol" "$theirs" "$ours" "$key_in" $((0x2000 + n)) $((2 * n + 2)))
		{
			echo "$both"
			policy out "$inside" "$net" "$ours" "$theirs" "$protocol" $((2 * n + 1))
			policy fwd "$net" "$inside" "$theirs" "$ours" "$protocol" $((2 * n + 2))
			policy in "$net" "$inside" "$theirs" "$ours" "$protocol" $((2 * n + 2))
		} >>"$LAB_RUN/sas.member"
		{
			echo "$both"
			policy out "$net" "$inside" "$theirs" "$ours" "$protocol" $((2 * n + 2))
			policy in "$inside" "$net" "$ours" "$theirs" "$protocol" $((2 * n + 1))
		} >>"$LAB_RUN/sas.peer"
	done < <(kinds) 4< <(random_keys)
}

lab_sas() {
	local i
	((!LAB_PLAIN)) || return 0
	write_sas
	for i in $(members); do batch "m$i" <"$LAB_RUN/sas.member"; done
	batch peer <"$LAB_RUN/sas.peer"
}

# Wherever ESP in UDP arrives somebody must own port 4500: on all members and
# on the peer. Prints what came to UDP 500 and 4500 but was not ESP, when it ends.
declare -A LAB_ENCAP=()
encap_start() { # MACHINE FILE
	spawn "$1" "$LAB_BUILD/selftests/encap" >"$2"
	LAB_ENCAP[$1]=${LAB_PIDS[-1]}
	wait_for 10 "UDP 4500 on $1" bound "$1" 4500
}

encap_end() { # MACHINE
	kill "${LAB_ENCAP[$1]}"
	wait "${LAB_ENCAP[$1]}" || die "encap on $1 failed"
}

# The second way to the peer: members - router - a cable for 1400 bytes - peer.
lab_router() {
	ip link add far0 mtu 1400 netns esp-router type veth peer name far0 mtu 1400 netns esp-peer
	in_ns router sh -c 'cd /proc/sys/net && echo 1 >ipv4/ip_forward && echo 0 >ipv4/icmp_ratelimit &&
		echo 1 >ipv6/conf/all/forwarding && echo 0 >ipv6/icmp/ratelimit'
	printf '%s\n' "link set far0 up" "addr add 203.0.113.1/24 dev far0" "addr add fd00:203::1/64 dev far0 nodad" |
		batch router
	printf '%s\n' "link set far0 up" "addr add 203.0.113.2/24 dev far0" "addr add fd00:203::2/64 dev far0 nodad" |
		batch peer
}

# In place of the cluster one ordinary gateway, without Espalier, that has the
# cluster's addresses: what fails here as well is not the cluster's fault.
lab_gateway() {
	LAB_MEMBERS=1
	LAB_ANSWER=agent
	lab_net
	lab_sas
	in_ns m0 sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward && echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	cables | while read -r ns dev _ bridge; do
		[[ $ns == m0 && ${LAB_TAG[$bridge]-} ]] || continue
		echo "addr add ${LAB_NET[$bridge]}.1/24 dev $(l3_device "$dev" "$bridge")"
		((!LAB_IPV6)) || echo "addr add ${LAB_NET6[$bridge]}:1/64 dev $(l3_device "$dev" "$bridge") nodad"
	done | batch m0
}
