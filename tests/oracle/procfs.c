/* /proc, field by field: which there are, of what kind, and how they go with what the calls say. */
#include "oracle.h"
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[1 << 20];
static long length;

/* The contents of a file; empty where it cannot be read. */
static const char *slurp(const char *path) {
    int fd = open(path, O_RDONLY);
    long got = 0;
    length = 0;
    while (fd >= 0 && (got = read(fd, text + length, sizeof text - 1 - length)) > 0) length += got;
    text[length] = 0;
    if (fd < 0 || got < 0) SAY("%s: %s", path, strerrorname_np(errno));
    if (fd >= 0) close(fd);
    return text;
}

/* The value of a field of `Name: value` lines, none if it is missing. */
static const char *field(const char *name) {
    static char value[4][256];
    static int next;
    char *to = value[next++ % 4];
    char *at = text;
    size_t size = strlen(name);
    while (at && !(strncmp(at, name, size) == 0 && at[size] == ':')) at = (at = strchr(at, '\n')) ? at + 1 : 0;
    if (!at) return "missing";
    at += size + 1;
    while (*at == ' ' || *at == '\t') at++;
    snprintf(to, 256, "%.*s", (int)strcspn(at, "\n"), at);
    return to;
}

/* A line's form: numbers as N, however many spaces as one. */
static const char *form(const char *line) {
    static char out[512];
    char *to = out;
    while (*line && *line != '\n' && to < out + 500) {
        if (isdigit((unsigned char)*line)) {
            while (isdigit((unsigned char)*line)) line++;
            *to++ = 'N';
        } else if (*line == ' ') {
            while (*line == ' ') line++;
            *to++ = ' ';
        } else *to++ = *line++;
    }
    *to = 0;
    return out;
}

static void status(void) {
    static const char *const names[] = { "Name", "Umask", "State", "Tgid", "Ngid", "Pid", "PPid", "TracerPid", "Uid",
        "Gid", "FDSize", "Groups", "NStgid", "NSpid", "NSpgid", "NSsid", "Kthread", "VmPeak", "VmSize", "VmLck", "VmPin",
        "VmHWM", "VmRSS", "RssAnon", "RssFile", "RssShmem", "VmData", "VmSwap", "CoreDumping", "Threads", "SigQ",
        "SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs",
        "Seccomp", "Seccomp_filters", "Cpus_allowed", "Cpus_allowed_list", "Mems_allowed_list",
        "voluntary_ctxt_switches", "nonvoluntary_ctxt_switches" };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    signal(SIGUSR2, SIG_IGN);
    signal(SIGTERM, exit);
    kill(getpid(), SIGUSR1);
    umask(027);
    prctl(PR_SET_NAME, "a (new) name");
    slurp("/proc/self/status");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) SAY("%s: %d", names[i], strcmp(field(names[i]), "missing") != 0);
    SAY("%s, %s, %s", field("Name"), field("Umask"), field("State"));
    SAY("%d %d %d", atoi(field("Pid")) == getpid(), atoi(field("Tgid")) == getpid(), atoi(field("PPid")) == getppid());
    SAY("%s | %s | %s", field("Uid"), field("Gid"), field("Groups"));
    // Of what is ignored only the own choice counts: the rest comes from whoever has started the program.
    SAY("threads %s, blocked %s, ignored %d", field("Threads"), field("SigBlk"),
        (int)(strtoull(field("SigIgn"), 0, 16) >> (SIGUSR2 - 1) & 1));
    SAY("caught %s, waits %s %s", field("SigCgt"), field("SigPnd"), field("ShdPnd"));
    SAY("%s %s %s", field("CapEff"), field("NoNewPrivs"), field("TracerPid"));
    SAY("resident is less than all: %d", atol(field("VmRSS")) < atol(field("VmSize")));
    SAY("%s", form(strstr(text, "VmSize")));
}

