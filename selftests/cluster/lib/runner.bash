# shellcheck shell=bash
# Parts of selftests/cluster/run; they use its variables.
# shellcheck disable=SC2154

judge_limit=300

usage() {
    echo "cluster/run: $*" >&2
    exit 2
}

list_scenarios() {
    local lab
    for lab in "$here"/scenarios/*/lab; do
        [[ -x $lab ]] || continue
        printf '%-24s %s\n' "$(basename "$(dirname "$lab")")" "$(sed -n 's/^# about: *//p' "$lab" | head -n 1)"
    done
}

seconds() {
    local tenths=$(((${EPOCHREALTIME/[.,]/} - ${began:-${EPOCHREALTIME/[.,]/}}) / 100000))
    echo "$((tenths / 10)).$((tenths % 10))"
}

failed() {
    jq -cn --arg scenario "$name" --arg where "$where" --arg kernel "${release-}" --argjson seconds "$(seconds)" --arg reason "$*" \
        '{scenario: $scenario, passed: false, where: $where, kernel: $kernel, seconds: $seconds, reason: $reason}'
    exit 1
}

# The mark keeps a mistyped --out from emptying somebody's directory.
empty_directory() {
    local mark=$1/.cluster-run
    mkdir -p "$1" || usage "cannot make the directory $1"
    [[ -e $mark || ! $(ls -A "$1") ]] || usage "$1 is not empty and not from an earlier run: not touched"
    find "$1" -mindepth 1 -delete
    : >"$mark"
}

# What the kernel does decides, not what its name or configuration says. Prints why not.
has_esp() {
    local said
    said=$(unshare -n ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 mode tunnel \
        aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128 2>&1) && return
    said=${said%%$'\n'*}
    said=${said#Error: }
    echo "${said%.}"
    return 1
}

# In the background, so that a signal to the runner ends it too.
watch() {
    local status=0
    "$@" &
    child=$!
    wait "$child" || status=$?
    child=''
    return "$status"
}

# Passes on all but the last line, which goes to the file "verdict".
judge() {
    timeout -k 10 "$judge_limit" "$scenario/judge" "$@" |
        awk -v verdict="$work/verdict" 'NR > 1 { print last; fflush() } { last = $0 } END { if (NR) print last >verdict }'
}
