/* sigaction(2) and its kin: what a handler is told, what it interrupts, and in which order signals come. */
#include "oracle.h"
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

static volatile int count, last, order[64];
static siginfo_t seen;

static void counts(int signo) {
    if (count < 64) order[count] = signo;
    count++;
    last = signo;
}

static void looks(int signo, siginfo_t *info, void *context) {
    seen = *info;
    counts(signo);
}

static void handle(int signo, void *handler, int flags) {
    struct sigaction action = { .sa_flags = flags };
    if (flags & SA_SIGINFO) action.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
    else action.sa_handler = (void (*)(int))handler;
    MUST(sigaction(signo, &action, 0));
    count = 0;
}

static sigset_t set_of(int one, int two) {
    sigset_t set;
    sigemptyset(&set);
    if (one) sigaddset(&set, one);
    if (two) sigaddset(&set, two);
    return set;
}

static void block(int how, int one, int two) {
    sigset_t set = set_of(one, two);
    sigprocmask(how, &set, 0);
}

static void show(const char *what, siginfo_t *info) {
    SAY("%s: signo %d errno %d code %d pid %s uid %s value %d", what, info->si_signo, info->si_errno, info->si_code,
        info->si_pid == getpid() ? "own" : info->si_pid ? "other" : "0", info->si_uid == getuid() ? "own" : "other",
        info->si_value.sival_int);
}

static void errors(void) {
    struct sigaction action = { .sa_handler = counts };
    sigset_t set;
    TRY(syscall(SYS_rt_sigaction, 0, &action, 0, 8));
    TRY(syscall(SYS_rt_sigaction, 65, &action, 0, 8));
    TRY(syscall(SYS_rt_sigaction, SIGKILL, &action, 0, 8));
    TRY(syscall(SYS_rt_sigaction, SIGSTOP, &action, 0, 8));
    TRY(syscall(SYS_rt_sigaction, SIGKILL, 0, &action, 8));
    TRY(syscall(SYS_rt_sigaction, SIGUSR1, &action, 0, 4));
    TRY(syscall(SYS_rt_sigaction, SIGUSR1, 8, 0, 8));
    TRY(syscall(SYS_rt_sigaction, SIGUSR1, 0, 8, 8));
    TRY(syscall(SYS_rt_sigprocmask, 3, &set, 0, 8));
    TRY(syscall(SYS_rt_sigprocmask, 3, 0, 0, 8));
    TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, 0, 16));
    TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, 0, 8));
    TRY(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 0, 8, 8));
    TRY(syscall(SYS_rt_sigpending, &set, 9));
    TRY(syscall(SYS_rt_sigpending, 8, 8));
    TRY(syscall(SYS_rt_sigsuspend, &set, 4));
    TRY(syscall(SYS_rt_sigsuspend, 8, 8));
    TRY(syscall(SYS_rt_sigtimedwait, &set, 0, 0, 4));
    TRY(syscall(SYS_rt_sigtimedwait, 8, 0, 0, 8));
    TRY(syscall(SYS_rt_sigtimedwait, &set, 0, 8, 8));
    struct timespec odd = { 0, 1000000000 };
    TRY(syscall(SYS_rt_sigtimedwait, &set, 0, &odd, 8));
    TRY(syscall(SYS_tgkill, getpid(), gettid(), 0));
    TRY(syscall(SYS_tgkill, getpid(), gettid(), 65));
    TRY(syscall(SYS_tgkill, getpid(), -1, 0));
    TRY(syscall(SYS_tgkill, 0, gettid(), 0));
    TRY(syscall(SYS_tgkill, getppid(), gettid(), 0));
    TRY(syscall(SYS_tkill, 0, 0));
    TRY(syscall(SYS_tkill, 1 << 22, 0));
    siginfo_t info = { .si_code = SI_QUEUE };
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), 0, &info));
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), 65, &info));
    TRY(syscall(SYS_rt_sigqueueinfo, 1 << 22, SIGUSR1, &info));
    TRY(syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, 8));
    info.si_code = SI_USER;
    TRY(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
    info.si_code = SI_TKILL;
    TRY(syscall(SYS_rt_sigqueueinfo, getppid(), 0, &info));
    TRY(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), 65, &info));
    TRY(syscall(SYS_rt_tgsigqueueinfo, getpid(), 1 << 22, 0, &info));
    // SIGKILL and SIGSTOP cannot be blocked.
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, &set);
    sigset_t got;
    sigprocmask(SIG_SETMASK, &set, &got);
    SAY("blocked %d %d %d", sigismember(&got, SIGKILL), sigismember(&got, SIGSTOP), sigismember(&got, SIGUSR1));
    handle(SIGUSR1, counts, SA_RESTART | SA_NODEFER);
    sigaction(SIGUSR1, 0, &action);
    SAY("flags %x", action.sa_flags & ~0x04000000);
    struct { void *handler; unsigned long flags; void *restorer; uint64_t mask; } raw = { SIG_IGN, ~0ul, 0, ~0ull };
    TRY(syscall(SYS_rt_sigaction, SIGUSR2, &raw, 0, 8));
    TRY(syscall(SYS_rt_sigaction, SIGUSR2, 0, &raw, 8));
    SAY("raw %lx %llx", raw.flags, (unsigned long long)raw.mask);
    raw.handler = SIG_DFL, raw.flags = 0;
    syscall(SYS_rt_sigaction, SIGUSR2, &raw, 0, 8);
}