static void stat_fields(void) {
    prctl(PR_SET_NAME, "a (new) name");
    for (volatile long i = 0; i < 300000000; i++);
    slurp("/proc/self/stat");
    int pid;
    sscanf(text, "%d", &pid);
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    SAY("own %d, \"%.*s\"", pid == getpid(), (int)(close - open + 1), open);
    long long fields[60] = {0};
    int count = 3;
    char state = close[2];
    for (char *word = strtok(close + 3, " \n"); word; word = strtok(0, " \n")) fields[++count] = strtoll(word, 0, 10);
    SAY("state %c, %d fields", state, count);
    SAY("parent %d, group %d, session %d", fields[4] == getppid(), fields[5] == getpgrp(), fields[6] == getsid(0));
    SAY("terminal %lld, foreground %lld", fields[7], fields[8]);
    SAY("used some processor time: %d", fields[14] + fields[15] > 0);
    SAY("priority %lld, nice %lld, threads %lld", fields[18], fields[19], fields[20]);
    SAY("size %d", fields[23] > 0);
    SAY("resident is less than the size: %d", fields[24] * 4096 < fields[23]);
    struct sysinfo info;
    sysinfo(&info);
    SAY("started within the last minutes: %d", info.uptime - fields[22] / 100 < 600);
    slurp("/proc/self/statm");
    SAY("%s", form(text));
    long all, resident;
    sscanf(text, "%ld %ld", &all, &resident);
    SAY("resident is less than all: %d", resident < all);
}

static void maps(void) {
    slurp("/proc/self/maps");
    int bad = 0, own = 0, stack = 0, heap = 0, vdso = 0, libc = 0;
    unsigned long last = 0;
    free(malloc(10));
    slurp("/proc/self/maps");
    for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n")) {
        unsigned long start, end, offset, inode;
        unsigned major, minor;
        char flags[5], path[300] = "";
        int got = sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %299[^\n]", &start, &end, flags, &offset, &major, &minor,
            &inode, path);
        bad += got < 7 || start >= end || start < last || strlen(flags) != 4 || (flags[3] != 'p' && flags[3] != 's')
            || (path[0] == '/') != (inode != 0);
        last = end;
        own += !strcmp(path, "/home/user/program");
        stack += !strcmp(path, "[stack]") && start < (unsigned long)&bad && end > (unsigned long)&bad;
        heap += !strcmp(path, "[heap]");
        vdso += !strcmp(path, "[vdso]");
        libc += strstr(path, "libc.so") != 0;
    }
    SAY("maps: bad %d, own %d, stack %d, heap %d, vdso %d, libc %d", bad, own > 2, stack, heap, vdso, libc > 2);
    static const char *const names[] = { "Size", "Rss", "Pss", "Shared_Clean", "Shared_Dirty", "Private_Clean",
        "Private_Dirty", "Referenced", "Anonymous", "Swap", "Locked", "KernelPageSize", "MMUPageSize", "VmFlags",
        "SwapPss", "Pss_Dirty", "AnonHugePages", "LazyFree" };
    slurp("/proc/self/smaps");
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) SAY("smaps %s: %d", names[i], strcmp(field(names[i]), "missing") != 0);
    slurp("/proc/self/smaps_rollup");
    for (unsigned i = 1; i < 11; i++) SAY("rollup %s: %d", names[i], strcmp(field(names[i]), "missing") != 0);
    SAY("%d", strstr(text, "[rollup]\n") != 0);
}

