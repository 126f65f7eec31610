// SPDX-License-Identifier: GPL-2.0-only
//
// What the kernel's own documents say about the layer; kernel/panic.cocci
// explains the form.

// rule: doc-index
// file: Documentation/admin-guide/index.rst
// after:    kdump/index
+   crash-stop

// rule: doc-parameters
// file: Documentation/admin-guide/kernel-parameters.txt
// kernels: 7.3
// after: 			like Hyper-V, PowerPC (fadump) and AMD SEV-SNP.
+
+	crash_stop.grace_ms=
+			[KNL] How long, in milliseconds, the other CPUs may be
+			silent after the first and gentlest signal to stop
+			before a panic tries the next one, e.g. an NMI.
+			See Documentation/admin-guide/crash-stop.rst.
+			Default: 10

// rule: doc-parameters-6
// file: Documentation/admin-guide/kernel-parameters.txt
// kernels: 6.1 6.12
// after: 			kernel more unstable.
+
+	crash_stop.grace_ms=
+			[KNL] How long, in milliseconds, the other CPUs may be
+			silent after the first and gentlest signal to stop
+			before a panic tries the next one, e.g. an NMI.
+			See Documentation/admin-guide/crash-stop.rst.
+			Default: 10
