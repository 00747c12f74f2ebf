# Large files, copies, sorts, sums, links, renames, modes.
cd ~ && rm -rf work && mkdir work && cd work || exit 1
seq 1 2000000 > numbers
wc numbers
sort -rn numbers | head -3
sort -R --random-source=/usr/bin/env numbers | sha256sum
seq 50 | shuf --random-source=/usr/bin/env -n 5
cp numbers copy && cmp numbers copy && echo same
head -c 300000000 /dev/zero | sha256sum
dd if=/dev/zero of=sparse bs=1 count=1 seek=100000000 2>/dev/null; stat -c '%s' sparse
sha256sum sparse numbers
split -n 7 numbers part. && cat part.* | cmp - numbers && ls part.*
mkdir -p a/b/c && touch a/b/c/f && ln -s b/c a/link && ls -F a a/link
ln numbers hard && stat -c %h numbers && rm hard && stat -c %h numbers
mv a/b a/moved && ls a; ls a/link; rm a/link
chmod 640 copy && stat -c %a copy; touch -d '2001-02-03 04:05:06 UTC' copy && stat -c %Y copy
rmdir a; echo "status $?"
cp -a a a2 && diff -r a a2 && echo identical
tar cf t.tar --sort=name --mtime=@0 --owner=0 --group=0 a && sha256sum t.tar && mkdir x && tar xf t.tar -C x && find x | sort
gzip -nk numbers && zcat numbers.gz | cmp - numbers && echo unzipped
truncate -s 10 copy && od -c copy
tail -n 2 numbers | tee tee.out; cat tee.out
comm -12 <(seq 1 9) <(seq 5 9) ; paste <(seq 3) <(seq 4 6)
join <(printf 'a 1\nb 2\n') <(printf 'a x\nb y\n')
: > "name with spaces and ü"; ls
df --output=target / >/dev/null && echo df works
