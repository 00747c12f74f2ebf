/* Nanoseconds a call, the least of several rounds: "name ns" a line. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static int file;

static void call_getppid(int n) { while (n--) getppid(); }
static void call_fstat(int n) { struct stat s; while (n--) fstat(file, &s); }
static void call_stat(int n) { struct stat s; while (n--) stat("/usr/bin/env", &s); }
static void call_read(int n) { char byte; while (n--) pread(file, &byte, 1, 0); }
static void call_open(int n) { while (n--) close(open("/usr/bin/env", O_RDONLY)); }

static int to[2], from[2];
static void call_pipe(int n) {
    char byte = 0;
    while (n--) {
        if (write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1) exit(1);
    }
}

static void call_fork(int n) {
    while (n--) {
        pid_t pid = fork();
        if (!pid) _exit(0);
        waitpid(pid, 0, 0);
    }
}

static void call_exec(int n) {
    while (n--) {
        pid_t pid = fork();
        if (!pid) { execl("/bin/true", "true", (char *)0); _exit(1); }
        waitpid(pid, 0, 0);
    }
}

static void measure(const char *name, void (*work)(int), int n) {
    double least = 1e18;
    work(n / 10 + 1);
    for (int round = 0; round < 7; round++) {
        double start = now();
        work(n);
        double each = (now() - start) / n;
        if (each < least) least = each;
    }
    printf("%s %.1f\n", name, least);
    fflush(stdout);
}

int main(int argc, char **argv) {
    int n = argc > 1 ? atoi(argv[1]) : 20000;
    file = open("/usr/bin/env", O_RDONLY);
    measure("getppid", call_getppid, n);
    measure("fstat", call_fstat, n);
    measure("stat", call_stat, n);
    measure("pread-1", call_read, n);
    measure("open+close", call_open, n / 4 + 1);
    if (pipe(to) || pipe(from)) return 1;
    pid_t echo = fork();
    if (!echo) {
        char byte;
        close(to[1]);
        while (read(to[0], &byte, 1) == 1) write(from[1], &byte, 1);
        _exit(0);
    }
    measure("pipe-ping-pong", call_pipe, n / 4 + 1);
    close(to[1]);
    waitpid(echo, 0, 0);
    measure("fork+wait", call_fork, n / 200 + 1);
    measure("fork+exec+wait", call_exec, n / 400 + 1);
    return 0;
}
