// SPDX-License-Identifier: GPL-2.0-only
/*
 * SDEI 1.0, event 0 only: private, normal priority, signalled by software.
 *
 * Software Delegated Exception Interface, DEN 0054C; the numbers below are its
 * sections. A PE's event: registered, enabled, running, and the PE masked or
 * not (4.3). SDEI_EVENT_SIGNAL sends a Group 0 SGI, which stays pending in the
 * GIC for as long as the event may not be delivered: the redistributor's enable
 * bit follows (registered, enabled, unmasked), and while the handler runs the
 * SGI is active. So a second signal is kept, once (5.1.16.1: edge-triggered).
 *
 * The handler is entered at the level that called us, with everything masked,
 * x0 event, x1 argument, x2 and x3 the interrupted PC and PSTATE; x0 to x17
 * come back when it completes, the rest is the handler's to keep (5.2).
 *
 * Missing: shared and bound events, routing, critical priority.
 */
#include "monitor.h"

#define SDEI(n)		(0xc4000020u + (n))
#define SDEI_LAST	SDEI(0x1f)

/* 5.3 */
#define SUCCESS			0
#define NOT_SUPPORTED		-1
#define INVALID_PARAMETERS	-2
#define DENIED			-3
#define PENDING			-5

#define SDEI_1_0		(1ULL << 48)
#define STATUS_ENABLED		1
#define STATUS_RUNNING		2

#define PSTATE_MASKED		0x3c0		/* DAIF */
#define PSTATE_PAN		(1u << 22)
#define SCTLR_SPAN		(1u << 23)

/* The level that the client runs at, as in CurrentEL and PSTATE. */
static unsigned int client_level(void)
{
	return has_el2() ? 2 << 2 : 1 << 2;
}

static void update(struct cpu *cpu)
{
	const struct sdei *sdei = &cpu->sdei;

	gic_enable(cpu, EVENT_SGI, sdei->registered && sdei->enabled && sdei->unmasked);
}

void sdei_reset(struct cpu *cpu)
{
	cpu->sdei = (struct sdei) { .registered = false };
	update(cpu);
	gic_clear(cpu, EVENT_SGI);
}

/* PSTATE as an exception to the client's level would set it. */
static uint64_t handler_pstate(uint64_t interrupted)
{
	uint64_t pstate = client_level() | 1 | PSTATE_MASKED;
	uint64_t sctlr = has_el2() ? sysreg_read(sctlr_el2) : sysreg_read(sctlr_el1);
	bool has_pan = sysreg_read(id_aa64mmfr1_el1) >> 20 & 0xf;

	if (has_pan && (interrupted & PSTATE_PAN || !(sctlr & SCTLR_SPAN)))
		pstate |= PSTATE_PAN;
	return pstate;
}

static void delay(uint32_t us)
{
	uint64_t start = sysreg_read(cntpct_el0);
	uint64_t ticks = sysreg_read(cntfrq_el0) * us / 1000000;

	do {
		isb();
	} while (sysreg_read(cntpct_el0) - start < ticks);
}

/* The SGI has come: make the frame enter the handler. */
void sdei_dispatch(struct frame *frame)
{
	struct sdei *sdei = &this_cpu()->sdei;

	if (faults.kind == FAULT_DELAY)
		delay(faults.delay_us);
	for (unsigned int i = 0; i < 18; i++)
		sdei->x[i] = frame->x[i];
	sdei->elr = frame->elr;
	sdei->spsr = frame->spsr;
	sdei->running = true;

	frame->x[0] = 0;
	frame->x[1] = sdei->argument;
	frame->x[2] = sdei->elr;
	frame->x[3] = sdei->spsr;
	frame->elr = sdei->handler;
	frame->spsr = handler_pstate(sdei->spsr);
}

/* 5.1.6, 5.1.7: back to what was interrupted, or to resume as if it had taken an exception. */
static int64_t complete(struct sdei *sdei, struct frame *frame, uint64_t resume)
{
	if (!sdei->running)
		return DENIED;
	frame->elr = sdei->elr;
	frame->spsr = sdei->spsr;
	if (resume) {
		if (has_el2()) {
			sysreg_write(elr_el2, sdei->elr);
			sysreg_write(spsr_el2, sdei->spsr);
		} else {
			sysreg_write(elr_el1, sdei->elr);
			sysreg_write(spsr_el1, sdei->spsr);
		}
		frame->elr = resume;
		frame->spsr = handler_pstate(sdei->spsr);
	}
	for (unsigned int i = 0; i < 18; i++)
		frame->x[i] = sdei->x[i];
	sdei->running = false;
	gic_end(EVENT_SGI);
	return frame->x[0];
}

