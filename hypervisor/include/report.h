/* SPDX-License-Identifier: BSD-2-Clause */
/* What the machine does right now, on the console, for people. */
#ifndef HV_REPORT_H
#define HV_REPORT_H

#include "types.h"

/* A key was typed. Unknown ones do nothing. */
void report_key(char key);

#endif
