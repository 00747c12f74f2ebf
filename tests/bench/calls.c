/* What system calls cost: "name nanoseconds" a line, each the least of many rounds of about a millisecond, so
 * that some meet no other load.
 * Writes one file, calls.tmp, in the working folder. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 60, LARGE = 64 << 10, PAGE = 4096 };
static const double ROUND = 1e6;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static void check(int holds, const char *what) {
    if (!holds) {
        perror(what);
        exit(1);
    }
}

static int file, system_file, epoll, event, to[2], from[2];
static char buffer[LARGE];

static void call_getppid(int n) { while (n--) getppid(); }
static void call_clock(int n) { struct timespec t; while (n--) clock_gettime(CLOCK_MONOTONIC, &t); }
static void call_fstat(int n) { struct stat s; while (n--) check(!fstat(system_file, &s), "fstat"); }
static void call_stat(int n) { struct stat s; while (n--) check(!stat("/usr/bin/env", &s), "stat"); }
static void call_open(int n) { while (n--) check(!close(open("/usr/bin/env", O_RDONLY)), "open"); }
static void call_read_byte(int n) { while (n--) check(pread(system_file, buffer, 1, 0) == 1, "pread"); }
static void call_read_large(int n) { while (n--) check(pread(system_file, buffer, LARGE, 0) == LARGE, "pread"); }
static void call_write_byte(int n) { while (n--) check(pwrite(file, buffer, 1, 0) == 1, "pwrite"); }
static void call_write_large(int n) { while (n--) check(pwrite(file, buffer, LARGE, 0) == LARGE, "pwrite"); }

/* A byte there and back; who answers is the caller's to start. */
static void call_ping_pong(int n) {
    while (n--) check(write(to[1], buffer, 1) == 1 && read(from[0], buffer, 1) == 1, "ping-pong");
}

static void *answer(void *unused) {
    char byte;
    while (read(to[0], &byte, 1) == 1 && write(from[1], &byte, 1) == 1) {}
    return unused;
}

static _Atomic unsigned turn;
static int words_shared = FUTEX_PRIVATE_FLAG;

static void futex(int operation, unsigned value) {
    syscall(SYS_futex, &turn, operation | words_shared, value, 0, 0, 0);
}

static void call_futex_wake(int n) { while (n--) futex(FUTEX_WAKE, 1); }

/* 0: the caller's turn; 1: the other thread's; 2: the end. */
static void pass(unsigned value) { turn = value; futex(FUTEX_WAKE, 1); }

static void call_futex_ping_pong(int n) {
    while (n--) {
        pass(1);
        while (turn == 1) futex(FUTEX_WAIT, 1);
    }
}

static void *answer_futex(void *unused) {
    while (turn != 2) {
        if (turn == 1) pass(0);
        else futex(FUTEX_WAIT, 0);
    }
    return unused;
}

static void call_fault(int n) {
    while (n--) {
        char *page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(page != MAP_FAILED, "mmap");
        *page = 1;
        munmap(page, PAGE);
    }
}

static void call_epoll(int n) {
    unsigned long long value = 1;
    struct epoll_event ready;
    while (n--) {
        check(write(event, &value, 8) == 8, "eventfd");
        check(epoll_wait(epoll, &ready, 1, -1) == 1 && read(event, &value, 8) == 8, "epoll_wait");
    }
}

static void *nothing(void *unused) { return unused; }

static void call_thread(int n) {
    pthread_t thread;
    while (n--) check(!pthread_create(&thread, 0, nothing, 0) && !pthread_join(thread, 0), "pthread_create");
}

static void call_fork(int n) {
    while (n--) {
        pid_t child = fork();
        if (!child) _exit(0);
        check(waitpid(child, 0, 0) == child, "fork");
    }
}

static void call_exec(int n) {
    int status;
    while (n--) {
        pid_t child = fork();
        if (!child) {
            execl("/bin/true", "true", (char *)0);
            _exit(1);
        }
        check(waitpid(child, &status, 0) == child && !status, "fork and exec");
    }
}

static void measure(const char *name, void (*work)(int)) {
    double least = 1e18, took = 0;
    int n = 1;
    for (; took < ROUND; n *= took < ROUND / 8 ? 8 : 2) {
        double start = now();
        work(n);
        took = now() - start;
        least = took / n;
    }
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        work(n / 2);
        double each = (now() - start) / (n / 2);
        if (each < least) least = each;
    }
    printf("%s %.1f\n", name, least);
    fflush(stdout);
}

static void ping_pong_with_thread(const char *name) {
    pthread_t thread;
    check(!pipe(to) && !pipe(from) && !pthread_create(&thread, 0, answer, 0), "pipe");
    measure(name, call_ping_pong);
    close(to[1]);
    pthread_join(thread, 0);
    close(to[0]), close(from[0]), close(from[1]);
}

static void ping_pong_with_process(const char *name, int sockets) {
    if (sockets) {
        check(!socketpair(AF_UNIX, SOCK_STREAM, 0, to) && !socketpair(AF_UNIX, SOCK_STREAM, 0, from), "socketpair");
    } else {
        check(!pipe(to) && !pipe(from), "pipe");
    }
    pid_t child = fork();
    check(child >= 0, "fork");
    if (!child) {
        close(to[1]), close(from[0]);
        answer(0);
        _exit(0);
    }
    measure(name, call_ping_pong);
    close(to[1]);
    waitpid(child, 0, 0);
    close(to[0]), close(from[0]), close(from[1]);
}

static void ping_pong_by_futex(const char *name) {
    pthread_t thread;
    check(!pthread_create(&thread, 0, answer_futex, 0), "pthread_create");
    measure(name, call_futex_ping_pong);
    pass(2);
    pthread_join(thread, 0);
}

int main(void) {
    file = open("calls.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    check(file >= 0 && pwrite(file, buffer, LARGE, 0) == LARGE, "calls.tmp");
    system_file = open("/bin/bash", O_RDONLY);
    check(system_file >= 0, "/bin/bash");
    struct epoll_event wanted = {.events = EPOLLIN};
    epoll = epoll_create1(0);
    event = eventfd(0, 0);
    check(!epoll_ctl(epoll, EPOLL_CTL_ADD, event, &wanted), "epoll_ctl");

    measure("getppid", call_getppid);
    measure("clock_gettime", call_clock);
    measure("fstat", call_fstat);
    measure("stat", call_stat);
    measure("open+close", call_open);
    measure("pread,1-byte", call_read_byte);
    measure("pread,64-KiB", call_read_large);
    measure("pwrite,1-byte", call_write_byte);
    measure("pwrite,64-KiB", call_write_large);
    measure("mmap+fault+munmap", call_fault);
    measure("epoll-round", call_epoll);
    measure("futex-wake,nobody", call_futex_wake);
    ping_pong_by_futex("futex-ping-pong");
    ping_pong_with_thread("pipe,threads");
    ping_pong_with_process("pipe,processes", 0);
    ping_pong_with_process("unix,processes", 1);
    measure("thread+join", call_thread);
    measure("fork+wait", call_fork);
    measure("fork+exec+wait", call_exec);
    unlink("calls.tmp");
    return 0;
}
