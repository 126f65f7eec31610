/* SPDX-License-Identifier: GPL-2.0-only */
/* Virtual addresses that /proc/vmcore's program headers do not have. */
#ifndef TRANSLATE_H
#define TRANSLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In arch/<arch>/guest/, where there is something to translate. */
__attribute__((weak)) void translate_note(uint32_t type, const uint8_t *desc);
__attribute__((weak)) bool translate(int cpu, uint64_t addr, uint64_t *phys);

/* In init.c: the crashed kernel's memory at a physical address. */
bool peek_phys(uint64_t addr, void *to, size_t len);

#endif /* TRANSLATE_H */
