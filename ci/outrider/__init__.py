# SPDX-License-Identifier: BSD-2-Clause
"""What the scripts in ci/ share: the package cache, the guest's image, the machine."""
