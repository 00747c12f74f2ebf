/* Names: mkdir, link, symlink, rename, unlink, getdents, and what stat says of them. */
#include "oracle.h"
#include <dirent.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

static void making(void) {
    TRY(mkdir("d", 0755));
    TRY(mkdir("d", 0755));
    TRY(mkdir("d/", 0755));
    TRY(mkdir("e/", 0700));
    TRY(mkdir("x/y", 0755));
    TRY(mkdir(".", 0755));
    TRY(mkdir("", 0755));
    TRY(mkdir("/", 0755));
    TRY(rmdir("e/."));
    TRY(rmdir("e/.."));
    TRY(rmdir("."));
    TRY(rmdir("/"));
    TRY(rmdir("e/"));
    TRY(rmdir("e"));
    close(open("f", O_CREAT | O_RDWR, 0644));
    TRY(rmdir("f"));
    TRY(rmdir("f/"));
    TRY(unlink("d"));
    TRY(unlink("d/"));
    TRY(unlink("f/"));
    TRY(unlink("none"));
    TRY(mkdir("f/x", 0755));
    close(open("d/inner", O_CREAT | O_RDWR, 0644));
    TRY(rmdir("d"));
    TRY(mknod("fifo", S_IFIFO | 0644, 0));
    TRY(mknod("plain", S_IFREG | 0640, 0));
    TRY(mknod("device", S_IFCHR | 0644, makedev(1, 3)));
    TRY(mknod("fifo", S_IFIFO | 0644, 0));
    struct stat s;
    MUST(stat("fifo", &s));
    SAY("fifo mode %o links %lu", s.st_mode, (unsigned long)s.st_nlink);
    MUST(stat("plain", &s));
    SAY("plain mode %o size %ld", s.st_mode, s.st_size);
}

static void linking(void) {
    struct stat s;
    char buffer[16] = "";
    file_with("one", "1");
    TRY(link("one", "two"));
    TRY(link("one", "two"));
    TRY(link("none", "three"));
    TRY(link("d", "three"));
    TRY(link("one", "three/"));
    TRY(link("one", "x/three"));
    MUST(stat("two", &s));
    SAY("links %lu", (unsigned long)s.st_nlink);
    file_with("two", "22");
    MUST(stat("one", &s));
    SAY("size %ld", s.st_size);
    TRY(unlink("two"));
    MUST(stat("one", &s));
    SAY("links %lu", (unsigned long)s.st_nlink);
    TRY(symlink("one", "soft"));
    TRY(symlink("one", "soft"));
    TRY(symlink("", "empty"));
    TRY(symlink("one", ""));
    TRY(symlink("one", "x/soft"));
    MUST(lstat("soft", &s));
    SAY("link mode %o size %ld", s.st_mode, s.st_size);
    TRY(readlink("soft", buffer, 16));
    TRY(readlink("soft", buffer, 2));
    TRY(readlink("soft", buffer, 0));
    TRY(readlink("one", buffer, 16));
    TRY(readlink("none", buffer, 16));
    TRY(link("soft", "hard-of-soft"));
    MUST(lstat("hard-of-soft", &s));
    SAY("kind %o", s.st_mode & S_IFMT);
    TRY(linkat(AT_FDCWD, "soft", AT_FDCWD, "hard-of-one", AT_SYMLINK_FOLLOW));
    MUST(lstat("hard-of-one", &s));
    SAY("kind %o", s.st_mode & S_IFMT);
    TRY(linkat(AT_FDCWD, "one", AT_FDCWD, "odd", 1));
    char *long_target = malloc(5000);
    memset(long_target, 't', 4999);
    long_target[4095] = 0;
    TRY(symlink(long_target, "long"));
    long_target[4095] = 't';
    long_target[4096] = 0;
    TRY(symlink(long_target, "longer"));
    for (int i = 0; i < 41; i++) {
        char from[16], to[16];
        snprintf(from, sizeof from, "chain%d", i);
        snprintf(to, sizeof to, i ? "chain%d" : "one", i - 1);
        MUST(symlink(to, from));
    }
    TRY(access("chain39", F_OK));
    TRY(access("chain40", F_OK));
    TRY(unlink("soft"));
    TRY(access("one", F_OK));
    TRY(symlink("d", "to-d"));
    TRY(access("to-d/inner", F_OK));
    TRY(rmdir("to-d"));
    TRY(rmdir("to-d/"));
    TRY(unlink("to-d/"));
    TRY(mkdir("to-d/new", 0755));
    TRY(lstat("to-d/", &s));
    SAY("kind %o", s.st_mode & S_IFMT);
    MUST(symlink("missing-dir", "to-missing"));
    TRY(mkdir("to-missing", 0755));
    TRY(mkdir("to-missing/", 0755));
}

