// SPDX-License-Identifier: GPL-2.0-only
//
// How RISC-V's functions are rewired; the form is explained in kernel/panic.cocci.

// rule: riscv-kconfig
// file: arch/riscv/Kconfig
// kernels: 7.3
// after: 	select ARCH_HAS_CC_CAN_LINK
+	select ARCH_HAS_CRASH_STOP

// rule: riscv-kconfig-old
// file: arch/riscv/Kconfig
// kernels: 6.1 6.12
// after: 	select ARCH_HAS_BINFMT_FLAT
+	select ARCH_HAS_CRASH_STOP

// rule: riscv-makefile
// file: arch/riscv/kernel/Makefile
// after: obj-y	+= reset.o
+obj-$(CONFIG_CRASH_STOP)	+= crash_stop.o

// rule: riscv-smp-include
// file: arch/riscv/kernel/smp.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: riscv-ipi
// file: arch/riscv/kernel/smp.c
@@ @@
 ipi_stop(void)
 {
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_receive(get_irq_regs(), RISCV_RUNG_IPI);
+		return;
+	}
 	set_cpu_online(...);
 	...
 }

// rule: riscv-send-ipi
// file: arch/riscv/kernel/smp.c
// kernels: 6.12 7.3
// after: EXPORT_SYMBOL_GPL(arch_smp_send_reschedule);
+
+#ifdef CONFIG_CRASH_STOP
+void crash_stop_send_ipi(const struct cpumask *mask)
+{
+	send_ipi_mask(mask, IPI_CPU_STOP);
+}
+#endif

// rule: riscv-send-ipi-6.1
// file: arch/riscv/kernel/smp.c
// kernels: 6.1
// after: EXPORT_SYMBOL_GPL(smp_send_reschedule);
+
+#ifdef CONFIG_CRASH_STOP
+void crash_stop_send_ipi(const struct cpumask *mask)
+{
+	send_ipi_mask(mask, IPI_CPU_STOP);
+}
+#endif

// rule: riscv-stop
// file: arch/riscv/kernel/smp.c
@@ @@
 smp_send_stop(void)
 {
 	unsigned long timeout;
+
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		crash_stop_other_cpus(CRASH_STOP_REBOOT);
+		return;
+	}
 	...
 }

// rule: riscv-kdump
// file: arch/riscv/kernel/smp.c
@@ @@
+if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+	crash_stop_other_cpus(CRASH_STOP_PANIC);
+	return;
+}
 if (cpus_stopped)
 	return;

// rule: riscv-stop-failed
// file: arch/riscv/kernel/smp.c
// Also asked by a kexec that is no crash, before which nothing was stopped.
@@ expression E; @@
 smp_crash_stop_failed(void)
 {
+	if (crash_stop_begun())
+		return !crash_stop_complete();
 	return E;
 }

// rule: riscv-restart-include
// file: arch/riscv/kernel/reset.c
@@ @@
 #include <linux/reboot.h>
+#include <linux/crash_stop.h>

// rule: riscv-restart
// file: arch/riscv/kernel/reset.c
// Stock harts run on while the machine is reset. Handlers of a restart are atomic,
// those of a power-off may sleep: that stays as it was.
@@ identifier cmd; @@
 machine_restart(char *cmd)
 {
+	if (IS_ENABLED(CONFIG_CRASH_STOP)) {
+		local_irq_disable();
+		crash_stop_other_cpus(CRASH_STOP_REBOOT);
+	}
 	...
 }

// rule: riscv-die-include
// file: arch/riscv/kernel/traps.c
@@ @@
 #include <linux/cpu.h>
+#include <linux/crash_stop.h>
+#include "crash_stop_compat.h"

// rule: riscv-die-lock
// file: arch/riscv/kernel/traps.c
@@ @@
-raw_spin_lock_irqsave(&die_lock, flags);
+if (IS_ENABLED(CONFIG_CRASH_STOP))
+	flags = crash_stop_lock_die(&die_lock);
+else
+	raw_spin_lock_irqsave(&die_lock, flags);

// rule: riscv-die-unlock
// file: arch/riscv/kernel/traps.c
// The owner of the crash may have gone on without the lock; it panics next.
@@ @@
-raw_spin_unlock_irqrestore(&die_lock, flags);
+if (panic_mutex_is_mine())
+	__release(&die_lock);
+else
+	raw_spin_unlock_irqrestore(&die_lock, flags);
