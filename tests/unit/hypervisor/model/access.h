/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of arch/aarch64's file: registers of a model, which keeps a record (hv_registers.c). */
#ifndef AARCH64_ACCESS_H
#define AARCH64_ACCESS_H

#include "types.h"

uint64_t model_read(const char *name);
void model_write(const char *name, uint64_t value);
/* A barrier or an operation, by its words. */
void model_note(const char *what);

#define sysreg_read(r)     model_read(#r)
#define sysreg_write(r, v) model_write(#r, (uint64_t)(v))
#define isb()              model_note("isb")
#define dsb(t)             model_note("dsb " #t)
#define tlbi(op)           model_note("tlbi " #op)
#define tlbi_at(op, v)     ((void)(v), model_note("tlbi " #op))
#define dc(op, a)          ((void)(a))
#define ic(op)             model_note("ic " #op)

#endif
