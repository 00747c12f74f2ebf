/* Futexes: private and shared, bit sets, requeue, wake-op, time-outs, robust lists, across processes. */
#include "oracle.h"
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long futex(void *word, int operation, unsigned value, const void *more, void *other, unsigned third) {
    return syscall(SYS_futex, word, operation, value, more, other, third);
}

static atomic_int first, second, awake;

struct order {
    int operation;
    unsigned bits;
};

static void *sleeper(void *argument) {
    struct order *order = argument;
    futex(&first, order->operation, 0, 0, 0, order->bits);
    atomic_fetch_add(&awake, 1);
    return 0;
}

/* Until as many threads of this process sleep as said: what wakes them has to find them. */
static long sleepers_found(int count, long (*wake)(void)) {
    long found = 0;
    while (found < count) {
        long step = wake();
        if (step < 0) return step;
        found += step;
        if (!step) usleep(1000);
    }
    return found;
}

static long wake_all(void) { return futex(&first, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0); }
static long wake_bits(void) { return futex(&first, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, 0, 0, 4); }
static long wake_other_bits(void) { return futex(&first, FUTEX_WAKE_BITSET_PRIVATE, INT_MAX, 0, 0, 3); }
static long wake_second(void) { return futex(&second, FUTEX_WAKE_PRIVATE, INT_MAX, 0, 0, 0); }
static long wake_by_operation(void) {
    unsigned code = FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0);
    return futex(&second, FUTEX_WAKE_OP_PRIVATE, 0, (void *)(long)INT_MAX, &first, code);
}
static long requeue(void) {
    return futex(&first, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)(long)INT_MAX, &second, 0);
}

static void start(pthread_t *threads, int count, struct order *order) {
    atomic_store(&awake, 0);
    for (int i = 0; i < count; i++) pthread_create(&threads[i], 0, sleeper, order);
}

static void finish(pthread_t *threads, int count) {
    for (int i = 0; i < count; i++) pthread_join(threads[i], 0);
    printf(", awake %d\n", atomic_load(&awake));
}

static void waking(void) {
    pthread_t threads[6];
    struct order plain = {FUTEX_WAIT_PRIVATE, 0}, low = {FUTEX_WAIT_BITSET_PRIVATE, 1};
    struct order high = {FUTEX_WAIT_BITSET_PRIVATE, 4};
    start(threads, 6, &plain);
    printf("wake: %ld", sleepers_found(6, wake_all));
    finish(threads, 6);
    start(threads, 3, &high);
    printf("bits: %ld", sleepers_found(3, wake_bits));
    finish(threads, 3);
    start(threads, 3, &low);
    printf("other bits: %s", result(wake_bits()));
    printf(", then %ld", sleepers_found(3, wake_other_bits));
    finish(threads, 3);
    start(threads, 4, &plain);
    printf("requeue: %ld", sleepers_found(4, requeue));
    printf(", left %s, moved %ld", result(wake_all()), sleepers_found(4, wake_second));
    finish(threads, 4);
    start(threads, 2, &plain);
    printf("by operation: %ld", sleepers_found(2, wake_by_operation));
    finish(threads, 2);
    printf("add: %s", result(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &first,
                                   FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_GE, 0))));
    printf(", and not: %s", result(futex(&second, FUTEX_WAKE_OP_PRIVATE, 1, (void *)1, &first,
                                         FUTEX_OP(FUTEX_OP_ANDN, 1, FUTEX_OP_CMP_LT, 0))));
    printf(", the word %d\n", atomic_exchange(&first, 0));
}

