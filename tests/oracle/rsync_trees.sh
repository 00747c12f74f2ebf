set -u
mkdir -p src/d/e && cd src && seq 20000 > big && echo small > d/small && ln -s big link && ln d/small d/e/hard && mkfifo pipe && head -c 300000 /dev/zero > zero && truncate -s 1M sparse && printf 'x%.0s' $(seq 100) > d/x && chmod 640 d/x && touch -d '2020-01-01 00:00:00Z' d/x big && cd ..
rsync -aH --stats src/ copy/ | grep -E '^Number of (files|created|regular)|^Total file size'
diff -r --no-dereference src copy 2>&1 | grep -v fifo; ls -l copy | awk '{print $1, $2, $9, $10, $11}' ; stat -c '%n %s %h %a %Y' copy/d/x copy/big; stat -c '%s %h' copy/d/e/hard
echo changed >> src/big; rm src/d/x; rsync -aHi --delete src/ copy/ | grep -v '^.d'
cat > sh.sh <<'S'
#!/bin/sh
shift; exec "$@"
S
chmod +x sh.sh
sed -i 's/^100$/hundred/' src/big; rsync -az --no-whole-file -e ./sh.sh --itemize-changes src/ host:"$PWD/remote/" | grep -v '^.d' | LC_ALL=C sort; diff src/big remote/big && echo same
sed -i 's/^500$/five hundred/' src/big; rsync -az --no-whole-file --stats -e ./sh.sh src/ host:"$PWD/remote/" | grep -E 'Literal|Matched'; cmp src/big remote/big && echo same
rsync -a --inplace -S src/sparse copy/; stat -c '%s' copy/sparse; rsync --list-only -r -e ./sh.sh host:"$PWD/src/d/" | awk '{print $1, $2, $5}'
rsync -a nowhere there; echo status $?
