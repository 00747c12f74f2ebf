/* POSIX IPC: message queues with their limits, priorities, waits and notices; named semaphores and shared memory. */
#include "oracle.h"
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/time.h>
#include <sys/epoll.h>
#include <time.h>

static char buffer[10000];
static volatile sig_atomic_t told, told_value, told_code, told_by_self;

static void on_notice(int signal, siginfo_t *info, void *context) {
    told++;
    told_value = info->si_value.sival_int;
    told_code = info->si_code;
    told_by_self = info->si_pid == getpid() && info->si_uid == getuid();
}

static void on_alarm(int signal) { (void)signal; }

static struct timespec in_milliseconds(long milliseconds) {
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_nsec += milliseconds * 1000000;
    at.tv_sec += at.tv_nsec / 1000000000;
    at.tv_nsec %= 1000000000;
    return at;
}

static void attributes(mqd_t queue) {
    struct mq_attr attr = {0};
    TRY(mq_getattr(queue, &attr));
    SAY("flags %lo, %ld messages of %ld bytes, now %ld", attr.mq_flags, attr.mq_maxmsg, attr.mq_msgsize,
        attr.mq_curmsgs);
}

static void names(void) {
    char longest[258] = "/", longer[259] = "/";
    memset(longest + 1, 'n', 255);
    memset(longer + 1, 'n', 256);
    TRY(mq_open("none", O_RDWR));
    TRY(mq_open("/none", O_RDWR));
    TRY(mq_open("/", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_open("/.", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_open("/..", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_open("/a/b", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_open(longer, O_RDWR | O_CREAT, 0600, 0));
    OK(mq_open(longest, O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_unlink(longest));
    TRY(mq_unlink(longest));
    TRY(mq_unlink("none"));
    TRY(mq_unlink("/"));
    TRY(mq_unlink("/a/b"));
    TRY(syscall(SYS_mq_open, 8, O_RDWR, 0, 0));
    TRY(syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, 8));
    TRY(syscall(SYS_mq_unlink, 8));
    OK(mq_open("/q", O_RDWR | O_CREAT | O_EXCL, 0600, 0));
    TRY(mq_open("/q", O_RDWR | O_CREAT | O_EXCL, 0600, 0));
    OK(mq_open("/q", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_open("/q", 3));
    TRY(mq_unlink("/q"));
    TRY(mq_open("/q", O_RDWR));
    // A queue that nobody may open again, and one that may only be read.
    OK(mq_open("/closed", O_RDWR | O_CREAT, 0, 0));
    TRY(mq_open("/closed", O_RDONLY));
    TRY(mq_open("/closed", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_unlink("/closed"));
    OK(mq_open("/read", O_RDWR | O_CREAT, 0400, 0));
    OK(mq_open("/read", O_RDONLY));
    TRY(mq_open("/read", O_WRONLY));
    TRY(mq_open("/read", O_RDWR));
    TRY(mq_unlink("/read"));
}

static void limits(void) {
    static const long sizes[][2] = { {0, 1}, {1, 0}, {-1, 1}, {1, -1}, {11, 1}, {1, 8193}, {10, 8192}, {1, 1},
        {LONG_MAX, LONG_MAX}, {LONG_MIN, 8} };
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct mq_attr attr = { .mq_flags = -1, .mq_maxmsg = sizes[i][0], .mq_msgsize = sizes[i][1], .mq_curmsgs = 99 };
        mqd_t queue = mq_open("/sized", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
        SAY("%ld messages of %ld: %s", sizes[i][0], sizes[i][1], queue < 0 ? strerrorname_np(errno) : "made");
        if (queue < 0) continue;
        attributes(queue);
        mq_close(queue);
        mq_unlink("/sized");
    }
    struct rlimit limit = { 3 * (10 * (8192 + 96)), 819200 };
    TRY(setrlimit(RLIMIT_MSGQUEUE, &limit));
    mqd_t queues[4];
    for (int i = 0; i < 4; i++) {
        char name[8];
        snprintf(name, sizeof name, "/many%d", i);
        queues[i] = mq_open(name, O_RDWR | O_CREAT, 0600, 0);
        SAY("queue %d: %s", i, queues[i] < 0 ? strerrorname_np(errno) : "made");
        mq_unlink(name);
    }
    for (int i = 0; i < 3; i++) mq_close(queues[i]);
    OK(mq_open("/again", O_RDWR | O_CREAT, 0600, 0));
    TRY(mq_unlink("/again"));
}

static void messages(void) {
    struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 16 }, old;
    unsigned priority;
    mqd_t queue = MUST(mq_open("/m", O_RDWR | O_CREAT | O_NONBLOCK, 0640, &attr));
    mqd_t reader = MUST(mq_open("/m", O_RDONLY)), writer = MUST(mq_open("/m", O_WRONLY | O_NONBLOCK));
    attributes(queue);
    attributes(reader);
    TRY(mq_receive(queue, buffer, 16, 0));
    TRY(mq_receive(queue, buffer, 15, 0));
    TRY(mq_receive(writer, buffer, 16, 0));
    TRY(mq_send(reader, "x", 1, 0));
    TRY(mq_send(queue, "seventeen bytes..", 17, 0));
    TRY(mq_send(queue, "", 0, 0));
    TRY(mq_send(queue, "low", 3, 1));
    TRY(mq_send(writer, "high", 4, 32767));
    TRY(mq_send(writer, "x", 1, 32768));
    TRY(mq_send(queue, "lower", 5, 1));
    TRY(mq_send(queue, "full", 4, 9));
    TRY(mq_send(queue, (char *)8, 4, 9));
    attributes(queue);
    struct stat st;
    TRY(fstat(queue, &st));
    SAY("mode %o, size %ld, links %ld, own %d", st.st_mode, st.st_size, (long)st.st_nlink, st.st_uid == getuid());
    memset(buffer, 0, sizeof buffer);
    TRY(pread(queue, buffer, 200, 0));
    SAY("%s", buffer);
    TRY(write(queue, "x", 1));
    TRY(lseek(queue, 0, SEEK_CUR));
    TRY(fcntl(queue, F_GETFL));
    TRY(fcntl(reader, F_GETFL));
    TRY(fcntl(queue, F_GETFD));
    for (int i = 0; i < 5; i++) {
        memset(buffer, 0, 20);
        long got = mq_receive(queue, buffer, 9000, &priority);
        SAY("got %s: \"%s\" %d", result(got), buffer, got < 0 ? -1 : (int)priority);
    }
    TRY(mq_send(queue, "a", 1, 5));
    TRY(mq_receive(queue, (char *)8, 16, 0));
    TRY(mq_receive(queue, buffer, 16, 0));
    attr.mq_flags = 0;
    TRY(mq_setattr(queue, &attr, &old));
    SAY("was %lo %ld", old.mq_flags, old.mq_maxmsg);
    TRY(fcntl(queue, F_GETFL));
    attr.mq_flags = O_NONBLOCK;
    attr.mq_maxmsg = 77;
    TRY(mq_setattr(queue, &attr, 0));
    attributes(queue);
    attr.mq_flags = O_NONBLOCK | O_APPEND;
    TRY(mq_setattr(queue, &attr, 0));
    TRY(mq_setattr(-1, &attr, 0));
    TRY(mq_getattr(0, &attr));
    TRY(mq_getattr(-1, &attr));
    TRY(syscall(SYS_mq_getsetattr, queue, 8, 0));
    TRY(syscall(SYS_mq_getsetattr, queue, 0, 8));
    TRY(syscall(SYS_mq_getsetattr, queue, 0, 0));
    TRY(mq_send(0, "x", 1, 0));
    TRY(mq_receive(99, buffer, 16, 0));
    TRY(mq_unlink("/m"));
    TRY(fstat(queue, &st));
    SAY("links %ld", (long)st.st_nlink);
    TRY(mq_send(queue, "x", 1, 0));
    TRY(mq_receive(reader, buffer, 16, 0));
    TRY(mq_close(queue));
    TRY(mq_close(queue));
}

static void waits(void) {
    struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 8 };
    mqd_t queue = MUST(mq_open("/w", O_RDWR | O_CREAT, 0600, &attr));
    struct timespec at = in_milliseconds(20), past = {1, 0}, wrong = {1, 1000000000}, negative = {-1, 0};
    TRY(mq_timedreceive(queue, buffer, 8, 0, &at));
    TRY(mq_timedreceive(queue, buffer, 8, 0, &past));
    TRY(mq_timedreceive(queue, buffer, 8, 0, &wrong));
    TRY(mq_timedreceive(queue, buffer, 8, 0, &negative));
    TRY(mq_timedreceive(queue, buffer, 8, 0, (void *)8));
    TRY(mq_timedsend(queue, "x", 1, 0, &past));
    TRY(mq_timedsend(queue, "x", 1, 0, &past));
    TRY(mq_timedsend(queue, "x", 1, 0, &wrong));
    at = in_milliseconds(20);
    TRY(mq_timedsend(queue, "x", 1, 0, &at));
    TRY(mq_timedreceive(queue, buffer, 8, 0, &past));
    // A signal ends a wait, or with SA_RESTART does not.
    struct sigaction action = { .sa_handler = on_alarm };
    struct itimerval timer = { .it_value = { .tv_usec = 20000 } };
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &timer, 0);
    TRY(mq_receive(queue, buffer, 8, 0));
    action.sa_flags = SA_RESTART;
    sigaction(SIGALRM, &action, 0);
    setitimer(ITIMER_REAL, &timer, 0);
    at = in_milliseconds(100);
    TRY(mq_timedreceive(queue, buffer, 8, 0, &at));
    // Another process sends, and one receives.
    if (!fork()) {
        usleep(20000);
        mq_send(queue, "child", 5, 3);
        _exit(0);
    }
    unsigned priority;
    TRY(mq_receive(queue, buffer, 8, &priority));
    SAY("%.5s, priority %u", buffer, priority);
    wait(0);
    TRY(mq_send(queue, "1", 1, 0));
    if (!fork()) {
        usleep(20000);
        mq_receive(queue, buffer, 8, 0);
        _exit(0);
    }
    TRY(mq_send(queue, "2", 1, 0));
    wait(0);
    TRY(mq_receive(queue, buffer, 8, 0));
    SAY("%.1s", buffer);
    mq_close(queue);
    mq_unlink("/w");
}

static void polled(void) {
    struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 8 };
    mqd_t queue = MUST(mq_open("/p", O_RDWR | O_CREAT | O_NONBLOCK, 0600, &attr));
    struct pollfd look = { queue, POLLIN | POLLOUT | POLLPRI, 0 };
    struct epoll_event event = { EPOLLIN | EPOLLET, {0} };
    int set = MUST(epoll_create1(0));
    TRY(epoll_ctl(set, EPOLL_CTL_ADD, queue, &event));
    for (int i = 0; i < 3; i++) {
        TRY(poll(&look, 1, 0));
        SAY("%d messages: %x, epoll %d", i, look.revents, epoll_wait(set, &event, 1, 0));
        mq_send(queue, "x", 1, 0);
    }
    mq_close(queue);
    mq_unlink("/p");
}

static sem_t called;
static void call(union sigval value) {
    told_value = value.sival_int;
    sem_post(&called);
}

static void notices(void) {
    mqd_t queue = MUST(mq_open("/n", O_RDWR | O_CREAT | O_NONBLOCK, 0600, 0));
    struct sigaction action = { .sa_sigaction = on_notice, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, 0);
    struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = { 42 } };
    struct sigevent none = { .sigev_notify = SIGEV_NONE }, wrong = { .sigev_notify = 77 };
    struct sigevent bad = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 65 };
    TRY(mq_notify(-1, &event));
    TRY(mq_notify(0, &event));
    TRY(mq_notify(queue, &wrong));
    TRY(mq_notify(queue, &bad));
    TRY(syscall(SYS_mq_notify, queue, 8));
    TRY(mq_notify(queue, 0));
    TRY(mq_notify(queue, &event));
    TRY(mq_notify(queue, &event));
    TRY(mq_notify(queue, &none));
    if (!fork()) {
        TRY(mq_notify(queue, &none));
        TRY(mq_notify(queue, 0));
        _exit(0);
    }
    wait(0);
    memset(buffer, 0, 200);
    pread(queue, buffer, 200, 0);
    *strstr(buffer, "_PID:") = 0;
    SAY("%s", buffer);
    TRY(mq_send(queue, "x", 1, 0));
    SAY("told %d: value %d, code %d, by self %d", told, told_value, told_code, told_by_self);
    TRY(mq_send(queue, "y", 1, 0));
    SAY("told %d", told);
    // Not while messages wait; only when it is empty again.
    TRY(mq_notify(queue, &event));
    TRY(mq_send(queue, "z", 1, 0));
    SAY("told %d", told);
    while (mq_receive(queue, buffer, 8192, 0) >= 0);
    TRY(mq_send(queue, "z", 1, 0));
    SAY("told %d", told);
    while (mq_receive(queue, buffer, 8192, 0) >= 0);
    // Taken back, and by closing any descriptor of the queue.
    TRY(mq_notify(queue, &event));
    TRY(mq_notify(queue, 0));
    TRY(mq_notify(queue, &none));
    mqd_t other = MUST(mq_open("/n", O_RDONLY));
    TRY(mq_notify(other, &event));
    TRY(mq_close(other));
    TRY(mq_notify(queue, &event));
    // A receiver that waits gets the message, and nobody is told.
    fcntl(queue, F_SETFL, 0);
    if (!fork()) {
        usleep(20000);
        mq_send(queue, "c", 1, 0);
        _exit(0);
    }
    struct timespec late = in_milliseconds(5000);
    TRY(mq_timedreceive(queue, buffer, 8192, 0, &late));
    wait(0);
    SAY("told %d", told);
    TRY(mq_notify(queue, 0));
    sem_init(&called, 0, 0);
    struct sigevent thread = { .sigev_notify = SIGEV_THREAD, .sigev_value = { 43 }, .sigev_notify_function = call };
    TRY(mq_notify(queue, &thread));
    TRY(mq_notify(queue, &event));
    TRY(mq_send(queue, "t", 1, 0));
    TRY(sem_wait(&called));
    SAY("thread told %d", told_value);
    TRY(mq_notify(queue, &thread));
    TRY(mq_notify(queue, 0));
    mq_close(queue);
    mq_unlink("/n");
}

