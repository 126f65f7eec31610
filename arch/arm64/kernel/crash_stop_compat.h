/* SPDX-License-Identifier: GPL-2.0-only */
/* What arm64 kernels from 6.1 on call differently, under one name each. */
#ifndef _ARM64_CRASH_STOP_COMPAT_H
#define _ARM64_CRASH_STOP_COMPAT_H

#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <asm/cpufeature.h>
#include <asm/ptrace.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#include <asm/nmi.h>
#endif

/* Index of each rung, for the handlers that report back. */
#define ARM64_RUNG_IPI	0
#define ARM64_RUNG_NMI	1
#define ARM64_RUNG_SDEI	2

/* Added to arch/arm64/kernel/smp.c, where the IPIs are. */
void arm64_crash_stop_raise_ipi(const struct cpumask *mask);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
void arm64_crash_stop_raise_nmi(const struct cpumask *mask);
#else
static inline void arm64_crash_stop_raise_nmi(const struct cpumask *mask) { }
#endif

/* Kernels before 6.12 have pseudo-NMI, but no IPI that is one. */
static inline bool arm64_crash_stop_has_nmi(void)
{
	return LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0) && system_uses_irq_prio_masking();
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
void arm64_crash_stop_sdei(struct pt_regs *regs);
static inline bool sdei_nmi_active(void) { return false; }
#endif

static inline unsigned long crash_stop_lock_die(raw_spinlock_t *lock, struct pt_regs *regs)
{
	unsigned long flags;

	local_irq_save(flags);
	crash_stop_take_lock(raw_spin_trylock(lock), __acquire(lock), regs);
	return flags;
}

#endif /* _ARM64_CRASH_STOP_COMPAT_H */
