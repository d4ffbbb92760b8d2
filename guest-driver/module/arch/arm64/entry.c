// SPDX-License-Identifier: GPL-2.0-only
/* Names of Linux's functions by which system calls are seen. */
#include <hvd_arch.h>

char hvd_arch_call_end[] = "syscall_trace_exit";
char hvd_arch_membarrier[] = "__arm64_sys_membarrier";
char hvd_arch_seccomp[] = "__arm64_sys_seccomp";
