/* execve(2) and execveat(2): what may be run, with which arguments, and what the new program has of the old. */
#include "oracle.h"
#include <sys/prctl.h>
#include <sys/time.h>
#include <time.h>

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

static int reap(pid_t pid) {
    int status = -1;
    MUST(waitpid(pid, &status, __WALL));
    return status;
}

static void terminates(int signo) { raise(SIGTERM); }

static void script(const char *path, const char *text, int mode) {
    int fd = MUST(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755));
    MUST(write(fd, text, strlen(text)));
    MUST(fchmod(fd, mode));
    close(fd);
}

/* What an exec gives: its error, or how the new program ends; what it prints is passed on. */
static void exec_is(const char *what, int folder, const char *path, char *const argv[], int flags) {
    pid_t pid = MUST(fork());
    char *environment[] = { "A=b", 0 };
    if (!pid) {
        syscall(SYS_execveat, folder, path, argv, environment, flags);
        SAY("%s: %s", what, strerrorname_np(errno));
        _exit(99);
    }
    int status = reap(pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 99) SAY("%s: %s", what, told(status));
}

static void execs(void) {
    char *words[] = { "zero", "one", "two words", 0 };
    char *none[] = { 0 };
    char *shell[] = { "sh", "-c", "echo $0 $# $A $SHLVL; exit 3", "x", "y", 0 };
    exec_is("sh", AT_FDCWD, "/bin/sh", shell, 0);
    exec_is("nothing", AT_FDCWD, "/nowhere", words, 0);
    exec_is("empty path", AT_FDCWD, "", words, 0);
    exec_is("a folder", AT_FDCWD, "/tmp", words, 0);
    exec_is("below a file", AT_FDCWD, "/bin/sh/x", words, 0);
    exec_is("bad address", AT_FDCWD, (char *)8, words, 0);
    exec_is("bad arguments", AT_FDCWD, "/bin/sh", (char **)8, 0);
    exec_is("unknown flag", AT_FDCWD, "/bin/sh", words, 1);
    exec_is("bad folder", 999, "sh", shell, 0);
    exec_is("absolute, bad folder", 999, "/bin/sh", shell, 0);
    int folder = MUST(open("/bin", O_RDONLY | O_DIRECTORY));
    exec_is("in a folder", folder, "sh", shell, 0);
    exec_is("folder itself", folder, "", shell, AT_EMPTY_PATH);
    int program = MUST(open("/bin/sh", O_RDONLY));
    exec_is("of a file", program, "", shell, AT_EMPTY_PATH);
    exec_is("of a file without the flag", program, "", shell, 0);
    exec_is("file as a folder", program, "x", shell, AT_EMPTY_PATH);
    int bare = MUST(open("/bin/sh", O_PATH));
    exec_is("of a name", bare, "", shell, AT_EMPTY_PATH);
    script("plain", "echo no\n", 0755);
    exec_is("no format", AT_FDCWD, "plain", words, 0);
    script("nobody", "#!/bin/sh\n", 0644);
    exec_is("no right", AT_FDCWD, "nobody", words, 0);
    script("empty", "", 0755);
    exec_is("empty file", AT_FDCWD, "empty", words, 0);
    script("elf", "\177ELF\2\1\1", 0755);
    exec_is("half an ELF", AT_FDCWD, "elf", words, 0);
    script("one", "#!/bin/echo\n", 0755);
    exec_is("script", AT_FDCWD, "one", words, 0);
    exec_is("script of none", AT_FDCWD, "one", none, 0);
    exec_is("script, no list", AT_FDCWD, "one", 0, 0);
    script("two", "#!  /bin/echo \t  -n  a b \t \nrest", 0755);
    exec_is("script with words", AT_FDCWD, "./two", words, 0);
    script("three", "#!./one three", 0755);
    exec_is("script of a script", AT_FDCWD, "three", words, 0);
    script("none", "#!\n", 0755);
    exec_is("script of nothing", AT_FDCWD, "none", words, 0);
    script("missing", "#!/nowhere x\n", 0755);
    exec_is("script of what is not", AT_FDCWD, "missing", words, 0);
    script("loop", "#!./loop\n", 0755);
    exec_is("script of itself", AT_FDCWD, "loop", words, 0);
    script("bad", "#!./plain\n", 0755);
    exec_is("script of no format", AT_FDCWD, "bad", words, 0);
    char text[600] = "#!/bin/echo ";
    memset(text + 12, 'y', 400);
    strcpy(text + 412, "\n");
    script("long", text, 0755);
    exec_is("script with a long word", AT_FDCWD, "long", words, 0);
    memset(text + 2, 'z', 400);
    script("longer", text, 0755);
    exec_is("script of a long name", AT_FDCWD, "longer", words, 0);
    symlink("one", "link");
    exec_is("link", AT_FDCWD, "link", words, 0);
    exec_is("link not followed", AT_FDCWD, "link", words, AT_SYMLINK_NOFOLLOW);
    int one = MUST(open("one", O_RDONLY));
    exec_is("script by descriptor", one, "", words, AT_EMPTY_PATH);
    MUST(fcntl(one, F_SETFD, FD_CLOEXEC));
    exec_is("script by descriptor that closes", one, "", words, AT_EMPTY_PATH);
    if (system("cp /bin/true busy")) exit(1);
    int busy = MUST(open("busy", O_WRONLY));
    exec_is("open for writing", AT_FDCWD, "busy", words, 0);
    close(busy);
    exec_is("no more", AT_FDCWD, "busy", words, 0);
    int running[2];
    MUST(pipe(running));
    if (system("cp /bin/sleep busy2")) exit(1);
    pid_t pid = MUST(fork());
    if (!pid) {
        fcntl(running[1], F_SETFD, FD_CLOEXEC);
        execl("./busy2", "busy2", "100", (char *)0);
        _exit(1);
    }
    close(running[1]);
    char byte;
    TRY(read(running[0], &byte, 1));
    TRY(open("busy2", O_WRONLY));
    TRY(open("busy2", O_RDWR | O_TRUNC));
    TRY(truncate("busy2", 0));
    TRY(unlink("busy2"));
    kill(pid, SIGKILL);
    SAY("busy2: %s", told(reap(pid)));
    // An empty list of arguments becomes one empty argument.
    char *command = "echo $#";
    exec_is("no arguments", AT_FDCWD, "/bin/true", none, 0);
    exec_is("no list", AT_FDCWD, "/bin/true", 0, 0);
    char *big = malloc(200000);
    memset(big, 'a', 199999);
    big[199999] = 0;
    char *one_big[] = { "true", big, 0 };
    exec_is("too long a word", AT_FDCWD, "/bin/true", one_big, 0);
    big[131071] = 0;
    exec_is("longest word", AT_FDCWD, "/bin/true", one_big, 0);
    big[131071] = 'a';
    big[131072] = 0;
    exec_is("one more", AT_FDCWD, "/bin/true", one_big, 0);
    big[131071] = 0;
    char *many[32];
    for (int i = 0; i < 31; i++) many[i] = big;
    many[15] = 0;
    exec_is("15 of them", AT_FDCWD, "/bin/true", many, 0);
    many[15] = big;
    many[17] = 0;
    exec_is("17 of them", AT_FDCWD, "/bin/true", many, 0);
    static char *tiny[100001];
    for (int i = 0; i < 100000; i++) tiny[i] = "x";
    exec_is("100000 words", AT_FDCWD, "/bin/true", tiny, 0);
    free(big);
    close(folder), close(program), close(bare), close(one);
}

