/* SPDX-License-Identifier: GPL-2.0-only */
/* What 32-bit Arm's rewired functions need from the backend. */
#ifndef _ARM_CRASH_STOP_COMPAT_H
#define _ARM_CRASH_STOP_COMPAT_H

#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/spinlock.h>

/* Index of each rung, for the handlers that report back. */
#define ARM_RUNG_IPI	0

/* arch/arm/kernel/smp.c, where the IPIs are private */
void crash_stop_send_ipi(const struct cpumask *mask);

#ifdef CONFIG_CRASH_STOP
static inline void crash_stop_lock_die(arch_spinlock_t *lock)
{
	crash_stop_take_lock(arch_spin_trylock(lock), (void)0, NULL);
}
#else
/* No function: gcc may order those of an object by how many there are. */
#define crash_stop_lock_die(lock)	arch_spin_lock(lock)
#endif

#endif /* _ARM_CRASH_STOP_COMPAT_H */
