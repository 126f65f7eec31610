// SPDX-License-Identifier: GPL-2.0-only
//
// Puts the test driver into a kernel, stock or patched; kernel/panic.cocci
// explains the form.

// rule: driver-kconfig
// file: drivers/misc/Kconfig
// after: menu "Misc devices"
+
+config CRASH_TEST
+	bool "Panic in many ways, for the tests of crash_stop"
+	depends on DEBUG_KERNEL && PROC_FS && SMP
+	help
+	  Provides /proc/crash_test, through which root can make the kernel
+	  panic in hostile ways. Say N.
+

// rule: driver-makefile
// file: drivers/misc/Makefile
// after: obj-$(CONFIG_DUMMY_IRQ)		+= dummy-irq.o
+obj-$(CONFIG_CRASH_TEST)	+= crash_test.o
