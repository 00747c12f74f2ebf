/* Threads: how they begin and end, what each has of its own, and what they wait for. */
#include "oracle.h"
#include <dirent.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <time.h>

static const char *named(int error) { return error ? strerrorname_np(error) : "0"; }
#define PT(call) SAY("%s: %s", #call, named(call))

static sem_t ready, go;
static __thread int own = 5;
static __thread char large[100000];

static void *value(void *argument) { return (char *)argument + 1; }

static void *looks(void *argument) {
    int seen = own;
    own = (int)(long)argument;
    large[99999] = 1;
    return (void *)(long)seen;
}

static int tasks(void) {
    DIR *folder = opendir("/proc/self/task");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void *stays(void *argument) {
    if (argument) *(int *)argument = gettid();
    sem_post(&ready);
    while (sem_wait(&go)) {}
    return 0;
}

static void basics(void) {
    pthread_t threads[50], thread;
    void *result;
    long sum = 0;
    for (long i = 0; i < 50; i++) pthread_create(&threads[i], 0, value, (void *)i);
    for (int i = 0; i < 50; i++) {
        pthread_join(threads[i], &result);
        sum += (long)result;
    }
    SAY("sum %ld", sum);
    own = 9;
    pthread_create(&thread, 0, looks, (void *)77);
    pthread_join(thread, &result);
    SAY("thread's own: first %ld, here %d, other's %d", (long)result, own, large[99999]);
    int tid = 0;
    pthread_create(&thread, 0, stays, &tid);
    sem_wait(&ready);
    SAY("ids: %d %d %d", tid != getpid(), tid > 0, gettid() == getpid());
    SAY("tasks %d", tasks());
    PT(pthread_tryjoin_np(thread, 0));
    struct timespec soon;
    clock_gettime(CLOCK_REALTIME, &soon);
    PT(pthread_timedjoin_np(thread, 0, &soon));
    PT(pthread_setname_np(thread, "worker"));
    PT(pthread_setname_np(thread, "a name too long for it"));
    char name[32] = "", path[64];
    PT(pthread_getname_np(thread, name, sizeof name));
    SAY("name %s", name);
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", tid);
    FILE *file = fopen(path, "r");
    if (file && fgets(name, sizeof name, file)) printf("%s", name);
    if (file) fclose(file);
    TRY(prctl(PR_SET_NAME, "the main thread of all"));
    prctl(PR_GET_NAME, name);
    SAY("own name %s", name);
    TRY(kill(tid, 0));
    TRY(syscall(SYS_tgkill, getpid(), tid, 0));
    TRY(getpgid(tid) == getpgrp());
    TRY(syscall(SYS_set_tid_address, 0) == gettid());
    sem_post(&go);
    pthread_join(thread, 0);
    TRY(syscall(SYS_tgkill, getpid(), tid, 0));
    SAY("tasks %d", tasks());
    PT(pthread_join(pthread_self(), 0));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    PT(pthread_attr_setstacksize(&attributes, 100));
    PT(pthread_attr_setstacksize(&attributes, 1 << 20));
    PT(pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED));
    PT(pthread_create(&thread, &attributes, stays, 0));
    sem_wait(&ready);
    PT(pthread_join(thread, 0));
    PT(pthread_detach(thread));
    sem_post(&go);
}