static void sources(void) {
    handle(SIGUSR1, looks, SA_SIGINFO);
    kill(getpid(), SIGUSR1);
    show("kill", &seen);
    raise(SIGUSR1);
    show("raise", &seen);
    union sigval value = { .sival_int = 42 };
    sigqueue(getpid(), SIGUSR1, value);
    show("sigqueue", &seen);
    pthread_sigqueue(pthread_self(), SIGUSR1, value);
    show("pthread_sigqueue", &seen);
    siginfo_t info = { .si_code = -77, .si_errno = 5 };
    info.si_pid = 3;
    info.si_value.sival_int = 8;
    syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info);
    show("rt_sigqueueinfo", &seen);
    info.si_code = SI_USER;
    syscall(SYS_rt_sigqueueinfo, getpid(), SIGUSR1, &info);
    show("own SI_USER", &seen);
    handle(SIGALRM, looks, SA_SIGINFO);
    struct itimerval soon = { .it_value.tv_usec = 1000 };
    setitimer(ITIMER_REAL, &soon, 0);
    while (!count) pause();
    show("itimer", &seen);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 99 };
    timer_t timer;
    count = 0;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    struct itimerspec then = { .it_value.tv_nsec = 1000000 };
    timer_settime(timer, 0, &then, 0);
    while (!count) usleep(100);
    SAY("timer: signo %d code %d value %d overrun %d", seen.si_signo, seen.si_code, seen.si_value.sival_int, seen.si_overrun);
    timer_delete(timer);
    handle(SIGCHLD, looks, SA_SIGINFO);
    pid_t pid = fork();
    if (!pid) _exit(7);
    while (!count) usleep(100);
    SAY("child: code %d pid %d uid %d status %d", seen.si_code, seen.si_pid == pid, seen.si_uid == getuid(), seen.si_status);
    waitpid(pid, 0, 0);
    handle(SIGPIPE, looks, SA_SIGINFO);
    int ends[2];
    MUST(pipe(ends));
    close(ends[0]);
    TRY(write(ends[1], "x", 1));
    show("pipe", &seen);
    close(ends[1]);
    handle(SIGXFSZ, looks, SA_SIGINFO);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 10;
    setrlimit(RLIMIT_FSIZE, &limit);
    int fd = MUST(open("/tmp/oracle-limit", O_RDWR | O_CREAT | O_TRUNC, 0600));
    TRY(write(fd, "0123456789abcdef", 16));
    TRY(write(fd, "0123456789abcdef", 16));
    show("file size", &seen);
    TRY(count);
    TRY(ftruncate(fd, 11));
    TRY(count);
    TRY(pwrite(fd, "x", 1, 100));
    setrlimit(RLIMIT_FSIZE, &old);
    unlink("/tmp/oracle-limit");
    close(fd);
}

static void flags(void) {
    struct sigaction now;
    handle(SIGUSR1, counts, SA_RESETHAND);
    raise(SIGUSR1);
    sigaction(SIGUSR1, 0, &now);
    SAY("once: %d, default now %d, flags %x", count, now.sa_handler == SIG_DFL, now.sa_flags & ~0x04000000);
}

static volatile int depth, deepest;

