/* SPDX-License-Identifier: BSD-2-Clause */
/* libdetach beside common.h, whose detach_self() is not the library's. */
#ifndef GUEST_LIBRARY_H
#define GUEST_LIBRARY_H

#include "common.h"

#define detach_self library_detach_self
#include <detach.h>
#undef detach_self

#endif
