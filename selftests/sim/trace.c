// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <stdarg.h>
#include <stdio.h>

#include "sim.h"

#define LINES 4096 /* a power of two */
#define WORDS 4

/* words: as many as the format has, each unsigned long long. */
struct line {
	__u64 at, local;
	__u32 member;
	const char *format;
	unsigned long long word[WORDS];
};

static struct line lines[LINES];
static __u64 count;
static bool printing;

void trace_start(bool print)
{
	count = 0;
	printing = print;
}

static void print(const struct line *l)
{
	printf("%11.6f ms  ", (double)l->at / 1e6);
	if (l->member == NOBODY)
		printf("               ");
	else
		printf("%2u %11.3f ", l->member, (double)l->local / 1e6);
		/* The format is one of this program's own. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	printf(l->format, l->word[0], l->word[1], l->word[2], l->word[3]);
#pragma GCC diagnostic pop
	putchar('\n');
}

static struct line *add(struct sim *s, __u32 member, const char *format)
{
	struct line *l = &lines[count++ % LINES];

	l->at = s->now;
	l->member = member;
	l->local = member == NOBODY ? 0 : clock_local(&s->member[member].clock, s->now);
	l->format = format;
	return l;
}

void trace_text(struct sim *s, __u32 member, const char *text, __u64 word)
{
	struct line *l = add(s, member, text);

	l->word[0] = word;
	if (printing)
		print(l);
}

void trace(struct sim *s, __u32 member, const char *format, ...)
{
	struct line *l = add(s, member, format);
	va_list args;

	va_start(args, format);
	for (int i = 0, n = 0; n < WORDS && format[i]; i++)
		if (format[i] == '%')
			l->word[n++] = va_arg(args, unsigned long long);
	va_end(args);
	if (printing)
		print(l);
}

void trace_print(__u64 last)
{
	__u64 from = count > last ? count - last : 0;

	if (count > LINES && from < count - LINES)
		from = count - LINES;
	for (__u64 i = from; i < count; i++)
		print(&lines[i % LINES]);
}
