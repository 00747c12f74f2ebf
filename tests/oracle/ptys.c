/* Terminals: the line discipline's editing, echo and translation, reads without lines, sizes, packets, hang-ups. */
#include "oracle.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <termios.h>

static int master, slave;
static struct termios normal;
static volatile sig_atomic_t signals[65];

static void on_signal(int signal) { signals[signal]++; }

static void open_pty(void) {
    master = MUST(posix_openpt(O_RDWR | O_NOCTTY));
    MUST(grantpt(master));
    MUST(unlockpt(master));
    slave = MUST(open(ptsname(master), O_RDWR | O_NOCTTY));
    MUST(tcgetattr(slave, &normal));
}

static void close_pty(void) {
    close(slave);
    close(master);
}

/* Bytes as C would write them. */
static const char *shown(const char *bytes, long count) {
    static char text[4][2048];
    static int next;
    char *to = text[next++ % 4], *at = to;
    for (long i = 0; i < count && at < to + 2000; i++) {
        unsigned char byte = bytes[i];
        if (byte == '\n') at += sprintf(at, "\\n");
        else if (byte == '\r') at += sprintf(at, "\\r");
        else if (byte < ' ' || byte >= 0x7f) at += sprintf(at, "\\x%02x", byte);
        else *at++ = byte;
    }
    *at = 0;
    return to;
}

/* What comes until nothing has come for a while. */
static long gather(int fd, char *to, long room) {
    long total = 0, got;
    struct pollfd look = { fd, POLLIN, 0 };
    while (total < room && poll(&look, 1, 150) > 0 && (got = read(fd, to + total, room - total)) > 0) total += got;
    return total;
}

/* Types, and says what is echoed and what can then be read. */
static void type_bytes(const char *what, const char *bytes, long count) {
    char echo[1024], line[1024];
    int waiting = -1;
    MUST(write(master, bytes, count));
    long echoed = gather(master, echo, sizeof echo);
    ioctl(slave, FIONREAD, &waiting);
    struct pollfd look = { slave, POLLIN, 0 };
    int ready = poll(&look, 1, 0);
    SAY("%s: echo \"%s\", waiting %d, ready %d", what, shown(echo, echoed), waiting, ready);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    for (int i = 0; i < 5; i++) {
        long got = read(slave, line, sizeof line);
        if (got < 0) {
            SAY("  then %s", strerrorname_np(errno));
            break;
        }
        SAY("  read %ld \"%s\"", got, shown(line, got));
        if (!got && !(normal.c_lflag & ICANON)) break;
    }
    fcntl(slave, F_SETFL, O_RDWR);
    tcflush(slave, TCIOFLUSH);
}
#define TYPE(bytes) type_bytes(#bytes, bytes, sizeof bytes - 1)

static struct termios modes;
/* From the normal modes. */
#define WITH(change) do { modes = normal; change; SAY("-- %s", #change); MUST(tcsetattr(slave, TCSANOW, &modes)); } while (0)

