// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the crash kernel gets: a note per CPU, vmcoreinfo, and its start.
 *
 * A note has one writer at a time, decided by compare-and-exchange:
 *
 *	NONE --owner--> PLACING -> PLACEHOLDER --the CPU, late--> WRITING -> REGS
 *	PLACING, its owner has lost the crash --owner--> PLACING -> PLACEHOLDER
 *	NONE --the CPU--> WRITING -> REGS --it takes the crash over--> NONE
 *
 * A placeholder stands for a CPU that did not stop, or that could not save its
 * registers: all of them zero, pid -1, so that no tool that counts notes numbers
 * the CPUs behind it wrongly.
 *
 * Races that are accepted: the crash kernel starts while a late CPU writes; the
 * owner faults while it writes a placeholder, and the late CPU, which waits
 * CRASH_PLACING_US at the most, writes over half of it; an owner that lost the crash
 * in a placeholder comes back, and writes the rest of it over the registers of such
 * a CPU; an owner is held up for its deadline between taking the kexec lock and
 * keeping that it has, and some other CPU has not stopped: its successor boots no
 * crash kernel, as if that one had the lock.
 *
 * Hooks: capture, firmware_dump and before_crash_kernel of struct crash_stop_backend.
 */
#define pr_fmt(fmt) "crash_stop: " fmt

#include <linux/atomic.h>
#include <linux/crash_core.h>
#include <linux/crash_stop.h>
#include <linux/elfcore.h>
#include <linux/irqflags.h>
#include <linux/kexec.h>
#include <linux/objtool.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#ifndef NN_PRSTATUS
#define NN_PRSTATUS	"CORE"
#endif

#define CRASH_PLACEHOLDER_PID	(-1)
#define CRASH_PLACING_US	10000	/* for a hypervisor that takes the CPU away */

/* Who was the last to write a placeholder for this CPU, counted from 1. */
static DEFINE_PER_CPU(int, crash_placer);

/* The registers of the oops that led to crash_kexec(). */
static struct pt_regs *crash_regs;
static int crash_regs_cpu;

/**
 * crash_stop_note - save registers as the note of a CPU
 * @regs: the registers, or NULL for those of the caller
 * @cpu: this CPU
 *
 * The first registers count: a CPU that redirected its panic, or that was
 * interrupted while it captured, keeps those of its own crash.
 *
 * Context: any, interrupts off.
 */
void __noclone crash_stop_note(struct pt_regs *regs, int cpu)
{
	struct crash_cpu *p = &per_cpu(crash_stop_cpu, cpu);
	int old = atomic_read(&p->note);
	struct crash_clock clock = {};
	struct pt_regs here;

	crash_clock_start(&clock);
	/*
	 * One writer: note-writer.litmus, note-kept.litmus, note-abandoned.litmus.
	 * Fully ordered, behind the placeholder: note-late.litmus.
	 */
	do {
		if (old == CRASH_NOTE_REGS)
			return;
		while (old == CRASH_NOTE_PLACING && clock.ns < CRASH_PLACING_US * NSEC_PER_USEC) {
			crash_clock_poll(&clock);
			old = atomic_read(&p->note);
		}
	} while (!atomic_try_cmpxchg(&p->note, &old, CRASH_NOTE_WRITING));

	crash_setup_regs(&here, regs);
	arch_crash_stop_backend()->capture(&here, cpu);
	/* What says that it is whole comes last: note-whole.litmus, note-kept.litmus. */
	atomic_set_release(&p->note, CRASH_NOTE_REGS);
}

/* As __crash_kexec(): crash_setup_regs() pushes the flags. */
STACK_FRAME_NON_STANDARD(crash_stop_note);

/**
 * crash_stop_placeholder - write the note of a CPU that has none
 * @cpu: that CPU
 *
 * Nothing is done to the note of a CPU that has saved its registers, or that
 * runs on and is about to.
 *
 * Context: the owner, after the ladder.
 */
void crash_stop_placeholder(int cpu)
{
	struct crash_cpu *p = &per_cpu(crash_stop_cpu, cpu);
	struct elf_prstatus prstatus = {};
	bool stopped = crash_stop_cpu_stopped(cpu);
	int old = atomic_read(&p->note), me = raw_smp_processor_id() + 1;
	u32 *buf;

	/*
	 * One that has stopped in the middle of it writes no more. An owner that hung
	 * in it is owner no more, and if it goes on, it writes the same.
	 */
	if (!(old == CRASH_NOTE_WRITING && stopped) &&
	    !(old == CRASH_NOTE_PLACING && READ_ONCE(per_cpu(crash_placer, cpu)) != me))
		old = CRASH_NOTE_NONE;
	/* note-writer.litmus, note-kept.litmus, note-abandoned.litmus, note-late.litmus */
	if (!crash_notes || !atomic_try_cmpxchg(&p->note, &old, CRASH_NOTE_PLACING))
		return;
	WRITE_ONCE(per_cpu(crash_placer, cpu), me);
	prstatus.common.pr_pid = CRASH_PLACEHOLDER_PID;
	buf = (u32 *)per_cpu_ptr(crash_notes, cpu);
	buf = append_elf_note(buf, NN_PRSTATUS, NT_PRSTATUS, &prstatus, sizeof(prstatus));
	final_note(buf);
	old = CRASH_NOTE_PLACING;
	/* Pairs with the compare-and-exchange in crash_stop_note(): note-late.litmus. */
	atomic_try_cmpxchg(&p->note, &old, CRASH_NOTE_PLACEHOLDER);
}

