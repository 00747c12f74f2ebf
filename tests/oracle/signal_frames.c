/* What a signal handler sees and changes of what it has interrupted: faults, registers, vectors, stacks. */
#include "oracle.h"
#include <cpuid.h>
#include <pthread.h>
#include <sys/ucontext.h>
#include <ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif

static volatile int count, order[2];
static siginfo_t seen;

static void handle(int signo, void *handler, int flags) {
    struct sigaction action = { .sa_flags = flags };
    if (flags & SA_SIGINFO) action.sa_sigaction = (void (*)(int, siginfo_t *, void *))handler;
    else action.sa_handler = (void (*)(int))handler;
    MUST(sigaction(signo, &action, 0));
    count = 0;
}

static void block(int how, int signo) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signo);
    sigprocmask(how, &set, 0);
}

static sigjmp_buf back;
static char *expected;
static volatile int wrote;

static void fault(int signo, siginfo_t *info, void *context) {
    ucontext_t *frame = context;
    seen = *info;
    wrote = !!(frame->uc_mcontext.gregs[REG_ERR] & 2);
    order[0] = frame->uc_mcontext.gregs[REG_TRAPNO];
    order[1] = (char *)frame->uc_mcontext.gregs[REG_CR2] == expected;
    siglongjmp(back, signo);
}

static void faulting(const char *what, void (*work)(char *), char *at) {
    const int all[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    for (int i = 0; i < 5; i++) handle(all[i], fault, SA_SIGINFO);
    expected = at;
    int signo = sigsetjmp(back, 1);
    if (!signo) {
        work(at);
        SAY("%s: nothing", what);
        return;
    }
    SAY("%s: SIG%s code %d errno %d, address %d, trap %d, write %d, cr2 %d", what, sigabbrev_np(signo), seen.si_code,
        seen.si_errno, at ? seen.si_addr == at : 0, order[0], wrote, at ? order[1] : 0);
    for (int i = 0; i < 5; i++) signal(all[i], SIG_DFL);
}

static void reads_byte(char *at) { (void)*(volatile char *)at; }
static void writes_byte(char *at) { *(volatile char *)at = 1; }
static void runs(char *at) { ((void (*)(void))at)(); }
static void divides(char *at) { volatile int zero = 0, one = 1; one = one / zero; }
static void overflows(char *at) { volatile int low = INT_MIN, minus = -1; low = low / minus; }
static void illegal(char *at) { __asm__ volatile("ud2"); }
static void breaks(char *at) { __asm__ volatile("int3"); }
static void privileged(char *at) { __asm__ volatile("hlt"); }
static void odd_address(char *at) { (void)*(volatile char *)0x8000000000000000ul; }
static void single_step(char *at) { __asm__ volatile("pushfq; orl $0x100,(%%rsp); popfq; nop; nop" ::: "memory"); }
static void interrupt_128(char *at) { __asm__ volatile("int $0x81"); }
static void unmasked(char *at) {
    unsigned control = 0x1f80 & ~0x200;
    __asm__ volatile("ldmxcsr %0; xorps %%xmm0, %%xmm0; movss %1, %%xmm1; divss %%xmm0, %%xmm1" :: "m"(control), "m"((float){1}) : "xmm0", "xmm1");
}

static void faults(void) {
    char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(pages, 4096, PROT_READ);
    munmap(pages + 8192, 4096);
    faulting("read of nothing", reads_byte, pages + 8192 + 5);
    faulting("write of nothing", writes_byte, pages + 8192 + 5);
    faulting("write of read-only", writes_byte, pages + 7);
    faulting("read of null", reads_byte, (char *)0x10);
    faulting("run of data", runs, pages + 4096);
    faulting("run of nothing", runs, (char *)0x1000);
    mprotect(pages, 4096, PROT_NONE);
    faulting("read of none", reads_byte, pages);
    int fd = MUST(memfd_create("short", 0));
    char *file = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    faulting("behind the file", reads_byte, file + 4096);
    faulting("odd address", odd_address, 0);
    faulting("divide", divides, 0);
    faulting("overflow", overflows, 0);
    faulting("ud2", illegal, 0);
    faulting("int3", breaks, 0);
    faulting("hlt", privileged, 0);
    faulting("single step", single_step, 0);
    faulting("int 0x81", interrupt_128, 0);
    faulting("SSE divide", unmasked, 0);
    unsigned control = 0x1f80;
    __asm__ volatile("ldmxcsr %0" :: "m"(control));
    // A fault whose signal is blocked or ignored ends the process.
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        if (!pid) {
            struct rlimit none = {0};
            setrlimit(RLIMIT_CORE, &none);
            handle(SIGSEGV, fault, SA_SIGINFO);
            if (i) signal(SIGSEGV, SIG_IGN);
            else block(SIG_BLOCK, SIGSEGV);
            reads_byte(pages);
            _exit(1);
        }
        int status;
        waitpid(pid, &status, 0);
        SAY("%s: %d", i ? "ignored" : "blocked", status);
    }
}

