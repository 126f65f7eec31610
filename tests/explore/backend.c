// SPDX-License-Identifier: GPL-2.0-only
/*
 * A backend that notes what it is called for, and what must hold.
 *
 * backend_check() is asked after every move and backend_check_end() when nothing
 * can go on; hooks check what they are called for. What is noted is part of the
 * state, so it is as little as the checks need: counts, no times and no order.
 */
#include "explore.h"
#include <crash_stop_internal.h>

static struct {
	int owner;			/* of the panic, once there is one; + 1 */
	unsigned char takeovers;
	unsigned char places[PLACES];
	unsigned char raised[2][CRASH_RUNGS_MAX][NR_CPUS];
	unsigned char after_stop[2];
	bool reboot_lost;		/* a panic was claimed before a reboot had stopped all */
	bool hung_at_lock;		/* an owner may have had the kexec lock, and not kept that */
	struct {
		unsigned char captured, quiesced;
		bool parked, resumed;
		bool half_quiesced;	/* an NMI panicked on top of that; accepted */
		unsigned char stopped;	/* mask of those that had when it began a rung */
		bool owned;		/* the crash, before another CPU took it over */
		unsigned char beside;	/* places that it came to afterwards */
	} cpus[NR_CPUS];
} seen;

struct plan plan[NR_CPUS];
bool backend_expects_image;
unsigned int backend_takeovers;

static int state(int cpu)
{
	return crash_stop_cpu[cpu].state.counter;
}

/* The claim of a takeover comes before panic_cpu follows it. */
static int owner_now(void)
{
	int turn = crash_turn_cpu(crash_turn.counter);

	return turn < 0 || panic_cpu.counter < 0 ? panic_cpu.counter : turn;
}

static bool owns_panic(int cpu)
{
	return owner_now() == cpu;
}

static bool reboots(int cpu)
{
	return plan[cpu].program == program_restart;
}

void event(enum event what, int cpu, int arg)
{
	switch (what) {
	case EV_PLACE:
		if (seen.places[arg] < 255)
			seen.places[arg]++;
		/*
		 * A reboot passes the signals and the report line. An owner that has been
		 * taken over goes to the end of its stage, or of its ladder, unless it is
		 * stopped before.
		 */
		MUST("K1", owns_panic(cpu) ||
			   (seen.cpus[cpu].owned &&
			    (arg < PLACE_REPORT || !seen.cpus[cpu].beside++)) ||
			   (reboots(cpu) && arg >= PLACE_RAISE && arg <= PLACE_REPORT));
		MUST("K6", arg < PLACE_DUMPER || crash_stop_result());
		/* The message and the consoles come again, and so does a restart that faults. */
		MUST("K7", arg < PLACE_NOTIFIER || arg == PLACE_RESTART || seen.places[arg] == 1);
		break;
	case EV_RESUMED:
		MUST("K5", state(cpu) != CRASH_CPU_STOPPED);
		MUST("K10", !reboots(cpu) || !seen.reboot_lost);
		seen.cpus[cpu].resumed = true;
		break;
	default:
		break;
	}
}

static void handler(struct pt_regs *regs, int rung)
{
	crash_stop_receive(regs, rung);
}

/* The ladder looks who has stopped between this and the signal. */
static bool usable(void)
{
	int cpu, this_cpu = raw_smp_processor_id();

	seen.cpus[this_cpu].stopped = 0;
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		if (state(cpu) == CRASH_CPU_STOPPED)
			seen.cpus[this_cpu].stopped |= 1 << cpu;
	return true;
}

static void raise_rung(const struct cpumask *mask, int rung)
{
	int cpu, this_cpu = raw_smp_processor_id();
	bool panic = owns_panic(this_cpu);

	MUST("K3", !machine_irqs_on());
	MUST("K3", !cpumask_empty(mask));
	place(PLACE_RAISE + rung);
	for_each_cpu(cpu, mask) {
		MUST("K3", cpu != this_cpu);
		MUST("K2", !(seen.cpus[this_cpu].stopped & 1 << cpu));
		MUST("K10", !seen.raised[panic][rung][cpu]);
		seen.raised[panic][rung][cpu]++;
		if (!plan[cpu].deaf[rung])
			machine_signal(cpu, fake_rungs[rung].reaches_masked, 0, handler, rung);
	}
	seen.cpus[this_cpu].stopped = 0;
	place(PLACE_RAISED + rung);
}

