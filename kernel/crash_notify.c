// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who is told of the crash, and when.
 *
 *	crash_log_list		adds to the log before it is saved
 *	crash_console_list	brings out what consoles have buffered: after the
 *				report line, before the crash kernel, at the end
 *	kmsg dumpers		save it
 *	panic_notifier_list	after the crash kernel had its chance, or before the
 *				log is saved with crash_kexec_post_notifiers
 *
 * Each notifier and dumper is a part of a walk, see crash_step.c: one that faults costs
 * itself. A panic notifier of the lowest priority may not return; those are for
 * CRASH_NOTIFY_LAST, when there is nothing left to do.
 *
 * Races that are accepted: one is registered by a CPU that did not stop while the
 * walk is on; a nested entry may skip one or run one twice.
 *
 * Hooks: none.
 */
#include <linux/atomic.h>
#include <linux/crash_stop.h>
#include <linux/kernel.h>
#include <linux/kmsg_dump.h>
#include <linux/limits.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include "crash_stop_internal.h"

ATOMIC_NOTIFIER_HEAD(crash_log_list);
ATOMIC_NOTIFIER_HEAD(crash_console_list);

/**
 * crash_step_sys_info - is it time to add to the log what is to be saved with it?
 * @post_notifiers: crash_kexec_post_notifiers
 *
 * With an image the crash kernel has all of it, and the log stays short. Runs
 * the notifiers of crash_log_list; the caller adds sys_info().
 *
 * Return: whether to take the step.
 */
bool crash_step_sys_info(bool post_notifiers)
{
	if ((!post_notifiers && crash_stop_have_image()) || !crash_step(CRASH_SYS_INFO))
		return false;
	atomic_notifier_call_chain(&crash_log_list, 0, NULL);
	return true;
}

/* Call the notifiers of a list, each one a part of the walk. */
static void crash_call(struct atomic_notifier_head *list, bool last, char *msg)
{
	struct notifier_block *nb, *next;
	bool due;

	rcu_read_lock();
	for (nb = rcu_dereference_raw(list->head); nb; nb = next) {
		next = rcu_dereference_raw(nb->next);
		due = last == (nb->priority == INT_MIN);
		if (due && crash_substep(nb->notifier_call) &&
		    nb->notifier_call(nb, 0, msg) & NOTIFY_STOP_MASK)
			break;
	}
	rcu_read_unlock();
}

/**
 * crash_notify - call the panic notifiers
 * @step: CRASH_NOTIFY_EARLY or CRASH_NOTIFY for those that return,
 *	CRASH_NOTIFY_LAST for those of the lowest priority, which may not
 * @msg: the panic's message
 *
 * Context: the owner.
 */
void crash_notify(enum crash_step step, char *msg)
{
	if (crash_step(step))
		crash_call(&panic_notifier_list, step == CRASH_NOTIFY_LAST, msg);
}

/**
 * crash_show - bring out what the consoles have buffered
 * @step: CRASH_SHOW, CRASH_SHOW_REST, or CRASH_KEXEC, which is under way
 *
 * Context: the owner.
 */
void crash_show(enum crash_step step)
{
	if (!crash_step_shortest() && (step == CRASH_KEXEC || crash_step(step)))
		crash_call(&crash_console_list, false, NULL);
}

/**
 * crash_dump_begin - may kmsg_dump() run the dumpers for @reason now?
 * @reason: as given to kmsg_dump()
 *
 * On the owner only the walk of CRASH_DUMP may: what an oops inside a dumper or
 * the restart at the end would dump is in the log that was or will be saved.
 *
 * Context: any; a CPU that has lost or is to stop parks.
 * Return: the CPU to give to crash_dump_end(), or -1 for no.
 */
int crash_dump_begin(enum kmsg_dump_reason reason)
{
	int this_cpu;

	/* A dumper that begins now could hold the store's lock when the owner needs it. */
	crash_stop_poll(NULL);
	this_cpu = raw_smp_processor_id();
	if (panic_mutex_is_mine() &&
	    (reason != KMSG_DUMP_PANIC || !crash_step_again(CRASH_DUMP)))
		return -1;
	atomic_inc(&per_cpu(crash_stop_cpu, this_cpu).dumping);
	return this_cpu;
}

/** crash_dump_part - may kmsg_dump() run this dumper? */
bool crash_dump_part(struct kmsg_dumper *dumper)
{
	if (panic_mutex_is_mine())
		return crash_substep(dumper->dump);
	/* Whoever has taken the crash over has no patience with this CPU. */
	if (crash_had_the_crash())
		crash_stop_poll(NULL);
	return true;
}

/**
 * crash_dump_end - kmsg_dump() is over on this CPU
 * @cpu: what crash_dump_begin() returned
 *
 * Parks, if a gentle stop signal came in the meantime.
 */
void crash_dump_end(int cpu)
{
	/* dump-end.litmus. Needs no order: the signal's handler was on this CPU. */
	if (atomic_dec_and_test(&per_cpu(crash_stop_cpu, cpu).dumping))
		crash_stop_poll(NULL);
}
