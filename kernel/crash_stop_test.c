// SPDX-License-Identifier: GPL-2.0-only
/*
 * KUnit tests of crash_stop: what holds on a kernel that does not crash.
 *
 * Who owns a crash and which CPUs have stopped is decided once per boot, so a
 * test may only ask, and must leave the per-CPU states as it found them. What
 * comes after a claim or a signal is for the boot tests.
 */
#include <kunit/test.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/crash_stop.h>
#include <linux/delay.h>
#include <linux/elfcore.h>
#include <linux/irqflags.h>
#include <linux/kexec.h>
#include <linux/kmsg_dump.h>
#include <linux/ktime.h>
#include <linux/limits.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/time64.h>

#include "crash_stop_internal.h"

#define TEST_WAIT_US	2000
#define TEST_SLOW	200	/* a poll may take so many times its 1 us under emulation */
#define TEST_ROUNDS	100

/* Polls end a wait, by the clock that the kernel itself goes by. */
static void clock_counts(struct kunit *test)
{
	struct crash_clock clock = {};
	unsigned long polls = 0;
	u64 before, ns, sum = 0;

	before = ktime_get_ns();
	crash_clock_start(&clock);
	while (clock.ns < TEST_WAIT_US * NSEC_PER_USEC && polls < TEST_WAIT_US * TEST_SLOW) {
		ns = crash_clock_poll(&clock);
		KUNIT_EXPECT_GT(test, ns, 0);
		KUNIT_EXPECT_LE(test, ns, NSEC_PER_MSEC);
		sum += ns;
		polls++;
	}
	KUNIT_EXPECT_EQ(test, clock.ns, sum);
	KUNIT_EXPECT_GE(test, clock.ns, TEST_WAIT_US * NSEC_PER_USEC);
	/* What is counted has passed: no clock of this machine is faster than the other. */
	KUNIT_EXPECT_GE(test, 2 * (ktime_get_ns() - before), clock.ns);
}

/* The same where no timer interrupt comes to help. */
static void clock_counts_with_interrupts_off(struct kunit *test)
{
	struct crash_clock clock = {};
	unsigned long flags, polls = 0;

	local_irq_save(flags);
	crash_clock_start(&clock);
	while (clock.ns < TEST_WAIT_US * NSEC_PER_USEC && polls < TEST_WAIT_US * TEST_SLOW) {
		crash_clock_poll(&clock);
		polls++;
	}
	local_irq_restore(flags);
	KUNIT_EXPECT_GE(test, clock.ns, TEST_WAIT_US * NSEC_PER_USEC);
}

static void nobody_owns_a_crash(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, panic_mutex_is_mine());
	KUNIT_EXPECT_FALSE(test, panic_mutex_is_lost());
	KUNIT_EXPECT_FALSE(test, crash_alone());
	KUNIT_EXPECT_FALSE(test, crash_part_late());
	KUNIT_EXPECT_FALSE(test, crash_step(CRASH_CALM));
}

/* It is for the owner only, and drivers may call it any time. */
static void nobody_extends_a_step(struct kunit *test)
{
	int turn = atomic_read(&crash_turn);

	crash_step_extend();
	KUNIT_EXPECT_EQ(test, atomic_read(&crash_turn), turn);
	KUNIT_EXPECT_EQ(test, crash_turn_cpu(turn), PANIC_CPU_INVALID);
	KUNIT_EXPECT_TRUE(test, crash_standby_missing());
}

/* The owner word has room for each CPU, and each stage a slot that nobody else writes. */
static void turns_name_their_cpu(struct kunit *test)
{
	unsigned int cpu, count, first = cpumask_first(cpu_possible_mask);

	for_each_possible_cpu(cpu) {
		for (count = U16_MAX - 1; count < U16_MAX + 2; count++) {
			int turn = CRASH_TURN(cpu, count), next = CRASH_TURN(cpu, turn + 1);

			KUNIT_EXPECT_EQ(test, crash_turn_cpu(turn), cpu);
			KUNIT_EXPECT_PTR_NE(test, crash_stage_of(turn), crash_stage_of(next));
			if (cpu == first)
				continue;
			KUNIT_EXPECT_PTR_NE(test, crash_stage_of(next),
					    crash_stage_of(CRASH_TURN(first, next)));
		}
	}
}

