// SPDX-License-Identifier: GPL-2.0-only
//
// The layer's entry in the kernel's MAINTAINERS; kernel/panic.cocci explains the
// form. Who sends the series puts a person there.

// rule: maintainers
// file: MAINTAINERS
// after: F:	fs/cramfs/
+
+CRASH STOP
+M:	crash-stop developers <crash-stop@kernel.invalid>
+L:	linux-kernel@vger.kernel.org
+S:	Maintained
+F:	Documentation/admin-guide/crash-stop.rst
+F:	arch/*/kernel/crash_stop*
+F:	include/linux/crash_stop.h
+F:	kernel/Kconfig.crash_stop
+F:	kernel/crash_clock.c
+F:	kernel/crash_notify.c
+F:	kernel/crash_standby.c
+F:	kernel/crash_step.c
+F:	kernel/crash_stop*
+F:	kernel/panic_mutex.c
