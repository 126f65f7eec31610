// SPDX-License-Identifier: GPL-2.0-only
/*
 * A deterministic machine of NR_CPUS CPUs.
 *
 * Each CPU is a coroutine with a stack of its own; one runs at a time. Time is
 * simulated: a CPU sleeps until a moment, and when no CPU can run the clock goes
 * on to the next moment at which one can, so that CPUs run side by side and not
 * at each other's cost. A CPU gives way when it sleeps, waits or delays, and at
 * points (every access to what CPUs share, see shim.h).
 *
 * A signal is an interrupt or NMI with a moment at which it is due. It is taken
 * at the next point of its CPU, on that CPU's stack, by calling its handler: an
 * interrupt when interrupts are on, an NMI unless one is being handled.
 *
 * All that may go one way or the other goes through machine_choose(). With seed
 * 0 it takes the first alternative: CPUs in turn, no switch at a point, signals
 * at once. With another seed it throws dice, and delays are inexact.
 */
#include "fiber.h"
#include "machine.h"

const bool machine_keeps_time = true;

#define MACHINE_SIGNALS		16
#define MACHINE_LIMIT_NS	(20000 * MS)
#define MACHINE_RELAX_MAX_US	1024

struct signal {
	u64 due;
	bool nmi;
	machine_handler handler;
	int arg;
};

static struct cpu {
	struct fiber fiber;
	void (*program)(void);
	u64 wake;
	bool irqs_off, in_nmi;
	unsigned long ip;		/* what a signal interrupts */
	unsigned int relax_us;
	struct signal signals[MACHINE_SIGNALS];
	unsigned int pending;		/* how many of them */
} cpus[NR_CPUS], *me;

static struct fiber scheduler;
static enum machine_end ended;
static int last;

u64 machine_now;
unsigned int machine_seed;
const unsigned int machine_first_seed;
unsigned int machine_udelay_factor = 1;
unsigned int machine_udelay_ns;
unsigned long machine_polls[NR_CPUS];

/* xorshift64* */
static u64 machine_random(void)
{
	static u64 x;

	if (!x)
		x = machine_seed * 0x9e3779b97f4a7c15ull;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (x * 0x2545f4914f6cdd1dull) >> 32;
}

/* The one place where the machine decides: which of @n alternatives is taken? */
unsigned int machine_choose(enum machine_choice what, unsigned int n)
{
	if (!machine_seed)
		return 0;
	switch (what) {
	case CHOOSE_YIELD:
		return machine_random() % 16 == 0;
	case CHOOSE_DELIVER:
		return machine_random() % 4 == 0;
	case CHOOSE_CPU:
	case CHOOSE_STALL:
	case CHOOSE_LATENCY:
		break;
	}
	return machine_random() % n;
}

/* One CPU runs at a time, and no signal comes but at a point. */
void machine_lock(void)
{
}

void machine_unlock(void)
{
}

static void machine_give_way(void)
{
	fiber_switch(&me->fiber, &scheduler);
}

/* The signal that @c takes next, due or not, of those that it can take. */
static struct signal *machine_next_signal(struct cpu *c)
{
	struct signal *s, *best = NULL;

	if (!c->pending)
		return NULL;
	for (s = c->signals; s < c->signals + MACHINE_SIGNALS; s++) {
		if (!s->handler || c->in_nmi || (!s->nmi && c->irqs_off))
			continue;
		if (!best || s->due < best->due || (s->due == best->due && s->nmi))
			best = s;
	}
	return best;
}

/* When does @c run next? */
static u64 machine_next(struct cpu *c)
{
	struct signal *s = machine_next_signal(c);

	return s && s->due < c->wake ? s->due : c->wake;
}

static void machine_take_signals(void)
{
	struct cpu *c = me;
	struct signal *s, taken;

	while ((s = machine_next_signal(c)) && s->due <= machine_now &&
	       !machine_choose(CHOOSE_DELIVER, 2)) {
		struct pt_regs regs = { .ip = c->ip };
		bool irqs_off = c->irqs_off;

		taken = *s;
		s->handler = NULL;
		c->pending--;
		c->irqs_off = true;
		c->in_nmi = taken.nmi;
		c->ip += 1000;
		taken.handler(&regs, taken.arg);
		c->ip -= 1000;
		c->in_nmi = false;
		c->irqs_off = irqs_off;
	}
}

