/* open, read, write, seek, truncate, allocate, copy: one file at a time. */
#include "oracle.h"
#include <sys/sendfile.h>

static void opening(void) {
    OK(open("missing", O_RDONLY));
    OK(open("missing", O_RDWR));
    OK(open("a", O_RDWR | O_CREAT | O_EXCL, 0644));
    OK(open("a", O_RDWR | O_CREAT | O_EXCL, 0644));
    OK(open("a/", O_RDONLY));
    OK(open("a/b", O_RDONLY));
    OK(open("new/", O_RDWR | O_CREAT, 0644));
    OK(open(".", O_RDWR));
    OK(open(".", O_RDONLY | O_CREAT, 0644));
    OK(open(".", O_RDONLY | O_DIRECTORY));
    OK(open("a", O_RDONLY | O_DIRECTORY));
    OK(open("", O_RDONLY));
    OK(open(0, O_RDONLY));
    char name[300];
    memset(name, 'n', sizeof name);
    name[256] = 0;
    OK(open(name, O_RDWR | O_CREAT, 0644));
    name[255] = 0;
    OK(open(name, O_RDWR | O_CREAT, 0644));
    char *path = malloc(5000);
    memset(path, '/', 4095);
    path[4095] = 0;
    OK(open(path, O_RDONLY));
    path[4095] = '/';
    path[4096] = 0;
    OK(open(path, O_RDONLY));
    MUST(symlink("a", "link"));
    MUST(symlink("nowhere", "dangling"));
    MUST(symlink("loop", "loop"));
    OK(open("link", O_RDONLY | O_NOFOLLOW));
    OK(open("link", O_RDONLY | O_NOFOLLOW | O_PATH));
    OK(open("dangling", O_RDONLY));
    OK(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644));
    OK(open("dangling", O_RDWR | O_CREAT, 0600));
    OK(access("nowhere", F_OK));
    OK(open("loop", O_RDONLY));
    OK(open("link/", O_RDONLY));
    OK(open("a", O_RDONLY | O_TRUNC | O_DIRECTORY));
    OK(open("a", O_ACCMODE));
    int fd = open("a", O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_SYNC);
    TRY(fcntl(fd, F_GETFL));
    TRY(fcntl(fd, F_GETFD));
    TRY(fcntl(fd, F_SETFL, O_RDONLY));
    TRY(fcntl(fd, F_GETFL));
    OK(openat(fd, "x", O_RDONLY));
    OK(openat(-1, "x", O_RDONLY));
    OK(openat(-1, "/", O_RDONLY));
}

static void reading_and_writing(void) {
    char buffer[100] = "";
    int fd = file_with("b", "hello, world");
    TRY(read(fd, buffer, 5));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(read(fd, buffer, 100));
    TRY(read(fd, buffer, 100));
    TRY(pread(fd, buffer, 5, 7));
    TRY(pread(fd, buffer, 5, 100));
    TRY(pread(fd, buffer, 5, -1));
    TRY(lseek(fd, -1, SEEK_SET));
    TRY(lseek(fd, 5, SEEK_END));
    TRY(write(fd, "!", 1));
    TRY(lseek(fd, 0, SEEK_END));
    TRY(lseek(fd, LONG_MAX, SEEK_CUR));
    TRY(lseek(fd, 0, 77));
    TRY(pwrite(fd, "HE", 2, 0));
    TRY(pwrite(fd, "HE", 2, -5));
    TRY(read(fd, (void *)8, 5));
    TRY(lseek(fd, 0, SEEK_SET));
    TRY(read(fd, (void *)8, 5));
    TRY(read(fd, (void *)8, 0));
    TRY(write(fd, (void *)8, 5));
    TRY(read(-1, buffer, 1));
    TRY(read(999, buffer, 1));
    int only_read = open("b", O_RDONLY), only_write = open("b", O_WRONLY), path = open("b", O_PATH);
    TRY(write(only_read, "x", 1));
    TRY(read(only_write, buffer, 1));
    TRY(read(path, buffer, 1));
    TRY(ftruncate(only_read, 1));
    TRY(ftruncate(path, 1));
    TRY(fchmod(path, 0600));
    TRY(fsync(path));
    TRY(lseek(path, 0, SEEK_SET));
    int directory = open(".", O_RDONLY);
    TRY(read(directory, buffer, 1));
    TRY(pread(directory, buffer, 1, 0));
    TRY(write(directory, buffer, 1));
    TRY(ftruncate(directory, 1));
    TRY(fsync(directory));
    TRY(fdatasync(directory));
    struct iovec parts[3] = { { buffer, 2 }, { buffer + 10, 3 }, { (void *)8, 3 } };
    TRY(preadv(fd, parts, 2, 0));
    TRY(preadv(fd, parts, 3, 0));
    TRY(preadv(fd, parts, 0, 0));
    TRY(preadv(fd, parts, -1, 0));
    TRY(readv(fd, parts, 1025));
    parts[0].iov_len = (size_t)-1;
    TRY(readv(fd, parts, 2));
    int append = open("b", O_WRONLY | O_APPEND);
    TRY(pwrite(append, "end", 3, 0));
    TRY(lseek(append, 0, SEEK_CUR));
    TRY(write(append, "end", 3));
    TRY(lseek(append, 0, SEEK_CUR));
    memset(buffer, 0, sizeof buffer);
    TRY(pread(fd, buffer, 99, 0));
    for (int i = 0; i < 24; i++) printf("%02x", buffer[i] & 255);
    SAY(" are its bytes");
}

