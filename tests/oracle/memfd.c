/* memfd_create, its seals, and locks: POSIX records, open file descriptions, flock. */
#include "oracle.h"
#include <sys/file.h>

static void seals(void) {
    char buffer[8] = "";
    struct stat s;
    OK(memfd_create("name", 0x8000));
    OK(memfd_create((char *)8, 0));
    char *name = calloc(1, 300);
    memset(name, 'n', 249);
    OK(memfd_create(name, 0));
    name[249] = 'n';
    OK(memfd_create(name, 0));
    int plain = MUST(memfd_create("plain", 0)), fd = MUST(memfd_create("sealed", MFD_ALLOW_SEALING | MFD_CLOEXEC));
    TRY(fcntl(fd, F_GETFD));
    TRY(fcntl(plain, F_GET_SEALS));
    TRY(fcntl(plain, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(fcntl(fd, F_GET_SEALS));
    MUST(fstat(fd, &s));
    SAY("mode %o links %lu", s.st_mode, (unsigned long)s.st_nlink);
    TRY(write(fd, "hello", 5));
    TRY(ftruncate(fd, 8192));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
    TRY(ftruncate(fd, 10000));
    TRY(pwrite(fd, "x", 1, 9000));
    TRY(pwrite(fd, "x", 1, 8191));
    TRY(ftruncate(fd, 4096));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
    TRY(ftruncate(fd, 100));
    TRY(fcntl(fd, F_ADD_SEALS, 0x100));
    char *map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(map, 4096);
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(write(fd, "x", 1));
    TRY(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    char *shared = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
    SAY("read only and shared: %s", shared == MAP_FAILED ? strerrorname_np(errno) : "mapped");
    if (shared != MAP_FAILED) TRY(mprotect(shared, 4096, PROT_READ | PROT_WRITE));
    TRY(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED ? -1 : 0);
    TRY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
    TRY(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    TRY(fcntl(fd, F_GET_SEALS));
    int later = MUST(memfd_create("later", MFD_ALLOW_SEALING));
    MUST(ftruncate(later, 4096));
    char *before = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, later, 0);
    TRY(fcntl(later, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    before[0] = 'b';
    TRY(write(later, "x", 1));
    TRY(pread(later, buffer, 1, 0));
    SAY("byte %c", buffer[0]);
    TRY(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, later, 0) == MAP_FAILED ? -1 : 0);
    char path[64];
    ssize_t length = readlink("/proc/self/fd/0", path, 63);
    snprintf(path, sizeof path, "/proc/self/fd/%d", plain);
    length = readlink(path, buffer, 8);
    SAY("named %.*s", (int)length, buffer);
    int again = open(path, O_RDONLY);
    TRY(write(again, "x", 1));
    TRY(write(plain, "seen", 4));
    TRY(read(again, buffer, 8));
    int regular = file_with("file", "x");
    TRY(fcntl(regular, F_ADD_SEALS, F_SEAL_WRITE));
    TRY(fcntl(0, F_GET_SEALS));
}

static void record(const char *what, int fd, int command, short type, off_t start, off_t length) {
    struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    int result = fcntl(fd, command, &lock);
    if (result == -1) SAY("%s: %s", what, strerrorname_np(errno));
    else if (command == F_GETLK || command == F_OFD_GETLK)
        SAY("%s: type %d start %ld length %ld by %s", what, lock.l_type, (long)lock.l_start, (long)lock.l_len,
            lock.l_pid == -1 ? "a description" : lock.l_pid == getppid() ? "the parent" : "another");
    else SAY("%s: done", what);
}

static void in_child(int fd) {
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        record("child asks for 0-9", fd, F_GETLK, F_WRLCK, 0, 10);
        record("child writes 0-9", fd, F_SETLK, F_WRLCK, 0, 10);
        record("child reads 0-9", fd, F_SETLK, F_RDLCK, 0, 10);
        record("child writes 50-59", fd, F_SETLK, F_WRLCK, 50, 10);
        record("child asks for all", fd, F_GETLK, F_WRLCK, 0, 0);
        _exit(0);
    }
    MUST(waitpid(child, 0, 0));
}

static void locks(void) {
    int fd = file_with("locked", "0123456789"), only_read = open("locked", O_RDONLY);
    record("write 0-99", fd, F_SETLK, F_WRLCK, 0, 100);
    record("write 0-99 again", fd, F_SETLK, F_WRLCK, 0, 100);
    record("write by a reader", only_read, F_SETLK, F_WRLCK, 0, 10);
    record("read 20-29", fd, F_SETLK, F_RDLCK, 20, 10);
    record("free 50-59", fd, F_SETLK, F_UNLCK, 50, 10);
    in_child(fd);
    record("read 0-9", fd, F_SETLK, F_RDLCK, 0, 10);
    in_child(fd);
    record("negative start", fd, F_SETLK, F_WRLCK, -5, 10);
    record("negative length", fd, F_SETLK, F_WRLCK, 100, -10);
    record("odd type", fd, F_SETLK, 9, 0, 10);
    close(open("locked", O_RDONLY));
    in_child(fd);
    int description = open("locked", O_RDWR), other = open("locked", O_RDWR);
    record("description writes 0-9", description, F_OFD_SETLK, F_WRLCK, 0, 10);
    record("another description writes 0-9", other, F_OFD_SETLK, F_WRLCK, 0, 10);
    record("another description asks", other, F_OFD_GETLK, F_WRLCK, 0, 10);
    record("the process writes 0-9", fd, F_SETLK, F_WRLCK, 0, 10);
    int copy = dup(description);
    close(description);
    record("another description after one close", other, F_OFD_SETLK, F_WRLCK, 0, 10);
    close(copy);
    record("another description after both", other, F_OFD_SETLK, F_WRLCK, 0, 10);
    int one = open("locked", O_RDONLY), two = open("locked", O_RDONLY);
    TRY(flock(one, LOCK_EX | LOCK_NB));
    TRY(flock(two, LOCK_SH | LOCK_NB));
    TRY(flock(one, LOCK_SH | LOCK_NB));
    TRY(flock(two, LOCK_SH | LOCK_NB));
    TRY(flock(two, LOCK_EX | LOCK_NB));
    TRY(flock(one, LOCK_UN));
    TRY(flock(two, LOCK_EX | LOCK_NB));
    TRY(flock(one, 16));
    TRY(flock(-1, LOCK_EX));
    pid_t child = fork();
    if (!child) {
        TRY(flock(two, LOCK_UN));
        _exit(0);
    }
    MUST(waitpid(child, 0, 0));
    TRY(flock(one, LOCK_EX | LOCK_NB));
}

static void all(void) {
    seals();
    locks();
}

int main(void) {
    in_each_place(all);
    return 0;
}
