/* One attempt to reach the host, named by the first argument. Prints "reached: ..." and exits 0 where it
 * succeeds, prints "refused: ..." and exits 1 where it does not. The same binary is run outside, where each must succeed. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int verdict(int ok, const char *what) {
    if (ok) printf("reached: %s\n", what);
    else printf("refused: %s: %s\n", what, strerror(errno));
    return ok ? 0 : 1;
}

static int read_file(const char *path) {
    char byte;
    int fd = open(path, O_RDONLY);
    return verdict(fd >= 0 && read(fd, &byte, 1) == 1, path);
}

static int list_folder(const char *path) {
    return verdict(access(path, F_OK) == 0, path);
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
    if (path[0] == '@') address.sun_path[0] = 0;
    else length++;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return verdict(fd >= 0 && connect(fd, (struct sockaddr *)&address, length) == 0, path);
}

static int connect_tcp(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return verdict(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0, port);
}

static int open_device(const char *path) {
    return verdict(open(path, O_RDWR) >= 0, path);
}

static int make_device(const char *path) {
    return verdict(mknod(path, S_IFCHR | 0600, makedev(1, 11)) == 0 && open(path, O_RDONLY) >= 0, "device node of the kernel log");
}

static int load_module(void) {
    /* Outside, root gets as far as the module's format: the call is there and allowed. */
    long result = syscall(SYS_init_module, "garbage", 7L, "");
    return verdict(result == 0 || errno == ENOEXEC || errno == EINVAL || errno == EBADMSG || errno == ENOSYS, "init_module");
}

static int attach(pid_t pid) {
    int ok = ptrace(PTRACE_ATTACH, pid, 0, 0) == 0;
    if (ok) {
        waitpid(pid, 0, __WALL);
        ptrace(PTRACE_DETACH, pid, 0, 0);
    }
    return verdict(ok, "ptrace");
}

static sigjmp_buf fault;
static void on_fault(int signo) { siglongjmp(fault, signo); }

/* A `syscall; ret`-like place in the libOS kernel's text, or our own. */
static uint8_t *find_syscall_instruction(uint64_t from, uint64_t to) {
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER}, old[2];
    uint8_t *found = 0;
    sigaction(SIGSEGV, &action, &old[0]);
    sigaction(SIGBUS, &action, &old[1]);
    for (volatile uint64_t page = from; page < to && !found; page += 4096) {
        if (sigsetjmp(fault, 1)) continue;
        for (uint64_t at = page; at < page + 4095; at++)
            if (((volatile uint8_t *)at)[0] == 0x0f && ((volatile uint8_t *)at)[1] == 0x05) {
                found = (uint8_t *)at;
                break;
            }
    }
    sigaction(SIGSEGV, &old[0], 0);
    sigaction(SIGBUS, &old[1], 0);
    return found;
}

static long call_at(uint8_t *place, long number, long a, long b, long c, long d, long e) {
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    if (!place) {
        __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
        return result;
    }
    /* The code after the found instruction is the kernel's own: whatever it does, the call itself has been made
     * by then; a fault there counts as made. What the call did is looked at from the parent. */
    __asm__ volatile("sub $256, %%rsp\n\tcall *%[place]\n\tadd $256, %%rsp"
                     : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), [place] "r"(place)
                     : "rcx", "r11", "memory");
    return result;
}

/* A raw host call made from hand-written code that jumps to the libOS's own syscall instruction at `base`. The call
 * must leave a trace that the parent process can look for: here a file made by open(O_CREAT) or a folder by mkdir. */
static int raw(uint64_t base, uint64_t end, long number, long a, long b, long c, long d, long e, const char *what) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        uint8_t *place = base ? find_syscall_instruction(base, end) : 0;
        if (base && !place) _exit(77);
        long result = call_at(place, number, a, b, c, d, e);
        _exit(result < 0 && result > -4096 ? 1 : 0);
    }
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("broken: no syscall instruction found at %#lx\n", (unsigned long)base);
        return 2;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        printf("reached: raw %s\n", what);
        return 0;
    }
    if (WIFSIGNALED(status)) printf("refused: raw %s: killed by signal %d\n", what, WTERMSIG(status));
    else printf("refused: raw %s: exit %d\n", what, WEXITSTATUS(status));
    return 1;
}

