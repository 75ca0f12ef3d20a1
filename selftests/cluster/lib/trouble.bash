# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# A stream both ways while members come and go, and what is known of it outside.
# Sourced after lab.sh and traffic.bash; "out" is where the evidence goes.

TROUBLE_RATE=2000
TROUBLE_MOST=4000000	# packets; the stream is stopped before
TROUBLE_SAMPLE_MS=20

TROUBLE_TOOL=$LAB_ROOT/selftests/cluster/lib/members

# members_tool QUESTION [ARG]: the answer. One process answers all: to start an interpreter is the
# busiest moment of a lab, and takes an emulated machine longer than what is asked.
members_tool() {
	local answer
	echo "$*" >&"$TROUBLE_ASK"
	read -r answer <&"$TROUBLE_HEAR"
	[[ $answer != failed* ]] || { echo "members: $answer" >&2 && return 1; }
	echo "$answer"
}

members_start() {
	coproc MEMBERS { exec "$TROUBLE_TOOL" serve "$LAB_RUN" "$LAB_MEMBERS"; }
	# What coproc opens is not for subshells.
	exec {TROUBLE_ASK}>&"${MEMBERS[1]}" {TROUBLE_HEAR}<&"${MEMBERS[0]}"
	LAB_PIDS+=("$MEMBERS_PID")
}

# whole SECONDS: all members forward by one table of all; in the shell itself before what else asks
whole() {
	# lab_down ends it.
	[[ ${MEMBERS_PID-} ]] && kill -0 "$MEMBERS_PID" 2>/dev/null || members_start
	members_tool whole "$1" >/dev/null || die "the cluster is not whole"
}

leader_id() { members_tool leader; }

# Start the stream, the captures that tell which member sent a packet on, and the
# look at the members.  The outside world is not late because members are busy.  All is
# written to memory, as what streams say is: an emulated machine's clock goes on while its
# host writes a file.
trouble_begin() {
	STREAM_LOG=1
	STREAM_RUN=(chrt -f 5)
	local relayed='udp dst port 9000 and dst host 10.2.0.1'
	((LAB_PLAIN)) || relayed='ip proto 50 and src host 192.0.2.1'
	LAB_SNAPLEN=64 capture peer eth0 "$out/peer.pcap" "$relayed"
	LAB_SNAPLEN=64 capture client eth0 "$out/client.pcap" 'udp dst port 9000 and dst host 10.1.0.100'
	stream client peer 10.1.0.100 10.2.0.1 9000 $TROUBLE_MOST $TROUBLE_RATE 100 16 "$out/out"
	stream peer client 10.2.0.1 10.1.0.100 9000 $TROUBLE_MOST $TROUBLE_RATE 100 16 "$out/in"
	streams_start
	wait_for 10 "the streams" streams_flow
	"$TROUBLE_TOOL" sample "$LAB_RUN" "$LAB_MEMBERS" $TROUBLE_SAMPLE_MS "$LAB_RUN/samples" &
	TROUBLE_SAMPLER=$!
	LAB_PIDS+=("$TROUBLE_SAMPLER")
	sleep 0.5
}

trouble_end() {
	sleep 0.5
	streams_stop
	kill "$TROUBLE_SAMPLER"
	wait "$TROUBLE_SAMPLER" || :
	mv "$LAB_RUN"/{events,samples} "$out"
	captures_settle
	facts "$out"
	captures_end
}

# event WHAT TIME [KEY=VALUE...]: into the diary; VALUE is a number, true or false, or a word
event() {
	local pair json="\"what\":\"$1\",\"at\":$2"
	for pair in "${@:3}"; do
		if [[ ${pair#*=} =~ ^([0-9.]+|true|false)$ ]]; then
			json+=",\"${pair%%=*}\":${pair#*=}"
		else
			json+=",\"${pair%%=*}\":\"${pair#*=}\""
		fi
	done
	echo "{$json}" >>"$LAB_RUN/events"
}

# The cables of a member's inside and outside NIC, at the switch.
links_set() { # I up|down
	printf 'link set m%s-%s %s\n' "$1" br-in "$2" "$1" br-out "$2" | batch sw
}

# cut I from|to|both BRIDGE...: the other members do not hear it there, or it does not
# hear them; the client and the peer go on to reach it.  BRIDGE group: what goes to the
# group of the sync network, as by a switch that has forgotten it.
cut() {
	local bridge what
	{
		printf '%s\n' 'table bridge cut {' 'chain forward {' 'type filter hook forward priority 0'
		for bridge in "${@:3}"; do
			what=''
			[[ $bridge != group ]] || bridge=br-mgmt what='ether daddr 01:00:5e:7f:2d:0a'
			[[ $2 == to ]] || echo "iifname m$1-$bridge oifname \"m*\" $what drop"
			[[ $2 == from ]] || echo "iifname \"m*\" oifname m$1-$bridge $what drop"
		done
		printf '}\n}\n'
	} | in_ns sw nft -f -
}

heal() { in_ns sw nft delete table bridge cut; }