/* A handler that mends what faulted, as compilers of running programs have it. */
static void mends(int signo, siginfo_t *info, void *context) {
    ucontext_t *frame = context;
    count++;
    char *page = (char *)((uintptr_t)info->si_addr & ~4095ul);
    if (signo == SIGSEGV) mprotect(page, 4096, PROT_READ | PROT_WRITE);
    else if (signo == SIGTRAP) frame->uc_mcontext.gregs[REG_RAX] = 77;
    else if (signo == SIGILL) frame->uc_mcontext.gregs[REG_RIP] += 2;
    else if (signo == SIGFPE) frame->uc_mcontext.gregs[REG_RCX] = 5;
}

static void mending(void) {
    const int all[] = { SIGSEGV, SIGFPE, SIGILL, SIGTRAP };
    for (int i = 0; i < 4; i++) handle(all[i], mends, SA_SIGINFO);
    char *pages = mmap(0, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 64; i++) pages[i * 4096] = i;
    SAY("guard pages: %d faults, last %d", count, pages[63 * 4096]);
    long rax = 0, sum;
    __asm__ volatile("int3" : "+a"(rax));
    SAY("register %ld", rax);
    __asm__ volatile("ud2");
    SAY("jumped");
    int quotient;
    __asm__ volatile("xorl %%edx, %%edx; movl $100, %%eax; xorl %%ecx, %%ecx; idivl %%ecx" : "=a"(quotient) :: "rcx", "rdx");
    SAY("quotient %d", quotient);
    // A read by the kernel is an error, no signal.
    count = 0;
    mprotect(pages, 4096, PROT_NONE);
    int fd = MUST(open("/dev/zero", O_RDWR));
    TRY(read(fd, pages, 1));
    SAY("faults %d", count);
    close(fd);
    for (int i = 0; i < 4; i++) signal(all[i], SIG_DFL);
}