static void nests(int signo) {
    depth++;
    if (depth > deepest) deepest = depth;
    if (count++ < 3) raise(signo);
    depth--;
}

static volatile int mask_in_handler;

static void reads_mask(int signo) {
    sigset_t set;
    sigprocmask(SIG_BLOCK, 0, &set);
    mask_in_handler = sigismember(&set, SIGUSR1) + 2 * sigismember(&set, SIGUSR2) + 4 * sigismember(&set, SIGHUP);
    // A change of the mask is undone by the return.
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_SETMASK, &set, 0);
}

static void changes_saved_mask(int signo, siginfo_t *info, void *context) {
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGWINCH);
}

static void nesting(void) {
    handle(SIGUSR1, nests, 0);
    raise(SIGUSR1);
    SAY("deferred: deepest %d, calls %d", deepest, count);
    deepest = 0;
    handle(SIGUSR1, nests, SA_NODEFER);
    raise(SIGUSR1);
    SAY("not deferred: deepest %d, calls %d", deepest, count);
    struct sigaction action = { .sa_handler = reads_mask, .sa_mask = set_of(SIGUSR2, SIGHUP) };
    sigaction(SIGUSR1, &action, 0);
    raise(SIGUSR1);
    SAY("mask %d", mask_in_handler);
    action.sa_flags = SA_NODEFER;
    sigaction(SIGUSR1, &action, 0);
    raise(SIGUSR1);
    SAY("mask %d", mask_in_handler);
    sigset_t set;
    sigprocmask(SIG_BLOCK, 0, &set);
    SAY("after: %d %d %d", sigismember(&set, SIGUSR1), sigismember(&set, SIGUSR2), sigismember(&set, SIGTERM));
    handle(SIGUSR1, changes_saved_mask, SA_SIGINFO);
    raise(SIGUSR1);
    sigprocmask(SIG_BLOCK, 0, &set);
    SAY("changed by the frame: %d", sigismember(&set, SIGWINCH));
    block(SIG_UNBLOCK, SIGWINCH, 0);
}

static void ordering(void) {
    // Lowest first; real-time signals of one number in order of arrival.
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    union sigval value;
    siginfo_t info;
    for (int i = 0; i < 3; i++) {
        value.sival_int = i;
        sigqueue(getpid(), SIGRTMIN + 2, value);
        sigqueue(getpid(), SIGRTMIN + 1, value);
        sigqueue(getpid(), SIGUSR2, value);
    }
    kill(getpid(), SIGUSR1);
    sigset_t wanted = set_of(SIGRTMIN + 1, SIGRTMIN + 2);
    sigaddset(&wanted, SIGUSR1);
    sigaddset(&wanted, SIGUSR2);
    struct timespec none = {0};
    for (int got; (got = sigtimedwait(&wanted, &info, &none)) > 0;)
        SAY("took %s%d value %d", got >= SIGRTMIN ? "RT" : "", got >= SIGRTMIN ? got - SIGRTMIN : got,
            got == SIGUSR1 ? 0 : info.si_value.sival_int);
    SAY("then %s", strerrorname_np(errno));
    // To the thread before to the process.
    value.sival_int = 1;
    sigqueue(getpid(), SIGRTMIN, value);
    value.sival_int = 2;
    pthread_sigqueue(pthread_self(), SIGRTMIN, value);
    sigset_t lowest = set_of(SIGRTMIN, 0);
    TRY(sigwaitinfo(&lowest, &info) == SIGRTMIN);
    SAY("first %d", info.si_value.sival_int);
    sigtimedwait(&lowest, &info, &none);
    SAY("second %d", info.si_value.sival_int);
    // Handlers run with the lowest number outermost last: the first to be set up is interrupted by the others.
    for (int signo = SIGRTMIN; signo < SIGRTMIN + 3; signo++) handle(signo, counts, 0);
    handle(SIGUSR1, counts, 0);
    for (int i = 2; i >= 0; i--) raise(SIGRTMIN + i);
    raise(SIGUSR1);
    count = 0;
    sigprocmask(SIG_SETMASK, &old, 0);
    for (int i = 0; i < count; i++) SAY("handler %d: %d", i, order[i] >= SIGRTMIN ? order[i] - SIGRTMIN + 100 : order[i]);
    // How many may wait.
    struct rlimit limit;
    getrlimit(RLIMIT_SIGPENDING, &limit);
    struct rlimit few = { 0, limit.rlim_max };
    TRY(setrlimit(RLIMIT_SIGPENDING, &few));
    block(SIG_BLOCK, SIGRTMIN, SIGUSR1);
    TRY(sigqueue(getpid(), SIGRTMIN, value));
    TRY(sigqueue(getpid(), SIGUSR1, value));
    TRY(kill(getpid(), SIGUSR1));
    TRY(kill(getpid(), SIGRTMIN));
    count = 0;
    block(SIG_UNBLOCK, SIGRTMIN, SIGUSR1);
    SAY("arrived %d", count);
    setrlimit(RLIMIT_SIGPENDING, &limit);
    // What is ignored from now on is forgotten, what is so by default as well.
    block(SIG_BLOCK, SIGUSR1, SIGWINCH);
    handle(SIGWINCH, counts, 0);
    raise(SIGUSR1);
    raise(SIGWINCH);
    signal(SIGUSR1, SIG_IGN);
    signal(SIGWINCH, SIG_DFL);
    sigset_t pending;
    sigpending(&pending);
    SAY("pending %d %d", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGWINCH));
    // An ignored signal that is blocked waits.
    raise(SIGUSR1);
    sigpending(&pending);
    SAY("pending %d", sigismember(&pending, SIGUSR1));
    signal(SIGUSR1, SIG_DFL);
    signal(SIGUSR1, SIG_IGN);
    block(SIG_UNBLOCK, SIGUSR1, SIGWINCH);
}

