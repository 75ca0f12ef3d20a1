// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The auditor's decoder, which shares nothing with the program's: what each form of a frame is, and that a capture
 * that ends anywhere is never read beyond its end.  And its memory of what it saw. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "selftests/audit/bits.h"
#include "selftests/audit/packet.h"

#define ETH "\x02\0\0\0\0\x01\x02\0\0\0\0\x02"
#define V4(len, frag, proto) "\x08\0\x45\0\0" len "\0\x07" frag "\x40" proto "\0\0\xc0\0\x02\x01\xc0\0\x02\x02"
#define V6(len, next)                                                                                              \
	"\x86\xdd\x60\0\0\0\0" len next "\x40"                                                                     \
	"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02"
#define ESP "\0\0\x10\0\0\0\0\x4dINSIDE.."	/* SPI 0x1000, number 77: 16 bytes */
#define UDP(sport, dport, len) sport dport "\0" len "\0\0"
#define NATT "\x11\x94"
#define TAG "\x81\0\0\x64"

struct row {
	const char *name;
	const char *frame;
	size_t len;
	enum audit_kind kind;
	size_t esp_len;
};
#define ROW(name, frame, kind, ...) { name, frame, sizeof(frame) - 1, kind, ##__VA_ARGS__ }

static const struct row rows[] = {
	ROW("ESP", ETH V4("\x24", "\0\0", "\x32") ESP, AUDIT_ESP, 16),
	ROW("ESP, padded by Ethernet", ETH V4("\x24", "\0\0", "\x32") ESP "\0\0\0\0", AUDIT_ESP, 16),
	ROW("ESP behind a tag", ETH TAG V4("\x24", "\0\0", "\x32") ESP, AUDIT_ESP, 16),
	ROW("ESP behind three tags", ETH "\x88\xa8\0\1" TAG TAG V4("\x24", "\0\0", "\x32") ESP, AUDIT_ESP, 16),
	ROW("ESP, do not fragment", ETH V4("\x24", "\x40\0", "\x32") ESP, AUDIT_ESP, 16),
	ROW("ESP behind options", ETH "\x08\0\x46\0\0\x28\0\x07\0\0\x40\x32\0\0\xc0\0\x02\x01\xc0\0\x02\x02\1\1\1\0" ESP, AUDIT_ESP, 16),
	ROW("ESP, first fragment", ETH V4("\x24", "\x20\0", "\x32") ESP, AUDIT_FRAGMENT),
	ROW("ESP, last fragment", ETH V4("\x24", "\0\3", "\x32") ESP, AUDIT_FRAGMENT),
	ROW("UDP, last fragment", ETH V4("\x24", "\0\3", "\x11") ESP, AUDIT_FRAGMENT),
	ROW("UDP 4500, first fragment", ETH V4("\x2c", "\x20\0", "\x11") UDP(NATT, NATT, "\x18") ESP, AUDIT_FRAGMENT),
	ROW("TCP, last fragment", ETH V4("\x24", "\0\3", "\x06") ESP, AUDIT_PLAIN),
	ROW("AH", ETH V4("\x24", "\0\0", "\x33") ESP, AUDIT_AH),
	ROW("ICMP", ETH V4("\x24", "\0\0", "\x01") ESP, AUDIT_PLAIN),
	ROW("ESP in UDP", ETH V4("\x2c", "\0\0", "\x11") UDP(NATT, NATT, "\x18") ESP, AUDIT_ESP, 16),
	ROW("ESP in UDP from behind a NAT", ETH V4("\x2c", "\0\0", "\x11") UDP("\x30\x39", NATT, "\x18") ESP, AUDIT_ESP, 16),
	ROW("IKE on 4500", ETH V4("\x2c", "\0\0", "\x11") UDP(NATT, NATT, "\x18") "\0\0\0\0" ESP, AUDIT_PLAIN),
	ROW("keepalive", ETH V4("\x1d", "\0\0", "\x11") UDP(NATT, NATT, "\x09") "\xff", AUDIT_PLAIN),
	ROW("UDP that claims more than its packet", ETH V4("\x2c", "\0\0", "\x11") UDP(NATT, NATT, "\x19") ESP, AUDIT_PLAIN),
	ROW("other UDP", ETH V4("\x2c", "\0\0", "\x11") UDP("\1\2", "\3\4", "\x18") ESP, AUDIT_PLAIN),
	ROW("ESP over IPv6", ETH V6("\x10", "\x32") ESP, AUDIT_ESP, 16),
	ROW("ESP over IPv6 behind options", ETH V6("\x18", "\x3c") "\x32\0\1\4\0\0\0\0" ESP, AUDIT_ESP, 16),
	ROW("IPv6 fragment", ETH V6("\x18", "\x2c") "\x32\0\0\1\0\0\0\7" ESP, AUDIT_FRAGMENT),
	ROW("IPv6 fragment that is all", ETH V6("\x18", "\x2c") "\x32\0\0\0\0\0\0\7" ESP, AUDIT_ESP, 16),
	ROW("ESP without room for its number", ETH V4("\x1b", "\0\0", "\x32") ESP, AUDIT_SHORT),
	ROW("ARP", ETH "\x08\x06" ESP, AUDIT_OTHER),
	ROW("IPv4 header too small", ETH "\x08\0\x44\0\0\x24\0\x07\0\0\x40\x32\0\0\xc0\0\x02\x01\xc0\0\x02\x02" ESP, AUDIT_SHORT),
};