/* Every register of the interrupted code is seen and can be set. */
static void sees_registers(int signo, siginfo_t *info, void *context) {
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    const int all[] = { REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    count = 0;
    for (int i = 0; i < 13; i++) {
        count += r[all[i]] == 0x1000 + i;
        r[all[i]] += 0x500;
    }
    r[REG_EFL] |= 1;
}

static void registers(void) {
    handle(SIGTRAP, sees_registers, SA_SIGINFO);
    long out[13];
    unsigned char carry;
    __asm__ volatile(
        "movq $0x1000, %%rbx; movq $0x1001, %%rcx; movq $0x1002, %%rdx; movq $0x1003, %%rsi; movq $0x1004, %%rdi;"
        "movq $0x1005, %%r8; movq $0x1006, %%r9; movq $0x1007, %%r10; movq $0x1008, %%r11; movq $0x1009, %%r12;"
        "movq $0x100a, %%r13; movq $0x100b, %%r14; movq $0x100c, %%r15; clc; int3; setc %1;"
        "movq %%rbx, (%0); movq %%rcx, 8(%0); movq %%rdx, 16(%0); movq %%rsi, 24(%0); movq %%rdi, 32(%0);"
        "movq %%r8, 40(%0); movq %%r9, 48(%0); movq %%r10, 56(%0); movq %%r11, 64(%0); movq %%r12, 72(%0);"
        "movq %%r13, 80(%0); movq %%r14, 88(%0); movq %%r15, 96(%0)"
        : : "a"(out), "m"(carry) : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    int set = 0;
    for (int i = 0; i < 13; i++) set += out[i] == 0x1500 + i;
    SAY("registers seen %d, set %d, carry %d", count, set, carry);
    signal(SIGTRAP, SIG_DFL);
}

/* Vector registers: kept over a handler, seen and changed in its frame. */
static int has_avx, has_avx512;
static volatile int xstate, in_header, upper_seen, xmm_seen;

__attribute__((target("avx"))) static void spoils(void) {
    __asm__ volatile("vpcmpeqd %%xmm0, %%xmm0, %%xmm0; vinsertf128 $1, %%xmm0, %%ymm0, %%ymm0; vmovaps %%ymm0, %%ymm5; vmovaps %%ymm0, %%ymm7" ::: "xmm0", "xmm5", "xmm7");
}

static void sees_vectors(int signo, siginfo_t *info, void *context) {
    struct _libc_fpstate *state = ((ucontext_t *)context)->uc_mcontext.fpregs;
    uint32_t *software = (uint32_t *)((char *)state + 464);
    xstate = software[0] == 0x46505853u;
    uint64_t *header = (uint64_t *)((char *)state + 512);
    in_header = (header[0] & 7) == 7 || !has_avx && (header[0] & 3) == 3;
    unsigned offset = 0, eax, ecx, edx;
    xmm_seen = state->_xmm[5].element[0] == 0x11111111;
    state->_xmm[5].element[0] = 0x22222222;
    if (has_avx) {
        __cpuid_count(13, 2, eax, offset, ecx, edx);
        uint32_t *upper = (uint32_t *)((char *)state + offset + 5 * 16);
        upper_seen = upper[0] == 0x33333333;
        upper[0] = 0x44444444;
        // The end of the state is marked.
        uint32_t *end = (uint32_t *)((char *)state + software[4]);
        xstate += 2 * (*end == 0x46505845u || *(uint32_t *)((char *)state + software[1] - 4) == 0x46505845u);
        spoils();
    }
    count++;
}

static void keeps_vectors(int signo) {
    if (has_avx) spoils();
    count++;
}

__attribute__((target("avx"))) static void vectors(void) {
    unsigned eax, ebx, ecx, edx;
    __cpuid(1, eax, ebx, ecx, edx);
    has_avx = !!(ecx & (1 << 28));
    uint32_t in[8], out[8] = {0};
    for (int i = 0; i < 8; i++) in[i] = i < 4 ? 0x11111111 : 0x33333333;
    handle(SIGTRAP, sees_vectors, SA_SIGINFO);
    if (has_avx) {
        __asm__ volatile("vmovups %0, %%ymm5; int3; vmovups %%ymm5, %1" : : "m"(in), "m"(out) : "xmm5", "memory");
        SAY("state %d, header %d, seen %d %d", xstate, in_header, xmm_seen, upper_seen);
        SAY("changed %x %x %x %x", out[0], out[1], out[4], out[5]);
    } else {
        SAY("state 3, header 1, seen 1 1");
        SAY("changed 22222222 11111111 44444444 33333333");
    }
    // By a signal from outside, amid a computation and around a call.
    handle(SIGTRAP, keeps_vectors, 0);
    handle(SIGUSR1, keeps_vectors, 0);
    int kept = 0;
    for (int round = 0; round < 50; round++) {
        memset(out, 0, sizeof out);
        if (has_avx) {
            __asm__ volatile("vmovups %0, %%ymm7; int3; vmovups %%ymm7, %1" : : "m"(in), "m"(out) : "xmm7", "memory");
            kept += !memcmp(in, out, sizeof in);
            memset(out, 0, sizeof out);
            long number = SYS_tgkill, pid = getpid(), tid = gettid(), signo = SIGUSR1;
            __asm__ volatile("vmovups %4, %%ymm7; syscall; vmovups %%ymm7, %5"
                : "+a"(number) : "D"(pid), "S"(tid), "d"(signo), "m"(in), "m"(out) : "xmm7", "rcx", "r11", "memory");
            kept += !memcmp(in, out, sizeof in);
        } else kept += 2;
    }
    SAY("kept %d of 100", kept);
    // Rounding and masks of the SSE unit as well.
    unsigned control = 0x7f80, after;
    __asm__ volatile("ldmxcsr %0" :: "m"(control));
    raise(SIGUSR1);
    __asm__ volatile("stmxcsr %0" : "=m"(after));
    SAY("control %x", after & 0xffc0);
    control = 0x1f80;
    __asm__ volatile("ldmxcsr %0" :: "m"(control));
    signal(SIGTRAP, SIG_DFL);
}

static char alternate[65536] __attribute__((aligned(16)));
static volatile int on_alternate, saw_flags, could_change, saw_saved;

static void on_stack(int signo, siginfo_t *info, void *context) {
    char here;
    on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
    stack_t now, other = { .ss_sp = alternate, .ss_size = 32768 };
    sigaltstack(0, &now);
    saw_flags = now.ss_flags;
    saw_saved = ((ucontext_t *)context)->uc_stack.ss_flags;
    could_change = sigaltstack(&other, 0) == 0;
    count++;
}

static int grows(int depth) {
    volatile char room[4096];
    room[0] = depth;
    return depth > 100000 ? 0 : grows(depth + 1) + room[0];
}

static void overflowing(int signo, siginfo_t *info, void *context) {
    siglongjmp(back, 1);
}

static void stacks(void) {
    stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate }, old;
    TRY(sigaltstack(0, &old));
    SAY("none: flags %d", old.ss_flags);
    stack.ss_size = 100;
    TRY(sigaltstack(&stack, 0));
    stack.ss_size = sizeof alternate;
    stack.ss_flags = 8;
    TRY(sigaltstack(&stack, 0));
    TRY(syscall(SYS_sigaltstack, 8, 0));
    TRY(syscall(SYS_sigaltstack, 0, 8));
    stack.ss_flags = SS_ONSTACK;
    TRY(sigaltstack(&stack, 0));
    TRY(sigaltstack(0, &old));
    SAY("flags %d, same %d %d", old.ss_flags, old.ss_sp == alternate, old.ss_size == sizeof alternate);
    stack.ss_flags = 0;
    TRY(sigaltstack(&stack, 0));
    handle(SIGUSR1, on_stack, SA_SIGINFO);
    raise(SIGUSR1);
    SAY("without SA_ONSTACK: on it %d, flags %d, saved %d, changed %d", on_alternate, saw_flags, saw_saved, could_change);
    TRY(sigaltstack(&stack, 0));
    handle(SIGUSR1, on_stack, SA_SIGINFO | SA_ONSTACK);
    raise(SIGUSR1);
    SAY("on it %d, flags %d, saved %d, changed %d", on_alternate, saw_flags, saw_saved, could_change);
    stack.ss_flags = SS_AUTODISARM;
    TRY(sigaltstack(&stack, 0));
    TRY(sigaltstack(0, &old));
    SAY("flags %x", old.ss_flags);
    raise(SIGUSR1);
    SAY("disarmed: on it %d, flags %d, saved %x, changed %d", on_alternate, saw_flags, saw_saved, could_change);
    TRY(sigaltstack(0, &old));
    SAY("armed again: flags %x, size %d", old.ss_flags, (int)old.ss_size);
    stack.ss_flags = SS_DISABLE;
    TRY(sigaltstack(&stack, 0));
    TRY(sigaltstack(0, &old));
    SAY("disabled: flags %x, %d %d", old.ss_flags, old.ss_sp == 0, (int)old.ss_size);
    raise(SIGUSR1);
    SAY("none: on it %d", on_alternate);
    // An overflow of the usual stack is told on the other.
    stack.ss_flags = 0;
    MUST(sigaltstack(&stack, 0));
    handle(SIGSEGV, overflowing, SA_SIGINFO | SA_ONSTACK);
    struct rlimit limit = { 1 << 20, RLIM_INFINITY };
    getrlimit(RLIMIT_STACK, &limit);
    limit.rlim_cur = 1 << 20;
    setrlimit(RLIMIT_STACK, &limit);
    SAY("overflow: %d", sigsetjmp(back, 1) ? 1 : grows(0));
    // A stack that does not hold the frame.
    int status;
    pid_t pid = fork();
    if (!pid) {
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        stack.ss_sp = mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        stack.ss_size = 4096;
        sigaltstack(&stack, 0);
        handle(SIGUSR1, on_stack, SA_SIGINFO | SA_ONSTACK);
        raise(SIGUSR1);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    SAY("no room: %d", status);
    stack.ss_flags = SS_DISABLE;
    sigaltstack(&stack, 0);
    signal(SIGSEGV, SIG_DFL);
}

int main(void) {
    faults();
    mending();
    registers();
    vectors();
    stacks();
    return 0;
}
