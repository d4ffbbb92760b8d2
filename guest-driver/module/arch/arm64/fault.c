// SPDX-License-Identifier: GPL-2.0-only
/* What a page fault of a detached thread says. */
#include <linux/mm.h>
#include <asm/esr.h>
#include <asm/memory.h>
#include <asm/processor.h>
#include <outrider/detach.h>

#include <hvd_arch.h>

#define FSC_TRANSLATION_LEVEL_MINUS_1 0x2b /* FEAT_LPA2 */

static bool fault_is_resolvable(u64 esr)
{
	u64 code = esr & ESR_ELx_FSC;

	if (ESR_ELx_EC(esr) != ESR_ELx_EC_DABT_LOW && ESR_ELx_EC(esr) != ESR_ELx_EC_IABT_LOW)
		return false;
	switch (code & ESR_ELx_FSC_TYPE) {
	case ESR_ELx_FSC_FAULT:
	case ESR_ELx_FSC_ACCESS:
	case ESR_ELx_FSC_PERM:
		return true;
	}
	return code == FSC_TRANSLATION_LEVEL_MINUS_1;
}

/**
 * hvd_arch_fault() - what a fault asks for
 * @frame: with ORD_EVENT_FAULT
 * @fault: result
 *
 * Return: false for a fault, or an address, that is not an ordinary one.
 */
bool hvd_arch_fault(const struct ord_frame *frame, struct hvd_fault *fault)
{
	u64 esr = frame->code;

	fault->address = untagged_addr(frame->address);
	fault->exec = ESR_ELx_EC(esr) == ESR_ELx_EC_IABT_LOW;
	fault->write = !fault->exec && (esr & ESR_ELx_WNR) && !(esr & ESR_ELx_CM);
	return fault_is_resolvable(esr) && fault->address < TASK_SIZE_64;
}