/* Calls on a socket that lead it elsewhere: those that a passed connection must not be open to. */
static int raw_on_socket(const char *name, uint64_t base, uint64_t end) {
    static struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = 0x0900, .sin_addr = {0x0100007f}};
    static struct sockaddr_in any = {.sin_family = AF_INET};
    static struct iovec bytes = {"x", 1};
    static struct msghdr message = {.msg_name = &address, .msg_namelen = sizeof address, .msg_iov = &bytes, .msg_iovlen = 1};
    static int on = 1;
    int datagrams = socket(AF_INET, SOCK_DGRAM, 0), stream = socket(AF_INET, SOCK_STREAM, 0);
    if (!strcmp(name, "sendmsg")) return raw(base, end, SYS_sendmsg, datagrams, (long)&message, 0, 0, 0, name);
    if (!strcmp(name, "connect")) return raw(base, end, SYS_connect, datagrams, (long)&address, sizeof address, 0, 0, name);
    if (!strcmp(name, "bind")) return raw(base, end, SYS_bind, stream, (long)&any, sizeof any, 0, 0, name);
    if (!strcmp(name, "listen")) return raw(base, end, SYS_listen, stream, 1, 0, 0, 0, name);
    if (!strcmp(name, "setsockopt")) return raw(base, end, SYS_setsockopt, stream, SOL_SOCKET, SO_REUSEADDR, (long)&on, sizeof on, name);
    printf("broken: unknown raw call %s\n", name);
    return 2;
}

static int raw_by_name(const char *name, const char *path, uint64_t base, uint64_t end) {
    if (!strcmp(name, "open")) return raw(base, end, SYS_open, (long)path, O_RDONLY, 0, 0, 0, name);
    if (!strcmp(name, "openat")) return raw(base, end, SYS_openat, AT_FDCWD, (long)path, O_RDONLY, 0, 0, name);
    if (!strcmp(name, "socket")) return raw(base, end, SYS_socket, AF_INET, SOCK_STREAM, 0, 0, 0, name);
    if (!strcmp(name, "kill")) return raw(base, end, SYS_kill, atoi(path), 0, 0, 0, 0, name);
    if (!strcmp(name, "tgkill-other-signal")) return raw(base, end, SYS_tgkill, getpid(), getpid(), 0, 0, 0, name);
    if (!strcmp(name, "mkdir")) return raw(base, end, SYS_mkdir, (long)path, 0700, 0, 0, 0, name);
    if (!strcmp(name, "unshare")) return raw(base, end, SYS_unshare, CLONE_NEWUSER, 0, 0, 0, 0, name);
    if (!strcmp(name, "clone-newuser")) return raw(base, end, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0, name);
    if (!strcmp(name, "memfd_create")) return raw(base, end, SYS_memfd_create, (long)"x", 0, 0, 0, 0, name);
    if (!strcmp(name, "prctl")) return raw(base, end, SYS_prctl, 3 /* PR_GET_DUMPABLE */, 0, 0, 0, 0, name);
    if (!strcmp(name, "getpid")) return raw(base, end, SYS_getpid, 0, 0, 0, 0, 0, name);
    return raw_on_socket(name, base, end);
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "", *with = argc > 2 ? argv[2] : "";
    errno = 0;
    if (!strcmp(what, "read")) return read_file(with);
    if (!strcmp(what, "see")) return list_folder(with);
    if (!strcmp(what, "unix")) return connect_unix(with);
    if (!strcmp(what, "tcp")) return connect_tcp(with);
    if (!strcmp(what, "kill")) return verdict(kill(atoi(with), 0) == 0, "kill");
    if (!strcmp(what, "ptrace")) return attach(atoi(with));
    if (!strcmp(what, "mount")) return verdict(mount("tmpfs", with, "tmpfs", 0, "") == 0, "mount");
    if (!strcmp(what, "module")) return load_module();
    if (!strcmp(what, "device")) return open_device(with);
    if (!strcmp(what, "mknod")) return make_device(with);
    if (!strcmp(what, "raw") && argc > 5) return raw_by_name(with, argv[3], strtoull(argv[4], 0, 0), strtoull(argv[5], 0, 0));
    printf("usage: escape read|see|unix|tcp|kill|ptrace|mount|module|device|mknod ARG | raw NAME ARG BASE END\n");
    return 2;
}
