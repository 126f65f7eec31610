// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small EL3 monitor, so that the boot tests have SDEI on QEMU's "virt".
 *
 * EL3 is this program; the kernel runs non-secure at EL2 where the CPU has it,
 * at EL1 where not, and calls by SMC: PSCI (psci.c) and SDEI event 0 (sdei.c).
 * There is no secure EL1. FIQs are routed to EL3, and the GIC raises them for
 * Group 0 only, which is ours, so whatever the kernel masks does not hold them.
 *
 * State of a CPU: off (waits in EL3) -> pending (CPU_ON was called) -> on.
 * At reset the first CPU clears what is kept of all, then opens the GIC; the
 * others wait for that, since memory keeps what it had and the GIC does not.
 *
 * It can be told to be faulty (FAULT_BASE in monitor.h, read once at reset).
 *
 * What it does not do: MMU and caches stay off in EL3, so there are no
 * exclusives and no locks, and real hardware would want more cache care; no
 * suspend; no features beyond Armv8.2 are opened for the kernel, so it needs a
 * CPU like cortex-a57 or cortex-a76; no measures against speculation. It is a
 * test instrument and nothing to boot a product with.
 */
#include "monitor.h"

#define UART_DR		0x09000000
#define UART_CR		0x09000030
#define UART_ENABLE	0x101

/* Arm ARM (DDI 0487), SCR_EL3: non-secure below, FIQ to EL3, HVC, AArch64 */
#define SCR_EL3		(1 << 0 | 3 << 4 | 1 << 2 | 1 << 8 | 1 << 10)
#define SCTLR_EL1_OFF	0x30d00800	/* RES1 bits only: little-endian, MMU and caches off */
#define SCTLR_EL2_OFF	0x30c50830
#define SPSR_EL1H	0x3c5		/* DAIF masked, SP_ELx */
#define SPSR_EL2H	0x3c9

struct cpu cpus[MAX_CPUS];
struct faults faults;

_Noreturn void monitor_main(unsigned int number);
_Noreturn void monitor_unexpected(void);
void monitor_smc(struct frame *frame);
void monitor_fiq(struct frame *frame);
void *memset(void *to, int value, size_t size);

void say(const char *text)
{
	*(volatile uint32_t *)UART_CR = UART_ENABLE;
	while (*text)
		*(volatile uint32_t *)UART_DR = *text++;
}

/* The compiler calls it. */
void *memset(void *to, int value, size_t size)
{
	for (volatile uint8_t *p = to; size--; p++)
		*p = value;
	return to;
}

static unsigned int number_of(uint64_t mpidr)
{
	return (mpidr & 0xff) + 16 * (mpidr >> 8 & 0xff);
}

struct cpu *this_cpu(void)
{
	return &cpus[number_of(sysreg_read(mpidr_el1))];
}

/* A CPU that exists, by the affinity fields of its MPIDR; or NULL. */
struct cpu *cpu_of(uint64_t mpidr)
{
	unsigned int number = number_of(mpidr);

	if (mpidr & ~0xffffULL || number >= MAX_CPUS || !cpus[number].present)
		return NULL;
	return cpus[number].mpidr == mpidr ? &cpus[number] : NULL;
}

bool has_el2(void)
{
	return sysreg_read(id_aa64pfr0_el1) >> 8 & 0xf;
}

/* To the kernel, in the state that DEN 0022F.b 6.4.3 and booting.rst ask for. */
static _Noreturn void enter(uint64_t entry, uint64_t x0)
{
	struct frame frame = { .x = { x0 }, .elr = entry };

	sysreg_write(scr_el3, SCR_EL3);
	sysreg_write(cptr_el3, 0);
	sysreg_write(sctlr_el1, SCTLR_EL1_OFF);
	frame.spsr = SPSR_EL1H;
	if (has_el2()) {
		sysreg_write(hcr_el2, 0);
		sysreg_write(sctlr_el2, SCTLR_EL2_OFF);
		frame.spsr = SPSR_EL2H;
	}
	isb();
	resume(&frame);
}

/* The first CPU, once per reset: memory is as it was before. */
static void first_cpu(void)
{
	static const char * const how[] = {
		[FAULT_NONE] = "works", [FAULT_DROP] = "is dropped",
		[FAULT_DELAY] = "is delayed", [FAULT_REFUSE] = "is refused",
	};

	memset(cpus, 0, sizeof(cpus));
	faults = *(const struct faults *)FAULT_BASE;
	if (faults.kind > FAULT_REFUSE)
		faults.kind = FAULT_NONE;
	say("monitor: PSCI 1.1, SDEI 1.0, SDEI_EVENT_SIGNAL ");
	say(how[faults.kind]);
	say("\r\n");
	gic_init();
}

/* CPU_ON must find every CPU that there is. */
static void wait_for_others(void)
{
	uint64_t mpidr;

	for (unsigned int n = 0; gic_nth_cpu(n, &mpidr); n++)
		while (!cpus[number_of(mpidr)].present)
			;
}

/* From reset, and from CPU_OFF, which finds the GIC open. */
_Noreturn void monitor_main(unsigned int number)
{
	struct cpu *cpu = &cpus[number];
	bool first = number == 0 && !gic_ready();

	if (number >= MAX_CPUS)
		monitor_unexpected();
	if (first)
		first_cpu();
	while (!gic_ready())
		;
	cpu->mpidr = sysreg_read(mpidr_el1) & 0xffff;
	gic_cpu_init(cpu);
	cpu->power = POWER_OFF;
	dsb();
	cpu->present = true;
	if (first) {
		wait_for_others();
		cpu->entry = KERNEL_BASE;
		cpu->context = DTB_BASE;
		cpu->power = POWER_ON_PENDING;
	}
	while (cpu->power != POWER_ON_PENDING) {
		wfi();		/* the wake-up SGI ends it, although FIQs are masked here */
		gic_end(gic_acknowledge());
	}
	dsb();			/* pairs with the one in cpu_on() */
	sdei_reset(cpu);
	cpu->power = POWER_ON;
	enter(cpu->entry, cpu->context);
}

void monitor_smc(struct frame *frame)
{
	/* ESR_EL3.EC: SMC from AArch64; the immediate must be 0 (DEN 0028) */
	if (sysreg_read(esr_el3) >> 26 != 0x17)
		monitor_unexpected();
	if (psci_call(frame) || sdei_call(frame))
		return;
	frame->x[0] = -1;	/* DEN 0028, "Unknown Function Identifier" */
}

void monitor_fiq(struct frame *frame)
{
	unsigned int sgi = gic_acknowledge();

	/* An event stays active until its handler is done, so that it cannot nest. */
	if (sgi == EVENT_SGI)
		sdei_dispatch(frame);
	else
		gic_end(sgi);
}

static void say_hex(const char *name, uint64_t value)
{
	char digits[] = " 0x0000000000000000";

	for (int i = 0; i < 16; i++)
		digits[18 - i] = "0123456789abcdef"[value >> 4 * i & 0xf];
	say(name);
	say(digits);
}

_Noreturn void monitor_unexpected(void)
{
	say_hex("\r\nmonitor: unexpected exception, ESR_EL3", sysreg_read(esr_el3));
	say_hex(" ELR_EL3", sysreg_read(elr_el3));
	say_hex(" MPIDR", sysreg_read(mpidr_el1));
	say("\r\n");
	for (;;)
		wfi();
}
