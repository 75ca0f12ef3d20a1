/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What every shared header needs to be compiled twice: by clang for the BPF
 * target and by the host's compiler.  The headers below include/ are pure: no
 * system call, no allocation, no clock, no global state.
 */
#ifndef ESPALIER_TYPES_H
#define ESPALIER_TYPES_H

#ifdef __bpf__
#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#define esl_inline static __always_inline
#define esl_ntohs(x) bpf_ntohs(x)
#define esl_ntohl(x) bpf_ntohl(x)
#define esl_htons(x) bpf_htons(x)
#define esl_htonl(x) bpf_htonl(x)
#define ESL_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#else
#include <arpa/inet.h>
#include <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define esl_inline static inline __attribute__((always_inline, unused))
#define esl_ntohs(x) ntohs(x)
#define esl_ntohl(x) ntohl(x)
#define esl_htons(x) htons(x)
#define esl_htonl(x) htonl(x)
#ifdef __cplusplus
#define ESL_STATIC_ASSERT(cond, text) static_assert(cond, text)
#else
#define ESL_STATIC_ASSERT(cond, text) _Static_assert(cond, text)
#endif
#endif

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the hash joins words as a little-endian load does"
#endif

/* Eight and two bytes of a packet in one load. Both targets load unaligned words. */
typedef __u64 __attribute__((may_alias)) esl_wide;
typedef __u16 __attribute__((may_alias)) esl_half;

/* An IPv6 address as on the wire; IPv4 is mapped, ::ffff:a.b.c.d (RFC 4291). */
struct esl_addr {
	__u8 byte[16];
};

esl_inline struct esl_addr esl_addr_from_ipv4(__be32 a)
{
	struct esl_addr r = { .byte = { [10] = 0xff, [11] = 0xff } };

	__builtin_memcpy(&r.byte[12], &a, sizeof(a));
	return r;
}

esl_inline bool esl_addr_equal(const void *a, const void *b)
{
	const esl_wide *x = a, *y = b;

	return x[0] == y[0] && x[1] == y[1];
}

/* All bytes 0: no address is configured. */
esl_inline bool esl_addr_none(const void *a)
{
	const esl_wide *x = a;

	return !(x[0] | x[1]);
}

#ifndef ESL_UNROLL
#ifdef __clang__
#define ESL_UNROLL _Pragma("unroll")
#else
#define ESL_UNROLL
#endif
#endif

/* Compute x here and now. BPF has few registers, and a compiler that loads all
 * operands of a long sum first spills them. */
#define esl_settle(x) __asm__ volatile("" : "+r"(x))
/* What is read from here on is read anew. */
#define esl_reload() __asm__ volatile("" : : : "memory")

/*
 * The words of a guard are shared by all CPUs.  Load and store are single
 * aligned accesses; the compare-and-exchange orders memory fully on both
 * targets (BPF_CMPXCHG, lock cmpxchg).
 */
#define esl_load(p) (*(const volatile __typeof__(*(p)) *)(p))
#define esl_store(p, v) (*(volatile __typeof__(*(p)) *)(p) = (v))
#define esl_cas(p, old, new) __sync_val_compare_and_swap(p, old, new)

#endif
