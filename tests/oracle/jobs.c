/* Process groups, sessions, controlling terminals (credentials(7), tcsetpgrp(3), tty_ioctl(4)). */
#include "oracle.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static const char *told(int status) {
    static char text[64];
    if (WIFEXITED(status)) snprintf(text, 64, "exited %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) snprintf(text, 64, "killed %s", sigabbrev_np(WTERMSIG(status)));
    else if (WIFSTOPPED(status)) snprintf(text, 64, "stopped %s", sigabbrev_np(WSTOPSIG(status)));
    else snprintf(text, 64, "continued");
    return text;
}

static int reap(pid_t pid, int options) {
    int status = -1;
    while (waitpid(pid, &status, options) == -1 && errno == EINTR) {}
    return status;
}

/* Runs `work` in a child, and tells how that ends. */
static void in_child(const char *what, void (*work)(void)) {
    SAY("-- %s", what);
    pid_t pid = MUST(fork());
    if (!pid) {
        work();
        _exit(0);
    }
    SAY("-- %s: %s", what, told(reap(pid, 0)));
}

static void sleeps(void) { for (;;) pause(); }

static void groups(void) {
    TRY(setpgid(0, 0));
    TRY(getpgrp() == getpid());
    TRY(getpgid(0) == getpid());
    TRY(getpgid(getppid()) > 0);
    TRY(setpgid(0, -1));
    TRY(setpgid(-1, 0));
    TRY(setpgid(1 << 22, 0));
    TRY(setpgid(1, 0));
    TRY(setpgid(getppid(), 0));
    TRY(setpgid(0, 1 << 22));
    TRY(setpgid(0, 1));
    TRY(getpgid(-1));
    TRY(getpgid(1 << 22));
    TRY(getsid(-1));
    TRY(getsid(1 << 22));
    TRY(getsid(0) == getsid(getppid()));
    TRY(setsid());
    pid_t one = MUST(fork());
    if (!one) sleeps();
    TRY(getpgid(one) == getpid());
    TRY(setpgid(one, one));
    TRY(getpgid(one) == one);
    TRY(setpgid(one, getpgrp()));
    TRY(setpgid(one, 0));
    TRY(setpgid(0, one));
    TRY(setpgid(0, getpid()));
    pid_t two = MUST(fork());
    if (!two) {
        if (setpgid(0, one)) _exit(1);
        if (getpgrp() != one) _exit(2);
        // Its sibling's parent is not the caller.
        _exit(setpgid(one, 0) == -1 && errno == ESRCH ? 3 : 4);
    }
    SAY("two: %s", told(reap(two, 0)));
    int ends[2];
    MUST(pipe2(ends, O_CLOEXEC));
    pid_t three = MUST(fork());
    if (!three) {
        execlp("sleep", "sleep", "1000", (char *)0);
        _exit(1);
    }
    close(ends[1]);
    char byte;
    TRY(read(ends[0], &byte, 1));
    close(ends[0]);
    TRY(setpgid(three, three));
    kill(three, SIGKILL);
    // A process that has ended is still in its group.
    siginfo_t info;
    waitid(P_PID, three, &info, WEXITED | WNOWAIT);
    TRY(getpgid(three) == getpgrp());
    TRY(getsid(three) == getsid(0));
    TRY(setpgid(three, three));
    reap(three, 0);
    TRY(getpgid(three));
    kill(one, SIGKILL);
    TRY(setpgid(0, one));
    reap(one, 0);
    TRY(setpgid(0, one));
}

static void sessions(void) {
    TRY(setsid() == getpid());
    TRY(getsid(0) == getpid());
    TRY(getpgrp() == getpid());
    TRY(setsid());
    TRY(setpgid(0, 0));
    TRY(setpgid(0, getpid()));
    pid_t pid = MUST(fork());
    if (!pid) {
        setpgid(0, 0);
        if (setsid() != -1 || errno != EPERM) _exit(1);
        pid = fork();
        if (!pid) {
            if (setsid() != getpid()) _exit(2);
            // Another session's groups are out of reach.
            if (setpgid(0, getppid()) != -1 || errno != EPERM) _exit(3);
            _exit(0);
        }
        _exit(WEXITSTATUS(reap(pid, 0)));
    }
    SAY("leaders: %s", told(reap(pid, 0)));
    int ends[2];
    MUST(pipe(ends));
    pid = MUST(fork());
    if (!pid) {
        setsid();
        write(ends[1], "x", 1);
        sleeps();
    }
    char byte;
    read(ends[0], &byte, 1);
    TRY(setpgid(pid, pid));
    TRY(setpgid(pid, getpgrp()));
    TRY(setpgid(0, pid));
    kill(pid, SIGKILL);
    reap(pid, 0);
    TRY(open("/dev/tty", O_RDWR));
}

