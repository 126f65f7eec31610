/* SPDX-License-Identifier: GPL-2.0-only */
/* What x86 kernels from 6.1 on call differently, under one name each. */
#ifndef _X86_CRASH_STOP_COMPAT_H
#define _X86_CRASH_STOP_COMPAT_H

#include <linux/crash_stop.h>
#include <linux/kexec.h>
#include <linux/spinlock.h>
#include <linux/version.h>
#include <asm/apic.h>
#include <asm/processor.h>
#include <asm/reboot.h>
#include <asm/smp.h>
#include <asm/special_insns.h>
#include <xen/xen.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <asm/sev.h>
#endif
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#include <asm/virt.h>
#endif

/* Index of each rung, for the handlers that report back. */
#define X86_RUNG_IPI	0
#define X86_RUNG_NMI	1
#define X86_RUNG_XEN	2

#ifdef CONFIG_SMP
/* No platform has put its own way of stopping CPUs in the place of ours. */
static inline bool x86_stops_natively(void)
{
#ifdef CONFIG_CRASH_STOP_DUMP
	if (smp_ops.crash_stop_other_cpus &&
	    smp_ops.crash_stop_other_cpus != kdump_nmi_shootdown_cpus)
		return false;
#endif
	return !xen_pv_domain();
}
#endif

#ifdef CONFIG_CRASH_STOP
static inline void crash_stop_lock_die(arch_spinlock_t *lock)
{
	crash_stop_take_lock(arch_spin_trylock(lock), (void)0, NULL);
}
#else
/* No function: gcc may order those of an object by how many there are. */
#define crash_stop_lock_die(lock)	arch_spin_lock(lock)
#endif

static inline void crash_stop_send_ipi(int cpu, int vector)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	__apic_send_IPI(cpu, vector);
#else
	apic->send_IPI(cpu, vector);
#endif
}

static inline void crash_stop_disable_virt(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	x86_virt_emergency_disable_virtualization_cpu();
#else
	cpu_emergency_disable_virtualization();
#endif
}

static inline void crash_stop_sev(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	kdump_sev_callback();
#endif
}

/* Caches may hold lines with the encryption bit of memory set differently. */
static inline void crash_stop_flush_cache(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	if (this_cpu_read(cache_state_incoherent))
		wbinvd();
#else
	struct cpuinfo_x86 *c = this_cpu_ptr(&cpu_info);

	/* Straight from CPUID: the command line may have cleared the feature. */
	if (c->extended_cpuid_level >= 0x8000001f && (cpuid_eax(0x8000001f) & BIT(0)))
		native_wbinvd();
#endif
}

/* ACPI's multiprocessor wakeup mailbox takes CPUs back; it does not return. */
static inline void crash_stop_platform_park(void)
{
#if defined(CONFIG_SMP) && LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
	if (smp_ops.stop_this_cpu)
		smp_ops.stop_this_cpu();
#endif
}

#endif /* _X86_CRASH_STOP_COMPAT_H */
