// SPDX-License-Identifier: GPL-2.0-only
/*
 * PSCI 1.1 and SMCCC_VERSION, as much as Linux calls (DEN 0022F.b, DEN 0028).
 *
 * Missing, and reported as such: CPU_SUSPEND, all of MIGRATE, SYSTEM_SUSPEND
 * and SYSTEM_RESET2. A CPU that is inside an SDEI event is denied CPU_OFF: its
 * event would stay active in the GIC, and it would come back deaf.
 */
#include "monitor.h"

#define SMCCC_VERSION		0x80000000u
#define SMCCC_ARCH_FEATURES	0x80000001u
#define PSCI_VERSION		0x84000000u
#define CPU_OFF			0x84000002u
#define CPU_ON			0x84000003u
#define AFFINITY_INFO		0x84000004u
#define SYSTEM_OFF		0x84000008u
#define SYSTEM_RESET		0x84000009u
#define PSCI_FEATURES		0x8400000au
#define SMC64			0x40000000u

/* DEN 0022F.b 5.2.2 */
#define SUCCESS			0
#define NOT_SUPPORTED		-1
#define INVALID_PARAMETERS	-2
#define DENIED			-3
#define ALREADY_ON		-4
#define ON_PENDING		-5

#define VERSION_1_1		0x10001

/* The lines of the secure PL061: hw/arm/virt.c, create_secure_gpio_pwr() */
#define GPIO			0x090b0000ul
#define GPIO_DIR		0x400
#define LINE_OFF		0
#define LINE_RESET		1

/* 5.6; the kernel serializes its calls for one target. */
static int64_t cpu_on(uint64_t mpidr, uint64_t entry, uint64_t context)
{
	struct cpu *cpu = cpu_of(mpidr);

	if (!cpu)
		return INVALID_PARAMETERS;
	if (cpu->power != POWER_OFF)
		return cpu->power == POWER_ON ? ALREADY_ON : ON_PENDING;
	cpu->entry = entry;
	cpu->context = context;
	dsb();		/* pairs with the one in monitor_main() */
	cpu->power = POWER_ON_PENDING;
	gic_send(cpu, WAKE_SGI);
	return SUCCESS;
}

/* 5.5: from the beginning, with an empty stack; returns only if it may not. */
static int64_t cpu_off(void)
{
	if (this_cpu()->sdei.running)
		return DENIED;
	reset();
}

/* 5.7; level 0 only */
static int64_t affinity_info(uint64_t mpidr, uint64_t level)
{
	struct cpu *cpu = cpu_of(mpidr);

	if (!cpu || level)
		return INVALID_PARAMETERS;
	return cpu->power == POWER_ON ? 0 : cpu->power == POWER_OFF ? 1 : 2;
}

/* 5.10 and 5.12: a line that rises; QEMU acts on it soon. */
static _Noreturn void system_line(unsigned int line)
{
	volatile uint32_t *data = (volatile uint32_t *)(GPIO + (4u << line));

	*(volatile uint32_t *)(GPIO + GPIO_DIR) = 1u << line;
	*data = 0;
	*data = ~0u;
	dsb();
	for (;;)
		wfi();
}

static int64_t features(uint32_t function)
{
	switch (function) {
	case SMCCC_VERSION:
	case PSCI_VERSION:
	case CPU_OFF:
	case CPU_ON: case CPU_ON | SMC64:
	case AFFINITY_INFO: case AFFINITY_INFO | SMC64:
	case SYSTEM_OFF:
	case SYSTEM_RESET:
	case PSCI_FEATURES:
		return SUCCESS;
	default:
		return NOT_SUPPORTED;
	}
}

bool psci_call(struct frame *frame)
{
	uint64_t *x = frame->x;
	uint32_t function = x[0];

	switch (function) {
	case SMCCC_VERSION:
	case PSCI_VERSION:
		x[0] = VERSION_1_1;
		return true;
	case SMCCC_ARCH_FEATURES:
		x[0] = (uint32_t)x[1] == SMCCC_VERSION ? SUCCESS : NOT_SUPPORTED;
		return true;
	case CPU_ON: case CPU_ON | SMC64:
		x[0] = cpu_on(x[1], x[2], x[3]);
		return true;
	case CPU_OFF:
		x[0] = cpu_off();
		return true;
	case AFFINITY_INFO: case AFFINITY_INFO | SMC64:
		x[0] = affinity_info(x[1], x[2]);
		return true;
	case SYSTEM_OFF:
		system_line(LINE_OFF);
	case SYSTEM_RESET:
		system_line(LINE_RESET);
	case PSCI_FEATURES:
		x[0] = features(x[1]);
		return true;
	default:
		return false;
	}
}