static void refusals(void) {
    struct timespec none = {0, 0}, odd = {0, 1000000000}, past = {1, 0};
    printf("other value: %s\n", result(futex(&first, FUTEX_WAIT_PRIVATE, 1, 0, 0, 0)));
    printf("at once: %s\n", result(futex(&first, FUTEX_WAIT_PRIVATE, 0, &none, 0, 0)));
    printf("odd time: %s\n", result(futex(&first, FUTEX_WAIT_PRIVATE, 0, &odd, 0, 0)));
    printf("past: %s", result(futex(&first, FUTEX_WAIT_BITSET_PRIVATE, 0, &past, 0, ~0u)));
    printf(", by the wall clock %s\n",
           result(futex(&first, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 0, &past, 0, ~0u)));
    printf("no bits: %s", result(futex(&first, FUTEX_WAIT_BITSET_PRIVATE, 0, 0, 0, 0)));
    printf(" %s\n", result(futex(&first, FUTEX_WAKE_BITSET_PRIVATE, 1, 0, 0, 0)));
    printf("odd address: %s", result(futex((char *)&first + 1, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0)));
    printf(" %s\n", result(futex((char *)&first + 2, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0)));
    printf("nowhere: %s", result(futex((void *)8, FUTEX_WAIT_PRIVATE, 0, 0, 0, 0)));
    printf(" %s\n", result(futex((void *)8, FUTEX_WAIT, 0, 0, 0, 0)));
    printf("requeue of another value: %s\n",
           result(futex(&first, FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)1, &second, 9)));
    printf("unknown: %s\n", result(futex(&first, 77, 0, 0, 0, 0)));
}

/* A word in shared memory, seen at two addresses by two processes. */
static void between_processes(void) {
    int file = memfd_create("words", 0), status;
    ftruncate(file, 8192);
    atomic_int *words = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    pid_t pid = fork();
    if (!pid) {
        atomic_int *again = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 4096);
        for (int turn = 0; turn < 200; turn++) {
            while (atomic_load(&again[1]) != turn * 2 + 1) futex(&again[1], FUTEX_WAIT, turn * 2, 0, 0, 0);
            atomic_store(&again[1], turn * 2 + 2);
            futex(&again[1], FUTEX_WAKE, 1, 0, 0, 0);
        }
        _exit(9);
    }
    atomic_int *word = words + 1025;
    for (int turn = 0; turn < 200; turn++) {
        atomic_store(word, turn * 2 + 1);
        futex(word, FUTEX_WAKE, 1, 0, 0, 0);
        while (atomic_load(word) != turn * 2 + 2) futex(word, FUTEX_WAIT, turn * 2 + 1, 0, 0, 0);
    }
    waitpid(pid, &status, 0);
    printf("between processes: %d, status %d\n", atomic_load(word), WEXITSTATUS(status));
}

static void robust(void) {
    pthread_mutexattr_t attributes;
    pthread_mutex_t *mutex = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(mutex, &attributes);
    pid_t pid = fork();
    if (!pid) {
        pthread_mutex_lock(mutex);
        _exit(0);
    }
    waitpid(pid, 0, 0);
    printf("owner gone: %s", strerrorname_np(pthread_mutex_lock(mutex)));
    printf(", consistent %d", pthread_mutex_consistent(mutex));
    printf(", unlock %d", pthread_mutex_unlock(mutex));
    printf(", lock %d\n", pthread_mutex_lock(mutex));
    pid = fork();
    if (!pid) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_nsec += 20000000;
        soon.tv_sec += soon.tv_nsec / 1000000000;
        soon.tv_nsec %= 1000000000;
        _exit(pthread_mutex_timedlock(mutex, &soon));
    }
    int status;
    waitpid(pid, &status, 0);
    printf("timed: %s\n", strerrorname_np(WEXITSTATUS(status)));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_rwlock_t both = PTHREAD_RWLOCK_INITIALIZER;
static sem_t semaphore;
static long counter;
static int turn;

static void *worker(void *index) {
    for (int i = 0; i < 2000; i++) {
        pthread_mutex_lock(&lock);
        while (turn != (long)index) pthread_cond_wait(&changed, &lock);
        turn = (turn + 1) % 4;
        pthread_cond_broadcast(&changed);
        pthread_mutex_unlock(&lock);
        pthread_rwlock_wrlock(&both);
        counter++;
        pthread_rwlock_unlock(&both);
        sem_wait(&semaphore);
        sem_post(&semaphore);
    }
    return 0;
}

static void contended(void) {
    pthread_t threads[4];
    sem_init(&semaphore, 0, 2);
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], 0, worker, (void *)i);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    printf("in turn: %ld, turn %d\n", counter, turn);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    refusals();
    waking();
    between_processes();
    robust();
    contended();
    return 0;
}