static void raise_ipi(const struct cpumask *mask)
{
	raise_rung(mask, IPI);
}

static void raise_nmi(const struct cpumask *mask)
{
	raise_rung(mask, NMI);
}

static void capture(struct pt_regs *regs, int cpu)
{
	struct elf_prstatus prstatus = { .common.pr_pid = NOTE_PID(cpu), .pr_reg = *regs };
	u32 *buf = (u32 *)crash_notes[cpu];

	MUST("K4", cpu == raw_smp_processor_id());
	MUST("K4", !machine_irqs_on());
	MUST("K4", state(cpu) != CRASH_CPU_STOPPED);
	MUST("K10", !owns_panic(cpu));
	if (plan[cpu].capture_faults) {
		plan[cpu].capture_faults--;
		panic("capture faults on cpu %d", cpu);
	}
	final_note(append_elf_note(buf, "CORE", NT_PRSTATUS, &prstatus, sizeof(prstatus)));
	seen.cpus[cpu].captured++;
}

static void quiesce(enum crash_stop_why why)
{
	int cpu = raw_smp_processor_id();

	(void)why;
	MUST("K4", !machine_irqs_on());
	MUST("K4", state(cpu) == CRASH_CPU_QUIESCING);
	MUST("K10", !owns_panic(cpu));
	MUST("K4", !seen.cpus[cpu].quiesced);
	seen.cpus[cpu].quiesced++;
	if (plan[cpu].quiesce_faults) {
		plan[cpu].quiesce_faults--;
		panic("quiesce faults on cpu %d", cpu);
	}
}

static void park(enum crash_stop_why why)
{
	int cpu = raw_smp_processor_id();

	(void)why;
	MUST("K5", state(cpu) == CRASH_CPU_STOPPED);
	MUST("K10", !owns_panic(cpu));
	seen.cpus[cpu].parked = true;
	machine_wait();
}

static bool can_stand_by(int how)
{
	int cpu = raw_smp_processor_id();

	MUST("K14", state(cpu) == CRASH_CPU_QUIESCING);
	MUST("K14", crash_stop_cpu[cpu].how == how);
	return true;
}

static void after_stop(enum crash_stop_why why)
{
	if (!seen.cpus[raw_smp_processor_id()].owned)
		MUST("K10", !seen.after_stop[why]++);
	if (why == CRASH_STOP_REBOOT)
		seen.reboot_lost = panic_cpu.counter != PANIC_CPU_INVALID;
	else
		place(PLACE_AFTER_STOP);
}

static void before_crash_kernel(struct pt_regs *regs)
{
	int cpu = raw_smp_processor_id();
	struct elf_prstatus prstatus = { .common.pr_pid = NOTE_PID(cpu), .pr_reg = *regs };

	final_note(append_elf_note((u32 *)crash_notes[cpu], "CORE", NT_PRSTATUS, &prstatus,
				   sizeof(prstatus)));
	place(PLACE_BEFORE_KEXEC);
}

struct crash_rung fake_rungs[CRASH_RUNGS_MAX] = {
	[IPI] = { .name = "ipi", .usable = usable, .raise = raise_ipi },
	[NMI] = { .name = "nmi", .reaches_masked = true, .usable = usable, .raise = raise_nmi },
};

struct crash_stop_backend fake_backend = {
	.rungs = fake_rungs,
	.nr_rungs = 2,
	.capture = capture,
	.quiesce = quiesce,
	.park = park,
	.can_stand_by = can_stand_by,
	.after_stop = after_stop,
	.before_crash_kernel = before_crash_kernel,
};

const struct crash_stop_backend *arch_crash_stop_backend(void)
{
	return &fake_backend;
}

