// SPDX-License-Identifier: GPL-2.0-only
//
// How arm64's functions are rewired; the form is explained in kernel/panic.cocci.

// rule: arm64-kconfig
// file: arch/arm64/Kconfig
// after: 	select ARCH_HAS_CACHE_LINE_SIZE
+	select ARCH_HAS_CRASH_STOP

// rule: arm64-makefile
// file: arch/arm64/kernel/Makefile
// after: obj-$(CONFIG_CRASH_DUMP)		+= crash_dump.o
+obj-$(CONFIG_CRASH_STOP)		+= crash_stop.o

// rule: arm64-smp-include
// file: arch/arm64/kernel/smp.c
@@ @@
 #include <linux/arm_sdei.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: arm64-ipi
// file: arch/arm64/kernel/smp.c
// kernels: 7.3
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	int rung = ipinr == IPI_CPU_STOP ? ARM64_RUNG_IPI : ARM64_RUNG_NMI;
+
+	crash_stop_receive(get_irq_regs(), rung);
+	break;
+}
 arm64_nmi_cpu_stop(get_irq_regs(), true);

// rule: arm64-ipi-6.12
// file: arch/arm64/kernel/smp.c
// kernels: 6.12
@@ statement S1, S2; @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	int rung = ipinr == IPI_CPU_STOP ? ARM64_RUNG_IPI : ARM64_RUNG_NMI;
+
+	crash_stop_receive(get_irq_regs(), rung);
+	break;
+}
 if (IS_ENABLED(CONFIG_KEXEC_CORE) && crash_stop)
 	S1
 else
 	S2

// rule: arm64-ipi-6.1
// file: arch/arm64/kernel/smp.c
// kernels: 6.1
// after: 	case IPI_CPU_STOP:
+		if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+			crash_stop_receive(get_irq_regs(), ARM64_RUNG_IPI);
+			break;
+		}

// rule: arm64-raise
// file: arch/arm64/kernel/smp.c
// kernels: 7.3
// As smp_cross_call(), which traces besides.
// after: static void smp_cross_call(const struct cpumask *target, unsigned int ipinr);
+
+#ifdef CONFIG_CRASH_STOP
+static void arm64_send_ipi(const cpumask_t *mask, unsigned int nr);
+
+void arm64_crash_stop_raise_ipi(const struct cpumask *mask)
+{
+	arm64_send_ipi(mask, IPI_CPU_STOP);
+}
+
+void arm64_crash_stop_raise_nmi(const struct cpumask *mask)
+{
+	arm64_send_ipi(mask, IPI_CPU_STOP_NMI);
+}
+#endif

// rule: arm64-raise-6.12
// file: arch/arm64/kernel/smp.c
// kernels: 6.12
// after: static void smp_cross_call(const struct cpumask *target, unsigned int ipinr);
+
+#ifdef CONFIG_CRASH_STOP
+void arm64_crash_stop_raise_ipi(const struct cpumask *mask)
+{
+	__ipi_send_mask(ipi_desc[IPI_CPU_STOP], mask);
+}
+
+void arm64_crash_stop_raise_nmi(const struct cpumask *mask)
+{
+	__ipi_send_mask(ipi_desc[IPI_CPU_STOP_NMI], mask);
+}
+#endif

// rule: arm64-raise-6.1
// file: arch/arm64/kernel/smp.c
// kernels: 6.1
// after: static void smp_cross_call(const struct cpumask *target, unsigned int ipinr);
+
+#ifdef CONFIG_CRASH_STOP
+void arm64_crash_stop_raise_ipi(const struct cpumask *mask)
+{
+	__ipi_send_mask(ipi_desc[IPI_CPU_STOP], mask);
+}
+#endif

// rule: arm64-stop
// file: arch/arm64/kernel/smp.c
@@ @@
 smp_send_stop(...)
 {
 	...
 	unsigned long timeout;
+
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_other_cpus(CRASH_STOP_REBOOT);
+		return;
+	}
 	...
 }

// rule: arm64-kdump
// file: arch/arm64/kernel/smp.c
// Called by machine_crash_shutdown(), when the log has been saved.
@@ identifier stopped; @@
 crash_smp_send_stop(...)
 {
 	...
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_other_cpus(CRASH_STOP_PANIC);
+		sdei_handler_abort();
+		return;
+	}
 	if (stopped)
 		return;
 	...
 }

