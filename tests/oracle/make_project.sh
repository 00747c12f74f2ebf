set -u
mkdir proj && cd proj
for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
  printf '#include "all.h"\nint part%d(int x) { return x * %d + 1; }\n' $n $n > part$n.c
done
{ echo '#pragma once'; for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "int part$n(int x);"; done; } > all.h
{ echo '#include <stdio.h>'; echo '#include "all.h"'; echo 'int main(void) { int x = 1;'; for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "x = part$n(x) % 100003;"; done; echo 'printf("%d\n", x); return x % 7; }'; } > main.c
cat > Makefile <<'M'
OBJECTS := main.o $(patsubst %.c,%.o,$(wildcard part*.c))
CFLAGS := -O1 -Wall
all: program tests
program: libparts.a main.o
	$(CC) -o $@ main.o -L. -lparts
libparts.a: $(filter-out main.o,$(OBJECTS))
	$(AR) rcsD $@ $^
%.o: %.c all.h
	@$(CC) $(CFLAGS) -c -o $@ $<
tests: program
	./program; echo status $$?
.PHONY: all tests
M
make -j4 --output-sync=target 2>&1 | sed 's/[0-9]* seconds//' | LC_ALL=C sort
ls; nm program | grep ' T part' | cut -d' ' -f2-; make -j2; touch part3.c; make -n -j2; make clean; echo status $?
size -A libparts.a | head -3; strip -o s program; ./s; objdump -d part3.o | tail -5