static void semaphores(void) {
    struct timespec past = {1, 0}, wrong = {1, -1};
    int value;
    TRY(sem_open("/s", 0) == SEM_FAILED ? -1 : 0);
    TRY(sem_open("/s/t", O_CREAT, 0600, 1) == SEM_FAILED ? -1 : 0);
    TRY(sem_open("/", O_CREAT, 0600, 1) == SEM_FAILED ? -1 : 0);
    TRY(sem_open("/s", O_CREAT, 0600, 1u << 31) == SEM_FAILED ? -1 : 0);
    sem_t *sem = sem_open("/s", O_CREAT | O_EXCL, 0600, 1);
    TRY(sem == SEM_FAILED ? -1 : 0);
    TRY(sem_open("/s", O_CREAT | O_EXCL, 0600, 1) == SEM_FAILED ? -1 : 0);
    TRY(sem_open("/s", 0) == sem);
    TRY(sem_wait(sem));
    TRY(sem_trywait(sem));
    TRY(sem_timedwait(sem, &past));
    TRY(sem_timedwait(sem, &wrong));
    if (!fork()) {
        usleep(20000);
        sem_t *same = sem_open("/s", 0);
        sem_post(same);
        _exit(0);
    }
    TRY(sem_wait(sem));
    wait(0);
    TRY(sem_post(sem));
    TRY(sem_getvalue(sem, &value));
    SAY("value %d", value);
    struct stat st;
    TRY(stat("/dev/shm/sem.s", &st));
    SAY("mode %o, size %ld", st.st_mode, st.st_size);
    TRY(sem_unlink("/s"));
    TRY(sem_unlink("/s"));
    TRY(sem_post(sem));
    TRY(sem_close(sem));
}

