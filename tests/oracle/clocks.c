/* Clocks, sleeps and timers: relations between them, their errors, and what they count. */
#include "oracle.h"
#include <poll.h>
#include <pthread.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>

static volatile int count, last_code, last_value, last_overrun;
static void looks(int signo, siginfo_t *info, void *context) {
    count++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    last_overrun = info->si_overrun;
}

static void handle(int signo, int flags) {
    struct sigaction action = { .sa_sigaction = looks, .sa_flags = SA_SIGINFO | flags };
    sigaction(signo, &action, 0);
    count = 0;
}

static int64_t nanos(struct timespec time) { return time.tv_sec * 1000000000LL + time.tv_nsec; }

static int64_t at(clockid_t clock) {
    struct timespec time = { -1, -1 };
    if (clock_gettime(clock, &time)) return -1;
    return nanos(time);
}

/* Uses the processor for some time, mostly in user mode. */
static void burns(int milliseconds) {
    int64_t end = at(CLOCK_THREAD_CPUTIME_ID) + milliseconds * 1000000LL;
    volatile unsigned long sum = 0;
    while (at(CLOCK_THREAD_CPUTIME_ID) < end)
        for (int i = 0; i < 100000; i++) sum += i;
}

static void reading(void) {
    const clockid_t all[] = { 0, 1, 2, 3, 4, 5, 6, 7, 11 };
    for (int i = 0; i < 9; i++) {
        struct timespec step;
        int64_t one = at(all[i]), two = at(all[i]);
        int got = syscall(SYS_clock_getres, all[i], &step);
        SAY("clock %d: goes on %d, resolution %d %s", all[i], two >= one && one > 0, got,
            nanos(step) == 1 ? "fine" : nanos(step) >= 1000000 && nanos(step) <= 10000000 ? "coarse" : "odd");
    }
    struct timespec time;
    TRY(syscall(SYS_clock_gettime, 10, &time));
    TRY(syscall(SYS_clock_gettime, 12, &time));
    TRY(syscall(SYS_clock_gettime, 99, &time));
    TRY(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8));
    TRY(syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, 8));
    TRY(syscall(SYS_clock_getres, 99, &time));
    TRY(syscall(SYS_clock_getres, CLOCK_MONOTONIC, 0));
    TRY(syscall(SYS_clock_getres, CLOCK_MONOTONIC, 8));
    TRY(syscall(SYS_clock_settime, CLOCK_REALTIME, &time));
    TRY(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &time));
    TRY(syscall(SYS_clock_settime, 99, &time));
    TRY(syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &time));
    TRY(syscall(SYS_gettimeofday, 8, 0));
    TRY(syscall(SYS_gettimeofday, 0, 0));
    int64_t coarse = at(CLOCK_REALTIME_COARSE), fine = at(CLOCK_REALTIME);
    SAY("coarse near fine: %d", fine - coarse >= 0 && fine - coarse < 1000000000);
    SAY("boot time not before monotonic: %d", at(CLOCK_BOOTTIME) >= at(CLOCK_MONOTONIC) - 1000000);
    SAY("TAI not before real time: %d", at(CLOCK_TAI) >= at(CLOCK_REALTIME) - 1000000000);
    SAY("seconds: %d", labs(syscall(SYS_time, 0) - at(CLOCK_REALTIME) / 1000000000) <= 1);
}

static void *burns_thread(void *clock) {
    burns(30);
    *(int64_t *)clock = at(CLOCK_THREAD_CPUTIME_ID);
    return 0;
}

