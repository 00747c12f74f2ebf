# Pipelines, substitution, here documents, redirections, exit statuses.
set -o pipefail
echo one two three | tr ' ' '\n' | sort | uniq -c | awk '{print $2, $1}'
x=$(printf '%s\n' {1..1000} | wc -l); echo "$x"
y=$( (echo inner; exit 3) ); echo "$? $y"
false | true; echo "pipefail $?"
cat <<EOF | sed 's/a/b/g'
banana $x
EOF
for i in 1 2 3; do (sleep 0.0$i; echo "job $i") & done; wait; echo waited
exec 3> ~/fd3; echo through three >&3; exec 3>&-; cat ~/fd3
{ echo out; echo err >&2; } 2>&1 | sort
diff <(echo a) <(echo b); echo "diff $?"
yes | head -n 100000 | wc -l
( exit 42 ); echo $?
bash -c 'kill -TERM $$'; echo "killed $?"
{ bash -c 'kill -SEGV $$'; } 2>/dev/null; echo "segv $?"
nonexistent-command 2>/dev/null; echo "not found $?"
/etc/debian_version 2>/dev/null; echo "not executable $?"
seq 10 | xargs -n 3 -P 2 echo | sort | head -20
mapfile -t lines < <(seq 5); echo "${#lines[@]} ${lines[4]}"
coproc cat; echo to coproc >&"${COPROC[1]}"; read -r line <&"${COPROC[0]}"; echo "$line"; exec {COPROC[1]}>&-; wait; echo coproc done
mkfifo ~/fifo; (echo via fifo > ~/fifo &) ; cat ~/fifo; rm ~/fifo
ulimit -n | grep -q '[0-9]' && echo limits
time -p true 2>/dev/null; echo "$BASHPID" | grep -c '[0-9]'
