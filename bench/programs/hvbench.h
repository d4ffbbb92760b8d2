/* SPDX-License-Identifier: BSD-2-Clause */
/* Module hvbench <-> programs of bench/. The ioctls' argument is a number. */
#ifndef HVBENCH_H
#define HVBENCH_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#else
#include <sys/ioctl.h>
#endif

#define HVBENCH_DEVICE "/dev/hvbench"

/* Executes so many more instructions in the kernel, exactly; up to the maximum (EINVAL). */
#define HVBENCH_DISTURB     _IO('b', 1)
#define HVBENCH_DISTURB_MAX 1000
/* Measures what the kernel's side of a VM costs; argument: how often. */
#define HVBENCH_MICRO _IO('b', 2)
/* Sends so many IPIs to another CPU (bits 31:16), each when the one before was handled. */
#define HVBENCH_IPI _IO('b', 3)

#endif
