// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_stop on s390: the operator's PSW restart.
 *
 *	any CPU, on its restart stack --> CPU 0 --> panic(), or the on_restart action
 *
 * Races that are accepted: a PSW restart resets CPU 0 in the moment in which that
 * claims the panic.
 *
 * Hooks: none.
 */
#include <linux/atomic.h>
#include <linux/crash_stop.h>
#include <linux/panic.h>
#include <asm/processor.h>
#include <asm/smp.h>

#include "crash_stop_compat.h"

/**
 * crash_stop_psw_restart - somebody has pressed PSW restart
 *
 * While nobody owns a crash it returns. A CPU that the owner has stopped stops
 * again; the owner itself, which then seems to hang, goes on behind the step
 * that it is in.
 *
 * Context: the restart stack, interrupts off; the CPU may be offline.
 */
void crash_stop_psw_restart(void)
{
	int owner = atomic_read(&panic_cpu);

	if (owner == PANIC_CPU_INVALID)
		return;
	if (owner != smp_find_processor_id(stap()))
		smp_stop_cpu();
	panic("PSW restart");
}

/**
 * crash_stop_psw_panic - PSW restart, on the CPU that deals with it
 *
 * With a crash kernel it is a panic, which saves the log first. Without one it
 * returns, and the on_restart action is done.
 *
 * Context: CPU 0, interrupts off.
 */
void crash_stop_psw_panic(void)
{
	if (crash_stop_have_image())
		panic("PSW restart");
}
