/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared between the files of the guest's init. */
#ifndef GUEST_H
#define GUEST_H

#define CRASH_KERNEL "/crash/kernel"
#define CRASH_INITRD "/crash/initrd"

long load_by_segments(const char *cmdline);

#endif /* GUEST_H */
