// SPDX-License-Identifier: GPL-2.0-only
/*
 * What firmware answers: a program in the kernel's place, at EL1, on one CPU.
 *
 * It makes each PSCI and SDEI call that our monitor has, the wrong ones too, and
 * prints a line for each; then it powers the machine off. "compare" runs it on
 * our monitor and on TF-A and shows where they differ.
 */
#include <stdint.h>

#define UART_DR		0x09000000
#define SDEI(n)		(0xc4000020u + (n))
#define REGISTER	SDEI(0x01)
#define ENABLE		SDEI(0x02)
#define DISABLE		SDEI(0x03)
#define CONTEXT		SDEI(0x04)
#define COMPLETE	SDEI(0x05)
#define RESUME		SDEI(0x06)
#define UNREGISTER	SDEI(0x07)
#define STATUS		SDEI(0x08)
#define GET_INFO	SDEI(0x09)
#define MASK		SDEI(0x0b)
#define UNMASK		SDEI(0x0c)
#define SIGNAL		SDEI(0x0f)
#define PRIVATE_RESET	SDEI(0x11)
#define SHARED_RESET	SDEI(0x12)

#define ARGUMENT	0x1234567
#define MARK		0x5555		/* in x5 when a signal is sent */
#define NO_CPU		0x00030007
#define PSTATE_SHOWN	0x3cf		/* DAIF and mode */

/* start.S's part, which is too short for a file. */
__asm__(".text\n"
	".globl	start\n"
	"start:	ldr	x1, =stack_end\n"
	"	mov	sp, x1\n"
	"	b	calls\n"
	"entry:	stp	x18, x30, [sp, #-16]!\n"	/* C keeps the rest from x19 on */
	"	bl	handler\n"
	"	ldp	x18, x30, [sp], #16\n"
	"	adr	x1, resumed\n"
	"	smc	#0\n"
	"	b	.\n"
	"resumed: stp	x0, x1, [sp, #-16]!\n"
	"	ldr	x0, =resumes\n"
	"	ldr	x1, [x0]\n"
	"	add	x1, x1, #1\n"
	"	str	x1, [x0]\n"
	"	ldp	x0, x1, [sp], #16\n"
	"	eret\n"
	".bss\n"
	".balign 16\n"
	".space 4096\n"
	"stack_end:\n"
	".previous\n");

void entry(void);
void calls(void);
uint64_t handler(uint64_t event, uint64_t argument, uint64_t pc, uint64_t pstate);

volatile uint64_t resumes;
static volatile uint64_t entries, last_call;

static void say(const char *text)
{
	while (*text)
		*(volatile uint32_t *)UART_DR = *text++;
}

static void say_value(const char *what, int64_t value)
{
	uint64_t rest = value < 0 ? -value : value;
	char digits[17] = "";
	int i = 16;

	do {
		digits[--i] = "0123456789abcdef"[rest & 0xf];
		rest >>= 4;
	} while (rest);
	say(what);
	say(value < 0 ? " = -0x" : " = 0x");
	say(&digits[i]);
	say("\r\n");
}

static int64_t smc(uint64_t f, uint64_t a1, uint64_t a2, uint64_t a3)
{
	register uint64_t x0 __asm__("x0") = f;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;
	register uint64_t x4 __asm__("x4") = 0;
	register uint64_t x5 __asm__("x5") = MARK;

	__asm__ volatile("smc #0"
			 : "+r" (x0), "+r" (x1), "+r" (x2), "+r" (x3), "+r" (x4), "+r" (x5)
			 :: "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
			    "x16", "x17", "memory");
	return x0;
}

static uint64_t self(void)
{
	uint64_t mpidr;

	__asm__ volatile("mrs %0, mpidr_el1" : "=r" (mpidr));
	return mpidr & 0xff00ffffff;
}

#define CALL(name, ...) say_value(#name, smc(__VA_ARGS__))
#define SDEI_CALL(name, a1, a2) say_value(#name " " #a1 ", " #a2, smc(name, a1, a2, 0))

/* Returns the call that ends the event. */
uint64_t handler(uint64_t event, uint64_t argument, uint64_t pc, uint64_t pstate)
{
	uint64_t now, level;

	entries++;
	__asm__ volatile("mrs %0, daif" : "=r" (now));
	__asm__ volatile("mrs %0, currentel" : "=r" (level));
	say_value(" event", event);
	say_value(" argument", argument);
	say_value(" interrupted the caller", pc - (uint64_t)smc < 4096 || pc - (uint64_t)calls < 16384);
	say_value(" interrupted PSTATE", pstate & PSTATE_SHOWN);
	say_value(" PSTATE here", now | level);
	SDEI_CALL(STATUS, 0, 0);
	SDEI_CALL(CONTEXT, 5, 0);
	SDEI_CALL(CONTEXT, 18, 0);
	SDEI_CALL(REGISTER, 0, (uint64_t)entry);
	SDEI_CALL(PRIVATE_RESET, 0, 0);
	if (entries == 1)
		SDEI_CALL(SIGNAL, 0, self());
	if (last_call == UNREGISTER)
		SDEI_CALL(UNREGISTER, 0, 0);
	return last_call == RESUME ? RESUME : COMPLETE;
}

