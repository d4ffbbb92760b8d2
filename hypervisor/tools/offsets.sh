#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# offsets.sh SOURCE OUTPUT COMPILER...: turns "->NAME VALUE" strings in the compiler's assembly into #defines.
set -eu
source=$1
output=$2
shift 2
"$@" -S -o - "$source" |
    sed -n 's/.*->\([A-Z0-9_]*\) [#$]*\([0-9][0-9]*\).*/#define \1 \2/p' >"$output"
test -s "$output"
