/* epoll(7): level and edge, one-shot, nested, exclusive, closed and duplicated files; eventfd beside it. */
#include "oracle.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int control(int set, int operation, int fd, unsigned events, uint64_t data) {
    struct epoll_event event = {.events = events, .data.u64 = data};
    return epoll_ctl(set, operation, fd, &event);
}

static void show(const char *name, int set) {
    struct epoll_event events[8];
    int count = epoll_wait(set, events, 8, 0);
    printf("%s: %s", name, result(count));
    for (int i = 0; i < count; i++) printf(" [%x %ld]", events[i].events, (long)events[i].data.u64);
    putchar('\n');
}

static void level_and_edge(void) {
    int ends[2], set = epoll_create1(0);
    char bytes[16];
    pipe(ends);
    control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN, 1);
    show("empty", set);
    write(ends[1], "ab", 2);
    show("level", set);
    show("level again", set);
    control(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET, 2);
    show("edge", set);
    show("edge again", set);
    read(ends[0], bytes, 1);
    show("after a read", set);
    write(ends[1], "c", 1);
    show("after a write", set);
    control(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 3);
    show("one shot", set);
    write(ends[1], "d", 1);
    show("spent", set);
    control(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT, 4);
    show("armed", set);
    control(set, EPOLL_CTL_MOD, ends[0], EPOLLIN, 5);
    close(ends[1]);
    show("writer gone", set);
    read(ends[0], bytes, 16);
    show("read out", set);
    printf("delete %s", result(control(set, EPOLL_CTL_DEL, ends[0], 0, 0)));
    printf(", again %s", result(control(set, EPOLL_CTL_DEL, ends[0], 0, 0)));
    printf(", change %s\n", result(control(set, EPOLL_CTL_MOD, ends[0], EPOLLIN, 0)));
    show("deleted", set);
    close(ends[0]);
    close(set);
}

static void sockets(void) {
    int pair[2], set = epoll_create1(0);
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    control(set, EPOLL_CTL_ADD, pair[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1);
    show("fresh", set);
    show("no change", set);
    send(pair[1], "x", 1, 0);
    show("data", set);
    shutdown(pair[1], SHUT_WR);
    show("half closed", set);
    close(pair[1]);
    show("closed", set);
    close(pair[0]);
    show("both closed", set);
    close(set);
}

static void nested(void) {
    int outer = epoll_create1(0), inner = epoll_create1(0), event = eventfd(0, EFD_NONBLOCK);
    uint64_t value = 1;
    control(inner, EPOLL_CTL_ADD, event, EPOLLIN, 1);
    control(outer, EPOLL_CTL_ADD, inner, EPOLLIN, 2);
    show("quiet", outer);
    write(event, &value, 8);
    show("outer", outer);
    struct pollfd look = {outer, POLLIN};
    printf("poll %d %x\n", poll(&look, 1, 0), look.revents);
    read(event, &value, 8);
    show("taken", outer);
    printf("itself: %s", result(control(outer, EPOLL_CTL_ADD, outer, EPOLLIN, 0)));
    printf(", in a circle: %s\n", result(control(inner, EPOLL_CTL_ADD, outer, EPOLLIN, 0)));
    printf("twice: %s", result(control(inner, EPOLL_CTL_ADD, event, EPOLLIN, 0)));
    int copy = dup(event);
    printf(", a copy: %s\n", result(control(inner, EPOLL_CTL_ADD, copy, EPOLLIN, 3)));
    write(event, &value, 8);
    show("both numbers", inner);
    close(copy);
    show("copy closed", inner);
    close(event);
    show("all closed", inner);
    close(inner);
    close(outer);
}

static void refusals(void) {
    int set = epoll_create1(0), event = eventfd(3, EFD_SEMAPHORE | EFD_NONBLOCK);
    int file = open("/etc/passwd", O_RDONLY);
    struct epoll_event events[2];
    uint64_t value;
    printf("a file: %s\n", result(control(set, EPOLL_CTL_ADD, file, EPOLLIN, 0)));
    printf("no set: %s\n", result(control(event, EPOLL_CTL_ADD, set, EPOLLIN, 0)));
    printf("bad number: %s\n", result(control(set, EPOLL_CTL_ADD, 999, EPOLLIN, 0)));
    printf("no room: %s", result(epoll_wait(set, events, 0, 0)));
    printf(" %s\n", result(epoll_wait(set, events, -1, 0)));
    printf("bad operation: %s\n", result(control(set, 9, event, EPOLLIN, 0)));
    printf("exclusive: %s", result(control(set, EPOLL_CTL_ADD, event, EPOLLIN | EPOLLEXCLUSIVE, 7)));
    printf(", changed %s", result(control(set, EPOLL_CTL_MOD, event, EPOLLIN, 7)));
    control(set, EPOLL_CTL_DEL, event, 0, 0);
    printf(", with one shot %s\n",
           result(control(set, EPOLL_CTL_ADD, event, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 7)));
    for (int i = 0; i < 4; i++) printf("semaphore %s, ", result(read(event, &value, 8)));
    value = UINT64_MAX;
    printf("too much %s", result(write(event, &value, 8)));
    value = UINT64_MAX - 1;
    printf(", full %s", result(write(event, &value, 8)));
    value = 1;
    printf(", more %s, short %s\n", result(write(event, &value, 8)), result(write(event, &value, 4)));
}

static int set, events_fd;
static atomic_int taken;

static void *taker(void *unused) {
    struct epoll_event event;
    uint64_t value;
    while (atomic_load(&taken) < 500) {
        if (epoll_wait(set, &event, 1, 50) == 1 && read(events_fd, &value, 8) == 8) atomic_fetch_add(&taken, 1);
    }
    return 0;
}

/* Many threads wait for one set: nothing is lost, nothing is taken twice. */
static void shared_set(void) {
    pthread_t threads[4];
    uint64_t one = 1;
    set = epoll_create1(0);
    events_fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
    control(set, EPOLL_CTL_ADD, events_fd, EPOLLIN, 1);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, taker, 0);
    for (int i = 0; i < 500; i++) write(events_fd, &one, 8);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    printf("taken %d\n", atomic_load(&taken));
    show("none left", set);
}

/* A child waits on the set that it has inherited. */
static void across_fork(void) {
    int ends[2], status;
    uint64_t one = 1;
    pipe(ends);
    if (!fork()) {
        struct epoll_event event;
        write(ends[1], "r", 1);
        _exit(epoll_wait(set, &event, 1, -1) == 1 ? event.data.u64 + 40 : 0);
    }
    char byte;
    read(ends[0], &byte, 1);
    write(events_fd, &one, 8);
    wait(&status);
    printf("the child saw %d\n", WEXITSTATUS(status));
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    level_and_edge();
    sockets();
    nested();
    refusals();
    shared_set();
    across_fork();
    return 0;
}