static int master = -1, slave = -1;
static char name[64];

/* A session of its own with a controlling terminal. */
static void with_terminal(void) {
    MUST(setsid());
    master = MUST(posix_openpt(O_RDWR | O_NOCTTY));
    MUST(grantpt(master));
    MUST(unlockpt(master));
    ptsname_r(master, name, sizeof name);
    slave = MUST(open(name, O_RDWR | O_NOCTTY));
    struct termios mode;
    MUST(tcgetattr(slave, &mode));
    mode.c_lflag &= ~(ECHO | ECHOCTL);
    mode.c_oflag &= ~OPOST;
    MUST(tcsetattr(slave, TCSANOW, &mode));
}

static void taking(void) {
    with_terminal();
    TRY(tcgetpgrp(slave));
    TRY(tcgetsid(slave));
    TRY(tcsetpgrp(slave, getpgrp()));
    TRY(tcgetpgrp(master));
    TRY(ioctl(slave, TIOCNOTTY));
    TRY(open("/dev/tty", O_RDWR));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(ioctl(slave, TIOCSCTTY, 1));
    TRY(tcgetpgrp(slave) == getpid());
    TRY(tcgetpgrp(master) == getpid());
    TRY(tcgetsid(slave) == getpid());
    TRY(tcgetsid(master) == getpid());
    int tty = MUST(open("/dev/tty", O_RDWR));
    TRY(tcgetpgrp(tty) == getpid());
    struct stat one, two;
    fstat(tty, &one);
    stat("/dev/tty", &two);
    TRY(one.st_rdev == two.st_rdev);
    TRY(isatty(tty));
    TRY(tcsetpgrp(tty, -1));
    TRY(tcsetpgrp(tty, 1 << 22));
    TRY(tcsetpgrp(tty, getppid()));
    TRY(tcsetpgrp(tty, getpgrp()));
    TRY(tcsetpgrp(0, getpgrp()));
    TRY(tcsetpgrp(99, getpgrp()));
    pid_t pid = MUST(fork());
    if (!pid) {
        // Not the leader: may not take one.
        if (ioctl(slave, TIOCSCTTY, 0) != -1 || errno != EPERM) _exit(1);
        // Gives up its own alone.
        if (ioctl(tty, TIOCNOTTY)) _exit(2);
        if (open("/dev/tty", O_RDWR) != -1 || errno != ENXIO) _exit(3);
        if (tcgetpgrp(slave) != -1 || errno != ENOTTY) _exit(4);
        if (setsid() == -1) _exit(5);
        // Another session's.
        if (ioctl(slave, TIOCSCTTY, 0) != -1 || errno != EPERM) _exit(6);
        if (ioctl(slave, TIOCSCTTY, 1) != -1 || errno != EPERM) _exit(7);
        if (tcsetpgrp(slave, getpgrp()) != -1 || errno != ENOTTY) _exit(8);
        if (open(name, O_RDWR) == -1) _exit(9);
        if (open("/dev/tty", O_RDWR) != -1 || errno != ENXIO) _exit(10);
        _exit(0);
    }
    SAY("other session: %s", told(reap(pid, 0)));
    TRY(tcgetpgrp(tty) == getpid());
    signal(SIGHUP, SIG_IGN);
    TRY(ioctl(tty, TIOCNOTTY));
    TRY(tcgetpgrp(slave));
    TRY(open("/dev/tty", O_RDWR));
    // The first terminal that a leader opens becomes its own.
    int again = MUST(open(name, O_RDWR));
    TRY(tcgetpgrp(again) == getpid());
}

/* A member of the background: what stops it, and how it goes on. */
static void background_case(const char *what, int (*work)(int), int with) {
    pid_t pid = MUST(fork());
    if (!pid) {
        setpgid(0, 0);
        int value = work(slave);
        _exit(value == -1 ? 100 + errno : value);
    }
    setpgid(pid, pid);
    int status = reap(pid, WUNTRACED);
    SAY("%s: %s", what, told(status));
    if (WIFSTOPPED(status)) {
        if (with) tcsetpgrp(slave, pid);
        kill(-pid, SIGCONT);
        SAY("  goes on: %s", told(reap(pid, WUNTRACED)));
        kill(pid, SIGKILL);
        reap(pid, 0);
        // The parent may be in the background now.
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(slave, getpgrp());
        signal(SIGTTOU, SIG_DFL);
    }
}

