"""Names, attributes, bytes, locks and special files: what each call answers, in the home and in /tmp."""

import errno
import fcntl
import mmap
import os
import shutil
import socket
import stat
import struct
import tempfile
import threading
import time


def show(label, call, *arguments, **options):
    """Prints what a call returns, or the name of its error."""
    try:
        result = call(*arguments, **options)
        if isinstance(result, os.stat_result):
            result = (oct(result.st_mode), result.st_nlink, result.st_size)
        print(label, "->", result, flush=True)
    except OSError as error:
        print(label, "->", errno.errorcode.get(error.errno, error.errno), flush=True)


def write(path, content=b"x"):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    os.write(fd, content)
    os.close(fd)


def names():
    show('mkdir', os.mkdir, 'a')
    show('mkdir again', os.mkdir, 'a')
    show('mkdir slash', os.mkdir, 'b/')
    show('mkdir deep', os.mkdir, 'x/y')
    write('f', b'hello')
    write('a/g', b'world')
    show('stat f', os.stat, 'f')
    show('stat f/', os.stat, 'f/')
    show('stat a', lambda: stat.S_ISDIR(os.stat('a').st_mode))
    show('stat nope', os.stat, 'nope')
    show('stat f/x', os.stat, 'f/x')
    show('empty', os.stat, '')
    show('long', os.stat, 'n'*256)
    show('longpath', os.stat, 'a/'*3000)
    show('open dir w', os.open, 'a', os.O_WRONLY)
    show('open excl', os.open, 'f', os.O_CREAT|os.O_EXCL)
    show('open O_DIRECTORY', os.open, 'f', os.O_DIRECTORY)
    show('creat slash', os.open, 'z/', os.O_CREAT|os.O_WRONLY)
    show('creat dir', os.open, 'a', os.O_CREAT|os.O_RDONLY)
    show('symlink', os.symlink, 'f', 'l')
    show('symlink again', os.symlink, 'f', 'l')
    show('readlink', os.readlink, 'l')
    show('readlink f', os.readlink, 'f')
    show('lstat l', os.lstat, 'l')
    show('open nofollow', os.open, 'l', os.O_NOFOLLOW)
    os.symlink('loop', 'loop')
    show('loop', os.stat, 'loop')
    os.symlink('dang', 'dl')
    show('dangling', os.stat, 'dl')
    show('creat excl dangling', os.open, 'dl', os.O_CREAT|os.O_EXCL|os.O_WRONLY)
    show('creat dangling', lambda: os.close(os.open('dl', os.O_CREAT|os.O_WRONLY)))
    show('made', os.path.exists, 'dang')
    os.symlink('a', 'la')
    show('rmdir link', os.rmdir, 'la')
    show('rmdir link/', os.rmdir, 'la/')
    show('unlink la/', os.unlink, 'la/')
    show('stat la/', lambda: stat.S_ISDIR(os.lstat('la/').st_mode))
    show('link', os.link, 'f', 'h')
    show('nlink', lambda: os.stat('f').st_nlink)
    show('link exist', os.link, 'f', 'h')
    show('link dir', os.link, 'a', 'ha')
    show('link missing', os.link, 'nope', 'zz')
    show('same', lambda: os.stat('f').st_ino == os.stat('h').st_ino)


def moves():
    show('rename same inode', os.rename, 'f', 'h')
    show('both', lambda: sorted(os.listdir('.')))
    show('rename f->dir', os.rename, 'f', 'a')
    show('rename dir->f', os.rename, 'a', 'f')
    show('rename nonempty', lambda: (os.mkdir('c'), os.rename('c', 'a')))
    show('rename into self', os.rename, 'a', 'a/b')
    show('rename missing', os.rename, 'nope', 'q')
    show('rename dot', os.rename, '.', 'q')
    show('rename c->e', os.rename, 'c', 'e')
    show('rename up', os.rename, 'a', 'e/../e/..')
    show('rmdir nonempty', os.rmdir, 'a')
    show('rmdir file', os.rmdir, 'f')
    show('unlink dir', os.unlink, 'a')
    show('rmdir .', os.rmdir, '.')
    show('rmdir ..', os.rmdir, 'e/..')
    show('rmdir e', os.rmdir, 'e')
    show('rmdir e again', os.rmdir, 'e')
    show('rmdir /', os.rmdir, '/')