static void nobody_has_stopped(struct kunit *test)
{
	unsigned int cpu;

	KUNIT_EXPECT_FALSE(test, crash_stop_begun());
	KUNIT_EXPECT_FALSE(test, crash_stop_complete());
	KUNIT_EXPECT_NULL(test, crash_stop_result());
	for_each_possible_cpu(cpu) {
		KUNIT_EXPECT_FALSE(test, crash_stop_cpu_stopped(cpu));
		KUNIT_EXPECT_EQ(test, atomic_read(&per_cpu(crash_stop_cpu, cpu).dumping), 0);
	}
}

/* Whoever asks whether to park goes on; would one not, this test did not end. */
static void nobody_parks(struct kunit *test)
{
	int nr_rungs = arch_crash_stop_backend()->nr_rungs, rung;
	unsigned int online = num_online_cpus();
	unsigned long flags;
	bool received;

	for (rung = 0; rung < nr_rungs; rung++) {
		local_irq_save(flags);
		received = crash_stop_receive(NULL, rung);
		crash_stop_poll(NULL);
		crash_stop_cpu_online();
		local_irq_restore(flags);
		KUNIT_EXPECT_FALSE(test, received);
	}
	crash_stop_leave_online_mask();
	KUNIT_EXPECT_EQ(test, num_online_cpus(), online);
}

static void backtrace_asks_everybody(struct kunit *test)
{
	struct cpumask *mask = kunit_kzalloc(test, sizeof(*mask), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mask);
	cpumask_copy(mask, cpu_online_mask);
	crash_stop_mask_backtrace(mask);
	KUNIT_EXPECT_TRUE(test, cpumask_equal(mask, cpu_online_mask));
}

/* What the ladder takes for granted of this architecture's backend. */
static void backend_keeps_its_contract(struct kunit *test)
{
	const struct crash_stop_backend *backend = arch_crash_stop_backend();
	unsigned int i, j;

	KUNIT_ASSERT_NOT_NULL(test, backend);
	KUNIT_EXPECT_LE(test, backend->nr_rungs, CRASH_RUNGS_MAX);
	KUNIT_EXPECT_EQ(test, backend->nr_rungs > 0, IS_ENABLED(CONFIG_SMP));
	for (i = 0; i < backend->nr_rungs; i++) {
		const struct crash_rung *rung = &backend->rungs[i];
		bool usable = crash_rung_usable_now(rung);

		KUNIT_ASSERT_NOT_NULL(test, rung->name);
		KUNIT_EXPECT_TRUE(test, rung->raise);
		/* It is asked again in a nested panic, so the answer stays. */
		KUNIT_EXPECT_EQ(test, usable, crash_rung_usable_now(rung));
		for (j = 0; j < i; j++) {
			KUNIT_EXPECT_STRNEQ(test, rung->name, backend->rungs[j].name);
			/* Gentle first, of those that this machine has. */
			if (usable && crash_rung_usable_now(&backend->rungs[j]))
				KUNIT_EXPECT_LE(test, backend->rungs[j].reaches_masked,
						rung->reaches_masked);
		}
	}
	/* A parked CPU that is to be released has to look now and then. */
	KUNIT_EXPECT_TRUE(test, !backend->release || backend->park);
	if (IS_ENABLED(CONFIG_CRASH_STOP_DUMP))
		KUNIT_EXPECT_TRUE(test, backend->before_crash_kernel);
}

static unsigned int test_calls;
static char test_order[8];

static int test_notify(struct notifier_block *nb, unsigned long val, void *data);

static struct notifier_block test_first = { .notifier_call = test_notify, .priority = INT_MAX };
static struct notifier_block test_second = { .notifier_call = test_notify };
static struct notifier_block test_last = { .notifier_call = test_notify, .priority = INT_MIN };

static int test_notify(struct notifier_block *nb, unsigned long val, void *data)
{
	test_order[test_calls++] = nb == &test_first ? '1' : nb == &test_second ? '2' : 'L';
	return nb == &test_second ? NOTIFY_STOP : NOTIFY_DONE;
}

