// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hashes of states. No CPU has these functions on its stack, so that they alone, with
 * the search, may be compiled to be fast: see the Makefile.
 */
#include "explore.h"

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
