/* What the oracle's C programs share: each line of output is one call and what came of it. */
#ifndef ORACLE_H
#define ORACLE_H
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Prints what a call returned: its value, or the name of its error. */
static inline void oracle_say(const char *what, long value, int error) {
    if (value == -1) printf("%s: %s\n", what, strerrorname_np(error));
    else printf("%s: %ld\n", what, value);
    fflush(stdout);
}

/* What a call returned, as text for a line of several: its value, or the name of its error. */
static inline const char *result(long value) {
    static char text[4][32];
    static int next;
    char *to = text[next++ % 4];
    if (value < 0) return strerrorname_np(errno);
    snprintf(to, 32, "%ld", value);
    return to;
}

/* Makes a call and prints its value. */
#define TRY(call) do { errno = 0; long oracle_value = (long)(call); oracle_say(#call, oracle_value, errno); } while (0)
/* As TRY, of a call whose value is a number that may differ (a descriptor, an address). */
#define OK(call) do { errno = 0; long oracle_value = (long)(call); oracle_say(#call, oracle_value == -1 ? -1 : 0, errno); } while (0)
/* Prints a line of its own. */
#define SAY(...) do { printf(__VA_ARGS__); putchar('\n'); fflush(stdout); } while (0)

/* Makes a call that the program cannot go on without. */
#define MUST(call) __extension__ ({ long oracle_must = (long)(call); if (oracle_must == -1) { \
    printf("%s failed: %s\n", #call, strerrorname_np(errno)); exit(1); } oracle_must; })

static sigjmp_buf oracle_jump;
static volatile siginfo_t oracle_info;

static inline void oracle_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    oracle_info = *info;
    siglongjmp(oracle_jump, signal);
}

/* What touching a byte does: "fine", or the signal and its code. */
static inline void touch(const char *what, volatile char *at, int write) {
    struct sigaction action = { .sa_sigaction = oracle_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
    int signal = sigsetjmp(oracle_jump, 1);
    if (!signal) {
        char byte = *at;
        if (write) *at = byte;
        SAY("%s: fine, byte %d", what, byte);
    } else {
        SAY("%s: SIG%s code %d, address %s", what, sigabbrev_np(signal), oracle_info.si_code,
            (char *)oracle_info.si_addr == at ? "right" : "wrong");
    }
    // A fault elsewhere is the end, and no jump to where this was.
    action.sa_handler = SIG_DFL;
    sigaction(SIGSEGV, &action, 0);
    sigaction(SIGBUS, &action, 0);
}

/* An open file with these contents. */
static inline int file_with(const char *path, const char *text) {
    int fd = MUST(open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
    MUST(write(fd, text, strlen(text)));
    MUST(lseek(fd, 0, SEEK_SET));
    return fd;
}

/* Runs `work` in a fresh folder of each file system: the home's, and the one of /tmp. */
static inline void in_each_place(void (*work)(void)) {
    const char *places[] = { "/home/user", "/tmp" };
    for (int i = 0; i < 2; i++) {
        char folder[64];
        SAY("== in %s", places[i]);
        snprintf(folder, sizeof folder, "%s/oracle-XXXXXX", places[i]);
        if (!mkdtemp(folder)) exit(1);
        MUST(chdir(folder));
        work();
        MUST(chdir("/"));
        char command[128];
        snprintf(command, sizeof command, "chmod -R u+rwx %s; rm -rf %s", folder, folder);
        if (system(command)) exit(1);
    }
}
#endif
