/* A kernel image of a few lines, for the monitor's tests: it does what the instance's arguments say, by raw
 * host calls, and writes what came of it to the instance's standard output.
 *
 *   rpc:HEX          sends a request, prints `reply HEX` and whether a descriptor came
 *   read             prints the first bytes of the last descriptor that came
 *   write:TEXT       writes to it
 *   call:N:A:...     makes a host call from the kernel's text with decimal arguments, prints `result R`
 *   outside:N        makes a host call from other memory, prints `trapped N` or `result R`
 *   compat:N         makes a host call by int 0x80, prints `result R`
 *   maps             prints whether everything but the layout's mappings is gone
 *   fork-call:N      has a new process make a host call; prints the event that follows
 *   fork-exit:N      has a new process end with a status; prints the event that follows
 *   many:N           makes N processes that wait for the end, prints how many came about
 *   event            prints the next event
 *   clock            prints whether the vDSO and the host call tell the same second
 *   exit:N           ends the instance
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;

struct handoff {
    u32 version;
    int channel_fd, event_fd, memfd;
    u64 memfd_size, config, config_len, counts, heap_start, vdso_clock_gettime;
    int host_pid, wake_fds[2];
    u8 seed[32];
};
struct iovec { void *base; u64 length; };
struct msghdr { void *name; u32 name_length; struct iovec *vec; u64 vecs; void *control; u64 control_length; int flags; };

static int out = -1, last = -1, channel = -1;
static volatile i64 trapped;
static u8 message[65536];
static u8 initialised[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static i64 call(i64 n, i64 a, i64 b, i64 c, i64 d, i64 e, i64 f) {
    register i64 r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    i64 result;
    __asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return result;
}

void *memcpy(void *to, const void *from, u64 n) { for (u64 i = 0; i < n; i++) ((u8 *)to)[i] = ((const u8 *)from)[i]; return to; }
void *memset(void *to, int byte, u64 n) { for (u64 i = 0; i < n; i++) ((u8 *)to)[i] = (u8)byte; return to; }

static u64 length_of(const char *text) { u64 n = 0; while (text[n]) n++; return n; }

static void put(const void *bytes, u64 n) {
    struct iovec vec = {(void *)bytes, n};
    if (out >= 0) call(328, out, (i64)&vec, 1, -1, -1, 0);
}
static void say(const char *text) { put(text, length_of(text)); }
static void number(i64 value) {
    char digits[24];
    int at = 24, negative = value < 0;
    u64 rest = negative ? -(u64)value : (u64)value;
    do digits[--at] = '0' + rest % 10; while (rest /= 10);
    if (negative) digits[--at] = '-';
    put(digits + at, 24 - at);
}
static void hex(const u8 *bytes, u64 n) {
    static const char digits[] = "0123456789abcdef";
    for (u64 i = 0; i < n; i++) { char pair[2] = {digits[bytes[i] >> 4], digits[bytes[i] & 15]}; put(pair, 2); }
}
static void result(i64 value) { say("result "); number(value); say("\n"); }

/* Sends a request and takes its reply into `message`; a descriptor that comes with it becomes `last`. */
static i64 rpc(const u8 *request, u64 n) {
    struct iovec vec = {(void *)request, n};
    u64 control[8];
    i64 got = call(328, channel, (i64)&vec, 1, -1, -1, 0);
    if (got < 0) return got;
    vec = (struct iovec){message, sizeof message};
    struct msghdr header = {0, 0, &vec, 1, control, sizeof control, 0};
    got = call(47, channel, (i64)&header, 0, 0, 0, 0);
    last = got >= 0 && header.control_length >= 20 ? (int)control[2] : -1;
    return got;
}