static pthread_t main_thread;
static volatile int tries;

/* Sends SIGUSR1 to the main thread until it has come out of its call. */
static void *sends(void *unused) {
    while (tries) {
        usleep(20000);
        if (tries) pthread_kill(main_thread, SIGUSR1);
        if (--tries == 0) break;
    }
    return 0;
}

static int listener, ends[2], pair[2], event_set;
static sem_t semaphore;
static struct timespec long_time = { 2, 0 };

static long reads(void) { char byte; return read(ends[0], &byte, 1); }
static long receives(void) { char byte; return recv(pair[0], &byte, 1, 0); }
static long accepts(void) { return accept(listener, 0, 0); }
static long waits(void) { return wait4(-1, 0, 0, 0); }
static long polls(void) { return poll(0, 0, 2000); }
static long selects(void) { struct timeval time = { 2, 0 }; return select(0, 0, 0, 0, &time); }
static long pselects(void) { return pselect(0, 0, 0, 0, &long_time, 0); }
static long epolls(void) { struct epoll_event event; return epoll_wait(event_set, &event, 1, 2000); }
static long sleeps(void) { struct timespec left; return nanosleep(&long_time, &left); }
static long sleeps_until(void) {
    struct timespec then;
    clock_gettime(CLOCK_MONOTONIC, &then);
    then.tv_sec += 2;
    int error = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &then, 0);
    errno = error;
    return error ? -1 : 0;
}
static long pauses(void) { return pause(); }
static long suspends(void) { sigset_t none; sigemptyset(&none); return sigsuspend(&none); }
static long waits_for(void) { sigset_t set = set_of(SIGHUP, 0); return sigtimedwait(&set, 0, &long_time); }
static long waits_semaphore(void) { return sem_timedwait(&semaphore, &(struct timespec){ time(0) + 3, 0 }); }
static long futexes(void) { int word = 0; return syscall(SYS_futex, &word, 0, 0, &long_time, 0, 0); }
static long futexes_forever(void) { static int word; return syscall(SYS_futex, &word, 0, 0, 0, 0, 0); }
static long locks(void) { struct flock lock = { .l_type = F_WRLCK }; return fcntl(listener, F_SETLKW, &lock); }

/* What an interrupted call returns without and with SA_RESTART; a call that starts again ends by its time-out or `undo`. */
static void interrupted(const char *name, long (*call)(void), int restarts) {
    for (int flag = 0; flag <= restarts; flag++) {
        handle(SIGUSR1, counts, flag ? SA_RESTART : 0);
        tries = 1;
        pthread_t thread;
        pthread_create(&thread, 0, sends, 0);
        errno = 0;
        long value = call();
        int error = errno;
        pthread_join(thread, 0);
        SAY("%s%s: %s, handler %d", name, flag ? " restarted" : "", value == -1 ? strerrorname_np(error) : "done", count > 0);
    }
}

