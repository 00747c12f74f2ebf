# System calls from every kind of site: C libraries' and Go's stubs, fresh code, odd numbers; with threads and signals.
cd ~ && rm -rf sites && mkdir sites && cd sites || exit 1
cat > stubs.S <<'EOF'
        .intel_syntax noprefix
        .text
        .macro stub name
        .globl \name
        .type \name, @function
\name:
        .endm
# glibc: the number right before the call, then a comparison.
stub glibc_getppid
        mov eax, 110
        syscall
        cmp rax, -4095
        jae 9f
        ret
9:      mov rax, -1
        ret
# musl: the number early, moves in between, and nothing but a return after.
stub musl_getppid
        push rbx
        mov eax, 110
        xor edi, edi
        syscall
        mov rbx, rax
        mov rax, rbx
        pop rbx
        ret
stub musl_cancellable
        mov rax, rdi
        mov rdi, rsi
        mov rsi, rdx
        mov rdx, rcx
        mov r10, r8
        mov r8, r9
        mov r9, [rsp + 8]
        syscall
        ret
# The same, with the last move to the stack.
stub musl_stored
        mov eax, 110
        mov r11d, 1
        mov [rsp - 8], r11
        syscall
        ret
# Go: the number from a register, a comparison with a long constant, results by memory.
        .macro go name
stub \name
        mov rax, rdi
        mov rdi, rsi
        mov rsi, rdx
        mov rdx, rcx
        xor r10d, r10d
        xor r8d, r8d
        xor r9d, r9d
        syscall
        cmp rax, -4095
        jbe 9f
        neg rax
        mov [rip + go_error], rax
        mov rax, -1
9:      ret
        .endm
        go go_syscall
# For threads alone.
        .rept 7
        nop
        .endr
        go go_threads
stub go_getppid
        mov eax, 110
        syscall
        mov [rsp - 16], eax
        movsxd rax, dword ptr [rsp - 16]
        ret
# A loop that jumps to the call itself: the number is set elsewhere.
stub jumped_getppid
        mov ecx, 50
        push rbx
        mov ebx, ecx
        mov eax, 110
        jmp 8f
7:      mov eax, 110
8:      syscall
        test rax, rax
        js 9f
        dec ebx
        jnz 7b
9:      pop rbx
        ret
# Nothing may change but rax, rcx and r11.
stub registers_kept
        push rbx
        push rbp
        push r12
        push r13
        push r14
        push r15
        mov rbx, 0x1111
        mov rbp, 0x2222
        mov r12, 0x3333
        mov r13, 0x4444
        mov r14, 0x5555
        mov r15, 0x6666
        mov rdi, 0x7777
        mov rsi, 0x8888
        mov rdx, 0x9999
        mov r10, 0xaaaa
        mov r8, 0xbbbb
        mov r9, 0xcccc
        pcmpeqb xmm0, xmm0
        movaps xmm15, xmm0
        mov eax, 110
        syscall
        cmp rax, -4095
        mov rax, rbx
        add rax, rbp
        add rax, r12
        add rax, r13
        add rax, r14
        add rax, r15
        add rax, rdi
        add rax, rsi
        add rax, rdx
        add rax, r10
        add rax, r8
        add rax, r9
        pmovmskb ecx, xmm15
        add rax, rcx
        pop r15
        pop r14
        pop r13
        pop r12
        pop rbp
        pop rbx
        ret
# The flags stay as they are, by sites of two kinds: rdi has them, and the result what they are after.
stub flags_by_mov
        push rdi
        popfq
        mov eax, 110
        syscall
        pushfq
        pop rax
        ret
stub flags_by_move
        mov eax, 110
        push rdi
        popfq
        mov rsi, rdi
        syscall
        pushfq
        pop rax
        ret
# Here the comparison sets them.
stub flags_by_comparison
        mov eax, 110
        push rdi
        popfq
        mov edi, edi
        syscall
        cmp rax, -4095
        pushfq
        pop rax
        ret
        .data
        .globl go_error
go_error: .quad 0
        .section .note.GNU-stack, "", @progbits
