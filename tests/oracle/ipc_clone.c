/* clone3(2) and clone(2): what they give, and what they refuse; fork with threads; vfork. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_signal(int signo) {}

static long clone3(void *args, size_t size) { return syscall(SYS_clone3, args, size); }

static void try(const char *name, struct clone_args args, size_t size) {
    long pid = clone3(&args, size);
    if (pid == 0) _exit(0);
    printf("%s: %s\n", name, pid < 0 ? strerrorname_np(errno) : "made");
    if (pid > 0) waitpid(pid, 0, __WALL);
}

static void good(void) {
    int status, fd = -1, tid = 0;
    struct clone_args args = {.exit_signal = SIGCHLD};
    long pid = clone3(&args, sizeof args);
    if (!pid) _exit(7);
    waitpid(pid, &status, 0);
    printf("status %d\n", WEXITSTATUS(status));

    args = (struct clone_args){
        .flags = CLONE_PIDFD | CLONE_PARENT_SETTID,
        .pidfd = (uintptr_t)&fd,
        .parent_tid = (uintptr_t)&tid,
        .exit_signal = SIGCHLD,
    };
    pid = clone3(&args, sizeof args);
    if (!pid) _exit(3);
    struct pollfd wait = {fd, POLLIN};
    printf("poll %d", poll(&wait, 1, -1));
    printf(" %x, tid %d, cloexec %d\n", wait.revents, tid == pid, fcntl(fd, F_GETFD));
    waitpid(pid, &status, 0);
    printf("status %d\n", WEXITSTATUS(status));
    close(fd);

    fd = -1;
    pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &fd, 0, 0);
    if (!pid) _exit(0);
    printf("pidfd by clone: %d\n", fd >= 0);
    waitpid(pid, 0, 0);
    close(fd);

    signal(SIGUSR1, on_signal);
    signal(SIGUSR2, SIG_IGN);
    args = (struct clone_args){.flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD};
    pid = clone3(&args, sizeof args);
    if (!pid) {
        struct sigaction one, two;
        sigaction(SIGUSR1, 0, &one);
        sigaction(SIGUSR2, 0, &two);
        _exit((one.sa_handler == SIG_DFL) | (two.sa_handler == SIG_IGN) << 1);
    }
    waitpid(pid, &status, 0);
    printf("handlers cleared: %d\n", WEXITSTATUS(status));
}

static void refused(void) {
    static char stack[4096];
    int id = 77;
    uint64_t here = (uintptr_t)stack;
    size_t size = sizeof(struct clone_args);
    try("short", (struct clone_args){0}, 63);
    try("long", (struct clone_args){0}, 5000);
    try("unknown flag", (struct clone_args){.flags = 1ull << 40}, size);
    try("signal among the flags", (struct clone_args){.flags = SIGCHLD}, size);
    try("handlers shared and cleared",
        (struct clone_args){.flags = CLONE_VM | CLONE_SIGHAND | CLONE_CLEAR_SIGHAND}, size);
    try("thread with a signal",
        (struct clone_args){.flags = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, .exit_signal = SIGCHLD}, size);
    try("stack without size", (struct clone_args){.stack = here}, size);
    try("size without stack", (struct clone_args){.stack_size = 100}, size);
    try("signal 65", (struct clone_args){.exit_signal = 65}, size);
    try("signal 300", (struct clone_args){.exit_signal = 300}, size);
    try("handlers without memory", (struct clone_args){.flags = CLONE_SIGHAND, .exit_signal = SIGCHLD}, size);
    try("thread without handlers", (struct clone_args){.flags = CLONE_THREAD | CLONE_VM}, size);
    try("chosen id", (struct clone_args){.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&id, .set_tid_size = 1},
        size);
    try("pidfd nowhere", (struct clone_args){.flags = CLONE_PIDFD, .pidfd = 8, .exit_signal = SIGCHLD}, size);
    struct {
        struct clone_args args;
        char more[16];
    } big = {.args = {.exit_signal = SIGCHLD}};
    long pid = clone3(&big, sizeof big);
    if (!pid) _exit(0);
    printf("longer, zero: %d\n", pid > 0);
    waitpid(pid, 0, 0);
    big.more[3] = 1;
    printf("longer, not zero: %s\n", clone3(&big, sizeof big) < 0 ? strerrorname_np(errno) : "made");
}

static pthread_barrier_t barrier;

static void *busy(void *unused) {
    pthread_barrier_wait(&barrier);
    for (;;) free(malloc(100));
}

static void *quick(void *value) { return (char *)value + 1; }

/* A child of a process with threads has one thread, and can make others. */
static void with_threads(void) {
    pthread_t thread;
    int status;
    pthread_barrier_init(&barrier, 0, 5);
    for (int i = 0; i < 4; i++) pthread_create(&thread, 0, busy, 0);
    pthread_barrier_wait(&barrier);
    int right = 0;
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (!pid) {
            long sum = 0;
            void *result;
            for (long j = 0; j < 6; j++) {
                pthread_create(&thread, 0, quick, (void *)j);
                pthread_join(thread, &result);
                sum += (long)result;
            }
            pid_t grandchild = fork();
            if (!grandchild) _exit(2);
            waitpid(grandchild, &status, 0);
            _exit(sum + WEXITSTATUS(status));
        }
        waitpid(pid, &status, 0);
        right += WIFEXITED(status) && WEXITSTATUS(status) == 23;
    }
    printf("forks beside threads: %d of 20\n", right);
}

