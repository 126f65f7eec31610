// SPDX-License-Identifier: GPL-2.0-only
/*
 * A backend, and CPUs, that misbehave as struct plan says.
 *
 * Rung 0 "ipi" is gentle, rung 1 "nmi" reaches masked CPUs, rung 2 "sdei" is one
 * more, for tests that want three. The hooks keep a log of events, and check on
 * every call what must hold in every test: what they are called for, by whom,
 * and in which order.
 */
#include "test.h"
#include "crash_stop_internal.h"

#define EVENTS_MAX	1024
#define LATENCY_NS	(2 * US)

static struct {
	enum event what;
	int cpu, arg;
	u64 ns;
} events[EVENTS_MAX];
static int nr_events;

struct plan plan[NR_CPUS];
/* CPUs that had stopped when each CPU last looked at the clock. */
static unsigned long stopped_at_clock[NR_CPUS];
static bool raised[2][CRASH_RUNGS_MAX][NR_CPUS];

void event(enum event what, int cpu, int arg)
{
	machine_lock();
	if (nr_events < EVENTS_MAX) {
		events[nr_events].what = what;
		events[nr_events].cpu = cpu;
		events[nr_events].arg = arg;
		events[nr_events++].ns = machine_now;
	}
	machine_unlock();
}

static bool event_is(int i, enum event what, int cpu, int arg)
{
	return events[i].what == what && (cpu == ANY || events[i].cpu == cpu) &&
	       (arg == ANY || events[i].arg == arg);
}

int event_count(enum event what, int cpu, int arg)
{
	int i, n = 0;

	for (i = 0; i < nr_events; i++)
		n += event_is(i, what, cpu, arg);
	return n;
}

int event_index(enum event what, int cpu, int arg)
{
	int i;

	for (i = 0; i < nr_events; i++)
		if (event_is(i, what, cpu, arg))
			return i;
	return -1;
}

u64 event_ns(enum event what, int cpu, int arg)
{
	int i = event_index(what, cpu, arg);

	return i < 0 ? MACHINE_NEVER : events[i].ns;
}

void events_show(void)
{
	static const char * const names[EVENTS] = {
		"raise", "signal", "returned", "capture", "quiesce", "park", "release",
		"after_stop", "before_kexec", "place", "resumed",
	};
	int i;

	for (i = 0; i < nr_events; i++)
		fprintf(stderr, "#   %12.3f us cpu %d %s %d\n", events[i].ns / 1000.0,
			events[i].cpu, names[events[i].what], events[i].arg);
}

static int state(int cpu)
{
	return crash_stop_cpu[cpu].state.counter;
}

/* The claim of a takeover comes before panic_cpu follows it. */
static bool owns_panic(int cpu)
{
	int turn = crash_turn_cpu(crash_turn.counter);

	return panic_cpu.counter == cpu && (turn < 0 || turn == cpu);
}

static bool fake_can_stand_by(int how)
{
	int cpu = raw_smp_processor_id();

	CHECK_INT(how, crash_stop_cpu[cpu].how);
	CHECK_INT(state(cpu), CRASH_CPU_QUIESCING);
	return !plan[cpu].busy;
}

/* With a seed the end of the run may come between the two. */
bool cpu_parked(int cpu)
{
	return state(cpu) == CRASH_CPU_STOPPED &&
	       (machine_seed || !fake_backend.park || event_count(EV_PARK, cpu, ANY));
}

/* Called by the ladder before it looks who has stopped: see fake_raise(). */
u64 sched_clock(void)
{
	int cpu, this_cpu = raw_smp_processor_id();

	stopped_at_clock[this_cpu] = 0;
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		if (state(cpu) == CRASH_CPU_STOPPED)
			stopped_at_clock[this_cpu] |= 1ul << cpu;
	return machine_clock();
}

