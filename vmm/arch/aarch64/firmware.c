/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the machine's firmware that the configuration gives to the guest. The hypervisor makes them. */
#include "firmware.h"

#include <outrider/smccc.h>
#include "call.h"
#include "log.h"
#include "vm.h"

const char *firmware_refused(uint32_t first, uint32_t last)
{
    uint32_t function = first & 0xffff;

    if (first > last)
        return "the last one is below the first";
    if ((first ^ last) >> 16 || (first >> 16 & 0xff))
        return "not of one service: all but the lower 16 bits must be the same, and bits 23 to 16 are 0";
    if (ord_smccc_range_valid(first, last))
        return NULL;
    if ((first & ORD_SMCCC_FAST) && ORD_SMCCC_SERVICE(first) == ORD_SMCCC_STANDARD && function < 0x20)
        return "PSCI is the VMM's";
    return "not for a guest; allowed are calls of the chip (0x82nnnnnn, 0xc2nnnnnn), of the board "
           "(0x83nnnnnn, 0xc3nnnnnn), of a "
           "trusted OS (0xb0nnnnnn to 0xbfnnnnnn, 0xf0nnnnnn to 0xffnnnnnn, 0x02nnnnnn to 0x7fnnnnnn), "
           "random numbers (0x84000050 to "
           "0x8400005f, also 0xc40000nn), errata (0x840000f0 to 0x840000ff) and workarounds (from 0x80000002 "
           "on)";
}

bool firmware_allow(struct vm *vm)
{
    for (uint32_t i = 0; i < vm->config.firmware_count; i++) {
        const struct config_firmware *f = &vm->config.firmware[i];
        status_t status = call_vm_firmware(vm->cap, f->first, f->last);
        if (status != ORD_OK) {
            log_line("firmware calls 0x%x to 0x%x are refused (%ld)", f->first, f->last, (long)status);
            return false;
        }
        log_line("firmware calls: 0x%x to 0x%x", f->first, f->last);
    }
    return true;
}
