/* SPDX-License-Identifier: GPL-2.0-only */
/* What RISC-V's rewired functions need from the backend. */
#ifndef _RISCV_CRASH_STOP_COMPAT_H
#define _RISCV_CRASH_STOP_COMPAT_H

#include <linux/compiler.h>
#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/spinlock.h>

/* Index of each rung, for the handlers that report back. */
#define RISCV_RUNG_IPI	0

/* arch/riscv/kernel/smp.c, where the IPIs are private */
void crash_stop_send_ipi(const struct cpumask *mask);

static inline unsigned long crash_stop_lock_die(raw_spinlock_t *lock)
{
	unsigned long flags;

	local_irq_save(flags);
	crash_stop_take_lock(raw_spin_trylock(lock), __acquire(lock), NULL);
	return flags;
}

#endif /* _RISCV_CRASH_STOP_COMPAT_H */
