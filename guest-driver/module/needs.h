/* SPDX-License-Identifier: GPL-2.0-only */
/* What a kernel must have been built with; distributions' kernels are. */
#ifndef HVDETACH_NEEDS_H
#define HVDETACH_NEEDS_H

#ifndef CONFIG_TRACEPOINTS
#error "hvdetach needs CONFIG_TRACEPOINTS: how it learns of new tasks and of their exit"
#endif
#ifndef CONFIG_HAVE_SYSCALL_TRACEPOINTS
#error "hvdetach needs CONFIG_HAVE_SYSCALL_TRACEPOINTS: how it learns that a system call has ended"
#endif
#ifndef CONFIG_POSIX_TIMERS
#error "hvdetach needs CONFIG_POSIX_TIMERS: timers of CPU time"
#endif

#endif