static void flags_of_vectors(void) {
    char buffer[32] = "";
    int fd = file_with("v", "0123456789");
    struct iovec one = { "ab", 2 }, in = { buffer, 4 };
    TRY(pwritev2(fd, &one, 1, 0, RWF_APPEND));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(lseek(fd, 0, SEEK_END));
    TRY(lseek(fd, 3, SEEK_SET));
    TRY(pwritev2(fd, &one, 1, -1, RWF_APPEND));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(lseek(fd, 0, SEEK_END));
    TRY(pwritev2(fd, &one, 1, 0, RWF_DSYNC));
    TRY(pwritev2(fd, &one, 1, 0, RWF_SYNC));
    TRY(pwritev2(fd, &one, 1, 0, 0x8000));
    TRY(preadv2(fd, &in, 1, 0, RWF_NOWAIT));
    TRY(preadv2(fd, &in, 1, 2, RWF_HIPRI));
    TRY(preadv2(fd, &in, 1, -1, 0));
    TRY(preadv2(fd, &in, 1, -2, 0));
    TRY(preadv2(fd, &in, 1, 0, 0x8000));
    int append = open("v", O_RDWR | O_APPEND);
    TRY(pwritev2(append, &one, 1, 0, 0));
    TRY(lseek(append, 0, SEEK_END));
    int pipes[2];
    MUST(pipe(pipes));
    TRY(preadv2(pipes[0], &in, 1, -1, RWF_NOWAIT));
    TRY(pwritev2(pipes[1], &one, 1, -1, 0));
    TRY(pwritev2(pipes[1], &one, 1, 0, 0));
    TRY(preadv2(pipes[0], &in, 1, -1, RWF_NOWAIT));
}

static void lengths(void) {
    struct stat s;
    int fd = file_with("c", "0123456789");
    TRY(ftruncate(fd, 5000));
    TRY(lseek(fd, 0, SEEK_END));
    TRY(ftruncate(fd, -1));
    TRY(truncate("c", 3));
    TRY(truncate("missing", 3));
    TRY(truncate(".", 3));
    TRY(truncate("c", -1));
    TRY(truncate("c/", 1));
    TRY(ftruncate(fd, 1L << 40));
    MUST(fstat(fd, &s));
    SAY("size %ld blocks %ld", s.st_size, s.st_blocks);
    TRY(ftruncate(fd, 100));
    char byte = 'x';
    TRY(pread(fd, &byte, 1, 50));
    SAY("byte %d", byte);
    TRY(fallocate(fd, 0, 0, 8192));
    MUST(fstat(fd, &s));
    SAY("size %ld blocks %ld", s.st_size, s.st_blocks);
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 8192, 8192));
    MUST(fstat(fd, &s));
    SAY("size %ld blocks %ld", s.st_size, s.st_blocks);
    TRY(fallocate(fd, 0, -1, 10));
    TRY(fallocate(fd, 0, 0, 0));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
    TRY(pwrite(fd, "abcdefgh", 8, 0));
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 4));
    char bytes[9] = "";
    TRY(pread(fd, bytes, 8, 0));
    for (int i = 0; i < 8; i++) if (!bytes[i]) bytes[i] = '.';
    SAY("bytes %s", bytes);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1 << 20));
    MUST(fstat(fd, &s));
    SAY("size %ld blocks %ld", s.st_size, s.st_blocks);
    TRY(fallocate(fd, 0x1000, 0, 4096));
    TRY(posix_fallocate(fd, 0, 10));
    TRY(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM));
    TRY(posix_fadvise(fd, 0, 0, 77));
    TRY(posix_fadvise(fd, 0, -1, POSIX_FADV_NORMAL));
    TRY(readahead(fd, 0, 10));
    TRY(sync_file_range(fd, 0, 10, SYNC_FILE_RANGE_WRITE));
    TRY(sync_file_range(fd, 0, 10, 77));
    TRY(syncfs(fd));
    TRY(syncfs(-1));
    int only_read = open("c", O_RDONLY);
    TRY(fallocate(only_read, 0, 0, 10));
}

