# A whole tree by name, attributes and time.
ls -lR /usr/share
ls -laR /usr/lib/x86_64-linux-gnu/perl-base
ls -l /bin /usr/bin/env /usr/lib/os-release
find /usr/share/perl5 -type f -size +20k | sort | head -50
stat -c '%n %F %s %a %U:%G %h %Y' /usr/bin/env /usr/share /etc/debian_version
du -sb --apparent-size /usr/share/perl5 | cut -f1
readlink -f /bin/sh
test -e /nonexistent || echo absent
ls /nonexistent
echo "status $?"
