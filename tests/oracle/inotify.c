/* inotify: which events come, in which order; and extended attributes. */
#include "oracle.h"
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>

static void drain(const char *what, int fd) {
    char buffer[4096] __attribute__((aligned(8)));
    printf("%s:", what);
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n <= 0) break;
        for (char *at = buffer; at < buffer + n;) {
            struct inotify_event *event = (struct inotify_event *)at;
            printf(" %d/%x/%s/%s", event->wd, event->mask, event->cookie ? "cookie" : "-", event->len ? event->name : "");
            at += sizeof *event + event->len;
        }
    }
    printf("\n");
    fflush(stdout);
}

static void events(void) {
    char c;
    int n = MUST(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    OK(inotify_init1(99));
    TRY(read(n, &c, 1));
    MUST(mkdir("dir", 0755));
    TRY(inotify_add_watch(n, "dir", IN_ALL_EVENTS));
    TRY(inotify_add_watch(n, "none", IN_ALL_EVENTS));
    TRY(inotify_add_watch(n, "dir", 0));
    TRY(inotify_add_watch(-1, "dir", IN_MODIFY));
    TRY(inotify_add_watch(0, "dir", IN_MODIFY));
    int fd = open("dir/file", O_CREAT | O_RDWR, 0644);
    drain("create", n);
    MUST(write(fd, "x", 1));
    drain("write", n);
    MUST(ftruncate(fd, 0));
    drain("truncate", n);
    MUST(fchmod(fd, 0600));
    drain("chmod", n);
    MUST(close(fd));
    drain("close", n);
    fd = open("dir/file", O_RDONLY);
    TRY(read(fd, &c, 1));
    close(fd);
    drain("read", n);
    MUST(rename("dir/file", "dir/other"));
    drain("rename", n);
    MUST(rename("dir/other", "out"));
    drain("rename out", n);
    MUST(rename("out", "dir/in"));
    drain("rename in", n);
    MUST(link("dir/in", "dir/hard"));
    drain("link", n);
    MUST(symlink("x", "dir/soft"));
    drain("symlink", n);
    MUST(unlink("dir/hard"));
    drain("unlink", n);
    MUST(mkdir("dir/sub", 0755));
    drain("mkdir", n);
    TRY(inotify_add_watch(n, "dir/in", IN_ATTRIB | IN_DELETE_SELF | IN_MODIFY));
    TRY(inotify_add_watch(n, "dir/sub", IN_ALL_EVENTS | IN_ONLYDIR));
    TRY(inotify_add_watch(n, "dir/in", IN_ALL_EVENTS | IN_ONLYDIR));
    MUST(truncate("dir/in", 10));
    drain("truncate by name", n);
    MUST(rmdir("dir/sub"));
    drain("rmdir", n);
    MUST(unlink("dir/in"));
    drain("unlink a watched file", n);
    TRY(inotify_rm_watch(n, 1));
    drain("rm_watch", n);
    TRY(inotify_rm_watch(n, 1));
    TRY(inotify_rm_watch(n, 77));
    TRY(inotify_add_watch(n, "dir", IN_CREATE | IN_ONESHOT));
    close(open("dir/a", O_CREAT | O_RDWR, 0644));
    close(open("dir/b", O_CREAT | O_RDWR, 0644));
    drain("one shot", n);
    TRY(inotify_add_watch(n, "dir", IN_CREATE));
    TRY(inotify_add_watch(n, "dir", IN_DELETE | IN_MASK_ADD));
    TRY(inotify_add_watch(n, "dir", IN_DELETE | IN_MASK_CREATE));
    close(open("dir/c", O_CREAT | O_RDWR, 0644));
    int room = 0;
    TRY(ioctl(n, FIONREAD, &room));
    SAY("room %d", room);
    TRY(read(n, &c, 1));
    unlink("dir/c");
    drain("added to", n);
}

static void xattrs(void) {
    char value[64] = "", list[64] = "";
    int fd = file_with("x", "x");
    TRY(setxattr("x", "user.one", "value", 5, 0));
    TRY(setxattr("none", "user.one", "v", 1, 0));
    TRY(setxattr("x", "odd", "v", 1, 0));
    TRY(setxattr("x", "trusted.one", "v", 1, 0));
    TRY(getxattr("x", "user.one", value, sizeof value));
    SAY("%s", value);
    TRY(getxattr("x", "user.one", value, 2));
    TRY(getxattr("x", "user.one", 0, 0));
    TRY(getxattr("x", "user.none", value, 2));
    TRY(setxattr("x", "user.one", "v", 1, XATTR_CREATE));
    TRY(setxattr("x", "user.two", "v", 1, XATTR_REPLACE));
    TRY(fsetxattr(fd, "user.two", "", 0, 0));
    TRY(fgetxattr(fd, "user.two", value, sizeof value));
    ssize_t length = MUST(listxattr("x", list, sizeof list));
    int seen = 0;
    for (char *at = list; at < list + length; at += strlen(at) + 1) seen += !strncmp(at, "user.", 5);
    SAY("user attributes %d", seen);
    TRY(listxattr("x", list, 3));
    TRY(removexattr("x", "user.one"));
    TRY(removexattr("x", "user.one"));
    char *name = malloc(400);
    memset(name, 'n', 399);
    memcpy(name, "user.", 5);
    name[256] = 0;
    TRY(setxattr("x", name, "v", 1, 0));
    TRY(setxattr("x", "user.big", name, 1 << 20, 0));
    TRY(setxattr("x", "", "v", 1, 0));
    MUST(symlink("x", "link"));
    TRY(lsetxattr("link", "user.one", "v", 1, 0));
}

static void one_attribute(void) {
    file_with("x", "x");
    TRY(setxattr("x", "user.first", "value", 5, 0));
}

static void all(void) {
    events();
    one_attribute();
}

int main(void) {
    in_each_place(all);
    MUST(chdir("/tmp"));
    xattrs();
    return 0;
}
