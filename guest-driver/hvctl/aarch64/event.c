// SPDX-License-Identifier: BSD-2-Clause
/* Syndromes of faults and exceptions in words: ARM ARM D17.2.37, ESR_EL1. */
#include "../tracer.h"

#define ESR_EC(esr) ((esr) >> 26 & 0x3f)
#define ESR_WNR     (1u << 6)
#define EC_IABT_LOW 0x20
#define EC_IABT_CUR 0x21

const char *event_access(const struct ord_trace_entry *entry)
{
    if (ESR_EC(entry->number) == EC_IABT_LOW || ESR_EC(entry->number) == EC_IABT_CUR)
        return "execute";
    return entry->number & ESR_WNR ? "write" : "read";
}

const char *event_exception(const struct ord_trace_entry *entry)
{
    switch (ESR_EC(entry->number)) {
    case 0x00:
        return "undefined instruction";
    case 0x07:
        return "FP or SIMD not available";
    case 0x09:
        return "pointer authentication not available";
    case 0x0d:
        return "branch target";
    case 0x0e:
        return "illegal state";
    case 0x15:
        return "system call with an immediate";
    case 0x18:
        return "system register";
    case 0x19:
        return "SVE not available";
    case 0x1c:
        return "pointer authentication failed";
    case 0x20:
    case 0x21:
    case 0x24:
    case 0x25:
        return "memory that the VM does not have";
    case 0x22:
        return "misaligned program counter";
    case 0x26:
        return "misaligned stack pointer";
    case 0x2c:
        return "floating point";
    case 0x2f:
        return "SError";
    case 0x30:
    case 0x31:
        return "hardware breakpoint";
    case 0x32:
    case 0x33:
        return "single step";
    case 0x34:
    case 0x35:
        return "watchpoint";
    case 0x3c:
        return "breakpoint instruction";
    default:
        return "exception";
    }
}
