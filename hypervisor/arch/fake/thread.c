/* SPDX-License-Identifier: BSD-2-Clause */
/* Bodies of threads: no registers, but a check that they are used as the contract says. */
#include "fake.h"

#include "context.h"
#include "vcpu.h"
#include "vm.h"
#include <arch/hypercall.h>
#include <arch/thread.h>
#include <string.h>

void arch_thread_init(struct thread *t, const struct ptab *space, uint64_t entry, uint64_t sp, uint64_t arg)
{
    FAKE_CHECK(space->root);
    t->arch = (struct arch_thread){.entry = entry, .sp = sp, .arg = arg};
}

void arch_thread_result(struct thread *t, int64_t status, uint64_t value)
{
    t->arch.status = status;
    t->arch.value = value;
    t->arch.results++;
}

void arch_thread_load(struct core *c, struct thread *t)
{
    FAKE_CHECK(c == core_self() && t->core == c && t->state == THREAD_READY);
    FAKE_CHECK(!t->context || t->arch.context_running);
    t->arch.loads++;
    if (t->in_guest && fake.vcpu_loaded)
        fake.vcpu_loaded(t->vcpu);
}

void arch_vcpu_init(struct vcpu *v, const struct ptab *space)
{
    FAKE_CHECK(space == &v->vm->ptab);
    v->arch = (struct arch_vcpu){.inside = false};
}

void arch_vcpu_reset(struct vcpu *v)
{
    v->arch.resets++;
    memset(v->arch.pending, 0, sizeof(v->arch.pending));
}

void arch_vcpu_enter(struct vcpu *v)
{
    FAKE_CHECK(v->thread->core == core_self() && !v->arch.inside);
    v->arch.inside = true;
    v->arch.enters++;
}

void arch_vcpu_leave(struct vcpu *v)
{
    FAKE_CHECK(v->thread->core == core_self() && v->arch.inside);
    v->arch.inside = false;
    v->arch.leaves++;
}

bool arch_vcpu_irq_pending(struct vcpu *v)
{
    return v->arch.irq_pending;
}

uint64_t arch_vcpu_progress(struct vcpu *v)
{
    FAKE_CHECK(v->thread->core == core_self());
    return v->arch.timer_pending;
}

status_t arch_context_load(struct context *c)
{
    struct ord_frame *f = c->frame;

    FAKE_CHECK(c->thread.core == core_self() && !c->thread.arch.context_running);
    FAKE_CHECK(context_state(c) == CONTEXT_RUNNING);
    if (READ_ONCE(f->magic) != ORD_FRAME_MAGIC || READ_ONCE(f->version) >> 16 != ORD_ABI_MAJOR)
        return ORD_BAD_VERSION;
    c->thread.arch.context_running = true;
    return ORD_OK;
}

void arch_context_save(struct context *c)
{
    FAKE_CHECK(c->thread.core == core_self() && c->thread.arch.context_running);
    FAKE_CHECK(context_state(c) == CONTEXT_RUNNING);
    c->thread.arch.context_running = false;
    c->frame->x[0]++;
    if (fake.context_saved)
        fake.context_saved(c);
}

void arch_context_result(struct context *c, uint64_t value)
{
    FAKE_CHECK(c->thread.core == core_self() && c->thread.arch.context_running);
    c->thread.arch.value = value;
    c->thread.arch.results++;
}

bool arch_user_read(struct context *c, uint64_t at, void *to, uint64_t size)
{
    FAKE_CHECK(c->thread.core == core_self() && c->thread.arch.context_running);
    if (!fake.user || at < fake.user_address || at + size > fake.user_address + fake.user_size)
        return false;
    memcpy(to, (const char *)fake.user + (at - fake.user_address), size);
    return true;
}

uint32_t arch_core_registers(struct core *c, struct arch_register r[ARCH_REGISTERS_MAX])
{
    FAKE_CHECK(c == core_self());
    r[0] = (struct arch_register){"PC", c->running ? 0x1234 : 0};
    r[1] = (struct arch_register){"core", c->index};
    return 2;
}

uint64_t arch_hypercall_features(void)
{
    return ORD_FEATURE_HW_TLB;
}

void arch_hypercall_flush(uint64_t asid, uint64_t address, uint64_t pages)
{
    fake.flush_asid = asid;
    fake.flush_address = address;
    fake.flush_pages = pages;
    fake.flushes++;
}
