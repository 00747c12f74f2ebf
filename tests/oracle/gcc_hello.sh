cd ~ && rm -rf c && mkdir c && cd c || exit 1
cat > hello.c <<'EOF'
#include <stdio.h>
#include <pthread.h>
#include <stdlib.h>
static void *work(void *p) { *(int *)p += 1; return p; }
int main(int argc, char **argv) {
    pthread_t t; int v = 41; pthread_create(&t, 0, work, &v); pthread_join(t, 0);
    printf("hello %s %d\n", argc > 1 ? argv[1] : "world", v);
    return argc;
}
EOF
gcc -O2 -Wall -o hello hello.c -lpthread && ./hello; echo "status $?"
gcc -static -o static hello.c -lpthread && ./static bailey; echo "status $?"
gcc -S -o - hello.c | grep -c '^main:'
printf 'int main(void) { return x; }' > bad.c; gcc bad.c; echo "status $?"
printf 'all: a b\na:\n\techo a > a\nb: a\n\tcat a > b\n' > Makefile; make -s -j2 && cat b
