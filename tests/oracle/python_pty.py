"""A shell on a pseudo-terminal: line discipline, job control, window size."""
import fcntl, os, pty, re, select, struct, sys, termios, time

pid, master = pty.fork()
if pid == 0:
    os.environ["PS1"] = "$ "
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("4H", 33, 77, 0, 0))

unread = b""

def until(text, limit=10):
    global unread
    end = time.monotonic() + limit
    while text not in unread and time.monotonic() < end:
        if select.select([master], [], [], 0.1)[0]:
            try:
                part = os.read(master, 4096)
            except OSError:
                break
            if not part:
                break
            unread += part
    found = text in unread
    print(found, "" if found else re.sub(rb"\d{2,}", b"N", unread[-80:]))
    unread = unread.partition(text)[2] if found else b""

until(b"$ ")
os.write(master, b"echo si''ze; stty size\n"); until(b"33 77")
until(b"$ "); os.write(master, b"cat\n"); time.sleep(0.5); os.write(master, b"typed\n"); until(b"typed\r\ntyped\r\n"); os.write(master, b"\x03"); until(b"^C"); until(b"$ ")
os.write(master, b"echo after-$?\n"); until(b"after-130"); until(b"$ ")
os.write(master, b"sleep 100\n"); time.sleep(0.5); os.write(master, b"\x1a"); until(b"Stopped")
os.write(master, b"jobs; kill %1; fg\n"); until(b"sleep 100")
os.write(master, b"tty | grep -c pts; stty -a | grep -c isig\n"); until(b"1\r\n1\r\n")
os.write(master, b"exit 6\n")
while True:
    try:
        if not os.read(master, 4096):
            break
    except OSError as error:
        print("end", error.errno); break
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
