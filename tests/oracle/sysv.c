/* System V IPC (sysvipc(7)): shared memory, semaphores, message queues; what they give, refuse and tell. */
#include "oracle.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

union semun {
    int val;
    void *buf;
    unsigned short *array;
};

#define SAYS(...) printf(__VA_ARGS__), puts("")
enum { KEY = 0x51a7b000 };
static int key;
static int recent(time_t when) { return when && labs(time(0) - when) < 30; }
static const char *attach(int id, const void *at, int flags) {
    void *got = shmat(id, at, flags);
    return got == (void *)-1 ? strerrorname_np(errno) : "attached";
}

/* An instance notes the time of shmdt(2), not of a mapping that goes otherwise: it is shown where only that was. */
static int detached_so;

static void show_segment(const char *when, int id) {
    struct shmid_ds ds;
    if (shmctl(id, IPC_STAT, &ds)) {
        SAYS("%s: %s", when, strerrorname_np(errno));
        return;
    }
    SAYS("%s: size %zu, attached %lu, mode %o, key %s, mine %d %d, made by me %d, last %s, times %d %d %d", when, ds.shm_segsz,
         (unsigned long)ds.shm_nattch, ds.shm_perm.mode, ds.shm_perm.__key == key + 1 ? "given" : ds.shm_perm.__key ? "other" : "none",
         ds.shm_perm.uid == getuid(), ds.shm_perm.cuid == getuid(), ds.shm_cpid == getpid(),
         ds.shm_lpid == getpid() ? "me" : ds.shm_lpid ? "another" : "nobody", recent(ds.shm_atime), detached_so && recent(ds.shm_dtime), recent(ds.shm_ctime));
}

