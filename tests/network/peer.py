"""A peer for the tests of sockets: lines of TCP are orders, datagrams come back. The argument is the port."""
import socket
import struct
import sys
import threading

port = int(sys.argv[1])
listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1000)
datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
datagrams.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
datagrams.bind(("::", port))
live = 0
lock = threading.Lock()


def obey(connection, lines):
    for line in iter(lines.readline, b""):
        order, _, rest = line.partition(b" ")
        if order == b"echo":
            connection.sendall(rest)
        elif order == b"count\n":
            connection.sendall(b"%d\n" % live)
        elif order == b"until-eof\n":
            return connection.sendall(b"got %d\n" % len(lines.read()))
        elif order == b"reset\n":
            return connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif order == b"close\n":
            return None


def serve(connection):
    global live
    with lock:
        live += 1
    lines = connection.makefile("rb")
    try:
        obey(connection, lines)
    except OSError:
        pass
    finally:
        lines.close()
        connection.close()
        with lock:
            live -= 1


def reflect():
    while True:
        datagram, sender = datagrams.recvfrom(70000)
        datagrams.sendto(datagram, sender)


threading.Thread(target=reflect, daemon=True).start()
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
