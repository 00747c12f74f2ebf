import functools
print = functools.partial(print, flush=True)
import concurrent.futures, hashlib, multiprocessing, multiprocessing.shared_memory, os, queue, subprocess, sys, threading
def digest(n): return hashlib.sha256(b"x" * n * 1000).hexdigest()[:8]
def child(conn, lock, value, q, event):
    for _ in range(200):
        with lock: value.value += 1
    event.wait(); q.put(os.getppid() > 0); conn.send(["sent", value.value >= 200]); conn.close()
def share(name):
    memory = multiprocessing.shared_memory.SharedMemory(name=name); memory.buf[:5] = b"hello"; memory.close()
if __name__ == "__main__":
    print(subprocess.run([sys.executable, "-m", "venv", "--without-pip", "env"]).returncode)
    print(subprocess.check_output(["env/bin/python", "-c", "import sys; print(sys.prefix, sys.base_prefix != sys.prefix)"], text=True))
    print(sorted(os.listdir("env")), sorted(os.listdir("env/bin")))
    total, lock, q = 0, threading.Lock(), queue.Queue()
    def work(k):
        global total
        for _ in range(1000):
            with lock: total += 1
        q.put(k)
    ts = [threading.Thread(target=work, args=(k,)) for k in range(12)]
    [t.start() for t in ts]; [t.join() for t in ts]; print(total, sorted(q.queue))
    barrier = threading.Barrier(4)
    with concurrent.futures.ThreadPoolExecutor(4) as pool: print(sorted(pool.map(lambda n: (barrier.wait() >= 0, n), range(4))))
    for method in ("fork", "spawn", "forkserver"):
        context = multiprocessing.get_context(method)
        ours, theirs = context.Pipe(); mutex, value, items, event = context.Lock(), context.Value("i", 0), context.Queue(), context.Event()
        ps = [context.Process(target=child, args=(theirs, mutex, value, items, event)) for _ in range(3)]
        [p.start() for p in ps]; event.set(); print([ours.recv() for _ in ps], [items.get() for _ in ps]); [p.join() for p in ps]; print(method, value.value, [p.exitcode for p in ps])
        with context.Pool(3) as pool: print(pool.map(digest, range(8)))
    with concurrent.futures.ProcessPoolExecutor(3) as pool: print(list(pool.map(digest, range(5))))
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=100)
    p = multiprocessing.Process(target=share, args=(memory.name,)); p.start(); p.join(); print(bytes(memory.buf[:5])); memory.close(); memory.unlink()
    with multiprocessing.Manager() as manager:
        d = manager.dict(); ps = [multiprocessing.Process(target=d.update, args=({k: k * k},)) for k in range(4)]; [p.start() for p in ps]; [p.join() for p in ps]; print(sorted(d.items()))