static int move(const char *from, const char *to, unsigned flags) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void moving(void) {
    char c = 0;
    int a = file_with("ma", "a"), b = file_with("mb", "b");
    MUST(mkdir("mdir", 0755));
    MUST(mkdir("mempty", 0755));
    MUST(mkdir("mdir/sub", 0755));
    TRY(rename("ma", "ma"));
    TRY(rename("ma", "mb"));
    TRY(access("ma", F_OK));
    TRY(read(b, &c, 1));
    SAY("the old file still reads %c", c);
    TRY(rename("none", "x"));
    TRY(rename("mb", "mdir"));
    TRY(rename("mdir", "mb"));
    TRY(rename("mempty", "mdir"));
    TRY(rename("mdir", "mempty"));
    TRY(access("mempty/sub", F_OK));
    TRY(rename("mempty", "mempty/sub/deep"));
    TRY(rename("mempty/sub", "mempty"));
    TRY(rename(".", "dot"));
    TRY(rename("mempty/..", "dot"));
    TRY(rename("mb/", "mc"));
    TRY(rename("mb", "mc/"));
    TRY(rename("mempty/", "mdir/"));
    TRY(rename("mb", ""));
    file_with("mc", "c");
    TRY(move("mb", "mc", RENAME_NOREPLACE));
    TRY(move("mb", "md", RENAME_NOREPLACE));
    TRY(move("md", "mc", RENAME_EXCHANGE));
    int fd = open("mc", O_RDONLY);
    TRY(read(fd, &c, 1));
    SAY("mc holds %c", c);
    TRY(move("mc", "none", RENAME_EXCHANGE));
    TRY(move("mc", "mdir", RENAME_EXCHANGE));
    struct stat s;
    MUST(stat("mc", &s));
    SAY("mc is a directory: %d", S_ISDIR(s.st_mode));
    TRY(access("mc/sub", F_OK));
    TRY(move("mc", "x", RENAME_EXCHANGE | RENAME_NOREPLACE));
    TRY(move("mc", "x", 64));
    TRY(rename("mc", "/proc/x"));
    MUST(link("mdir", "mhard"));
    TRY(rename("mdir", "mhard"));
    TRY(access("mdir", F_OK));
    (void)a;
}

static int by_name(const void *a, const void *b) { return strcmp(*(char **)a, *(char **)b); }