static void fake_handler(struct pt_regs *regs, int rung)
{
	int cpu = raw_smp_processor_id();

	event(EV_SIGNAL, cpu, rung);
	if (plan[cpu].on_signal)
		plan[cpu].on_signal(regs, rung);
	if (!crash_stop_receive(regs, rung))
		event(EV_RETURNED, cpu, rung);
}

void backend_signal(int cpu, int rung, u64 ns)
{
	machine_signal(cpu, fake_rungs[rung].reaches_masked, machine_now + ns, fake_handler,
		       rung);
}

static void fake_raise(const struct cpumask *mask, int rung)
{
	int cpu, this_cpu = raw_smp_processor_id();
	bool panic = owns_panic(this_cpu);
	static unsigned long before;
	unsigned int i;
	u64 ns;

	/* Who has taken over raises anew. */
	if (panic && before != crash_old_owners.bits)
		memset(raised[panic], 0, sizeof(raised[panic]));
	if (panic)
		before = crash_old_owners.bits;

	CHECK(!machine_irqs_on());
	CHECK(!cpumask_empty(mask));
	/* Where time is the host's, it may be over right now. */
	CHECK(panic || !machine_keeps_time || !cpumask_test_cpu(this_cpu, &crash_old_owners));
	place(PLACE_RAISE + rung);
	for_each_cpu(cpu, mask) {
		CHECK(cpu != this_cpu);
		CHECK(!(stopped_at_clock[this_cpu] & (1ul << cpu)));
		CHECK(!raised[panic][rung][cpu]);
		raised[panic][rung][cpu] = true;
		event(EV_RAISE, cpu, rung);
		if (plan[cpu].deaf[rung])
			continue;
		ns = LATENCY_NS + machine_choose(CHOOSE_LATENCY, 8) * US;
		for (i = 0; i <= plan[cpu].again[rung]; i++)
			backend_signal(cpu, rung, ns + plan[cpu].late[rung] + i * 3 * US);
	}
	place(PLACE_RAISED + rung);
}

static void fake_raise_ipi(const struct cpumask *mask)
{
	fake_raise(mask, IPI);
}

static void fake_raise_nmi(const struct cpumask *mask)
{
	fake_raise(mask, NMI);
}

static void fake_raise_sdei(const struct cpumask *mask)
{
	fake_raise(mask, RUNG3);
}

static void fake_capture(struct pt_regs *regs, int cpu)
{
	struct elf_prstatus prstatus = { .common.pr_pid = NOTE_PID(cpu), .pr_reg = *regs };
	u32 *buf = (u32 *)crash_notes[cpu];

	event(EV_CAPTURE, cpu, 0);
	CHECK_INT(cpu, raw_smp_processor_id());
	CHECK(!machine_irqs_on());
	CHECK(!owns_panic(cpu));
	CHECK(state(cpu) != CRASH_CPU_STOPPED);
	if (plan[cpu].capture_ns)
		machine_sleep(plan[cpu].capture_ns);
	if (plan[cpu].capture_faults) {
		plan[cpu].capture_faults--;
		panic("capture faults on cpu %d", cpu);
	}
	buf = append_elf_note(buf, "CORE", NT_PRSTATUS, &prstatus, sizeof(prstatus));
	final_note(buf);
}

static void fake_quiesce(enum crash_stop_why why)
{
	int cpu = raw_smp_processor_id();

	event(EV_QUIESCE, cpu, why);
	CHECK(!machine_irqs_on());
	CHECK(!owns_panic(cpu));
	CHECK_INT(state(cpu), CRASH_CPU_QUIESCING);
	if (plan[cpu].quiesce_faults) {
		plan[cpu].quiesce_faults--;
		panic("quiesce faults on cpu %d", cpu);
	}
	/* The registers are saved, unless that has failed. */
	if (fake_backend.capture && event_count(EV_CAPTURE, cpu, ANY) == 1)
		CHECK_INT(crash_stop_cpu[cpu].note.counter, CRASH_NOTE_REGS);
}