static void links(void) {
    char target[300], path[64];
    static const char *const names[] = { "cwd", "exe", "root" };
    chdir("/tmp");
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "/proc/self/%s", names[i]);
        memset(target, 0, sizeof target);
        TRY(readlink(path, target, 299));
        SAY("%s", target);
    }
    int fd = MUST(open("/tmp/named", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)), ends[2];
    write(fd, "12345", 5);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(target, 0, sizeof target);
    TRY(readlink(path, target, 299));
    SAY("%s", target);
    struct stat st;
    TRY(lstat(path, &st));
    SAY("mode %o", st.st_mode);
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
    slurp(path);
    SAY("pos %s, flags %s, inode %d", field("pos"), field("flags"), strcmp(field("ino"), "missing") != 0);
    unlink("/tmp/named");
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    memset(target, 0, sizeof target);
    TRY(readlink(path, target, 299));
    SAY("%s", target);
    pipe(ends);
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
    memset(target, 0, sizeof target);
    readlink(path, target, 299);
    SAY("%s", form(target));
    TRY(lstat(path, &st));
    SAY("mode %o", st.st_mode);
    TRY(readlink("/proc/self/fd/999", target, 299));
    TRY(open("/proc/self/fd/x", O_RDONLY));
    TRY(open("/proc/self/fdinfo/999", O_RDONLY));
    TRY(open("/proc/999999999/stat", O_RDONLY));
    memset(target, 0, sizeof target);
    TRY(atoi((readlink("/proc/self", target, 299), target)) == getpid());
    memset(target, 0, sizeof target);
    readlink("/proc/thread-self", target, 299);
    SAY("%s", form(target));
}

static void *idle(void *argument) { pause(); return argument; }

static void texts(void) {
    slurp("/proc/self/cmdline");
    SAY("%ld \"%s\"", length, text);
    slurp("/proc/self/environ");
    SAY("%d", memmem(text, length, "HOME=/home/user", 16) != 0);
    slurp("/proc/self/comm");
    SAY("%s", text);
    int fd = MUST(open("/proc/self/comm", O_WRONLY));
    TRY(write(fd, "much longer than fits\n", 22));
    SAY("%s", slurp("/proc/self/comm"));
    pthread_t thread;
    pthread_create(&thread, 0, idle, 0);
    DIR *tasks = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(tasks));) count += isdigit((unsigned char)entry->d_name[0]) != 0;
    SAY("%d tasks", count);
    struct stat st;
    TRY(stat("/proc/self/task", &st));
    SAY("links %ld", (long)st.st_nlink);
    slurp("/proc/self/auxv");
    int page = 0, entry = 0, end = 0;
    for (long i = 0; i + 16 <= length; i += 16) {
        unsigned long pair[2];
        memcpy(pair, text + i, 16);
        page += pair[0] == 6 && pair[1] == 4096;
        entry += pair[0] == 9;
        end += pair[0] == 0;
    }
    SAY("auxv: page size %d, entry %d, end %d", page, entry, end);
    slurp("/proc/self/limits");
    SAY("%.52s", text);
    char *line = strstr(text, "Max open files");
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    SAY("%d %s", line && (unsigned long)atol(line + 26) == limit.rlim_cur, line ? form(line) : "");
    slurp("/proc/self/cgroup");
    SAY("cgroup: %d", strchr(text, ':') != 0);
    slurp("/proc/self/io");
    static const char *const io[] = { "rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes",
        "cancelled_write_bytes" };
    for (int i = 0; i < 7; i++) SAY("io %s: %d", io[i], strcmp(field(io[i]), "missing") != 0);
    SAY("%s", slurp("/proc/self/oom_score_adj"));
    fd = MUST(open("/proc/self/oom_score_adj", O_RDWR));
    TRY(write(fd, "500\n", 4));
    SAY("adjusted: %d", atoi(slurp("/proc/self/oom_score_adj")));
    TRY(write(fd, "2000\n", 5));
    TRY(write(fd, "x\n", 2));
    SAY("mounts: %d", strstr(slurp("/proc/self/mounts"), " / ") != 0);
    slurp("/proc/self/mountinfo");
    SAY("mountinfo: %d %d", strstr(text, " / / ") != 0, strstr(text, " - ") != 0);
    TRY(open("/proc/self/stat", O_WRONLY));
    TRY(open("/proc/new", O_WRONLY | O_CREAT, 0600));
    TRY(mkdir("/proc/new", 0700));
    TRY(unlink("/proc/self/stat"));
}

