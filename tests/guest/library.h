/* SPDX-License-Identifier: BSD-2-Clause */
/* libdetach beside common.h, whose detach_self() and attach_self() are not the library's. */
#ifndef GUEST_LIBRARY_H
#define GUEST_LIBRARY_H

#include "common.h"

#define detach_self library_detach_self
#define attach_self library_attach_self
#include <detach.h>
#undef detach_self
#undef attach_self

#endif
