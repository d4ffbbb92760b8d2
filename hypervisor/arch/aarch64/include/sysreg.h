/* SPDX-License-Identifier: BSD-2-Clause */
/* Bits of system registers by the names of the ARM ARM (DDI0487, D19). */
#ifndef AARCH64_SYSREG_H
#define AARCH64_SYSREG_H

#include "types.h"

#include <access.h>

/* HCR_EL2, Hypervisor Configuration */
#define HCR_VM     BIT(0)  /* stage 2 */
#define HCR_SWIO   BIT(1)  /* set/way invalidate is clean+invalidate */
#define HCR_FMO    BIT(3)  /* FIQ to EL2 */
#define HCR_IMO    BIT(4)  /* IRQ to EL2 */
#define HCR_AMO    BIT(5)  /* SError to EL2 */
#define HCR_VSE    BIT(8)  /* virtual SError pending */
#define HCR_FB     BIT(9)  /* force broadcast */
#define HCR_BSU_IS BIT(10) /* barriers: at least Inner Shareable */
#define HCR_DC     BIT(12) /* default cacheable */
#define HCR_TWI    BIT(13) /* trap WFI */
#define HCR_TID3   BIT(18) /* trap ID group 3 */
#define HCR_TSC    BIT(19) /* trap SMC */
#define HCR_TIDCP  BIT(20) /* trap implementation-defined */
#define HCR_TACR   BIT(21) /* trap ACTLR */
#define HCR_TGE    BIT(27) /* EL0 traps to EL2 */
#define HCR_RW     BIT(31) /* EL1 is AArch64 */
#define HCR_E2H    BIT(34) /* EL2 hosts an operating system */
#define HCR_TLOR   BIT(35) /* trap LORegions */
#define HCR_TERR   BIT(36) /* trap error record registers */
#define HCR_APK    BIT(40) /* no trap of PAuth keys */
#define HCR_API    BIT(41) /* no trap of PAuth instructions */

/* CPTR_EL2, Architectural Feature Trap (E2H=0) */
#define CPTR_RES1 0x32ffull
#define CPTR_TZ   BIT(8)  /* SVE */
#define CPTR_TFP  BIT(10) /* FP/SIMD */
#define CPTR_TSM  BIT(12) /* SME */
#define CPTR_TTA  BIT(20) /* trace */
#define CPTR_TAM  BIT(30) /* activity monitors */

/* MDCR_EL2, Monitor Debug Configuration */
#define MDCR_TPMCR BIT(5)  /* PMCR */
#define MDCR_TPM   BIT(6)  /* PMU */
#define MDCR_TDOSA BIT(10) /* OS lock, power down */
#define MDCR_TDRA  BIT(11) /* address of the debug ROM */
#define MDCR_TPMS  BIT(14) /* statistical profiling */
#define MDCR_TTRF  BIT(19) /* trace filter */

/* SCTLR_EL1/2 */
#define SCTLR_M        BIT(0)
#define SCTLR_C        BIT(2)
#define SCTLR_I        BIT(12)
#define SCTLR_WXN      BIT(19)
#define SCTLR_EL2_RES1 0x30c50830ull
#define SCTLR_EL1_RES1 0x30d00800ull /* bits 29, 28, 23 (SPAN), 22, 20, 11 */
#define SCTLR_DZE      BIT(14)       /* DC ZVA at EL0 */
#define SCTLR_UCT      BIT(15)       /* CTR_EL0 at EL0 */
#define SCTLR_nTWE     BIT(18)       /* WFE at EL0 */
#define SCTLR_UCI      BIT(26)       /* cache maintenance at EL0 */
#define SCTLR_EE       BIT(25)       /* big endian at EL1 */
#define SCTLR_IESB     BIT(21)       /* errors are synchronized by exceptions to EL2 and back */
#define SCTLR_nTWI     BIT(16)

/* TCR_EL1 */
#define TCR_EPD0 BIT(7)  /* no walks from TTBR0_EL1 */
#define TCR_EPD1 BIT(23) /* … from TTBR1_EL1 */
#define TCR_TBI0 BIT(37) /* top byte ignored */
#define TCR_HPD0 BIT(41) /* no permissions in table descriptors */
#define TCR_DS   BIT(59) /* 52-bit addresses */

/* SPSR / PSTATE */
#define PSTATE_MODE_EL0t 0x0ull
#define PSTATE_MODE_EL1t 0x4ull
#define PSTATE_MODE_EL1h 0x5ull
#define PSTATE_MODE      0x1full /* with M[4]: AArch32 */
#define PSTATE_DAIF      0x3c0ull
#define PSTATE_I         BIT(7)
#define PSTATE_A         BIT(8)
#define PSTATE_IL        BIT(20)
#define PSTATE_SS        BIT(21)

/* ESR_ELx */
#define ESR_EC(esr)    FIELD(esr, 31, 26)
#define ESR_IL         BIT(25)
#define EC_UNKNOWN     0x00
#define EC_WFX         0x01
#define EC_FP          0x07
#define EC_PAUTH       0x09
#define EC_ILLEGAL     0x0e
#define EC_SVC64       0x15
#define EC_HVC64       0x16
#define EC_SMC64       0x17
#define EC_SYSREG      0x18
#define EC_SVE         0x19
#define EC_SME         0x1d
#define EC_IABT_LOWER  0x20
#define EC_PC_ALIGN    0x22
#define EC_DABT_LOWER  0x24
#define EC_SP_ALIGN    0x26
#define EC_SERROR      0x2f
#define ISS_ISV        BIT(24)
#define ISS_SAS(esr)   FIELD(esr, 23, 22)
#define ISS_SSE        BIT(21)
#define ISS_SRT(esr)   FIELD(esr, 20, 16)
#define ISS_SF         BIT(15)
#define ISS_FNV        BIT(10)
#define ISS_CM         BIT(8)
#define ISS_S1PTW      BIT(7)
#define ISS_WNR        BIT(6)
#define ISS_FSC(esr)   FIELD(esr, 5, 0)
#define FSC_PERMISSION 3 /* FSC >> 2 */
#define FSC_EXTERNAL   0x10
/* … of an SError, with RAS */
#define ISS_IDS         BIT(24) /* the rest is implementation-defined */
#define ISS_AET(esr)    FIELD(esr, 12, 10)
#define AET_RESTARTABLE 2
#define AET_CORRECTED   6
#define ISS_SERROR_FSC  0x11
#define ISS_SERROR      BIT_RANGE(24, 0)

/* OSLSR_EL1, OS Lock Status */
#define OSLSR_OSLK BIT(1)

/* MPIDR_EL1, Multiprocessor Affinity */
#define MPIDR_MT   BIT(24) /* the lowest level is threads of one core */
#define MPIDR_RES1 BIT(31)

/* ISR_EL1 */
#define ISR_I BIT(7)
#define ISR_A BIT(8)

/* CNTHCTL_EL2 (E2H=0) */
#define CNTHCTL_EVNTEN BIT(2)

/* CNTx_CTL */
#define CNT_ENABLE  BIT(0)
#define CNT_IMASK   BIT(1)
#define CNT_ISTATUS BIT(2)

#endif
