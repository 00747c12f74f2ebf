/* Unix sockets: stream, datagram and packets; limits, closed ends, descriptors that travel, names. */
#include "oracle.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char buffer[300000];

static int send_files(int to, const char *bytes, size_t count, int *files, int number) {
    char room[CMSG_SPACE(8 * sizeof(int))] = {0};
    struct iovec piece = {(void *)bytes, count};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = room};
    message.msg_controllen = CMSG_SPACE(number * sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(number * sizeof(int));
    memcpy(CMSG_DATA(header), files, number * sizeof(int));
    return sendmsg(to, &message, 0);
}

/* How many bytes, and how many descriptors, which go to `files`. */
static int receive_files(int from, size_t room, int *files, int most, int *number, int *flags) {
    char space[CMSG_SPACE(8 * sizeof(int))];
    struct iovec piece = {buffer, room};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = space};
    message.msg_controllen = most ? CMSG_SPACE(most * sizeof(int)) : 0;
    int count = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *number = 0;
    *flags = message.msg_flags & ~MSG_CMSG_CLOEXEC;
    if (header && header->cmsg_type == SCM_RIGHTS) {
        *number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(files, CMSG_DATA(header), *number * sizeof(int));
    }
    return count;
}

static void streams(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair);
    printf("stream: send %s", result(send(pair[0], "hello", 5, 0)));
    printf(", send %s", result(send(pair[0], " world", 6, 0)));
    printf(", peek %s", result(recv(pair[1], buffer, 4, MSG_PEEK)));
    printf(", read %s", result(recv(pair[1], buffer, 8, 0)));
    printf(", all %s", result(recv(pair[1], buffer, 100, MSG_WAITALL)));
    printf(", none %s\n", result(recv(pair[1], buffer, 1, 0)));
    long filled = 0;
    for (ssize_t n; (n = send(pair[0], buffer, 4096, 0)) > 0;) filled += n;
    printf("full: %s, more than a pipe %d\n", strerrorname_np(errno), filled > 65536);
    while (recv(pair[1], buffer, sizeof buffer, 0) > 0) continue;
    printf("after reading: %s", result(send(pair[0], "x", 1, 0)));
    printf(", shut %s", result(shutdown(pair[0], SHUT_WR)));
    printf(", write %s", result(send(pair[0], "x", 1, MSG_NOSIGNAL)));
    printf(", rest %s", result(recv(pair[1], buffer, 10, 0)));
    printf(", end %s", result(recv(pair[1], buffer, 10, 0)));
    printf(", back %s", result(send(pair[1], "y", 1, 0)));
    close(pair[1]);
    printf(", got %s", result(recv(pair[0], buffer, 10, 0)));
    printf(", end %s\n", result(recv(pair[0], buffer, 10, 0)));
    close(pair[0]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    send(pair[0], "unread", 6, 0);
    close(pair[1]);
    printf("reset: %s", result(recv(pair[0], buffer, 1, 0)));
    printf(", write %s\n", result(send(pair[0], "x", 1, MSG_NOSIGNAL)));
    close(pair[0]);
}

static void messages(int type, const char *name) {
    int pair[2], left;
    socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, pair);
    printf("%s: %s", name, result(send(pair[0], "first", 5, 0)));
    printf(", empty %s", result(send(pair[0], "", 0, 0)));
    printf(", %s", result(send(pair[0], "third one", 9, 0)));
    ioctl(pair[1], FIONREAD, &left);
    printf(", first has %d", left);
    printf(", cut %s", result(recv(pair[1], buffer, 3, MSG_TRUNC)));
    printf(", empty %s", result(recv(pair[1], buffer, 10, 0)));
    printf(", third %s", result(recv(pair[1], buffer, 100, 0)));
    printf(", none %s\n", result(recv(pair[1], buffer, 1, 0)));
    int size;
    socklen_t length = sizeof size;
    getsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, &length);
    printf("%s: buffer %d, too large %s", name, size, result(send(pair[0], buffer, size + 1, 0)));
    int count = 0;
    while (send(pair[0], "m", 1, 0) == 1) count++;
    printf(", full %s, some %d\n", strerrorname_np(errno), count > 0);
    close(pair[1]);
    printf("%s closed: %s", name, result(send(pair[0], "x", 1, MSG_NOSIGNAL)));
    printf(", read %s\n", result(recv(pair[0], buffer, 1, 0)));
    close(pair[0]);
}

