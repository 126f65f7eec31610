// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stacks are in vmalloc space, which /proc/vmcore has by physical address only:
 * dynamic address translation with a CPU's own control registers.
 *
 * z/Architecture Principles of Operation, SA22-7832, chapter 3, "Dynamic Address
 * Translation". Formats of the tables: asm/pgtable.h.
 */
#include <elf.h>

#include "translate.h"

#ifndef NT_S390_CTRS
#define NT_S390_CTRS	0x304
#endif
#define PSW_AT		112	/* in the descriptor of NT_PRSTATUS */
#define PSW_HOME_SPACE	(3ull << 46)
#define CR_PRIMARY	1
#define CR_HOME		13
#define ENTRIES_MASK	0x7ff
#define ENTRY_INVALID	0x20
#define ENTRY_LARGE	0x400
#define PTE_INVALID	0x400
#define CPUS		64

static uint64_t asces[CPUS];
static int cpus;
static bool home;

/* The kernel runs in the primary space, or, from Linux 7 on, in the home space. */
void translate_note(uint32_t type, const uint8_t *desc)
{
	const uint64_t *words = (const uint64_t *)desc;

	if (type == NT_PRSTATUS)
		home = (words[PSW_AT / 8] & PSW_HOME_SPACE) == PSW_HOME_SPACE;
	else if (type == NT_S390_CTRS && cpus < CPUS)
		asces[cpus++] = words[home ? CR_HOME : CR_PRIMARY];
}

bool translate(int cpu, uint64_t addr, uint64_t *phys)
{
	uint64_t table = asces[cpu] & ~0xfffull, entry;

	/* From the level that the address space says down to the segment table, level 0. */
	for (int level = asces[cpu] >> 2 & 3; level >= 0; level--) {
		int shift = 20 + 11 * level;

		if (!peek_phys(table + (addr >> shift & ENTRIES_MASK) * 8, &entry, 8) ||
		    (entry & ENTRY_INVALID))
			return false;
		if (level < 2 && (entry & ENTRY_LARGE)) {
			*phys = (entry & ~((1ull << shift) - 1)) | (addr & ((1ull << shift) - 1));
			return true;
		}
		table = entry & (level ? ~0xfffull : ~0x7ffull);
	}
	if (!peek_phys(table + (addr >> 12 & 0xff) * 8, &entry, 8) || (entry & PTE_INVALID))
		return false;
	*phys = (entry & ~0xfffull) | (addr & 0xfff);
	return true;
}