static void defaults(void) {
    SAY("modes %o %o %o %o, speeds %o %o", normal.c_iflag, normal.c_oflag, normal.c_cflag, normal.c_lflag,
        cfgetispeed(&normal), cfgetospeed(&normal));
    SAY("characters %s", shown((char *)normal.c_cc, 19));
    struct winsize size = {9, 9, 9, 9};
    int number;
    TRY(ioctl(slave, TIOCGWINSZ, &size));
    SAY("size %d %d %d %d", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
    TRY(ioctl(slave, TIOCGETD, &number));
    SAY("discipline %d", number);
    TRY(isatty(master));
    TRY(isatty(slave));
    struct stat st;
    TRY(fstat(slave, &st));
    SAY("mode %o, major %d, owner %d", st.st_mode, (int)(st.st_rdev >> 8 & 0xfff), st.st_uid == getuid());
    TRY(strcmp(ttyname(slave), ptsname(master)));
    TRY(ioctl(slave, 0x54ff, 0));
    TRY(ioctl(slave, TCGETS, 8));
    TRY(ioctl(slave, TIOCSWINSZ, 8));
    TRY(ioctl(slave, TIOCGPTN, &number));
    TRY(ioctl(master, TIOCGPTN, 8));
    TRY(ioctl(slave, TIOCGPGRP, &number));
    TRY(ioctl(slave, TIOCGSID, &number));
    TRY(ioctl(slave, TIOCNOTTY));
    TRY(ioctl(slave, TIOCSTI, "x"));
    TRY(ioctl(slave, TCXONC, 9));
    TRY(ioctl(slave, TCFLSH, 9));
    TRY(tcsendbreak(slave, 0));
    TRY(tcdrain(slave));
    TRY(lseek(slave, 0, SEEK_CUR));
    TRY(pread(slave, &st, 1, 0));
    TRY(ftruncate(slave, 0));
    TRY(fsync(slave));
}

static void editing(void) {
    TYPE("line\n");
    TYPE("two\nlines\nrest");
    TYPE("carriage\r");
    TYPE("ab\x7f" "c\n");
    TYPE("\x7f\x7fx\n");
    TYPE("one two  three\x17\x17" "3\n");
    TYPE("some-thing_else\x17\n");
    TYPE("kill this\x15that\n");
    TYPE("end\x04");
    TYPE("\x04");
    TYPE("a\x04" "b\n\x04");
    TYPE("again\x12\n");
    TYPE("\x16\x03\x16\x7f\x16\n\n");
    TYPE("tab\tx\x7f\x7f\x7f\n");
    TYPE("\x01\x02\x7f\n");
    TYPE("\x80\xff\x7f\n");
    TYPE("nul\0byte\n");
    WITH((modes.c_iflag |= IUTF8));
    TYPE("\xc3\xa9\xe2\x82\xac\x7f\x7f!\n");
    WITH((modes.c_cc[VEOL] = 'Z', modes.c_cc[VEOL2] = 'Y'));
    TYPE("aZbYc\n");
    WITH((modes.c_cc[VERASE] = '#', modes.c_cc[VKILL] = '@'));
    TYPE("ab#c\x7f\n");
    TYPE("ab@c\n");
    WITH((modes.c_cc[VERASE] = 0));
    TYPE("a\0b\x7f\n");
    WITH((modes.c_lflag &= ~IEXTEN));
    TYPE("one two\x17\x16\x12\n");
    char room[3];
    MUST(write(master, "parts\n", 6));
    long got;
    for (int i = 0; i < 3; i++) {
        got = read(slave, room, 2);
        SAY("part \"%s\"", shown(room, got));
    }
    TRY(read(slave, room, 0));
    TRY(read(slave, (char *)8, 0));
}

static void echoes(void) {
    WITH((modes.c_lflag &= ~ECHO));
    TYPE("hid\x7f" "den\n");
    WITH((modes.c_lflag = modes.c_lflag & ~ECHO | ECHONL));
    TYPE("hidden\n");
    WITH((modes.c_lflag &= ~ECHOE));
    TYPE("ab\x7f\x17\n");
    WITH((modes.c_lflag &= ~ECHOK));
    TYPE("ab\x15\n");
    WITH((modes.c_lflag &= ~ECHOKE));
    TYPE("ab\x15" "c\n");
    WITH((modes.c_lflag &= ~(ECHOKE | ECHOK)));
    TYPE("ab\x15" "c\n");
    WITH((modes.c_lflag &= ~ECHOCTL));
    TYPE("a\x01\x02\x7f\x04");
    WITH((modes.c_lflag |= ECHOPRT));
    TYPE("abc\x7f\x7fx\n");
    TYPE("abc\x15x\n");
    WITH((modes.c_oflag &= ~OPOST));
    TYPE("a\n");
    WITH((modes.c_oflag &= ~ONLCR));
    TYPE("a\n");
    WITH((modes.c_lflag &= ~ICANON, modes.c_cc[VMIN] = 1));
    TYPE("raw\x7f\x15\n\x04\x16");
}

static void translations(void) {
    WITH((modes.c_iflag &= ~ICRNL));
    TYPE("a\rb\n");
    WITH((modes.c_iflag |= IGNCR));
    TYPE("a\rb\n");
    WITH((modes.c_iflag = modes.c_iflag & ~ICRNL | INLCR));
    TYPE("a\nb\r\x04");
    WITH((modes.c_iflag |= INLCR));
    TYPE("a\rb\n");
    WITH((modes.c_iflag |= ISTRIP));
    TYPE("\xe1\xe2\n");
    WITH((modes.c_iflag |= IUCLC, modes.c_lflag |= IEXTEN));
    TYPE("ABc\n");
    WITH((modes.c_iflag |= PARMRK));
    TYPE("a\xff" "b\n");
    static const struct { const char *name; tcflag_t flags; } outputs[] = {
        {"none", 0}, {"OPOST", OPOST}, {"ONLCR", OPOST | ONLCR}, {"OCRNL", OPOST | OCRNL}, {"ONOCR", OPOST | ONOCR},
        {"ONLRET", OPOST | ONLRET}, {"OLCUC", OPOST | OLCUC}, {"XTABS", OPOST | XTABS},
        {"ONLCR without OPOST", ONLCR},
    };
    for (unsigned i = 0; i < sizeof outputs / sizeof *outputs; i++) {
        char out[256];
        modes = normal;
        modes.c_oflag = outputs[i].flags;
        MUST(tcsetattr(slave, TCSANOW, &modes));
        TRY(write(slave, "\rab\tc\n\rD\r\nE\bF\x01\tg\n", 17));
        SAY("%s: \"%s\"", outputs[i].name, shown(out, gather(master, out, sizeof out)));
    }
}

static void control_characters(void) {
    for (int i = 0; i < 3; i++) signal((int[]){ SIGINT, SIGQUIT, SIGTSTP }[i], on_signal);
    signal(SIGWINCH, on_signal);
    signal(SIGHUP, on_signal);
    // A session of its own, with this terminal.
    TRY(setsid() > 0);
    TRY(open("/dev/tty", O_RDWR));
    int group;
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(tcgetpgrp(slave) == getpid());
    TRY(tcgetsid(slave) == getpid());
    TRY(tcgetpgrp(master) == getpid());
    TRY(tcsetpgrp(slave, 99999999));
    TRY(tcsetpgrp(slave, -1));
    int tty = MUST(open("/dev/tty", O_RDWR));
    TRY(isatty(tty));
    SAY("%s", ttyname(tty));
    close(tty);
    TYPE("typed\x03" "after\n");
    TYPE("typed\x1c\n");
    TYPE("typed\x1a\n");
    SAY("signals %d %d %d", signals[SIGINT], signals[SIGQUIT], signals[SIGTSTP]);
    WITH((modes.c_lflag |= NOFLSH));
    TYPE("typed\x03" "after\n");
    WITH((modes.c_lflag &= ~ISIG));
    TYPE("typed\x03\x1c\x1a\n");
    WITH((modes.c_cc[VINTR] = 'i'));
    TYPE("tip\n");
    WITH((modes.c_lflag &= ~ECHO));
    TYPE("typed\x03\n");
    WITH((modes.c_lflag &= ~ICANON));
    TYPE("typed\x03x");
    SAY("signals %d %d %d", signals[SIGINT], signals[SIGQUIT], signals[SIGTSTP]);
    WITH((modes.c_cflag = modes.c_cflag));
    struct winsize size = { 30, 100, 0, 0 };
    TRY(ioctl(master, TIOCSWINSZ, &size));
    TRY(ioctl(master, TIOCSWINSZ, &size));
    size.ws_col = 0;
    TRY(ioctl(slave, TIOCGWINSZ, &size));
    SAY("columns %d, signals %d", size.ws_col, signals[SIGWINCH]);
    TRY(ioctl(master, TIOCSIG, SIGQUIT));
    TRY(ioctl(master, TIOCSIG, 99));
    TRY(ioctl(slave, TIOCSIG, SIGQUIT));
    SAY("signals %d %d", signals[SIGINT], signals[SIGQUIT]);
    // Stopped output.
    char out[64];
    TRY(write(master, "\x13", 1));
    usleep(100000);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    TRY(write(slave, "held", 4));
    struct pollfd look = { slave, POLLOUT, 0 };
    TRY(poll(&look, 1, 0));
    TRY(write(master, "\x11", 1));
    usleep(100000);
    TRY(write(slave, "free", 4));
    SAY("\"%s\"", shown(out, gather(master, out, sizeof out)));
    fcntl(slave, F_SETFL, O_RDWR);
    // A background process.
    pid_t child = fork();
    if (!child) {
        setpgid(0, 0);
        char byte;
        signal(SIGTTIN, SIG_IGN);
        signal(SIGTTOU, SIG_IGN);
        TRY(read(slave, &byte, 1));
        TRY(write(slave, "", 0));
        signal(SIGTTOU, SIG_DFL);
        TRY(tcgetpgrp(slave) == getppid());
        tcsetattr(slave, TCSANOW, &normal);
        _exit(7);
    }
    int status;
    TRY(waitpid(child, &status, WUNTRACED) == child);
    SAY("stopped %d by %s", WIFSTOPPED(status), WIFSTOPPED(status) ? sigabbrev_np(WSTOPSIG(status)) : "-");
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    // The far side goes.
    TRY(close(master));
    SAY("hung up %d", signals[SIGHUP]);
    TRY(open("/dev/tty", O_RDWR));
    TRY(ioctl(slave, TIOCGPGRP, &group));
    TRY(tcgetattr(slave, &modes));
}

/* How long a read took: at once, about the time of the timer, or longer. */
static void timed_read(const char *what, int minimum, int tenths, const char *typed, int wanted) {
    modes = normal;
    modes.c_lflag &= ~(ICANON | ECHO);
    modes.c_cc[VMIN] = minimum;
    modes.c_cc[VTIME] = tenths;
    tcsetattr(slave, TCSAFLUSH, &modes);
    if (*typed) write(master, typed, strlen(typed));
    usleep(100000);
    struct pollfd look = { slave, POLLIN, 0 };
    int ready = poll(&look, 1, 0);
    char line[64];
    pid_t child = 0;
    if (!*typed && minimum && !(child = fork())) {
        usleep(150000);
        write(master, "late", 4);
        usleep(400000);
        write(master, "r", 1);
        _exit(0);
    }
    long got = read(slave, line, wanted);
    SAY("%s MIN %d TIME %d, %d wanted: poll %d, read %s \"%s\"", what, minimum, tenths, wanted, ready, result(got),
        shown(line, got < 0 ? 0 : got));
    if (child) waitpid(child, 0, 0);
    usleep(50000);
    tcflush(slave, TCIOFLUSH);
}

static void raw_reads(void) {
    timed_read("nothing", 0, 0, "", 10);
    timed_read("nothing", 0, 1, "", 10);
    timed_read("nothing", 1, 0, "", 10);
    timed_read("nothing", 5, 0, "", 10);
    timed_read("nothing", 5, 2, "", 10);
    timed_read("typed", 0, 0, "abc", 10);
    timed_read("typed", 0, 1, "abc", 2);
    timed_read("typed", 1, 0, "abc", 10);
    timed_read("typed", 3, 0, "abc", 10);
    timed_read("typed", 5, 1, "abc", 10);
    timed_read("typed", 5, 0, "abc", 2);
    timed_read("typed", 5, 1, "abcdefgh", 10);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    timed_read("unblocked", 0, 0, "", 10);
    timed_read("unblocked", 0, 1, "", 10);
    timed_read("unblocked", 5, 0, "abc", 10);
    fcntl(slave, F_SETFL, O_RDWR);
    // What is typed ahead, when the modes change.
    char line[64];
    MUST(tcsetattr(slave, TCSANOW, &normal));
    write(master, "half a line", 11);
    usleep(100000);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    TRY(tcsetattr(slave, TCSANOW, &modes));
    long got = read(slave, line, 64);
    SAY("raw then \"%s\"", shown(line, got));
    write(master, "more", 4);
    usleep(100000);
    TRY(tcsetattr(slave, TCSADRAIN, &normal));
    struct pollfd look = { slave, POLLIN, 0 };
    TRY(poll(&look, 1, 0));
    TRY(tcsetattr(slave, TCSAFLUSH, &modes));
    TRY(poll(&look, 1, 0));
    TRY(tcsetattr(slave, 9, &modes));
}

static void packets(void) {
    char out[64];
    int on = 1;
    struct pollfd look = { master, POLLIN | POLLPRI, 0 };
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    TRY(ioctl(slave, TIOCPKT, &on));
    TRY(ioctl(master, TIOCPKT, &on));
    TRY(read(master, out, 64));
    write(slave, "data", 4);
    long got = gather(master, out, 64);
    SAY("data \"%s\"", shown(out, got));
    static const struct { const char *name; int call, argument; } asks[] = {
        {"flush input", TCFLSH, TCIFLUSH}, {"flush output", TCFLSH, TCOFLUSH}, {"flush both", TCFLSH, TCIOFLUSH},
        {"stop", TCXONC, TCOOFF}, {"start", TCXONC, TCOON},
    };
    for (unsigned i = 0; i < sizeof asks / sizeof *asks; i++) {
        ioctl(slave, asks[i].call, asks[i].argument);
        look.revents = 0;
        poll(&look, 1, 100);
        got = read(master, out, 64);
        SAY("%s: poll %x, \"%s\"", asks[i].name, look.revents, got < 0 ? strerrorname_np(errno) : shown(out, got));
    }
    modes = normal;
    modes.c_iflag &= ~IXON;
    for (int i = 0; i < 2; i++) {
        tcsetattr(slave, TCSANOW, i ? &normal : &modes);
        poll(&look, 1, 100);
        got = read(master, out, 64);
        SAY("flow control %d: poll %x, \"%s\"", i, look.revents, got < 0 ? strerrorname_np(errno) : shown(out, got));
    }
    on = 0;
    TRY(ioctl(master, TIOCPKT, &on));
    write(slave, "data", 4);
    got = gather(master, out, 64);
    SAY("data \"%s\"", shown(out, got));
}

static void hang_ups(void) {
    char out[64], path[64];
    strcpy(path, ptsname(master));
    struct pollfd look = { master, POLLIN | POLLOUT | POLLPRI, 0 };
    write(slave, "last words", 10);
    close(slave);
    usleep(50000);
    TRY(poll(&look, 1, 0));
    SAY("near side closed: %x", look.revents);
    TRY(read(master, out, 64));
    TRY(read(master, out, 64));
    TRY(poll(&look, 1, 0));
    SAY("read: %x", look.revents);
    TRY(write(master, "for the next\n", 13));
    slave = MUST(open(path, O_RDWR | O_NOCTTY));
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    usleep(50000);
    poll(&look, 1, 0);
    SAY("opened again: %x", look.revents & ~POLLIN);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    TRY(ioctl(master, TIOCSPTLCK, &(int){1}));
    TRY(open(path, O_RDWR | O_NOCTTY));
    int locked = 0;
    TRY(ioctl(master, TIOCGPTLCK, &locked));
    SAY("locked %d", locked);
    TRY(ioctl(master, TIOCSPTLCK, &(int){0}));
    int peer;
    OK(peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
    SAY("%d", isatty(peer));
    close(peer);
    TRY(close(master));
    look.fd = slave;
    TRY(poll(&look, 1, 0));
    SAY("far side closed: %x", look.revents);
    TRY(read(slave, out, 64));
    TRY(write(slave, "x", 1));
    TRY(tcgetattr(slave, &modes));
    TRY(ioctl(slave, FIONREAD, &locked));
    TRY(open(path, O_RDWR | O_NOCTTY));
    TRY(access(path, F_OK));
}

static void big_writes(void) {
    static char many[200000], back[200000];
    memset(many, 'm', sizeof many);
    WITH((cfmakeraw(&modes), modes.c_cc[VMIN] = 1));
    for (int i = 0; i < 2; i++) {
        int from = i ? master : slave, to = i ? slave : master;
        pid_t child = fork();
        if (!child) {
            long sent = write(from, many, sizeof many);
            _exit(sent != sizeof many);
        }
        long total = 0, got;
        while (total < (long)sizeof many && (got = read(to, back, sizeof back)) > 0) total += got;
        int status;
        waitpid(child, &status, 0);
        SAY("%s: %ld bytes, %d", i ? "in" : "out", total, status);
    }
    // A line that is too long: what is beyond is lost, its end is not.
    WITH((modes.c_lflag &= ~ECHO));
    fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    TRY(write(master, many, 5000) > 0);
    usleep(100000);
    TRY(write(master, "\n", 1));
    usleep(100000);
    TRY(read(slave, back, sizeof back));
    // And nobody reads: some is taken, then no more.
    WITH((cfmakeraw(&modes)));
    long total = 0, got;
    while ((got = write(master, many, 1000)) > 0) total += got;
    SAY("in: more than 4000 %d, then %s", total > 4000, strerrorname_np(errno));
    total = 0;
    while ((got = write(slave, many, 1000)) > 0) total += got;
    SAY("out: more than 4000 %d, then %s", total > 4000, strerrorname_np(errno));
}

int main(void) {
    void (*parts[])(void) = { defaults, editing, echoes, translations, raw_reads, packets, hang_ups, big_writes,
        control_characters };
    for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++) {
        SAY("== part %u", i);
        if (!fork()) {
            open_pty();
            parts[i]();
            _exit(0);
        }
        int status;
        wait(&status);
        SAY("ended with %x", status);
    }
}