/* By priority, up to one that ends the walk; the last are for the very end. */
static void console_walk(struct kunit *test)
{
	const int nobodys = CRASH_TURN(PANIC_CPU_INVALID, 0);

	test_calls = 0;
	memset(test_order, 0, sizeof(test_order));
	atomic_notifier_chain_register(&crash_console_list, &test_last);
	atomic_notifier_chain_register(&crash_console_list, &test_second);
	atomic_notifier_chain_register(&crash_console_list, &test_first);
	/* The walk is published as an owner's. Then all is as at boot. */
	preempt_disable();
	crash_show(CRASH_KEXEC);
	*crash_stage_of(nobodys) = (struct crash_stage){};
	atomic_set(&crash_turn, nobodys);
	preempt_enable();
	atomic_notifier_chain_unregister(&crash_console_list, &test_first);
	atomic_notifier_chain_unregister(&crash_console_list, &test_second);
	atomic_notifier_chain_unregister(&crash_console_list, &test_last);
	KUNIT_EXPECT_STREQ(test, test_order, "12");
}

/* Outside of a crash a dump has every dumper, and its CPU says that it is in it. */
static void dump_outside_of_a_crash(struct kunit *test)
{
	int cpu, inside = 0;
	bool part = false;

	preempt_disable();
	cpu = crash_dump_begin(KMSG_DUMP_OOPS);
	if (cpu >= 0) {
		inside = atomic_read(&per_cpu(crash_stop_cpu, cpu).dumping);
		part = crash_dump_part(NULL);
		crash_dump_end(cpu);
	}
	preempt_enable();
	KUNIT_ASSERT_GE(test, cpu, 0);
	KUNIT_EXPECT_TRUE(test, part);
	KUNIT_EXPECT_EQ(test, inside, 1);
	KUNIT_EXPECT_EQ(test, atomic_read(&per_cpu(crash_stop_cpu, cpu).dumping), 0);
}

#ifdef CONFIG_CRASH_STOP_DUMP

#define TEST_PID(cpu)	test_prstatus(cpu)->common.pr_pid

static struct elf_prstatus *test_prstatus(int cpu)
{
	/* Header and name, "CORE" on four bytes more than its length. */
	return (struct elf_prstatus *)((char *)per_cpu_ptr(crash_notes, cpu) +
				       sizeof(struct elf_note) + 8);
}

static bool test_has_note(int cpu)
{
	const struct elf_note *note = (const struct elf_note *)per_cpu_ptr(crash_notes, cpu);

	return note->n_type == NT_PRSTATUS && note->n_descsz == sizeof(struct elf_prstatus);
}

/* As at boot, so that a real crash finds what it has to. */
static void test_forget_note(int cpu)
{
	memset(per_cpu_ptr(crash_notes, cpu), 0, sizeof(note_buf_t));
	atomic_set(&per_cpu(crash_stop_cpu, cpu).note, CRASH_NOTE_NONE);
}

static int test_note_state(int cpu)
{
	return atomic_read(&per_cpu(crash_stop_cpu, cpu).note);
}

static void test_capture(void *done)
{
	crash_stop_note(NULL, raw_smp_processor_id());
	if (done)
		smp_store_release((bool *)done, true); /* pairs with smp_load_acquire() below */
}

static void placeholder_has_no_registers(struct kunit *test)
{
	static const elf_gregset_t none;
	int cpu = cpumask_first(cpu_online_mask);

	KUNIT_ASSERT_NOT_NULL(test, crash_notes);
	KUNIT_ASSERT_EQ(test, test_note_state(cpu), CRASH_NOTE_NONE);
	crash_stop_placeholder(cpu);
	KUNIT_EXPECT_EQ(test, test_note_state(cpu), CRASH_NOTE_PLACEHOLDER);
	KUNIT_EXPECT_TRUE(test, test_has_note(cpu));
	KUNIT_EXPECT_EQ(test, TEST_PID(cpu), -1);
	KUNIT_EXPECT_MEMEQ(test, &test_prstatus(cpu)->pr_reg, &none, sizeof(elf_gregset_t));
	test_forget_note(cpu);
}

