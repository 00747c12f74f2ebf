# Time by the vDSO: the same clocks as by system calls, its ELF image, signals and faults that land in it.
cd ~ && rm -rf vdso && mkdir vdso && cd vdso || exit 1
cat > clock.c <<'EOF'
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static volatile int signals;
static sigjmp_buf back;
static void count(int s) { signals++; }
static void leave(int s) { siglongjmp(back, s); }
static int before(struct timespec a, struct timespec b) {
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec);
}
static void image(void) {
    const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
    printf("image %d\n", base && !memcmp(base, ELFMAG, SELFMAG));
    const Elf64_Ehdr *header = (const void *)base;
    const Elf64_Phdr *part = (const void *)(base + header->e_phoff);
    const Elf64_Dyn *dynamic = 0;
    for (int i = 0; i < header->e_phnum; i++) if (part[i].p_type == PT_DYNAMIC) dynamic = (const void *)(base + part[i].p_offset);
    const char *strings = 0;
    for (const Elf64_Dyn *d = dynamic; d->d_tag; d++) if (d->d_tag == DT_STRTAB) strings = base + d->d_un.d_ptr;
    for (const Elf64_Dyn *d = dynamic; d->d_tag; d++) if (d->d_tag == DT_SONAME) printf("name %s\n", strings + d->d_un.d_val);
}
static void *spin(void *end) {
    struct timespec last, now;
    long wrong = 0;
    clock_gettime(CLOCK_MONOTONIC, &last);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (!before(last, now)) wrong++;
        last = now;
    } while (before(now, *(struct timespec *)end));
    return (void *)wrong;
}
int main(void) {
    image();
    int clocks[] = {0, 1, 2, 3, 4, 5, 6, 7, 11, 10, 12, 31, 32, 99};
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        struct timespec a, b, c, r = {-1, -1};
        int k = clocks[i], first = syscall(SYS_clock_gettime, k, &a), second = clock_gettime(k, &b);
        int third = syscall(SYS_clock_gettime, k, &c);
        printf("clock %d: %d %d %d, in order %d", k, first, second, third, first || (before(a, b) && before(b, c)));
        int resolution = clock_getres(k, &r);
        printf(", resolution %d %ld %ld, without %d\n", resolution, (long)r.tv_sec, r.tv_nsec, clock_getres(k, 0));
    }
    struct timeval tv;
    struct timezone tz = {1, 1};
    printf("gettimeofday %d", gettimeofday(&tv, &tz));
    printf(" %d %d\n", tz.tz_minuteswest, tz.tz_dsttime);
    time_t t, s = time(&t);
    printf("time %d %d, microseconds %d\n", s == t, s - tv.tv_sec >= -1 && s - tv.tv_sec <= 1, tv.tv_usec >= 0 && tv.tv_usec < 1000000);
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    unsigned cpu = -1, node = -1, again = -1;
    printf("getcpu %d", getcpu(&cpu, &node));
    printf(" %d, by call %d", CPU_ISSET(cpu, &set) != 0, (int)syscall(SYS_getcpu, &again, 0, 0));
    printf(" %d\n", CPU_ISSET(again, &set) != 0);
    struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
    signal(SIGALRM, count);
    setitimer(ITIMER_REAL, &often, 0);
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec++;
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, spin, &end);
    for (int i = 0; i < 3; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        printf("steps back %ld\n", (long)wrong);
    }
    setitimer(ITIMER_REAL, &never, 0);
    printf("signals %d\n", signals > 20);
    signal(SIGSEGV, leave);
    int signo = sigsetjmp(back, 1);
    if (!signo) clock_gettime(CLOCK_MONOTONIC, (void *)8);
    printf("fault %d\n", signo);
    signo = sigsetjmp(back, 1);
    if (!signo) gettimeofday((void *)8, 0);
    printf("fault %d\n", signo);
    return 0;
}
EOF
gcc -O1 -w -o clock clock.c -pthread && ./clock; echo "status $?"
ldd ./clock | grep -c 'linux-vdso.so.1'
grep -c ' r-xp .*\[vdso\]$' /proc/self/maps
