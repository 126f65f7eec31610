/* SPDX-License-Identifier: GPL-2.0-only */
/* How the boot tests' driver sends its own CPU an NMI; only crash_test.c has it. */
#ifndef _ASM_ARM64_CRASH_TEST_H
#define _ASM_ARM64_CRASH_TEST_H

#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/of.h>
#include <linux/of_irq.h>
#include <linux/preempt.h>
#include <linux/version.h>
#include <asm/irq_regs.h>

/* The performance counters' interrupt; nothing else uses it in the test kernels. */
static int crash_test_irq;

static irqreturn_t crash_test_arm64_nmi(int irq, void *dev)
{
	crash_test_nmi(get_irq_regs());
	return IRQ_HANDLED;
}

static int crash_test_request_nmi(unsigned int irq)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return request_percpu_nmi(irq, crash_test_arm64_nmi, "crash_test", NULL, &beats);
#else
	return request_percpu_nmi(irq, crash_test_arm64_nmi, "crash_test", &beats);
#endif
}

static void crash_test_nmi_init(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, "arm,armv8-pmuv3");
	unsigned int irq = node ? irq_of_parse_and_map(node, 0) : 0;

	of_node_put(node);
	/* Without pseudo-NMI this fails. */
	if (irq && !crash_test_request_nmi(irq))
		crash_test_irq = irq;
}

#define crash_test_nmi_self crash_test_nmi_self
static void crash_test_nmi_self(void)
{
	struct irq_data *data = irq_get_irq_data(crash_test_irq);

	if (!crash_test_irq) {
		pr_emerg("no NMI without irqchip.gicv3_pseudo_nmi=1\n");
		return;
	}
	preempt_disable();
	if (!prepare_percpu_nmi(crash_test_irq)) {
		enable_percpu_nmi(crash_test_irq, IRQ_TYPE_NONE);
		/*
		 * Not irq_set_irqchip_state(): the NMI would come while its lock is
		 * held, for which the CPU waits that a loser waits for.
		 */
		data->chip->irq_set_irqchip_state(data, IRQCHIP_STATE_PENDING, true);
	}
	preempt_enable();
}

#endif /* _ASM_ARM64_CRASH_TEST_H */
