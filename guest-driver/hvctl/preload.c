// SPDX-License-Identifier: BSD-2-Clause
/*
 * hvctl run --mlock, --prefault: locked memory does not outlive execve(), so the program itself has to lock
 * it. libdetach-prefault.so does that for programs that do not, before their main(); the dynamic linker loads
 * it by LD_PRELOAD. It acts only in the process that was started here, which it knows by its id, and in what
 * that process executes in its place; others that inherit the environment are rid of both variables.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "hvctl.h"
#include "prefault.h"
#include <hvctl_arch.h>

static const char *mode;

/* The program as a shell finds it. */
static bool find_program(const char *name, char path[PATH_MAX])
{
    const char *rest = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";

    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        return true;
    }
    while (rest) {
        const char *end = strchrnul(rest, ':');

        snprintf(path, PATH_MAX, "%.*s%s%s", (int)(end - rest), rest, end > rest ? "/" : "", name);
        if (!access(path, X_OK))
            return true;
        rest = *end ? end + 1 : NULL;
    }
    return false;
}

/*
 * Whether it gets rights of its own when it is executed, as Linux decides it (bprm_fill_uid(),
 * cap_bprm_creds_from_file()): AT_SECURE is set then, and the dynamic linker ignores LD_PRELOAD.
 */
static bool is_secure(int fd, const struct stat *info)
{
    struct statvfs system;
    char value[64];

    if (fstatvfs(fd, &system) || system.f_flag & ST_NOSUID || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) > 0)
        return false;
    if (info->st_mode & S_ISUID && info->st_uid != getuid())
        return true;
    if ((info->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && info->st_gid != getgid())
        return true;
    return getuid() && fgetxattr(fd, "security.capability", value, sizeof(value)) > 0;
}

/* What is wrong with it, or NULL; "" if that is for execve() to say. A script is its interpreter. */
static const char *check_program(const char *path, int depth)
{
    union {
        Elf64_Ehdr elf;
        char text[256];
    } head = {0};
    Elf64_Phdr segment;
    struct stat info;
    const char *problem = "";
    char *interpreter, *rest;
    ssize_t size;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || fstat(fd, &info) || (size = read(fd, &head, sizeof(head) - 1)) < 4)
        goto out;
    if (head.text[0] == '#' && head.text[1] == '!' && depth < 4) {
        interpreter = head.text + 2 + strspn(head.text + 2, " \t");
        rest = interpreter + strcspn(interpreter, " \t\n");
        *rest = '\0';
        problem = check_program(interpreter, depth + 1);
    } else if (size >= (ssize_t)sizeof(head.elf) && !memcmp(head.elf.e_ident, ELFMAG, SELFMAG) &&
               head.elf.e_ident[EI_CLASS] == ELFCLASS64) {
        problem = "is a static program";
        if (is_secure(fd, &info)) {
            problem = "has rights of its own (set-user-id, set-group-id or file capabilities)";
            goto out;
        }
        for (int i = 0; i < head.elf.e_phnum; i++)
            if (pread(fd, &segment, sizeof(segment),
                      (off_t)(head.elf.e_phoff + (size_t)i * head.elf.e_phentsize)) == sizeof(segment) &&
                segment.p_type == PT_INTERP)
                problem = NULL;
    }
out:
    if (fd >= 0)
        close(fd);
    return problem;
}

/* Beside this program, as built, or where it is installed. */
static bool find_library(char path[PATH_MAX])
{
    static const char *const places[] = {"../lib/outrider/", "../lib/" ARCH_MULTIARCH "/outrider/", ""};
    char self[PATH_MAX], *slash;
    ssize_t size = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (size < 0)
        return false;
    self[size] = '\0';
    slash = strrchr(self, '/');
    for (size_t i = 0; slash && i < sizeof(places) / sizeof(places[0]); i++) {
        if (snprintf(path, PATH_MAX, "%.*s/%s" PREFAULT_LIBRARY, (int)(slash - self), self, places[i]) >=
            PATH_MAX)
            continue;
        if (!access(path, R_OK))
            return true;
    }
    return false;
}

/* Before anything starts: false, after a message, if that program's memory cannot be locked. */
bool preload_prepare(const char *program, bool prefault)
{
    char path[PATH_MAX], library[PATH_MAX], *list;
    const char *option = prefault ? "--prefault" : "--mlock", *before = getenv("LD_PRELOAD"), *problem;
    int err;

    if (!find_library(library)) {
        complain("%s: " PREFAULT_LIBRARY " is not installed where hvctl looks for it", option);
        return false;
    }
    problem = find_program(program, path) ? check_program(path, 0) : "";
    if (problem && *problem) {
        complain("%s: %s %s, into which no library can be loaded; it would have to call mlockall() itself",
                 option, program, problem);
        return false;
    }
    if (asprintf(&list, "%s%s%s", library, before && *before ? ":" : "", before ?: "") < 0) {
        complain("out of memory");
        return false;
    }
    err = setenv("LD_PRELOAD", list, true);
    free(list);
    if (err) {
        complain("%s: %s", option, strerror(errno));
        return false;
    }
    mode = prefault ? "prefault" : "mlock";
    return true;
}

void preload_begin(void)
{
    char text[64];

    if (!mode)
        return;
    snprintf(text, sizeof(text), "%d:%s", getpid(), mode);
    setenv(PREFAULT_VARIABLE, text, true);
}
