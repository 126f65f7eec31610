// SPDX-License-Identifier: GPL-2.0-only
/* What the CPUs do, one line each: the search does the rest. */
#include "explore.h"

static void image(void)
{
	kernel_load_image();
	backend_expects_image = true;
}

/* CPU 0 panics, the others idle. */
static void owner(void)
{
	plan[0].program = program_panic;
}

static void owner_with_image(void)
{
	image();
	owner();
}

/* A stage may take longer than its deadline, any of them, as far as the others can see. */
static void standby(void)
{
	owner();
	deadline_ms = 200;
	backend_takeovers = 1;
}

static void standby_with_image(void)
{
	standby();
	image();
}

/* And the old owner cannot be stopped. */
static void standby_deaf(void)
{
	standby();
	plan[0].deaf[NMI] = true;
}

/* And CPU 1 never answers: a placeholder is written for it, and may take that long, too. */
static void standby_silent(void)
{
	standby();
	plan[1].masked = plan[1].deaf[NMI] = true;
}

/* And so may another one, of the new owner. */
static void standbys(void)
{
	standby_with_image();
	backend_takeovers = 2;
}

/* CPU 1 has its interrupts off: only the NMI reaches it. */
static void masked(void)
{
	owner();
	plan[1].masked = true;
}

/* And not even that does. */
static void deaf(void)
{
	masked();
	plan[1].deaf[NMI] = true;
}

/* All panic. */
static void losers(void)
{
	int cpu;

	image();
	for (cpu = 0; cpu < machine_cpus(); cpu++)
		plan[cpu].program = program_panic;
}

/* An NMI panics, on top of whatever CPU 1 does. */
static void nmi_loser(void)
{
	owner();
	plan[1].program = program_nmi_panic;
}

static void nmi_losers(void)
{
	nmi_loser();
	plan[0].program = program_nmi_panic;
}

/* Capturing or quiescing faults, on a CPU that is being stopped. */
static void capture_faults(void)
{
	owner_with_image();
	plan[1].capture_faults = 1;
}

static void quiesce_faults(void)
{
	owner_with_image();
	plan[1].quiesce_faults = 1;
}

static void reboot(void)
{
	plan[0].program = program_restart;
}

static void reboots(void)
{
	reboot();
	plan[1].program = program_restart;
}

static void reboot_against_panic(void)
{
	reboot();
	plan[1].program = program_panic;
}

static void reboot_against_nmi_panic(void)
{
	reboot();
	plan[1].program = program_nmi_panic;
}

/* CPU 1 is inside kmsg_dump(), or about to be. */
static void dumping(void)
{
	owner();
	plan[1].program = program_dump;
}

/* Only the gentle signal reaches it, which it has to look for when it comes out. */
static void dumping_deaf(void)
{
	dumping();
	plan[1].deaf[NMI] = true;
}

static void comes_online(void)
{
	kernel_online();
	local_irq_enable();
	idle();
}

/* CPU 1 comes up, and its interrupts are off until it is online. */
static void online(void)
{
	owner();
	cpumask_clear_cpu(1, &shim_online);
	plan[1].program = comes_online;
	plan[1].masked = true;
}

static void offline(void)
{
	owner();
	plan[1].program = kernel_offline;
}

static void oopses(void)
{
	struct pt_regs regs = { .ip = IP_TASK(raw_smp_processor_id()) };

	local_irq_disable();
	oops(&regs);
	local_irq_enable();
	idle();
}

/* crash_kexec(), with an image and without. */
static void oops_with_image(void)
{
	owner_with_image();
	plan[1].program = oopses;
}

static void oops_without_image(void)
{
	owner();
	plan[1].program = oopses;
}

/* panic_force_cpu= */
static void redirect(void)
{
	owner();
	redirect_to = 1;
}

const struct scenario scenarios[] = {
	{ "owner", owner, 0, 0 },
	{ "image", owner_with_image, 0, 0 },
	{ "standby", standby, 0, 1 },
	{ "standby-image", standby_with_image, 0, 1 },
	{ "standby-deaf", standby_deaf, 0, 1 },
	{ "standby-silent", standby_silent, 0, 1 },
	{ "standbys", standbys, 0, 1 },
	{ "masked", masked, 0, 0 },
	{ "deaf", deaf, 0, 0 },
	{ "losers", losers, 0, 0 },
	{ "nmi-loser", nmi_loser, 0, 0 },
	{ "nmi-losers", nmi_losers, 0, 0 },
	{ "capture-faults", capture_faults, 0, 0 },
	{ "quiesce-faults", quiesce_faults, 0, 0 },
	{ "nested", owner, 1, 0 },
	{ "nested-image", owner_with_image, 1, 0 },
	{ "nested-losers", losers, 1, 0 },
	{ "reboot", reboot, 0, 0 },
	{ "reboots", reboots, 0, 0 },
	{ "reboot-panic", reboot_against_panic, 0, 0 },
	{ "reboot-nmi-panic", reboot_against_nmi_panic, 0, 0 },
	{ "dumping", dumping, 0, 0 },
	{ "dumping-deaf", dumping_deaf, 0, 0 },
	{ "online", online, 0, 0 },
	{ "offline", offline, 0, 0 },
	{ "oops-image", oops_with_image, 0, 0 },
	{ "oops", oops_without_image, 0, 0 },
	{ "redirect", redirect, 0, 0 },
	{}
};