static void *unblocks(void *unused) {
    usleep(100000);
    write(ends[1], "x", 1);
    write(pair[1], "x", 1);
    return 0;
}

static void unblocked(const char *name, long (*call)(void)) {
    pthread_t thread;
    pthread_create(&thread, 0, unblocks, 0);
    interrupted(name, call, 0);
    pthread_join(thread, 0);
    char bytes[8];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (read(ends[0], bytes, 8) > 0) {}
    fcntl(ends[0], F_SETFL, 0);
    while (recv(pair[0], bytes, 8, MSG_DONTWAIT) > 0) {}
    handle(SIGUSR1, counts, SA_RESTART);
    pthread_create(&thread, 0, unblocks, 0);
    tries = 1;
    pthread_t sender;
    pthread_create(&sender, 0, sends, 0);
    long value = call();
    int error = errno;
    pthread_join(thread, 0);
    pthread_join(sender, 0);
    SAY("%s restarted: %ld %s, handler %d", name, value, value == -1 ? strerrorname_np(error) : "", count);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    while (read(ends[0], bytes, 8) > 0) {}
    fcntl(ends[0], F_SETFL, 0);
    while (recv(pair[0], bytes, 8, MSG_DONTWAIT) > 0) {}
}

static void interruptions(void) {
    main_thread = pthread_self();
    MUST(pipe(ends));
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
    listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
    event_set = MUST(epoll_create1(0));
    sem_init(&semaphore, 0, 0);
    unblocked("read", reads);
    unblocked("recv", receives);
    interrupted("poll", polls, 1);
    interrupted("select", selects, 1);
    interrupted("pselect", pselects, 1);
    interrupted("epoll_wait", epolls, 1);
    interrupted("nanosleep", sleeps, 1);
    interrupted("clock_nanosleep", sleeps_until, 1);
    interrupted("pause", pauses, 1);
    interrupted("sigsuspend", suspends, 1);
    interrupted("sigtimedwait", waits_for, 1);
    interrupted("sem_timedwait", waits_semaphore, 1);
    interrupted("futex with time", futexes, 1);
    interrupted("futex", futexes_forever, 0);
    struct timeval time = { 2, 0 };
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
    interrupted("recv with time-out", receives, 1);
    pid_t pid = fork();
    if (!pid) {
        usleep(200000);
        _exit(0);
    }
    interrupted("wait4", waits, 1);
    // A signal that has no handler interrupts nothing.
    signal(SIGUSR1, SIG_IGN);
    tries = 1;
    pthread_t thread;
    pthread_create(&thread, 0, sends, 0);
    TRY(sleeps());
    pthread_join(thread, 0);
    close(listener), close(event_set), close(ends[0]), close(ends[1]), close(pair[0]), close(pair[1]);
}

static void descriptors(void) {
    sigset_t set = set_of(SIGUSR1, SIGRTMIN), none;
    sigemptyset(&none);
    sigprocmask(SIG_BLOCK, &set, 0);
    handle(SIGUSR1, counts, 0);
    TRY(signalfd(999, &set, 0));
    TRY(signalfd(0, &set, 0));
    TRY(signalfd(-1, &set, 1));
    int fd = MUST(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    struct signalfd_siginfo info[3];
    struct pollfd wait = { fd, POLLIN };
    TRY(read(fd, info, 10));
    TRY(read(fd, info, sizeof info));
    TRY(poll(&wait, 1, 0));
    union sigval value = { .sival_int = 5 };
    sigqueue(getpid(), SIGRTMIN, value);
    kill(getpid(), SIGUSR1);
    TRY(poll(&wait, 1, 0));
    TRY(read(fd, info, sizeof info) / sizeof info[0]);
    SAY("first %d code %d own %d, second %d code %d value %d", info[0].ssi_signo, info[0].ssi_code,
        info[0].ssi_pid == getpid(), info[1].ssi_signo == SIGRTMIN, info[1].ssi_code, info[1].ssi_int);
    TRY(write(fd, info, sizeof info));
    sigset_t other = set_of(SIGUSR2, 0);
    TRY(signalfd(fd, &other, 0) == fd);
    kill(getpid(), SIGUSR1);
    TRY(poll(&wait, 1, 0));
    sigtimedwait(&set, 0, &(struct timespec){0});
    close(fd);
    sigprocmask(SIG_UNBLOCK, &set, 0);
}

static volatile int thread_signal;
static void in_thread(int signo) { thread_signal = gettid(); }
static volatile int worker_tid;
static sem_t ready, done;

static void *works(void *unused) {
    block(SIG_UNBLOCK, SIGUSR2, 0);
    worker_tid = gettid();
    sem_post(&ready);
    while (sem_wait(&done)) {}
    return 0;
}

static volatile int cleaned;
static void cleans(void *unused) { cleaned++; }

static void *cancelled(void *how) {
    pthread_cleanup_push(cleans, 0);
    if (how == (void *)1) {
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, 0);
        sem_post(&ready);
        for (;;) {}
    }
    sem_post(&ready);
    if (how == (void *)2) {
        char byte;
        int pipe_ends[2];
        pipe(pipe_ends);
        read(pipe_ends[0], &byte, 1);
    }
    for (;;) sleep(100);
    pthread_cleanup_pop(0);
    return 0;
}