Test(audit_packet, kinds)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct audit_packet p;

		audit_read_frame(AUDIT_LINK_ETHERNET, (const uint8_t *)rows[i].frame, rows[i].len, &p);
		cr_expect_eq(p.kind, rows[i].kind, "%s: kind %d", rows[i].name, p.kind);
		cr_expect_eq(p.esp_len, rows[i].esp_len, "%s: %zu bytes of ESP", rows[i].name, p.esp_len);
		if (p.kind == AUDIT_ESP)
			cr_expect(p.spi == 0x1000 && p.low == 77 && p.esp_captured == 16 && audit_is_whole(&p),
				  "%s: SPI 0x%x, number %u", rows[i].name, p.spi, p.low);
	}
}

/* In memory of its own, so that a tool that watches memory sees each byte beyond; and here: nothing claims to have
 * been captured that was not. */
Test(audit_packet, cut_off_anywhere)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (size_t len = 0; len < rows[i].len; len++) {
			uint8_t *copy = malloc(len ? len : 1);
			struct audit_packet p;

			memcpy(copy, rows[i].frame, len);
			audit_read_frame(AUDIT_LINK_ETHERNET, copy, len, &p);
			if (p.ip)
				cr_expect(p.ip + p.ip_captured <= copy + len, "%s at %zu", rows[i].name, len);
			if (p.esp)
				cr_expect(p.esp + p.esp_captured <= copy + len && p.esp_captured >= 8, "%s at %zu",
					  rows[i].name, len);
			cr_expect(p.kind != AUDIT_ESP || p.esp_captured <= p.esp_len, "%s at %zu", rows[i].name, len);
			free(copy);
		}
	}
}

Test(audit_packet, random_bytes)
{
	uint64_t state = 1;

	for (int i = 0; i < 200000; i++) {
		size_t r = (size_t)(i % (sizeof(rows) / sizeof(rows[0]))), len = rows[r].len;
		uint8_t frame[256];
		struct audit_packet p;

		memcpy(frame, rows[r].frame, len);
		for (int n = 0; n < 3; n++) {
			state = state * 6364136223846793005ULL + 1442695040888963407ULL;
			frame[12 + (state >> 33) % (len - 12)] = (uint8_t)(state >> 25);
		}
		audit_read_frame(AUDIT_LINK_ETHERNET, frame, len, &p);
		cr_assert(!p.esp || (p.esp + p.esp_captured <= frame + len && p.esp_captured <= p.esp_len));
		cr_assert(!p.ip || p.ip + p.ip_captured <= frame + len);
	}
}

Test(audit_bits, each_value_is_new_once)
{
	struct audit_bits b = { 0 };
	uint64_t salt = 0xfeedfacecafebeefULL;

	for (uint64_t n = 0; n < 300000; n++) {
		cr_assert(!audit_bits_add(&b, n * 3));
		cr_assert(!audit_bits_add(&b, ~(n * 3) ^ (salt & ~0xffffffULL)));
	}
	for (uint64_t n = 0; n < 300000; n++) {
		cr_assert(audit_bits_add(&b, n * 3));
		cr_assert(!audit_bits_add(&b, n * 3 + 1));
	}
	audit_bits_free(&b);
}

Test(audit_bits, tallies)
{
	struct audit_tallies t = { 0 };

	for (uint64_t n = 0; n < 100000; n++)
		audit_tally(&t, n * 0x9e3779b97f4a7c15ULL)->carried += 1 + n % 3;
	for (uint64_t n = 0; n < 100000; n++)
		cr_assert_eq(audit_tally(&t, n * 0x9e3779b97f4a7c15ULL)->carried, 1 + n % 3);
	cr_assert_eq(t.used, 100000);
	audit_tallies_free(&t);
}
