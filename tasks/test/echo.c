/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sends back each record of the first half of the channel "echo" through its second half, and answers each
 * signal with one. With another task at the end of "between", it passes one signal for each on to it, and
 * says what comes back.
 */
#include <outrider/host.h>
#include <outrider/ring.h>

static void answer(struct ring *in, struct ring *out)
{
    static uint8_t record[1024];
    size_t length;
    int result;

    while ((result = ring_read(in, record, sizeof(record), &length)) == RING_OK)
        if (ring_write(out, record, length) != RING_OK)
            ord_print("an answer is lost");
    if (result != RING_EMPTY)
        ord_print("the request is not valid: %d", result);
}

int main(const struct ord_start *start)
{
    const struct ord_start_channel *echo = ord_channel("echo"), *between = ord_channel("between");
    struct ring in, out;
    uint64_t bits, half = echo->size / 2, back = 0;

    ring_create(&in, RING_CONSUMER, ord_channel_memory(echo), half);
    ring_create(&out, RING_PRODUCER, (char *)ord_channel_memory(echo) + half, half);
    ord_print("is ready");
    for (;;) {
        if (ord_wait(0, &bits) != ORD_OK)
            return 1;
        if (bits >> echo->bit & 1) {
            answer(&in, &out);
            ord_signal(echo);
            if (between)
                ord_signal(between);
        }
        if (between && (bits >> between->bit & 1) && ++back % 100 == 1)
            ord_print("task %s has answered", start->channel[between->bit].name);
    }
}
