/* Scheduling, priorities, limits and what else a process says of itself. */
#include "oracle.h"
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>

struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t util_min, util_max;
};

/* Runs `work` in a child: what it changes is the child's alone. */
static void in_child(void (*work)(void)) {
    pid_t pid = MUST(fork());
    if (!pid) {
        work();
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (status) SAY("ended with %x", status);
}

static void policies(void) {
    struct sched_param zero = {0}, one = { 1 }, got = { 7 };
    TRY(sched_getscheduler(0));
    TRY(sched_getscheduler(getpid()));
    TRY(sched_getscheduler(-1));
    TRY(sched_getscheduler(1 << 22));
    TRY(sched_getparam(0, &got));
    SAY("priority %d", got.sched_priority);
    TRY(syscall(SYS_sched_getparam, 0, 0));
    TRY(syscall(SYS_sched_getparam, 0, 8));
    TRY(sched_getparam(-1, &got));
    TRY(sched_getparam(1 << 22, &got));
    TRY(sched_setparam(0, &zero));
    TRY(sched_setparam(0, &one));
    TRY(sched_setparam(-1, &zero));
    TRY(sched_setparam(1 << 22, &zero));
    TRY(syscall(SYS_sched_setparam, 0, 0));
    TRY(sched_setscheduler(0, SCHED_OTHER, &zero));
    TRY(sched_setscheduler(0, SCHED_OTHER, &one));
    TRY(sched_setscheduler(0, SCHED_FIFO, &zero));
    TRY(sched_setscheduler(0, SCHED_FIFO, &one));
    TRY(sched_setscheduler(0, SCHED_RR, &one));
    TRY(sched_setscheduler(0, 4, &zero));
    TRY(sched_setscheduler(0, 77, &zero));
    TRY(sched_setscheduler(0, -1, &zero));
    TRY(sched_setscheduler(-1, SCHED_OTHER, &zero));
    TRY(sched_setscheduler(1 << 22, SCHED_OTHER, &zero));
    TRY(syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, 8));
    TRY(sched_setscheduler(0, SCHED_BATCH, &zero));
    TRY(sched_getscheduler(0));
    pid_t pid = fork();
    if (!pid) _exit(sched_getscheduler(0));
    int status;
    waitpid(pid, &status, 0);
    SAY("inherited %d", WEXITSTATUS(status));
    TRY(sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &zero));
    TRY(sched_getscheduler(0) == (SCHED_BATCH | SCHED_RESET_ON_FORK));
    TRY(sched_setscheduler(0, SCHED_BATCH, &zero));
    TRY(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &zero));
    TRY(sched_getscheduler(0) & ~SCHED_RESET_ON_FORK);
    for (int policy = -1; policy < 9; policy++) {
        if (policy == 7) continue;
        long most = syscall(SYS_sched_get_priority_max, policy);
        SAY("policy %d: %s to %s", policy, result(syscall(SYS_sched_get_priority_min, policy)), most < 0 ? "none" : result(most));
    }
    struct timespec slice = {0};
    TRY(sched_rr_get_interval(0, &slice));
    TRY(sched_rr_get_interval(-1, &slice));
    TRY(sched_rr_get_interval(1 << 22, &slice));
    TRY(syscall(SYS_sched_rr_get_interval, 0, 8));
}

