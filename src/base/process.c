#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

enum { KIB = 1024, STAT_BYTES_MAX = 4096, EXIT_CANNOT_START = 127 /* as a shell has it */ };

/* Between fork and exec, so only async-signal-safe calls. */
__attribute__((noreturn)) static void run_child(const char *const *argv, const char *const *env,
                                                const struct pn_process_files *files, int null_fd,
                                                pid_t parent)
{
    (void)setpgid(0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(EXIT_CANNOT_START);
    }
    struct sigaction usual = {.sa_handler = SIG_DFL};
    (void)sigaction(SIGPIPE, &usual, NULL);
    (void)sigaction(SIGXFSZ, &usual, NULL);
    (void)sigaction(SIGTERM, &usual, NULL);
    (void)sigaction(SIGINT, &usual, NULL);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    const int fds[] = {files->input, files->output, files->error};
    for (int i = 0; i < 3; i++) {
        if (dup2(fds[i] >= 0 ? fds[i] : null_fd, i) < 0) {
            _exit(EXIT_CANNOT_START);
        }
    }
    (void)execve(argv[0], (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)env);
    _exit(EXIT_CANNOT_START);
}

static bool is_replaced(const char *entry, const char *const *env)
{
    size_t len = strcspn(entry, "=") + 1;
    for (; env != NULL && *env != NULL; env++) {
        if (strncmp(*env, entry, len) == 0) {
            return true;
        }
    }
    return false;
}

/* This process's environment with `env` over it. The caller frees the array. */
static const char **merge_environment(const char *const *env)
{
    size_t count = 0;
    while (environ[count] != NULL) {
        count++;
    }
    size_t own = 0;
    while (env != NULL && env[own] != NULL) {
        own++;
    }
    const char **merged = pn_xcalloc(count + own + 1, sizeof *merged);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_replaced(environ[i], env)) {
            merged[used++] = environ[i];
        }
    }
    if (own > 0) {
        memcpy(merged + used, env, own * sizeof *env);
    }
    return merged;
}

int pn_process_start(const char *const *argv, const char *const *env,
                     const struct pn_process_files *files, const struct pn_io *io,
                     struct pn_process *process, struct pn_err *e)
{
    int null_fd = -1;
    const char **merged = merge_environment(env);
    int rc = pn_io_open(io, "/dev/null", O_RDWR, &null_fd, e);
    if (rc != 0) {
        goto out;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        rc = pn_err_errno(e, errno, "cannot start a process");
        goto out;
    }
    if (pid == 0) {
        run_child(argv, merged, files, null_fd, parent);
    }
    /* Both sides set the group, so that it exists whichever side runs first. */
    (void)setpgid(pid, pid);
    *process = (struct pn_process){
        .pid = pid,
        .pidfd = pidfd_open(pid, 0),
        .start = pn_process_start_time(pid),
    };
out:
    pn_io_close(io, &null_fd);
    free(merged);
    return rc;
}

bool pn_process_ended(struct pn_process *process, int32_t *exit_code)
{
    int status = 0;
    struct rusage usage = {0};
    pid_t got = wait4(process->pid, &status, WNOHANG, &usage);
    if (got == 0 || (got < 0 && errno == EINTR)) {
        return false;
    }
    process->memory_bytes = (int64_t)usage.ru_maxrss * KIB;
    if (got < 0) {
        *exit_code = -SIGKILL; /* somebody else reaped it: its outcome is lost */
    } else if (WIFSIGNALED(status)) {
        *exit_code = -WTERMSIG(status);
    } else {
        *exit_code = WEXITSTATUS(status);
    }
    if (process->pidfd >= 0) {
        (void)close(process->pidfd);
        process->pidfd = -1;
    }
    return true;
}

void pn_process_signal(const struct pn_process *process, int signal_number)
{
    PN_ASSERT(process->pid > 1);
    (void)kill(-process->pid, signal_number);
}

int64_t pn_process_start_time(pid_t pid)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    struct pn_buf stat_text;
    pn_buf_init(&stat_text, STAT_BYTES_MAX);
    int64_t start = 0;
    if (pn_io_read_file(pn_io_system(), path, &stat_text, NULL) == 0) {
        /* The name, field 2, may hold anything: fields are counted from its closing bracket. */
        char *at = strrchr(stat_text.data, ')');
        enum { FIELDS_FROM_NAME_TO_START = 20 };
        for (int i = 0; at != NULL && i < FIELDS_FROM_NAME_TO_START; i++) {
            at = strchr(at + 1, ' ');
        }
        start = at != NULL ? strtoll(at + 1, NULL, 10) : 0;
    }
    pn_buf_deinit(&stat_text);
    return start;
}
