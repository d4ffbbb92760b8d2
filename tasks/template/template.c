/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host task to begin with: a heartbeat on the console, and an answer to each signal of each channel. Copy
 * the folder, change the name in meson.build (or build it as doc/host-tasks.md says), and name it in the
 * configuration.
 */
#include <outrider/host.h>

int main(const struct ord_start *start)
{
    uint64_t second = ord_ticks(1000000000), next = ord_now(), beats = 0, bits;

    ord_print("on core %u with priority %u; arguments: \"%s\"", start->core, start->priority, start->args);
    for (uint32_t i = 0; i < start->channel_count; i++)
        ord_print("channel %s: %lu bytes", start->channel[i].name, (unsigned long)start->channel[i].size);
    for (;;) {
        int64_t status = ord_wait(next, &bits);
        if (status == ORD_TIMED_OUT) {
            ord_print("heartbeat %lu", ++beats);
            next += second;
            continue;
        }
        for (uint32_t i = 0; i < start->channel_count; i++)
            if (status == ORD_OK && (bits >> start->channel[i].bit & 1))
                ord_signal(&start->channel[i]);
    }
}