static void attributes(void) {
    struct attributes attr = {0};
    TRY(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
    SAY("size %d policy %d flags %d nice %d priority %d", attr.size, attr.policy, (int)attr.flags, attr.nice, attr.priority);
    TRY(syscall(SYS_sched_getattr, 0, &attr, 48, 0));
    SAY("size %d", attr.size);
    TRY(syscall(SYS_sched_getattr, 0, &attr, 47, 0));
    TRY(syscall(SYS_sched_getattr, 0, &attr, 5000, 0));
    TRY(syscall(SYS_sched_getattr, 0, &attr, 48, 1));
    TRY(syscall(SYS_sched_getattr, 0, 0, 48, 0));
    TRY(syscall(SYS_sched_getattr, -1, &attr, 48, 0));
    TRY(syscall(SYS_sched_getattr, 1 << 22, &attr, 48, 0));
    attr = (struct attributes){ .size = 48, .policy = SCHED_BATCH, .nice = 5 };
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    memset(&attr, 0, sizeof attr);
    TRY(syscall(SYS_sched_getattr, 0, &attr, sizeof attr, 0));
    SAY("policy %d nice %d, by getpriority %d", attr.policy, attr.nice, getpriority(PRIO_PROCESS, 0));
    TRY(syscall(SYS_sched_setattr, 0, &attr, 1));
    TRY(syscall(SYS_sched_setattr, 0, 0, 0));
    TRY(syscall(SYS_sched_setattr, 0, 8, 0));
    TRY(syscall(SYS_sched_setattr, -1, &attr, 0));
    TRY(syscall(SYS_sched_setattr, 1 << 22, &attr, 0));
    attr.size = 20;
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    SAY("size %d", attr.size);
    attr = (struct attributes){ .size = 48, .policy = SCHED_FIFO, .priority = 5 };
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    attr = (struct attributes){ .size = 48, .policy = 99 };
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    attr = (struct attributes){ .size = 48, .flags = 1 << 20 };
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    attr = (struct attributes){ .size = 48, .nice = 2 };
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    attr = (struct attributes){ .size = 48, .nice = 9 };
    TRY(syscall(SYS_sched_setattr, 0, &attr, 0));
    TRY(getpriority(PRIO_PROCESS, 0));
}

static void affinity(void) {
    unsigned char mask[1024] = {0}, saved[1024] = {0};
    long size = syscall(SYS_sched_getaffinity, 0, sizeof saved, saved);
    SAY("size %d", size > 0 && size % 8 == 0);
    int count = 0;
    for (int i = 0; i < 8192; i++) count += saved[i / 8] >> i % 8 & 1;
    SAY("processors %d", count == sysconf(_SC_NPROCESSORS_ONLN));
    TRY(syscall(SYS_sched_getaffinity, 0, 0, mask));
    TRY(syscall(SYS_sched_getaffinity, 0, 7, mask));
    TRY(syscall(SYS_sched_getaffinity, 0, 1023, mask));
    TRY(syscall(SYS_sched_getaffinity, 0, 1024, 8));
    TRY(syscall(SYS_sched_getaffinity, -1, 1024, mask));
    TRY(syscall(SYS_sched_getaffinity, 1 << 22, 1024, mask));
    TRY(syscall(SYS_sched_setaffinity, 0, 0, mask));
    TRY(syscall(SYS_sched_setaffinity, 0, 8, mask));
    TRY(syscall(SYS_sched_setaffinity, 0, 8, 8));
    TRY(syscall(SYS_sched_setaffinity, 1 << 22, size, saved));
    memset(mask, 0, sizeof mask);
    mask[512] = 1;
    TRY(syscall(SYS_sched_setaffinity, 0, 1024, mask));
    memset(mask, 0, sizeof mask);
    mask[0] = 1;
    TRY(syscall(SYS_sched_setaffinity, 0, 1, mask));
    TRY(syscall(SYS_sched_getaffinity, 0, size, mask) == size);
    count = 0;
    for (int i = 0; i < size * 8; i++) count += mask[i / 8] >> i % 8 & 1;
    SAY("processors now %d, the first %d", count, mask[0]);
    cpu_set_t set;
    pthread_getaffinity_np(pthread_self(), sizeof set, &set);
    SAY("by the library %d", CPU_COUNT(&set));
    pid_t pid = fork();
    if (!pid) {
        syscall(SYS_sched_getaffinity, 0, size, mask);
        _exit(mask[0]);
    }
    int status;
    waitpid(pid, &status, 0);
    SAY("inherited %d", WEXITSTATUS(status));
    TRY(syscall(SYS_sched_setaffinity, 0, size, saved));
    unsigned cpu = 99999, node = 99999;
    TRY(syscall(SYS_getcpu, &cpu, &node, 0));
    SAY("here %d %d", cpu < 8192 && saved[cpu / 8] >> cpu % 8 & 1, node);
    TRY(syscall(SYS_getcpu, 0, 0, 0));
    TRY(sched_yield());
}

static void priorities(void) {
    TRY(getpriority(PRIO_PROCESS, 0));
    TRY(getpriority(PRIO_PGRP, 0));
    TRY(getpriority(3, 0));
    TRY(getpriority(-1, 0));
    TRY(getpriority(PRIO_PROCESS, 1 << 22));
    TRY(getpriority(PRIO_PGRP, 1 << 22));
    TRY(getpriority(PRIO_USER, 4000000));
    TRY(setpriority(PRIO_PROCESS, 0, 5));
    TRY(getpriority(PRIO_PROCESS, 0));
    TRY(syscall(SYS_getpriority, PRIO_PROCESS, 0));
    TRY(nice(3));
    TRY(setpriority(PRIO_PROCESS, 0, 1));
    TRY(nice(-1));
    TRY(setpriority(PRIO_PROCESS, 0, 100));
    TRY(getpriority(PRIO_PROCESS, 0));
    TRY(setpriority(PRIO_PROCESS, 1 << 22, 5));
    TRY(setpriority(7, 0, 5));
    pid_t pid = fork();
    if (!pid) _exit(getpriority(PRIO_PROCESS, 0));
    int status;
    waitpid(pid, &status, 0);
    SAY("inherited %d", WEXITSTATUS(status));
    TRY(syscall(SYS_ioprio_get, 1, 0));
    TRY(syscall(SYS_ioprio_get, 0, 0));
    TRY(syscall(SYS_ioprio_get, 1, 1 << 22));
    TRY(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
    TRY(syscall(SYS_ioprio_get, 1, 0));
    TRY(syscall(SYS_ioprio_set, 1, 0, 3 << 13));
    TRY(syscall(SYS_ioprio_get, 1, getpid()));
    TRY(syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 4));
    TRY(syscall(SYS_ioprio_set, 1, 0, 5 << 13));
    TRY(syscall(SYS_ioprio_set, 1, 0, 3));
    TRY(syscall(SYS_ioprio_set, 9, 0, 2 << 13));
    TRY(syscall(SYS_ioprio_set, 1, 1 << 22, 2 << 13));
}

static void limits(void) {
    struct rlimit limit, old;
    TRY(getrlimit(99, &limit));
    TRY(syscall(SYS_getrlimit, RLIMIT_NOFILE, 8));
    TRY(setrlimit(99, &limit));
    TRY(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 10, 5 }));
    TRY(syscall(SYS_setrlimit, RLIMIT_NOFILE, 8));
    TRY(prlimit(1 << 22, RLIMIT_NOFILE, 0, &limit));
    TRY(prlimit(getpid(), RLIMIT_NOFILE, 0, &limit));
    TRY(prlimit(0, RLIMIT_NOFILE, 0, 0));
    TRY(prlimit(0, 99, 0, &limit));
    MUST(getrlimit(RLIMIT_NOFILE, &old));
    TRY(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ old.rlim_cur, old.rlim_max + 1 }));
    TRY(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 5, old.rlim_max }));
    int one = open("/dev/null", O_RDONLY), two = open("/dev/null", O_RDONLY);
    TRY(open("/dev/null", O_RDONLY));
    TRY(dup(0));
    TRY(dup2(0, 5));
    TRY(fcntl(0, F_DUPFD, 5));
    TRY(fcntl(0, F_DUPFD, 4));
    int ends[2];
    TRY(pipe(ends));
    close(one), close(two);
    setrlimit(RLIMIT_NOFILE, &old);
    // Lowering the hard limit is for good.
    TRY(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
    TRY(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 1 }));
    MUST(getrlimit(RLIMIT_AS, &old));
    TRY(setrlimit(RLIMIT_AS, &(struct rlimit){ 200 << 20, old.rlim_max }));
    TRY(mmap(0, 400 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == ENOMEM);
    void *some = mmap(0, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SAY("some %d", some != MAP_FAILED);
    TRY(mremap(some, 16 << 20, 400 << 20, MREMAP_MAYMOVE) == MAP_FAILED && errno == ENOMEM);
    TRY(malloc(400 << 20) == 0);
    setrlimit(RLIMIT_AS, &old);
    MUST(getrlimit(RLIMIT_DATA, &old));
    TRY(setrlimit(RLIMIT_DATA, &(struct rlimit){ 1 << 20, old.rlim_max }));
    TRY(sbrk(64 << 20) == (void *)-1);
    setrlimit(RLIMIT_DATA, &old);
    MUST(getrlimit(RLIMIT_NPROC, &old));
    TRY(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 1, old.rlim_max }));
    TRY(fork());
    pthread_t thread;
    SAY("thread: %s", strerrorname_np(pthread_create(&thread, 0, (void *(*)(void *))pause, 0)));
    setrlimit(RLIMIT_NPROC, &old);
    TRY(setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 65536, 65536 }));
    TRY(mlock(some, 32768));
    TRY(mlock(some, 1 << 20));
    TRY(munlock(some, 32768));
}

