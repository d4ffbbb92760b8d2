#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# syscalls.sh OUTPUT COMPILER...: an entry per system call that the target's headers name.
set -eu
output=$1
shift
echo '#include <asm/unistd.h>' | "$@" -E -dM -x c - |
    sed -n 's/^#define __NR_\([a-z0-9_]*\) .*/\1/p' | sort |
    sed -e '/^syscalls$/d' -e '/^arch_specific_syscall$/d' -e 's/.*/[__NR_&] = "&",/' >"$output"
test -s "$output"