static int reads(int fd) { char byte; return read(fd, &byte, 1); }
static int reads_ignoring(int fd) { signal(SIGTTIN, SIG_IGN); return reads(fd); }
static int reads_blocking(int fd) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTIN);
    sigprocmask(SIG_BLOCK, &set, 0);
    return reads(fd);
}
static volatile int caught;
static void catches(int signo) { caught = signo; }
static int reads_catching(int fd) {
    struct sigaction action = { .sa_handler = catches };
    sigaction(SIGTTIN, &action, 0);
    int got = reads(fd);
    return got == -1 && errno == EINTR && caught == SIGTTIN ? 33 : got;
}
static int reads_never_waiting(int fd) {
    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
    int got = reads(fd);
    return got;
}
static int writes(int fd) { return write(fd, "w", 1); }
static int takes_foreground(int fd) { return tcsetpgrp(fd, getpgrp()); }
static int takes_foreground_ignoring(int fd) { signal(SIGTTOU, SIG_IGN); return tcsetpgrp(fd, getpgrp()) ? -1 : 44; }
static int sets_modes(int fd) { struct termios mode; tcgetattr(fd, &mode); return tcsetattr(fd, TCSANOW, &mode); }
static int gets_modes(int fd) { struct termios mode; return tcgetattr(fd, &mode); }
static int flushes(int fd) { return tcflush(fd, TCIFLUSH); }
static int resizes(int fd) { struct winsize size = { 24, 80 }; return ioctl(fd, TIOCSWINSZ, &size); }
static int polls(int fd) { struct pollfd wait = { fd, POLLIN | POLLOUT }; return poll(&wait, 1, 0) * 16 + wait.revents; }
static int stops_by_terminal(int fd) { raise(SIGTSTP); return 55; }

static void background(void) {
    with_terminal();
    MUST(ioctl(slave, TIOCSCTTY, 0));
    write(master, "a\nb\nc\nd\n", 8);
    background_case("read", reads, 1);
    background_case("read again", reads, 0);
    background_case("read, ignored", reads_ignoring, 0);
    background_case("read, blocked", reads_blocking, 0);
    background_case("read, caught", reads_catching, 0);
    background_case("write", writes, 0);
    background_case("poll", polls, 0);
    background_case("modes read", gets_modes, 0);
    background_case("modes set", sets_modes, 0);
    background_case("flush", flushes, 0);
    background_case("size", resizes, 0);
    background_case("foreground", takes_foreground, 0);
    background_case("SIGTSTP", stops_by_terminal, 0);
    background_case("read without waiting", reads_never_waiting, 0);
    fcntl(slave, F_SETFL, O_RDWR);
    struct termios mode;
    tcgetattr(slave, &mode);
    mode.c_lflag |= TOSTOP;
    TRY(tcsetattr(slave, TCSANOW, &mode));
    background_case("write with TOSTOP", writes, 1);
    background_case("foreground, ignored", takes_foreground_ignoring, 0);
    TRY(tcgetpgrp(slave) == getpgrp());
    signal(SIGTTOU, SIG_IGN);
    TRY(tcsetpgrp(slave, getpgrp()));
}

static void keys(void) {
    with_terminal();
    MUST(ioctl(slave, TIOCSCTTY, 0));
    signal(SIGTTOU, SIG_IGN);
    const struct { const char *name, *key; } of[] = {
        { "interrupt", "\003" }, { "quit", "\034" }, { "suspend", "\032" }, { "end", "\004" } };
    for (int i = 0; i < 4; i++) {
        int ends[2];
        MUST(pipe(ends));
        pid_t pid = MUST(fork());
        if (!pid) {
            setpgid(0, 0);
            tcsetpgrp(slave, getpgrp());
            write(ends[1], "x", 1);
            char byte;
            _exit(read(slave, &byte, 1) + 60);
        }
        char byte;
        read(ends[0], &byte, 1);
        write(master, of[i].key, 1);
        int status = reap(pid, WUNTRACED);
        SAY("%s: %s", of[i].name, told(status));
        if (WIFSTOPPED(status)) {
            kill(-pid, SIGCONT);
            SAY("  %s", told(reap(pid, WCONTINUED)));
            write(master, "\n", 1);
            SAY("  %s", told(reap(pid, 0)));
        }
        close(ends[0]), close(ends[1]);
        tcsetpgrp(slave, getpgrp());
    }
    struct sigaction action = { .sa_handler = catches };
    sigaction(SIGWINCH, &action, 0);
    struct winsize size = { 10, 20 };
    caught = 0;
    TRY(ioctl(master, TIOCSWINSZ, &size));
    SAY("SIGWINCH %d", caught == SIGWINCH);
    caught = 0;
    TRY(ioctl(master, TIOCSWINSZ, &size));
    SAY("SIGWINCH %d", caught == SIGWINCH);
    sigaction(SIGINT, &action, 0);
    caught = 0;
    TRY(ioctl(master, TIOCSIG, SIGINT));
    SAY("caught %d", caught);
    TRY(ioctl(master, TIOCSIG, 99));
}

