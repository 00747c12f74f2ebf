/* Random system calls with hostile arguments, from several processes of several threads each:
 *   fuzz SEED CALLS PROCESSES THREADS
 * A supervisor starts rounds of workers until the calls are spent. A worker may die of what it does; a call may
 * wait for ever, so a round without progress is killed. At the end the supervisor checks that what it was given
 * by its kernel (files, pipes, memory, processes) still works, and prints "sound". Whatever else ends it is a finding. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ARENA_PAGES = 64, PAGE = 4096, NUMBERS = 470, TRAIL = 8, SLOTS = 64 };

/* What one thread did last: the story behind a finding. */
struct trail {
    atomic_ulong calls;
    long number[TRAIL], args[TRAIL][6];
};

struct shared {
    atomic_long left;
    struct trail slots[SLOTS];
};

static struct shared *shared;
static uint8_t *arena;
static long seed, processes, threads;
static int verbose;

struct dice {
    uint64_t state;
    struct trail *trail;
};

static uint64_t roll(struct dice *dice) { /* splitmix64 */
    uint64_t z = dice->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t below(struct dice *dice, uint64_t limit) { return roll(dice) % limit; }

#define PICK(dice, list) ((list)[below(dice, sizeof(list) / sizeof *(list))])

/* How the arguments of a call look, a letter each: f descriptor, p pointer, P pointer to filled memory, s path, n size, i small
 * number, b bits, g signal, t task, m memory, o offset, c command, d folder descriptor, w wild. A call not named gets a mix. */
static const struct {
    int number;
    const char *shape;
} SHAPES[] = {
    {SYS_read, "fpn"}, {SYS_write, "fPn"}, {SYS_open, "sbi"}, {SYS_close, "f"}, {SYS_stat, "sp"}, {SYS_fstat, "fp"},
    {SYS_lstat, "sp"}, {SYS_poll, "Pii"}, {SYS_lseek, "foi"}, {SYS_mmap, "mnbbfo"}, {SYS_mprotect, "mnb"},
    {SYS_munmap, "mn"}, {SYS_brk, "m"}, {SYS_rt_sigaction, "gPpn"}, {SYS_rt_sigprocmask, "iPpi"}, {SYS_ioctl, "fcP"},
    {SYS_pread64, "fpno"}, {SYS_pwrite64, "fPno"}, {SYS_readv, "fPi"}, {SYS_writev, "fPi"}, {SYS_access, "si"},
    {SYS_pipe, "p"}, {SYS_select, "iPPPP"}, {SYS_mremap, "mnnbm"}, {SYS_msync, "mni"}, {SYS_mincore, "mnp"},
    {SYS_madvise, "mni"}, {SYS_shmget, "ini"}, {SYS_shmat, "imi"}, {SYS_shmctl, "iiP"}, {SYS_dup, "f"}, {SYS_dup2, "ff"},
    {SYS_nanosleep, "Pp"}, {SYS_getitimer, "ip"}, {SYS_alarm, "i"}, {SYS_setitimer, "iPp"}, {SYS_sendfile, "ffPn"},
    {SYS_socket, "iii"}, {SYS_connect, "fPn"}, {SYS_accept, "fpP"}, {SYS_sendto, "fPnbPn"}, {SYS_recvfrom, "fpnbpP"},
    {SYS_sendmsg, "fPb"}, {SYS_recvmsg, "fPb"}, {SYS_shutdown, "fi"}, {SYS_bind, "fPn"}, {SYS_listen, "fi"},
    {SYS_getsockname, "fpP"}, {SYS_getpeername, "fpP"}, {SYS_socketpair, "iiip"}, {SYS_setsockopt, "fiiPn"},
    {SYS_getsockopt, "fiipP"}, {SYS_execve, "sPP"}, {SYS_wait4, "tpbp"}, {SYS_kill, "tg"}, {SYS_semget, "iib"},
    {SYS_semop, "iPi"}, {SYS_semctl, "iicP"}, {SYS_shmdt, "m"}, {SYS_msgget, "ib"}, {SYS_msgsnd, "iPnb"},
    {SYS_msgrcv, "ipnib"}, {SYS_msgctl, "iiP"}, {SYS_fcntl, "fcw"}, {SYS_flock, "fi"}, {SYS_fsync, "f"},
    {SYS_truncate, "so"}, {SYS_ftruncate, "fo"}, {SYS_getdents, "fpn"}, {SYS_getcwd, "pn"}, {SYS_chdir, "s"},
    {SYS_fchdir, "f"}, {SYS_rename, "ss"}, {SYS_mkdir, "si"}, {SYS_rmdir, "s"}, {SYS_creat, "si"}, {SYS_link, "ss"},
    {SYS_unlink, "s"}, {SYS_symlink, "ss"}, {SYS_readlink, "spn"}, {SYS_chmod, "si"}, {SYS_fchmod, "fi"},
    {SYS_chown, "sii"}, {SYS_getrlimit, "ip"}, {SYS_ptrace, "itpp"}, {SYS_getgroups, "ip"}, {SYS_setgroups, "iP"},
    {SYS_setpgid, "tt"}, {SYS_getpgid, "t"}, {SYS_getsid, "t"}, {SYS_rt_sigpending, "pi"}, {SYS_rt_sigtimedwait, "PpPi"},
    {SYS_rt_sigqueueinfo, "tgP"}, {SYS_rt_sigsuspend, "Pi"}, {SYS_sigaltstack, "Pp"}, {SYS_utime, "sP"},
    {SYS_mknod, "sii"}, {SYS_statfs, "sp"}, {SYS_fstatfs, "fp"}, {SYS_sched_setparam, "tP"}, {SYS_mlock, "mn"},
    {SYS_prctl, "cwwww"}, {SYS_arch_prctl, "cp"}, {SYS_setxattr, "ssPni"}, {SYS_fsetxattr, "fsPni"}, {SYS_getxattr, "sspn"},
    {SYS_listxattr, "spn"}, {SYS_removexattr, "ss"}, {SYS_tkill, "tg"}, {SYS_futex, "PiiPPi"}, {SYS_sched_setaffinity, "tnP"},
    {SYS_sched_getaffinity, "tnp"}, {SYS_epoll_create, "i"}, {SYS_getdents64, "fpn"}, {SYS_set_tid_address, "p"},
    {SYS_semtimedop, "iPiP"}, {SYS_fadvise64, "fooi"}, {SYS_timer_create, "iPp"}, {SYS_timer_settime, "iiPp"},
    {SYS_timer_gettime, "ip"}, {SYS_timer_getoverrun, "i"}, {SYS_timer_delete, "i"}, {SYS_clock_gettime, "ip"},
    {SYS_clock_nanosleep, "iiPp"}, {SYS_epoll_wait, "fpii"}, {SYS_epoll_ctl, "fifP"}, {SYS_tgkill, "ttg"}, {SYS_utimes, "sP"},
    {SYS_waitid, "itpbp"}, {SYS_inotify_add_watch, "fsb"}, {SYS_inotify_rm_watch, "fi"}, {SYS_openat, "dsbi"},
    {SYS_mkdirat, "dsi"}, {SYS_mknodat, "dsii"}, {SYS_fchownat, "dsiib"}, {SYS_futimesat, "dsP"}, {SYS_newfstatat, "dspb"},
    {SYS_unlinkat, "dsb"}, {SYS_renameat, "dsds"}, {SYS_linkat, "dsdsb"}, {SYS_symlinkat, "sds"}, {SYS_readlinkat, "dspn"},
    {SYS_fchmodat, "dsi"}, {SYS_faccessat, "dsi"}, {SYS_pselect6, "iPPPPP"}, {SYS_ppoll, "PiPPi"}, {SYS_unshare, "b"},
    {SYS_set_robust_list, "Pn"}, {SYS_get_robust_list, "tpp"}, {SYS_splice, "fPfPnb"}, {SYS_tee, "ffnb"},
    {SYS_sync_file_range, "foob"}, {SYS_vmsplice, "fPib"}, {SYS_utimensat, "dsPb"}, {SYS_epoll_pwait, "fpiiPi"},
    {SYS_signalfd, "fPn"}, {SYS_timerfd_create, "ib"}, {SYS_eventfd, "i"}, {SYS_fallocate, "fion"}, {SYS_timerfd_settime, "fiPp"},
    {SYS_timerfd_gettime, "fp"}, {SYS_accept4, "fpPb"}, {SYS_signalfd4, "fPnb"}, {SYS_eventfd2, "ib"}, {SYS_epoll_create1, "b"},
    {SYS_dup3, "ffb"}, {SYS_pipe2, "pb"}, {SYS_inotify_init1, "b"}, {SYS_preadv, "fPio"}, {SYS_pwritev, "fPio"},
    {SYS_rt_tgsigqueueinfo, "ttgP"}, {SYS_recvmmsg, "fPibP"}, {SYS_prlimit64, "tiPp"}, {SYS_sendmmsg, "fPib"},
    {SYS_process_vm_readv, "tPiPii"}, {SYS_process_vm_writev, "tPiPii"}, {SYS_kcmp, "ttiff"}, {SYS_sched_setattr, "tPb"},
    {SYS_sched_getattr, "tpnb"}, {SYS_renameat2, "dsdsb"}, {SYS_getrandom, "pnb"}, {SYS_memfd_create, "sb"},
    {SYS_execveat, "dsPPb"}, {SYS_membarrier, "cbi"}, {SYS_mlock2, "mnb"}, {SYS_copy_file_range, "fPfPnb"},
    {SYS_preadv2, "fPiiob"}, {SYS_pwritev2, "fPiiob"}, {SYS_statx, "dsbbp"}, {SYS_rseq, "Pnii"},
    {SYS_pidfd_send_signal, "fgPi"}, {SYS_pidfd_open, "tb"}, {SYS_close_range, "ffb"}, {SYS_openat2, "dsPn"},
    {SYS_pidfd_getfd, "ffi"}, {SYS_faccessat2, "dsib"}, {SYS_process_madvise, "fPiib"}, {SYS_epoll_pwait2, "fpiPPi"},
};
static const char *shape_of[NUMBERS];

/* Edges of the address space, of pages, and of what a libOS may keep in its process. */
static const uint64_t EDGES[] = {
    0, 1, 8, 0xfff, 0x1000, 0x20000, 0x2fff8, 0x40000, 0x5ffefffff000, 0x5ffffffffff8, 0x600000000000, 0x600000100000,
    0x60000ff00000, 0x600040000000, 0x600040001000, 0x600041234560, 0x60007ffffff8, 0x610000000000, 0x620000000000, 0x62000001f000,
    0x62ffffffffff, 0x630000000000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, 0xffffffffff600000,
    0xffffffffffffff00, 0xfffffffffffffff8, UINT64_MAX,
};
static const uint64_t SIZES[] = {
    0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 32, 56, 63, 64, 100, 128, 255, 256, 1000, 4095, 4096, 4097, 8192, 65535, 65536, 1 << 20,
    0x7ffff000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, UINT64_MAX,
};
static const char *const PATHS[] = {
    "", ".", "..", "/", "a", "b", "a/b", "./a/../b", "c", "dir", "dir/x", "dir/x/..", "link", "link/link", "fifo", "socket", "/tmp",
    "/tmp/x", "/tmp/d", "/tmp/d/e", "/home/user/x", "/proc", "/proc/self/maps", "/proc/self/fd", "/proc/self/fd/3", "/proc/self/fd/9",
    "/proc/self/mem", "/proc/self/exe", "/proc/self/task", "/proc/self/stat", "/proc/self/root/tmp", "/proc/self/cwd/a", "/proc/1/status",
    "/proc/999999", "/proc/meminfo", "/proc/self/comm", "/proc/self/environ", "/proc/sys/kernel/pid_max", "/proc/self/oom_score_adj", "/dev",
    "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/tty", "/dev/ptmx", "/dev/pts/0", "/dev/shm/x", "/dev/fd/4", "/sys",
    "/sys/devices/system/cpu/online", "/etc/passwd", "/usr/bin/true", "/usr", "user.x", "security.x", "/tmp/link", "//..//tmp/./x",
};
static const uint64_t COMMANDS[] = {
    0x5401, 0x5402, 0x5403, 0x5404, 0x5409, 0x540b, 0x540e, 0x540f, 0x5410, 0x5412, 0x5413, 0x5414, 0x541b, 0x5421, 0x5422, 0x5423, 0x5424,
    0x5429, 0x5450, 0x5451, 0x5452, 0x80045430, 0x40045431, 0x80045439, 0x8901, 0x8904, 0x8912, 0x8913, 0x8921, 0x8927, 0x8933, 0x9409,
    0x4004667f, 0xc0185879, 1024, 1025, 1026, 1030, 1031, 1032, 1033, 1034, 1035, 1036, 1037, 0x1001, 0x1002, 0x1003, 0x1004, 0x1011, 0x59616d61,
};

static uint64_t pointer(struct dice *dice) {
    switch (below(dice, 24)) {
    case 0: return PICK(dice, EDGES);
    case 1: return (uint64_t)arena + ARENA_PAGES * PAGE - below(dice, 40); /* runs out of the mapping */
    case 2: return (uint64_t)arena + (1 + below(dice, ARENA_PAGES - 1)) * PAGE - below(dice, 16);
    case 3: return roll(dice);
    case 4: return 0;
    default: return (uint64_t)arena + (below(dice, ARENA_PAGES * PAGE - 512) & ~7ul);
    }
}

static uint64_t small(struct dice *dice) {
    switch (below(dice, 12)) {
    case 0: return PICK(dice, SIZES);
    case 1: return -(int64_t)below(dice, 130);
    case 2: return below(dice, 4096);
    case 3: return 1ul << below(dice, 64);
    default: return below(dice, 20);
    }
}

static uint64_t bits(struct dice *dice) {
    uint64_t set = 0;
    switch (below(dice, 8)) {
    case 0: return roll(dice);
    case 1: return 0;
    case 2: return 0102 | below(dice, 2) << 10; /* O_RDWR, O_CREAT */
    default:
        for (uint64_t n = below(dice, 5); n > 0; n--) set |= 1ul << below(dice, 24);
        return set;
    }
}

static uint64_t descriptor(struct dice *dice) {
    if (below(dice, 30) == 0) return small(dice);
    return below(dice, 6) == 0 ? below(dice, 110) : 3 + below(dice, 24);
}

/* Never the supervisor, nor everybody: those may rightly end the run. */
static uint64_t task(struct dice *dice) {
    static const int64_t NOBODY[] = {INT32_MAX, INT32_MIN, INT32_MIN + 1, -40000, 40000, 1 << 22, 0x100000000000};
    switch (below(dice, 6)) {
    case 0: return PICK(dice, NOBODY);
    case 1: return 0;
    case 2: return syscall(SYS_gettid);
    case 3: return -(int64_t)getpid();
    default: return getpid() + below(dice, 3) * (getpid() > 100);
    }
}

static uint64_t memory(struct dice *dice) {
    switch (below(dice, 40)) {
    case 0: return roll(dice) & 0x7ffffffff000;
    case 1: case 2: case 3: return PICK(dice, EDGES);
    case 4: case 5: case 6: case 7: return 0;
    default: return (uint64_t)arena + (1 + below(dice, 3 * ARENA_PAGES)) * PAGE; /* past its end too: other mappings of the run's */
    }
}

static uint64_t path(struct dice *dice) {
    if (below(dice, 20) == 0) return pointer(dice);
    char *name = (char *)arena + below(dice, ARENA_PAGES / 2) * PAGE;
    if (below(dice, 40) == 0) {
        memset(name, below(dice, 2) ? 'x' : '/', PAGE + 300);
        name[below(dice, PAGE + 300)] = 0;
    } else {
        strcpy(name, PICK(dice, PATHS));
    }
    return (uint64_t)name;
}

static uint64_t argument(struct dice *dice, char shape);

/* Structures: words that look like sizes, pointers, descriptors, times and bits. */
static uint64_t filled(struct dice *dice) {
    uint64_t at = pointer(dice);
    if (at < (uint64_t)arena || at > (uint64_t)arena + ARENA_PAGES * PAGE - 512) return at;
    uint64_t *words = (uint64_t *)(at & ~7ul);
    int count = 1 + below(dice, 16);
    for (int n = 0; n < count; n++) {
        uint64_t word = argument(dice, "pniibf1g"[below(dice, 8)]);
        words[n] = below(dice, 3) ? word : (word & 0xffffffff) | small(dice) << 32;
    }
    static const uint16_t FAMILIES[] = {1, 2, 10, 16, 17, 0};
    if (below(dice, 6) == 0) *(uint16_t *)words = PICK(dice, FAMILIES);
    return at;
}

static uint64_t argument(struct dice *dice, char shape) {
    switch (shape) {
    case 'f': return descriptor(dice);
    case 'd': return below(dice, 3) ? (uint64_t)AT_FDCWD : descriptor(dice);
    case 'p': return pointer(dice);
    case 'P': return filled(dice);
    case 's': return path(dice);
    case 'n': return below(dice, 3) ? PICK(dice, SIZES) : below(dice, 3 * PAGE);
    case 'i': return small(dice);
    case '1': return below(dice, 2);
    case 'b': return bits(dice);
    case 'g': return below(dice, 12) ? 32 + below(dice, 36) : small(dice);
    case 't': return task(dice);
    case 'm': return memory(dice);
    case 'o': return below(dice, 4) ? below(dice, 5 * PAGE) : PICK(dice, SIZES);
    case 'c': return below(dice, 2) ? PICK(dice, COMMANDS) : small(dice);
    default: return argument(dice, "fpPsnibgtmoc"[below(dice, 12)]);
    }
}

/* Calls that would rightly end the run, or fill the machine it runs on. */
static void spare_the_machine(long number, uint64_t *args) {
    switch (number) {
    case SYS_mmap:
        args[3] &= ~(uint64_t)(MAP_POPULATE | MAP_LOCKED | MAP_HUGETLB);
        if (args[0] < (uint64_t)arena || args[0] > (uint64_t)arena + 4 * ARENA_PAGES * PAGE) break;
        if (args[1] > 1 << 20) args[1] &= 0xfffff;
        break;
    case SYS_munmap: case SYS_mprotect: case SYS_madvise: case SYS_mlock: case SYS_mlock2:
        if (args[0] >= (uint64_t)arena && args[0] < EDGES[10] && args[1] < 1ul << 40) args[1] &= 0x3ffff;
        break;
    /* The owner of a file's signals, SIGSTOP among them, is named by a number: rightly the supervisor's too. */
    case SYS_fcntl:
        if ((uint32_t)args[1] == F_SETOWN) args[2] = (uint64_t)getpid();
        if ((uint32_t)args[1] == F_SETOWN_EX) args[1] = F_GETOWN_EX;
        break;
    case SYS_ioctl:
        if ((uint32_t)args[1] == FIOSETOWN || (uint32_t)args[1] == SIOCSPGRP) args[1] = FIOGETOWN;
        break;
    case SYS_fallocate: args[2] &= 0xfffff, args[3] &= 0xfffff; break;
    case SYS_truncate: case SYS_ftruncate: args[1] &= 0x80000000000fffff; break;
    }
}

static void count(struct dice *dice, long number, const uint64_t *args) {
    unsigned long at = atomic_fetch_add_explicit(&dice->trail->calls, 1, memory_order_relaxed) % TRAIL;
    dice->trail->number[at] = number;
    memcpy(dice->trail->args[at], args, sizeof dice->trail->args[at]);
    if (verbose) dprintf(2, "%d: %ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", getpid(), number, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void burst(struct dice *dice, long calls);

static void one_call(struct dice *dice) {
    static const int COMMON[] = {
        SYS_mmap, SYS_openat, SYS_socketpair, SYS_pipe2, SYS_epoll_create1, SYS_epoll_ctl, SYS_sendmsg, SYS_recvmsg, SYS_dup,
        SYS_eventfd2, SYS_fcntl, SYS_ioctl, SYS_write, SYS_read, SYS_mremap, SYS_munmap, SYS_memfd_create, SYS_fork,
    };
    long number = below(dice, 3) ? (long)below(dice, NUMBERS) : PICK(dice, COMMON);
    uint64_t args[6] = {0};
    const char *shape = number < NUMBERS && shape_of[number] ? shape_of[number] : "wwwwww";
    for (int n = 0; n < 6; n++) args[n] = *shape ? argument(dice, *shape++) : 0;
    if (below(dice, 50) == 0) args[below(dice, 6)] = roll(dice);
    spare_the_machine(number, args);
    switch (number) {
    /* What only ends the worker is done seldom. */
    case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_rt_sigsuspend: case SYS_rt_sigreturn: case SYS_execve: case SYS_execveat:
    case SYS_arch_prctl: case SYS_vfork: case SYS_clone: case SYS_clone3: case SYS_setsid: case SYS_close_range: case SYS_seccomp:
        if (below(dice, 40)) return;
        break;
    /* Signals to the supervisor's group or to all come from these only by chance; leave them no chance. */
    case SYS_kill: if ((int32_t)args[0] == -1 || (int32_t)args[0] == 1) return; break;
    case SYS_fork:
        if (below(dice, 4)) return;
        break;
    case SYS_reboot: return;
    }
    count(dice, number, args);
    long result = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
    if (result == 0 && (number == SYS_fork || number == SYS_clone || number == SYS_clone3 || number == SYS_vfork)) {
        dice->state ^= 0xf0f0;
        burst(dice, below(dice, 40));
        syscall(SYS_exit_group, 0);
    }
}

static void burst(struct dice *dice, long calls) {
    for (long n = 0; n < calls; n++) {
        if (atomic_fetch_sub(&shared->left, 1) <= 0) syscall(SYS_exit_group, 0);
        one_call(dice);
    }
}

static void handler(int signo) { (void)signo; }

/* The C library keeps its own real-time signals from signal(3). */
static void dispose(int signo, void (*how)(int)) {
    struct { void (*handler)(int); unsigned long flags; void (*restorer)(void); uint64_t mask; } action = {how, 0, NULL, 0};
    syscall(SYS_rt_sigaction, signo, &action, NULL, 8);
}

static void *thread_main(void *dice) {
    burst(dice, INT64_MAX);
    return NULL;
}

/* A worker: its own group, arena, descriptors and folder; its threads fuzz until it dies or the calls are spent. */
static void worker(long round, long which) {
    char folder[32];
    int ends[2];
    struct dice dice[SLOTS];
    setsid();
    snprintf(folder, sizeof folder, "/tmp/fuzz.%d", getpid()); /* one that no worker has spoilt */
    mkdir(folder, 0700);
    if (chdir(folder) != 0) _exit(3);
    struct sigaction action = {.sa_handler = handler}; /* without SA_RESTART: what waits comes back */
    for (int signo = 34; signo <= 64; signo++) sigaction(signo, &action, NULL);
    for (int signo = 32; signo < 34; signo++) dispose(signo, SIG_DFL);
    for (int signo = 2; signo < 32; signo += 12) sigaction(signo, &action, NULL);
    struct itimerval often = {{0, 10000}, {0, 10000}};
    setitimer(ITIMER_REAL, &often, NULL);
    struct rlimit files = {112, 112}, size = {1 << 22, 1 << 22};
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &size);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 2 + !verbose; fd++) dup2(null, fd);
    arena = mmap((void *)0x100000000000, ARENA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (int n = 0; n < 2; n++) (void)!pipe(ends), socketpair(AF_UNIX, n ? SOCK_DGRAM : SOCK_STREAM, 0, ends);
    open("a", O_RDWR | O_CREAT, 0600), open("/dev/ptmx", O_RDWR | O_NOCTTY), memfd_create("m", 0), open("/proc", O_RDONLY);
    for (long n = 0; n < threads; n++) {
        dice[n].state = (uint64_t)seed * 0x10001 + (uint64_t)round * 0x1001 + (uint64_t)which * 0x101 + (uint64_t)n;
        dice[n].trail = &shared->slots[(which * threads + n) % SLOTS];
        pthread_t thread;
        if (n + 1 < threads) pthread_create(&thread, NULL, thread_main, &dice[n]);
        else thread_main(&dice[n]);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void fail(const char *what) {
    printf("unsound: %s: %s\n", what, strerror(errno));
    fflush(stdout);
    if (system("df /tmp /dev/shm; ls -lA /tmp /dev/shm; ps -ef | head -40") != 0) printf("no shell to look around with\n");
    for (long slot = 0; slot < processes * threads && slot < SLOTS; slot++) {
        struct trail *trail = &shared->slots[slot];
        unsigned long end = trail->calls;
        for (unsigned long n = end > TRAIL ? end - TRAIL : 0; n < end; n++) {
            long *args = trail->args[n % TRAIL];
            printf("  %ld: %ld(%#lx, %#lx, %#lx, %#lx, %#lx, %#lx)\n", slot, trail->number[n % TRAIL], args[0], args[1], args[2], args[3], args[4], args[5]);
        }
    }
    exit(1);
}

/* Every descendant ends at once, whatever it waits for. */
static void end_round(void) {
    double start = now();
    for (;;) {
        kill(-1, SIGKILL);
        for (int n = 0; n < 1000; n++) {
            pid_t pid = waitpid(-1, NULL, WNOHANG);
            if (pid < 0 && errno == ECHILD) return;
            if (pid == 0) usleep(500);
        }
        if (now() - start > 60) fail("a process outlives SIGKILL");
    }
}

/* What a round left in files and segments is not there for the next: a full machine at the end is a leak. */
static void clear(void) {
    if (system("cd /tmp && { chmod -Rf u+rwx .; rm -rf ./* /dev/shm/*; ipcrm -a; } > /dev/null 2>&1")) return;
}

/* One round: as many workers as asked for, each started again when it dies, until no call returns any more. */
static void run_round(long round) {
    long last = 0, started = 0;
    double since = now(), start = since;
    for (long which = 0; which < processes; which++) {
        if (fork() == 0) worker(round, which), _exit(0);
    }
    while (shared->left > 0 && now() - start < 20) {
        for (int n = 0; n < 100 && waitpid(-1, NULL, WNOHANG) > 0; n++) { /* one that ends at once is no reason to go on */
            started++;
            if (fork() == 0) worker(round + started * 7919, started % processes), _exit(0);
        }
        if (shared->left != last) last = shared->left, since = now();
        if (now() - since > 0.1) break;
        usleep(2000);
    }
    end_round();
    clear();
}

static void check_sound(void) {
    int ends[2], status;
    char text[16] = {0};
    if (pipe(ends) != 0) fail("pipe");
    pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) {
        int fd = open("/tmp/sound", O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (fd < 0) fail("a new file");
        if (write(fd, "written", 7) != 7) fail("writing a file");
        if (lseek(fd, 0, SEEK_SET) != 0 || read(fd, text, 7) != 7) fail("reading a file");
        _exit(write(ends[1], text, 7) == 7 ? 42 : 1);
    }
    close(ends[1]);
    if (read(ends[0], text, 7) != 7 || strcmp(text, "written") != 0) fail("what a child wrote");
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 42) fail("how a child ended");
    uint8_t *map = mmap(NULL, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) fail("mmap");
    for (size_t n = 0; n < 1 << 24; n += PAGE) {
        if (map[n] != 0) fail("new memory is not clean");
        map[n] = 1;
    }
    if (system("echo $((6 * 7)) > /tmp/sum && read sum < /tmp/sum && test $sum = 42") != 0) fail("a shell");
}

int main(int count, char **args) {
    if (count < 5) return 2;
    seed = atol(args[1]), processes = atol(args[3]), threads = atol(args[4]);
    verbose = count > 5;
    if (processes < 1 || threads < 1 || processes * threads > SLOTS) return 2;
    setvbuf(stdout, NULL, _IONBF, 0);
    for (size_t n = 0; n < sizeof SHAPES / sizeof *SHAPES; n++) shape_of[SHAPES[n].number] = SHAPES[n].shape;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared->left = atol(args[2]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (int signo = 1; signo <= 64; signo++) { /* an owner of I/O signals is named by a number, rightly this one's too */
        if (signo != SIGCHLD) dispose(signo, SIG_IGN);
    }
    signal(SIGSEGV, SIG_DFL);
    for (long round = 0; shared->left > 0; round++) run_round(round);
    check_sound();
    printf("sound\n");
    return 0;
}