static void machine_block(u64 until)
{
	u64 next = MACHINE_LIMIT_NS;
	struct cpu *c;

	if (!me)
		return;
	do {
		/* Short cut: nobody else has anything to do before that. */
		me->wake = MACHINE_NEVER;
		for (c = cpus; c < cpus + NR_CPUS; c++)
			if (machine_next(c) < next)
				next = machine_next(c);
		me->wake = until;
		if (until < next)
			machine_now = until;
		else
			machine_give_way();
		machine_take_signals();
	} while (machine_now < until);
}

void machine_point(void)
{
	if (!me)
		return;
	if (machine_choose(CHOOSE_YIELD, 2))
		machine_block(machine_now + machine_choose(CHOOSE_STALL, 4) * US);
	else
		machine_take_signals();
}

void machine_sleep(u64 ns)
{
	machine_block(machine_now + ns);
}

void machine_wait(void)
{
	me->wake = MACHINE_NEVER;
	machine_give_way();
	machine_take_signals();
}

void machine_off(void)
{
	me->irqs_off = true;
	me->in_nmi = true;
	for (;;)
		machine_wait();
}

void udelay(unsigned long us)
{
	if (!me)
		return;
	machine_polls[me - cpus]++;
	machine_sleep(machine_udelay_ns ?: us * machine_udelay_factor * US);
}

/* A CPU that spins for ever does so in ever longer steps, to save our time. */
void cpu_relax(void)
{
	if (me->relax_us < MACHINE_RELAX_MAX_US)
		me->relax_us = 2 * me->relax_us + 1;
	machine_sleep(me->relax_us * US);
}

void machine_signal(int cpu, bool nmi, u64 due, machine_handler handler, int arg)
{
	struct signal *s = cpus[cpu].signals;

	while (s->handler)
		if (++s == cpus[cpu].signals + MACHINE_SIGNALS)
			abort();
	cpus[cpu].pending++;
	*s = (struct signal){ .due = due, .nmi = nmi, .handler = handler, .arg = arg };
}

static void machine_entry(void)
{
	fiber_entered();
	me->program();
	for (;;)
		machine_wait();
}

void machine_program(int cpu, void (*program)(void))
{
	cpus[cpu].program = program;
}

void machine_stop(enum machine_end why)
{
	ended = why;
	machine_give_way();
	abort();
}

/* Run the machine until a program or the clock ends it. */
enum machine_end machine_run(void)
{
	struct cpu *c, *ready[NR_CPUS];
	unsigned int i, n;
	u64 next;

	for (i = 0; i < NR_CPUS; i++) {
		fiber_create(&cpus[i].fiber, machine_entry);
		cpus[i].ip = 2000 + i;
	}
	last = NR_CPUS - 1;
	if (machine_seed)
		machine_udelay_factor *= 1 + 3 * (machine_seed % 8);
	while (!ended) {
		next = MACHINE_NEVER;
		for (i = 1, n = 0; i <= NR_CPUS; i++) {
			c = &cpus[(last + i) % NR_CPUS];
			if (machine_next(c) <= machine_now)
				ready[n++] = c;
			else if (machine_next(c) < next)
				next = machine_next(c);
		}
		if (n) {
			me = ready[machine_choose(CHOOSE_CPU, n)];
			last = me - cpus;
			fiber_switch(&scheduler, &me->fiber);
			me = NULL;
		} else if (next == MACHINE_NEVER) {
			ended = MACHINE_QUIET;
		} else if (next > MACHINE_LIMIT_NS) {
			ended = MACHINE_LIMIT;
		} else {
			machine_now = next;
		}
	}
	return ended;
}

int raw_smp_processor_id(void)
{
	return me ? me - cpus : 0;
}

bool machine_irqs_on(void)
{
	return !me->irqs_off;
}

unsigned long shim_irq_save(void)
{
	bool irqs_off = me->irqs_off;

	me->irqs_off = true;
	return irqs_off;
}

void local_irq_disable(void)
{
	shim_irq_save();
}

void local_irq_restore(unsigned long flags)
{
	me->irqs_off = flags;
	machine_take_signals();
}

void local_irq_enable(void)
{
	local_irq_restore(false);
}

/* The registers of whoever calls: the marker of this context plus one half. */
void crash_setup_regs(struct pt_regs *to, struct pt_regs *from)
{
	to->ip = from ? from->ip : 100000 + me->ip;
}
