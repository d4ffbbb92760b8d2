// SPDX-License-Identifier: BSD-2-Clause
/*
 * The traces of a set of threads. The module keeps the last thousand or so events of each; whoever wants
 * all of them comes often enough.
 */
#include <errno.h>
#include <stdlib.h>

#include "tracer.h"

void tracer_add(struct tracer *tracer, int32_t pid, int32_t tid)
{
    for (size_t i = 0; i < tracer->count; i++)
        if (tracer->thread[i].tid == tid && !tracer->thread[i].ended)
            return;
    tracer->thread = grow(tracer->thread, tracer->count + 1, sizeof(*tracer->thread));
    tracer->thread[tracer->count++] = (struct tracer_thread){.pid = pid, .tid = tid};
}

static int tracer_read(struct tracer *tracer, struct tracer_thread *thread, bool last)
{
    static struct ord_ioc_trace trace;
    int err;

    do {
        trace = (struct ord_ioc_trace){.tid = thread->tid, .position = thread->position};
        err = device_trace(tracer->fd, &trace);
        if (err == ESRCH) {
            /* Ended, or not detached yet. */
            thread->ended = thread->begun;
            return 0;
        }
        if (err)
            return err;
        thread->position = trace.position;
        /* What was recorded before, for somebody else, is none of ours. */
        if (trace.lost && thread->begun)
            tracer->lost(tracer, thread, trace.lost);
        thread->begun = true;
        for (uint32_t i = 0; i < trace.count && i < ORD_TRACE_BATCH; i++) {
            /* Away from its core still: what that costs is known later. */
            if (!trace.entry[i].cost && !last && i == trace.count - 1 && trace.count < ORD_TRACE_BATCH) {
                thread->position--;
                return 0;
            }
            tracer->event(tracer, thread, &trace.entry[i]);
        }
    } while (trace.count == ORD_TRACE_BATCH);
    return 0;
}

int tracer_take(struct tracer *tracer, int32_t tid, bool last)
{
    for (size_t i = 0; i < tracer->count; i++)
        if (tracer->thread[i].tid == tid && !tracer->thread[i].ended)
            return tracer_read(tracer, &tracer->thread[i], last);
    return 0;
}

int tracer_poll(struct tracer *tracer)
{
    int err = 0;

    for (size_t i = 0; i < tracer->count && !err; i++)
        if (!tracer->thread[i].ended)
            err = tracer_read(tracer, &tracer->thread[i], false);
    return err;
}

bool tracer_is_alive(const struct tracer *tracer)
{
    for (size_t i = 0; i < tracer->count; i++)
        if (!tracer->thread[i].ended)
            return true;
    return false;
}

void tracer_free(struct tracer *tracer)
{
    free(tracer->thread);
    tracer->thread = NULL;
    tracer->count = 0;
}
