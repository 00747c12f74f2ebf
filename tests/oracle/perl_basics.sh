perl -e 'print join(",", map { $_ * $_ } 1..10), "\n"'
perl -MPOSIX -e 'print strftime("%Y-%m-%d", gmtime(86400 * 365)), "\n"; my $p = fork(); if (!$p) { exit 3 } waitpid($p, 0); print $? >> 8, "\n"'
perl -e 'pipe(R, W); if (fork() == 0) { close R; print W "child\n"; exit 0 } close W; print <R>; wait; print "$?\n"'
perl -MFile::Find -e 'my $n = 0; find(sub { $n++ if -f }, "/usr/share/perl"); print $n > 100 ? "many\n" : "few\n"'
perl -e '$SIG{ALRM} = sub { print "alarm\n"; exit 4 }; alarm 1; select(undef, undef, undef, 5); print "not reached\n"'; echo $?
perl -MIO::Socket::UNIX -MSocket -e 'socketpair(A, B, AF_UNIX, SOCK_STREAM, PF_UNSPEC); syswrite A, "pair"; sysread B, $x, 10; print "$x\n"'
perl -ne '$c++ while /e/g; END { print "$c\n" }' /usr/share/common-licenses/GPL-3
perl -e 'open(F, "<", "/nonexistent") or print "$!\n"; print -e "/etc/passwd" ? "yes\n" : "no\n"'