static void grows(int depth) {
    volatile char room[65536];
    room[0] = 1;
    if (depth) grows(depth - 1);
    room[1] = 2;
}

static void stack(void) {
    int status;
    for (int megabytes = 2; megabytes < 8; megabytes += 4) {
        pid_t pid = fork();
        if (!pid) {
            setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
            setrlimit(RLIMIT_STACK, &(struct rlimit){ 4 << 20, 8 << 20 });
            grows(megabytes * 16);
            _exit(1);
        }
        waitpid(pid, &status, 0);
        SAY("%d MiB of stack: %s", megabytes, WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "fine");
    }
}

static void itself(void) {
    struct utsname names;
    struct sysinfo info;
    TRY(uname(&names));
    SAY("%s %s", names.sysname, names.machine);
    TRY(syscall(SYS_uname, 8));
    TRY(sysinfo(&info));
    SAY("up %d, memory %d, unit %d, processes %d", info.uptime > 0, info.totalram * info.mem_unit > 1 << 20 && info.freeram <= info.totalram,
        info.mem_unit, info.procs > 0);
    struct timespec boot;
    clock_gettime(CLOCK_BOOTTIME, &boot);
    SAY("uptime as CLOCK_BOOTTIME: %d", labs(info.uptime - boot.tv_sec) <= 2);
    TRY(syscall(SYS_sysinfo, 8));
    TRY(personality(0xffffffff));
    TRY(personality(ADDR_NO_RANDOMIZE));
    TRY(personality(0xffffffff) == ADDR_NO_RANDOMIZE);
    pid_t pid = fork();
    if (!pid) _exit(personality(0xffffffff) == ADDR_NO_RANDOMIZE);
    int status;
    waitpid(pid, &status, 0);
    SAY("inherited %d", WEXITSTATUS(status));
    struct __user_cap_header_struct header = { 0x20080522, 0 };
    struct __user_cap_data_struct data[2] = { { 1, 1, 1 }, { 1, 1, 1 } };
    TRY(syscall(SYS_capget, &header, data));
    SAY("effective %x %x", data[0].effective, data[1].effective);
    TRY(syscall(SYS_capset, &header, data));
    data[0].permitted = data[0].effective = 1;
    TRY(syscall(SYS_capset, &header, data));
    header.pid = 1 << 22;
    TRY(syscall(SYS_capget, &header, data));
    header.pid = -1;
    TRY(syscall(SYS_capget, &header, data));
    header = (struct __user_cap_header_struct){ 7, 0 };
    TRY(syscall(SYS_capget, &header, data));
    SAY("version %x", header.version);
    TRY(syscall(SYS_capget, &header, 0));
    TRY(syscall(SYS_capget, 8, data));
    TRY(getuid() == geteuid() && getgid() == getegid());
    TRY(setuid(getuid()));
    TRY(setuid(0));
    TRY(setgid(0));
    TRY(setreuid(-1, -1));
    TRY(setreuid(0, -1));
    TRY(setresuid(-1, -1, 0));
    TRY(setresgid(getgid(), -1, -1));
    TRY(getgroups(0, 0));
    TRY(getgroups(-1, 0));
    TRY(setgroups(0, 0));
    TRY(setfsuid(-1) == getuid());
    TRY(sethostname("x", 1));
}

int main(void) {
    in_child(policies);
    in_child(attributes);
    in_child(affinity);
    in_child(priorities);
    in_child(limits);
    stack();
    itself();
    return 0;
}
