/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared between the files of the core, for nobody else. */
#ifndef _CRASH_STOP_INTERNAL_H
#define _CRASH_STOP_INTERNAL_H

#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/irqflags.h>
#include <linux/minmax.h>
#include <linux/percpu.h>
#include <linux/types.h>

/* The CPU that climbs the ladder, PANIC_CPU_INVALID before any stop began. */
extern atomic_t crash_stopper;

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

/**
 * struct crash_ladder - how far a stop is
 * @seen: CPUs that were to stop
 * @left: those that have not
 * @first: the gentlest rung that is usable here
 * @next_rung: a nested entry goes on here
 * @done: it has ended
 * @clock: since the first signal
 * @last: the ladder of the owner before, who may have left CPUs as well
 * @result: what came of it
 */
struct crash_ladder {
	struct cpumask seen;
	struct cpumask left;
	const struct crash_rung *first;
	unsigned int next_rung;
	bool done;
	struct crash_clock clock;
	const struct crash_ladder *last;
	struct crash_stop_result result;
};

#define CRASH_STANDBYS	2	/* CPUs that watch the owner, and so takeovers */
#define CRASH_LADDERS	(CRASH_STOP_PANIC + 1 + CRASH_STANDBYS)

/*
 * kernel/crash_stop.c: a reboot's, a panic's, and one for each CPU that takes it over.
 * Each CPU's own: an owner that was taken over and did not stop may still climb it.
 */
extern struct crash_ladder crash_ladders[CRASH_LADDERS];
bool crash_stop_succeed(unsigned int old_cpu, unsigned int heirs);

/* kernel/crash_stop_report.c */
void crash_stop_sum_up(struct crash_ladder *l, enum crash_stop_why why);
bool crash_stop_ended(void);

/**
 * struct crash_stage - where the crash is
 * @step: the step that has been entered
 * @part: parts of it, when it is a walk, that have been entered
 * @what: the part under way, or NULL
 * @heirs: how often the crash has been taken over
 * @reports: its owner has just done so, and says so
 */
struct crash_stage {
	enum crash_step step;
	unsigned int part;
	void *what;
	unsigned int heirs;
	bool reports;
};

/*
 * The owner word of a crash that is under way: the CPU, and a count that goes on
 * with each stage. A stage is published by its turn, in the CPU's slot of that.
 */
#define CRASH_TURN(cpu, count)	((cpu) * 0x10000 + ((count) & 0xffff))
#define CRASH_TURN_SLOTS	2

extern atomic_t crash_turn;

/*
 * The stage that is published, and the one that its owner is about to publish. Each
 * CPU's own: an owner that was taken over and did not stop may still write to it.
 */
struct crash_stages {
	struct crash_stage slots[CRASH_TURN_SLOTS];
};

DECLARE_PER_CPU(struct crash_stages, crash_stages);

static inline int crash_turn_cpu(int turn)
{
	return turn >> 16;
}

static inline struct crash_stage *crash_stage_of(int turn)
{
	/* Of nobody at first: CPU 0 writes there no sooner than in its second turn. */
	int cpu = max(crash_turn_cpu(turn), 0);

	return &per_cpu(crash_stages, cpu).slots[turn & (CRASH_TURN_SLOTS - 1)];
}

/* kernel/crash_step.c */
void crash_step_nested(void);
bool crash_step_again(enum crash_step step);
bool crash_step_shortest(void);
const char *crash_step_name(enum crash_step step);

/* kernel/crash_standby.c */
extern bool crash_taken_over;
extern struct cpumask crash_old_owners;
void crash_standby_claim(int how);
void crash_standby_watch(void);
bool crash_standby_missing(void);
bool crash_standby_all_came(void);

/* Has this CPU been the owner, if it is not now? Then it has published a stage. */
static inline bool crash_had_the_crash(void)
{
	const struct crash_stages *mine = &per_cpu(crash_stages, raw_smp_processor_id());

	return mine->slots[0].step || mine->slots[1].step;
}

/* kernel/crash_stop_cpu.c */
DECLARE_PER_CPU(struct pt_regs *, crash_stop_regs);

#endif /* _CRASH_STOP_INTERNAL_H */