void idle(void)
{
	int cpu = raw_smp_processor_id();

	for (;;) {
		MUST("K5", state(cpu) != CRASH_CPU_STOPPED || owns_panic(cpu));
		machine_wait();
	}
}

void program_panic(void)
{
	panic("cpu %d", raw_smp_processor_id());
}

static void nmi_panics(struct pt_regs *regs, int arg)
{
	int cpu = raw_smp_processor_id();

	(void)arg;
	seen.cpus[cpu].half_quiesced |= state(cpu) == CRASH_CPU_QUIESCING;
	nmi_panic(regs, "hard lockup");
}

void program_nmi_panic(void)
{
	machine_signal(raw_smp_processor_id(), true, 0, nmi_panics, 0);
	idle();
}

void program_restart(void)
{
	kernel_restart();
	machine_stop(MACHINE_DONE);
}

void program_dump(void)
{
	kmsg_dump(KMSG_DUMP_OOPS);
	idle();
}

static void may_fault(unsigned int where)
{
	if (owns_panic(raw_smp_processor_id()) && machine_faults())
		faults[where]++;
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

	at_place = may_fault;
	for (cpu = 0; cpu < NR_CPUS; cpu++)
		machine_program(cpu, program_start);
}

/*
 * How long the owner writes a placeholder is bounded, unless it faults or hangs: the CPU
 * that waits for it does not give up before nobody else goes on. That race is accepted.
 */
bool backend_time_is_up(int cpu, bool alone)
{
	/* Who stands by before the stop has ended, or its successor has come, waits for nothing. */
	if (state(cpu) == CRASH_CPU_STOPPED && !owns_panic(cpu) &&
	    (!crash_stop_result() || panic_cpu.counter == cpu ||
	     seen.takeovers == backend_takeovers))
		return false;
	return alone || crash_stop_cpu[cpu].note.counter != CRASH_NOTE_PLACING;
}

/* No signal can stop it. */
static bool wedged(int cpu)
{
	return plan[cpu].masked && plan[cpu].deaf[NMI];
}

/* A CPU that has stopped is the owner now, and all that it was seen to do begins anew. */
static bool taken_over(void)
{
	const struct crash_stage *at = crash_stage_of(crash_turn.counter);
	int cpu = owner_now();

	MUST("K14", ++seen.takeovers <= backend_takeovers);
	MUST("K14", seen.cpus[cpu].captured);
	memset(seen.raised[CRASH_STOP_PANIC], 0, sizeof(seen.raised[CRASH_STOP_PANIC]));
	memset(&seen.cpus[cpu], 0, sizeof(seen.cpus[cpu]));
	seen.cpus[seen.owner - 1].owned = true;
	seen.after_stop[CRASH_STOP_PANIC] = 0;
	seen.hung_at_lock |= at->step == CRASH_KEXEC && !at->part;
	return true;
}

bool backend_check(void)
{
	int cpu, other, waits;
	bool noted;

	MUST("K1", !seen.owner || owns_panic(seen.owner - 1) || taken_over());
	noted = seen.owner != owner_now() + 1;
	seen.owner = owner_now() + 1;
	for (cpu = 0; cpu < machine_cpus(); cpu++) {
		if (state(cpu) != CRASH_CPU_STOPPED || owns_panic(cpu))
			continue;
		MUST("K4", machine_masked(cpu));
		MUST("K4", seen.cpus[cpu].captured);
		MUST("K4", crash_stop_cpu[cpu].note.counter == CRASH_NOTE_REGS);
		MUST("K4", seen.cpus[cpu].quiesced || seen.cpus[cpu].half_quiesced);
	}
	/* Nobody waits for who has stopped or gone. */
	if (!machine_waits_forced(&waits) || redirect_to >= 0)
		return noted;
	for (cpu = other = 0; cpu < machine_cpus(); cpu++)
		other += cpu != waits && !machine_is_off(cpu) && state(cpu) != CRASH_CPU_STOPPED;
	MUST("K2, K15", other);
	return noted;
}