static void holes(void) {
    int fd = MUST(open("h", O_RDWR | O_CREAT, 0644));
    TRY(lseek(fd, 0, SEEK_DATA));
    TRY(lseek(fd, 0, SEEK_HOLE));
    MUST(pwrite(fd, "x", 1, 1 << 20));
    MUST(ftruncate(fd, 3 << 20));
    TRY(lseek(fd, 0, SEEK_DATA));
    TRY(lseek(fd, 0, SEEK_HOLE));
    TRY(lseek(fd, 1 << 20, SEEK_HOLE));
    TRY(lseek(fd, (1 << 20) + 4096, SEEK_DATA));
    TRY(lseek(fd, 3 << 20, SEEK_HOLE));
    TRY(lseek(fd, 3 << 20, SEEK_DATA));
    TRY(lseek(fd, -1, SEEK_DATA));
}

static void copying(void) {
    struct stat s;
    int from = file_with("from", "0123456789"), to = file_with("to", "");
    off_t in = 2, out = 1;
    TRY(copy_file_range(from, &in, to, &out, 5, 0));
    SAY("in %ld out %ld", in, out);
    TRY(copy_file_range(from, 0, to, 0, 100, 0));
    TRY(copy_file_range(from, 0, to, 0, 100, 0));
    TRY(copy_file_range(from, &in, to, &out, 5, 1));
    in = 0, out = 2;
    TRY(copy_file_range(from, &in, from, &out, 5, 0));
    TRY(lseek(to, 0, SEEK_CUR));
    in = 0;
    TRY(sendfile(to, from, &in, 4));
    SAY("in %ld", in);
    TRY(sendfile(to, from, 0, 4));
    int append = open("to", O_WRONLY | O_APPEND), only_read = open("to", O_RDONLY), folder = open(".", O_RDONLY);
    in = 0;
    TRY(copy_file_range(from, &in, append, 0, 5, 0));
    TRY(copy_file_range(from, &in, only_read, 0, 5, 0));
    TRY(copy_file_range(append, 0, from, 0, 5, 0));
    TRY(copy_file_range(folder, 0, to, 0, 5, 0));
    TRY(sendfile(append, from, &in, 4));
    MUST(fstat(to, &s));
    SAY("size %ld", s.st_size);
}

static void descriptors(void) {
    int fd = file_with("d", "abc");
    int other = MUST(dup(fd));
    char c;
    TRY(read(fd, &c, 1));
    TRY(lseek(other, 0, SEEK_CUR));
    OK(dup2(fd, fd));
    TRY(dup3(fd, fd, 0));
    TRY(dup2(fd, -1));
    TRY(dup2(fd, 1 << 30));
    TRY(dup2(-1, 5));
    TRY(dup3(fd, 200, 0x1000));
    TRY(dup3(fd, 200, O_CLOEXEC));
    TRY(fcntl(200, F_GETFD));
    TRY(fcntl(fd, F_DUPFD, 300));
    TRY(fcntl(fd, F_DUPFD, 300));
    TRY(fcntl(fd, F_DUPFD, -1));
    TRY(fcntl(fd, F_DUPFD, 1 << 30));
    TRY(fcntl(fd, 9999));
    TRY(close(200));
    TRY(close(200));
    TRY(close(-1));
    TRY(close_range(300, 301, 0));
    TRY(close_range(5, 4, 0));
    TRY(close_range(5, 6, 99));
    TRY(fcntl(300, F_GETFD));
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit small = { 64, limit.rlim_max };
    TRY(setrlimit(RLIMIT_NOFILE, &small));
    TRY(dup2(fd, 64));
    TRY(dup2(fd, 63));
    int last;
    do last = dup(fd); while (last != -1);
    SAY("at the limit: %s", strerrorname_np(errno));
    setrlimit(RLIMIT_NOFILE, &limit);
    close_range(4, 63, 0);
}

