#!/bin/sh
# Whole work, as people's programs do it, in the working folder.
#   work.sh prepare       makes what the work needs: a repository, a C project, a database's input, a document
#   work.sh TASK ROUNDS   does it, and prints "TASK nanoseconds", the least of the rounds
set -eu

prepare() {
    git config --global safe.directory '*'
    git config --global user.name bench
    git config --global user.email bench@localhost
    git init -q repository
    for commit in $(seq 20); do
        mkdir -p "repository/part$commit"
        for file in $(seq 15); do
            seq $((commit * file * 7)) > "repository/part$commit/file$file.txt"
        done
        git -C repository add .
        git -C repository commit -q -m "part $commit"
    done
    mkdir project
    for unit in $(seq 12); do
        {
            echo '#include <stdio.h>'
            for number in $(seq 60); do
                echo "int f${unit}_$number(int x) { for (int i = 0; i < x; i++) x ^= i * $number; return x; }"
            done
        } > "project/unit$unit.c"
    done
    echo 'int main(void) { return 0; }' > project/main.c
    printf 'sources := $(wildcard *.c)\nprogram: $(sources:.c=.o)\n\tcc -o $@ $^\n%%.o: %%.c\n\tcc -O1 -c -o $@ $<\nclean:\n\trm -f program *.o\n' > project/Makefile
    {
        echo 'create table t (id integer primary key, name text, number integer); create index i on t (name);'
        seq 100 | sed "s/.*/insert into t (name, number) values ('single &', &);/"
        echo 'begin;'
        seq 15000 | sed "s/.*/insert into t (name, number) values ('name &', & * 7);/"
        echo 'commit; select count(*), sum(number) from t;'
    } > load.sql
    seq 2000 | sed 's/$/,words of a table,2.5/' > table.csv
    for folder in $(seq 100); do
        mkdir -p "tree/part$((folder % 20))/folder$folder"
        for file in $(seq 30); do
            seq $((file * 9)) > "tree/part$((folder % 20))/folder$folder/file$file.txt"
        done
    done
}

# What a task needs that is not timed.
ready() {
    case "$1" in
        cp-r) rm -rf tree.copy ;;
        rm-rf) rm -rf tree.copy && cp -r tree tree.copy ;;
    esac
}

office() {
    soffice -env:UserInstallation="file://$PWD/office" --headless --convert-to xlsx table.csv
}

task() {
    case "$1" in
        git-clone) rm -rf copy && git clone -q --no-local repository copy ;;
        git-status) git -C repository status -s ;;
        make-j2) make -s -C project clean && make -s -C project -j2 ;;
        python-x50) for _ in $(seq 50); do /usr/bin/python3 -c pass; done ;;
        sh-true-x200) for _ in $(seq 200); do /bin/true; done ;;
        sqlite-load) rm -f load.db && sqlite3 load.db < load.sql > load.out ;;
        ls-lR-usr-share) ls -lR /usr/share > listing 2> listing.errors || [ $? = 1 ] ;;
        grep-r) grep -rl bailey /usr/include /usr/share/doc/g* > found || [ $? = 1 ] ;;
        find-home) find tree -newer load.sql > found ;;
        grep-r-home) grep -rl bailey tree > found || [ $? = 1 ] ;;
        cp-r) cp -r tree tree.copy ;;
        rm-rf) rm -rf tree.copy ;;
        office-convert) office > office.out 2>&1 && test -s table.xlsx || { cat office.out >&2; return 1; } ;;
        *) echo "no task $1" >&2; return 2 ;;
    esac
}

if [ "$1" = prepare ]; then
    prepare
    exit
fi
least=
for _ in $(seq "$2"); do
    ready "$1"
    start=$(date +%s%N)
    task "$1"
    took=$(($(date +%s%N) - start))
    if [ -z "$least" ] || [ "$took" -lt "$least" ]; then least=$took; fi
done
echo "$1 $least"