static void segments(void) {
    struct shmid_ds ds;
    int id = shmget(key + 1, 10000, IPC_CREAT | IPC_EXCL | 0640);
    MUST(id);
    show_segment("new", id);
    TRY(shmget(key + 1, 10000, IPC_CREAT | IPC_EXCL | 0600));
    TRY(shmget(key + 1, 10001, 0));
    SAYS("found: %d %d", shmget(key + 1, 0, 0) == id, shmget(key + 1, 9999, IPC_CREAT | 0600) == id);
    TRY(shmget(key + 2, 100, 0600));
    TRY(shmget(key + 2, 0, IPC_CREAT | 0600));
    TRY(shmget(key + 2, -1, IPC_CREAT | 0600));
    char *one = shmat(id, 0, 0), *two = shmat(id, 0, SHM_RDONLY);
    strcpy(one + 9000, "shared");
    SAYS("seen: %s, zero behind: %d", two + 9000, two[12000]);
    show_segment("attached", id);
    SAYS("odd place: %s", attach(id, one + 100001, 0));
    SAYS("taken place: %s", attach(id, one, 0));
    SAYS("taken, rounded: %s", attach(id, one + 5, SHM_RND));
    SAYS("remapped: %s", attach(id, one, SHM_REMAP));
    SAYS("remapped nowhere: %s", attach(id, 0, SHM_REMAP));
    SAYS("still: %s", one + 9000);
    SAYS("no segment: %s %s", attach(-1, 0, 0), attach(id + 1000000, 0, 0));
    show_segment("remapped", id);
    if (fork() == 0) {
        show_segment("in a child", id);
        strcpy(one, "from a child");
        MUST(shmdt(two));
        _exit(0);
    }
    wait(0);
    show_segment("after a child", id);
    SAYS("read: %s", two);
    MUST(mprotect(two, 4096, PROT_READ));
    SAYS("read-only stays so: %s", mprotect(two, 4096, PROT_READ | PROT_WRITE) ? strerrorname_np(errno) : "it does not");
    TRY(shmdt(one + 4096));
    TRY(shmdt(one));
    TRY(shmdt(one));
    detached_so = 1;
    show_segment("detached", id);
    TRY(shmctl(id, SHM_LOCK, 0));
    TRY(shmctl(id, SHM_UNLOCK, 0));
    TRY(shmctl(id, 999, 0));
    TRY(shmctl(id, IPC_STAT, (void *)8));
    MUST(shmctl(id, IPC_STAT, &ds));
    ds.shm_perm.mode = 0400;
    TRY(shmctl(id, IPC_SET, &ds));
    show_segment("set", id);
    SAYS("mode forbids: %s, but not: %s", attach(id, 0, 0), attach(id, 0, SHM_RDONLY));
    TRY(shmget(key + 1, 0, 0200));
    ds.shm_perm.mode = 0;
    TRY(shmctl(id, IPC_SET, &ds));
    TRY(shmctl(id, IPC_STAT, &ds));
    SAYS("mode 0: %s", attach(id, 0, SHM_RDONLY));
    ds.shm_perm.mode = 0600;
    TRY(shmctl(id, IPC_SET, &ds));
    TRY(shmctl(id, IPC_RMID, 0));
    show_segment("doomed", id);
    SAYS("attached by its number: %s", attach(id, 0, 0));
    TRY(shmget(key + 1, 0, 0));
    SAYS("a memory file is no segment: %s", shmdt(mmap(0, 4096, 3, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) ? strerrorname_np(errno) : "detached");
    MUST(shmdt(two));
    TRY(shmctl(-1, IPC_RMID, 0));
}

static void doomed_segments(void) {
    int id = shmget(IPC_PRIVATE, 5 << 20, 0600), again;
    char *place = shmat(id, 0, 0);
    memset(place, 7, 5 << 20);
    MUST(shmctl(id, IPC_RMID, 0));
    show_segment("doomed and attached", id);
    pid_t pid = fork();
    if (pid == 0) _exit(place[5 << 19]);
    int status;
    waitpid(pid, &status, 0);
    SAYS("a child reads %d", WEXITSTATUS(status));
    MUST(shmdt(place));
    show_segment("gone", id);
    again = shmget(IPC_PRIVATE, 1, 0600);
    SAYS("another number: %d", again != id);
    MUST(shmctl(again, IPC_RMID, 0));
    pid = fork();
    if (pid == 0) {
        id = shmget(key + 3, 100000, IPC_CREAT | 0600);
        place = shmat(id, 0, 0);
        strcpy(place, "left");
        _exit(0);
    }
    waitpid(pid, 0, 0);
    id = shmget(key + 3, 0, 0);
    detached_so = 0;
    show_segment("of one that has ended", id);
    SAYS("it says %s", (char *)shmat(id, 0, 0));
    MUST(shmctl(id, IPC_RMID, 0));
}

static int operate(int id, int number, int change, int flags) {
    struct sembuf one = {number, change, flags};
    return semop(id, &one, 1);
}

static const char *values(int id, int count) {
    static char text[200];
    unsigned short all[16];
    if (semctl(id, 0, GETALL, (union semun){.array = all})) return strerrorname_np(errno);
    char *end = text;
    for (int n = 0; n < count; n++) end += sprintf(end, "%d ", all[n]);
    return text;
}

static void *waiter(void *id) {
    operate(*(int *)id, 1, 0, 0);
    return 0;
}

static void semaphores(void) {
    struct semid_ds ds;
    int id = semget(key + 1, 3, IPC_CREAT | IPC_EXCL | 0600);
    MUST(id);
    TRY(semget(key + 1, 4, 0));
    TRY(semget(key + 1, 3, IPC_CREAT | IPC_EXCL));
    SAYS("found: %d %d", semget(key + 1, 0, 0) == id, semget(key + 1, 2, 0) == id);
    TRY(semget(key + 2, 0, IPC_CREAT | 0600));
    TRY(semget(key + 2, -1, IPC_CREAT | 0600));
    TRY(semget(key + 2, 32001, IPC_CREAT | 0600));
    TRY(semget(key + 2, 1, 0600));
    MUST(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    SAYS("new: %lu, never operated %d, changed %d: %s", (unsigned long)ds.sem_nsems, ds.sem_otime == 0, recent(ds.sem_ctime), values(id, 3));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = 5}));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = 32767}));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = 32768}));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = -1}));
    TRY(semctl(id, 3, SETVAL, (union semun){.val = 1}));
    TRY(semctl(id, -1, GETVAL));
    TRY(semctl(id, 3, GETVAL));
    TRY(semctl(id, 0, GETVAL));
    TRY(operate(id, 0, 1, 0));
    TRY(operate(id, 0, 1, IPC_NOWAIT));
    TRY(operate(id, 1, -1, IPC_NOWAIT));
    TRY(operate(id, 0, 0, IPC_NOWAIT));
    TRY(operate(id, 1, 0, 0));
    TRY(operate(id, 3, 1, 0));
    TRY(semctl(id, 1, GETPID) == getpid());
    struct sembuf both[] = {{1, 2, 0}, {2, -1, IPC_NOWAIT}}, swap[] = {{1, 3, 0}, {1, -2, 0}, {2, 1, 0}};
    TRY(semop(id, both, 2));
    SAYS("none of both: %s", values(id, 3));
    TRY(semop(id, swap, 3));
    SAYS("all: %s", values(id, 3));
    TRY(semop(id, both, 0));
    TRY(semop(id, swap, 501));
    TRY(semop(id, (void *)8, 1));
    TRY(semop(-1, both, 2));
    struct timespec short_while = {0, 20000000}, bad = {0, -1};
    TRY(semtimedop(id, &(struct sembuf){1, -5, 0}, 1, &short_while));
    TRY(semtimedop(id, &(struct sembuf){1, -5, 0}, 1, &bad));
    MUST(semctl(id, 0, IPC_STAT, (union semun){.buf = &ds}));
    SAYS("operated %d", recent(ds.sem_otime));
    unsigned short all[] = {1, 2, 40000}, fine[] = {1, 2, 3};
    TRY(semctl(id, 0, SETALL, (union semun){.array = all}));
    TRY(semctl(id, 0, SETALL, (union semun){.array = fine}));
    SAYS("set: %s", values(id, 3));
    pthread_t threads[2];
    for (int n = 0; n < 2; n++) pthread_create(&threads[n], 0, waiter, &id);
    pid_t pid = fork();
    if (pid == 0) _exit(operate(id, 2, -10, 0) ? errno : 0);
    for (int n = 0; n < 2000 && (semctl(id, 1, GETZCNT) < 2 || semctl(id, 2, GETNCNT) < 1); n++) usleep(1000);
    SAYS("waiting: %d %d %d %d", semctl(id, 1, GETZCNT), semctl(id, 1, GETNCNT), semctl(id, 2, GETNCNT), semctl(id, 0, GETZCNT));
    TRY(operate(id, 1, -2, 0));
    for (int n = 0; n < 2; n++) pthread_join(threads[n], 0);
    SAYS("waiting: %d", semctl(id, 1, GETZCNT));
    ds.sem_perm.mode = 0400;
    TRY(semctl(id, 0, IPC_SET, (union semun){.buf = &ds}));
    TRY(operate(id, 0, 1, 0));
    TRY(operate(id, 1, 0, 0));
    TRY(semctl(id, 0, SETVAL, (union semun){.val = 5}));
    TRY(semctl(id, 0, GETVAL));
    TRY(semctl(id, 0, 999));
    TRY(semctl(id, 0, IPC_RMID));
    int status;
    waitpid(pid, &status, 0);
    SAYS("removed under one that waits: %s", strerrorname_np(WEXITSTATUS(status)));
    TRY(operate(id, 0, 1, 0));
    TRY(semctl(id, 0, GETVAL));
}