/**
 * crash_stop_vmcoreinfo - add the counts and the way to struct crash_cpu
 *
 * Context: crash_save_vmcoreinfo(), after the switch to the safe copy.
 */
void crash_stop_vmcoreinfo(void)
{
	const struct crash_stop_result *r = crash_stop_result();

	if (!r)
		return;
	vmcoreinfo_append_str("NUMBER(crash_stop_cpus)=%u\n", r->cpus);
	vmcoreinfo_append_str("NUMBER(crash_stop_stopped)=%u\n", r->stopped);
	vmcoreinfo_append_str("NUMBER(crash_stop_us)=%u\n", r->us);
	VMCOREINFO_SYMBOL(crash_stop_cpu);
#ifdef CONFIG_SMP
	VMCOREINFO_SYMBOL_ARRAY(__per_cpu_offset);
#endif
	VMCOREINFO_STRUCT_SIZE(crash_cpu);
	VMCOREINFO_OFFSET(crash_cpu, state);
	VMCOREINFO_OFFSET(crash_cpu, note);
	VMCOREINFO_OFFSET(crash_cpu, how);
	VMCOREINFO_OFFSET(crash_cpu, us);
	VMCOREINFO_OFFSET(crash_cpu, msg);
}

/** crash_stop_have_image - is a whole crash kernel image loaded? */
bool crash_stop_have_image(void)
{
	/* Every writer clears it before it touches the image. */
	return READ_ONCE(kexec_crash_image);
}

/**
 * crash_stop_may_kexec - may the crash kernel be booted, and if not, say why
 * @locked: the kexec lock was free, and now is the caller's
 *
 * If so, what it needs of this kernel is done, in parts, of which one that
 * faults is skipped: vmcoreinfo was valid since boot.
 *
 * Context: __crash_kexec(), on the owner.
 * Return: whether to go on; the caller still looks at kexec_crash_image.
 */
bool crash_stop_may_kexec(bool locked)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	static bool kept;	/* the lock, by a fault or a hang in one of the parts below */
	bool say;

	/* Who is held up here and comes back after a takeover writes what its successor wrote. */
	locked = locked || READ_ONCE(kept);
	WRITE_ONCE(kept, locked);
	if (backend->firmware_dump && crash_substep(backend->firmware_dump))
		backend->firmware_dump();
	say = crash_substep(crash_stop_may_kexec);
	if (!crash_stop_have_image()) {
		if (say && locked)
			pr_emerg("no crash kernel is loaded\n");
		else if (say)
			pr_emerg("crash kernel not booted: the kexec lock is held and there is no whole image\n");
		return locked;
	}
	/* Who has it may be writing the image, unless it stands still, or panicked. */
	if (!locked && !crash_standby_all_came()) {
		if (say)
			pr_emerg("crash kernel not booted: the kexec lock is held and not all CPUs stopped\n");
		return false;
	}
	if (say)
		pr_emerg("booting the crash kernel%s; its image %s verified\n",
			 locked ? "" : ", though the kexec lock is held",
			 backend->verifies_image ? "is" : "was not");
	if (crash_substep(crash_save_vmcoreinfo))
		crash_save_vmcoreinfo();
	crash_show(CRASH_KEXEC);
	return crash_substep(crash_stop_before_crash_kernel);
}

/**
 * crash_stop_before_crash_kernel - bring the machine into the crash kernel's state
 * @regs: the registers for the owner's note
 */
void crash_stop_before_crash_kernel(struct pt_regs *regs)
{
	struct crash_cpu *me = this_cpu_ptr(&crash_stop_cpu);

	atomic_set(&me->note, CRASH_NOTE_REGS);
	crash_stop_release();
	arch_crash_stop_backend()->before_crash_kernel(regs);
}

/**
 * crash_stop_owner_regs - the registers to save as the owner's
 * @regs: what __crash_kexec() was given
 *
 * Return: those, or else the registers of the oops that led to crash_kexec().
 */
struct pt_regs *crash_stop_owner_regs(struct pt_regs *regs)
{
	/* Not on a CPU that has taken the crash over. */
	if (!regs && crash_regs_cpu == raw_smp_processor_id())
		return crash_regs;
	return regs;
}

/**
 * crash_stop_crash_kexec - crash_kexec(): a panic, if an image is loaded
 * @regs: the registers of the oops
 *
 * Without an image nobody is stopped and it returns, and so it does on the
 * owner, whose oops code goes on to its nested panic.
 *
 * Context: any.
 */
void crash_stop_crash_kexec(struct pt_regs *regs)
{
	unsigned long flags;

	local_irq_save(flags);
	if (panic_mutex_is_lost())
		crash_stop_self(regs);
	if (crash_stop_have_image() && !panic_mutex_is_mine()) {
		if (panic_mutex_take() == PANIC_MUTEX_LOST)
			panic_mutex_park_msg(regs, "crash_kexec");
		crash_regs = regs;
		crash_regs_cpu = raw_smp_processor_id();
		panic("Fatal exception");
	}
	local_irq_restore(flags);
}