static i64 parse(const char **text) {
    i64 value = 0, sign = 1;
    if (**text == '-') { sign = -1; ++*text; }
    while (**text >= '0' && **text <= '9') value = value * 10 + *(*text)++ - '0';
    if (**text == ':') ++*text;
    return sign * value;
}
static u8 digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static void on_trap(int signal, u8 *info, void *context) {
    (void)signal; (void)context;
    trapped = *(int *)(info + 24);
}
__attribute__((naked)) static void restore(void) { __asm__("mov $15, %eax\n syscall"); }
static void catch_traps(void) {
    static u64 stack[4096];
    struct { void *at; int flags; u64 size; } alternate = {stack, 0, sizeof stack};
    struct { void *handler; u64 flags; void *restorer; u64 mask; } action = {on_trap, 4 | 0x04000000 | 0x08000000, restore, 0};
    call(131, (i64)&alternate, 0, 0, 0, 0, 0);
    call(13, 31, (i64)&action, 0, 8, 0, 0);
}

/* A page of application code: `mov %rdi, %rax; CALL; ret`. */
static i64 from_outside(i64 n, int compat) {
    u8 *page = (u8 *)call(9, 0x50000, 4096, 7, 0x32, -1, 0);
    u8 code[] = {0x48, 0x89, 0xf8, 0x0f, compat ? 0x00 : 0x05, 0xc3};
    u8 legacy[] = {0x89, 0xf8, 0xcd, 0x80, 0xc3};
    if (compat) memcpy(page, legacy, sizeof legacy); else memcpy(page, code, sizeof code);
    return ((i64(*)(i64))page)(n);
}

static void take_event(int fd) {
    struct iovec vec = {message, sizeof message};
    struct msghdr header = {0, 0, &vec, 1, 0, 0, 0};
    i64 got = call(47, fd, (i64)&header, 0, 0, 0, 0);
    say("event ");
    if (got > 0) hex(message, got); else number(got);
    say("\n");
}

static void fork_and(const struct handoff *handoff, i64 n, int exits) {
    static const u8 new_channel[] = {16};
    i64 got = rpc(new_channel, 1);
    int theirs = last;
    i64 pid = call(56, 0x01208011, 0, 0, 0, 0, 0);
    if (pid == 0) {
        if (exits) call(231, n, 0, 0, 0, 0, 0);
        call(n, 0, 0, 0, 0, 0, 0);
        call(231, 0, 0, 0, 0, 0, 0);
    }
    call(3, theirs, 0, 0, 0, 0, 0);
    say(got > 0 && theirs >= 0 && pid > 0 ? "forked\n" : "not forked\n");
    if (pid > 0 && !(exits && n == 0)) take_event(handoff->event_fd);
}

static void many(i64 wanted) {
    i64 made = 0;
    for (i64 i = 0; i < wanted; i++) {
        i64 pid = call(56, 0x01208011, 0, 0, 0, 0, 0);
        if (pid == 0) for (;;) call(271, 0, 0, 0, 0, 0, 0);
        if (pid > 0) made++;
    }
    result(made);
}

static void check_maps(const struct handoff *handoff) {
    /* mincore(2) is not allowed, so ask by mapping: MAP_FIXED_NOREPLACE fails where anything is left. */
    static const u64 free_ranges[][2] = {{0x40000, 0x600000000000 - 0x40000}, {0x630000000000, 0x7ffffffff000 - 0x630000000000}};
    int clean = 1;
    for (int i = 0; i < 2; i++) {
        i64 at = call(9, free_ranges[i][0], free_ranges[i][1], 0, 0x104022, -1, 0);
        if (at != (i64)free_ranges[i][0]) { clean = 0; result(at); }
        else call(11, free_ranges[i][0], free_ranges[i][1], 0, 0, 0, 0);
    }
    for (int i = 0; i < 8; i++) if (initialised[i] != i + 1) clean = 0;
    initialised[0] = 1;
    *(volatile u8 *)0x610000000000 = 7;
    *(volatile u8 *)(0x610000000000 + handoff->memfd_size - 1) = 7;
    *(volatile u8 *)0x20000 = 7;
    *(volatile u64 *)handoff->counts = 1;
    *(volatile u8 *)handoff->heap_start = 7;
    say(clean ? "clean\n" : "not clean\n");
}

