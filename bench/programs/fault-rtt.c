/* SPDX-License-Identifier: BSD-2-Clause */
/* Page faults: the first store to each page of new anonymous memory, without transparent huge pages. */
#include <sys/mman.h>
#include <sys/resource.h>

#include "bench.h"

#define PAGE 4096

static inline void touch(volatile char *page)
{
    __asm__ volatile("hint #96\n\tstrb wzr, [%0]\n\thint #97" ::"r"(page) : "memory");
}

static uint64_t faults(void)
{
    struct rusage usage;

    CHECK(!getrusage(RUSAGE_THREAD, &usage));
    return (uint64_t)usage.ru_minflt;
}

int main(int argc, char **argv)
{
    struct bench b;

    bench_options(&b, argc, argv);
    size_t size = (b.count * 2 + 50) * PAGE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory != MAP_FAILED);
    CHECK(!madvise(memory, size, MADV_NOHUGEPAGE) || errno == EINVAL); /* EINVAL: a kernel without them */
    bench_detach(&b);
    for (int i = 0; i < 50; i++, memory += PAGE)
        *(volatile char *)memory = 0;
    uint64_t before = faults();
    bench_label(&b, "first-store");
    for (uint64_t i = 0; i < b.count; i++, memory += PAGE) {
        uint64_t start = counter();
        touch(memory);
        bench_ticks(counter() - start);
    }
    insn_hist_start();
    for (uint64_t i = 0; i < b.count; i++, memory += PAGE)
        *(volatile char *)memory = 0;
    insn_hist_stop();
    bench_label(&b, "end");
    CHECK(faults() >= before + 2 * b.count); /* each store was one */
    bench_report("first-store");
    return test_pass("%s", b.config);
}
