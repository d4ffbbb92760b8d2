/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel's side of a VM costs, measured by the module hvbench: hypercalls, trapped registers,
 * emulated devices, timer interrupts, WFI; and IPIs to another CPU, which computes or sleeps.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "bench.h"
#include "hvbench.h"

static atomic_bool stop, running;

static void *compute(void *cpu)
{
    bench_pin((int)(intptr_t)cpu);
    atomic_store(&running, true);
    while (!atomic_load_explicit(&stop, memory_order_relaxed))
        ;
    return NULL;
}

int main(int argc, char **argv)
{
    struct bench b;
    pthread_t thread;

    bench_options(&b, argc, argv);
    if (b.cpu < 0)
        bench_pin(b.cpu = 0);
    int other = b.cpu ? 0 : 1, fd = open(HVBENCH_DEVICE, O_RDWR);
    if (fd < 0)
        test_fail("%s: %s; modprobe hvbench", HVBENCH_DEVICE, strerror(errno));
    CHECK(!ioctl(fd, HVBENCH_MICRO, b.count));
    bench_label(&b, "ipi-to-idle");
    for (uint64_t i = 0; i < b.count; i++) {
        usleep(1000);
        CHECK(!ioctl(fd, HVBENCH_IPI, other << 16 | 1));
    }
    CHECK(!pthread_create(&thread, NULL, compute, (void *)(intptr_t)other));
    while (!atomic_load(&running))
        usleep(1000);
    bench_label(&b, "ipi-to-computing");
    CHECK(!ioctl(fd, HVBENCH_IPI, other << 16 | (int)b.count));
    bench_label(&b, "end");
    atomic_store(&stop, true);
    CHECK(!pthread_join(thread, NULL));
    return test_pass("%s", b.config);
}
