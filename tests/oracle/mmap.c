/* mmap, mprotect, mremap, madvise, mincore, mlock: memory as a program sees it. */
#include "oracle.h"

#define PAGE 4096L
#define MAP(address, length, protection, flags, fd, offset) \
    ((char *)mmap((void *)(address), (length), (protection), (flags), (fd), (offset)))
/* Whether a mapping was made, and its error. */
#define MAPPED(call) do { errno = 0; char *at = (call); SAY("%s: %s", #call, at == MAP_FAILED ? strerrorname_np(errno) : "mapped"); } while (0)

static const int RW = PROT_READ | PROT_WRITE, ANON = MAP_PRIVATE | MAP_ANONYMOUS;

static void arguments(void) {
    int fd = file_with("args", "hello"), only_read = open("args", O_RDONLY), only_write = open("args", O_WRONLY);
    MAPPED(MAP(0, 0, RW, ANON, -1, 0));
    MAPPED(MAP(0, PAGE, RW, 0, fd, 0));
    MAPPED(MAP(0, PAGE, RW, MAP_ANONYMOUS, -1, 0));
    MAPPED(MAP(0, PAGE, RW, MAP_PRIVATE, -1, 0));
    MAPPED(MAP(0, PAGE, RW, MAP_PRIVATE, fd, 100));
    MAPPED(MAP(0, PAGE, PROT_READ, MAP_PRIVATE, only_write, 0));
    MAPPED(MAP(0, PAGE, RW, MAP_PRIVATE, only_read, 0));
    MAPPED(MAP(0, PAGE, RW, MAP_SHARED, only_read, 0));
    MAPPED(MAP(0, PAGE, PROT_READ, MAP_SHARED, only_read, 0));
    MAPPED(MAP(100, PAGE, RW, ANON | MAP_FIXED, -1, 0));
    MAPPED(MAP(0, -PAGE, RW, ANON, -1, 0));
    MAPPED(MAP(0, 1L << 50, RW, ANON, -1, 0));
    MAPPED(MAP(0, PAGE, RW, MAP_PRIVATE, fd, -PAGE));
    int folder = open(".", O_RDONLY), path = open("args", O_PATH);
    MAPPED(MAP(0, PAGE, PROT_READ, MAP_PRIVATE, folder, 0));
    MAPPED(MAP(0, PAGE, PROT_READ, MAP_PRIVATE, path, 0));
    int pipes[2];
    MUST(pipe(pipes));
    MAPPED(MAP(0, PAGE, PROT_READ, MAP_PRIVATE, pipes[0], 0));
    char *shared = MAP(0, PAGE, PROT_READ, MAP_SHARED, only_read, 0);
    TRY(mprotect(shared, PAGE, RW));
    TRY(mprotect(shared, PAGE, PROT_NONE));
    TRY(mprotect(shared + 1, PAGE, PROT_READ));
    TRY(munmap(shared + 1, PAGE));
    TRY(munmap(shared, 0));
    TRY(munmap(shared, PAGE));
    TRY(munmap(shared, PAGE));
    TRY(mprotect(shared, PAGE, PROT_READ));
    TRY(mprotect(shared, 0, PROT_READ));
    TRY(msync(shared, PAGE, MS_SYNC));
    char *low = MAP(0, PAGE, RW, ANON | MAP_32BIT, -1, 0);
    SAY("MAP_32BIT below 2 GiB: %d", low != MAP_FAILED && (unsigned long)low < 1UL << 31);
}