static void *until_the_end(void *unused) {
    pthread_barrier_wait(&barrier);
    for (;;) free(malloc(100)), sched_yield();
    return unused;
}

/* Threads that end together, again and again, beside others that do so: nobody is left behind. */
static void ends(void) {
    int status, right = 0;
    pid_t other = fork();
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (!pid) {
            pthread_t thread;
            pthread_barrier_init(&barrier, 0, 4);
            for (int j = 0; j < 3; j++) pthread_create(&thread, 0, until_the_end, 0);
            pthread_barrier_wait(&barrier);
            if (i % 2) kill(getpid(), SIGKILL);
            _exit(9);
        }
        waitpid(pid, &status, 0);
        right += i % 2 ? WIFSIGNALED(status) : WEXITSTATUS(status) == 9;
    }
    if (!other) _exit(right);
    waitpid(other, &status, 0);
    printf("ends of threads: %d and %d\n", right, WEXITSTATUS(status));
}

/* Bases of FS and GS that no program can have, and places for ids that are none. */
static void bad_places(void) {
    static const unsigned long BASES[] = {1ul << 63, 0x800000000000, 0x7ffffffff000, ~0ul};
    for (int i = 0; i < 4; i++) {
        printf("FS %d: %s\n", i, syscall(SYS_arch_prctl, 0x1002, BASES[i]) ? strerrorname_np(errno) : "set");
        printf("GS %d: %s\n", i, syscall(SYS_arch_prctl, 0x1001, BASES[i]) ? strerrorname_np(errno) : "set");
        try("TLS", (struct clone_args){.flags = CLONE_SETTLS, .tls = BASES[i], .exit_signal = SIGCHLD}, 88);
    }
    printf("GS in the last page: %ld\n", syscall(SYS_arch_prctl, 0x1001, 0x7fffffffefff));
    syscall(SYS_arch_prctl, 0x1001, 0);
    for (unsigned long at = 0x10000; at < 0x50000; at += 0x7ff8) {
        printf("clock to %lx: %s\n", at, syscall(SYS_clock_getres, 0, at) ? strerrorname_np(errno) : "written");
    }
    try("id to nowhere", (struct clone_args){.flags = CLONE_PARENT_SETTID, .parent_tid = 8, .exit_signal = SIGCHLD}, 88);
    try("own id to nowhere", (struct clone_args){.flags = CLONE_CHILD_SETTID, .child_tid = 8, .exit_signal = SIGCHLD}, 88);
}

static void spawning(void) {
    char *words[] = {"sh", "-c", "exit 5", 0};
    int status, failed;
    pid_t pid = vfork();
    if (!pid) {
        execv("/bin/sh", words);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    printf("vfork and exec: %d\n", WEXITSTATUS(status));
    pid = vfork();
    if (!pid) {
        execv("/nowhere", words);
        _exit(errno);
    }
    waitpid(pid, &status, 0);
    printf("vfork and no exec: %s\n", strerrorname_np(WEXITSTATUS(status)));
    failed = posix_spawn(&pid, "/bin/sh", 0, 0, words, environ);
    waitpid(pid, &status, 0);
    printf("spawn: %d %d\n", failed, WEXITSTATUS(status));
    printf("spawn of nothing: %s\n", strerrorname_np(posix_spawn(&pid, "/nowhere", 0, 0, words, environ)));
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    good();
    refused();
    spawning();
    with_threads();
    bad_places();
    ends();
    return 0;
}