static void undone(void) {
    int status, id = semget(IPC_PRIVATE, 2, 0600);
    MUST(semctl(id, 0, SETALL, (union semun){.array = (unsigned short[]){5, 5}}));
    pid_t pid = fork();
    if (pid == 0) {
        MUST(operate(id, 0, -3, SEM_UNDO));
        MUST(operate(id, 1, 2, SEM_UNDO));
        MUST(operate(id, 1, 1, 0));
        pid_t child = fork();
        if (child == 0) _exit(0);
        waitpid(child, 0, 0);
        SAYS("before its end: %s", values(id, 2));
        kill(getpid(), SIGKILL);
    }
    waitpid(pid, &status, 0);
    SAYS("undone: %s, by %s", values(id, 2), semctl(id, 0, GETPID) == pid ? "it" : "another");
    pid = fork();
    if (pid == 0) {
        MUST(operate(id, 0, -5, SEM_UNDO));
        MUST(semctl(id, 0, SETVAL, (union semun){.val = 1}));
        MUST(operate(id, 1, -1, SEM_UNDO));
        MUST(operate(id, 1, 1, SEM_UNDO));
        execlp("sh", "sh", "-c", "exit 3", (char *)0);
    }
    waitpid(pid, &status, 0);
    SAYS("set is not undone: %s", values(id, 2));
    MUST(semctl(id, 0, IPC_RMID));
}

struct message {
    long type;
    char text[9000];
};

