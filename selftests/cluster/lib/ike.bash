# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# strongSwan in the lab: one daemon on the peer, one on a member. IKE alone: the
# SAs of the lab are installed by hand, on all members.
# shellcheck disable=SC2154

# ike_conf MACHINE LOCAL REMOTE PROPOSALS
ike_conf() {
	local dir=$LAB_RUN/ike-$1
	mkdir -p "$dir"
	cat >"$dir/strongswan.conf" <<-CONF
		swanctl { load = pem pkcs1 random }
		charon-systemd {
			load = random nonce aes sha1 sha2 hmac kdf gmp kernel-netlink socket-default vici
			install_routes = no
			install_virtual_ip = no
			retransmit_tries = 3
			plugins { vici { socket = unix://$dir/vici } }
			syslog { daemon { default = -1 } }
			filelog {
				log {
					path = $dir/log
					flush_line = yes
				}
			}
		}
	CONF
	cat >"$dir/swanctl.conf" <<-CONF
		connections { tunnel {
			version = 2
			local_addrs = $2
			remote_addrs = $3
			proposals = $4
			fragmentation = no
			mobike = no
			childless = force
			encap = yes
			local {
				auth = psk
				id = $2
			}
			remote {
				auth = psk
				id = $3
			}
		} }
		secrets { ike { secret = "the same on both ends" } }
	CONF
}

# More proposals than a frame has room for, the only good one last.
ike_proposals() {
	local cipher integrity prf
	for cipher in aes192 aes256 aes128; do
		for integrity in sha512 sha384; do
			for prf in prfsha512 prfsha384 prfsha256; do
				for group in modp2048 modp3072; do
					printf '%s-%s-%s-%s,' "$cipher" "$integrity" "$prf" "$group"
				done
			done
		done
	done
	echo aes128-sha256-prfsha256-modp2048
}

ike_start() { # MACHINE
	local dir=$LAB_RUN/ike-$1
	STRONGSWAN_CONF=$dir/strongswan.conf spawn "$1" charon-systemd >"$dir/out" 2>&1
	wait_for 20 "the IKE daemon of $1" swan "$1" --load-all --file "$dir/swanctl.conf"
}

swan() { # MACHINE WORD...
	in_ns "$1" env STRONGSWAN_CONF="$LAB_RUN/ike-$1/strongswan.conf" \
		swanctl "${@:2}" --uri "unix://$LAB_RUN/ike-$1/vici"
}