static void processor(void) {
    int64_t own = at(CLOCK_THREAD_CPUTIME_ID), all = at(CLOCK_PROCESS_CPUTIME_ID), other = 0;
    burns(30);
    int64_t used = at(CLOCK_THREAD_CPUTIME_ID) - own;
    SAY("thread used %d", used >= 30000000 && used < 1000000000);
    pthread_t thread;
    pthread_create(&thread, 0, burns_thread, &other);
    pthread_join(thread, 0);
    SAY("its own %d, this one's %d, all %d", other >= 30000000, at(CLOCK_THREAD_CPUTIME_ID) - own < used + 20000000,
        at(CLOCK_PROCESS_CPUTIME_ID) - all >= 60000000);
    clockid_t clock;
    TRY(clock_getcpuclockid(0, &clock));
    TRY(at(clock) > 0);
    TRY(clock_getcpuclockid(1 << 22, &clock) == ESRCH);
    TRY(pthread_getcpuclockid(pthread_self(), &clock));
    SAY("by id: %d", at(clock) >= 30000000);
    int ends[2];
    MUST(pipe(ends));
    pid_t pid = fork();
    if (!pid) {
        burns(50);
        write(ends[1], "x", 1);
        for (;;) pause();
    }
    char byte;
    read(ends[0], &byte, 1);
    TRY(clock_getcpuclockid(pid, &clock));
    int64_t childs = at(clock);
    SAY("child's clock: %d", childs >= 50000000 && childs < 1000000000);
    struct rusage usage, before;
    getrusage(RUSAGE_CHILDREN, &before);
    kill(pid, SIGKILL);
    TRY(wait4(pid, 0, 0, &usage) == pid);
    int64_t sum = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
    SAY("child used %d", sum >= 45000 && sum < 1000000);
    getrusage(RUSAGE_CHILDREN, &usage);
    SAY("children used more: %d", usage.ru_utime.tv_usec + usage.ru_stime.tv_usec > before.ru_utime.tv_usec + before.ru_stime.tv_usec);
    TRY(at(clock));
    struct tms times_now;
    TRY(times(&times_now) > 0);
    SAY("times: own %d, children %d", times_now.tms_utime + times_now.tms_stime >= 8, times_now.tms_cutime + times_now.tms_cstime >= 4);
    TRY(syscall(SYS_times, 8));
    TRY(getrusage(RUSAGE_SELF, &usage));
    SAY("mostly user: %d", usage.ru_utime.tv_usec > usage.ru_stime.tv_usec);
    TRY(getrusage(RUSAGE_THREAD, &usage));
    TRY(getrusage(7, &usage));
    TRY(syscall(SYS_getrusage, RUSAGE_SELF, 8));
}

static pthread_t main_thread;
static void *pokes(void *unused) {
    usleep(50000);
    pthread_kill(main_thread, SIGUSR1);
    return 0;
}

static void sleeping(void) {
    struct timespec time = { 0, 20000000 }, left = { 7, 7 };
    int64_t start = at(CLOCK_MONOTONIC);
    TRY(nanosleep(&time, &left));
    SAY("slept %d, left untouched %d", at(CLOCK_MONOTONIC) - start >= 20000000, left.tv_sec == 7);
    TRY(nanosleep(&(struct timespec){ 0, 1000000000 }, 0));
    TRY(nanosleep(&(struct timespec){ 0, -1 }, 0));
    TRY(nanosleep(&(struct timespec){ -1, 0 }, 0));
    TRY(syscall(SYS_nanosleep, 8, 0));
    TRY(nanosleep(&(struct timespec){ 0, 0 }, 0));
    const clockid_t all[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
        CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI, 99 };
    time.tv_nsec = 1000000;
    for (int i = 0; i < 10; i++) {
        if (all[i] == CLOCK_PROCESS_CPUTIME_ID) continue;
        long value = syscall(SYS_clock_nanosleep, all[i], 0, &time, 0);
        SAY("sleep by %d: %s", all[i], result(value));
    }
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, 0));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &time, 0));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){ 0, 2000000000 }, 0));
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, 8, 0));
    struct timespec then;
    clock_gettime(CLOCK_BOOTTIME, &then);
    start = nanos(then);
    then.tv_nsec += 20000000;
    if (then.tv_nsec >= 1000000000) then.tv_sec++, then.tv_nsec -= 1000000000;
    TRY(clock_nanosleep(CLOCK_BOOTTIME, TIMER_ABSTIME, &then, 0));
    SAY("slept until %d", at(CLOCK_BOOTTIME) >= start + 20000000);
    handle(SIGUSR1, SA_RESTART);
    main_thread = pthread_self();
    pthread_t thread;
    pthread_create(&thread, 0, pokes, 0);
    time.tv_sec = 5;
    TRY(nanosleep(&time, &left));
    SAY("left %d", left.tv_sec == 4);
    pthread_join(thread, 0);
    pthread_create(&thread, 0, pokes, 0);
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, &left));
    SAY("left %d", left.tv_sec == 4);
    pthread_join(thread, 0);
    pthread_create(&thread, 0, pokes, 0);
    left.tv_sec = 7;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += 5;
    TRY(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &then, &left));
    SAY("left untouched %d", left.tv_sec == 7);
    pthread_join(thread, 0);
    // A handler-less signal: the sleep goes on for what is left.
    signal(SIGUSR1, SIG_IGN);
    pthread_create(&thread, 0, pokes, 0);
    time = (struct timespec){ 0, 150000000 };
    start = at(CLOCK_MONOTONIC);
    TRY(nanosleep(&time, 0));
    int64_t took = at(CLOCK_MONOTONIC) - start;
    SAY("slept %d", took >= 150000000 && took < 2000000000);
    pthread_join(thread, 0);
    // A stop and a going on are not seen either.
    pid_t pid = fork();
    if (!pid) {
        start = at(CLOCK_MONOTONIC);
        int value = nanosleep(&time, 0);
        _exit(value == 0 && at(CLOCK_MONOTONIC) - start >= 150000000 ? 5 : 6);
    }
    usleep(50000);
    kill(pid, SIGSTOP);
    usleep(20000);
    kill(pid, SIGCONT);
    int status;
    waitpid(pid, &status, 0);
    SAY("stopped while asleep: %d", WEXITSTATUS(status));
}

