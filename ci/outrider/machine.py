# SPDX-License-Identifier: BSD-2-Clause
"""The emulated machine: QEMU's command line, natively or with Outrider and its boot modules."""

import os
import re
import subprocess
from pathlib import Path

from .aptroot import SetupError

QEMU = "qemu-system-aarch64"
HV_CONSOLE = "/pl011@9040000"  # the second UART of QEMU virt; the first is the guest's
MIB = 1 << 20


def size_bytes(text):
    found = re.fullmatch(r"(\d+)([MmGg])", text)
    if not found:
        raise SetupError(f"'{text}' is not a size; write it as 512M or 2G")
    return int(found.group(1)) * (MIB if found.group(2) in "Mm" else 1024 * MIB)


def core_list(text, smp):
    """'3', '2-3', '1,3' or 'none' as a sorted list."""
    if text == "none":
        return []
    cores = set()
    for part in text.split(","):
        found = re.fullmatch(r"(\d+)(?:-(\d+))?", part)
        if not found:
            raise SetupError(f"'{text}' is not a list of cores; write it as 3 or 2-3 or 1,3, or none")
        cores.update(range(int(found.group(1)), int(found.group(2) or found.group(1)) + 1))
    return sorted(cores)


def config_text(cores, shared=(), budget=None, period=None):
    """The VM's configuration as device-tree source."""
    properties = {"host-cores": cores, "shared-cores": shared,
                  "budget": [] if budget is None else [budget], "period": [] if period is None else [period]}  # fmt: skip
    lines = "".join(f"    {name} = <{' '.join(map(str, cells))}>;\n" for name, cells in properties.items() if cells)
    return f'/dts-v1/;\n/ {{\n    compatible = "outrider,config";\n{lines}}};\n'


def config_compile(source, target):
    done = subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", str(target), str(source)],
                          stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SetupError(f"{source} does not compile:\n{done.stderr.strip()}")


def tree_with(argv, addition, work):
    """A tree like the one that QEMU makes for these arguments, and what the file `addition` has in device-tree source.

    Two UARTs, as the machine has; in QEMU's own tree dtc merges what is below a node of the same name.
    """
    own, source, merged = (work / name for name in ("machine.dtb", "machine.dts", "merged.dtb"))
    at = argv.index("-machine") + 1
    dump = [*argv[:at], f"{argv[at]},dumpdtb={own}", *argv[at + 1 :], "-serial", "null", "-serial", "null"]
    for command in (dump, ["dtc", "-q", "-I", "dtb", "-O", "dts", "-o", str(source), str(own)]):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise SetupError(f"the machine's tree cannot be had: {done.stdout.strip()}")
    # /memreserve/ comes first in a source
    lines = required(addition, "the device-tree source of --tree").read_text().splitlines(keepends=True)
    reserve = "".join(line for line in lines if line.startswith("/memreserve/"))
    text = source.read_text().replace("/dts-v1/;", f"/dts-v1/;\n{reserve}", 1)
    source.write_text(text + "".join(line for line in lines if not line.startswith("/memreserve/")))
    config_compile(source, merged)
    return merged


def _quote(text):
    """A value inside of a QEMU option: commas are doubled."""
    return str(text).replace(",", ",,")


def base_argv(cpu, smp, memory, plugin=()):
    argv = [
        QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-machine", "virt,virtualization=on,gic-version=3",
        "-accel", "tcg,thread=multi",
        "-cpu", cpu, "-smp", str(smp), "-m", str(size_bytes(memory) // MIB),
    ]  # fmt: skip
    for item in plugin:
        argv += ["-plugin", item]
    return argv


def device_argv(rootfs, modules, shares, chardevs):
    """Disks, 9p shares [(tag, path)], network, rng, and the virtio ports {name: chardev option}."""
    argv = []
    for name, path in (("root", rootfs), ("modules", modules)):
        argv += ["-drive", f"if=none,id={name},format=raw,readonly=on,file={_quote(path)}",
                 "-device", f"virtio-blk-device,drive={name},serial={name}"]  # fmt: skip
    for tag, path in shares:
        argv += ["-fsdev", f"local,id={tag},security_model=none,multidevs=remap,path={_quote(path)}",
                 "-device", f"virtio-9p-device,fsdev={tag},mount_tag={tag}"]  # fmt: skip
    argv += ["-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net",
             "-device", "virtio-rng-device", "-device", "virtio-serial-device"]  # fmt: skip
    for name, option in chardevs.items():
        argv += ["-chardev", option]
        if name == "tty":
            argv += ["-device", "virtconsole,chardev=tty,name=outrider.tty"]
        else:
            argv += ["-device", f"virtserialport,chardev={name},name=outrider.{name}"]
    return argv


def native_argv(image, initrd, append):
    return ["-kernel", str(image), "-initrd", str(initrd), "-append", append]


def outrider_argv(memory, hypervisor, modules, hv_append):
    """The hypervisor and its boot modules.

    modules: {name: (file, command line)} of vmm, config, linux; and ramdisk, without a command line.
    A module is a file in memory which /chosen/module@ADDRESS describes.
    """
    address = 0x50000000 if size_bytes(memory) >= 512 * MIB else 0x4A000000
    argv = ["-kernel", str(hypervisor), "-append", hv_append]
    for name, (path, bootargs) in modules.items():
        if name == "ramdisk":
            argv += ["-device", f"guest-loader,addr={address:#x},initrd={_quote(path)}"]
        else:
            argv += ["-device", f"guest-loader,addr={address:#x},kernel={_quote(path)},bootargs={_quote(bootargs)}"]
        # An Image runs in place if there is room for its bss behind it.
        room = os.path.getsize(path) + (2 * MIB if name == "linux" else 0)
        address += (room + 2 * MIB - 1) // (2 * MIB) * (2 * MIB)
    return argv


def required(path, what):
    if not Path(path).is_file():
        raise SetupError(f"{path} is missing: {what}")
    return path
