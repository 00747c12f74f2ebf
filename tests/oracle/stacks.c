/* The initial stack: it grows as far as RLIMIT_STACK says, runs into nothing else, and its overflow can be told. */
#include "oracle.h"

static char alternate[1 << 17];

static void overflown(int signal, siginfo_t *info, void *context) {
    (void)context;
    SAY("SIG%s code %d", sigabbrev_np(signal), info->si_code);
    _exit(3);
}

/* Uses `length` bytes of stack, a page at a time. */
static int __attribute__((noinline)) descend(long length) {
    volatile char frame[4096];
    frame[0] = frame[4095] = 1;
    return length > 0 ? descend(length - 4096) + frame[0] - 1 : 0;
}

static void in_a_child(const char *what, void (*work)(void)) {
    int status;
    pid_t pid = MUST(fork());
    if (!pid) {
        work();
        exit(0);
    }
    MUST(waitpid(pid, &status, 0));
    if (WIFSIGNALED(status)) SAY("%s: SIG%s", what, sigabbrev_np(WTERMSIG(status)));
    else SAY("%s: status %d", what, WEXITSTATUS(status));
}

static void four(void) { SAY("%d", descend(4 << 20)); }
static void twelve(void) { SAY("%d", descend(12 << 20)); }
static void endless(void) { SAY("%d", descend(1l << 40)); }

static void caught(void) {
    stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };
    MUST(sigaltstack(&stack, 0));
    struct sigaction action = { .sa_sigaction = overflown, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    MUST(sigaction(SIGSEGV, &action, 0));
    endless();
}

/* Memory that the program asks for lies beyond the guard. */
static void beside_mappings(void) {
    for (int i = 0; i < 600; i++) MUST(mmap(0, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    caught();
}

/* A buffer at the far end of a frame that nothing has touched: a call of the kernel makes the stack grow. */
static void read_into_it(void) {
    char buffer[10 << 20];
    int fd = MUST(open("/dev/zero", O_RDONLY));
    TRY(read(fd, buffer, 64));
    struct stat about;
    struct stat *low = (struct stat *)buffer;
    TRY(fstat(fd, low));
    (void)about;
}

static void set_limit(long soft) {
    struct rlimit limit;
    MUST(getrlimit(RLIMIT_STACK, &limit));
    limit.rlim_cur = soft;
    MUST(setrlimit(RLIMIT_STACK, &limit));
}

int main(int count, char **arguments) {
    if (count == 1) {
        in_a_child("four MiB", four);
        in_a_child("twelve MiB", twelve);
        in_a_child("endless", endless);
        in_a_child("endless, with a handler", caught);
        in_a_child("endless, beside mappings", beside_mappings);
        set_limit(16 << 20);
        in_a_child("twelve MiB of sixteen", twelve);
        in_a_child("endless of sixteen", caught);
        in_a_child("a call", read_into_it);
        set_limit(2 << 20);
        execl(arguments[0], arguments[0], "small", (char *)0);
    }
    if (!strcmp(arguments[1], "small")) {
        in_a_child("four MiB of two", four);
        set_limit(200 << 20);
        execl(arguments[0], arguments[0], "large", (char *)0);
    }
    in_a_child("twelve MiB of many", twelve);
    in_a_child("endless of many", caught);
    return 0;
}
