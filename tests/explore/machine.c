// SPDX-License-Identifier: GPL-2.0-only
/*
 * A machine on which nothing happens but what the search chooses.
 *
 * Each CPU is a coroutine. It gives way before every access to what CPUs share,
 * when interrupts are switched, when it polls the clock and when it waits; the
 * search then takes one of the moves that are possible, and the machine runs
 * until the CPU gives way again. All memory is as it was when a move began, so
 * what is explored is sequentially consistent.
 *
 * Time does not pass by itself. A poll of the clock says that nothing has passed
 * or that so much has passed that the wait is over, and which of them is a move
 * like any other. A CPU that polls goes round once more only after another one
 * has changed something, since it would see the same.
 *
 * A state is the program's data, the stacks in use, and struct cpu. It is kept
 * and put back as a whole, so that the search goes on from any state it saw.
 */
#include "../unit/fiber.h"
#include "explore.h"
#include <crash_stop_internal.h>

#define SIGNALS		4
#define BLOCK		256	/* bytes of data that are compared and hashed at once */
#define SLACK		768	/* of the stack, in use below what machine_switch() sees */
#define STALE		8192	/* and what may be left below that by calls that are over */
#define LONG_NS		(500 * MS) /* all quiet times are over, one rung is after two */

enum doing { RUNS, POLLS, RELAXES, WAITS, MAY_FAULT, IS_OFF, HAS_ENDED };

struct signal {
	machine_handler handler;
	int arg;
};

static struct cpu {
	struct {
		enum doing doing;
		enum machine_end end;
		unsigned long ip;	/* what a signal interrupts */
		bool irqs_off, in_nmi;
		bool news;		/* something has changed since it last polled */
		struct signal signals[2][SIGNALS]; /* NMIs are the second row */
	} s;
	u64 stack_hash;
	char *low;			/* the stack is in use from here on */
	void *pc;
	enum move_kind kind;		/* the move that was chosen */
	void (*program)(void);
	struct fiber fiber;
} *cpus;

static struct machine {
	struct cpu *me;
	unsigned int nr_cpus, faults, nr_blocks;
	int last;
	bool over;
	u64 data_hash;
	u64 *block_hash;
	char *image;			/* of the data as it was before the move */
	size_t data_size;
	struct fiber scheduler;
} *m;

struct snapshot {
	unsigned int faults;
	int last;
	bool over;
	u64 data_hash;
	struct cpu cpus[NR_CPUS];
	char bytes[];
};

/* The linker's, around everything that the program's files have as static data. */
extern char __data_start[], _end[];

u64 machine_now;

static char *machine_stack_top(const struct cpu *c)
{
	return (char *)c->fiber.stack + FIBER_STACK;
}

/* What calls that are over have left would make equal states look different. */
static __attribute__((noinline)) void machine_wipe(void)
{
	char below[SLACK];

	memset(below, 0, sizeof(below));
	__asm__ volatile("" : : "r"(below) : "memory");
}

static __attribute__((noinline)) void machine_switch(void)
{
	m->me->low = __builtin_frame_address(0);
	machine_wipe();
	fiber_switch(&m->me->fiber, &m->scheduler);
	barrier();
}

static void machine_take_signal(bool nmi)
{
	struct cpu *c = m->me;
	struct signal *row = c->s.signals[nmi], taken = row[0];
	struct pt_regs regs = { .ip = c->s.ip };
	bool irqs_off = c->s.irqs_off, in_nmi = c->s.in_nmi;

	memmove(row, row + 1, (SIGNALS - 1) * sizeof(*row));
	row[SIGNALS - 1] = (struct signal){};
	c->s.irqs_off = true;
	c->s.in_nmi = nmi;
	c->s.ip += 1000;
	taken.handler(&regs, taken.arg);
	c->s.ip -= 1000;
	c->s.in_nmi = in_nmi;
	c->s.irqs_off = irqs_off;
}

/* Let the search choose; signals are taken before the CPU goes on. */
static __attribute__((noinline)) enum move_kind machine_ask(enum doing doing, void *pc)
{
	enum move_kind kind;

	__builtin_unwind_init();	/* registers are part of the state: on the stack */
	for (;;) {
		m->me->s.doing = doing;
		m->me->pc = pc;
		machine_switch();
		kind = m->me->kind;
		if (kind != INTERRUPT && kind != TAKE_NMI)
			return kind;
		machine_take_signal(kind == TAKE_NMI);
		if (doing == WAITS)
			return kind;
	}
}

static inline __attribute__((always_inline)) enum move_kind
machine_give_way(enum doing doing, void *pc)
{
	enum move_kind kind = machine_ask(doing, pc);

	machine_wipe();
	return kind;
}

#define HERE	__builtin_return_address(0)

void machine_point(void)
{
	if (m && m->me)
		machine_give_way(RUNS, HERE);
}

void machine_wait(void)
{
	machine_give_way(WAITS, HERE);
}

void machine_sleep(u64 ns)
{
	(void)ns;
	machine_give_way(RUNS, HERE);
}

