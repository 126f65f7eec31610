// SPDX-License-Identifier: GPL-2.0-only
/*
 * The machine of machine.h with a thread per CPU and a real signal per interrupt.
 *
 * CPUs run side by side and are interrupted between any two instructions, also in
 * the handler of an interrupt by an NMI. What machine.c does at points only
 * happens here at any time, so a case is run many times, with other seeds.
 *
 *	a CPU:	running <--> blocked, until a moment or a signal; at the end frozen
 *
 * Time is simulated, so that no verdict depends on how busy the host is. It goes
 * on to the next moment at which a blocked CPU has something to do, but not more
 * than MACHINE_SKEW_NS ahead of a CPU that runs: that is how far a CPU can fall
 * behind between two of its calls into the machine.
 *
 * A signal that is due to a running CPU is sent by pthread_kill(), as SIGUSR1 for
 * an interrupt and SIGUSR2 for an NMI; one that is due to a blocked CPU wakes it.
 * The handler takes it if the CPU has not masked it, otherwise it stays pending
 * until it is unmasked. A handler that comes while its CPU holds the machine's
 * lock leaves a note that there is something to take on the way out.
 *
 * The lock is of relaxed parts that ThreadSanitizer does not see (this file is
 * compiled without it), so that only the core's own atomics order the core.
 *
 * Accepted: signals of one kind that a CPU gets while it holds the lock are taken
 * together, in the order in which they are due.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.h"

const bool machine_keeps_time = false;

#define MACHINE_SIGNALS		16
#define MACHINE_LIMIT_NS	(20000 * MS)
#define MACHINE_SKEW_NS		(16 * US)
#define MACHINE_RELAX_MAX_US	1024
#define MACHINE_SPINS		200	/* turns before a blocked CPU sleeps */
#define MACHINE_STACK		(1024 * 1024)

/* Of ThreadSanitizer, if it is there; it looks into memcpy() and the like in any case. */
#define TSAN			__attribute__((weak))
void TSAN AnnotateIgnoreReadsBegin(const char *file, int line);
void TSAN AnnotateIgnoreReadsEnd(const char *file, int line);
void TSAN AnnotateIgnoreWritesBegin(const char *file, int line);
void TSAN AnnotateIgnoreWritesEnd(const char *file, int line);
void TSAN __tsan_acquire(void *addr);
void TSAN __tsan_release(void *addr);

#define LOAD(x)			__atomic_load_n(&(x), __ATOMIC_SEQ_CST)
#define STORE(x, v)		__atomic_store_n(&(x), v, __ATOMIC_SEQ_CST)

struct signal {
	u64 due;
	bool nmi, sent;
	machine_handler handler;
	int arg;
};

/* Under the lock, but where it says otherwise. */
static struct cpu {
	pthread_t thread;
	void (*program)(void);
	bool blocked;
	u64 wake;			/* until when */
	u64 since;			/* when it began to run */
	u64 skew;			/* how far time may be ahead of it when it runs */
	int doorbell;			/* the futex on which it sleeps */
	struct signal signals[MACHINE_SIGNALS];

	/* Its own; others look. */
	bool irqs_off, in_nmi;

	/* Its own. */
	volatile bool inside, missed;	/* holds the lock; a signal came meanwhile */
	unsigned long ip;		/* what a signal interrupts */
	unsigned int relax_us;
	u64 random;
} cpus[NR_CPUS];

static __thread struct cpu *me;
static enum machine_end ended;
static int frozen;			/* how many CPUs; also the futex of machine_run() */
static int locked;

u64 machine_now;
unsigned int machine_seed;
const unsigned int machine_first_seed = 1;
unsigned int machine_udelay_factor = 1;
unsigned int machine_udelay_ns;
unsigned long machine_polls[NR_CPUS];

