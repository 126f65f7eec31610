/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The explorer: the machine on which every shared access is a choice (machine.c),
 * the search through the choices (search.c), and what must hold (backend.c,
 * scenarios.c). The rest of the kernel is that of the unit tests.
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include "../unit/test.h"

/* What may happen next. */
enum move_kind {
	GO_ON,			/* the CPU makes its next shared access */
	INTERRUPT,		/* it takes an interrupt first */
	TAKE_NMI,		/* or an NMI */
	TIME_IS_UP,		/* the clock that it polls says that the wait is over */
	FAULT,			/* it faults where it stands */
	MOVE_KINDS
};

struct move {
	unsigned char cpu, kind;
};

#define MOVES_MAX	(NR_CPUS * MOVE_KINDS)

/* What a search is about. */
struct scenario {
	const char *name;
	void (*set)(void);
	unsigned int faults;		/* that the owner may have, anywhere */
	unsigned int dear;		/* so many surprises less will do */
};

/* A state that was seen; there are so many of them that each byte counts. */
struct seen {
	u64 hash;
	unsigned int executions;	/* the upper half of a double, to six digits */
} __attribute__((packed));

/* hash.c: of one more value, of bytes */
u64 explore_mix(u64 h, u64 v);
u64 explore_hash(const void *p, size_t size, u64 h);
void states_init(void);
struct seen *state_slot(u64 hash);

/* machine.c */
void explore_machine_init(unsigned int cpus, unsigned int faults);
unsigned int machine_moves(struct move *moves);
void machine_take(struct move move);
void machine_note(void);
unsigned long machine_hash(void);
struct snapshot *machine_save(void);
void machine_load(const struct snapshot *s);
unsigned int machine_cpus(void);
bool machine_masked(int cpu);
enum machine_end machine_end_of(int cpu);
bool machine_is_off(int cpu);
bool machine_waits_forced(int *cpu);
void *machine_pc(int cpu);
bool machine_faults(void);

/* search.c */
struct found {
	u64 states;		/* that differ */
	double executions;	/* ways through them */
	u64 ends;		/* those of them in which nothing can go on */
	unsigned int longest;	/* moves to one of these */
	bool unfinished;	/* there are more states than may be seen */
};

#define BOUND_NONE	(~0u)

extern bool explore_trace;
void search_init(const char *name);
void search(unsigned int bound, u64 max_states, struct found *found);
void replay(const char *moves);
void __noreturn explore_failed(const char *contract, const char *what, const char *file, int line);
#define MUST(contract, cond)	\
	((cond) ? (void)0 : explore_failed(contract, #cond, __FILE__, __LINE__))

/* backend.c */
bool backend_check(void);	/* what holds always; true if it has noted something */
void backend_check_end(void);	/* and when nothing can go on */
bool backend_time_is_up(int cpu, bool alone);
extern bool backend_expects_image;
extern unsigned int backend_takeovers;	/* how often a deadline may pass */

/* scenarios.c */
extern const struct scenario scenarios[];

#endif /* EXPLORE_H */
