# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The auditor beside a running lab: what is captured is rotated in pieces, each is read when it is closed and
# removed then, so that a run of any length needs no more room than the pieces that are open. Sourced after lab.sh.
# shellcheck disable=SC2154

AUDIT_PIECE_MB=8
AUDIT_CAPTURES=()	# "outside|inside BASE PIECE": the file being written is BASE, BASE1, BASE2...
AUDIT_TCPDUMP=()

# audit_keys FILE: what the auditor needs to know, from what is installed
audit_keys() {
	local i
	{
		ip -n esp-peer xfrm state
		echo "cluster ${LAB_NET[br-out]}.1"
		for i in $(members); do
			echo "member $i $(ip -n "esp-m$i" -j link show | jq -r '[.[] | select(.ifname | IN("in0", "out0")).address] | join(" ")')"
		done
		echo "lanes $LAB_MEMBERS block $LAB_BLOCK"
	} >"$1"
}

# audit_start OUT: the auditor, whose verdict goes to OUT/audit.json, with the keys and the first piece beside it
audit_start() {
	AUDIT_OUT=$1
	mkdir -p "$LAB_RUN/pieces"
	audit_keys "$1/keys"
	mkfifo "$LAB_RUN/pieces/names"
	nice -n 19 "$LAB_BUILD/selftests/audit" --keys "$1/keys" --pieces --unlink \
		<"$LAB_RUN/pieces/names" >"$LAB_RUN/audit.json" 2>"$LAB_RUN/audit.err" &
	AUDIT_PID=$!
	exec {AUDIT_NAMES}>"$LAB_RUN/pieces/names"
}

# audit_capture outside|inside NS DEVICE FILTER
audit_capture() {
	local base=$LAB_RUN/pieces/$1
	spawn "$2" tcpdump -Z root -i "$3" -n -s 0 -B 65536 -C "$AUDIT_PIECE_MB" -w "$base" "$4" 2>"$AUDIT_OUT/$1.pcap.log"
	AUDIT_TCPDUMP+=("${LAB_PIDS[-1]}")
	wait_for 10 "the capture on $2" grep -q 'listening on' "$AUDIT_OUT/$1.pcap.log"
	AUDIT_CAPTURES+=("$1 $base 0")
	# For captures_settle.
	LAB_CAPTURES+=("${LAB_PIDS[-1]}")
	LAB_CAPTURED[${LAB_PIDS[-1]}]="$base $AUDIT_OUT/$1.pcap"
}

# piece BASE N: its name
piece() { if (($2)); then echo "$1$2"; else echo "$1"; fi; }

# The first one of the outside stays, for a second opinion.
hand_over() { # SIDE BASE N
	[[ $1 != outside || $3 != 0 ]] || cp "$2" "$AUDIT_OUT/sample.pcap"
	echo "$1 $(piece "$2" "$3")" >&"$AUDIT_NAMES"
}

# Hand over what is closed: what has a successor.
audit_feed() {
	local i side base n
	for i in "${!AUDIT_CAPTURES[@]}"; do
		read -r side base n <<<"${AUDIT_CAPTURES[i]}"
		while [[ -e $(piece "$base" $((n + 1))) ]]; do
			hand_over "$side" "$base" "$n"
			n=$((n + 1))
		done
		AUDIT_CAPTURES[i]="$side $base $n"
	done
}

# audit_end: the rest, and the verdict. The auditor's status is the judge's business.
audit_end() {
	local pid i side base n
	for pid in "${AUDIT_TCPDUMP[@]}"; do kill -INT "$pid"; done
	for pid in "${AUDIT_TCPDUMP[@]}"; do wait "$pid" 2>/dev/null || :; done
	audit_feed
	for i in "${!AUDIT_CAPTURES[@]}"; do
		read -r side base n <<<"${AUDIT_CAPTURES[i]}"
		hand_over "$side" "$base" "$n"
	done
	# Agents that were started meanwhile hold the pipe open, too.
	echo end >&"$AUDIT_NAMES"
	exec {AUDIT_NAMES}>&-
	wait "$AUDIT_PID" || :
	cp "$LAB_RUN/audit.json" "$LAB_RUN/audit.err" "$AUDIT_OUT"
	AUDIT_CAPTURES=() AUDIT_TCPDUMP=() LAB_CAPTURES=()
}
