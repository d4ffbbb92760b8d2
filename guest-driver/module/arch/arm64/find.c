// SPDX-License-Identifier: GPL-2.0-only
/* Is there a hypervisor? */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/arm-smccc.h>
#include <linux/errno.h>
#include <linux/of.h>
#include <linux/printk.h>

#include <hvd_arch.h>
#include "thread.h"

/*
 * Without a hypervisor HVC is undefined at EL1, so nothing is asked before the device tree and the PSCI
 * conduit have both said that there is one.
 */
int hvd_arch_find(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, HVD_COMPATIBLE);

	if (!node) {
		pr_err("this machine does not run under Outrider (no \"%s\" in its device tree)\n",
		       HVD_COMPATIBLE);
		return -ENODEV;
	}
	of_node_put(node);
	if (arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_HVC) {
		pr_err("the device tree names Outrider, but firmware calls do not go through HVC\n");
		return -ENODEV;
	}
	return 0;
}