static void whole_system(void) {
    static const char *const memory[] = { "MemTotal", "MemFree", "MemAvailable", "Buffers", "Cached", "SwapCached",
        "Active", "Inactive", "SwapTotal", "SwapFree", "Dirty", "Writeback", "AnonPages", "Mapped", "Shmem", "Slab",
        "SReclaimable", "SUnreclaim", "KernelStack", "PageTables", "CommitLimit", "Committed_AS" };
    slurp("/proc/meminfo");
    for (unsigned i = 0; i < sizeof memory / sizeof *memory; i++) SAY("%s: %d", memory[i], strcmp(field(memory[i]), "missing") != 0);
    SAY("free is less than total: %d", atol(field("MemFree")) < atol(field("MemTotal")));
    slurp("/proc/cpuinfo");
    int count = 0;
    for (char *at = text; (at = strstr(at, "processor\t:")); at++) count++;
    SAY("processors %d", count == sysconf(_SC_NPROCESSORS_ONLN));
    slurp("/proc/stat");
    SAY("%s", form(text));
    static const char *const lines[] = { "\nintr ", "\nctxt ", "\nbtime ", "\nprocesses ", "\nprocs_running ",
        "\nprocs_blocked ", "\nsoftirq " };
    for (int i = 0; i < 7; i++) SAY("%s: %d", lines[i] + 1, strstr(text, lines[i]) != 0);
    SAY("%s", form(slurp("/proc/uptime")));
    SAY("%s", form(slurp("/proc/loadavg")));
    struct utsname names;
    uname(&names);
    slurp("/proc/version");
    SAY("%d %d %d", !strncmp(text, "Linux version ", 14), !strncmp(text + 14, names.release, strlen(names.release)),
        strstr(text, names.version) != 0);
    slurp("/proc/sys/kernel/osrelease");
    SAY("%d", !strncmp(text, names.release, strlen(names.release)));
    slurp("/proc/sys/kernel/version");
    SAY("%d", !strncmp(text, names.version, strlen(names.version)));
    slurp("/proc/sys/kernel/hostname");
    SAY("%d", !strncmp(text, names.nodename, strlen(names.nodename)));
    SAY("ostype %s", slurp("/proc/sys/kernel/ostype"));
    static const char *const kinds[] = { "nodev\tproc\n", "nodev\ttmpfs\n", "nodev\tsysfs\n", "nodev\tdevpts\n" };
    slurp("/proc/filesystems");
    for (int i = 0; i < 4; i++) SAY("file system %d: %d", i, strstr(text, kinds[i]) != 0);
    static const char *const numbers[] = { "kernel/pid_max", "kernel/threads-max", "kernel/ngroups_max",
        "kernel/cap_last_cap", "kernel/random/entropy_avail", "kernel/pty/max", "vm/overcommit_memory", "vm/max_map_count", "vm/swappiness",
        "vm/mmap_min_addr", "fs/file-max", "fs/nr_open", "fs/pipe-max-size", "fs/inotify/max_user_watches",
        "fs/mqueue/msg_max", "fs/mqueue/msgsize_max", "fs/mqueue/queues_max" };
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char path[80];
        snprintf(path, sizeof path, "/proc/sys/%s", numbers[i]);
        SAY("%s: %s", numbers[i], form(slurp(path)));
    }
    TRY(open("/proc/sys/kernel/hostname", O_WRONLY));
    DIR *all = opendir("/proc");
    int own = 0, files = 0;
    for (struct dirent *entry; (entry = readdir(all));) {
        own += atoi(entry->d_name) == getpid();
        files += !strcmp(entry->d_name, "meminfo") || !strcmp(entry->d_name, "self") || !strcmp(entry->d_name, "sys");
    }
    SAY("listed: own %d, files %d", own, files);
}

int main(void) {
    void (*parts[])(void) = { status, stat_fields, maps, links, texts, whole_system };
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        SAY("== part %u", i);
        if (!fork()) {
            parts[i]();
            _exit(0);
        }
        int ended;
        wait(&ended);
        SAY("ended with %x", ended);
    }
}
