/* SPDX-License-Identifier: GPL-2.0-only */
/* What s390 kernels from 6.1 on call differently, under one name each. */
#ifndef _S390_CRASH_STOP_COMPAT_H
#define _S390_CRASH_STOP_COMPAT_H

#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <asm/processor.h>
#include <asm/ptrace.h>
#include <asm/smp.h>

/* Index of each rung, for the handlers that report back. */
#define S390_RUNG_IPI	0
#define S390_RUNG_STOP	1

/* Interrupts and machine checks off. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define CRASH_STOP_PSW_MASK	PSW_KERNEL_BITS
#else
#define CRASH_STOP_PSW_MASK	(PSW_KERNEL_BITS | PSW_MASK_DAT)
#endif

#ifdef CONFIG_CRASH_STOP
/* In arch/s390/kernel/smp.c: the emergency signal is to stop this CPU. */
void crash_stop_set_ec(int cpu);
void crash_stop_psw_restart(void);
void crash_stop_psw_panic(void);
void crash_stop_settle(void);
#else
static inline void crash_stop_psw_restart(void) { }
static inline void crash_stop_psw_panic(void) { }
static inline void crash_stop_settle(void) { }
#endif

/* The emergency signal has arrived. */
static inline void crash_stop_signalled(void)
{
	if (IS_ENABLED(CONFIG_CRASH_STOP))
		crash_stop_receive(NULL, S390_RUNG_IPI);
	else
		smp_stop_cpu();
}

#ifdef CONFIG_CRASH_STOP
static inline void crash_stop_lock_die(spinlock_t *lock)
{
	local_irq_disable();
	crash_stop_take_lock(spin_trylock(lock), __acquire(lock), NULL);
}

/* The owner of a panic has not taken it, and keeps interrupts off. */
static inline void crash_stop_unlock_die(spinlock_t *lock)
{
	if (panic_mutex_is_mine())
		__release(lock);
	else
		spin_unlock_irq(lock);
}
#else
/* No functions: gcc may order those of an object by how many there are. */
#define crash_stop_lock_die(lock)	spin_lock_irq(lock)
#define crash_stop_unlock_die(lock)	spin_unlock_irq(lock)
#endif

#endif /* _S390_CRASH_STOP_COMPAT_H */
