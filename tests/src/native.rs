//! Linux as the oracle: the same program on the host's kernel, with the same user, home and names.

use std::path::Path;
use std::process::Command;

use crate::user::is_root;

/// User and group id inside instances, and of native runs.
pub const GUEST_UID: u32 = 1000;

/// What a native run needs laid over the machine's files: a home, a user, an empty `/tmp`, plain devices.
const PREPARE: &str = r#"
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /home
mkdir -p /home/user
mount --bind "$1" /home/user
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=755 tmpfs /mnt
printf 'root:x:0:0:root:/root:/bin/bash\nuser:x:1000:1000:user:/home/user:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n' > /mnt/passwd
printf 'root:x:0:\nuser:x:1000:\nnogroup:x:65534:\n' > /mnt/group
mount --bind /mnt/passwd /etc/passwd
mount --bind /mnt/group /etc/group
mount -t tmpfs -o mode=755 tmpfs /dev
for node in null:3 zero:5 full:7 random:8 urandom:9 tty:0; do
    case "$node" in tty:*) mknod -m 666 /dev/tty c 5 0 ;; *) mknod -m 666 "/dev/${node%:*}" c 1 "${node#*:}" ;; esac
done
mkdir -m 1777 /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir /dev/pts && mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
ln -s pts/ptmx /dev/ptmx
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
shift
cd /home/user
exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs -- "$@"
"#;

/// A command on the host's own kernel, as user 1000 with `home` as `/home/user`. Needs root; none without.
pub fn command(home: &Path, program: &[&str]) -> Option<Command> {
    if !is_root() {
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--ipc", "--fork", "--", "bash", "-c", PREPARE, "native"])
        .arg(home)
        .args(program);
    command.env_clear();
    command.envs([("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/home/user"), ("USER", "user")]);
    command.envs([("LOGNAME", "user"), ("SHELL", "/bin/bash"), ("LANG", "C.UTF-8")]);
    Some(command)
}
