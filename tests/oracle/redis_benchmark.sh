redis-server --port 0 --unixsocket ./r.sock --save '' --dir . --daemonize no --loglevel warning > log 2>&1 & server=$!
cli() { redis-cli -s ./r.sock "$@"; }
until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
redis-benchmark -s ./r.sock -q -n 3000 -c 10 -P 4 -t set,get,incr,lpush,rpop,sadd,zadd,mset 2>/dev/null | tr '\r' '\n' | grep 'requests per second' | cut -d: -f1
redis-benchmark -s ./r.sock -q -n 2000 --threads 2 -t ping_inline 2>/dev/null | tr '\r' '\n' | grep 'requests per second' | cut -d: -f1
cli flushall; for n in $(seq 20); do cli set key$n value$n; done | sort | uniq -c
cli eval 'for i = 1, 5000 do redis.call("set", "k" .. i, string.rep("v", i % 100)) end return redis.call("dbsize")' 0
cli bgsave; until cli info persistence | grep -q rdb_bgsave_in_progress:0; do sleep 0.05; done
cli info persistence | grep -a rdb_last_bgsave_status | tr -d '\r'; ls -s dump.rdb | cut -d' ' -f2
cli bgrewriteaof; until cli info persistence | grep -q aof_rewrite_in_progress:0; do sleep 0.05; done; cli info persistence | grep aof_last_bgrewrite_status | tr -d '\r'
( cli subscribe news | head -6 ) & reader=$!; until cli pubsub numsub news | grep -q 1; do sleep 0.05; done; while kill -0 $reader 2>/dev/null; do cli publish news hello > published; sleep 0.05; done; wait $reader 
cli shutdown nosave; wait $server; echo server $?
redis-server --port 0 --unixsocket ./r.sock --save '' --dir . > log2 2>&1 & server=$!
until cli ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
cli dbsize; cli get key7; cli strlen k77
redis-server --port 7000 --bind 127.0.0.1 --save '' --dir . --replicaof no one > log3 2>&1 & second=$!
until redis-cli -p 7000 ping 2>/dev/null | grep -q PONG; do sleep 0.05; done
redis-cli -p 7000 set a b; redis-benchmark -p 7000 -q -n 2000 -c 20 -t ping_mbulk 2>/dev/null | tr '\r' '\n' | grep 'requests per second' | cut -d: -f1
kill $server $second; wait $server $second; echo ended $?