static void fake_park(enum crash_stop_why why)
{
	int cpu = raw_smp_processor_id();

	CHECK(!machine_irqs_on());
	CHECK(!owns_panic(cpu));
	CHECK_INT(state(cpu), CRASH_CPU_STOPPED);
	if (!event_count(EV_PARK, cpu, ANY))
		event(EV_PARK, cpu, why);
	if (fake_backend.release)
		machine_sleep(10 * US);
	else
		machine_wait();
}

static void fake_release(int how)
{
	int cpu = raw_smp_processor_id();

	CHECK(!machine_irqs_on());
	CHECK(!owns_panic(cpu));
	CHECK_INT(state(cpu), CRASH_CPU_STOPPED);
	CHECK_INT(how, crash_stop_cpu[cpu].how);
	event(EV_RELEASE, cpu, how);
	if (plan[cpu].release_faults) {
		plan[cpu].release_faults--;
		panic("release faults on cpu %d", cpu);
	}
}

void backend_releases(void)
{
	fake_backend.release = fake_release;
}

static void fake_after_stop(enum crash_stop_why why)
{
	event(EV_AFTER_STOP, raw_smp_processor_id(), why);
	CHECK(crash_stop_result() != NULL);
	place(PLACE_AFTER_STOP);
}

static void fake_before_crash_kernel(struct pt_regs *regs)
{
	int cpu = raw_smp_processor_id();
	struct elf_prstatus prstatus = { .common.pr_pid = NOTE_PID(cpu), .pr_reg = *regs };

	event(EV_BEFORE_KEXEC, cpu, 0);
	CHECK(owns_panic(cpu));
	final_note(append_elf_note((u32 *)crash_notes[cpu], "CORE", NT_PRSTATUS, &prstatus,
				   sizeof(prstatus)));
	place(PLACE_BEFORE_KEXEC);
}

struct crash_rung fake_rungs[CRASH_RUNGS_MAX] = {
	[IPI]	= { .name = "ipi", .raise = fake_raise_ipi },
	[NMI]	= { .name = "nmi", .reaches_masked = true, .raise = fake_raise_nmi },
	[RUNG3]	= { .name = "sdei", .reaches_masked = true, .raise = fake_raise_sdei },
};

struct crash_stop_backend fake_backend = {
	.rungs = fake_rungs,
	.nr_rungs = 2,
	.capture = fake_capture,
	.quiesce = fake_quiesce,
	.park = fake_park,
	.can_stand_by = fake_can_stand_by,
	.after_stop = fake_after_stop,
	.before_crash_kernel = fake_before_crash_kernel,
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &fake_backend;
}

void idle(void)
{
	int cpu = raw_smp_processor_id();

	for (;;) {
		/* The end of the line: whoever has stopped does not come here. */
		CHECK(state(cpu) != CRASH_CPU_STOPPED || owns_panic(cpu));
		machine_wait();
	}
}

void program_panic(void)
{
	machine_sleep(plan[raw_smp_processor_id()].at);
	panic("cpu %d", raw_smp_processor_id());
}

static void nmi_panics(struct pt_regs *regs, int arg)
{
	(void)arg;
	nmi_panic(regs, "hard lockup");
}

void program_nmi_panic(void)
{
	int cpu = raw_smp_processor_id();

	machine_signal(cpu, true, machine_now + plan[cpu].at, nmi_panics, 0);
	idle();
}

void program_restart(void)
{
	machine_sleep(plan[raw_smp_processor_id()].at);
	kernel_restart();
}

void program_dump(void)
{
	machine_sleep(plan[raw_smp_processor_id()].at);
	kmsg_dump(KMSG_DUMP_OOPS);
	event(EV_RESUMED, raw_smp_processor_id(), 0);
	idle();
}

static void program_start(void)
{
	struct plan *p = &plan[raw_smp_processor_id()];

	if (p->masked)
		local_irq_disable();
	if (p->program)
		p->program();
	idle();
}

void backend_init(void)
{
	int cpu;

	for (cpu = 0; cpu < NR_CPUS; cpu++)
		machine_program(cpu, program_start);
}