static long create(clockid_t clock, int notify, int signo, int *id) {
    struct sigevent event = { .sigev_notify = notify, .sigev_signo = signo, .sigev_value.sival_int = 31 };
    if (notify == SIGEV_THREAD_ID) event._sigev_un._tid = gettid();
    return syscall(SYS_timer_create, clock, &event, id);
}

static void timers(void) {
    int id, other;
    struct itimerspec value = { .it_value.tv_nsec = 5000000 }, old;
    TRY(create(99, SIGEV_SIGNAL, SIGUSR1, &id));
    TRY(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, &id));
    TRY(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, 65, &id));
    TRY(create(CLOCK_MONOTONIC, 9, SIGUSR1, &id));
    TRY(create(CLOCK_MONOTONIC_RAW, SIGEV_SIGNAL, SIGUSR1, &id));
    TRY(create(CLOCK_MONOTONIC_COARSE, SIGEV_SIGNAL, SIGUSR1, &id));
    TRY(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, (int *)8));
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
    event._sigev_un._tid = 1 << 22;
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    event._sigev_un._tid = getppid();
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id));
    TRY(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
    TRY(syscall(SYS_timer_gettime, 77, &old));
    TRY(syscall(SYS_timer_settime, 77, 0, &value, 0));
    TRY(syscall(SYS_timer_getoverrun, 77));
    TRY(syscall(SYS_timer_delete, 77));
    TRY(syscall(SYS_timer_delete, -1));
    handle(SIGUSR1, 0);
    MUST(create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, &id));
    TRY(syscall(SYS_timer_gettime, id, &old));
    SAY("disarmed %d", nanos(old.it_value) == 0 && nanos(old.it_interval) == 0);
    TRY(syscall(SYS_timer_settime, id, 0, 0, 0));
    TRY(syscall(SYS_timer_settime, id, 0, 8, 0));
    TRY(syscall(SYS_timer_settime, id, 0, &(struct itimerspec){ .it_value.tv_nsec = 1000000000 }, 0));
    TRY(syscall(SYS_timer_settime, id, 0, &(struct itimerspec){ .it_value.tv_sec = -1 }, 0));
    TRY(syscall(SYS_timer_settime, id, 0, &value, &old));
    while (!count) usleep(500);
    SAY("once: code %d value %d overrun %d", last_code, last_value, last_overrun);
    TRY(syscall(SYS_timer_getoverrun, id));
    // What goes by while the signal is blocked is counted.
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    value.it_interval.tv_nsec = 5000000;
    TRY(syscall(SYS_timer_settime, id, 0, &value, 0));
    usleep(100000);
    siginfo_t info;
    TRY(sigwaitinfo(&set, &info) == SIGUSR1);
    SAY("overruns %d, as told %d", info.si_overrun >= 10 && info.si_overrun < 10000,
        info.si_overrun == syscall(SYS_timer_getoverrun, id));
    TRY(syscall(SYS_timer_gettime, id, &old));
    SAY("left %d, interval %d", nanos(old.it_value) > 0 && nanos(old.it_value) <= 5000000, nanos(old.it_interval) == 5000000);
    // Disarmed: what waits of it is gone.
    usleep(20000);
    TRY(syscall(SYS_timer_settime, id, 0, &(struct itimerspec){0}, 0));
    struct timespec none = {0};
    TRY(sigtimedwait(&set, 0, &none) == -1 || 1);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    TRY(syscall(SYS_timer_delete, id));
    TRY(syscall(SYS_timer_delete, id));
    MUST(create(CLOCK_REALTIME, SIGEV_NONE, 0, &id));
    value.it_interval.tv_nsec = 0;
    TRY(syscall(SYS_timer_settime, id, 0, &value, 0));
    usleep(20000);
    TRY(syscall(SYS_timer_gettime, id, &old));
    SAY("none: over %d", nanos(old.it_value) == 0);
    MUST(create(CLOCK_BOOTTIME, SIGEV_THREAD_ID, SIGUSR1, &other));
    SAY("ids differ: %d", id != other);
    handle(SIGUSR1, 0);
    struct itimerspec past = { .it_value.tv_nsec = 1 };
    TRY(syscall(SYS_timer_settime, other, TIMER_ABSTIME, &past, 0));
    while (!count) usleep(500);
    SAY("past: code %d", last_code);
    // By the processor's time.
    int cpu;
    MUST(create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, &cpu));
    handle(SIGUSR1, 0);
    value.it_value.tv_nsec = 40000000;
    TRY(syscall(SYS_timer_settime, cpu, 0, &value, 0));
    usleep(100000);
    SAY("asleep: %d", count);
    burns(150);
    SAY("busy: %d", count);
    MUST(create(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, &cpu));
    TRY(syscall(SYS_timer_settime, cpu, 0, &value, 0));
    burns(150);
    SAY("thread's: %d", count);
    // A child has none of them; a new program neither.
    pid_t pid = fork();
    if (!pid) _exit(syscall(SYS_timer_gettime, other, &old) == -1 && errno == EINVAL ? 3 : 4);
    int status;
    waitpid(pid, &status, 0);
    SAY("child: %d", WEXITSTATUS(status));
}

