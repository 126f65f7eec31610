// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hashes of states, and the table of those that were seen. No CPU has these functions
 * on its stack, so that they alone, with the search, may be compiled to be fast: see
 * the Makefile.
 *
 * The table is in parts that grow one at a time, and by little: the machine's memory is
 * what ends a search, and no more of it than a part needs is there twice.
 */
#include "explore.h"

#define PART_BITS	8
#define FIRST_STATES	64		/* room of a part */

static struct part {
	struct seen *seen;
	u64 nr, room;
} *parts;

u64 explore_mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ (h >> 29);
}

u64 explore_hash(const void *p, size_t size, u64 h)
{
	u64 v;

	for (; size >= sizeof(v); size -= sizeof(v), p = (const char *)p + sizeof(v)) {
		memcpy(&v, p, sizeof(v));
		h = explore_mix(h, v);
	}
	for (v = 0; size; size--)
		v = v << 8 | ((const unsigned char *)p)[size - 1];
	return explore_mix(h, v);
}

/* Before the scene is set: what the program has as static data goes back and forth. */
void states_init(void)
{
	parts = calloc(1 << PART_BITS, sizeof(*parts));
	if (!parts)
		abort();
}

static struct seen *part_slot(const struct part *p, u64 hash)
{
	u64 i = (u64)((unsigned __int128)(hash << PART_BITS) * p->room >> 64);

	while (p->seen[i].hash && p->seen[i].hash != hash)
		i = i + 1 == p->room ? 0 : i + 1;
	return &p->seen[i];
}

static void part_grow(struct part *p)
{
	struct part old = *p;
	u64 i;

	p->room = old.room ? old.room + old.room / 4 : FIRST_STATES;
	p->seen = calloc(p->room, sizeof(*p->seen));
	if (!p->seen)
		abort();
	for (i = 0; i < old.room; i++)
		if (old.seen[i].hash)
			*part_slot(p, old.seen[i].hash) = old.seen[i];
	free(old.seen);
}

/* The state's place, until the next call; one with no hash in it is for who asks to fill. */
struct seen *state_slot(u64 hash)
{
	struct part *p = &parts[hash >> (64 - PART_BITS)];
	struct seen *seen;

	if (p->room) {
		seen = part_slot(p, hash);
		if (seen->hash)
			return seen;
	}
	/* A full part would be searched for ever. */
	if (10 * ++p->nr > 9 * p->room)
		part_grow(p);
	return part_slot(p, hash);
}