static void listing(void) {
    MUST(mkdir("list", 0755));
    MUST(chdir("list"));
    for (int i = 0; i < 300; i++) {
        char name[40];
        snprintf(name, sizeof name, "a-name-that-is-rather-long-%d", i);
        close(open(name, O_CREAT | O_RDWR, 0644));
    }
    MUST(mkdir("dir", 0755));
    MUST(symlink("x", "link"));
    MUST(mkfifo("fifo", 0644));
    int fd = open(".", O_RDONLY | O_DIRECTORY), total = 0, dots = 0, last = 0;
    char buffer[4096], *kinds[8];
    int count = 0;
    for (;;) {
        long n = syscall(SYS_getdents64, fd, buffer, sizeof buffer);
        if (n <= 0) { last = n; break; }
        for (long at = 0; at < n;) {
            struct dirent64 *entry = (struct dirent64 *)(buffer + at);
            if (entry->d_name[0] == '.') dots++;
            if (strncmp(entry->d_name, "a-name", 6)) {
                char text[64];
                snprintf(text, sizeof text, "%s type %d", entry->d_name, entry->d_type);
                kinds[count++] = strdup(text);
            }
            if (entry->d_reclen % 8) SAY("odd length");
            total++;
            at += entry->d_reclen;
        }
    }
    qsort(kinds, count, sizeof *kinds, by_name);
    for (int i = 0; i < count; i++) SAY("%s", kinds[i]);
    SAY("total %d dots %d last %d", total, dots, last);
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(syscall(SYS_getdents64, fd, buffer, 10));
    TRY(syscall(SYS_getdents64, fd, buffer, 24));
    TRY(syscall(SYS_getdents64, fd, (void *)8, 4096));
    TRY(syscall(SYS_getdents64, open("fifo", O_RDONLY | O_NONBLOCK), buffer, 4096));
    DIR *directory = opendir(".");
    int removed = 0;
    struct dirent *entry;
    while ((entry = readdir(directory)))
        if (entry->d_name[0] == 'a' && !unlink(entry->d_name)) removed++;
    SAY("removed while reading %d", removed);
    rewinddir(directory);
    int left = 0;
    while (readdir(directory)) left++;
    SAY("left %d", left);
    long place = 0;
    rewinddir(directory);
    readdir(directory);
    place = telldir(directory);
    entry = readdir(directory);
    char second[64];
    strcpy(second, entry->d_name);
    seekdir(directory, place);
    SAY("seekdir comes back: %d", !strcmp(second, readdir(directory)->d_name));
    closedir(directory);
    MUST(chdir(".."));
    MUST(mkdir("gone", 0755));
    int gone = open("gone", O_RDONLY);
    MUST(rmdir("gone"));
    TRY(syscall(SYS_getdents64, gone, buffer, 4096));
    TRY(openat(gone, "x", O_CREAT | O_RDWR, 0644));
    TRY(mkdirat(gone, "x", 0755));
    TRY(fchdir(gone));
    char *where = getcwd(buffer, sizeof buffer);
    SAY("getcwd in a removed folder: %s", where ? "a path" : strerrorname_np(errno));
    struct stat s;
    TRY(stat(".", &s));
    SAY("links %lu", (unsigned long)s.st_nlink);
    TRY(chdir(".."));
}