static void placing(void) {
    char *area = MAP(0, 10 * PAGE, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    touch("none", area, 0);
    TRY(MAP(area + PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED ? -1 : 0);
    TRY(MAP(area + 2 * PAGE, PAGE, RW, ANON | MAP_FIXED, -1, 0) == area + 2 * PAGE);
    touch("fixed", area + 2 * PAGE, 1);
    touch("after fixed", area + 3 * PAGE, 1);
    TRY(munmap(area + 5 * PAGE, PAGE));
    touch("unmapped", area + 5 * PAGE, 0);
    TRY(MAP(area + 5 * PAGE, PAGE, RW, ANON | MAP_FIXED_NOREPLACE, -1, 0) == area + 5 * PAGE);
    TRY(MAP(area + 20 * PAGE, PAGE, RW, ANON, -1, 0) != MAP_FAILED);
    TRY(mprotect(area, 10 * PAGE, PROT_READ));
    touch("read only", area + 2 * PAGE, 1);
    TRY(mprotect(area, 10 * PAGE, RW));
    TRY(munmap(area + 3 * PAGE, PAGE));
    TRY(mprotect(area, 10 * PAGE, PROT_READ));
    touch("before the hole", area, 1);
    touch("after the hole", area + 4 * PAGE, 1);
    char *large = MAP(0, 1L << 43, PROT_NONE, ANON | MAP_NORESERVE, -1, 0);
    SAY("8 TiB reserved: %d", large != MAP_FAILED);
    TRY(mprotect(large + (1L << 40), PAGE, RW));
    touch("in the reservation", large + (1L << 40), 1);
    TRY(munmap(large, 1L << 43));
    char *growing = MAP(0, 16 * PAGE, RW, ANON, -1, 0);
    munmap(growing, 16 * PAGE);
    char *stack = MAP(growing + 15 * PAGE, PAGE, RW, ANON | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    touch("MAP_GROWSDOWN itself", stack, 1);
    touch("MAP_GROWSDOWN below", stack - PAGE, 1);
}

static void files(void) {
    char buffer[16] = "";
    int fd = file_with("file", "hello");
    char *shared = MAP(0, 3 * PAGE, RW, MAP_SHARED, fd, 0), *private = MAP(0, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
    touch("last page, past the end", shared + 10, 1);
    touch("second page", shared + PAGE, 0);
    touch("second page, written", shared + PAGE, 1);
    touch("second page, private", private + PAGE, 1);
    memcpy(shared, "HELLO", 5);
    TRY(pread(fd, buffer, 16, 0));
    SAY("%s, %.5s", buffer, private);
    memcpy(private, "mine!", 5);
    MUST(pread(fd, buffer, 16, 0));
    SAY("%s, %.5s", buffer, private);
    MUST(pwrite(fd, "writ", 4, 0));
    SAY("%.5s, %.5s", shared, private);
    TRY(ftruncate(fd, 2 * PAGE));
    touch("second page of a grown file", shared + PAGE, 1);
    touch("third page of a grown file", shared + 2 * PAGE, 1);
    touch("second page of a grown file, private", private + PAGE, 1);
    TRY(ftruncate(fd, PAGE));
    touch("second page of a cut file", shared + PAGE, 1);
    TRY(ftruncate(fd, 3 * PAGE));
    touch("third page of a file grown again", shared + 2 * PAGE, 1);
    shared[2 * PAGE] = 'z';
    TRY(pread(fd, buffer, 1, 2 * PAGE));
    SAY("byte %c", buffer[0]);
    TRY(msync(shared, 3 * PAGE, MS_SYNC));
    TRY(msync(shared, 3 * PAGE, MS_SYNC | MS_ASYNC));
    TRY(msync(shared + 1, 3 * PAGE, MS_SYNC));
    MUST(close(fd));
    MUST(unlink("file"));
    touch("after close and unlink", shared, 1);
    pid_t child = fork();
    if (!child) {
        shared[1] = 'C';
        private[1] = 'C';
        _exit(0);
    }
    MUST(waitpid(child, 0, 0));
    SAY("child wrote %c and %c", shared[1], private[1]);
    int past = file_with("past", "x");
    char *beyond = MAP(0, PAGE, RW, MAP_SHARED, past, 16 * PAGE);
    touch("mapped past the end", beyond, 1);
    TRY(read(open("/dev/zero", O_RDONLY), beyond, 1));
    TRY(write(past, beyond, 1));
    MUST(ftruncate(past, 17 * PAGE));
    TRY(read(open("/dev/zero", O_RDONLY), beyond, 1));
    touch("mapped past the end, then grown", beyond, 1);
    TRY(mprotect(beyond, PAGE, PROT_READ));
    touch("then read only", beyond, 1);
    int sparse = open("sparse", O_RDWR | O_CREAT, 0644);
    MUST(ftruncate(sparse, 1L << 33));
    char *wide = MAP(0, 1L << 33, RW, MAP_SHARED, sparse, 0);
    SAY("8 GiB of a sparse file mapped: %d", wide != MAP_FAILED);
    if (wide == MAP_FAILED) return;
    for (int i = 0; i < 8; i++) wide[((long)i << 30) + 12345] = 'a' + i;
    char byte = 0;
    TRY(pread(sparse, &byte, 1, (7L << 30) + 12345));
    SAY("byte %c", byte);
    touch("a hole of it", wide + (5L << 30), 1);
    TRY(munmap(wide, 1L << 33));
}

static void moving(void) {
    char *area = MAP(0, 8 * PAGE, RW, ANON, -1, 0);
    for (int i = 0; i < 8; i++) area[i * PAGE] = 'a' + i;
    TRY(mremap(area, 8 * PAGE, 4 * PAGE, 0) == area);
    touch("cut off", area + 4 * PAGE, 0);
    TRY(mremap(area, 4 * PAGE, 8 * PAGE, 0) == area);
    SAY("kept %c, new %d", area[3 * PAGE], area[4 * PAGE]);
    MAP(area + 8 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED_NOREPLACE, -1, 0);
    TRY(mremap(area, 8 * PAGE, 16 * PAGE, 0) == MAP_FAILED ? -1 : 0);
    char *moved = mremap(area, 8 * PAGE, 16 * PAGE, MREMAP_MAYMOVE);
    SAY("moved %d, kept %c", moved != area, moved[3 * PAGE]);
    touch("where it was", area, 0);
    char *target = MAP(0, 4 * PAGE, RW, ANON, -1, 0);
    TRY(mremap(moved, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
    SAY("at the target %c", target[PAGE]);
    touch("left", moved, 0);
    touch("not left", moved + 4 * PAGE, 0);
    TRY(mremap(target, 4 * PAGE, 4 * PAGE, MREMAP_FIXED, moved) == MAP_FAILED ? -1 : 0);
    TRY(mremap(target, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE) == MAP_FAILED ? -1 : 0);
    TRY(mremap(target + 1, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    TRY(mremap(target, 4 * PAGE, 0, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    TRY(mremap(moved, PAGE, PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    TRY(mremap(target, 4 * PAGE, 4 * PAGE, 64) == MAP_FAILED ? -1 : 0);
    char *other = mremap(target, 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
    SAY("DONTUNMAP: %s", other == MAP_FAILED ? strerrorname_np(errno) : "works");
    if (other != MAP_FAILED) SAY("moved %c, left %d", other[PAGE], target[PAGE]);
    TRY(mremap(target, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0) == MAP_FAILED ? -1 : 0);
    char *shared = MAP(0, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared[0] = 's';
    char *twice = mremap(shared, 0, 2 * PAGE, MREMAP_MAYMOVE);
    SAY("a shared mapping twice: %s", twice == MAP_FAILED ? strerrorname_np(errno) : "works");
    if (twice != MAP_FAILED) {
        twice[1] = 't';
        SAY("%.2s", shared);
    }
    TRY(mremap(area, 0, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED ? -1 : 0);
    int fd = file_with("grow", "0123456789");
    MUST(ftruncate(fd, 4 * PAGE));
    char *file = MAP(0, PAGE, RW, MAP_SHARED, fd, 0);
    file = mremap(file, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    touch("grown with its file", file + 3 * PAGE, 1);
    file = mremap(file, 4 * PAGE, 6 * PAGE, MREMAP_MAYMOVE);
    touch("grown past its file", file + 5 * PAGE, 1);
    char *private = MAP(0, 2 * PAGE, RW, MAP_PRIVATE, fd, 0);
    private[0] = 'P';
    private = mremap(private, 2 * PAGE, 5 * PAGE, MREMAP_MAYMOVE);
    touch("private, its own page", private, 1);
    touch("private, grown with its file", private + 3 * PAGE, 1);
    touch("private, grown past its file", private + 4 * PAGE, 1);
}

static void advice(void) {
    char *area = MAP(0, 8 * PAGE, RW, ANON, -1, 0);
    memset(area, 'x', 8 * PAGE);
    TRY(madvise(area, PAGE, MADV_DONTNEED));
    SAY("after DONTNEED %d, next %c", area[0], area[PAGE]);
    TRY(madvise(area + 1, PAGE, MADV_DONTNEED));
    TRY(madvise(area, 0, MADV_DONTNEED));
    TRY(madvise(area, PAGE, 999));
    TRY(madvise(area, PAGE, MADV_FREE));
    TRY(madvise(area, PAGE, MADV_WILLNEED));
    TRY(madvise(area, PAGE, MADV_HUGEPAGE));
    TRY(madvise(area, PAGE, MADV_NOHUGEPAGE));
    TRY(madvise(area, PAGE, MADV_DONTDUMP));
    TRY(madvise(area, PAGE, MADV_COLD));
    TRY(madvise(area, PAGE, MADV_POPULATE_READ));
    TRY(madvise(area, PAGE, MADV_POPULATE_WRITE));
    TRY(madvise(area, PAGE, MADV_REMOVE));
    munmap(area + 4 * PAGE, PAGE);
    TRY(madvise(area, 8 * PAGE, MADV_DONTNEED));
    SAY("beyond the hole %d", area[6 * PAGE]);
    TRY(madvise(area, 8 * PAGE, MADV_POPULATE_READ));
    area[PAGE] = 'f';
    TRY(madvise(area + PAGE, PAGE, MADV_DONTFORK));
    TRY(madvise(area + 2 * PAGE, PAGE, MADV_WIPEONFORK));
    area[2 * PAGE] = 'w';
    pid_t child = fork();
    if (!child) {
        touch("DONTFORK in the child", area + PAGE, 0);
        touch("WIPEONFORK in the child", area + 2 * PAGE, 0);
        _exit(0);
    }
    MUST(waitpid(child, 0, 0));
    TRY(madvise(area + PAGE, PAGE, MADV_DOFORK));
    TRY(madvise(area + 2 * PAGE, PAGE, MADV_KEEPONFORK));
    int fd = file_with("advice", "0123456789");
    char *shared = MAP(0, PAGE, RW, MAP_SHARED, fd, 0), *private = MAP(0, PAGE, RW, MAP_PRIVATE, fd, 0);
    private[0] = 'P';
    TRY(madvise(private, PAGE, MADV_DONTNEED));
    SAY("private after DONTNEED %c", private[0]);
    TRY(madvise(shared, PAGE, MADV_REMOVE));
    SAY("shared after REMOVE %d", shared[0]);
    TRY(madvise(shared, PAGE, MADV_WIPEONFORK));
}

static void residence(void) {
    unsigned char resident[4] = "";
    char *area = MAP(0, 4 * PAGE, RW, ANON, -1, 0);
    area[PAGE] = 1;
    TRY(mincore(area, 4 * PAGE, resident));
    SAY("resident %d%d%d%d", resident[0], resident[1], resident[2], resident[3]);
    TRY(mincore(area + 1, PAGE, resident));
    TRY(mincore(area, 4 * PAGE, (void *)8));
    TRY(mlock(area, 2 * PAGE));
    TRY(mincore(area, 4 * PAGE, resident));
    SAY("resident %d%d%d%d", resident[0], resident[1], resident[2], resident[3]);
    TRY(munlock(area, 2 * PAGE));
    TRY(mlock2(area, PAGE, MLOCK_ONFAULT));
    TRY(mlock2(area, PAGE, 8));
    munmap(area + PAGE, PAGE);
    TRY(mlock(area, 4 * PAGE));
    TRY(munlock(area, 4 * PAGE));
    TRY(mincore(area, 4 * PAGE, resident));
    TRY(mlockall(0));
    TRY(mlockall(8));
    TRY(munlockall());
}

static void heap(void) {
    // stdio's own buffer must not lie in the heap that is given back.
    static char output[BUFSIZ];
    setvbuf(stdout, output, _IOFBF, sizeof output);
    char *start = sbrk(0);
    TRY(brk(start + 3 * PAGE));
    start[2 * PAGE] = 'h';
    TRY(brk(start));
    TRY(brk(start + 3 * PAGE));
    SAY("given back and taken again: %d", start[2 * PAGE]);
    TRY(brk(start));
    TRY(brk((void *)1));
}

static void all(void) {
    files();
    moving();
    advice();
}

int main(void) {
    heap();
    in_each_place(all);
    MUST(chdir("/tmp"));
    arguments();
    placing();
    residence();
    return 0;
}