static void check_result(const struct crash_stop_result *r)
{
	unsigned int sum = r->by_itself, left = 0, i;
	int cpu;

	for (i = 0; i < CRASH_RUNGS_MAX; i++)
		sum += r->by_rung[i];
	for_each_cpu(cpu, r->left)
		left++;
	MUST("K8", sum == r->stopped);
	MUST("K8", left == r->cpus - r->stopped);
}

static void check_stopped(int cpu)
{
	struct note note = kernel_note(cpu);
	bool lost = crash_stop_cpu[cpu].how == CRASH_BY_ITSELF;

	MUST("K5", state(cpu) == CRASH_CPU_STOPPED);
	if (note_may_be_old[cpu])
		return;
	MUST("K9", note.there && note.pid == NOTE_PID(cpu));
	if (plan[cpu].program == program_panic && lost && !seen.cpus[cpu].owned) {
		MUST("K2", crash_stop_cpu[cpu].msg[0]);
		MUST("K2", plan[cpu].capture_faults || note.ip == IP_HERE(IP_TASK(cpu)));
	}
}

/* The last step towards the crash kernel: there is no part behind it. */
static bool faulted_in_kexec(void)
{
	return visits[PLACE_BEFORE_KEXEC] > 0;
}

/* Its successor cannot tell that from a lock which a CPU has that runs on; accepted. */
static bool lock_was_forgotten(void)
{
	int cpu;

	if (seen.hung_at_lock)
		for_each_cpu(cpu, crash_stop_result()->left)
			if (!seen.cpus[cpu].owned)
				return true;
	return false;
}

/* By a CPU that did not stop, or was stopped in it once patience had come to its end. */
static bool store_was_locked(unsigned int dumper)
{
	return dumper == nr_dumpers - 1 && log_count("store: locked");
}

void backend_check_end(void)
{
	const struct crash_stop_result *r = crash_stop_result();
	int owner = owner_now(), ender = -1, cpu, nobody;
	unsigned int i;
	int lost = seen.takeovers;
	bool late;

	if (machine_waits_forced(&nobody))
		return;
	for (cpu = 0; cpu < machine_cpus(); cpu++) {
		if (!machine_end_of(cpu))
			continue;
		if (machine_end_of(cpu) == MACHINE_DONE && owner >= 0)
			return;		/* it was too late for the panic: the machine restarts */
		MUST("K10", ender < 0);
		ender = cpu;
	}
	MUST("K10", ender >= 0);
	MUST("K1", owner < 0 || ender == owner);
	if (owner >= 0 && backend_expects_image)
		MUST("K7", machine_end_of(owner) == MACHINE_KEXEC || faulted_in_kexec() ||
				   lock_was_forgotten());
	else if (owner >= 0)
		MUST("K7", machine_end_of(owner) == MACHINE_RESTART);
	MUST("K8", r);
	check_result(r);
	for (cpu = 0; cpu < machine_cpus(); cpu++) {
		if (cpu == ender || machine_is_off(cpu))
			continue;
		late = wedged(cpu) || machine_end_of(ender) == MACHINE_DONE;
		if (!late || state(cpu) == CRASH_CPU_STOPPED) {
			check_stopped(cpu);
			MUST("K5", seen.cpus[cpu].parked || machine_end_of(ender) == MACHINE_DONE);
			continue;
		}
		MUST("K15", cpumask_test_cpu(cpu, r->left));
		MUST("K9", !wedged(cpu) || (kernel_note(cpu).there && kernel_note(cpu).pid == -1));
	}
	if (owner < 0)
		return;
	/* What a fault or a hang hits is lost, and nothing else. */
	for (i = 0; i < nr_dumpers; i++)
		MUST("K7", seen.places[PLACE_DUMPER + i] == 1 || store_was_locked(i) || lost--);
	if (backend_expects_image)
		return;
	for (i = 0; i < NR_NOTIFIERS; i++)
		MUST("K7", seen.places[PLACE_NOTIFIER + i] == 1 || lost--);
	for (i = 0; i < NR_LAST; i++)
		MUST("K7", seen.places[PLACE_LAST + i] == 1);
}
