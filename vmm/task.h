/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Host tasks and channels, as the configuration names them.
 *
 *   RAM of the VMM:  [ guest ............................ | set aside: channel 0 | ... | task 0 | task 1 |
 * ... ] a task sees      its ELF segments, the start page, its stack, the channels that it is an end of the
 * guest sees   the channels that it is an end of, at their physical addresses, outside of its memory
 *
 * Nothing of a task is in reach of the guest; of the VMM only until the task starts.
 */
#ifndef VMM_TASK_H
#define VMM_TASK_H

#include "elf.h"
#include "range.h"
#include <outrider/detach.h>
#include <outrider/task.h>

struct vm;

#define TASKS_MAX 8

struct task {
    struct elf elf;
    uint64_t memory; /* physical: segments, start page, stack */
    uint64_t size;
    uint32_t cap, notify;
    uint32_t next_slot; /* in the task */
    struct ord_start start;
};

struct task_channel {
    struct range memory; /* physical */
    uint32_t irq;        /* Linux is an end of it: its interrupt; else 0 */
    uint32_t id;         /* Linux's number of it */
};

struct tasks {
    uint32_t count, channel_count;
    struct task task[TASKS_MAX];
    struct task_channel channel[ORD_CHANNELS_MAX];
    struct range memory; /* set aside for them */
};

/*
 * Reads the tasks' ELF files and finds memory and interrupts for all, where nothing of `used` is. False after
 * a message.
 */
bool tasks_plan(struct vm *vm, const struct range_list *used);

/* Makes tasks and channels of a VM that has its devices, vCPUs and interrupt controller. False after a
 * message. */
bool tasks_make(struct vm *vm);

/* Loads and starts them. False after a message. */
bool tasks_start(struct vm *vm);

#endif
