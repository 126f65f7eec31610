/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared between the files of the core, for nobody else. */
#ifndef _CRASH_STOP_INTERNAL_H
#define _CRASH_STOP_INTERNAL_H

#include <linux/atomic.h>
#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/types.h>

/* The CPU that climbs the ladder, PANIC_CPU_INVALID before any stop began. */
extern atomic_t crash_stopper;

/**
 * struct crash_clock - what a wait has taken so far
 * @ns: nanoseconds counted
 * @last_ns: the last reading of sched_clock()
 * @still_ns: counted by polls since that reading last changed
 */
struct crash_clock {
	u64 ns;
	u64 last_ns;
	u64 still_ns;
};

/* Can its signal be sent on this machine? */
static inline bool crash_rung_usable(const struct crash_rung *rung)
{
	return !rung->usable || rung->usable();
}

/* The same outside a stop: as the ladder asks, with interrupts off. */
static inline bool crash_rung_usable_now(const struct crash_rung *rung)
{
	unsigned long flags;
	bool usable;

	local_irq_save(flags);
	usable = crash_rung_usable(rung);
	local_irq_restore(flags);
	return usable;
}

/* kernel/crash_clock.c */
void crash_clock_start(struct crash_clock *clock);
u64 crash_clock_poll(struct crash_clock *clock);

/* kernel/crash_step.c */
void crash_step_nested(void);
bool crash_step_shortest(void);

#endif /* _CRASH_STOP_INTERNAL_H */
