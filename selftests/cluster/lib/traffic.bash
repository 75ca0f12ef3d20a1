# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# Traffic of the scenarios, in both directions at once. Sourced after lab.sh.

# Streams are collected and run together: to start a program takes long. What the
# receivers say is read while they run, and therefore lies in memory: a size that
# a network file system tells may be an old one.
STREAM_FILES=() STREAM_RECEIVERS=() STREAM_SENDERS=()
STREAM_LOG=0	# 1: a record of every packet, in FILE.send.log and FILE.recv.log
STREAM_RUN=()	# what runs them, with its arguments: to be punctual

# stream_run NS FILE ARG...
stream_run() {
	local -a log=()
	((!STREAM_LOG)) || log=(-l "$2.log")
	spawn "$1" "${STREAM_RUN[@]}" "$LAB_BUILD/selftests/stream" "${log[@]}" "${@:3}" >"$2"
}

# stream FROM TO SOURCE ADDRESS PORT PACKETS RATE SIZE FLOWS FILE [CPU]: from
# streams_start on; into FILE.send and FILE.recv
stream() {
	local file=$LAB_RUN/${10##*/}
	stream_run "$2" "$file.recv" recv "$4" "$5" "$6"
	STREAM_RECEIVERS+=("${LAB_PIDS[-1]}")
	STREAM_FILES+=("$file")
	STREAM_SENDERS+=("$1 send $4 $5 $6 $7 $8 $9 $3 ${11-}")
}

# Wait for all receivers, then send.
streams_start() {
	local i words
	for i in "${STREAM_FILES[@]}"; do wait_for 20 "the receiver of $i" test -s "$i.recv"; done
	for i in "${!STREAM_SENDERS[@]}"; do
		read -ra words <<<"${STREAM_SENDERS[i]}"
		stream_run "${words[0]}" "${STREAM_FILES[i]}.send" "${words[@]:1}"
		STREAM_SENDERS[i]=${LAB_PIDS[-1]}
	done
}

# streams_flow: do all the receivers get something?
streams_flow() {
	local i
	local -a lines
	for i in "${STREAM_FILES[@]}"; do
		mapfile -t lines <"$i.recv"
		((${#lines[@]} > 1)) || return
	done
}

# streams_stop: send no more, however many there were to be
streams_stop() {
	kill "${STREAM_SENDERS[@]}"
	streams_end
}

# Until all has come. A receiver ends by itself when it has got all, or 4 s after
# its last packet.
streams_end() {
	local i pid end
	for pid in "${STREAM_SENDERS[@]}"; do wait "$pid" || die "a sender failed"; done
	end=$((SECONDS + 6))
	for pid in "${STREAM_RECEIVERS[@]}"; do
		while [[ -e /proc/$pid ]] && ((SECONDS < end)); do read -rt 0.1 <> <(:) || :; done
		kill "$pid" 2>/dev/null || :
		wait "$pid" || die "a receiver failed"
	done
	for i in "${STREAM_FILES[@]}"; do
		printf '  %-28s %s\n' "${i##*/}" "$(tail -n 1 "$i.recv")"
		mv "$i".{send,recv}* "$out"
	done
	STREAM_FILES=() STREAM_RECEIVERS=() STREAM_SENDERS=()
}

# pings NAME SIZE COUNT KIND...: both ways, all at once, until COUNT were answered.
# (Without -w ping waits for two round trips and takes a late answer for lost.)
pings() {
	local kind near far pid
	local -a all=()
	for kind in "${@:4}"; do
		near=$(near_host "$kind") far=$(far_host "$kind")
		spawn client ping -q -c "$3" -i 0.05 -w 5 -s "$2" "$far" >"$out/$1.$kind.client"
		all+=("${LAB_PIDS[-1]}")
		spawn peer ping -q -c "$3" -i 0.05 -w 5 -s "$2" -I "$far" "$near" >"$out/$1.$kind.peer"
		all+=("${LAB_PIDS[-1]}")
	done
	for pid in "${all[@]}"; do wait "$pid" || :; done
	for kind in "${@:4}"; do
		printf '  %-10s %-6s %s, %s\n' "$1" "$kind" "$(received "$out/$1.$kind.client")" \
			"$(received "$out/$1.$kind.peer")"
	done
}

# What a ping's summary says.
received() {
	local text
	text=$(<"$1")
	if [[ $text =~ ([0-9]+\ received) ]]; then echo "${BASH_REMATCH[1]}"; else echo nothing; fi
}
