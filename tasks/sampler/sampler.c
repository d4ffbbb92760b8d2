/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Example of a host task: wakes up at fixed times, takes a sample and passes it to Linux through the channel
 * "samples". What it samples is the counter itself: how late it woke up. Whether anybody reads the ring does
 * not matter to it; what does not fit is counted and lost.
 *
 * args: the period in microseconds (1000 if there are none).
 */
#include <outrider/host.h>
#include <outrider/ring.h>
#include "sample.h"

static uint64_t number(const char *text)
{
    uint64_t value = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

int main(const struct ord_start *start)
{
    const struct ord_start_channel *channel = ord_channel("samples");
    uint64_t microseconds = *start->args ? number(start->args) : 1000;
    struct ring ring;

    if (!channel || !microseconds ||
        ring_create(&ring, RING_PRODUCER, ord_channel_memory(channel), channel->size) != RING_OK) {
        ord_print("needs a channel \"samples\" and a period that is not 0");
        return 1;
    }
    uint64_t period = ord_ticks(microseconds * 1000), lost = 0, latest = 0;
    struct sample sample = {.due = ord_now() + period};
    ord_print("a sample every %lu us", microseconds);
    for (;; sample.sequence++, sample.due += period) {
        ord_sleep_until(sample.due);
        sample.taken = ord_now();
        if (sample.taken - sample.due > latest)
            latest = sample.taken - sample.due;
        int result = ring_write(&ring, &sample, sizeof(sample));
        if (result == RING_CORRUPT) {
            ord_print("the reader has written nonsense into the ring: it is made anew");
            ring_create(&ring, RING_PRODUCER, ord_channel_memory(channel), channel->size);
        }
        lost += result != RING_OK;
        if (result == RING_OK)
            ord_signal(channel);
        if (sample.sequence % (1000000 / microseconds + 1) == 0)
            ord_print("%lu samples, %lu lost, woken %lu ns late at most", sample.sequence + 1, lost,
                      ord_nanoseconds(latest));
    }
}
