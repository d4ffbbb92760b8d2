/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The calls of a host task, one function each (outrider/task.h has their meaning). The architecture
 * implements them; unit tests bring their own. Each returns an ord_status. `number` is an interrupt's, of the
 * machine or of the guest.
 */
#ifndef VMM_CALL_H
#define VMM_CALL_H

#include <stdint.h>
#include <outrider/status.h>
#include <outrider/task.h>

#define MUST_CHECK __attribute__((warn_unused_result))

typedef int64_t status_t; /* enum ord_status */

status_t call_console_write(const char *text, uint64_t length);
status_t call_mem_map(uint64_t space, uint64_t mem, uint64_t offset, uint64_t address, uint64_t size,
                      uint64_t rights) MUST_CHECK;
status_t call_mem_unmap(uint64_t space, uint64_t address, uint64_t size);
status_t call_task_create(uint64_t dst, const char *name, uint64_t length, uint64_t cores,
                          uint64_t priority_limit) MUST_CHECK;
status_t call_cap_copy(uint64_t task, uint64_t slot, uint64_t source, uint64_t rights) MUST_CHECK;
status_t call_task_start(uint64_t task, uint64_t entry, uint64_t stack_top, uint64_t argument, uint64_t core,
                         uint64_t priority) MUST_CHECK;
status_t call_vm_channel(uint64_t vm, uint64_t channel, uint64_t signal, uint64_t bits, uint64_t take,
                         uint64_t irq) MUST_CHECK;
status_t call_vm_create(uint64_t dst, uint64_t number) MUST_CHECK;
/* budget and period in microseconds; 0: the core runs no vCPU */
status_t call_vm_add_core(uint64_t vm, uint64_t core, uint64_t priority_limit, uint64_t budget,
                          uint64_t period) MUST_CHECK;
status_t call_vm_stop(uint64_t vm);
status_t call_vm_firmware(uint64_t vm, uint64_t first, uint64_t last) MUST_CHECK;
status_t call_vm_watchdog(uint64_t vm, uint64_t milliseconds) MUST_CHECK;
status_t call_thread_create(uint64_t dst, void (*entry)(void *), void *stack_top, void *argument,
                            uint64_t core, uint64_t priority) MUST_CHECK;
_Noreturn void call_thread_exit(void);
status_t call_vcpu_create(uint64_t dst, uint64_t vm, uint64_t thread, uint64_t hwid,
                          struct ord_vcpu_state *state) MUST_CHECK;
status_t call_vcpu_reset(uint64_t vcpu) MUST_CHECK;
status_t call_vcpu_run(uint64_t vcpu) MUST_CHECK;
status_t call_vcpu_kick(uint64_t vcpu);
status_t call_vcpu_inject(uint64_t vcpu, uint64_t number, uint64_t priority);
status_t call_notify_create(uint64_t dst) MUST_CHECK;
status_t call_notify_wait(uint64_t notify, uint64_t *bits) MUST_CHECK;
status_t call_notify_signal(uint64_t notify, uint64_t bits);
status_t call_irq_create(uint64_t dst, uint64_t number) MUST_CHECK;
status_t call_irq_bind(uint64_t irq, uint64_t vcpu, uint64_t number, uint64_t priority) MUST_CHECK;
status_t call_irq_control(uint64_t irq, enum ord_irq_op op, uint64_t *state);
status_t call_power(enum ord_power_op op);
status_t call_mem_sync(const void *address, uint64_t size);

#endif
