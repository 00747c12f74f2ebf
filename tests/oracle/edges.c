/* Edges that other programs' own tests walk along: places of devices, mincore(2) of nothing, flags of tee(2), alarm
 * clocks, connections that are broken off, the folder of a process as a pidfd. */
#include "oracle.h"
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

static void devices(void) {
    const char *names[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/urandom" };
    for (int i = 0; i < 4; i++) {
        char bytes[16];
        int fd = MUST(open(names[i], O_RDWR));
        SAY("%s", names[i]);
        TRY(read(fd, bytes, sizeof bytes));
        TRY(lseek(fd, 0, SEEK_CUR));
        TRY(lseek(fd, 100, SEEK_SET));
        TRY(lseek(fd, -100, SEEK_CUR));
        TRY(lseek(fd, 7, SEEK_END));
        TRY(pread(fd, bytes, sizeof bytes, 1000));
        close(fd);
    }
}

static void nothing_resident(void) {
    unsigned char seen;
    TRY(mincore(0, 0, 0));
    TRY(mincore((void *)1, 0, 0));
    TRY(mincore(0, 4096, &seen));
}

static void flags_of_tee(void) {
    int first[2], second[2];
    MUST(pipe(first));
    MUST(pipe(second));
    MUST(write(first[1], "abc", 3));
    TRY(tee(first[0], second[1], 3, 0x10));
    TRY(tee(first[0], second[1], 3, -1));
    TRY(tee(first[0], second[1], 3, SPLICE_F_MORE));
}

static void alarm_clocks(void) {
    TRY(timerfd_create(CLOCK_REALTIME_ALARM, 0));
    TRY(timerfd_create(CLOCK_BOOTTIME_ALARM, 0));
    TRY(timerfd_create(CLOCK_THREAD_CPUTIME_ID, 0));
}

/* Two ends of a TCP connection of the loopback interface. */
static void connect_pair(int ends[2]) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(bind(listener, (struct sockaddr *)&address, length));
    MUST(listen(listener, 1));
    MUST(getsockname(listener, (struct sockaddr *)&address, &length));
    ends[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
    MUST(connect(ends[0], (struct sockaddr *)&address, length));
    ends[1] = MUST(accept(listener, 0, 0));
    close(listener);
}

static void broken_off(int unread) {
    int ends[2];
    char bytes[8];
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    struct linger now = { 1, 0 };
    signal(SIGPIPE, SIG_IGN);
    connect_pair(ends);
    MUST(send(ends[0], "last", 4, 0));
    if (unread) MUST(send(ends[1], "lost", 4, 0));
    else MUST(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &now, sizeof now));
    TRY(getpeername(ends[1], (struct sockaddr *)&address, &length));
    close(ends[0]);
    struct pollfd wanted = { ends[1], POLLIN | POLLOUT | POLLRDHUP, 0 };
    TRY(poll(&wanted, 1, 1000));
    SAY("%#x", wanted.revents);
    TRY(getpeername(ends[1], (struct sockaddr *)&address, &length));
    TRY(shutdown(ends[1], SHUT_WR));
    TRY(recv(ends[1], bytes, sizeof bytes, 0));
    TRY(recv(ends[1], bytes, sizeof bytes, 0));
    TRY(recv(ends[1], bytes, sizeof bytes, 0));
    TRY(send(ends[1], "x", 1, 0));
    TRY(getsockname(ends[1], (struct sockaddr *)&address, &length));
    close(ends[1]);
}

static void folder_as_pidfd(void) {
    int own = MUST(open("/proc/self", O_DIRECTORY)), other = MUST(open("/proc", O_DIRECTORY));
    TRY(syscall(SYS_pidfd_send_signal, own, 0, 0, 0));
    TRY(syscall(SYS_pidfd_send_signal, other, 0, 0, 0));
    int status;
    pid_t child = MUST(fork());
    if (!child) {
        MUST(pause());
        exit(0);
    }
    char name[32];
    snprintf(name, sizeof name, "/proc/%d", child);
    int folder = MUST(open(name, O_DIRECTORY));
    TRY(syscall(SYS_pidfd_send_signal, folder, SIGTERM, 0, 0));
    MUST(waitpid(child, &status, 0));
    SAY("ended by %d", WTERMSIG(status));
    TRY(syscall(SYS_pidfd_send_signal, folder, 0, 0, 0));
}

int main(void) {
    devices();
    nothing_resident();
    flags_of_tee();
    alarm_clocks();
    broken_off(0);
    broken_off(1);
    folder_as_pidfd();
    return 0;
}