EOF
cat > sites.c <<'EOF'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <asm/prctl.h>
long glibc_getppid(void), musl_getppid(void), go_getppid(void), jumped_getppid(void), registers_kept(void);
long musl_cancellable(long, long, long, long, long, long, long), go_syscall(long, long, long, long);
long go_threads(long, long, long, long), musl_stored(void);
long flags_by_mov(long), flags_by_move(long), flags_by_comparison(long);
extern long go_error;
static volatile long handled, stop;
static void count(int s) { handled++; getppid(); }
static long once(void) {
    long parent = getppid(), wrong = 0;
    wrong += glibc_getppid() != parent;
    wrong += musl_getppid() != parent;
    wrong += musl_cancellable(110, 0, 0, 0, 0, 0, 0) != parent;
    wrong += go_syscall(110, 0, 0, 0) != parent;
    wrong += go_syscall(SYS_close, -1, 0, 0) != -1 || go_error != EBADF;
    wrong += musl_stored() != parent;
    wrong += go_getppid() != parent;
    wrong += jumped_getppid() != parent;
    wrong += registers_kept() != 0x1111 + 0x2222 + 0x3333 + 0x4444 + 0x5555 + 0x6666 + 0x7777 + 0x8888 + 0x9999 + 0xaaaa + 0xbbbb + 0xcccc + 0xffff;
    wrong += syscall(SYS_getppid) != parent;
    wrong += close(-1) != -1 || errno != EBADF;
    return wrong;
}
static long flags(void) {
    long wrong = 0;
    for (long bits = 0; bits < 64; bits++) {
        long word = 0x202 | (bits & 1) | (bits & 2) << 1 | (bits & 4) << 2 | (bits & 8) << 3 | (bits & 16) << 3 | (bits & 32) << 6;
        wrong += ((flags_by_mov(word) ^ word) & 0x8d5) != 0;
        wrong += ((flags_by_move(word) ^ word) & 0x8d5) != 0;
        wrong += (flags_by_comparison(word) & 0x41) != 1;
    }
    return wrong;
}
static void *run(void *rounds) {
    long wrong = 0;
    for (long i = 0; i < (long)rounds; i++) wrong += once();
    return (void *)wrong;
}
static void *until_told(void *unused) {
    long wrong = 0;
    while (!stop) wrong += once() + (go_threads(110, 0, 0, 0) != getppid());
    return (void *)wrong;
}
static void fresh_code(void) {
    unsigned char code[] = {0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0xc3};
    long wrong = 0;
    unsigned char *at = mmap(0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 200; i++) {
        unsigned char *here = at + i % 64 * 16;
        memcpy(here, code, sizeof code);
        for (int j = 0; j < 10; j++) wrong += ((long (*)(void))here)() != getppid();
        here[1] = SYS_getpid;
        for (int j = 0; j < 10; j++) wrong += ((long (*)(void))here)() != getpid();
    }
    mprotect(at, 4096, PROT_READ | PROT_EXEC);
    wrong += memcmp(at, "\xb8\x27", 2) != 0;
    printf("fresh code: wrong %ld\n", wrong);
}
static void numbers(void) {
    long odd[] = {-1, -2, 600, 0x3fffffff, 0x7fffffff, 1L << 32 | 110};
    for (unsigned i = 0; i < sizeof odd / sizeof *odd; i++) {
        errno = 0;
        long value = syscall(odd[i]);
        printf("number %lx: %s %s\n", odd[i], value == getppid() ? "parent" : value == -1 ? "-1" : "?", strerrorname_np(errno));
    }
}
static void segments(void) {
    static long cell = 42;
    long wrong = 0;
    printf("set gs %ld\n", syscall(SYS_arch_prctl, ARCH_SET_GS, &cell));
    for (int i = 0; i < 1000; i++) {
        long value;
        getppid();
        __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
        wrong += value != 42;
    }
    unsigned long own, zero = 0;
    syscall(SYS_arch_prctl, ARCH_GET_FS, &own);
    /* A program may change FS itself, make calls, and change it back. */
    for (int i = 0; i < 1000; i++) {
        long result;
        __asm__ volatile("wrfsbase %2; mov $110, %%eax; syscall; wrfsbase %1" : "=&a"(result) : "r"(own), "r"(i % 2 ? (unsigned long)&cell : zero) : "rcx", "r11", "memory");
        wrong += result != getppid();
    }
    printf("segments: wrong %ld\n", wrong);
}
int main(void) {
    printf("alone: wrong %ld\n", (long)run((void *)2000));
    printf("flags: wrong %ld\n", flags() + flags());
    numbers();
    fresh_code();
    segments();
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    signal(SIGALRM, count);
    setitimer(ITIMER_REAL, &often, 0);
    long wrong = 0;
    for (int i = 0; i < 200 || handled < 100; i++) wrong += (long)run((void *)100);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], 0, until_told, 0);
    for (int i = 0; i < 40; i++) {
        void *library = dlopen(i % 2 ? "libm.so.6" : "./late.so", RTLD_NOW | RTLD_LOCAL);
        if (!library) { printf("%s\n", dlerror()); return 1; }
        long (*late)(void) = (long (*)(void))dlsym(library, "late_getppid");
        for (int j = 0; late && j < 50; j++) wrong += late() != getppid();
        pid_t child = fork();
        if (!child) _exit(once() ? 1 : 7);
        int status;
        while (waitpid(child, &status, 0) == -1) wrong += errno != EINTR;
        wrong += WEXITSTATUS(status) != 7;
        dlclose(library);
    }
    stop = 1;
    for (int i = 0; i < 3; i++) { void *theirs; pthread_join(threads[i], &theirs); wrong += (long)theirs; }
    setitimer(ITIMER_REAL, &never, 0);
    printf("threads and signals: wrong %ld\n", wrong);
    return 0;
}
EOF
cat > late.c <<'EOF'
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>
long late_getppid(void) { long r; __asm__ volatile("mov $110, %%eax; syscall" : "=a"(r) : : "rcx", "r11", "memory"); return r; }
EOF
gcc -shared -fPIC -O1 -o late.so late.c && gcc -O1 -w -o sites sites.c stubs.S -pthread -ldl && ./sites; echo "status $?"