/* A process in which `work` goes on; how that ends. */
static void in_child(const char *what, void (*work)(void)) {
    pid_t pid = MUST(fork());
    if (!pid) {
        work();
        _exit(99);
    }
    int status;
    waitpid(pid, &status, 0);
    SAY("%s: %s %d", what, WIFSIGNALED(status) ? "killed" : "exited", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static pid_t main_tid;
static void *goes_on(void *unused) {
    while (syscall(SYS_tgkill, getpid(), getpid(), 0) == 0 && tasks() > 2) usleep(1000);
    usleep(50000);
    // The leader is a zombie, and the process is still there.
    char line[64] = "";
    FILE *file = fopen("/proc/self/comm", "r");
    int there = file != 0;
    (void)line;
    _exit(getpid() == main_tid && kill(getpid(), 0) == 0 && there ? 21 : 22);
}
static void main_leaves(void) {
    pthread_t thread;
    main_tid = getpid();
    pthread_create(&thread, 0, goes_on, 0);
    pthread_exit(0);
}
static void *last(void *unused) { usleep(30000); return 0; }
static void last_leaves(void) {
    pthread_t thread;
    pthread_create(&thread, 0, last, 0);
    pthread_exit(0);
}
static void *exits(void *unused) { _exit(33); }
static void thread_exits(void) {
    pthread_t thread;
    pthread_create(&thread, 0, exits, 0);
    for (;;) pause();
}
static void *raw_exit(void *unused) { syscall(SYS_exit, 3); return 0; }
static void one_thread_ends(void) {
    pthread_t thread;
    pthread_create(&thread, 0, raw_exit, 0);
    pthread_join(thread, 0);
    _exit(34);
}
static void *executes(void *unused) {
    if (gettid() == getpid()) _exit(1);
    char pid[16];
    snprintf(pid, sizeof pid, "%d", getpid());
    execl("/bin/sh", "sh", "-c", "test $$ = $0 && test $(ls /proc/$$/task) = $$ && exit 44; exit 45", pid, (char *)0);
    return 0;
}
static void exec_from_a_thread(void) {
    pthread_t thread;
    for (int i = 0; i < 3; i++) pthread_create(&thread, 0, stays, 0);
    pthread_create(&thread, 0, executes, 0);
    for (;;) pause();
}
static void *crashes(void *unused) { *(volatile int *)8 = 1; return 0; }
static void thread_crashes(void) {
    pthread_t thread;
    pthread_create(&thread, 0, crashes, 0);
    for (;;) pause();
}
static void *forks(void *unused) {
    pid_t pid = fork();
    if (!pid) {
        int alone = tasks() == 1 && gettid() == getpid();
        pthread_t thread;
        void *got;
        pthread_create(&thread, 0, value, (void *)4);
        pthread_join(thread, &got);
        _exit(alone ? 50 + (long)got : 60);
    }
    int status;
    waitpid(pid, &status, 0);
    _exit(WEXITSTATUS(status));
}
static void fork_from_a_thread(void) {
    pthread_t thread;
    pthread_create(&thread, 0, stays, 0);
    pthread_create(&thread, 0, forks, 0);
    for (;;) pause();
}
static pid_t shared_child;
static void *waits_for_it(void *unused) { return (void *)(long)(waitpid(shared_child, 0, 0) == shared_child); }
static void wait_by_another(void) {
    pthread_t thread;
    void *got;
    shared_child = fork();
    if (!shared_child) _exit(0);
    pthread_create(&thread, 0, waits_for_it, 0);
    pthread_join(thread, &got);
    _exit(got ? 70 : 71);
}

static pthread_mutex_t mutex;
static void *dies_holding(void *unused) { pthread_mutex_lock(&mutex); return 0; }
static void *holds(void *unused) {
    pthread_mutex_lock(&mutex);
    sem_post(&ready);
    while (sem_wait(&go)) {}
    PT(pthread_mutex_unlock(&mutex));
    return 0;
}

static struct timespec in_milliseconds(clockid_t clock, int milliseconds) {
    struct timespec time;
    clock_gettime(clock, &time);
    time.tv_nsec += milliseconds * 1000000L;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static void mutexes(void) {
    pthread_mutexattr_t attributes;
    pthread_t thread;
    struct timespec soon;
    const int kinds[] = { PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ERRORCHECK };
    for (int i = 0; i < 3; i++) {
        pthread_mutexattr_init(&attributes);
        pthread_mutexattr_settype(&attributes, kinds[i]);
        pthread_mutex_init(&mutex, &attributes);
        PT(pthread_mutex_lock(&mutex));
        PT(pthread_mutex_trylock(&mutex));
        PT(pthread_mutex_unlock(&mutex));
        if (kinds[i] == PTHREAD_MUTEX_RECURSIVE) PT(pthread_mutex_unlock(&mutex));
        pthread_create(&thread, 0, holds, 0);
        sem_wait(&ready);
        PT(pthread_mutex_trylock(&mutex));
        soon = in_milliseconds(CLOCK_REALTIME, 20);
        PT(pthread_mutex_timedlock(&mutex, &soon));
        soon = in_milliseconds(CLOCK_MONOTONIC, 20);
        PT(pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &soon));
        if (kinds[i] == PTHREAD_MUTEX_ERRORCHECK) PT(pthread_mutex_unlock(&mutex));
        sem_post(&go);
        pthread_join(thread, 0);
        pthread_mutex_destroy(&mutex);
    }
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex, &attributes);
    pthread_create(&thread, 0, dies_holding, 0);
    pthread_join(thread, 0);
    PT(pthread_mutex_trylock(&mutex));
    PT(pthread_mutex_consistent(&mutex));
    PT(pthread_mutex_unlock(&mutex));
    PT(pthread_mutex_lock(&mutex));
    PT(pthread_mutex_unlock(&mutex));
    pthread_create(&thread, 0, dies_holding, 0);
    pthread_join(thread, 0);
    PT(pthread_mutex_lock(&mutex));
    PT(pthread_mutex_unlock(&mutex));
    PT(pthread_mutex_lock(&mutex));
    // Between processes: the holder is killed.
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_t *shared = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutex_init(shared, &attributes);
    int ends[2];
    MUST(pipe(ends));
    pid_t pid = fork();
    if (!pid) {
        pthread_mutex_lock(shared);
        write(ends[1], "x", 1);
        for (;;) pause();
    }
    char byte;
    read(ends[0], &byte, 1);
    PT(pthread_mutex_trylock(shared));
    kill(pid, SIGKILL);
    PT(pthread_mutex_lock(shared));
    PT(pthread_mutex_consistent(shared));
    PT(pthread_mutex_unlock(shared));
    waitpid(pid, 0, 0);
}

static pthread_barrier_t barrier;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int serial, turns, ran;
static void *meets(void *unused) {
    for (int i = 0; i < 100; i++)
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) __atomic_add_fetch(&serial, 1, __ATOMIC_SEQ_CST);
    return 0;
}
static void *takes_turns(void *who) {
    for (int i = 0; i < 200; i++) {
        pthread_mutex_lock(&mutex);
        while (turns % 4 != (long)who) pthread_cond_wait(&condition, &mutex);
        turns++;
        pthread_cond_broadcast(&condition);
        pthread_mutex_unlock(&mutex);
    }
    return 0;
}
static void runs_once(void) { ran++; }
static void *tries_once(void *unused) { pthread_once(&once, runs_once); return 0; }
static void *try_write(void *unused) { return (void *)(long)pthread_rwlock_trywrlock(&lock); }
static void *try_read(void *unused) {
    int error = pthread_rwlock_tryrdlock(&lock);
    if (!error) pthread_rwlock_unlock(&lock);
    return (void *)(long)error;
}

