/* SPDX-License-Identifier: BSD-2-Clause */
/* Drives the PL031 real-time clock (Arm DDI 0224): an alarm each second, by its interrupt. */
#include <outrider/host.h>

enum { RTCDR = 0, RTCMR = 1, RTCIMSC = 4, RTCRIS = 5, RTCICR = 7 };

int main(const struct ord_start *start)
{
    volatile uint32_t *rtc = ord_device_registers(0);
    uint32_t count = 0;
    uint64_t bits;

    rtc[RTCICR] = 1;
    rtc[RTCIMSC] = 1;
    ord_print("%s, irq %ld", start->device[0].path, (long)ord_irq_enable(0));
    for (;;) {
        rtc[RTCMR] = rtc[RTCDR] + 1;
        if (ord_wait(0, &bits) != ORD_OK || bits != 1ull << ORD_TASK_DEVICE_BIT(0))
            return 1;
        ord_print("alarm %u, pending %u", ++count, rtc[RTCRIS]);
        rtc[RTCICR] = 1;
        ord_irq_ack(0);
    }
}
