/* SPDX-License-Identifier: BSD-2-Clause */
/* What most tests need above the fake architecture: pools, a task, a VM with guest RAM, vCPUs, frames. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "../check.h"

#include "context.h"
#include "detach.h"
#include "fake.h"
#include "pool.h"
#include "scheduler.h"
#include "task.h"
#include "vm.h"

#define MEMORY_SIZE (64ull << 20)
#define POOL_SIZE   (8ull << 20)

/* Guest RAM of fixture_vm(): GUEST_PAGES pages at GUEST_BASE. */
#define GUEST_BASE  0x40000000ull
#define GUEST_PAGES 512ull

/* <string.h> is the hypervisor's own in these programs; the build machine's library has more. */
char *strstr(const char *text, const char *part);

/* Memory of the machine: [pool | guest RAM | the rest, for the test]. */
extern char *machine_ram;
#define GUEST_RAM (machine_ram + (16ull << 20))
#define FREE_RAM  (machine_ram + (32ull << 20))

/* Runs `body` in a process of its own, so that it finds the hypervisor as it is at start. */
void test_case(const char *name, void (*body)(void));

/* Machine with `cores` cores, all online; all pools filled as boot_main() does, but with `pages` pages. */
void fixture_start(uint32_t cores, uint64_t pages);

struct task *fixture_task(void);
struct thread *fixture_thread(struct task *t, uint32_t core, uint8_t prio);
/* A VM whose guest RAM is mapped. */
struct vm *fixture_vm(void);
/* With a thread of its own on that core; its state page lies at 16 MiB + core * 4 KiB of the task. */
struct vcpu *fixture_vcpu(struct vm *vm, struct task *t, uint32_t core);
/* Guest page i, set up as a frame. */
struct ord_frame *fixture_frame(uint32_t i);
static inline uint64_t frame_address(uint32_t i)
{
    return GUEST_BASE + i * PAGE_SIZE;
}

/* Core i executes, takes its interrupts and what is in its mailbox; what runs on it then, or NULL: it sleeps.
 */
struct thread *fixture_host(uint32_t i);

/* Makes core i the one that executes. */
static inline struct core *on_core(uint32_t i)
{
    fake_core = &cores[i];
    return fake_core;
}

#endif
