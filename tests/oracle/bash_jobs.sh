# Job control without a terminal: stop, continue, wait.
set -m
sleep 30 & job=$!
kill -STOP $job; sleep 0.1
jobs | sed 's/  */ /g'
kill -CONT $job; sleep 0.1
jobs | sed 's/  */ /g'
kill $job; wait $job; echo "status $?"
( trap '' TERM; echo ready > ~/ready; sleep 0.3; echo survived ) & until [ -s ~/ready ]; do sleep 0.05; done
kill -TERM $!; wait $!; echo "ignored $?"
sleep 0.1 & wait -n; echo "wait -n $?"
wait 99999 2>/dev/null; echo "no child $?"
