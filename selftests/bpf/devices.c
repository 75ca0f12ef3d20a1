// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a test run cannot show, on real devices in a namespace of its own:
 *
 *     test --AF_PACKET--> east (tc egress: espalier_egress)
 *                           | veth
 *                         west (native XDP: espalier_xdp,
 *                               tc ingress: espalier_retype, probe)
 *
 * the packet type after the MAC was rewritten, and packets whose headers are
 * not in the linear part.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drive.h"
#include "espalier.skel.h"
#include "guarded.h"
#include "probe.h"
#include "probe.skel.h"
#include "slots.h"

#define WAIT_US 100
#define WAIT_TRIES 20000	/* two seconds */
#define SPI_WEST 0x6001

struct devices {
	struct drive *d;
	struct probe_bpf *probe;
	int socket;
	int east;
	int west;
};

static int attach(int ifindex, enum bpf_tc_attach_point point, int fd, __u32 priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, o, .prog_fd = fd, .priority = priority, .handle = 1);

	/* The device's qdisc comes with its first filter, of priority 2 here. */
	if (priority == 2 && bpf_tc_hook_create(&hook))
		return -1;
	return bpf_tc_attach(&hook, &o);
}

static int detach(int ifindex, enum bpf_tc_attach_point point, __u32 priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = point);
	LIBBPF_OPTS(bpf_tc_opts, o, .priority = priority, .handle = 1);

	return bpf_tc_detach(&hook, &o);
}

static struct probe noted(struct devices *v)
{
	struct probe p = {};
	__u32 zero = 0;

	bpf_map_lookup_elem(bpf_map__fd(v->probe->maps.probe_map), &zero, &p);
	return p;
}

static int setup(struct devices *v)
{
	struct bpf_object_open_opts opts = { .sz = sizeof(opts) };
	int one = 1;

	if (unshare(CLONE_NEWNET) ||
	    system("ip link add east type veth peer name west address 02:00:00:00:00:10 &&"
		   "ip link set east up && ip link set west up"))
		return -1;
	v->east = (int)if_nametoindex("east");
	v->west = (int)if_nametoindex("west");
	v->socket = socket(AF_PACKET, SOCK_RAW, 0);
	v->probe = probe_bpf__open_opts(&opts);
	if (v->socket < 0 || !v->probe || probe_bpf__load(v->probe))
		return -1;
	if (setsockopt(v->socket, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
		return -1;
	return attach(v->west, BPF_TC_INGRESS, bpf_program__fd(v->probe->progs.probe_note), 2);
}

/* linear: how many bytes of the frame the skb's linear part shall hold; the
 * kernel obeys for frames larger than a page. */
static int send_frame(struct devices *v, const __u8 *byte, __u32 len, __u16 linear)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = v->east, .sll_halen = ESL_MAC_LEN };
	struct virtio_net_hdr head = { .hdr_len = linear };
	struct iovec part[2] = { { &head, sizeof(head) }, { (void *)byte, len } };
	struct msghdr m = { .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = part, .msg_iovlen = 2 };

	return sendmsg(v->socket, &m, 0) == (ssize_t)(sizeof(head) + len) ? 0 : -1;
}

static void expect_type(struct devices *v, const char *name, const struct frame_spec *s, __u32 type,
			const char *dst)
{
	struct probe before = noted(v), after = before;
	struct frame f;

	frame_build_len(&f, s, PROBE_LEN);
	if (send_frame(v, f.byte, f.len, 0)) {
		row(v->d, name, false, "send: %s", strerror(errno));
		return;
	}
	for (int i = 0; i < WAIT_TRIES && after.count == before.count; i++) {
		usleep(WAIT_US);
		after = noted(v);
	}
	row(v->d, name, after.count == before.count + 1 && after.pkt_type == type &&
	    !memcmp(after.dst, dst, ESL_MAC_LEN),
	    "%u seen, packet type %u instead of %u, to ..:%02x", after.count - before.count, after.pkt_type,
	    type, after.dst[5]);
}