static void attributes(void) {
    struct stat s;
    struct statx x;
    umask(027);
    close(open("at", O_CREAT | O_RDWR, 0777));
    MUST(stat("at", &s));
    SAY("mode %o", s.st_mode);
    umask(022);
    TRY(chmod("at", 07755));
    MUST(stat("at", &s));
    SAY("mode %o", s.st_mode & 0777);
    TRY(fchmodat(AT_FDCWD, "at", 0600, 0));
    TRY(chmod("none", 0600));
    MUST(symlink("at", "at-link"));
    TRY(chmod("at-link", 0640));
    MUST(stat("at", &s));
    SAY("mode %o", s.st_mode);
    TRY(chown("at", -1, -1));
    TRY(chown("at", getuid(), getgid()));
    TRY(chown("at", 0, -1));
    TRY(lchown("at-link", getuid(), -1));
    struct timespec times[2] = { { 1000, 5 }, { 2000, 6 } };
    TRY(utimensat(AT_FDCWD, "at", times, 0));
    MUST(stat("at", &s));
    SAY("atime %ld.%ld mtime %ld.%ld", s.st_atim.tv_sec, s.st_atim.tv_nsec, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
    times[0].tv_nsec = UTIME_OMIT;
    times[1].tv_sec = 3000;
    TRY(utimensat(AT_FDCWD, "at", times, 0));
    MUST(stat("at", &s));
    SAY("atime %ld mtime %ld", s.st_atim.tv_sec, s.st_mtim.tv_sec);
    times[0].tv_nsec = 1000000000;
    TRY(utimensat(AT_FDCWD, "at", times, 0));
    times[0].tv_nsec = times[1].tv_nsec = UTIME_NOW;
    int fd = open("at", O_RDONLY);
    TRY(futimens(fd, times));
    MUST(stat("at", &s));
    SAY("now: %d", s.st_mtim.tv_sec > 1000000000);
    times[0].tv_nsec = 0, times[0].tv_sec = 77, times[1].tv_nsec = UTIME_OMIT;
    TRY(utimensat(AT_FDCWD, "at-link", times, AT_SYMLINK_NOFOLLOW));
    MUST(lstat("at-link", &s));
    SAY("the link's atime %ld", s.st_atim.tv_sec);
    TRY(statx(AT_FDCWD, "at", 0, STATX_BASIC_STATS, &x));
    SAY("mode %o size %llu basic %d", x.stx_mode, x.stx_size, (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
    TRY(statx(AT_FDCWD, "at", 0x8000, STATX_BASIC_STATS, &x));
    TRY(statx(AT_FDCWD, "at", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x));
    TRY(statx(AT_FDCWD, "at", 0, 0x80000000, &x));
    TRY(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &x));
    TRY(fstatat(fd, "", &s, AT_EMPTY_PATH));
    TRY(fstatat(fd, "", &s, 0));
    TRY(fstatat(fd, "x", &s, 0));
    TRY(fstatat(AT_FDCWD, "at", &s, 0x8000));
    TRY(access("at", R_OK | W_OK));
    TRY(access("at", X_OK));
    TRY(access("at", 8));
    TRY(faccessat(AT_FDCWD, "at-link", F_OK, AT_SYMLINK_NOFOLLOW));
    MUST(mkdir("closed", 0));
    TRY(access("closed/x", F_OK));
    OK(open("closed", O_RDONLY));
    TRY(chdir("closed"));
    TRY(rmdir("closed"));
    MUST(mkdir("counted", 0755));
    MUST(mkdir("counted/a", 0755));
    MUST(mkdir("counted/b", 0755));
    MUST(stat("counted", &s));
    SAY("a directory's links %lu", (unsigned long)s.st_nlink);
    struct statfs f;
    TRY(statfs(".", &f));
    SAY("name length %ld", (long)f.f_namelen);
    TRY(statfs("none", &f));
    TRY(fstatfs(-1, &f));
    TRY(name_to_handle_at(AT_FDCWD, "none", 0, 0, 0));
}

static void times(void) {
    struct stat before, after;
    MUST(mkdir("clock", 0755));
    int fd = file_with("clock/f", "x");
    MUST(stat("clock", &before));
    usleep(20000);
    file_with("clock/g", "y");
    MUST(stat("clock", &after));
    SAY("a new name changes its directory: %d", after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
    before = after;
    usleep(20000);
    MUST(unlink("clock/g"));
    MUST(stat("clock", &after));
    SAY("a removed name changes its directory: %d", after.st_mtim.tv_nsec != before.st_mtim.tv_nsec);
    MUST(fstat(fd, &before));
    usleep(20000);
    MUST(write(fd, "more", 4));
    MUST(stat("clock/f", &after));
    SAY("a write changes mtime: %d, ctime: %d, size %ld", after.st_mtim.tv_nsec != before.st_mtim.tv_nsec,
        after.st_ctim.tv_nsec != before.st_ctim.tv_nsec, after.st_size);
    before = after;
    usleep(20000);
    MUST(chmod("clock/f", 0600));
    MUST(fstat(fd, &after));
    SAY("chmod changes mtime: %d, ctime: %d", after.st_mtim.tv_nsec != before.st_mtim.tv_nsec,
        after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
    before = after;
    usleep(20000);
    MUST(rename("clock/f", "clock/h"));
    MUST(fstat(fd, &after));
    SAY("rename changes ctime: %d", after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
    before = after;
    usleep(20000);
    MUST(link("clock/h", "clock/i"));
    MUST(write(fd, "more", 4));
    MUST(stat("clock/i", &after));
    SAY("a write is seen by the other name: size %ld links %lu", after.st_size, (unsigned long)after.st_nlink);
    pid_t child = fork();
    if (!child) {
        MUST(truncate("clock/i", 3));
        _exit(0);
    }
    MUST(waitpid(child, 0, 0));
    MUST(stat("clock/h", &after));
    SAY("cut by another process: size %ld", after.st_size);
}

static void all(void) {
    making();
    linking();
    moving();
    listing();
    attributes();
    times();
}

int main(void) {
    umask(022);
    in_each_place(all);
    return 0;
}
