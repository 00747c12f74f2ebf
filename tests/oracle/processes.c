/* fork(2), wait(2), pidfd_open(2), kill(2): how processes begin, end and are told of. */
#include "oracle.h"
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/prctl.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#define PIDFD_NONBLOCK O_NONBLOCK

static int nothing_done(void *argument) { return 6; }

static pid_t child_of(void (*work)(void)) {
    pid_t pid = MUST(fork());
    if (!pid) {
        work();
        _exit(0);
    }
    return pid;
}

/* What wait told of a child. */
static const char *told(int status) {
    static char text[64];
    if (WIFEXITED(status)) snprintf(text, 64, "exited %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) snprintf(text, 64, "killed %s core %d", sigabbrev_np(WTERMSIG(status)), !!WCOREDUMP(status));
    else if (WIFSTOPPED(status)) snprintf(text, 64, "stopped %s", sigabbrev_np(WSTOPSIG(status)));
    else if (WIFCONTINUED(status)) snprintf(text, 64, "continued");
    else snprintf(text, 64, "status %x", status);
    return text;
}

static void info_is(const char *what, siginfo_t *info, pid_t pid) {
    SAY("%s: signo %d code %d errno %d pid %s uid %s status %d", what, info->si_signo, info->si_code, info->si_errno,
        info->si_pid == pid ? "right" : info->si_pid ? "wrong" : "0", info->si_uid == getuid() ? "right" : "wrong",
        info->si_status);
}

static void nothing(void) {}
static void ends_5(void) { _exit(5); }
static void ends_300(void) { _exit(300); }
static void aborts(void) { abort(); }
static void terminates(void) { raise(SIGTERM); }
static void stops(void) { raise(SIGSTOP); _exit(9); }
static void sleeps(void) { for (;;) pause(); }

static int reap(pid_t pid) {
    int status = -1;
    MUST(waitpid(pid, &status, __WALL));
    return status;
}

static void ends(void) {
    SAY("exit 5: %s", told(reap(child_of(ends_5))));
    SAY("exit 300: %s", told(reap(child_of(ends_300))));
    SAY("return: %s", told(reap(child_of(nothing))));
    SAY("abort: %s", told(reap(child_of(aborts))));
    SAY("raise: %s", told(reap(child_of(terminates))));
    siginfo_t info = {0};
    pid_t pid = child_of(aborts);
    TRY(waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
    info_is("abort", &info, pid);
    memset(&info, 0, sizeof info);
    TRY(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
    info_is("again", &info, pid);
    TRY(kill(pid, 0));
    TRY(kill(pid, SIGKILL));
    TRY(waitid(P_PID, pid, &info, WEXITED));
    TRY(waitid(P_PID, pid, &info, WEXITED));
    TRY(kill(pid, 0));
}

static void waiting(void) {
    int status;
    siginfo_t info;
    struct rusage usage;
    TRY(wait(0));
    TRY(waitpid(-1, 0, WNOHANG));
    TRY(waitpid(getpid(), 0, 0));
    TRY(waitpid(1, 0, 0));
    TRY(waitpid(INT_MIN, 0, 0));
    TRY(waitpid(-1, 0, 0x40));
    TRY(waitpid(-1, 0, WEXITED));
    TRY(waitpid(-1, 0, WNOWAIT));
    TRY(waitid(P_ALL, 0, &info, 0));
    TRY(waitid(P_ALL, 0, &info, WNOHANG));
    TRY(waitid(P_ALL, 0, &info, WEXITED | 0x40));
    TRY(waitid(P_PID, 0, &info, WEXITED));
    TRY(waitid(P_PID, -1, &info, WEXITED));
    TRY(waitid(P_PGID, -1, &info, WEXITED));
    TRY(waitid(P_PIDFD, -1, &info, WEXITED));
    TRY(waitid(P_PIDFD, 0, &info, WEXITED));
    TRY(waitid(P_PIDFD, 999, &info, WEXITED));
    TRY(waitid(7, 0, &info, WEXITED));
    pid_t pid = child_of(sleeps);
    signal(SIGUSR1, SIG_DFL);
    TRY(waitpid(pid, &status, WNOHANG));
    memset(&info, 0x55, sizeof info);
    TRY(waitid(P_PID, pid, &info, WEXITED | WNOHANG));
    SAY("no news: signo %d pid %d code %d status %d", info.si_signo, info.si_pid, info.si_code, info.si_status);
    TRY(waitpid(-getpgrp(), 0, WNOHANG));
    TRY(waitpid(0, 0, WNOHANG));
    TRY(waitpid(-pid, 0, WNOHANG));
    TRY(waitpid(pid, 0, WNOHANG | __WCLONE));
    TRY(waitpid(pid, 0, WNOHANG | __WALL));
    TRY(waitpid(pid, 0, WNOHANG | __WNOTHREAD));
    TRY(kill(pid, SIGSTOP));
    TRY(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
    info_is("stopped", &info, pid);
    TRY(waitpid(pid, &status, WUNTRACED) == pid);
    SAY("%s", told(status));
    TRY(waitpid(pid, &status, WUNTRACED | WNOHANG));
    TRY(kill(pid, SIGCONT));
    TRY(waitid(P_PID, pid, &info, WCONTINUED | WNOWAIT));
    info_is("continued", &info, pid);
    TRY(waitpid(pid, &status, WCONTINUED) == pid);
    SAY("%s", told(status));
    TRY(waitpid(pid, &status, WCONTINUED | WNOHANG));
    TRY(kill(pid, SIGKILL));
    TRY(waitpid(pid, (int *)8, 0));
    TRY(waitpid(pid, &status, 0));
    pid = child_of(ends_5);
    TRY(waitid(P_PID, pid, 0, WEXITED | WNOWAIT));
    TRY(waitid(P_PID, pid, (void *)8, WEXITED | WNOWAIT));
    TRY(waitid(P_PID, pid, &info, WSTOPPED | WNOHANG));
    TRY(syscall(SYS_waitid, P_PID, pid, &info, WEXITED, &usage));
    SAY("usage %d", usage.ru_utime.tv_sec == 0 && usage.ru_stime.tv_sec == 0);
    pid = child_of(stops);
    TRY(waitid(P_PID, pid, &info, WSTOPPED | WEXITED));
    info_is("stopped itself", &info, pid);
    kill(pid, SIGCONT);
    TRY(wait4(pid, &status, 0, &usage) == pid);
    SAY("%s", told(status));
}

static void clones(void) {
    static char stack[65536] __attribute__((aligned(16)));
    int status;
    pid_t pid = clone(nothing_done, stack + sizeof stack, 0, 0);
    TRY(waitpid(pid, &status, 0));
    TRY(waitpid(pid, &status, __WCLONE) == pid);
    SAY("no signal: %s", told(status));
    pid = clone(nothing_done, stack + sizeof stack, SIGUSR1, 0);
    signal(SIGUSR1, SIG_IGN);
    TRY(waitpid(pid, &status, __WALL) == pid);
    SAY("other signal: %s", told(status));
    signal(SIGUSR1, SIG_DFL);
    pid = clone(nothing_done, stack + sizeof stack, CLONE_VFORK | CLONE_VM | SIGCHLD, 0);
    TRY(waitpid(pid, &status, __WCLONE | WNOHANG));
    TRY(waitpid(pid, &status, 0) == pid);
    SAY("vfork: %s", told(status));
    TRY(syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0));
    TRY(syscall(SYS_clone, CLONE_SIGHAND, 0, 0, 0, 0));
    TRY(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS, 0, 0, 0, 0));
    TRY(syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0));
    int shared = MUST(open("/dev/null", O_RDONLY));
    pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (!pid) {
        close(shared);
        _exit(0);
    }
    reap(pid);
    TRY(fcntl(shared, F_GETFD));
    mkdir("/tmp/oracle-cwd", 0755);
    pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
    if (!pid) {
        umask(077);
        _exit(chdir("/tmp/oracle-cwd"));
    }
    reap(pid);
    char here[64];
    getcwd(here, 64);
    SAY("shared folder %s, umask %03o", here, umask(022));
    MUST(chdir("/"));
    rmdir("/tmp/oracle-cwd");
    pid = MUST(fork());
    if (!pid) {
        // The grandchild is its grandparent's.
        pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        if (!pid) _exit(4);
        _exit(waitpid(pid, 0, 0) == -1 && errno == ECHILD);
    }
    SAY("parent of sibling: %s", told(reap(pid)));
    TRY(wait(&status) > 0);
    SAY("sibling: %s", told(status));
}

static void spawns(void) {
    char *words[] = { "sh", "-c", "exit 5", 0 };
    char *looks[] = { "sh", "-c", "trap > /dev/null; ps() { :; }; test $(cut -d' ' -f5 /proc/$$/stat) = $$ && exit 8; exit 7", 0 };
    int status;
    pid_t pid;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    TRY(posix_spawn(&pid, "/bin/sh", 0, &attributes, looks, environ));
    SAY("own group: %s", told(reap(pid)));
    TRY(posix_spawnp(&pid, "sh", 0, 0, words, environ));
    SAY("by name: %s", told(reap(pid)));
    TRY(posix_spawnp(&pid, "no-such-program", 0, 0, words, environ) == ENOENT);
    posix_spawn_file_actions_addopen(&actions, 5, "/nowhere/x", O_RDONLY, 0);
    TRY(posix_spawn(&pid, "/bin/sh", &actions, 0, words, environ) == ENOENT);
    TRY(waitpid(-1, &status, WNOHANG));
    SAY("system: %s", told(system("kill -9 $$")));
    SAY("system: %s", told(system("exit 4")));
    FILE *piped = popen("echo to the other side", "r");
    char line[64] = "";
    fgets(line, 64, piped);
    SAY("popen: %s%s", line, told(pclose(piped)));
}

static void orphans(void) {
    int ends[2], status;
    char byte;
    TRY(prctl(PR_SET_CHILD_SUBREAPER, 1));
    int is = -1;
    TRY(prctl(PR_GET_CHILD_SUBREAPER, &is));
    SAY("subreaper %d", is);
    MUST(pipe(ends));
    pid_t self = getpid();
    pid_t pid = MUST(fork());
    if (!pid) {
        MUST(prctl(PR_GET_CHILD_SUBREAPER, &is));
        if (is) SAY("inherited");
        pid = fork();
        if (!pid) {
            close(ends[1]);
            // Until the parent is gone.
            while (getppid() != self) usleep(1000);
            _exit(6);
        }
        _exit(0);
    }
    SAY("parent: %s", told(reap(pid)));
    TRY(waitpid(-1, &status, 0) > 0);
    SAY("orphan: %s", told(status));
    // An orphan that has ended already goes to the reaper as well.
    pid = MUST(fork());
    if (!pid) {
        pid = fork();
        if (!pid) _exit(7);
        siginfo_t info;
        waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
        _exit(0);
    }
    SAY("parent: %s", told(reap(pid)));
    TRY(waitpid(-1, &status, 0) > 0);
    SAY("dead orphan: %s", told(status));
    TRY(prctl(PR_SET_CHILD_SUBREAPER, 0));
    close(ends[0]), close(ends[1]);
    MUST(pipe(ends));
    pid = MUST(fork());
    if (!pid) {
        pid_t middle = getpid();
        pid = fork();
        if (!pid) {
            // Dies of its parent's death.
            prctl(PR_SET_PDEATHSIG, SIGUSR1);
            signal(SIGUSR1, SIG_DFL);
            write(ends[1], "x", 1);
            close(ends[1]);
            sleeps();
        }
        close(ends[1]);
        read(ends[0], &byte, 1);
        _exit(0);
    }
    close(ends[1]);
    SAY("parent: %s", told(reap(pid)));
    TRY(read(ends[0], &byte, 1));
    close(ends[0]);
    // Ends that nobody waits for.
    signal(SIGCHLD, SIG_IGN);
    pid = child_of(ends_5);
    TRY(waitpid(pid, &status, 0));
    signal(SIGCHLD, SIG_DFL);
    struct sigaction action = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
    sigaction(SIGCHLD, &action, 0);
    pid = child_of(ends_5);
    child_of(ends_300);
    TRY(wait(&status));
    action.sa_flags = 0;
    sigaction(SIGCHLD, &action, 0);
}

static void pidfds(void) {
    siginfo_t info = {0};
    TRY(syscall(SYS_pidfd_open, 0, 0));
    TRY(syscall(SYS_pidfd_open, -1, 0));
    TRY(syscall(SYS_pidfd_open, 1 << 22, 0));
    TRY(syscall(SYS_pidfd_open, getpid(), 0x40));
    pid_t pid = child_of(sleeps);
    int fd = MUST(syscall(SYS_pidfd_open, pid, 0));
    struct pollfd wait = { fd, POLLIN };
    TRY(fcntl(fd, F_GETFD));
    TRY(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_ACCMODE));
    TRY(read(fd, &info, 8));
    TRY(write(fd, &info, 8));
    TRY(poll(&wait, 1, 0));
    TRY(syscall(SYS_pidfd_send_signal, fd, 0, 0, 0));
    TRY(syscall(SYS_pidfd_send_signal, fd, 65, 0, 0));
    TRY(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0x40));
    TRY(syscall(SYS_pidfd_send_signal, 0, SIGTERM, 0, 0));
    TRY(syscall(SYS_pidfd_send_signal, 999, SIGTERM, 0, 0));
    info.si_code = SI_USER;
    info.si_signo = SIGTERM;
    TRY(syscall(SYS_pidfd_send_signal, fd, SIGTERM, &info, 0));
    info.si_signo = SIGHUP;
    TRY(syscall(SYS_pidfd_send_signal, fd, SIGTERM, &info, 0));
    TRY(waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
    int ends[2];
    MUST(pipe(ends));
    TRY(syscall(SYS_pidfd_getfd, fd, 999, 0));
    TRY(syscall(SYS_pidfd_getfd, fd, 0, 1));
    TRY(syscall(SYS_pidfd_getfd, 0, 0, 0));
    int got = syscall(SYS_pidfd_getfd, fd, 1, 0);
    TRY(got >= 0 && fcntl(got, F_GETFD) == FD_CLOEXEC);
    close(got);
    TRY(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0));
    TRY(poll(&wait, 1, -1));
    SAY("events %x", wait.revents);
    TRY(waitid(P_PIDFD, fd, &info, WEXITED | WNOWAIT));
    info_is("by pidfd", &info, pid);
    TRY(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0));
    TRY(waitid(P_PIDFD, fd, &info, WEXITED));
    TRY(waitid(P_PIDFD, fd, &info, WEXITED));
    TRY(syscall(SYS_pidfd_send_signal, fd, 0, 0, 0));
    TRY(syscall(SYS_pidfd_getfd, fd, 0, 0));
    TRY(syscall(SYS_pidfd_open, pid, 0));
    close(fd);
    pid = child_of(sleeps);
    fd = MUST(syscall(SYS_pidfd_open, pid, PIDFD_NONBLOCK));
    TRY(fcntl(fd, F_GETFL) & O_NONBLOCK ? 1 : 0);
    TRY(waitid(P_PIDFD, fd, &info, WEXITED));
    kill(pid, SIGKILL);
    reap(pid);
    close(fd);
}