static void test_retype(struct devices *v)
{
	static const struct frame_spec cluster = { .protocol = ESL_IPPROTO_ESP, .spi = SPI_WEST, .seq = 3 };
	static const struct frame_spec own = { .dst = MAC_OWN_OUT, .protocol = ESL_IPPROTO_ESP, .daddr = OWN_OUT };
	static const struct frame_spec other = { .dst = "\x02\0\0\0\0\x77", .protocol = ESL_IPPROTO_ESP };
	static const struct frame_spec group = { .dst = MAC_BROADCAST, .protocol = ESL_IPPROTO_TCP, .daddr = REMOTE };
	struct esl_config c = world_config_of(DOOR_NONE);
	struct esl_sa_in sa = { .index = 6 };
	struct espalier_bpf *obj = v->d->obj;

	c.port[ESL_OUTSIDE].ifindex = (__u32)v->west;
	world_identity(obj, &c);
	world_slots(obj, MINE, ~0ULL, 0);
	world_sa_in(obj, SPI_WEST, &sa);
	if (!row(v->d, "veth: native XDP attaches",
		 !bpf_xdp_attach(v->west, bpf_program__fd(obj->progs.espalier_xdp), XDP_FLAGS_DRV_MODE, NULL), "%s",
		 strerror(errno)))
		return;
	/* Why the helper exists; if this row fails, it is no longer needed. */
	expect_type(v, "veth: taken by XDP alone, still multicast", &cluster, PACKET_MULTICAST, MAC_OWN_OUT);
	if (!row(v->d, "veth: retype attaches",
		 !attach(v->west, BPF_TC_INGRESS, bpf_program__fd(obj->progs.espalier_retype), 1), "%s",
		 strerror(errno)))
		return;
	expect_type(v, "veth: taken by XDP and retyped", &cluster, PACKET_HOST, MAC_OWN_OUT);
	expect_type(v, "veth: to the configured MAC", &own, PACKET_HOST, MAC_OWN_OUT);
	expect_type(v, "veth: to another station", &other, PACKET_OTHERHOST, other.dst);
	expect_type(v, "veth: broadcast", &group, PACKET_BROADCAST, MAC_BROADCAST);
	/* The helper alone: the MAC of the configuration is not the NIC's. */
	bpf_xdp_detach(v->west, XDP_FLAGS_DRV_MODE, NULL);
	memcpy(c.port[ESL_OUTSIDE].mac, other.dst, ESL_MAC_LEN);
	world_identity(obj, &c);
	expect_type(v, "retype: the configured MAC", &other, PACKET_HOST, other.dst);
	c.abi = 0;
	world_identity(obj, &c);
	expect_type(v, "retype: abi 0", &other, PACKET_OTHERHOST, other.dst);
	c = world_config_of(DOOR_NONE);
	memcpy(c.port[ESL_OUTSIDE].mac, other.dst, ESL_MAC_LEN);
	world_identity(obj, &c);
	expect_type(v, "retype: a NIC that is neither", &other, PACKET_OTHERHOST, other.dst);
	world_config(obj, DOOR_OUTSIDE);
	detach(v->west, BPF_TC_INGRESS, 1);
}

static void expect_guard(struct devices *v, const char *name, __u32 seq, __u16 linear, int reason)
{
	static __u8 large[6000];
	struct frame_spec s = { .dst = MAC_PEER, .saddr = OUTSIDE_ADDR, .daddr = PEER, .spi = G_SPI, .seq = seq,
				.protocol = ESL_IPPROTO_ESP, .payload = 40, .tot_len = sizeof(large) - ESL_ETH_LEN };
	struct counts before, after;
	struct frame f;
	int sent;

	frame_build(&f, &s);
	memcpy(large, f.byte, f.len);
	counts_read(v->d, &before);
	sent = send_frame(v, large, sizeof(large), linear);
	counts_read(v->d, &after);
	/* A dropped frame makes the send fail with ENOBUFS: the counter tells. */
	row(v->d, name, after.of[reason].packets == before.of[reason].packets + 1, "send %d, %s did not move",
	    sent, reason_name(reason));
}

static void test_nonlinear(struct devices *v)
{
	struct drive *d = v->d;

	guarded_reset(d);
	/* XDP on a veth bears no large frames, so it is gone by now. */
	if (!row(d, "non-linear: the guard attaches",
		 !system("ip link set east mtu 9000") &&
		 !attach(v->east, BPF_TC_EGRESS, bpf_program__fd(d->obj->progs.espalier_egress), 2), "%s",
		 strerror(errno)))
		return;
	expect_guard(v, "non-linear: ESP header linear", 1, 42, ESL_G_PASS);
	expect_guard(v, "non-linear: ESP header not linear", 2, 41, ESL_G_PASS);
	expect_guard(v, "non-linear: IP header linear alone", 3, 34, ESL_G_PASS);
	expect_guard(v, "non-linear: Ethernet header linear alone", 4, 14, ESL_G_PASS);
	expect_guard(v, "non-linear: a number again", 4, 14, ESL_G_DUPLICATE);
}

void test_devices(struct drive *d)
{
	struct devices v = { .d = d, .socket = -1 };

	if (row(d, "devices: namespace and veth", !setup(&v), "%s", strerror(errno))) {
		test_retype(&v);
		test_nonlinear(&v);
	}
	if (v.socket >= 0)
		close(v.socket);
	probe_bpf__destroy(v.probe);
}