static int send(int id, long type, const char *text, int flags) {
    struct message message = {type};
    strcpy(message.text, text);
    return msgsnd(id, &message, strlen(text), flags);
}

static const char *take(int id, size_t room, long type, int flags) {
    static struct message message;
    static char text[100];
    memset(&message, 0, sizeof message);
    long got = msgrcv(id, &message, room, type, flags);
    if (got < 0) return strerrorname_np(errno);
    snprintf(text, sizeof text, "%ld of type %ld: %.20s", got, message.type, message.text);
    return text;
}

static void *sender(void *id) {
    usleep(20000);
    send(*(int *)id, 9, "later", 0);
    return 0;
}

static void queues(void) {
    struct msqid_ds ds;
    int id = msgget(key + 1, IPC_CREAT | IPC_EXCL | 0600);
    MUST(id);
    TRY(msgget(key + 1, IPC_CREAT | IPC_EXCL));
    TRY(msgget(key + 1, 0) == id);
    TRY(msgget(key + 2, 0));
    TRY(send(id, 0, "none", 0));
    TRY(send(id, -1, "none", 0));
    TRY(msgsnd(id, &(struct message){1}, 8193, 0));
    TRY(msgsnd(id, &(struct message){1}, -1, 0));
    TRY(msgsnd(id, (void *)8, 1, 0));
    TRY(send(-1, 1, "none", 0));
    SAYS("%s", take(id, 100, 0, IPC_NOWAIT));
    TRY(send(id, 3, "three", 0));
    TRY(send(id, 1, "one", 0));
    TRY(send(id, 2, "two", 0));
    TRY(send(id, 1, "", 0));
    MUST(msgctl(id, IPC_STAT, &ds));
    SAYS("there are %lu messages, %lu bytes of %lu, last sent by me %d, received %d, times %d %d %d", (unsigned long)ds.msg_qnum,
         (unsigned long)ds.__msg_cbytes, (unsigned long)ds.msg_qbytes, ds.msg_lspid == getpid(), ds.msg_lrpid, recent(ds.msg_stime),
         recent(ds.msg_rtime), recent(ds.msg_ctime));
    SAYS("copy: %s", take(id, 100, 2, MSG_COPY | IPC_NOWAIT));
    SAYS("copy behind: %s", take(id, 100, 4, MSG_COPY | IPC_NOWAIT));
    SAYS("copy that waits: %s", take(id, 100, 0, MSG_COPY));
    SAYS("copy except: %s", take(id, 100, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT));
    SAYS("least: %s", take(id, 100, -2, 0));
    SAYS("except: %s", take(id, 100, 3, MSG_EXCEPT));
    SAYS("short: %s", take(id, 2, 0, 0));
    SAYS("cut: %s", take(id, 2, 0, MSG_NOERROR));
    SAYS("empty: %s", take(id, 2, 1, 0));
    SAYS("none: %s", take(id, 2, 7, IPC_NOWAIT));
    SAYS("negative room: %s", take(id, -1, 0, IPC_NOWAIT));
    pthread_t thread;
    pthread_create(&thread, 0, sender, &id);
    SAYS("waited: %s", take(id, 100, 9, 0));
    pthread_join(thread, 0);
    static struct message big = {4};
    int sent = 0;
    while (msgsnd(id, &big, 4000, IPC_NOWAIT) == 0) sent++;
    SAYS("full after %d: %s", sent, strerrorname_np(errno));
    TRY(send(id, 4, "", IPC_NOWAIT));
    ds.msg_qbytes = 100;
    TRY(msgctl(id, IPC_SET, &ds));
    ds.msg_qbytes = 1 << 20;
    TRY(msgctl(id, IPC_SET, &ds));
    while (sent--) take(id, 4000, 0, IPC_NOWAIT);
    take(id, 4000, 0, IPC_NOWAIT);
    TRY(msgsnd(id, &big, 101, IPC_NOWAIT));
    TRY(msgsnd(id, &big, 100, IPC_NOWAIT));
    pid_t pid = fork();
    if (pid == 0) {
        alarm(0);
        _exit(msgsnd(id, &big, 100, 0) ? errno : 0);
    }
    usleep(30000);
    ds.msg_qbytes = 16384, ds.msg_perm.mode = 0200;
    TRY(msgctl(id, IPC_SET, &ds));
    int status;
    waitpid(pid, &status, 0);
    SAYS("room made: %d", WEXITSTATUS(status));
    SAYS("forbidden: %s", take(id, 100, 0, IPC_NOWAIT));
    TRY(msgctl(id, IPC_STAT, &ds));
    TRY(send(id, 1, "allowed", 0));
    TRY(msgctl(id, 999, &ds));
    pid = fork();
    if (pid == 0) _exit(msgsnd(id, &big, 8192, 0) ? errno : msgsnd(id, &big, 8192, 0) ? errno : 0);
    usleep(30000);
    TRY(msgctl(id, IPC_RMID, 0));
    waitpid(pid, &status, 0);
    SAYS("removed under one that waits: %s", strerrorname_np(WEXITSTATUS(status)));
    TRY(msgctl(id, IPC_RMID, 0));
}

