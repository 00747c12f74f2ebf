"""Threads, subprocesses, sockets within the instance, mmap, signals, files."""
import mmap, os, queue, selectors, signal, socket, struct, subprocess, sys, tempfile, threading, time

def threads():
    total, lock = [0], threading.Lock()
    def work():
        for _ in range(2000):
            with lock:
                total[0] += 1
    pool = [threading.Thread(target=work) for _ in range(20)]
    [t.start() for t in pool]; [t.join() for t in pool]
    print("threads", total[0])
    q = queue.Queue(); t = threading.Thread(target=lambda: [q.put(i) for i in range(1000)]); t.start()
    print("queue", sum(q.get(timeout=10) for _ in range(1000))); t.join()
    e = threading.Event(); print("event", e.wait(0.05))

def processes():
    print(subprocess.run(["sh", "-c", "echo out; echo err >&2; exit 5"], capture_output=True, text=True))
    print(subprocess.check_output("tr a-z A-Z", input=b"shout", shell=True))
    p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE); print(p.communicate(b"x" * 300000)[0].count(b"x"), p.returncode)
    try:
        subprocess.run(["sleep", "10"], timeout=0.2)
    except subprocess.TimeoutExpired as e:
        print("timeout", e.cmd)
    r, w = os.pipe(); pid = os.fork()
    if pid == 0:
        os.write(w, b"from child"); os._exit(9)
    print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    pid = os.posix_spawn("/bin/true", ["true"], {}); print(os.waitpid(pid, 0)[1])
    try:
        os.execv("/nonexistent", ["x"])
    except OSError as e:
        print(e)

def sockets():
    server = socket.create_server(("127.0.0.1", 0)); port = server.getsockname()[1]
    def serve():
        c, _ = server.accept()
        with c:
            while (d := c.recv(65536)):
                c.sendall(d.upper())
    t = threading.Thread(target=serve); t.start()
    with socket.create_connection(("127.0.0.1", port)) as c:
        c.sendall(b"hello " * 50000); c.shutdown(socket.SHUT_WR)
        n = 0
        while (d := c.recv(65536)):
            n += len(d)
    t.join(); print("tcp", n)
    a, b = socket.socketpair(); sel = selectors.DefaultSelector(); sel.register(b, selectors.EVENT_READ)
    print("select", sel.select(0)); a.send(b"x"); print("select", len(sel.select(1)), b.recv(10))
    u = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); u.bind("\0abstract"); v = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); v.sendto(b"dgram", "\0abstract"); print(u.recvfrom(100)[0])
    f = tempfile.TemporaryFile(); f.write(b"passed"); f.flush()
    socket.send_fds(a, [b"fd"], [f.fileno()]); msg, fds, _, _ = socket.recv_fds(b, 10, 4); print(msg, os.pread(fds[0], 10, 0))
    print(struct.unpack("3i", a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[1:])
    try:
        socket.create_connection(("127.0.0.1", 1), timeout=1)
    except OSError as e:
        print("refused", e.errno)
    us = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); us.bind(("127.0.0.1", 0)); us.sendto(b"udp", us.getsockname()); print(us.recv(10))

def memory():
    m = mmap.mmap(-1, 1 << 20); m[:5] = b"hello"
    pid = os.fork()
    if pid == 0:
        m[5:10] = b"child"; os._exit(0)
    os.waitpid(pid, 0); print(m[:10])
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"a" * 10000); f.flush()
        with mmap.mmap(f.fileno(), 0) as fm:
            fm[9999:10000] = b"z"; fm.flush()
        print(os.pread(f.fileno(), 3, 9997))
    fd = os.memfd_create("x", os.MFD_ALLOW_SEALING); os.ftruncate(fd, 4096); os.write(fd, b"mem"); print(os.pread(fd, 3, 0), os.fstat(fd).st_size)
    s = bytearray(50_000_000); s[-1] = 1; print(len(s)); del s

def signals():
    got = []
    signal.signal(signal.SIGALRM, lambda *a: got.append(a[0])); signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(0.2); print("alarm", got)
    signal.signal(signal.SIGUSR1, lambda *a: got.append(a[0])); os.kill(os.getpid(), signal.SIGUSR1); print(got)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2]); os.kill(os.getpid(), signal.SIGUSR2); print(signal.sigpending()); print(signal.sigwait([signal.SIGUSR2]))
    r, w = os.pipe(); os.close(r)
    try:
        os.write(w, b"x")
    except BrokenPipeError as e:
        print(e)
    p = subprocess.Popen([sys.executable, "-c", "import ctypes; ctypes.string_at(0)"], stderr=subprocess.DEVNULL); print(p.wait())

def files():
    d = tempfile.mkdtemp(); os.chdir(d); print(os.path.realpath("x") == d + "/x")
    open("a", "w").write("1\n"); os.rename("a", "b"); os.symlink("b", "c"); os.link("b", "h"); print(sorted(os.listdir()), os.readlink("c"), os.stat("c").st_nlink)
    fd = os.open("b", os.O_RDWR | os.O_APPEND); os.write(fd, b"2\n"); print(os.pread(fd, 10, 0), os.lseek(fd, 0, 1)); os.unlink("b"); os.ftruncate(fd, 1); print(os.fstat(fd).st_size)
    import fcntl
    g = open("lock", "w"); fcntl.flock(g, fcntl.LOCK_EX); print(subprocess.run(["flock", "-n", "lock", "true"]).returncode)
    print({"0", "1", "2"} <= set(os.listdir("/proc/self/fd")), os.path.exists("/proc/self/exe"), os.cpu_count() is not None)
    for bad in ("/nonexistent/x", "lock/x", "/"):
        try:
            open(bad, "w")
        except OSError as e:
            print(e)
    print(os.umask(0o22), os.getcwd() == d, os.access("/etc/hostname", os.W_OK))

for part in (threads, processes, sockets, memory, signals, files):
    print("==", part.__name__); sys.stdout.flush(); part()
