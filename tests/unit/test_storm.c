// SPDX-License-Identifier: GPL-2.0-only
/*
 * Everything at once: what each CPU does, how it answers and where the owner
 * faults is chosen by the seed, and what must hold in any case is checked.
 */
#include "test.h"

static u64 dice;

static unsigned int roll(unsigned int n)
{
	dice = dice * 6364136223846793005ull + 1442695040888963407ull;
	return (dice >> 33) % n;
}

/* What a CPU does of its own accord; some do nothing. */
static void (* const programs[])(void) = {
	program_panic, program_nmi_panic, program_restart, program_dump, NULL, NULL,
};

static void choose_cpu(struct plan *p)
{
	p->at = roll(32) * US / 2;
	p->again[IPI] = roll(3);
	p->again[NMI] = roll(3);
	p->capture_ns = roll(3) ? 0 : roll(64) * US;
	p->capture_faults = !roll(8);
	p->quiesce_faults = !roll(8);
	p->masked = !roll(4);
	p->late[IPI] = roll(4) ? 0 : roll(20) * MS;
	p->late[NMI] = roll(8) ? 0 : roll(200) * MS;
	p->deaf[IPI] = !roll(8);
	p->deaf[NMI] = !roll(8);
}

/* Any rung reaches it in good time, whatever it does. */
static bool answers(const struct plan *p)
{
	return !p->deaf[NMI] && !p->late[NMI];
}

static void check_cpu(const struct crash_stop_result *r, int cpu)
{
	const struct crash_cpu *c = &crash_stop_cpu[cpu];
	struct note note = kernel_note(cpu);
	bool left = cpumask_test_cpu(cpu, r->left);

	CHECK(event_count(EV_QUIESCE, cpu, ANY) <= 1);
	CHECK(event_count(EV_CAPTURE, cpu, ANY) <= 2);
	CHECK(!left || !answers(&plan[cpu]));
	CHECK(left || c->state.counter == CRASH_CPU_STOPPED);
	CHECK(left || c->how >= CRASH_BY_ITSELF);
	if (c->note.counter == CRASH_NOTE_REGS)
		CHECK(note.there && note.pid == NOTE_PID(cpu));
	if (c->note.counter == CRASH_NOTE_PLACEHOLDER)
		CHECK(note.there && note.pid == -1 && !note.ip);
	/* Whoever has stopped has said what it had to, or was kept from it. */
	if (!left && !plan[cpu].capture_ns && event_count(EV_CAPTURE, cpu, ANY) == 1)
		CHECK_INT(c->note.counter, CRASH_NOTE_REGS);
}

static void check_result(int owner)
{
	const struct crash_stop_result *r = crash_stop_result();
	unsigned int i, sum, left = 0;
	int cpu;

	CHECK(r);
	if (!r)
		return;
	sum = r->by_itself;
	for (i = 0; i < CRASH_RUNGS_MAX; i++)
		sum += r->by_rung[i];
	CHECK_INT(sum, r->stopped);
	for_each_cpu(cpu, r->left)
		left++;
	CHECK_INT(r->stopped + left, r->cpus);
	CHECK_INT(r->cpus, NR_CPUS - 1);
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		if (cpu != owner)
			check_cpu(r, cpu);
}

static void storm(unsigned int variant)
{
	enum machine_end end;
	int cpu, owner;

	dice = machine_seed * 64ull + variant;
	if (roll(2))
		kernel_load_image();
	post_notifiers = roll(2);
	dumper_ns[0] = roll(4) * 10 * MS;
	fault_kind = roll(2) ? FAULT_OOPS : FAULT_PANIC;
	if (!roll(3))
		faults[PLACE_AFTER_STOP + roll(PLACE_BEFORE_KEXEC - PLACE_AFTER_STOP)] = 1;
	for (cpu = 0; cpu < NR_CPUS; cpu++) {
		choose_cpu(&plan[cpu]);
		plan[cpu].program = programs[roll(ARRAY_SIZE(programs))];
	}
	plan[roll(NR_CPUS)].program = program_panic;

	end = kernel_boot();
	owner = panic_cpu.counter;
	if (owner < 0) {
		/* A reboot has stopped the only one that was to panic. */
		CHECK_INT(end, MACHINE_QUIET);
		CHECK(event_count(EV_RESUMED, ANY, ANY));
		return;
	}
	CHECK(end == (kexec_crash_image ? MACHINE_KEXEC : MACHINE_RESTART));
	CHECK(log_count("Kernel panic - not syncing") >= 1);
	CHECK(log_count("other CPUs stopped") >= 1);
	/* The store fails only where it faults itself, or one that was stopped holds it. */
	CHECK(stored[0] || log_count("store: locked") || log_count("(dump_store)"));
	if (end == MACHINE_KEXEC)
		CHECK_INT(kernel_note(owner).pid, NOTE_PID(owner));
	check_result(owner);
}

const struct test storm_tests[] = {
	T_N(storm, 16),
	{}
};
