/* SPDX-License-Identifier: GPL-2.0-only */
/* The fake machine: CPUs, interrupts and time. See machine.c, and threads.c. */
#ifndef MACHINE_H
#define MACHINE_H

#include "shim.h"

#define MACHINE_NEVER		UINT64_MAX
#define US			1000ull		/* in ns */
#define MS			1000000ull

/* How a run ended. */
enum machine_end {
	MACHINE_RUNS,
	MACHINE_KEXEC,		/* the crash kernel was booted */
	MACHINE_RESTART,	/* the machine was restarted */
	MACHINE_DONE,		/* a program said so */
	MACHINE_QUIET,		/* no CPU will ever run again */
	MACHINE_LIMIT,		/* MACHINE_LIMIT_NS have passed */
};

/* What may happen next; see machine_choose(). */
enum machine_choice {
	CHOOSE_CPU,		/* which of the CPUs that can run */
	CHOOSE_YIELD,		/* at a point: 0 go on, 1 others first */
	CHOOSE_STALL,		/* and for how long, in us */
	CHOOSE_DELIVER,		/* a signal: 0 now, 1 later */
	CHOOSE_LATENCY,		/* us from raising a signal to its arrival */
};

/* What is wrong with the clock that CPUs read. */
extern struct machine_clock_is {
	bool still;
	u64 step;		/* it goes on in steps of so many ns */
	u64 jump_at;		/* at this true time it jumps ... */
	s64 jump;		/* ... by so many ns */
	unsigned int slow;	/* it is so many times too slow */
} machine_clock_is;

typedef void (*machine_handler)(struct pt_regs *regs, int arg);

extern u64 machine_now;			/* true time, in ns */
extern unsigned int machine_seed;	/* 0: round robin, no surprises */
extern const unsigned int machine_first_seed; /* 1 where there is no order */
extern unsigned int machine_udelay_factor; /* udelay() takes so many times as long */
extern unsigned int machine_udelay_ns;	/* it takes so long, whatever it is asked for */
extern unsigned long machine_polls[NR_CPUS]; /* calls of udelay() */

void machine_program(int cpu, void (*program)(void));
enum machine_end machine_run(void);
unsigned int machine_choose(enum machine_choice what, unsigned int n);

/* What CPUs share that is not of the core; no signal is taken meanwhile. */
void machine_lock(void);
void machine_unlock(void);

/* On a CPU of the machine. */
void __noreturn machine_stop(enum machine_end why);
void machine_sleep(u64 ns);
void machine_wait(void);		/* for the next signal */
void __noreturn machine_off(void);	/* as a CPU that went offline: deaf */
u64 machine_clock(void);
/* Time passes only where the test says so: no CPU is kept from running by its host. */
extern const bool machine_keeps_time;
bool machine_irqs_on(void);
void machine_signal(int cpu, bool nmi, u64 due, machine_handler handler, int arg);
void local_irq_enable(void);

#endif /* MACHINE_H */
