/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What powerpc kernels from 6.1 on and their platforms call differently, under
 * one name each, and what the rewired functions call of the backend.
 */
#ifndef _POWERPC_CRASH_STOP_COMPAT_H
#define _POWERPC_CRASH_STOP_COMPAT_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/crash_stop.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <asm/smp.h>

struct pt_regs;

/* Index of each rung, for the handler that reports back. */
#define PPC_RUNG_IPI	0
#define PPC_RUNG_SRESET	1

/* arch/powerpc/kernel/crash_stop.c */
int crash_stop_nmi_ipi(struct pt_regs *regs);

/* arch/powerpc/kernel/crash_stop_kexec.c */
void crash_stop_ppc_release(int how);
void crash_stop_ppc_fadump(void);
void crash_stop_wake_offline(void);
void crash_stop_await_real_mode(void);
bool crash_stop_fadump_early(struct pt_regs *regs, const char *str);

#ifdef CONFIG_SMP
/* The interrupt controller has a message of its own for it, or all share one. */
static inline void crash_stop_send_ipi(int cpu)
{
	if (smp_ops->message_pass)
		smp_ops->message_pass(cpu, PPC_MSG_NMI_IPI);
#ifdef CONFIG_PPC_SMP_MUXED_IPI
	else
		smp_muxed_ipi_message_pass(cpu, PPC_MSG_NMI_IPI);
#endif
}
#endif

/*
 * The lock of the NMI IPIs and their busy flag may belong to a CPU that was
 * stopped, or to the owner, who panicked while it sent one.
 */
static inline bool crash_stop_nmi_ipi_stuck(const bool *busy, const atomic_t *lock)
{
	if (!IS_ENABLED(CONFIG_CRASH_STOP))
		return false;
	return crash_stop_begun() ||
	       (panic_mutex_is_mine() && (READ_ONCE(*busy) || atomic_read(lock)));
}

#ifdef CONFIG_CRASH_STOP
static inline void crash_stop_lock_die(arch_spinlock_t *lock)
{
	crash_stop_take_lock(arch_spin_trylock(lock), (void)0, NULL);
}
#else
/* No function: gcc may order those of an object by how many there are. */
#define crash_stop_lock_die(lock)	arch_spin_lock(lock)
#endif

#endif /* _POWERPC_CRASH_STOP_COMPAT_H */