static void threads(void) {
    sem_init(&ready, 0, 0);
    sem_init(&done, 0, 0);
    handle(SIGUSR2, in_thread, 0);
    block(SIG_BLOCK, SIGUSR2, 0);
    pthread_t thread;
    pthread_create(&thread, 0, works, 0);
    sem_wait(&ready);
    // To the process: the one thread that does not block it.
    kill(getpid(), SIGUSR2);
    while (!thread_signal) usleep(1000);
    SAY("by the one that lets it through: %d", thread_signal == worker_tid);
    thread_signal = 0;
    pthread_kill(pthread_self(), SIGUSR2);
    sigset_t pending;
    sigpending(&pending);
    SAY("waits for its thread: %d", sigismember(&pending, SIGUSR2));
    block(SIG_UNBLOCK, SIGUSR2, 0);
    SAY("by it: %d", thread_signal == gettid());
    thread_signal = 0;
    TRY(syscall(SYS_tgkill, getpid(), worker_tid, SIGUSR2));
    while (!thread_signal) usleep(1000);
    SAY("by the other: %d", thread_signal == worker_tid);
    sem_post(&done);
    pthread_join(thread, 0);
    TRY(syscall(SYS_tgkill, getpid(), worker_tid, SIGUSR2));
    for (long how = 0; how < 3; how++) {
        void *value;
        pthread_create(&thread, 0, cancelled, (void *)how);
        sem_wait(&ready);
        pthread_cancel(thread);
        pthread_join(thread, &value);
        SAY("cancelled %d, cleaned %d", value == PTHREAD_CANCELED, cleaned);
    }
}

static void waiting(void) {
    // sigsuspend lets through what it is told to, and has the old mask after.
    handle(SIGUSR1, counts, 0);
    handle(SIGHUP, counts, 0);
    block(SIG_BLOCK, SIGUSR1, SIGHUP);
    raise(SIGUSR1);
    raise(SIGHUP);
    count = 0;
    sigset_t set = set_of(SIGHUP, 0), now;
    TRY(sigsuspend(&set));
    sigprocmask(SIG_BLOCK, 0, &now);
    SAY("calls %d, last %d, blocked %d %d", count, last, sigismember(&now, SIGUSR1), sigismember(&now, SIGHUP));
    set = set_of(SIGUSR1, 0);
    struct timespec short_time = { 0, 1000000 };
    TRY(ppoll(0, 0, &short_time, &set));
    SAY("calls %d, last %d", count, last);
    TRY(ppoll(0, 0, &short_time, &set));
    raise(SIGUSR1);
    sigemptyset(&set);
    TRY(pselect(0, 0, 0, 0, &short_time, &set));
    raise(SIGUSR1);
    int fd = MUST(epoll_create1(0));
    struct epoll_event event;
    TRY(epoll_pwait(fd, &event, 1, 1, &set));
    close(fd);
    raise(SIGHUP);
    siginfo_t info;
    set = set_of(SIGHUP, 0);
    TRY(sigtimedwait(&set, &info, &short_time));
    TRY(sigtimedwait(&set, &info, &short_time));
    block(SIG_UNBLOCK, SIGUSR1, SIGHUP);
}

int main(int argc, char **argv) {
    errors();
    sources();
    flags();
    nesting();
    ordering();
    waiting();
    interruptions();
    descriptors();
    threads();
    return 0;
}
