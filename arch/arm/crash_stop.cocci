// SPDX-License-Identifier: GPL-2.0-only
//
// How 32-bit Arm's functions are rewired; the form is explained in kernel/panic.cocci.

// rule: arm-kconfig
// file: arch/arm/Kconfig
// after: 	select ARCH_HAS_CPU_FINALIZE_INIT if MMU
+	select ARCH_HAS_CRASH_STOP

// rule: arm-makefile
// file: arch/arm/kernel/Makefile
// after: obj-$(CONFIG_SMP)		+= smp.o
+obj-$(CONFIG_CRASH_STOP)	+= crash_stop.o

// rule: arm-smp-include
// file: arch/arm/kernel/smp.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: arm-send-ipi
// file: arch/arm/kernel/smp.c
// after: static DEFINE_RAW_SPINLOCK(stop_lock);
+
+#ifdef CONFIG_CRASH_STOP
+/* Without the trace event of smp_cross_call(). */
+void crash_stop_send_ipi(const struct cpumask *mask)
+{
+	__ipi_send_mask(ipi_desc[IPI_CPU_STOP], mask);
+}
+#endif

// rule: arm-ipi
// file: arch/arm/kernel/smp.c
@@ @@
 ipi_cpu_stop(unsigned int cpu)
 {
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_receive(get_irq_regs(), ARM_RUNG_IPI);
+		return;
+	}
 	...
 }

// rule: arm-stop
// file: arch/arm/kernel/smp.c
@@ @@
 smp_send_stop(void)
 {
 	...
 	struct cpumask mask;
+
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_other_cpus(CRASH_STOP_REBOOT);
+		return;
+	}
 	...
 }

// rule: arm-kdump-include
// file: arch/arm/kernel/machine_kexec.c
@@ @@
 #include <linux/kexec.h>
+#include <linux/crash_stop.h>

// rule: arm-kdump
// file: arch/arm/kernel/machine_kexec.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_other_cpus(CRASH_STOP_PANIC);
+	return;
+}
 if (cpus_stopped)
 	return;

// rule: arm-kexec-bug
// file: arch/arm/kernel/machine_kexec.c
// A CPU that did not stop costs its registers, not the dump. Those that did are
// in cpu_online_mask, which the dump shows as it was.
@@ expression N; @@
-BUG_ON(N > 1);
+BUG_ON(N > 1 && !crash_stop_begun());

// rule: arm-l2-include
// file: arch/arm/kernel/reboot.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>

// rule: arm-l2
// file: arch/arm/kernel/reboot.c
@@ expression addr, N; @@
-_soft_restart(addr, N == 1);
+_soft_restart(addr, N == 1 || crash_stop_begun());

// rule: arm-l2-warning-include
// file: arch/arm/mm/l2c-common.c
@@ @@
 #include <linux/bug.h>
+#include <linux/crash_stop.h>

// rule: arm-l2-warning
// file: arch/arm/mm/l2c-common.c
@@ expression N; @@
-WARN_ON(N > 1);
+WARN_ON((!IS_ENABLED(CONFIG_CRASH_STOP) || !crash_stop_begun()) && N > 1);

// rule: arm-die-include
// file: arch/arm/kernel/traps.c
@@ @@
 #include <linux/kexec.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: arm-die-lock
// file: arch/arm/kernel/traps.c
@@ @@
-arch_spin_lock(&die_lock);
+crash_stop_lock_die(&die_lock);