// rule: arm64-stop-failed
// file: arch/arm64/kernel/smp.c
// Stopped CPUs stay in cpu_online_mask.
@@ expression E; @@
 smp_crash_stop_failed(...)
 {
+	if (IS_ENABLED(CONFIG_CRASH_STOP))
+		return !crash_stop_complete();
 	return E;
 }

// rule: arm64-die-include
// file: arch/arm64/kernel/traps.c
@@ @@
 #include <linux/bug.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: arm64-die-lock
// file: arch/arm64/kernel/traps.c
@@ @@
-raw_spin_lock_irqsave(&die_lock, flags);
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	flags = crash_stop_lock_die(&die_lock, regs);
+else
+	raw_spin_lock_irqsave(&die_lock, flags);

// rule: arm64-sdei-prototype
// file: arch/arm64/include/asm/nmi.h
// kernels: 7.3
// after: void __noreturn arm64_nmi_cpu_stop(struct pt_regs *regs, bool die_on_crash);
+
+/* Defined in arch/arm64/kernel/crash_stop.c. */
+void arm64_crash_stop_sdei(struct pt_regs *regs);

// rule: arm64-sdei
// file: drivers/firmware/arm_sdei_nmi.c
// kernels: 7.3
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	arm64_crash_stop_sdei(regs);
 if (READ_ONCE(sdei_nmi_stopping)) { ... }

// rule: arm64-sdei-signal
// file: drivers/firmware/arm_sdei.c
// kernels: 6.1 6.12
// What Linux 7.3 has.
// after: NOKPROBE_SYMBOL(invoke_sdei_fn);
+
+#ifdef CONFIG_CRASH_STOP
+int sdei_event_signal(u32 event_num, u64 mpidr)
+{
+	return invoke_sdei_fn(SDEI_1_0_FN_SDEI_EVENT_SIGNAL, event_num,
+			      mpidr, 0, 0, 0, NULL);
+}
+
+NOKPROBE_SYMBOL(sdei_event_signal);
+
+bool sdei_is_present(void)
+{
+	return sdei_firmware_call;
+}
+#endif

// rule: arm64-sdei-header
// file: include/linux/arm_sdei.h
// kernels: 6.1 6.12
// after: int sdei_event_disable(u32 event_num);
+
+/* Defined with CONFIG_CRASH_STOP, as in Linux 7.3. */
+int sdei_event_signal(u32 event_num, u64 mpidr);
+bool sdei_is_present(void);

// rule: arm64-sdei-number
// file: include/uapi/linux/arm_sdei.h
// kernels: 6.1 6.12
// after: #define SDEI_1_0_FN_SDEI_INTERRUPT_RELEASE		SDEI_1_0_FN(0x0E)
+#define SDEI_1_0_FN_SDEI_EVENT_SIGNAL			SDEI_1_0_FN(0x0F)

// rule: arm64-kexec-include
// file: arch/arm64/kernel/machine_kexec.c
// kernels: 6.1
@@ @@
+#include <linux/crash_stop.h>
 #include <linux/interrupt.h>

// rule: arm64-kexec-active
// file: arch/arm64/kernel/machine_kexec.c
// kernels: 6.1
// after: #include <asm/trans_pgd.h>
+
+/*
+ * As irq_set_irqchip_state() without its lock, which a CPU that was stopped may
+ * hold, or what an NMI has interrupted on this one.
+ */
+static int crash_clear_active(struct irq_desc *desc)
+{
+	struct irq_data *data = &desc->irq_data;
+
+	for (; data; data = data->parent_data) {
+		struct irq_chip *chip = irq_data_get_irq_chip(data);
+
+		if (chip && chip->irq_set_irqchip_state)
+			return chip->irq_set_irqchip_state(data, IRQCHIP_STATE_ACTIVE, false);
+	}
+	return -EINVAL;
+}

// rule: arm64-kexec
// file: arch/arm64/kernel/machine_kexec.c
// kernels: 6.1
// Linux 7.3 takes no lock there, 6.12 has the function in kernel/irq.
@@ identifier ret, i; @@
-ret = irq_set_irqchip_state(i, IRQCHIP_STATE_ACTIVE, false);
+if (panic_mutex_is_mine())
+	ret = crash_clear_active(desc);
+else
+	ret = irq_set_irqchip_state(i, IRQCHIP_STATE_ACTIVE, false);