static void memory(void) {
    TRY(shm_open("/none", O_RDWR, 0));
    TRY(shm_open("/a/b", O_RDWR | O_CREAT, 0600));
    TRY(shm_open("/", O_RDWR | O_CREAT, 0600));
    TRY(shm_open("/.", O_RDWR | O_CREAT, 0600));
    int fd = MUST(shm_open("/mem", O_RDWR | O_CREAT | O_EXCL, 0666));
    TRY(shm_open("/mem", O_RDWR | O_CREAT | O_EXCL, 0666));
    TRY(fcntl(fd, F_GETFD));
    struct stat st;
    TRY(fstat(fd, &st));
    SAY("mode %o, size %ld", st.st_mode, st.st_size);
    TRY(ftruncate(fd, 10000));
    char *here = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!fork()) {
        int same = shm_open("/mem", O_RDWR, 0);
        char *there = mmap(0, 10000, PROT_READ | PROT_WRITE, MAP_SHARED, same, 0);
        strcpy(there + 5000, "from the child");
        _exit(0);
    }
    wait(0);
    SAY("%s", here + 5000);
    TRY(shm_unlink("/mem"));
    TRY(shm_unlink("/mem"));
    TRY(shm_unlink("/a/b"));
    TRY(fstat(fd, &st));
    SAY("links %ld", (long)st.st_nlink);
    int only = MUST(shm_open("/mem", O_RDONLY | O_CREAT, 0400));
    TRY(ftruncate(only, 100));
    TRY(write(only, "x", 1));
    TRY(shm_open("/mem", O_RDWR, 0));
    TRY(shm_open("/mem", O_RDONLY | O_TRUNC, 0));
    shm_unlink("/mem");
}

int main(void) {
    void (*parts[])(void) = { names, limits, messages, waits, polled, notices, semaphores, memory };
    // A process each: what one leaves open or has changed is no matter for the next.
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        SAY("== part %u", i);
        if (!fork()) {
            parts[i]();
            _exit(0);
        }
        int status;
        wait(&status);
        SAY("ended with %x", status);
    }
}