static void travelling(void) {
    int pair[2], ends[2], got[8], number, flags;
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    pipe(ends);
    printf("files: sent %s", result(send_files(pair[0], "ab", 2, (int[]){ends[1], ends[1], ends[0]}, 3)));
    send(pair[0], "cd", 2, 0);
    printf(", got %s", result(receive_files(pair[1], 100, got, 8, &number, &flags)));
    printf(" with %d, flags %x, cloexec %d\n", number, flags, fcntl(got[0], F_GETFD));
    printf("the rest: %s\n", result(recv(pair[1], buffer, 100, 0)));
    write(got[0], "through", 7);
    printf("through what came: %s\n", result(read(got[2], buffer, 100)));
    for (int i = 0; i < 3; i++) close(got[i]);
    send_files(pair[0], "x", 1, ends, 2);
    printf("room for one: %s", result(receive_files(pair[1], 10, got, 1, &number, &flags)));
    printf(" with %s, flags %x\n", number ? "some" : "none", flags);
    for (int i = 0; i < number; i++) close(got[i]);
    send_files(pair[0], "y", 1, ends, 2);
    printf("no room: %s", result(receive_files(pair[1], 10, got, 0, &number, &flags)));
    printf(" with %d, flags %x\n", number, flags);
    printf("a bad one: %s\n", result(send_files(pair[0], "z", 1, (int[]){999}, 1)));

    /* Across processes, of a pipe whose only writer travels. */
    int status;
    pid_t pid = fork();
    if (!pid) {
        close(pair[0]);
        receive_files(pair[1], 10, got, 8, &number, &flags);
        close(ends[0]);
        close(ends[1]);
        _exit(write(got[0], "from the child", 14));
    }
    send_files(pair[0], "!", 1, &ends[1], 1);
    close(ends[1]);
    ssize_t count = read(ends[0], buffer, 100);
    waitpid(pid, &status, 0);
    printf("[%.*s], status %d", (int)count, buffer, WEXITSTATUS(status));
    printf(", then %s\n", result(read(ends[0], buffer, 100)));
    /* In flight when both ends close: the pipe's writer is gone with them. */
    int other[2];
    pipe(other);
    send_files(pair[0], "?", 1, &other[1], 1);
    close(other[1]);
    close(pair[0]);
    close(pair[1]);
    printf("lost on the way: %s\n", result(read(other[0], buffer, 10)));
}

static void names(void) {
    struct sockaddr_un name = {AF_UNIX, "socket"}, peer;
    socklen_t length = sizeof name;
    int server = socket(AF_UNIX, SOCK_STREAM, 0), status;
    unlink("socket");
    printf("nobody: %s", result(connect(server, (void *)&name, length)));
    printf(", bind %s", result(bind(server, (void *)&name, length)));
    int client = socket(AF_UNIX, SOCK_STREAM, 0);
    printf(", taken %s", result(bind(client, (void *)&name, length)));
    printf(", not listening %s", result(connect(client, (void *)&name, length)));
    printf(", listen %s\n", result(listen(server, 1)));
    pid_t pid = fork();
    if (!pid) {
        int accepted = accept(server, 0, 0);
        struct ucred who;
        socklen_t size = sizeof who;
        getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &who, &size);
        _exit(who.pid == getppid() && read(accepted, buffer, 10) == 4 ? 8 : 1);
    }
    printf("connect %s", result(connect(client, (void *)&name, length)));
    printf(", again %s", result(connect(client, (void *)&name, length)));
    send(client, "ping", 4, 0);
    waitpid(pid, &status, 0);
    printf(", served %d", WEXITSTATUS(status));
    length = sizeof peer;
    getpeername(client, (void *)&peer, &length);
    printf(", peer %s\n", peer.sun_path);
    int waiting[4];
    for (int i = 0; i < 4; i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        printf("%s ", result(connect(waiting[i], (void *)&name, sizeof name)));
    }
    close(server);
    printf(", server gone: %s", result(recv(waiting[0], buffer, 1, 0)));
    printf(", connect %s\n", result(connect(waiting[3], (void *)&name, sizeof name)));
    unlink("socket");
    printf("unlinked: %s\n", result(connect(waiting[3], (void *)&name, sizeof name)));

    struct sockaddr_un hidden = {AF_UNIX, "\0hidden"};
    socklen_t short_length = offsetof(struct sockaddr_un, sun_path) + 7;
    int box = socket(AF_UNIX, SOCK_DGRAM, 0), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
    printf("abstract: %s", result(bind(box, (void *)&hidden, short_length)));
    printf(", send %s", result(sendto(sender, "hi", 2, 0, (void *)&hidden, short_length)));
    length = sizeof peer;
    printf(", got %s", result(recvfrom(box, buffer, 10, 0, (void *)&peer, &length)));
    printf(" from nobody: %d\n", length == 0 || peer.sun_path[0] == 0);
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN);
    streams();
    messages(SOCK_SEQPACKET, "packets");
    messages(SOCK_DGRAM, "datagrams");
    travelling();
    names();
    return 0;
}