void calls(void)
{
	entries = resumes = last_call = 0;
	/* As Linux does: system registers, all priorities that are ours. */
	__asm__ volatile("msr S3_0_C12_C12_5, %0\n isb\n msr S3_0_C4_C6_0, %1\n isb"
			 :: "r" (7ul), "r" (0xf0ul));
	CALL(PSCI_VERSION, 0x84000000, 0, 0, 0);
	CALL(CPU_ON of this CPU, 0xc4000003, self(), (uint64_t)calls, 0);
	CALL(CPU_ON of none, 0xc4000003, NO_CPU, (uint64_t)calls, 0);
	CALL(AFFINITY_INFO of this CPU, 0xc4000004, self(), 0, 0);
	CALL(AFFINITY_INFO of another, 0xc4000004, self() + 1, 0, 0);
	CALL(AFFINITY_INFO of none, 0xc4000004, NO_CPU, 0, 0);
	CALL(PSCI_FEATURES CPU_ON, 0x8400000a, 0xc4000003, 0, 0);
	CALL(PSCI_FEATURES SYSTEM_RESET, 0x8400000a, 0x84000009, 0, 0);
	CALL(PSCI_FEATURES of none, 0x8400000a, 0x8400ffff, 0, 0);
	CALL(no function, 0x8300ff00, 0, 0, 0);

	CALL(SDEI_VERSION, SDEI(0), 0, 0, 0);
	say("nothing registered\r\n");
	SDEI_CALL(STATUS, 0, 0);
	SDEI_CALL(ENABLE, 0, 0);
	SDEI_CALL(DISABLE, 0, 0);
	SDEI_CALL(UNREGISTER, 0, 0);
	SDEI_CALL(CONTEXT, 0, 0);
	SDEI_CALL(COMPLETE, 0, 0);
	SDEI_CALL(RESUME, 0, 0);
	SDEI_CALL(STATUS, 77, 0);
	SDEI_CALL(GET_INFO, 0, 0);
	SDEI_CALL(GET_INFO, 0, 1);
	SDEI_CALL(GET_INFO, 0, 2);
	SDEI_CALL(GET_INFO, 0, 3);
	SDEI_CALL(GET_INFO, 0, 9);
	SDEI_CALL(REGISTER, 77, (uint64_t)entry);
	SDEI_CALL(REGISTER, 0, 0);
	SDEI_CALL(PRIVATE_RESET, 0, 0);
	SDEI_CALL(SHARED_RESET, 0, 0);

	say("registered\r\n");
	CALL(REGISTER, REGISTER, 0, (uint64_t)entry, ARGUMENT);
	CALL(REGISTER again, REGISTER, 0, (uint64_t)entry, ARGUMENT);
	SDEI_CALL(STATUS, 0, 0);
	SDEI_CALL(ENABLE, 0, 0);
	SDEI_CALL(ENABLE, 0, 0);
	SDEI_CALL(STATUS, 0, 0);
	CALL(SIGNAL to none, SIGNAL, 0, NO_CPU, 0);
	CALL(SIGNAL of another event, SIGNAL, 1, self(), 0);

	say("unmasked\r\n");
	SDEI_CALL(UNMASK, 0, 0);
	CALL(SIGNAL, SIGNAL, 0, self(), 0);
	say_value("entries, signalled twice", entries);
	SDEI_CALL(STATUS, 0, 0);

	say("completed elsewhere\r\n");
	last_call = RESUME;
	CALL(SIGNAL, SIGNAL, 0, self(), 0);
	say_value("entries", entries);
	say_value("resumed", resumes);

	say("masked\r\n");
	last_call = 0;
	SDEI_CALL(MASK, 0, 0);
	SDEI_CALL(MASK, 0, 0);
	SDEI_CALL(UNMASK, 0, 0);

	say("unregistered inside\r\n");
	last_call = UNREGISTER;
	CALL(SIGNAL, SIGNAL, 0, self(), 0);
	SDEI_CALL(STATUS, 0, 0);
	say_value("entries", entries);
	say("end\r\n");
	smc(0x84000008, 0, 0, 0);
	say("SYSTEM_OFF came back\r\n");
	for (;;)
		;
}
