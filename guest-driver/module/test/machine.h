/* SPDX-License-Identifier: GPL-2.0-only */
/* What modules for tests ask first: is this a VM of Outrider whose contexts nobody uses? */
#ifndef HVDETACH_TEST_MACHINE_H
#define HVDETACH_TEST_MACHINE_H

#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/platform_device.h>

#include "../hypercall.h"

#define COMPATIBLE "outrider,detach-1.0"

/* 0, or an error that the log explains. */
static inline int test_check_machine(void)
{
	struct device_node *node = of_find_compatible_node(NULL, NULL, COMPATIBLE);
	struct platform_device *pdev;
	bool bound;

	if (!node || arm_smccc_1_1_get_conduit() != SMCCC_CONDUIT_HVC) {
		of_node_put(node);
		pr_err("this machine does not run under Outrider\n");
		return -ENODEV;
	}
	pdev = of_find_device_by_node(node);
	of_node_put(node);
	bound = pdev && pdev->dev.driver;
	if (pdev)
		put_device(&pdev->dev);
	if (bound) {
		pr_err("hvdetach is loaded, and this test would take its event page away\n");
		return -EBUSY;
	}
	return 0;
}

#endif
