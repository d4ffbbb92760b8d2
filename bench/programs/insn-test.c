/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Self-test of bench/insn: known numbers of instructions (0, 601, 1,000), and a disturbance of exactly 1,000
 * instructions in the kernel, by the module hvbench, if it is loaded. bench/insn/test.py checks what was
 * counted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hvbench.h"
#include "bench.h"

void insn_test_known(void);

int main(int argc, char **argv)
{
    struct bench b;

    bench_options(&b, argc, argv);
    bench_detach(&b);
    bench_label(&b, "known");
    for (uint64_t i = 0; i < b.count; i++)
        insn_test_known();
    int fd = open(HVBENCH_DEVICE, O_RDWR);
    if (fd >= 0) {
        bench_label(&b, "disturb-0");
        for (uint64_t i = 0; i < b.count; i++)
            call4(SYS_ioctl, fd, HVBENCH_DISTURB, 0, 0);
        bench_label(&b, "disturb-1000");
        for (uint64_t i = 0; i < b.count; i++)
            call4(SYS_ioctl, fd, HVBENCH_DISTURB, HVBENCH_DISTURB_MAX, 0);
    }
    bench_label(&b, "end");
    return test_pass("%s the module's disturbance", fd < 0 ? "without" : "with");
}