static void meetings(void) {
    pthread_t threads[4];
    void *got;
    pthread_barrier_init(&barrier, 0, 4);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, meets, 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    SAY("serial %d", serial);
    PT(pthread_barrier_init(&barrier, 0, 0));
    pthread_mutex_init(&mutex, 0);
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, takes_turns, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    SAY("turns %d", turns);
    pthread_mutex_lock(&mutex);
    struct timespec soon = in_milliseconds(CLOCK_REALTIME, 20);
    PT(pthread_cond_timedwait(&condition, &mutex, &soon));
    soon = in_milliseconds(CLOCK_MONOTONIC, 20);
    PT(pthread_cond_clockwait(&condition, &mutex, CLOCK_MONOTONIC, &soon));
    soon.tv_nsec = 1000000000;
    PT(pthread_cond_timedwait(&condition, &mutex, &soon));
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, tries_once, 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    SAY("once %d", ran);
    PT(pthread_rwlock_rdlock(&lock));
    pthread_create(&threads[0], 0, try_read, 0);
    pthread_join(threads[0], &got);
    SAY("read beside a reader: %s", named((long)got));
    pthread_create(&threads[0], 0, try_write, 0);
    pthread_join(threads[0], &got);
    SAY("write beside a reader: %s", named((long)got));
    pthread_rwlock_unlock(&lock);
    PT(pthread_rwlock_wrlock(&lock));
    PT(pthread_rwlock_wrlock(&lock));
    soon = in_milliseconds(CLOCK_REALTIME, 10);
    pthread_create(&threads[0], 0, try_read, 0);
    pthread_join(threads[0], &got);
    SAY("read beside a writer: %s", named((long)got));
    sem_t semaphore;
    sem_init(&semaphore, 0, 1);
    TRY(sem_trywait(&semaphore));
    TRY(sem_trywait(&semaphore));
    TRY(sem_timedwait(&semaphore, &soon));
    TRY(sem_clockwait(&semaphore, CLOCK_MONOTONIC, &(struct timespec){ 0, 1 }));
}