def content():
    fd = os.open('f', os.O_RDWR)
    show('read', os.read, fd, 100)
    show('lseek', os.lseek, fd, 0, 1)
    show('lseek neg', os.lseek, fd, -1, 0)
    show('lseek end', os.lseek, fd, 10, 2)
    show('write hole', os.write, fd, b'tail')
    show('fstat', lambda: os.fstat(fd).st_size)
    show('pread', os.pread, fd, 30, 0)
    show('pwrite', os.pwrite, fd, b'XX', 1)
    show('pread', os.pread, fd, 5, 0)
    show('ftruncate', os.ftruncate, fd, 3)
    show('size', lambda: os.fstat(fd).st_size)
    show('ftruncate up', os.ftruncate, fd, 6)
    show('pread', os.pread, fd, 10, 0)
    show('truncate', os.truncate, 'f', 2)
    show('truncate dir', os.truncate, 'a', 2)
    show('read at end', os.read, fd, 5)
    os.unlink('f')
    show('fstat unlinked', lambda: os.fstat(fd).st_nlink)
    os.unlink('h')
    show('fstat unlinked', lambda: os.fstat(fd).st_nlink)
    show('write unlinked', os.pwrite, fd, b'abc', 0)
    show('read unlinked', os.pread, fd, 10, 0)
    os.close(fd)
    show('close again', os.close, fd)
    show('read closed', os.read, fd, 1)
    fd = os.open('ap', os.O_CREAT|os.O_WRONLY|os.O_APPEND, 0o600)
    os.write(fd, b'one')
    os.lseek(fd, 0, 0)
    os.write(fd, b'two')
    show('append', lambda: open('ap','rb').read())
    show('append pos', os.lseek, fd, 0, 1)
    show('read wronly', os.read, fd, 1)
    show('mode', lambda: oct(os.stat('ap').st_mode))


def modes():
    os.close(os.open('ap', os.O_RDWR))
    show('chmod', os.chmod, 'ap', 0o400)
    show('mode', lambda: oct(os.stat('ap').st_mode))
    show('access r', os.access, 'ap', os.R_OK)
    show('access w', os.access, 'ap', os.W_OK if os.getuid() else os.F_OK)
    show('access x', os.access, 'ap', os.X_OK)
    if os.getuid():
        show('open w ro', os.open, 'ap', os.O_WRONLY)
        os.mkdir('nox', 0o600)
        show('search', os.stat, 'nox/f')
        os.mkdir('now', 0o500)
        show('creat in now', os.open, 'now/f', os.O_CREAT|os.O_WRONLY)
        show('chown', os.chown, 'ap', 0, 0)
    show('utime', os.utime, 'ap', ns=(1500000000123456789, 1600000000987654321))
    show('times', lambda: (os.stat('ap').st_atime_ns, os.stat('ap').st_mtime_ns))
    show('utime now', lambda: (os.utime('ap'), abs(os.stat('ap').st_mtime - time.time()) < 10)[1])


def directories():
    directory = os.getcwd()
    os.mkdir('many')
    for i in range(500):
        write('many/file%03d' % i, b'')
    show('list many', lambda: len(os.listdir('many')))
    show('sorted', lambda: sorted(os.listdir('many'))[:3])
    def rmwhile():
        with os.scandir('many') as it:
            for e in it:
                os.unlink(e.path)
        return os.listdir('many')
    show('rm while reading', rmwhile)
    dfd = os.open('many', os.O_RDONLY|os.O_DIRECTORY)
    show('openat', lambda: os.close(os.open('n', os.O_CREAT|os.O_WRONLY, dir_fd=dfd)))
    show('read dir', os.read, dfd, 10)
    show('stat at', os.stat, 'n', dir_fd=dfd)
    show('fchdir', os.fchdir, dfd)
    show('cwd', lambda: os.path.basename(os.getcwd()))
    os.unlink('n')
    os.chdir('..')
    os.rename('many', 'many2')
    os.fchdir(dfd)
    show('cwd renamed', lambda: os.path.basename(os.getcwd()))
    os.chdir('..')
    os.rmdir('many2')
    os.fchdir(dfd)
    show('cwd gone', os.getcwd)
    show('creat gone', os.open, 'zz', os.O_CREAT|os.O_WRONLY)
    show('listdir gone', os.listdir, dfd)
    os.chdir(directory)
    show('stat . gone', lambda: os.fstat(dfd).st_nlink)


def locks():
    a = os.open('lk', os.O_CREAT|os.O_RDWR, 0o644)
    b = os.open('lk', os.O_RDWR)
    show('flock', fcntl.flock, a, fcntl.LOCK_EX)
    show('flock 2', fcntl.flock, b, fcntl.LOCK_EX|fcntl.LOCK_NB)
    show('flock sh', fcntl.flock, a, fcntl.LOCK_SH)
    show('flock sh2', fcntl.flock, b, fcntl.LOCK_SH|fcntl.LOCK_NB)
    show('un', fcntl.flock, a, fcntl.LOCK_UN)
    show('lockf', fcntl.lockf, a, fcntl.LOCK_EX, 10, 0)
    pid = os.fork()
    if pid == 0:
        show('child at 5', fcntl.lockf, b, fcntl.LOCK_EX|fcntl.LOCK_NB, 5, 5)
        show('child at 10', fcntl.lockf, b, fcntl.LOCK_EX|fcntl.LOCK_NB, 5, 10)
        fl = fcntl.fcntl(b, fcntl.F_GETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))
        t = struct.unpack('hhqqi4x', fl)
        print('getlk', t[:4], t[4] == os.getppid(), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)