static void kills(void) {
    TRY(kill(getpid(), 65));
    TRY(kill(getpid(), -1));
    TRY(kill(1 << 22, 0));
    TRY(kill(INT_MIN, 0));
    TRY(kill(-(1 << 22), SIGTERM));
    TRY(kill(0, 0));
    TRY(kill(1, 0));
    TRY(kill(1, SIGTERM));
    // A group of its own with two members.
    pid_t one = MUST(fork());
    if (!one) {
        setpgid(0, 0);
        sleeps();
    }
    setpgid(one, one);
    pid_t two = MUST(fork());
    if (!two) {
        setpgid(0, one);
        sleeps();
    }
    setpgid(two, one);
    TRY(kill(-one, 0));
    TRY(kill(-two, 0));
    TRY(kill(-one, SIGTERM));
    SAY("one: %s", told(reap(one)));
    TRY(kill(-one, 0));
    SAY("two: %s", told(reap(two)));
    TRY(kill(-one, 0));
    pid_t pid = MUST(fork());
    if (!pid) {
        setpgid(0, 0);
        signal(SIGTERM, SIG_DFL);
        kill(0, SIGTERM);
        _exit(1);
    }
    SAY("own group: %s", told(reap(pid)));
    // A stopped process is killed, but not ended by another signal before it goes on.
    pid = child_of(stops);
    MUST(waitpid(pid, 0, WUNTRACED));
    kill(pid, SIGTERM);
    TRY(waitpid(pid, 0, WNOHANG));
    kill(pid, SIGCONT);
    SAY("stopped, terminated: %s", told(reap(pid)));
    pid = child_of(stops);
    MUST(waitpid(pid, 0, WUNTRACED));
    kill(pid, SIGKILL);
    SAY("stopped, killed: %s", told(reap(pid)));
}

int main(void) {
    struct rlimit none = {0};
    setrlimit(RLIMIT_CORE, &none);
    char folder[] = "/tmp/oracle-XXXXXX";
    if (!mkdtemp(folder)) return 1;
    MUST(chdir(folder));
    ends();
    waiting();
    spawns();
    clones();
    orphans();
    pidfds();
    kills();
    return 0;
}