/* The calls below the library. */
static void raw(void) {
    struct robust_list_head *head = 0;
    size_t size = 0;
    TRY(syscall(SYS_get_robust_list, 0, &head, &size));
    SAY("list %d, size %d", head != 0, (int)size);
    TRY(syscall(SYS_get_robust_list, 1 << 22, &head, &size));
    TRY(syscall(SYS_get_robust_list, 0, 8, &size));
    TRY(syscall(SYS_set_robust_list, head, 7));
    TRY(syscall(SYS_set_robust_list, head, size));
    static char stack[65536] __attribute__((aligned(16)));
    TRY(syscall(SYS_clone, CLONE_VM | CLONE_THREAD, stack + 65536, 0, 0, 0));
    TRY(syscall(SYS_clone, CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_NEWUTS, stack + 65536, 0, 0, 0));
    static int tid, done;
    int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID |
        CLONE_PARENT_SETTID | CLONE_CHILD_SETTID;
    register int *child __asm__("r10") = &tid;
    register long tls __asm__("r8") = 0;
    long got = SYS_clone;
    __asm__ volatile("syscall; test %%rax, %%rax; jnz 1f; movl $1, %5; movl $60, %%eax; xorl %%edi, %%edi; syscall; 1:"
        : "+a"(got) : "D"((long)flags), "S"(stack + 65536), "d"(&tid), "r"(child), "m"(done), "r"(tls) : "rcx", "r11", "memory");
    SAY("made %d", got > 0);
    for (int old; (old = __atomic_load_n(&tid, __ATOMIC_SEQ_CST));) syscall(SYS_futex, &tid, FUTEX_WAIT, old, 0, 0, 0);
    SAY("cleared, ran %d", done);
    // Scheduling between threads, by each one's id.
    TRY(sched_yield());
    TRY(syscall(SYS_rseq, 0, 0, 1, 0));
    TRY(syscall(SYS_membarrier, 99, 0, 0));
    TRY(syscall(SYS_membarrier, 0, 1, 0));
    SAY("SYS_membarrier has %d", syscall(SYS_membarrier, 0, 0, 0) > 0 ? (int)(syscall(SYS_membarrier, 0, 0, 0) & 25) : 0);
    TRY(syscall(SYS_membarrier, 1, 0, 0));
    TRY(syscall(SYS_membarrier, 8, 0, 0));
    TRY(syscall(SYS_membarrier, 16, 0, 0));
    TRY(syscall(SYS_membarrier, 8, 0, 0));
}

int main(void) {
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    sem_init(&ready, 0, 0);
    sem_init(&go, 0, 0);
    basics();
    in_child("main thread leaves", main_leaves);
    in_child("last thread leaves", last_leaves);
    in_child("a thread exits", thread_exits);
    in_child("one thread ends", one_thread_ends);
    in_child("exec from a thread", exec_from_a_thread);
    in_child("a thread crashes", thread_crashes);
    in_child("fork from a thread", fork_from_a_thread);
    in_child("wait by another", wait_by_another);
    mutexes();
    meetings();
    raw();
    return 0;
}