static volatile sig_atomic_t too_large;
static void count_signal(int signal) { (void)signal; too_large++; }

static void size_limit(void) {
    struct rlimit old, limit;
    signal(SIGXFSZ, count_signal);
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 10;
    int fd = file_with("l", "");
    MUST(setrlimit(RLIMIT_FSIZE, &limit));
    TRY(write(fd, "01234567", 8));
    TRY(write(fd, "01234567", 8));
    TRY(write(fd, "01234567", 8));
    SAY("signals %d", too_large);
    TRY(pwrite(fd, "x", 1, 20));
    TRY(ftruncate(fd, 11));
    TRY(ftruncate(fd, 10));
    TRY(truncate("l", 11));
    TRY(fallocate(fd, 0, 0, 20));
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8));
    SAY("signals %d", too_large);
    struct iovec parts[2] = { { "aaaaa", 5 }, { "bbbbbbb", 7 } };
    TRY(pwritev(fd, parts, 2, 0));
    SAY("signals %d", too_large);
    setrlimit(RLIMIT_FSIZE, &old);
    pid_t child = fork();
    if (!child) {
        signal(SIGXFSZ, SIG_DFL);
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_FSIZE, &limit);
        if (write(fd, "x", 1)) _exit(3);
        _exit(4);
    }
    int status;
    MUST(waitpid(child, &status, 0));
    SAY("signalled %d by %s", WIFSIGNALED(status), WIFSIGNALED(status) ? sigabbrev_np(WTERMSIG(status)) : "none");
}

static void unnamed(void) {
    struct stat s;
    int fd = MUST(open(".", O_TMPFILE | O_RDWR, 0640));
    MUST(fstat(fd, &s));
    SAY("mode %o links %lu", s.st_mode, (unsigned long)s.st_nlink);
    TRY(write(fd, "hidden", 6));
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    TRY(linkat(AT_FDCWD, path, AT_FDCWD, "shown", AT_SYMLINK_FOLLOW));
    TRY(stat("shown", &s));
    SAY("size %ld links %lu", s.st_size, (unsigned long)s.st_nlink);
    int hidden = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0640);
    snprintf(path, sizeof path, "/proc/self/fd/%d", hidden);
    TRY(linkat(AT_FDCWD, path, AT_FDCWD, "never", AT_SYMLINK_FOLLOW));
    OK(open(".", O_TMPFILE | O_RDONLY, 0640));
    OK(open("shown", O_TMPFILE | O_RDWR, 0640));
}

static void removed(void) {
    struct stat s;
    char buffer[8] = "";
    int fd = file_with("r", "still");
    MUST(unlink("r"));
    TRY(read(fd, buffer, 8));
    TRY(pwrite(fd, "here", 4, 5));
    MUST(fstat(fd, &s));
    SAY("size %ld links %lu", s.st_size, (unsigned long)s.st_nlink);
    TRY(ftruncate(fd, 2));
    TRY(fchmod(fd, 0600));
    MUST(fstat(fd, &s));
    SAY("size %ld mode %o", s.st_size, s.st_mode);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    OK(open(path, O_RDONLY));
    TRY(stat(path, &s));
}

static void all(void) {
    opening();
    reading_and_writing();
    flags_of_vectors();
    lengths();
    holes();
    copying();
    descriptors();
    size_limit();
    OK(open(".", O_TMPFILE | O_RDWR, 0640));
    removed();
}

int main(void) {
    umask(022);
    in_each_place(all);
    MUST(chdir("/tmp"));
    unnamed();
    return 0;
}