void cpu_relax(void)
{
	machine_give_way(RELAXES, HERE);
	m->me->s.news = false;
}

void crash_clock_start(struct crash_clock *clock)
{
	(void)clock;
}

/* In place of kernel/crash_clock.c, which the unit tests have on bad clocks. */
u64 crash_clock_wait(struct crash_clock *clock, unsigned int gap_ms)
{
	enum move_kind kind = machine_give_way(POLLS, HERE);

	(void)gap_ms;
	m->me->s.news = false;
	if (kind != TIME_IS_UP)
		return 0;
	clock->ns = LONG_NS;
	return LONG_NS;
}

/* Does the owner fault here? */
bool machine_faults(void)
{
	return m->faults && machine_give_way(MAY_FAULT, HERE) == FAULT;
}

static void __noreturn machine_never(enum doing doing)
{
	for (;;)
		machine_give_way(doing, HERE);
}

void machine_off(void)
{
	machine_never(IS_OFF);
}

/* The others go on, but behind a restart that a CPU was asked for there is nothing. */
void machine_stop(enum machine_end why)
{
	m->me->s.end = why;
	m->over = why == MACHINE_DONE;
	machine_never(HAS_ENDED);
}

void machine_signal(int cpu, bool nmi, u64 due, machine_handler handler, int arg)
{
	struct signal *s = cpus[cpu].s.signals[nmi];

	(void)due;
	for (; s->handler; s++)
		if ((s->handler == handler && s->arg == arg) ||
		    s + 1 == cpus[cpu].s.signals[nmi] + SIGNALS)
			return;
	*s = (struct signal){ .handler = handler, .arg = arg };
}

int raw_smp_processor_id(void)
{
	return m && m->me ? m->me - cpus : 0;
}

bool machine_irqs_on(void)
{
	return !m->me->s.irqs_off;
}

unsigned long shim_irq_save(void)
{
	bool irqs_off = m->me->s.irqs_off;

	if (!irqs_off)
		machine_give_way(RUNS, HERE);
	m->me->s.irqs_off = true;
	return irqs_off;
}

void local_irq_disable(void)
{
	shim_irq_save();
}

void local_irq_restore(unsigned long flags)
{
	m->me->s.irqs_off = flags;
	if (!flags)
		machine_give_way(RUNS, HERE);
}

void local_irq_enable(void)
{
	local_irq_restore(false);
}

void crash_setup_regs(struct pt_regs *to, struct pt_regs *from)
{
	to->ip = from ? from->ip : IP_HERE(m->me->s.ip);
}

unsigned int machine_cpus(void)
{
	return m->nr_cpus;
}

bool machine_masked(int cpu)
{
	return cpus[cpu].s.irqs_off;
}

enum machine_end machine_end_of(int cpu)
{
	return cpus[cpu].s.end;
}

bool machine_is_off(int cpu)
{
	return cpus[cpu].s.doing == IS_OFF;
}

void *machine_pc(int cpu)
{
	return cpus[cpu].pc;
}

static bool machine_can(const struct cpu *c, enum move_kind kind)
{
	if (c->s.doing == IS_OFF || c->s.doing == HAS_ENDED)
		return false;
	switch (kind) {
	case GO_ON:
		return c->s.doing == RUNS || c->s.doing == MAY_FAULT ||
		       ((c->s.doing == POLLS || c->s.doing == RELAXES) && c->s.news);
	case INTERRUPT:
		return c->s.signals[0][0].handler && !c->s.irqs_off && !c->s.in_nmi;
	case TAKE_NMI:
		return c->s.signals[1][0].handler && !c->s.in_nmi;
	case TIME_IS_UP:
		return c->s.doing == POLLS && backend_time_is_up(c - cpus, false);
	case FAULT:
		return c->s.doing == MAY_FAULT;
	case MOVE_KINDS:
		break;
	}
	return false;
}

/* What can happen next? First what does if nothing surprising happens. */
unsigned int machine_moves(struct move *moves)
{
	enum move_kind kind;
	unsigned int n = 0;
	int i, cpu;

	if (m->over)
		return 0;
	for (kind = 0; kind < MOVE_KINDS; kind++) {
		for (i = 0; i < m->nr_cpus; i++) {
			cpu = (m->last + i) % m->nr_cpus;
			if (machine_can(&cpus[cpu], kind))
				moves[n++] = (struct move){ .cpu = cpu, .kind = kind };
		}
	}
	/* What it waits for does not come any more. */
	for (cpu = 0; !n && cpu < m->nr_cpus; cpu++)
		if (cpus[cpu].s.doing == POLLS && backend_time_is_up(cpu, true))
			moves[n++] = (struct move){ .cpu = cpu, .kind = TIME_IS_UP };
	return n;
}

/* A CPU waits, and only time can end it: returns for whom it does so. */
bool machine_waits_forced(int *cpu)
{
	struct move moves[MOVES_MAX];

	if (!machine_moves(moves) || moves[0].kind != TIME_IS_UP)
		return false;
	*cpu = moves[0].cpu;
	return true;
}

