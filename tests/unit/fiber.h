/* SPDX-License-Identifier: GPL-2.0-only */
/* A stack of its own for each CPU of the machine. See fiber.c. */
#ifndef FIBER_H
#define FIBER_H

#include <stdbool.h>
#include <ucontext.h>

#define FIBER_STACK	(256 * 1024)

struct fiber {
	ucontext_t context; /* where it begins */
	void *stack;
	bool left; /* at this place: */
	void *jump[5]; /* see __builtin_setjmp() in GCC's manual */
};

/* Returns in the caller when another fiber switches back to it. */
void fiber_switch(struct fiber *from, struct fiber *to);
/* The caller's own stack needs no fiber_create(), only a zeroed struct fiber. */
void fiber_create(struct fiber *f, void (*entry)(void));
/* The first thing that @entry has to call. */
void fiber_entered(void);

#endif /* FIBER_H */