def mappings():
    fd = os.open('mm', os.O_CREAT|os.O_RDWR, 0o644)
    os.ftruncate(fd, 8192)
    m = mmap.mmap(fd, 8192)
    m[0:5] = b'mmapd'
    show('mmap->read', os.pread, fd, 5, 0)
    os.pwrite(fd, b'WROTE', 4096)
    show('write->mmap', lambda: m[4096:4101])
    mp = mmap.mmap(fd, 4096, flags=mmap.MAP_PRIVATE)
    mp[0:3] = b'prv'
    show('private', os.pread, fd, 5, 0)
    pid = os.fork()
    if pid == 0:
        m[10:13] = b'kid'
        os._exit(0)
    os.waitpid(pid, 0)
    show('shared with child', lambda: m[10:13])
    show('fallocate', os.posix_fallocate, fd, 0, 16384)
    show('size', lambda: os.fstat(fd).st_size)
    show('fsync', os.fsync, fd)
    show('sendfile', lambda: os.sendfile(os.open('sf', os.O_CREAT|os.O_WRONLY), fd, 0, 5))
    show('sf', lambda: open('sf','rb').read())
    show('cfr', lambda: os.copy_file_range(fd, os.open('cf', os.O_CREAT|os.O_WRONLY), 7, 4094))
    show('cf', lambda: open('cf','rb').read())


def fifos():
    show('mkfifo', os.mkfifo, 'ff')
    show('fifo', lambda: stat.S_ISFIFO(os.stat('ff').st_mode))
    show('fifo nb w', os.open, 'ff', os.O_WRONLY|os.O_NONBLOCK)
    pid = os.fork()
    if pid == 0:
        q = os.open('ff', os.O_WRONLY)
        os.write(q, b'through')
        os._exit(0)
    q = os.open('ff', os.O_RDONLY)
    show('fifo read', os.read, q, 100)
    os.waitpid(pid, 0)
    show('fifo eof', os.read, q, 100)


def sockets():
    s = socket.socket(socket.AF_UNIX)
    show('bind', s.bind, 'sock')
    show('sock', lambda: stat.S_ISSOCK(os.stat('sock').st_mode))
    s.listen()
    c = socket.socket(socket.AF_UNIX)
    show('connect', c.connect, 'sock')
    s2 = socket.socket(socket.AF_UNIX)
    show('bind2', s2.bind, 'sock')
    s.close()
    c2 = socket.socket(socket.AF_UNIX)
    show('refused', c2.connect, 'sock')
    show('connect file', c2.connect, 'mm')
    show('open sock', os.open, 'sock', os.O_RDONLY)
    os.unlink('sock')
    show('gone', c2.connect, 'sock')


def descriptors():
    fd = os.open('mm', os.O_RDWR)
    mf = os.memfd_create('m', os.MFD_ALLOW_SEALING)
    os.ftruncate(mf, 5000)
    show('memfd link', os.readlink, '/proc/self/fd/%d' % mf)
    show('seal', fcntl.fcntl, mf, 1033, 2|4)
    show('shrink', os.ftruncate, mf, 1)
    show('seals', fcntl.fcntl, mf, 1034)
    show('reopen', lambda: os.fstat(os.open('/proc/self/fd/%d' % mf, os.O_RDWR)).st_size)
    r, wr = os.pipe()
    os.write(wr, b'pp')
    show('reopen pipe', lambda: os.read(os.open('/proc/self/fd/%d' % r, os.O_RDONLY), 10))
    show('pipe lseek', os.lseek, r, 0, 0)
    show('pipe link', lambda: os.readlink('/dev/fd/%d' % r)[:6])
    show('dup2', os.dup2, 1, 99)
    show('getfd', fcntl.fcntl, 99, fcntl.F_GETFD)
    show('getfl', lambda: oct(fcntl.fcntl(fd, fcntl.F_GETFL)))
    show('dupfd', fcntl.fcntl, 0, fcntl.F_DUPFD, 200)
    show('exe', lambda: os.path.basename(os.readlink('/proc/self/exe')))
    show('cwdlink', lambda: os.readlink('/proc/self/cwd') == os.getcwd())
    show('chroot', os.chroot, '/') if os.getuid() else None


def devices():
    show('null', lambda: open('/dev/null','rb').read())
    show('zero', lambda: open('/dev/zero','rb').read(4))
    show('full', lambda: os.write(os.open('/dev/full', os.O_WRONLY), b'x'))
    show('urandom', lambda: len(os.urandom(10)))


def check(base):
    directory = tempfile.mkdtemp(dir=base)
    os.chdir(directory)
    for part in (names, moves, content, modes, directories, locks, mappings, fifos, sockets, descriptors, devices):
        part()
    os.chmod('nox', 0o700)
    os.chdir('/')
    show('rmtree', shutil.rmtree, directory)
    show('left', os.path.exists, directory)


os.umask(0o022)
for base in (os.path.expanduser('~'), '/tmp'):
    print(base)
    check(base)

# A directory's links tell of those below it: so programs count their threads.
gate = threading.Event()
others = [threading.Thread(target=gate.wait) for _ in range(3)]
print("threads by links", os.stat("/proc/self/task").st_nlink - 2)
for other in others:
    other.start()
print("threads by links", os.stat("/proc/self/task").st_nlink - 2)
gate.set()
for other in others:
    other.join()
