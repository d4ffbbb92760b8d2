/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program that leaves its core can do about it. */
#ifndef HVCTL_ADVICE_H
#define HVCTL_ADVICE_H

const char *advice_syscall(const char *name); /* NULL: an unknown call */
const char *advice_signal(void);

#endif