/* 5.1.2 */
static int64_t event_register(struct sdei *sdei, uint64_t handler, uint64_t argument)
{
	if (!handler)
		return INVALID_PARAMETERS;
	if (sdei->registered || sdei->running)
		return DENIED;
	sdei->registered = true;
	sdei->enabled = false;
	sdei->handler = handler;
	sdei->argument = argument;
	return SUCCESS;
}

/* 5.1.8: from inside the handler it takes effect when that completes. */
static int64_t event_unregister(struct sdei *sdei)
{
	if (!sdei->registered)
		return sdei->running ? PENDING : DENIED;
	sdei->registered = false;
	sdei->enabled = false;
	return sdei->running ? PENDING : SUCCESS;
}

/* 5.1.3, 5.1.4 */
static int64_t event_enable(struct sdei *sdei, bool enable)
{
	if (!sdei->registered)
		return DENIED;
	sdei->enabled = enable;
	return SUCCESS;
}

/* 5.1.10: type private, can be signalled, priority normal; routing is for shared ones */
static int64_t event_info(uint64_t what)
{
	return what <= 2 ? 0 : INVALID_PARAMETERS;
}

/* 5.1.16; the target takes it when it may, which is not waited for. */
static int64_t event_signal(uint64_t mpidr)
{
	const struct cpu *target = cpu_of(mpidr);

	if (!target || faults.kind == FAULT_REFUSE)
		return INVALID_PARAMETERS;
	if (faults.kind != FAULT_DROP)
		gic_send(target, EVENT_SGI);
	return SUCCESS;
}

/* 5.1.12, 5.1.13: masking says whether it changed anything. */
static int64_t pe_mask(struct sdei *sdei, bool mask)
{
	bool changed = mask && sdei->unmasked;

	sdei->unmasked = !mask;
	return changed;
}

/* 5.1.18 */
static int64_t private_reset(struct sdei *sdei)
{
	if (sdei->running)
		return DENIED;
	sdei->registered = false;
	sdei->enabled = false;
	return SUCCESS;
}

static int64_t call(struct cpu *cpu, struct frame *frame)
{
	struct sdei *sdei = &cpu->sdei;
	const uint64_t *x = frame->x;

	switch ((uint32_t)x[0]) {
	case SDEI(0x00):	/* SDEI_VERSION, 5.1.1 */
		return SDEI_1_0;
	case SDEI(0x04):	/* SDEI_EVENT_CONTEXT, 5.1.5 */
		if (!sdei->running)
			return DENIED;
		return x[1] < 18 ? (int64_t)sdei->x[x[1]] : INVALID_PARAMETERS;
	case SDEI(0x05):	/* SDEI_EVENT_COMPLETE */
		return complete(sdei, frame, 0);
	case SDEI(0x06):	/* SDEI_EVENT_COMPLETE_AND_RESUME */
		return complete(sdei, frame, x[1]);
	case SDEI(0x0b):	/* SDEI_PE_MASK */
		return pe_mask(sdei, true);
	case SDEI(0x0c):	/* SDEI_PE_UNMASK */
		return pe_mask(sdei, false);
	case SDEI(0x11):	/* SDEI_PRIVATE_RESET */
		return private_reset(sdei);
	case SDEI(0x12):	/* SDEI_SHARED_RESET, 5.1.19: there are none */
		return SUCCESS;
	}
	if (x[1])		/* below, all name an event */
		return INVALID_PARAMETERS;
	switch ((uint32_t)x[0]) {
	case SDEI(0x01):	/* SDEI_EVENT_REGISTER */
		return event_register(sdei, x[2], x[3]);
	case SDEI(0x02):	/* SDEI_EVENT_ENABLE */
		return event_enable(sdei, true);
	case SDEI(0x03):	/* SDEI_EVENT_DISABLE */
		return event_enable(sdei, false);
	case SDEI(0x07):	/* SDEI_EVENT_UNREGISTER */
		return event_unregister(sdei);
	case SDEI(0x08):	/* SDEI_EVENT_STATUS, 5.1.9 */
		return sdei->registered | sdei->enabled << STATUS_ENABLED |
		       sdei->running << STATUS_RUNNING;
	case SDEI(0x09):	/* SDEI_EVENT_GET_INFO */
		return event_info(x[2]);
	case SDEI(0x0f):	/* SDEI_EVENT_SIGNAL */
		return event_signal(x[2]);
	}
	return NOT_SUPPORTED;
}

bool sdei_call(struct frame *frame)
{
	uint32_t function = frame->x[0];
	struct cpu *cpu = this_cpu();

	if (function < SDEI(0) || function > SDEI_LAST)
		return false;
	/* The client is at the highest level below us; a guest's calls are its host's affair. */
	if ((frame->spsr & 0xc) != client_level())
		frame->x[0] = NOT_SUPPORTED;
	else
		frame->x[0] = call(cpu, frame);
	update(cpu);
	return true;
}
