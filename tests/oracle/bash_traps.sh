# Traps and job control.
trap 'echo caught USR1' USR1
kill -USR1 $$
trap 'echo exiting with $?' EXIT
trap 'echo caught TERM; exit 7' TERM
(sleep 0.1; kill -TERM $$) &
sleep 5 & child=$!
wait $child; echo "not reached: wait was interrupted by a trap that exits"