static void check_clock(const struct handoff *handoff) {
    i64 a[2] = {0, 0}, b[2] = {0, 0};
    call(228, 0, (i64)a, 0, 0, 0, 0);
    if (!handoff->vdso_clock_gettime) { say("clock none\n"); return; }
    int (*clock)(i64, void *) = (int (*)(i64, void *))handoff->vdso_clock_gettime;
    int failed = clock(0, b);
    /* CPU time has no answer in the vDSO: it falls back to a host call, which must count as ours. */
    i64 c[2];
    failed |= clock(2, c);
    say(!failed && b[0] - a[0] < 2 ? "clock agrees\n" : "clock differs\n");
}

static void step(const struct handoff *handoff, char *command) {
    const char *rest = command;
    while (*rest && *rest != ':') rest++;
    if (*rest) rest++;
    switch (command[0] * 256 + command[1]) {
    case 'r' * 256 + 'p': {
        u64 n = 0;
        for (; rest[2 * n]; n++) message[n] = digit(rest[2 * n]) << 4 | digit(rest[2 * n + 1]);
        i64 got = rpc(message, n);
        say("reply ");
        if (got >= 0) hex(message, got); else number(got);
        say(last >= 0 ? " fd\n" : "\n");
        break;
    }
    case 'r' * 256 + 'e': {
        struct iovec vec = {message, 4096};
        i64 got = call(327, last, (i64)&vec, 1, -1, -1, 0);
        say("read ");
        if (got >= 0) put(message, got); else number(got);
        say("\n");
        break;
    }
    case 'w' * 256 + 'r': {
        struct iovec vec = {(void *)rest, length_of(rest)};
        result(call(328, last, (i64)&vec, 1, -1, -1, 0));
        break;
    }
    case 'c' * 256 + 'a': {
        i64 n = parse(&rest), a = parse(&rest), b = parse(&rest), c = parse(&rest), d = parse(&rest), e = parse(&rest);
        result(call(n, a, b, c, d, e, 0));
        break;
    }
    case 'o' * 256 + 'u': {
        trapped = -1;
        i64 got = from_outside(parse(&rest), 0);
        if (trapped >= 0) { say("trapped "); number(trapped); say("\n"); } else result(got);
        break;
    }
    case 'c' * 256 + 'o': result(from_outside(parse(&rest), 1)); break;
    case 'm' * 256 + 'a': if (command[2] == 'n') many(parse(&rest)); else check_maps(handoff); break;
    case 'f' * 256 + 'o': fork_and(handoff, parse(&rest), command[5] == 'e'); break;
    case 'e' * 256 + 'v': take_event(handoff->event_fd); break;
    case 'c' * 256 + 'l': check_clock(handoff); break;
    case 'e' * 256 + 'x': {
        u8 request[] = {17, 0, (u8)parse(&rest)};
        rpc(request, 3);
        call(231, 0, 0, 0, 0, 0, 0);
    }
    }
}

static u64 varint(const u8 **at) {
    u64 value = 0;
    for (int shift = 0;; shift += 7) { u8 byte = *(*at)++; value |= (u64)(byte & 127) << shift; if (byte < 128) return value; }
}

__attribute__((used)) static void begin(const struct handoff *handoff) {
    static char argument[65536];
    /* StreamOpen { uri: "stdio:1", mode: write } */
    static const u8 open_output[] = {0, 7, 's', 't', 'd', 'i', 'o', ':', '1', 0, 1, 0, 0, 0};
    const u8 *at = (const u8 *)handoff->config;
    u64 n, count;
    channel = handoff->channel_fd;
    if (rpc(open_output, sizeof open_output) > 0) out = last;
    catch_traps();
    n = varint(&at);
    at += n;
    count = varint(&at);
    for (u64 i = 0; i < count; i++) {
        n = varint(&at);
        if (i) { memcpy(argument, at, n); argument[n] = 0; step(handoff, argument); }
        at += n;
    }
    call(231, 0, 0, 0, 0, 0, 0);
}

__attribute__((naked)) void _start(void) { __asm__("mov %rsp, %rbp\n call begin\n ud2"); }
