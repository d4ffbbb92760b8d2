// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outrider's guest module: lets threads of this Linux leave it and run on cores that it does not own.
 *
 * The hypervisor announces itself by a node in the device tree, by which the module loads and which holds the
 * interrupt that brings threads' events.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "compat.h"
#include "hypercall.h"
#include "needs.h"
#include "thread.h"

/* Last of all before the machine restarts or another kernel takes over its memory. */
static int main_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	hvd_thread_stop_all();
	hvd_call_setup(ORD_SETUP_NONE);
	return NOTIFY_DONE;
}

static struct notifier_block reboot_notifier = {
	.notifier_call = main_reboot,
	.priority = INT_MIN,
};

/*
 * Suspend freezes and so recalls all threads, and they ride again afterwards. But in an image of a hibernated
 * Linux, contexts and event page would be some that the hypervisor of the next boot knows nothing about.
 */
static int main_sleep(struct notifier_block *block, unsigned long event, void *data)
{
	if (event != PM_HIBERNATION_PREPARE)
		return NOTIFY_DONE;
	pr_notice("cannot hibernate while this module is loaded\n");
	return notifier_from_errno(-EOPNOTSUPP);
}

static struct notifier_block sleep_notifier = {
	.notifier_call = main_sleep,
};

static int main_probe(struct platform_device *pdev)
{
	int err;

	hvd_cputime_init();
	err = hvd_thread_init();
	if (err)
		return err;
	err = hvd_event_init(pdev);
	if (err)
		goto exit_thread;
	err = hvd_probe_init();
	if (err)
		goto exit_event;
	err = hvd_probe_task_init();
	if (err)
		goto exit_probe;
	err = register_reboot_notifier(&reboot_notifier);
	if (err)
		goto exit_probe_task;
	err = register_pm_notifier(&sleep_notifier);
	if (err)
		goto exit_reboot;
	err = hvd_sysfs_init();
	if (err)
		goto exit_sleep;
	err = hvd_chardev_init();
	if (err)
		goto exit_sysfs;
	pr_info("Outrider, ABI %u.%u\n", hvd_abi_version >> 16, hvd_abi_version & 0xffff);
	return 0;

exit_sysfs:
	hvd_sysfs_exit();
exit_sleep:
	unregister_pm_notifier(&sleep_notifier);
exit_reboot:
	unregister_reboot_notifier(&reboot_notifier);
exit_probe_task:
	hvd_probe_task_exit();
exit_probe:
	hvd_probe_exit();
exit_event:
	hvd_event_exit();
exit_thread:
	hvd_thread_exit();
	return err;
}

/*
 * No thread is detached: each one, and each open file, holds a reference to the module. What may still be on
 * its way is the release of one that has ended, and a work's or an interrupt's last instructions.
 */
static HVD_REMOVE_TYPE main_remove(struct platform_device *pdev)
{
	hvd_chardev_exit();
	hvd_sysfs_exit();
	hvd_thread_drain();
	unregister_pm_notifier(&sleep_notifier);
	unregister_reboot_notifier(&reboot_notifier);
	hvd_probe_task_exit();
	hvd_probe_exit();
	hvd_event_exit();
	hvd_thread_exit();
	hvd_cputime_exit();
	hvd_text_quiesce();
	HVD_REMOVE_RETURN;
}

static const struct of_device_id main_match[] = { { .compatible = HVD_COMPATIBLE }, {} };
MODULE_DEVICE_TABLE(of, main_match);

static struct platform_driver main_driver = {
	.probe = main_probe,
	.remove = main_remove,
	.driver = {
		.name = "hvdetach",
		.of_match_table = main_match,
		.suppress_bind_attrs = true, /* unbinding would not ask the threads */
	},
};

static bool main_bound(void)
{
	struct device *dev = driver_find_next_device(&main_driver.driver, NULL);

	put_device(dev);
	return dev;
}

static int __init main_init(void)
{
	int err = hvd_hypervisor_find();

	if (err)
		return err;
	err = platform_driver_register(&main_driver);
	if (err)
		return err;
	/* A driver whose probe failed stays registered: rather say so to whoever loads it. */
	if (!main_bound()) {
		platform_driver_unregister(&main_driver);
		pr_err("cannot take the hypervisor's device over\n");
		return -ENODEV;
	}
	err = hvd_channel_init();
	if (err)
		platform_driver_unregister(&main_driver);
	return err;
}
module_init(main_init);

static void __exit main_exit(void)
{
	hvd_channel_exit();
	platform_driver_unregister(&main_driver);
}
module_exit(main_exit);

MODULE_DESCRIPTION("Outrider: detach threads to the microhypervisor's cores");
MODULE_AUTHOR("Outrider");
MODULE_LICENSE("GPL");
MODULE_VERSION("1.0");
