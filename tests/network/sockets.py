"""What sockets do towards a peer (peer.py), told line by line. The arguments: the peer's two addresses and its port.

Linux and an instance must tell the same.
"""
import array
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import threading
import time

V4, V6, PORT = sys.argv[1], sys.argv[2], int(sys.argv[3])
PEER = (V4, PORT)
CLOSED = (V4, PORT + 1)


def show(*what):
    print(*what, flush=True)


def name(number):
    return errno.errorcode.get(number, number)


def tried(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return name(error.errno) if error.errno else type(error).__name__


def ordered(order):
    connection = socket.create_connection(PEER)
    connection.sendall(order)
    return connection


def streams():
    s = ordered(b"echo hello\n")
    show(s.recv(100), s.getpeername())
    show(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), s.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    show(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    s.sendall(b"echo 0123456789\n")
    show(s.recv(4, socket.MSG_PEEK), s.recv(11, socket.MSG_WAITALL), tried(s.recv, 1, socket.MSG_DONTWAIT))
    s.sendall(b"echo abcde\n")
    select.select([s], [], [], 60)
    waiting = array.array("i", [0])
    fcntl.ioctl(s, termios.FIONREAD, waiting)
    show("waiting", waiting[0], s.recv(100))
    s.sendmsg([b"echo ", b"in ", b"parts\n"])
    first, second = bytearray(4), bytearray(10)
    show(s.recvmsg_into([first, second]), first, second)
    s.close()


def halves():
    s = ordered(b"until-eof\n" + b"x" * 100000)
    s.shutdown(socket.SHUT_WR)
    show(b"".join(iter(lambda: s.recv(65536), b"")), tried(s.send, b"x"))
    s.close()
    s = ordered(b"echo unread\n")
    s.shutdown(socket.SHUT_RD)
    s.close()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        s = ordered(b"")
        s.shutdown(socket.SHUT_WR)
        s.send(b"x")
        os._exit(3)
    show("ended by", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def events():
    s = socket.socket()
    s.setblocking(False)
    e = select.epoll()
    show(name(s.connect_ex(PEER)))
    e.register(s, select.EPOLLOUT | select.EPOLLIN)
    show([event for _, event in e.poll(60)], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    show(name(s.connect_ex(PEER)), name(s.connect_ex(PEER)))
    s.send(b"echo hi\n")
    e.modify(s, select.EPOLLIN)
    show([event for _, event in e.poll(60)], s.recv(10))
    e.modify(s, select.EPOLLIN | select.EPOLLET)
    for word in (b"one", b"two", b"three"):
        s.send(b"echo %b\n" % word)
        show([event for _, event in e.poll(60)], s.recv(100))
    show(e.poll(0))
    s.send(b"close\n")
    show([event for _, event in e.poll(60)], s.recv(10))
    s.close()


def failures():
    show(name(socket.socket().connect_ex(CLOSED)))
    s = socket.socket()
    s.setblocking(False)
    show(name(s.connect_ex(CLOSED)))
    p = select.poll()
    p.register(s, select.POLLOUT)
    ready = p.poll(60000)[0][1]
    show(bool(ready & select.POLLERR), bool(ready & select.POLLHUP))
    show([name(s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) for _ in range(2)], tried(s.getpeername))
    s = ordered(b"reset\n")
    show(tried(s.recv, 10), tried(s.send, b"x"))
    s = ordered(b"")
    s.settimeout(0.1)
    show(tried(s.recv, 1))
    s = ordered(b"")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
    show(tried(s.recv, 1))


def processes():
    s = ordered(b"echo parent\n")
    show(s.recv(50))
    child = os.fork()
    if child == 0:
        s.sendall(b"echo child\n")
        show(s.recv(50))
        s.close()
        os._exit(0)
    os.waitpid(child, 0)
    s.sendall(b"echo again\n")
    show(s.recv(50))
    s.close()
    # The peer has heard of every end: one connection is left, the one that asks.
    s = ordered(b"")
    left = 0
    for _ in range(600):
        s.sendall(b"count\n")
        left = int(s.recv(50))
        if left == 1:
            break
        time.sleep(0.1)
    show("left", left)
    s.close()


def many():
    all_of_them = [ordered(b"echo %d\n" % number) for number in range(300)]
    show(all(s.recv(20) == b"%d\n" % number for number, s in enumerate(all_of_them)))
    for s in all_of_them:
        s.close()
    found = [None] * 20

    def one(number):
        with ordered(b"echo t%d\n" % number) as s:
            found[number] = s.recv(20)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    show(found)


def files():
    with open("contents", "wb") as contents:
        contents.write(b"z" * 1000000)
    s = ordered(b"until-eof\n")
    with open("contents", "rb") as contents:
        show(s.sendfile(contents))
    s.shutdown(socket.SHUT_WR)
    show(s.recv(100))
    s.close()


def datagrams():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.settimeout(60)
    show(u.sendto(b"ping", PEER), u.recvfrom(10))
    u.connect(PEER)
    show(u.send(b"ab"), u.recv(1))
    show(u.send(b""), u.recv(10))
    u.send(b"longer")
    show(len(u.recv(2, socket.MSG_TRUNC)))
    u.send(b"x" * 60000)
    show(len(u.recv(70000)))
    u.send(b"again")
    show(u.recvfrom(10, socket.MSG_PEEK), u.recvfrom(10))
    p = select.poll()
    p.register(u, select.POLLIN)
    show(p.poll(0))
    u.send(b"polled")
    show([event for _, event in p.poll(60000)], u.recv(10))
    show(tried(u.send, b"x" * 70000))
    u.close()
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.settimeout(60)
    u.connect(CLOSED)
    u.send(b"x")
    show(tried(u.recv, 1))
    u.send(b"x")
    p = select.poll()
    p.register(u, select.POLLIN)
    show(p.poll(60000)[0][1], [name(u.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) for _ in range(2)], p.poll(0))
    u.close()
    # One that is not connected hears nothing of a closed port, and goes on.
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.settimeout(60)
    p = select.poll()
    p.register(u, select.POLLIN)
    for _ in range(3):
        u.sendto(b"nobody", CLOSED)
    time.sleep(0.1)
    show([event for _, event in p.poll(0)], u.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    u.sendto(b"somebody", PEER)
    show([event for _, event in p.poll(60000)], u.recvfrom(10))
    u.close()


def families():
    v = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    v.settimeout(60)
    v.sendto(b"six", (V6, PORT))
    show(v.recvfrom(10))
    v.sendto(b"mapped", ("::ffff:" + V4, PORT))
    show(v.recvfrom(10))
    for address in (V6, "::ffff:" + V4):
        s = socket.socket(socket.AF_INET6)
        s.connect((address, PORT))
        s.sendall(b"echo wide\n")
        show(s.recv(10), s.getpeername())
        s.close()


def inside():
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"own")
    show(listener.accept()[0].recv(5))


for part in (streams, halves, events, failures, processes, many, files, datagrams, families, inside):
    show("-", part.__name__)
    part()