/* A group whose last tie to its session goes: stopped members are hung up and continued. */
static void orphaned(void) {
    MUST(setsid());
    int ends[2];
    MUST(pipe(ends));
    pid_t middle = MUST(fork());
    if (!middle) {
        setpgid(0, 0);
        pid_t pid = fork();
        if (!pid) {
            setpgid(0, 0);
            struct sigaction action = { .sa_handler = catches };
            sigaction(SIGHUP, &action, 0);
            raise(SIGSTOP);
            dprintf(ends[1], "hung up %d", caught == SIGHUP);
            // Of an orphaned group: the terminal's stops have no effect.
            raise(SIGTSTP);
            dprintf(ends[1], ", not stopped");
            raise(SIGTTIN);
            dprintf(ends[1], ", nor by SIGTTIN");
            _exit(0);
        }
        setpgid(pid, pid);
        reap(pid, WUNTRACED);
        _exit(0);
    }
    close(ends[1]);
    SAY("middle: %s", told(reap(middle, 0)));
    char text[128] = "";
    for (int got, at = 0; (got = read(ends[0], text + at, 100 - at)) > 0; at += got) {}
    SAY("%s", text);
}

/* As above, but no member is stopped: nobody is told. */
static void orphaned_awake(void) {
    MUST(setsid());
    int ends[2], back[2];
    MUST(pipe(ends));
    MUST(pipe(back));
    pid_t middle = MUST(fork());
    if (!middle) {
        pid_t pid = fork();
        if (!pid) {
            setpgid(0, 0);
            struct sigaction action = { .sa_handler = catches };
            sigaction(SIGHUP, &action, 0);
            char byte;
            close(ends[1]);
            write(back[1], "x", 1);
            while (getppid() == middle) {}
            int got = read(ends[0], &byte, 1);
            dprintf(back[1], "read %d, hung up %d", got, caught == SIGHUP);
            _exit(0);
        }
        char byte;
        read(back[0], &byte, 1);
        _exit(0);
    }
    close(back[1]);
    SAY("middle: %s", told(reap(middle, 0)));
    close(ends[1]);
    char text[128] = "";
    for (int got, at = 0; (got = read(back[0], text + at, 100 - at)) > 0; at += got) {}
    SAY("%s", text);
}

/* The far side goes: the leader is hung up, reads end, writes fail. */
static void hung_up(void) {
    with_terminal();
    MUST(ioctl(slave, TIOCSCTTY, 0));
    struct sigaction action = { .sa_handler = catches };
    sigaction(SIGHUP, &action, 0);
    caught = 0;
    TRY(close(master));
    SAY("hung up %d", caught == SIGHUP);
    char byte;
    TRY(read(slave, &byte, 1));
    TRY(write(slave, &byte, 1));
    TRY(tcgetpgrp(slave));
    struct termios mode;
    TRY(tcgetattr(slave, &mode));
    struct pollfd wait = { slave, POLLIN | POLLOUT };
    TRY(poll(&wait, 1, 0));
    SAY("events %x", wait.revents);
    TRY(open("/dev/tty", O_RDWR));
    TRY(open(name, O_RDWR));
}