/* A CPU that writes, or has written, its registers keeps them. */
static void note_keeps_its_registers(struct kunit *test)
{
	int cpu = cpumask_first(cpu_online_mask);

	if (!arch_crash_stop_backend()->capture)
		kunit_skip(test, "the crash kernel makes the notes");
	KUNIT_ASSERT_NOT_NULL(test, crash_notes);
	atomic_set(&per_cpu(crash_stop_cpu, cpu).note, CRASH_NOTE_WRITING);
	crash_stop_placeholder(cpu);
	KUNIT_EXPECT_EQ(test, test_note_state(cpu), CRASH_NOTE_WRITING);
	KUNIT_EXPECT_FALSE(test, test_has_note(cpu));
	test_forget_note(cpu);

	smp_call_function_single(cpu, test_capture, NULL, true);
	KUNIT_EXPECT_EQ(test, test_note_state(cpu), CRASH_NOTE_REGS);
	KUNIT_EXPECT_TRUE(test, test_has_note(cpu));
	crash_stop_placeholder(cpu);
	KUNIT_EXPECT_EQ(test, test_note_state(cpu), CRASH_NOTE_REGS);
	KUNIT_EXPECT_NE(test, TEST_PID(cpu), -1);
	test_forget_note(cpu);
}

/* A late CPU writes over its placeholder, whichever of the two comes first. */
static void late_cpu_replaces_its_placeholder(struct kunit *test)
{
	unsigned int round, registers = 0;
	bool done;
	int cpu;

	if (!arch_crash_stop_backend()->capture)
		kunit_skip(test, "the crash kernel makes the notes");
	cpus_read_lock();
	for (round = 0; round < TEST_ROUNDS; round++) {
		done = false;
		cpu = cpumask_any_but(cpu_online_mask, get_cpu());
		if (cpu < nr_cpu_ids) {
			smp_call_function_single(cpu, test_capture, &done, false);
			udelay(round % 16);
			crash_stop_placeholder(cpu);
		}
		put_cpu();
		if (cpu >= nr_cpu_ids)
			break;
		/*
		 * That CPU may be in stop_machine(), interrupts off, and wait for this one.
		 * Pairs with smp_store_release() in test_capture(): its note is written.
		 */
		while (!smp_load_acquire(&done))
			cond_resched();
		registers += test_note_state(cpu) == CRASH_NOTE_REGS && test_has_note(cpu);
		test_forget_note(cpu);
	}
	cpus_read_unlock();
	if (!round)
		kunit_skip(test, "there is one CPU only");
	KUNIT_EXPECT_EQ(test, registers, TEST_ROUNDS);
}

/* Without an image crash_kexec() stops nobody and comes back. */
static void crash_kexec_without_an_image(struct kunit *test)
{
	if (crash_stop_have_image())
		kunit_skip(test, "a crash kernel is loaded");
	crash_stop_crash_kexec(NULL);
	nobody_owns_a_crash(test);
	nobody_has_stopped(test);
}

#endif /* CONFIG_CRASH_STOP_DUMP */

static struct kunit_case crash_stop_cases[] = {
	KUNIT_CASE(clock_counts),
	KUNIT_CASE(clock_counts_with_interrupts_off),
	KUNIT_CASE(nobody_owns_a_crash),
	KUNIT_CASE(nobody_extends_a_step),
	KUNIT_CASE(turns_name_their_cpu),
	KUNIT_CASE(nobody_has_stopped),
	KUNIT_CASE(nobody_parks),
	KUNIT_CASE(backtrace_asks_everybody),
	KUNIT_CASE(backend_keeps_its_contract),
	KUNIT_CASE(console_walk),
	KUNIT_CASE(dump_outside_of_a_crash),
#ifdef CONFIG_CRASH_STOP_DUMP
	KUNIT_CASE(placeholder_has_no_registers),
	KUNIT_CASE(note_keeps_its_registers),
	KUNIT_CASE(late_cpu_replaces_its_placeholder),
	KUNIT_CASE(crash_kexec_without_an_image),
#endif
	{}
};

static struct kunit_suite crash_stop_suite = {
	.name = "crash_stop",
	.test_cases = crash_stop_cases,
};

kunit_test_suite(crash_stop_suite);
