/* Pipes: atomic writes, ends that are gone, nonblocking ends, sizes, splice and tee, many at once. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[1 << 20];
static volatile sig_atomic_t broken;

static void on_pipe(int signo) { broken++; }

static const char *result(ssize_t value) {
    static char text[4][32];
    static int next;
    char *to = text[next++ % 4];
    snprintf(to, 32, value < 0 ? "%s" : "%zd", value < 0 ? (size_t)strerrorname_np(errno) : value);
    return to;
}

/* Writers of records of at most PIPE_BUF bytes: no record is mixed with another. */
static void atomicity(int size, int writers) {
    int ends[2], mixed = 0;
    long total = 0;
    pipe(ends);
    for (int i = 0; i < writers; i++) {
        if (fork()) continue;
        memset(buffer, 'a' + i, size);
        for (int n = 0; n < 200; n++) {
            if (write(ends[1], buffer, size) != size) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    for (;;) {
        int have = 0, got;
        while (have < size && (got = read(ends[0], buffer + have, size - have)) > 0) have += got;
        if (!have) break;
        total += have;
        for (int i = 1; i < have; i++) mixed += buffer[i] != buffer[0];
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed += status != 0;
    close(ends[0]);
    printf("records of %d: %ld bytes, %d mixed, %d failed\n", size, total, mixed, failed);
}

static void ends_gone(void) {
    int ends[2];
    signal(SIGPIPE, on_pipe);
    pipe(ends);
    close(ends[0]);
    printf("no reader: %s", result(write(ends[1], "x", 1)));
    printf(", %d signals\n", broken);
    struct pollfd look = {ends[1], POLLOUT};
    poll(&look, 1, 0);
    printf("poll %x\n", look.revents);
    printf("nothing written: %s\n", result(write(ends[1], "", 0)));
    close(ends[1]);
    pipe(ends);
    write(ends[1], "rest", 4);
    close(ends[1]);
    look = (struct pollfd){ends[0], POLLIN};
    poll(&look, 1, 0);
    printf("poll %x", look.revents);
    printf(", read %s", result(read(ends[0], buffer, 100)));
    printf(", then %s", result(read(ends[0], buffer, 100)));
    poll(&look, 1, 0);
    printf(", poll %x\n", look.revents);
    close(ends[0]);
}

static void nonblocking(void) {
    int ends[2], left;
    pipe2(ends, O_NONBLOCK);
    printf("empty: %s\n", result(read(ends[0], buffer, 10)));
    long filled = 0;
    for (ssize_t n; (n = write(ends[1], buffer, 4096)) > 0;) filled += n;
    printf("full after %ld: %s\n", filled, strerrorname_np(errno));
    read(ends[0], buffer, 4096);
    printf("a page free: %s", result(write(ends[1], buffer, 4097)));
    printf(", then %s\n", result(write(ends[1], buffer, 1)));
    ioctl(ends[0], FIONREAD, &left);
    printf("holds %d, size %d\n", left, fcntl(ends[0], F_GETPIPE_SZ));
    printf("shrink: %s\n", result(fcntl(ends[0], F_SETPIPE_SZ, 4096)));
    printf("grow: %s\n", result(fcntl(ends[1], F_SETPIPE_SZ, 200000)));
    while (read(ends[0], buffer, sizeof buffer) > 0) continue;
    printf("large write: %s\n", result(write(ends[1], buffer, 300000)));
    printf("write end read: %s, read end written: %s\n", result(read(ends[1], buffer, 1)),
           result(write(ends[0], buffer, 1)));
    close(ends[0]);
    close(ends[1]);
}

static void moving(void) {
    int one[2], two[2], out = open("spliced", O_RDWR | O_CREAT | O_TRUNC, 0600);
    pipe(one);
    pipe(two);
    write(one[1], "hello world", 11);
    printf("tee %s", result(tee(one[0], two[1], 5, 0)));
    printf(", tee %s", result(tee(one[0], two[1], 100, 0)));
    printf(", to itself %s", result(tee(one[0], one[1], 5, 0)));
    printf(", from a file %s\n", result(tee(out, one[1], 5, 0)));
    ssize_t n = read(two[0], buffer, 100);
    printf("[%.*s]\n", (int)n, buffer);
    printf("tee of nothing: %s\n", result(tee(two[0], one[1], 5, SPLICE_F_NONBLOCK)));
    printf("splice %s", result(splice(one[0], 0, out, 0, 6, 0)));
    printf(", splice %s", result(splice(one[0], 0, two[1], 0, 100, 0)));
    printf(", empty %s\n", result(splice(one[0], 0, two[1], 0, 100, SPLICE_F_NONBLOCK)));
    loff_t at = 2;
    printf("splice from %s", result(splice(out, &at, one[1], 0, 100, 0)));
    printf(", at %ld\n", (long)at);
    n = read(one[0], buffer, 100);
    printf("[%.*s]", (int)n, buffer);
    n = read(two[0], buffer, 100);
    printf("[%.*s]\n", (int)n, buffer);
    printf("pipe with an offset: %s, no pipe: %s\n", result(splice(one[0], &at, out, 0, 1, 0)),
           result(splice(out, 0, out, 0, 1, 0)));
    struct iovec pieces[2] = {{"ab", 2}, {"cde", 3}};
    printf("vmsplice %s", result(vmsplice(one[1], pieces, 2, 0)));
    n = read(one[0], buffer, 100);
    printf(" [%.*s]\n", (int)n, buffer);
    close(one[1]);
    printf("tee at the end: %s, splice %s\n", result(tee(one[0], two[1], 5, 0)),
           result(splice(one[0], 0, two[1], 0, 5, 0)));
    unlink("spliced");
}

/* Each of the threads reads what the one before has written, in a ring. */
static int ring[8][2];

static void *pass_on(void *index) {
    int own = (long)index;
    char token;
    while (read(ring[own][0], &token, 1) == 1) {
        if (token < 100) token++;
        write(ring[(own + 1) % 8][1], &token, 1);
        if (token == 100) break;
    }
    return 0;
}

static void ring_of_threads(void) {
    pthread_t threads[8];
    char token = 0;
    for (int i = 0; i < 8; i++) pipe(ring[i]);
    for (long i = 0; i < 8; i++) pthread_create(&threads[i], 0, pass_on, (void *)i);
    write(ring[0][1], &token, 1);
    for (int i = 0; i < 8; i++) pthread_join(threads[i], 0);
    puts("the token has come round");
}

static void bulk(void) {
    int ends[2];
    pipe(ends);
    if (!fork()) {
        unsigned char next = 0;
        for (int n = 0; n < 300; n++) {
            int size = 1 + n * 977 % 150000;
            for (int i = 0; i < size; i++) buffer[i] = next++;
            if (write(ends[1], buffer, size) != size) _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    long total = 0, wrong = 0;
    unsigned char next = 0;
    for (ssize_t n; (n = read(ends[0], buffer, 70000)) > 0; total += n) {
        for (int i = 0; i < n; i++) wrong += (unsigned char)buffer[i] != next++;
    }
    int status;
    wait(&status);
    printf("bulk: %ld bytes, %ld wrong, status %d\n", total, wrong, status);
    close(ends[0]);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    atomicity(1, 3);
    atomicity(512, 4);
    atomicity(4096, 4);
    ends_gone();
    nonblocking();
    moving();
    ring_of_threads();
    bulk();
    return 0;
}