/* In a new program: what it has of the old. */
static void looks(void) {
    sigset_t blocked, pending;
    struct sigaction two, alarmed;
    sigprocmask(SIG_BLOCK, 0, &blocked);
    sigpending(&pending);
    sigaction(SIGUSR2, 0, &two);
    sigaction(SIGALRM, 0, &alarmed);
    stack_t stack;
    sigaltstack(0, &stack);
    struct itimerval left;
    getitimer(ITIMER_REAL, &left);
    SAY("blocked %d %d %d, pending %d", sigismember(&blocked, SIGUSR1), sigismember(&blocked, SIGHUP),
        sigismember(&blocked, SIGTERM), sigismember(&pending, SIGHUP));
    SAY("ignored %d, default %d, no stack %d, alarm %d", two.sa_handler == SIG_IGN, alarmed.sa_handler == SIG_DFL,
        stack.ss_flags, left.it_value.tv_sec > 900);
    timer_t timer = 0;
    SAY("timer %s", result(syscall(SYS_timer_gettime, 0, &left)));
    SAY("descriptors %d %d", fcntl(50, F_GETFD), fcntl(51, F_GETFD));
    char name[17] = "";
    prctl(PR_GET_NAME, name);
    SAY("name %s, parent %d", name, getppid() > 1);
}

static void keeps(void) {
    pid_t pid = MUST(fork());
    if (!pid) {
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        sigaddset(&set, SIGHUP);
        sigprocmask(SIG_BLOCK, &set, 0);
        signal(SIGUSR2, SIG_IGN);
        signal(SIGALRM, terminates);
        static char room[65536];
        sigaltstack(&(stack_t){ .ss_sp = room, .ss_size = sizeof room }, 0);
        kill(getpid(), SIGHUP);
        alarm(1000);
        int id;
        struct sigevent event = { .sigev_notify = SIGEV_NONE };
        syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id);
        dup2(1, 50);
        dup3(1, 51, O_CLOEXEC);
        prctl(PR_SET_NAME, "other");
        symlink("/proc/self/exe", "a-program-with-a-long-name");
        execl("a-program-with-a-long-name", "program", "looks", (char *)0);
        _exit(1);
    }
    SAY("keeps: %s", told(reap(pid)));
    signal(SIGUSR2, SIG_IGN);
    // A new program's end is told by SIGCHLD, whatever was asked for.
    pid = syscall(SYS_clone, SIGUSR2, 0, 0, 0, 0);
    if (!pid) {
        execl("/bin/true", "true", (char *)0);
        _exit(1);
    }
    siginfo_t info;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, 0);
    TRY(sigwaitinfo(&set, &info));
    sigprocmask(SIG_UNBLOCK, &set, 0);
    TRY(waitpid(pid, 0, 0) == pid);
    signal(SIGUSR2, SIG_DFL);
}

int main(int count, char **words) {
    if (count > 1) {
        looks();
        return 0;
    }
    struct rlimit none = {0}, stack = { 8 << 20, 8 << 20 };
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_STACK, &stack);
    char folder[] = "/tmp/oracle-XXXXXX";
    if (!mkdtemp(folder)) return 1;
    MUST(chdir(folder));
    execs();
    keeps();
    return 0;
}
