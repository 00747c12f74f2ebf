/* Directories whose files are read one after the other, while they and their names change: what is told ahead must not
   be told when it is true no longer. */
#include "oracle.h"
#include <dirent.h>

enum { FILES = 40, FOLDERS = 12 };

static const char *name(int index) {
    static char text[8][64];
    static int next;
    char *to = text[next++ % 8];
    snprintf(to, 64, "file-%02d", index);
    return to;
}

static void make(void) {
    for (int i = 0; i < FILES; i++) {
        char text[128];
        snprintf(text, sizeof text, "the file with the number %d\n", i);
        MUST(close(file_with(name(i), text)));
    }
}

/* How many names there are. */
static int count(const char *path) {
    DIR *directory = opendir(path);
    int found = 0;
    for (struct dirent *entry; directory && (entry = readdir(directory));) found++;
    if (directory) closedir(directory);
    return found;
}

static int opened(int index) { return MUST(open(name(index), O_RDONLY)); }

/* Opens and reads the first files, so that it shows where this leads. */
static void begin(int files) {
    make();
    SAY("%d names", count("."));
    for (int i = 0; i < files; i++) {
        char text[128] = "";
        int fd = opened(i);
        MUST(read(fd, text, sizeof text - 1));
        MUST(close(fd));
        if (i % 3 == 0) printf("%s", text);
    }
}

static void show(const char *what, int fd) {
    char text[256] = "";
    long length = pread(fd, text, sizeof text - 1, 0);
    struct stat stat;
    MUST(fstat(fd, &stat));
    SAY("%s: %s bytes \"%.*s\", %ld names, %ld long", what, result(length), (int)strcspn(text, "\n"), text,
        (long)stat.st_nlink, (long)stat.st_size);
}

static void changes(void) {
    begin(6);
    int written = opened(7), cut = opened(8), removed = opened(9), replaced = opened(10), moved = opened(11);
    int linked = opened(12), grown = opened(13), mapped = opened(14), mode = opened(15);
    int writer = MUST(open(name(7), O_WRONLY));
    TRY(pwrite(writer, "THE", 3, 0));
    show("written", written);
    TRY(ftruncate(writer, 5));
    show("cut by descriptor", written);
    TRY(truncate(name(8), 9));
    show("cut by name", cut);
    TRY(unlink(name(9)));
    show("removed", removed);
    MUST(close(file_with(name(9), "another file of that name")));
    show("removed and made anew", removed);
    TRY(rename(name(20), name(10)));
    show("replaced", replaced);
    show("that which replaced it", opened(10));
    TRY(rename(name(11), "moved"));
    show("moved", moved);
    MUST(close(file_with(name(11), "a file where one was before")));
    TRY(truncate("moved", 4));
    show("moved and cut", moved);
    TRY(link(name(12), "second"));
    TRY(truncate("second", 3));
    show("cut by a second name", linked);
    TRY(unlink("second"));
    show("with one name again", linked);
    int end = MUST(open(name(13), O_WRONLY | O_APPEND));
    TRY(write(end, "more\n", 5));
    show("grown", grown);
    char *memory = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, MUST(open(name(14), O_RDWR)), 0);
    memory[0] = 'M';
    show("written by memory", mapped);
    TRY(chmod(name(15), 0));
    show("without permission", mode);
    TRY(open(name(15), O_RDONLY));
    TRY(write(mode, "x", 1));
    TRY(ftruncate(mode, 1));
}

static void processes(void) {
    begin(6);
    int fd = opened(7), other = opened(8);
    char text[32] = "";
    TRY(read(fd, text, 4));
    pid_t child = MUST(fork());
    if (!child) {
        MUST(read(fd, text, 4));
        int writer = MUST(open(name(8), O_WRONLY | O_TRUNC));
        MUST(write(writer, "by the child", 12));
        MUST(unlink(name(8)));
        _exit(0);
    }
    MUST(waitpid(child, 0, 0));
    TRY(lseek(fd, 0, SEEK_CUR));
    TRY(read(fd, text, 4));
    SAY("\"%.4s\"", text);
    show("changed and removed by a child", other);
    char *memory = mmap(0, 4096, PROT_READ, MAP_PRIVATE, opened(9), 0);
    SAY("mapped: \"%.24s\"", memory);
    int copy = MUST(dup(opened(10)));
    TRY(lseek(copy, 3, SEEK_SET));
    TRY(read(copy, text, 10));
    SAY("\"%.10s\"", text);
    TRY(pread(copy, text, 10, 1000));
    TRY(read(copy, (void *)8, 10));
    TRY(fcntl(copy, F_GETFL) & O_ACCMODE);
}

static void folders(void) {
    for (int i = 0; i < FOLDERS; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/below/deep", name(i));
        *strchr(path, '/') = 0;
        MUST(mkdir(path, 0755));
        path[strlen(path)] = '/';
        *strrchr(path, '/') = 0;
        MUST(mkdir(path, 0755));
        path[strlen(path)] = '/';
        MUST(close(file_with(path, "deep")));
        snprintf(path, sizeof path, "%s/link", name(i));
        MUST(symlink("below/deep", path));
    }
    SAY("%d names", count("."));
    for (int i = 0; i < FOLDERS; i++) {
        char path[64], target[64] = "";
        SAY("%d names", count(name(i)));
        snprintf(path, sizeof path, "%s/below", name((i + 3) % FOLDERS));
        if (i == 5) {
            TRY(rename(name(9), "elsewhere"));
            TRY(mkdir(name(9), 0755));
        }
        SAY("%d names below", count(path));
        strcat(path, "/new");
        OK(open(path, O_CREAT | O_EXCL | O_WRONLY, 0600));
        *strrchr(path, '/') = 0;
        SAY("%d names below", count(path));
        snprintf(path, sizeof path, "%s/link", name(i));
        TRY(readlink(path, target, sizeof target));
        TRY(unlink(path));
        TRY(symlink("other", path));
        TRY(readlink(path, target, sizeof target));
        SAY("%s", target);
        TRY(access(path, F_OK));
    }
    SAY("%d names", count("elsewhere"));
}

int main(void) {
    in_each_place(changes);
    in_each_place(processes);
    in_each_place(folders);
    return 0;
}