/* Hash what the move has changed; CPUs that poll will want to know of it. */
static void machine_settle(struct cpu *c)
{
	bool changed = false;
	unsigned int i;

	for (i = 0; i < m->nr_blocks; i++) {
		size_t at = i * BLOCK, size = m->data_size - at;

		if (size > BLOCK)
			size = BLOCK;
		if (!memcmp(m->image + at, __data_start + at, size))
			continue;
		changed = true;
		memcpy(m->image + at, __data_start + at, size);
		m->data_hash ^= m->block_hash[i];
		m->block_hash[i] = explore_hash(m->image + at, size, i + 1);
		m->data_hash ^= m->block_hash[i];
	}
	if (changed)
		for (i = 0; i < m->nr_cpus; i++)
			if (&cpus[i] != c)
				cpus[i].s.news = true;
	c->stack_hash = explore_hash(c->low, machine_stack_top(c) - c->low, 1);
}

void machine_take(struct move move)
{
	struct cpu *c = &cpus[move.cpu];

	if (move.kind == FAULT)
		m->faults--;
	/* As machine_wipe() does. */
	memset(c->low - SLACK - STALE, 0, STALE);
	c->kind = move.kind;
	m->last = move.cpu;
	m->me = c;
	fiber_switch(&m->scheduler, &c->fiber);
	m->me = NULL;
	machine_settle(c);
}

/* More has changed, of what the program has as static data. */
void machine_note(void)
{
	machine_settle(&cpus[m->last]);
}

unsigned long machine_hash(void)
{
	u64 h = explore_mix(m->data_hash, m->faults);
	unsigned int i;

	for (i = 0; i < m->nr_cpus; i++) {
		h = explore_mix(h, cpus[i].stack_hash);
		h = explore_hash(&cpus[i].s, sizeof(cpus[i].s), h);
	}
	return h;
}

struct snapshot *machine_save(void)
{
	size_t stacks = 0, hashes = m->nr_blocks * sizeof(u64);
	struct snapshot *s;
	unsigned int i;
	char *p;

	for (i = 0; i < m->nr_cpus; i++)
		stacks += machine_stack_top(&cpus[i]) - cpus[i].low + SLACK;
	s = malloc(sizeof(*s) + m->data_size + hashes + stacks);
	if (!s)
		abort();
	s->faults = m->faults;
	s->last = m->last;
	s->over = m->over;
	s->data_hash = m->data_hash;
	memcpy(s->cpus, cpus, sizeof(s->cpus));
	p = mempcpy(s->bytes, m->image, m->data_size);
	p = mempcpy(p, m->block_hash, hashes);
	for (i = 0; i < m->nr_cpus; i++)
		p = mempcpy(p, cpus[i].low - SLACK,
			    machine_stack_top(&cpus[i]) - cpus[i].low + SLACK);
	return s;
}

void machine_load(const struct snapshot *s)
{
	size_t size, hashes = m->nr_blocks * sizeof(u64);
	const char *p = s->bytes;
	unsigned int i;

	m->faults = s->faults;
	m->last = s->last;
	m->over = s->over;
	m->data_hash = s->data_hash;
	memcpy(cpus, s->cpus, sizeof(s->cpus));
	memcpy(m->image, p, m->data_size);
	memcpy(__data_start, p, m->data_size);
	p += m->data_size;
	memcpy(m->block_hash, p, hashes);
	p += hashes;
	for (i = 0; i < m->nr_cpus; i++) {
		size = machine_stack_top(&cpus[i]) - cpus[i].low + SLACK;
		memcpy(cpus[i].low - SLACK, p, size);
		p += size;
	}
}

static void machine_entry(void)
{
	fiber_entered();
	m->me->program();
	for (;;)
		machine_wait();
}

void machine_program(int cpu, void (*program)(void))
{
	cpus[cpu].program = program;
}

/* Between two choices nobody else runs. */
void machine_lock(void)
{
}

void machine_unlock(void)
{
}

/* Before the scene is set. */
void explore_machine_init(unsigned int nr_cpus, unsigned int faults)
{
	m = calloc(1, sizeof(*m));
	cpus = calloc(NR_CPUS, sizeof(*cpus));
	m->data_size = _end - __data_start;
	m->nr_blocks = (m->data_size + BLOCK - 1) / BLOCK;
	m->image = malloc(m->data_size);
	m->block_hash = calloc(m->nr_blocks, sizeof(u64));
	m->nr_cpus = nr_cpus;
	m->faults = faults;
}

/* Called when the scene is set: the state from which the search begins. */
enum machine_end machine_run(void)
{
	unsigned int i;

	for (i = 0; i < m->nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		fiber_create(&c->fiber, machine_entry);
		memset(c->fiber.stack, 0, FIBER_STACK - SLACK);
		c->low = machine_stack_top(c) - SLACK;
		c->s.ip = IP_TASK(i);
		c->s.news = true;
	}
	memset(m->image, ~0, m->data_size);
	for (i = 0; i < m->nr_cpus; i++)
		machine_settle(&cpus[i]);
	return MACHINE_RUNS;
}