static void on_alarm(int signo) { (void)signo; }

static void interrupted(void) {
    int queue = msgget(IPC_PRIVATE, 0600), set = semget(IPC_PRIVATE, 1, 0600);
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, 0);
    ualarm(20000, 0);
    SAYS("msgrcv: %s", take(queue, 1, 0, 0));
    ualarm(20000, 0);
    TRY(operate(set, 0, -1, 0));
    MUST(msgctl(queue, IPC_RMID, 0));
    MUST(semctl(set, 0, IPC_RMID));
}

/* Limits, and the objects by their places, as ipcs(1) and ipcrm(1) walk them. */
static void told(void) {
    struct shminfo limits;
    struct shm_info used;
    struct seminfo sem;
    struct msginfo msg;
    struct shmid_ds ds;
    int id = shmget(key + 1, 8000, IPC_CREAT | 0600), found = 0;
    MUST(shmctl(0, IPC_INFO, (void *)&limits));
    SAYS("segments: %lu %lu %lu %lu", limits.shmmax, limits.shmmin, limits.shmmni, limits.shmall);
    int highest = shmctl(0, SHM_INFO, (void *)&used);
    SAYS("some: %d, pages: %d", used.used_ids > 0, used.shm_tot >= 2);
    for (int place = 0; place <= highest; place++) found += shmctl(place, SHM_STAT, &ds) == id;
    for (int place = 0; place <= highest; place++) found += shmctl(place, SHM_STAT_ANY, &ds) == id;
    SAYS("found %d", found);
    TRY(shmctl(highest + 5, SHM_STAT, &ds));
    MUST(shmctl(id, IPC_RMID, 0));
    MUST(semctl(0, 0, IPC_INFO, (union semun){.buf = &sem}));
    SAYS("semaphores: %d %d %d %d %d %d %d %d %d %d", sem.semmap, sem.semmni, sem.semmns, sem.semmnu, sem.semmsl, sem.semopm, sem.semume,
         sem.semusz, sem.semvmx, sem.semaem);
    id = semget(IPC_PRIVATE, 7, 0600);
    MUST(semctl(0, 0, SEM_INFO, (union semun){.buf = &sem}));
    SAYS("sets: %d, semaphores: %d", sem.semusz >= 1, sem.semaem >= 7);
    MUST(semctl(id, 0, IPC_RMID));
    MUST(msgctl(0, IPC_INFO, (void *)&msg));
    SAYS("messages: %d %d %d %d %d %d %d %d", msg.msgpool, msg.msgmap, msg.msgmax, msg.msgmnb, msg.msgmni, msg.msgssz, msg.msgtql, msg.msgseg);
    fflush(stdout);
    MUST(system("m=$(ipcmk -M 5000 -p 0600 | grep -o '[0-9]*$'); q=$(ipcmk -Q | grep -o '[0-9]*$'); s=$(ipcmk -S 3 | grep -o '[0-9]*$')\n"
                "ipcs -m | grep -c \" $m .* 5000\"; ipcs -q | grep -c \" $q \"; ipcs -s | grep -c \" $s .* 3\"\n"
                "for f in shm sem msg; do head -1 /proc/sysvipc/$f; done; ipcrm -m $m -q $q -s $s; ipcs | grep -c \" $m .* 5000\"; ipcs -l | grep max"));
}

int main(void) {
    setvbuf(stdout, 0, _IONBF, 0);
    key = KEY + getpid() * 8;
    segments();
    doomed_segments();
    semaphores();
    undone();
    queues();
    interrupted();
    told();
    return 0;
}
