// SPDX-License-Identifier: GPL-2.0-only
/*
 * The CPU that stops: capture, quiesce, acknowledge, park.
 *
 * A CPU goes through these states, and back only where it takes the crash over:
 *
 *	RUNNING --compare-and-exchange--> CAPTURING -> QUIESCING --release--> STOPPED
 *
 * CAPTURING saves the registers, STOPPED is the acknowledgment. A capture that
 * is interrupted for good is tried once more (RECAPTURING); without registers
 * the owner writes a placeholder.
 * A CPU gets there because a signal arrived (crash_stop_receive()), because it
 * lost a panic (crash_stop_self()), because it found the crash while it waited
 * for something (crash_stop_poll()), or because it has just come online
 * (crash_stop_cpu_online()). All of them park in crash_stop_here(), and leave it
 * only through the backend's release hook, when a crash kernel is to be booted.
 * Two of them watch the owner before that, and take over from one that hangs:
 * crash_standby.c.
 *
 * Races that are accepted:
 *  - A CPU answers after the last rung: it is captured and parked all the same,
 *    its note replaces the placeholder, and the report line has named it.
 *  - The crash kernel starts while such a CPU writes its note: the note is torn.
 *  - An NMI loses a panic on top of the quiescing: the CPU acknowledges with
 *    that half done.
 *  - A signal of one rung is taken while the next is raised: the CPU counts for
 *    the rung whose handler ran.
 *
 * Hooks: capture, quiesce, park and release of struct crash_stop_backend.
 */
#include <linux/atomic.h>
#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/panic.h>
#include <linux/percpu.h>
#include <linux/smp.h>

#include "crash_stop_internal.h"

DEFINE_PER_CPU(struct crash_cpu, crash_stop_cpu);

/* What the CPU was stopped in, on its stack, if by a signal. */
DEFINE_PER_CPU(struct pt_regs *, crash_stop_regs);

/* Set once: parked CPUs are to do what the crash kernel needs of them. */
static atomic_t crash_released = ATOMIC_INIT(0);

/** crash_stop_begun - has any CPU begun to stop the others? */
bool crash_stop_begun(void)
{
	return atomic_read(&crash_stopper) != PANIC_CPU_INVALID;
}

/* Another CPU is stopping this one: it may not be the owner of a panic. */
static bool crash_stop_wanted(void)
{
	int stopper = atomic_read(&crash_stopper);

	return stopper != PANIC_CPU_INVALID && stopper != raw_smp_processor_id() &&
	       !panic_mutex_is_mine();
}

/* A panic goes before a reboot, whoever sent the signal. */
static enum crash_stop_why crash_stop_why(void)
{
	return atomic_read(&panic_cpu) == PANIC_CPU_INVALID ? CRASH_STOP_REBOOT : CRASH_STOP_PANIC;
}

/* This CPU has begun to do so, and will not again, if it comes back through a fault. */
static DEFINE_PER_CPU(bool, crash_cpu_released);

static void __noreturn crash_stop_park(int how)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	bool *released = this_cpu_ptr(&crash_cpu_released);

	for (;;) {
		/* Pairs with atomic_set_release() in crash_stop_release(): release.litmus. */
		if (backend->release && !*released && atomic_read_acquire(&crash_released)) {
			*released = true;
			backend->release(how);
		} else if (backend->park) {
			backend->park(crash_stop_why());
		} else {
			cpu_relax();
		}
	}
}

/* Stop this CPU. Interrupts are off. */
static void __noreturn crash_stop_here(struct pt_regs *regs, int how)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	struct crash_cpu *me = this_cpu_ptr(&crash_stop_cpu);
	int old = CRASH_CPU_RUNNING;

	/*
	 * Not RUNNING any more: the capture or quiescing below us faulted, or an
	 * NMI lost a panic on top of it. It will not be resumed, so finish in its
	 * place: capture once more, but quiesce only if that has not begun.
	 * Fully ordered, before crash_stop_why() looks for a panic: why.litmus.
	 */
	if (!atomic_try_cmpxchg(&me->state, &old, CRASH_CPU_CAPTURING) &&
	    old == CRASH_CPU_CAPTURING)
		atomic_set(&me->state, CRASH_CPU_RECAPTURING);
	if (old < CRASH_CPU_RECAPTURING) {
		me->how = how;
		*this_cpu_ptr(&crash_stop_regs) = regs;
		crash_stop_capture(regs);
	}
	if (old < CRASH_CPU_QUIESCING) {
		atomic_set(&me->state, CRASH_CPU_QUIESCING);
		if (backend->quiesce)
			backend->quiesce(crash_stop_why());
	}
	if (old < CRASH_CPU_STOPPED && crash_stop_why() == CRASH_STOP_PANIC)
		crash_standby_claim(me->how);
	/*
	 * Pairs with atomic_read_acquire() in crash_stop_cpu_stopped(), for the
	 * registers, the message and all that this CPU has done: acknowledge.litmus,
	 * message.litmus, note-kept.litmus, note-abandoned.litmus, image.litmus,
	 * release.litmus, inherit-stopped.litmus, result.litmus.
	 */
	atomic_set_release(&me->state, CRASH_CPU_STOPPED);
	crash_standby_watch();
	crash_stop_park(me->how);
}

