// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What a test run cannot show, on real devices in a namespace of its own:
 *
 *     test --AF_PACKET--> east (tc egress: espalier_egress)
 *                           | veth
 *                         west (native XDP: espalier_xdp,
 *                               tc ingress: espalier_retype, probe)
 *
 * the packet type after the MAC was rewritten and through the CPU map, packets
 * whose headers are not in the linear part, and tags beside the frame.
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

#define WAIT_US 100
#define WAIT_TRIES 20000
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

/* The packet is built behind the CPU map, and so it has the right type even
 * without the helper. */
static void test_cpu_map(struct devices *v, const struct esl_config *config, const struct frame_spec *cluster)
{
	struct bpf_cpumap_val value = { .qsize = 64 };
	struct espalier_bpf *obj = v->d->obj;
	struct esl_config c = *config;
	struct counts before, after;
	__u32 zero = 0;

	c.cpu_mode = ESL_CPU_FLOW;
	c.cpu_count = 1;
	if (!row(v->d, "veth: an entry of the CPU map",
		 !bpf_map_update_elem(bpf_map__fd(obj->maps.espalier_cpus), &zero, &value, BPF_ANY), "%s",
		 strerror(errno)))
		return;
	world_identity(obj, &c);
	detach(v->west, BPF_TC_INGRESS, 1);
	counts_read(v->d, &before);
	expect_type(v, "veth: through the CPU map, no helper", cluster, PACKET_HOST, MAC_OWN_OUT);
	counts_read(v->d, &after);
	row(v->d, "veth: through the CPU map, counted once",
	    after.of[ESL_OWNED_ESP].packets == before.of[ESL_OWNED_ESP].packets + 1, "not so");
	world_identity(obj, config);
	attach(v->west, BPF_TC_INGRESS, bpf_program__fd(obj->progs.espalier_retype), 1);
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
	world_own_add(obj, OWN_OUT);
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
	test_cpu_map(v, &c, &cluster);
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

static void expect_guard(struct devices *v, const char *name, struct frame_spec s, __u16 linear, int reason)
{
	static __u8 large[6000];
	struct counts before, after;
	struct frame f;
	int sent;

	s.tot_len = sizeof(large) - ESL_ETH_LEN - (s.type ? 40 : 0);
	frame_build(&f, &s);
	memcpy(large, f.byte, f.len);
	counts_read(v->d, &before);
	sent = send_frame(v, large, sizeof(large), linear);
	counts_read(v->d, &after);
	/* A dropped frame makes the send fail with ENOBUFS: the counter tells. */
	row(v->d, name, after.of[reason].packets == before.of[reason].packets + 1, "send %d, %s did not move",
	    sent, reason_name(reason));
}

#define FROM_CLUSTER .dst = MAC_PEER, .saddr = OUTSIDE_ADDR, .daddr = PEER, .payload = 40
#define ESP(n) FROM_CLUSTER, .protocol = ESL_IPPROTO_ESP, .spi = G_SPI, .seq = n
#define NATT(n) FROM_CLUSTER, .protocol = ESL_IPPROTO_UDP, .sport = 4500, .natt = true, .spi = G_SPI, .seq = n
#define V6 .type = ESL_ETHERTYPE_IPV6

static const struct {
	const char *name;
	struct frame_spec in;
	__u16 linear;
	int reason;
} nonlinear[] = {
	{ "non-linear: ESP header linear", { ESP(1) }, 42, ESL_G_PASS },
	{ "non-linear: ESP header not linear", { ESP(2) }, 41, ESL_G_PASS },
	{ "non-linear: IP header linear alone", { ESP(3) }, 34, ESL_G_PASS },
	{ "non-linear: Ethernet header linear alone", { ESP(4) }, 14, ESL_G_PASS },
	{ "non-linear: a number again", { ESP(4) }, 14, ESL_G_DUPLICATE },
	{ "non-linear: all options, two tags", { ESP(5), .ihl = 15, .tags = 2 }, 14, ESL_G_PASS },
	{ "non-linear: NATT, all options, another lane", { NATT(65), .ihl = 15 }, 14, ESL_G_LANE },
	{ "non-linear: IPv6 NATT behind three headers, two tags", { V6, NATT(6), .chain = "HDR", .tags = 2 }, 14, ESL_G_PASS },
	{ "non-linear: IPv6 ESP behind a long chain, linear", { V6, ESP(7), .chain = "hdrhdr" }, 158, ESL_G_PASS },
	{ "non-linear: IPv6 ESP behind a chain longer than the guard reads", { V6, ESP(8), .chain = "hdrhdr" }, 14, ESL_G_MALFORMED },
};

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
	for (size_t i = 0; i < sizeof(nonlinear) / sizeof(nonlinear[0]); i++)
		expect_guard(v, nonlinear[i].name, nonlinear[i].in, nonlinear[i].linear, nonlinear[i].reason);
}

struct tagged_row {
	const char *name;
	struct frame_spec in;
	int reason;
};

/* Beside the tag that probe_tag puts into the metadata. */
static const struct tagged_row tagged[] = {
	{ "tag beside the frame, ESP", { ESP(1) }, ESL_G_PASS },
	{ "tag beside the frame, ESP again", { ESP(1) }, ESL_G_DUPLICATE },
	{ "tag beside the frame and one in it, ESP", { ESP(2), .tags = 1 }, ESL_G_PASS },
	{ "tag beside the frame and two in it, ESP of another lane", { ESP(65), .tags = 2 }, ESL_G_LANE },
	{ "tag beside the frame, IPv6 ESP", { V6, ESP(3) }, ESL_G_PASS },
	{ "tag beside the frame, NATT of another lane", { NATT(66) }, ESL_G_LANE },
	{ "tag beside the frame, IKE", { FROM_CLUSTER, .protocol = ESL_IPPROTO_UDP, .sport = 500 }, ESL_G_PLAIN },
	{ "tag beside the frame, not the cluster's", { ESP(65), .saddr = OWN_OUT }, NO_REASON },
};

static void test_tagged(struct devices *v)
{
	guarded_reset(v->d);
	if (!row(v->d, "tags: the program before the guard attaches",
		 !attach(v->east, BPF_TC_EGRESS, bpf_program__fd(v->probe->progs.probe_tag), 1), "%s",
		 strerror(errno)))
		return;
	for (size_t i = 0; i < sizeof(tagged) / sizeof(tagged[0]); i++) {
		struct counts before, after;
		int moved = NO_REASON, count = 0;
		struct frame f;

		frame_build(&f, &tagged[i].in);
		counts_read(v->d, &before);
		send_frame(v, f.byte, f.len, 0);
		counts_read(v->d, &after);
		for (int r = 0; r < ESL_REASON_COUNT; r++) {
			if (after.of[r].packets == before.of[r].packets)
				continue;
			moved = r;
			count++;
		}
		row(v->d, tagged[i].name, moved == tagged[i].reason && count <= 1, "%d counters moved, of them %s",
		    count, reason_name(moved));
	}
}

void test_devices(struct drive *d)
{
	struct devices v = { .d = d, .socket = -1 };

	if (row(d, "devices: namespace and veth", !setup(&v), "%s", strerror(errno))) {
		test_retype(&v);
		test_nonlinear(&v);
		test_tagged(&v);
	}
	if (v.socket >= 0)
		close(v.socket);
	probe_bpf__destroy(v.probe);
}