/* The leader ends: its foreground group is hung up. */
static void leader_ends(void) {
    int ends[2];
    MUST(pipe(ends));
    pid_t leader = MUST(fork());
    if (!leader) {
        with_terminal();
        MUST(ioctl(slave, TIOCSCTTY, 0));
        int ready[2];
        MUST(pipe(ready));
        pid_t pid = fork();
        if (!pid) {
            setpgid(0, 0);
            struct sigaction action = { .sa_handler = catches };
            sigaction(SIGHUP, &action, 0);
            signal(SIGTTOU, SIG_IGN);
            tcsetpgrp(slave, getpgrp());
            sigset_t set, old;
            sigemptyset(&set);
            sigaddset(&set, SIGHUP);
            sigprocmask(SIG_BLOCK, &set, &old);
            pid_t parent = getppid();
            write(ready[1], "x", 1);
            sigsuspend(&old);
            while (getppid() == parent) {}
            dprintf(ends[1], "foreground hung up %d, ", caught == SIGHUP);
            dprintf(ends[1], "/dev/tty %s, ", open("/dev/tty", O_RDWR) == -1 ? strerrorname_np(errno) : "open");
            dprintf(ends[1], "own group %d", getpgrp() == getpid());
            _exit(0);
        }
        char byte;
        read(ready[0], &byte, 1);
        _exit(3);
    }
    close(ends[1]);
    SAY("leader: %s", told(reap(leader, 0)));
    char text[256] = "";
    for (int got, at = 0; (got = read(ends[0], text + at, 200 - at)) > 0; at += got) {}
    SAY("%s", text);
}

static void sigcont(void) {
    int status;
    MUST(setsid());
    pid_t pid = MUST(fork());
    if (!pid) {
        setpgid(0, 0);
        struct sigaction action = { .sa_handler = catches };
        sigaction(SIGCONT, &action, 0);
        sigset_t set, old;
        sigfillset(&set);
        sigprocmask(SIG_BLOCK, &set, &old);
        raise(SIGTSTP);
        sigpending(&set);
        int pending = sigismember(&set, SIGTSTP);
        raise(SIGCONT);
        sigpending(&set);
        pending = pending * 2 + sigismember(&set, SIGTSTP);
        pending = pending * 2 + sigismember(&set, SIGCONT);
        // A stopping signal takes a waiting SIGCONT away, and the other way round.
        raise(SIGTTOU);
        sigpending(&set);
        pending = pending * 2 + sigismember(&set, SIGCONT);
        sigprocmask(SIG_SETMASK, &old, 0);
        _exit(caught == SIGCONT ? 100 + pending : pending);
    }
    setpgid(pid, pid);
    status = reap(pid, WUNTRACED);
    SAY("blocked: %s", told(status));
    kill(pid, SIGCONT);
    SAY("then: %s", told(reap(pid, 0)));
    // SIGCONT goes on even where it is ignored or blocked.
    pid = MUST(fork());
    if (!pid) {
        signal(SIGCONT, SIG_IGN);
        raise(SIGSTOP);
        _exit(12);
    }
    SAY("stopped: %s", told(reap(pid, WUNTRACED)));
    kill(pid, SIGCONT);
    SAY("ignored: %s", told(reap(pid, 0)));
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, 0);
    int ends[2];
    MUST(pipe(ends));
    pid = MUST(fork());
    if (!pid) {
        char byte;
        raise(SIGSTOP);
        _exit(read(ends[0], &byte, 1));
    }
    for (int i = 0; i < 3; i++) {
        int got = sigwaitinfo(&set, &info);
        SAY("SIGCHLD %d code %d status %d pid %d", got, info.si_code, info.si_status, info.si_pid == pid);
        if (i == 0) kill(pid, SIGCONT);
        if (i == 1) write(ends[1], "x", 1);
    }
    reap(pid, 0);
    struct timespec none = {0};
    TRY(sigtimedwait(&set, &info, &none));
    struct sigaction action = { .sa_handler = catches, .sa_flags = SA_NOCLDSTOP };
    sigaction(SIGCHLD, &action, 0);
    pid = MUST(fork());
    if (!pid) {
        raise(SIGSTOP);
        _exit(0);
    }
    reap(pid, WUNTRACED);
    TRY(sigtimedwait(&set, &info, &none));
    kill(pid, SIGKILL);
    TRY(sigwaitinfo(&set, &info));
    SAY("code %d status %d", info.si_code, info.si_status);
}

int main(void) {
    in_child("groups", groups);
    in_child("sessions", sessions);
    in_child("taking", taking);
    in_child("background", background);
    in_child("keys", keys);
    in_child("orphaned", orphaned);
    in_child("orphaned awake", orphaned_awake);
    in_child("hung up", hung_up);
    in_child("leader ends", leader_ends);
    in_child("SIGCONT", sigcont);
    return 0;
}