static void descriptors(void) {
    struct itimerspec value = { .it_value.tv_nsec = 10000000 }, old;
    uint64_t ticks = 0;
    TRY(timerfd_create(99, 0));
    TRY(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
    TRY(timerfd_create(CLOCK_MONOTONIC, 1));
    TRY(timerfd_create(CLOCK_REALTIME_ALARM, 0));
    int fd = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    TRY(read(fd, &ticks, 8));
    TRY(read(fd, &ticks, 4));
    TRY(write(fd, &ticks, 8));
    TRY(timerfd_settime(0, 0, &value, 0));
    TRY(timerfd_settime(999, 0, &value, 0));
    TRY(timerfd_settime(fd, 8, &value, 0));
    TRY(timerfd_settime(fd, 0, (void *)8, 0));
    TRY(timerfd_settime(fd, 0, &(struct itimerspec){ .it_value.tv_nsec = -1 }, 0));
    TRY(timerfd_gettime(fd, (void *)8));
    TRY(timerfd_gettime(0, &old));
    TRY(timerfd_settime(fd, 0, &value, &old));
    struct pollfd wait = { fd, POLLIN };
    TRY(poll(&wait, 1, 0));
    TRY(poll(&wait, 1, 1000));
    TRY(read(fd, &ticks, 8));
    SAY("ticks %d", (int)ticks);
    TRY(read(fd, &ticks, 8));
    TRY(timerfd_gettime(fd, &old));
    SAY("over %d", nanos(old.it_value) == 0);
    value.it_interval.tv_nsec = 5000000;
    TRY(timerfd_settime(fd, 0, &value, 0));
    usleep(60000);
    TRY(read(fd, &ticks, 8));
    SAY("ticks %d", ticks >= 10 && ticks < 1000);
    TRY(timerfd_gettime(fd, &old));
    SAY("left %d", nanos(old.it_value) > 0 && nanos(old.it_value) <= 5000000 && nanos(old.it_interval) == 5000000);
    usleep(10000);
    TRY(timerfd_settime(fd, 0, &(struct itimerspec){0}, &old));
    SAY("old interval %d", nanos(old.it_interval) == 5000000);
    TRY(read(fd, &ticks, 8));
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    value = (struct itimerspec){ .it_value = now };
    TRY(timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, 0));
    TRY(poll(&wait, 1, 1000));
    TRY(read(fd, &ticks, 8));
    TRY(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &value, 0));
    close(fd);
    fd = MUST(timerfd_create(CLOCK_REALTIME, 0));
    clock_gettime(CLOCK_REALTIME, &now);
    now.tv_sec += 100;
    value = (struct itimerspec){ .it_value = now };
    TRY(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &value, 0));
    TRY(timerfd_gettime(fd, &old));
    SAY("left %d", old.it_value.tv_sec >= 98 && old.it_value.tv_sec <= 100);
    handle(SIGUSR1, 0);
    main_thread = pthread_self();
    pthread_t thread;
    pthread_create(&thread, 0, pokes, 0);
    TRY(read(fd, &ticks, 8));
    pthread_join(thread, 0);
    close(fd);
}

