// SPDX-License-Identifier: GPL-2.0-only
/*
 * GICv3, as much as two Group 0 SGIs need (IHI 0069D).
 *
 * All interrupts become Group 1 non-secure, the kernel's, but for our two SGIs.
 * Those have a priority that no non-secure PMR can mask: with GICD_CTLR.DS = 0 a
 * non-secure priority is never below 0x80 (IHI 0069D, 4.8.1).
 */
#include "monitor.h"

#define GICD		0x08000000
#define GICD_CTLR	0x0000
#define GICD_TYPER	0x0004
#define GICD_IGROUPR	0x0080
#define  CTLR_GRP0	(1u << 0)
#define  CTLR_ARE	(3u << 4)	/* secure and non-secure */

#define GICR		0x080a0000
#define GICR_STRIDE	0x20000
#define GICR_TYPER	0x0008		/* affinity in the upper word */
#define  TYPER_LAST	(1u << 4)
#define GICR_WAKER	0x0014
#define  WAKER_SLEEP	(1u << 1)
#define  WAKER_ASLEEP	(1u << 2)
#define GICR_IGROUPR0	0x10080
#define GICR_ISENABLER0	0x10100
#define GICR_ICENABLER0	0x10180
#define GICR_ICPENDR0	0x10280
#define GICR_IPRIORITYR	0x10400		/* a byte each */

#define OUR_PRIORITY	0x20
#define OUR_SGIS	(1u << EVENT_SGI | 1u << WAKE_SGI)

#define ICC_SGI0R	S3_0_C12_C11_7
#define ICC_IAR0	S3_0_C12_C8_0
#define ICC_EOIR0	S3_0_C12_C8_1
#define ICC_AP0R0	S3_0_C12_C8_4
#define ICC_IGRPEN0	S3_0_C12_C12_6
#define ICC_PMR		S3_0_C4_C6_0
#define ICC_SRE_EL3	S3_6_C12_C12_5
#define ICC_IGRPEN1_EL3	S3_6_C12_C12_7

static uint32_t get(uintptr_t address)
{
	return *(volatile uint32_t *)address;
}

static void put(uintptr_t address, uint32_t value)
{
	*(volatile uint32_t *)address = value;
}

/* The distributor, once; enabling Group 0 in it tells the other CPUs. */
void gic_init(void)
{
	unsigned int lines = get(GICD + GICD_TYPER) & 0x1f;

	put(GICD + GICD_CTLR, CTLR_ARE);
	for (unsigned int i = 1; i <= lines; i++)
		put(GICD + GICD_IGROUPR + 4 * i, ~0u);
	dsb();
	put(GICD + GICD_CTLR, CTLR_ARE | CTLR_GRP0);
	dsb();
}

bool gic_ready(void)
{
	return get(GICD + GICD_CTLR) & CTLR_GRP0;
}

/* The affinity of the nth redistributor; false behind the last. */
bool gic_nth_cpu(unsigned int n, uint64_t *mpidr)
{
	uintptr_t rd = GICR + (uintptr_t)n * GICR_STRIDE;

	if (n && get(rd - GICR_STRIDE + GICR_TYPER) & TYPER_LAST)
		return false;
	*mpidr = get(rd + GICR_TYPER + 4);
	return true;
}

/* This CPU's redistributor and interface; again when it comes back from off. */
void gic_cpu_init(struct cpu *cpu)
{
	uintptr_t rd = GICR;

	while (get(rd + GICR_TYPER + 4) != cpu->mpidr)
		rd += GICR_STRIDE;
	cpu->redistributor = rd;
	put(rd + GICR_WAKER, get(rd + GICR_WAKER) & ~WAKER_SLEEP);
	while (get(rd + GICR_WAKER) & WAKER_ASLEEP)
		;
	put(rd + GICR_IGROUPR0, ~OUR_SGIS);
	put(rd + GICR_ICENABLER0, ~0u);
	put(rd + GICR_ICPENDR0, OUR_SGIS);
	for (unsigned int sgi = EVENT_SGI; sgi <= WAKE_SGI; sgi++)
		*(volatile uint8_t *)(rd + GICR_IPRIORITYR + sgi) = OUR_PRIORITY;
	put(rd + GICR_ISENABLER0, 1u << WAKE_SGI);
	sysreg_write(ICC_SRE_EL3, 0xf);		/* system registers, here and below */
	isb();
	sysreg_write(ICC_PMR, 0xff);
	sysreg_write(ICC_IGRPEN1_EL3, 0);	/* the kernel opens its own */
	sysreg_write(ICC_IGRPEN0, 1);
	isb();
}

void gic_enable(struct cpu *cpu, unsigned int sgi, bool enable)
{
	put(cpu->redistributor + (enable ? GICR_ISENABLER0 : GICR_ICENABLER0), 1u << sgi);
	dsb();
}

void gic_clear(struct cpu *cpu, unsigned int sgi)
{
	put(cpu->redistributor + GICR_ICPENDR0, 1u << sgi);
	dsb();
}

void gic_send(const struct cpu *cpu, unsigned int sgi)
{
	dsb();			/* what the target is to see is visible before */
	sysreg_write(ICC_SGI0R, (uint64_t)sgi << 24 | (cpu->mpidr >> 8 & 0xff) << 16 | 1 << (cpu->mpidr & 0xf));
	isb();
}

unsigned int gic_acknowledge(void)
{
	unsigned int intid = sysreg_read(ICC_IAR0);

	dsb();
	return intid;
}

/* 1020 and above were never acknowledged. */
void gic_end(unsigned int intid)
{
	if (intid >= 1020)
		return;
	sysreg_write(ICC_EOIR0, intid);
	isb();
}