static void futex_wait(int *word, int seen)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(int *word)
{
	__atomic_add_fetch(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

/* xorshift64*, a generator for each CPU. */
unsigned int machine_choose(enum machine_choice what, unsigned int n)
{
	u64 x, r;

	if (!me)
		return 0;
	x = me->random;
	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	me->random = x;
	r = (x * 0x2545f4914f6cdd1dull) >> 32;
	return what == CHOOSE_YIELD ? r % 64 == 0 : r % n;
}

static void lock(void)
{
	while (__atomic_exchange_n(&locked, 1, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(void)
{
	__atomic_store_n(&locked, 0, __ATOMIC_RELEASE);
}

/* The run is over: for this CPU here, and it takes no more signals. */
static void __noreturn machine_freeze(void)
{
	unlock();
	if (__tsan_release)
		__tsan_release(&frozen);
	futex_wake(&frozen);
	for (;;)
		pause();
}

static void machine_enter(void)
{
	me->inside = true;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	lock();
	if (ended)
		machine_freeze();
}

/* The signal that @c takes next, due or not, of those that it can take. */
static struct signal *machine_next_signal(struct cpu *c)
{
	bool irqs_off = LOAD(c->irqs_off), in_nmi = LOAD(c->in_nmi);
	struct signal *s, *best = NULL;

	for (s = c->signals; s < c->signals + MACHINE_SIGNALS; s++) {
		if (!s->handler || in_nmi || (!s->nmi && irqs_off))
			continue;
		if (!best || s->due < best->due || (s->due == best->due && s->nmi))
			best = s;
	}
	return best;
}

/* When does @c, which is blocked, run next? */
static u64 machine_next(struct cpu *c)
{
	struct signal *s = machine_next_signal(c);

	return s && s->due < c->wake ? s->due : c->wake;
}

static void machine_send(struct cpu *c)
{
	struct signal *s;

	if (c == me)
		return;
	for (s = c->signals; s < c->signals + MACHINE_SIGNALS; s++)
		if (s->handler && s->due <= machine_now && !s->sent) {
			s->sent = true;
			pthread_kill(c->thread, s->nmi ? SIGUSR2 : SIGUSR1);
		}
}

/* Let time go on, as far as those that run allow, or until the caller has something to do. */
static void machine_advance(void)
{
	u64 next, limit, due;
	struct cpu *c;

	while (!ended) {
		next = limit = MACHINE_NEVER;
		for (c = cpus; c < cpus + NR_CPUS; c++) {
			due = c->blocked ? machine_next(c) : c->since;
			if (c->blocked && due > machine_now)
				next = min_t(u64, next, due);
			else if (c == me && c->blocked)
				return;
			else
				limit = min_t(u64, limit, due + c->skew);
		}
		if (next == MACHINE_NEVER && limit == MACHINE_NEVER)
			ended = MACHINE_QUIET;
		else if (next > limit || next == MACHINE_NEVER)
			return;
		else if (next > MACHINE_LIMIT_NS)
			ended = MACHINE_LIMIT;
		else
			STORE(machine_now, next);
		for (c = cpus; c < cpus + NR_CPUS; c++) {
			if (!c->blocked)
				machine_send(c);
			else if (c != me && (ended || machine_next(c) <= machine_now))
				futex_wake(&c->doorbell);
		}
	}
}

/* Take what is due; under the lock, which is given up for the handlers. */
static bool machine_take(void)
{
	bool irqs_off = me->irqs_off, any = false;
	struct signal *s, taken;

	while ((s = machine_next_signal(me)) && s->due <= machine_now) {
		struct pt_regs regs = { .ip = me->ip };

		any = true;
		taken = *s;
		s->handler = NULL;
		STORE(me->irqs_off, true);
		STORE(me->in_nmi, taken.nmi);
		me->blocked = false;
		me->since = machine_now;
		me->ip += 1000;
		unlock();
		/* From here on an NMI may come on top of an interrupt's handler. */
		me->inside = false;
		taken.handler(&regs, taken.arg);
		machine_enter();
		me->ip -= 1000;
		STORE(me->in_nmi, false);
		STORE(me->irqs_off, irqs_off);
	}
	return any;
}

static void machine_leave(void)
{
	do {
		me->missed = false;
		machine_take();
		unlock();
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		me->inside = false;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!me->missed)
			return;
		machine_enter();
	} while (true);
}

static void machine_interrupted(int signal)
{
	int err = errno;

	(void)signal;
	if (!me)
		return;
	if (me->inside) {
		me->missed = true;
	} else {
		machine_enter();
		machine_leave();
	}
	errno = err;
}

/* Block until a moment, and for a signal as well if @wait; under the lock. */
static void machine_block(u64 until, bool wait)
{
	int seen, spins = 0;

	/* All begin at the same time, before anything can happen to them. */
	me->skew = MACHINE_SKEW_NS;
	for (;;) {
		me->wake = until;
		me->blocked = true;
		machine_advance();
		if (ended)
			machine_freeze();
		if (machine_take()) {
			if (wait)
				break;
			continue;
		}
		if (machine_now >= until)
			break;
		seen = LOAD(me->doorbell);
		unlock();
		if (until != MACHINE_NEVER && spins++ < MACHINE_SPINS)
			sched_yield();
		else
			futex_wait(&me->doorbell, seen);
		lock();
	}
	me->blocked = false;
	me->since = machine_now;
}

void machine_point(void)
{
	if (!me || me->inside)
		return;
	if (LOAD(ended))
		machine_enter();
	if (machine_choose(CHOOSE_YIELD, 2))
		machine_sleep(machine_choose(CHOOSE_STALL, 4) * US);
}

void machine_sleep(u64 ns)
{
	machine_enter();
	machine_block(machine_now + ns, false);
	machine_leave();
}

void machine_wait(void)
{
	machine_enter();
	machine_block(MACHINE_NEVER, true);
	machine_leave();
}

void machine_off(void)
{
	STORE(me->irqs_off, true);
	STORE(me->in_nmi, true);
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

void machine_lock(void)
{
	if (me)
		machine_enter();
	if (AnnotateIgnoreReadsBegin) {
		AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
		AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	}
}

void machine_unlock(void)
{
	if (AnnotateIgnoreReadsBegin) {
		AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
		AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	}
	if (me)
		machine_leave();
}

void machine_signal(int cpu, bool nmi, u64 due, machine_handler handler, int arg)
{
	struct signal *s = cpus[cpu].signals;

	machine_lock();
	while (s->handler)
		if (++s == cpus[cpu].signals + MACHINE_SIGNALS)
			abort();
	*s = (struct signal){ .due = due, .nmi = nmi, .handler = handler, .arg = arg };
	if (cpus[cpu].blocked)
		futex_wake(&cpus[cpu].doorbell);
	else if (me)
		machine_send(&cpus[cpu]);
	machine_unlock();
}

static void *machine_entry(void *cpu)
{
	me = cpu;
	machine_enter();
	machine_leave();
	me->program();
	for (;;)
		machine_wait();
	return NULL;
}

void machine_program(int cpu, void (*program)(void))
{
	cpus[cpu].program = program;
}

void machine_stop(enum machine_end why)
{
	struct cpu *c;

	machine_enter();
	STORE(ended, why);
	for (c = cpus; c < cpus + NR_CPUS; c++)
		futex_wake(&c->doorbell);
	machine_freeze();
}

/* Run the machine until a program or the clock ends it. */
enum machine_end machine_run(void)
{
	struct sigaction action = { .sa_handler = machine_interrupted, .sa_flags = SA_NODEFER };
	pthread_attr_t attr;
	unsigned int i;
	int seen;

	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGUSR2, &action, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, MACHINE_STACK);
	lock();
	for (i = 0; i < NR_CPUS; i++) {
		cpus[i].ip = 2000 + i;
		cpus[i].random = (machine_seed * NR_CPUS + i + 1) * 0x9e3779b97f4a7c15ull;
		if (pthread_create(&cpus[i].thread, &attr, machine_entry, &cpus[i]))
			abort();
	}
	machine_udelay_factor *= 1 + 3 * (machine_seed % 8);
	unlock();
	while ((seen = LOAD(frozen)) != NR_CPUS)
		futex_wait(&frozen, seen);
	if (__tsan_acquire)
		__tsan_acquire(&frozen);
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

	STORE(me->irqs_off, true);
	return irqs_off;
}

void local_irq_disable(void)
{
	shim_irq_save();
}

void local_irq_restore(unsigned long flags)
{
	machine_enter();
	STORE(me->irqs_off, flags);
	machine_leave();
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
