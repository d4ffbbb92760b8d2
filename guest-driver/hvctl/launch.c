// SPDX-License-Identifier: BSD-2-Clause
/* Detaching this process and turning it into another program. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hvctl.h"

static void complain_detach(int fd, uint32_t core, int err)
{
    struct ord_ioc_thread self;

    switch (err) {
    case EBUSY:
        if (!device_stat(fd, (int32_t)gettid(), &self))
            complain("already detached, to core %u", self.core);
        else
            complain("core %u is busy; 'hvctl ps' shows with what", core);
        break;
    case ENODEV:
        complain("there is no core %u; 'hvctl info' lists the cores", core);
        break;
    case EPERM:
        complain("core %u belongs to Linux; 'hvctl info' lists host cores", core);
        break;
    case ENOSPC:
        complain("no host core is free; 'hvctl info' lists the cores");
        break;
    case EOPNOTSUPP:
        complain("a process with hardware breakpoints or watchpoints cannot be detached");
        break;
    case ENOMEM:
        complain("the hypervisor has no room for another thread");
        break;
    case EINVAL:
        complain("the hypervisor does not allow this priority on the core");
        break;
    case ESHUTDOWN:
        complain("the machine is shutting down");
        break;
    case EPROTO:
        complain("the module speaks another ABI than %d.%d", ORD_ABI_MAJOR, ORD_ABI_MINOR);
        break;
    default:
        complain("cannot detach: %s", strerror(err));
    }
}

int launch_exec(int fd, const struct launch *launch)
{
    uint32_t core = launch->core;
    int err = device_detach(fd, &core, launch->prio);

    if (err) {
        complain_detach(fd, core, err);
        return EXIT_RUN_FAILED;
    }
    execvp(launch->argv[0], launch->argv);
    err = errno;
    complain("%s: %s", launch->argv[0], strerror(err));
    return err == ENOENT ? EXIT_RUN_NOT_FOUND : EXIT_RUN_NOT_EXECUTED;
}