/**
 * crash_stop_capture - save this CPU's registers as its crash note
 * @regs: the registers to save, or NULL for those of the caller
 */
void crash_stop_capture(struct pt_regs *regs)
{
	if (arch_crash_stop_backend()->capture)
		crash_stop_note(regs, raw_smp_processor_id());
}

/**
 * crash_stop_receive - a stop signal has arrived on this CPU
 * @regs: what it interrupted
 * @rung: index of the rung in the backend's ladder
 *
 * Context: the signal's handler, interrupts off.
 * Return: false, when this CPU is not to stop here: no stop is under way, it is
 * the one that stops the others, it has stopped already below this handler, or
 * it is inside kmsg_dump() and the rung is a gentle one, in which case it parks
 * as soon as it leaves. Otherwise the function does not return.
 */
bool crash_stop_receive(struct pt_regs *regs, int rung)
{
	struct crash_cpu *me = this_cpu_ptr(&crash_stop_cpu);

	if (!crash_stop_wanted() || atomic_read(&me->state) != CRASH_CPU_RUNNING)
		return false;
	if (atomic_read(&me->dumping) > 0 && !arch_crash_stop_backend()->rungs[rung].reaches_masked)
		return false;
	crash_stop_here(regs, rung);
}

/**
 * crash_stop_self - park this CPU, which has lost
 * @regs: what to save as its registers, or NULL for those of the caller
 *
 * Context: any; the owner neither signals this CPU nor waits for it.
 */
void __noreturn crash_stop_self(struct pt_regs *regs)
{
	local_irq_disable();
	crash_stop_here(regs, CRASH_BY_ITSELF);
}

/**
 * crash_stop_poll - park if another CPU owns the crash or is stopping this one
 * @regs: as for crash_stop_self()
 *
 * For loops that wait, interrupts off, for something that a stopped CPU may
 * hold. Context: any.
 */
void crash_stop_poll(struct pt_regs *regs)
{
	if (panic_mutex_is_lost() || crash_stop_wanted())
		crash_stop_self(regs);
}

/**
 * crash_stop_cpu_online - park a CPU that came online after the stop began
 *
 * Context: the CPU that comes up, after it is in cpu_online_mask.
 */
void crash_stop_cpu_online(void)
{
	/*
	 * Pairs with smp_mb() in crash_ladder_run(): either this CPU sees
	 * that the stop has begun, or the ladder sees this CPU online: online.litmus.
	 */
	smp_mb();
	if (crash_stop_wanted())
		crash_stop_self(NULL);
}

/**
 * crash_stop_release - let the parked CPUs do what the crash kernel needs of them
 *
 * Context: the owner, once the log is saved and an image will be booted.
 */
void crash_stop_release(void)
{
	/* Pairs with atomic_read_acquire() in crash_stop_park(): release.litmus. */
	atomic_set_release(&crash_released, 1);
}

/** crash_stop_cpu_stopped - has @cpu acknowledged? Then its registers are visible. */
bool crash_stop_cpu_stopped(unsigned int cpu)
{
	/*
	 * Pairs with atomic_set_release() in crash_stop_here(), which names what for,
	 * and in crash_collect(): acknowledge.litmus, message.litmus, remote.litmus,
	 * note-kept.litmus, note-abandoned.litmus, image.litmus, release.litmus,
	 * inherit-stopped.litmus, result.litmus, stays.litmus.
	 */
	return atomic_read_acquire(&per_cpu(crash_stop_cpu, cpu).state) == CRASH_CPU_STOPPED;
}
