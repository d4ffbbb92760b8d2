/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The one set of result codes: hypercalls and host-task calls return these in x0 (sign-extended). */
#ifndef OUTRIDER_STATUS_H
#define OUTRIDER_STATUS_H

#include "types.h"

enum ord_status {
    ORD_OK = 0,
    ORD_NOT_SUPPORTED = -1, /* unknown call or feature (also SMCCC NOT_SUPPORTED) */
    ORD_BAD_PARAM = -2,     /* an argument is out of range, or a reserved one is not zero */
    ORD_BAD_CAP = -3,       /* no object of the needed type behind that capability or id */
    ORD_NO_RIGHT = -4,      /* the capability does not carry the needed right */
    ORD_NO_MEMORY = -5,     /* the pool for that kind of object is used up */
    ORD_BUSY = -6,          /* the core, interrupt or slot is in use */
    ORD_BAD_STATE = -7,     /* the object is not in a state that allows it */
    ORD_BAD_CORE = -8,      /* there is no such core */
    ORD_CORE_OWNED = -9,    /* that core runs vCPUs: it is not a host core of this VM */
    ORD_BAD_VERSION = -10,  /* ABI version or magic mismatch */
    ORD_BAD_ADDRESS = -11,  /* address not in the memory that was given, or misaligned */
    ORD_EXISTS = -12,       /* already there (mapping, binding) */
    ORD_ABORTED = -13,      /* a wait was ended because its object or thread is going away */
    ORD_TIMED_OUT = -14,    /* the deadline came first */
    ORD_STATUS_MIN = -14,
};

#endif