static void intervals(void) {
    struct itimerval value = { .it_value.tv_usec = 20000 }, old;
    TRY(setitimer(3, &value, 0));
    TRY(getitimer(3, &old));
    TRY(getitimer(-1, &old));
    TRY(syscall(SYS_setitimer, ITIMER_REAL, 8, 0));
    TRY(syscall(SYS_getitimer, ITIMER_REAL, 8));
    TRY(setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_usec = 1000000 }, 0));
    TRY(setitimer(ITIMER_REAL, &(struct itimerval){ .it_value.tv_sec = -1 }, 0));
    TRY(setitimer(ITIMER_VIRTUAL, &(struct itimerval){ .it_value.tv_usec = -1 }, 0));
    for (int which = 0; which < 3; which++) {
        const int signals[] = { SIGALRM, SIGVTALRM, SIGPROF };
        handle(signals[which], SA_RESTART);
        value = (struct itimerval){ .it_value.tv_usec = 20000 };
        TRY(setitimer(which, &value, &old));
        SAY("before %d %d", (int)old.it_value.tv_sec, (int)old.it_value.tv_usec);
        TRY(getitimer(which, &old));
        SAY("left %d", old.it_value.tv_sec == 0 && old.it_value.tv_usec > 0 && old.it_value.tv_usec <= 24000);
        usleep(60000);
        SAY("asleep: %d", count);
        burns(100);
        SAY("busy: %d, code %d", count, last_code);
        TRY(getitimer(which, &old));
        SAY("over %d", old.it_value.tv_usec == 0 && old.it_value.tv_sec == 0);
        count = 0;
        value.it_interval.tv_usec = 20000;
        TRY(setitimer(which, &value, 0));
        burns(200);
        SAY("again and again: %d", count >= 4 && count < 100);
        getitimer(which, &old);
        SAY("interval %d", (int)old.it_interval.tv_usec);
        value = (struct itimerval){0};
        TRY(setitimer(which, &value, &old));
        SAY("interval %d", (int)old.it_interval.tv_usec);
        count = 0;
        burns(60);
        SAY("disarmed: %d", count);
    }
    TRY(setitimer(ITIMER_REAL, 0, &old));
    handle(SIGALRM, 0);
    TRY(alarm(100));
    TRY(alarm(50));
    getitimer(ITIMER_REAL, &old);
    SAY("alarm is the interval timer: %d", old.it_value.tv_sec >= 48 && old.it_value.tv_sec <= 50);
    TRY(alarm(0));
    TRY(alarm(0));
    TRY(ualarm(1000, 0));
    TRY(pause());
    // A child inherits none, a new program keeps them.
    alarm(100);
    pid_t pid = fork();
    if (!pid) _exit(alarm(0));
    int status;
    waitpid(pid, &status, 0);
    SAY("child: %d", WEXITSTATUS(status));
    alarm(0);
    value = (struct itimerval){ .it_value.tv_usec = 20000 };
    pid = fork();
    if (!pid) {
        signal(SIGPROF, SIG_DFL);
        setitimer(ITIMER_PROF, &value, 0);
        burns(1000);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    SAY("profiled to death: %s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "no");
    // The limit of processor time.
    pid = fork();
    if (!pid) {
        struct rlimit limit = { 1, 2 };
        setrlimit(RLIMIT_CPU, &limit);
        signal(SIGXCPU, SIG_DFL);
        burns(3000);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    SAY("limited: %s", WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "no");
}

int main(void) {
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    reading();
    processor();
    sleeping();
    timers();
    descriptors();
    intervals();
    return 0;
}
