python3 - <<'E'
import os, sqlite3, sys
def open_it():
    db = sqlite3.connect("wal.db", timeout=60, isolation_level=None); db.execute("pragma busy_timeout=60000"); return db
db = open_it(); print(db.execute("pragma journal_mode=wal").fetchall()); db.execute("create table t(who, n)"); db.close()
children = []
for who in range(2):
    pid = os.fork()
    if pid == 0:
        db = open_it()
        for n in range(60):
            db.execute("begin immediate"); db.execute("insert into t values(?, ?)", (who, n)); db.execute("commit")
            count = db.execute("select count(*) from t where who = ?", (who,)).fetchone()[0]
            if count != n + 1: os._exit(9)
        db.close(); os._exit(0)
    children.append(pid)
print([os.waitpid(p, 0)[1] for p in children])
db = open_it(); print(db.execute("select who, count(*), sum(n) from t group by who").fetchall(), db.execute("pragma integrity_check").fetchall()); print(sorted(f for f in os.listdir(".") if f.startswith("wal")))
print(db.execute("pragma wal_checkpoint(truncate)").fetchall()); print(os.path.getsize("wal.db-wal")); db.close(); print(sorted(f for f in os.listdir(".") if f.startswith("wal")))
E
sqlite3 cli.db "pragma journal_mode=wal; create table t(n integer primary key, s);"
for who in a b; do
  ( { echo '.timeout 60000'; for n in $(seq 40); do echo "insert into t(s) values('$who$n');"; done; } | sqlite3 cli.db ) &
done
wait
sqlite3 cli.db "select count(*), substr(s, 1, 1) from t group by 2; pragma integrity_check;"
sqlite3 cli.db .dump | LC_ALL=C sort | sed 's/([0-9]*,/(/' | LC_ALL=C sort | md5sum
sqlite3 cli.db "vacuum; pragma page_count; pragma journal_mode=delete"; ls cli.db*
