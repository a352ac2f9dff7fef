# SPDX-License-Identifier: Apache-2.0
"""Compilers, build tools, test runners: what needs no network."""

import re

from harness import check, contains, equal
from table import row

HELLO_C = '#include <stdio.h>\nint main(void) { puts("hello C"); return 0; }\n'


@row('build', 'make -j2, gcc', want=('make', 'gcc'), version='make --version', core=True)
def make(j):
    names = [f'part{i}' for i in range(12)]
    for n in names:
        j.write(n + '.c', f'int {n}(void) {{ return 1; }}\n')
    j.write('main.c', '#include <stdio.h>\n' +
            ''.join(f'int {n}(void);\n' for n in names) +
            'int main(void) { printf("%d\\n", ' +
            ' + '.join(f'{n}()' for n in names) + '); return 0; }\n')
    j.write('Makefile', 'OBJS = main.o ' + ' '.join(n + '.o' for n in names) +
            '\nsum: $(OBJS)\n\t$(CC) -o $@ $(OBJS)\n')
    r = j.sh('make -s -j2 && ./sum')
    equal(r.out, '12\n', 'the program')
    equal(r.err, '', 'the job server works')


@row('build', 'g++', want=('g++',), version='g++ --version')
def gxx(j):
    j.write('a.cc', '#include <iostream>\nint main() '
            '{ std::cout << "hello C++\\n"; }\n')
    equal(j.sh('g++ -O2 -o a a.cc && ./a').out, 'hello C++\n', 'output')


@row('build', 'cmake with make, ctest', want=('cmake', 'make'),
     version='cmake --version')
def cmake(j):
    cmake_project(j)
    r = j.sh('cmake -S . -B out >log && cmake --build out -j2 >>log && '
             'cd out && ctest --output-on-failure')
    contains(r.out, '100% tests passed', 'ctest')


def cmake_project(j):
    j.write('hello.c', HELLO_C)
    j.write('CMakeLists.txt', 'cmake_minimum_required(VERSION 3.10)\n'
            'project(h C)\nenable_testing()\nadd_executable(h hello.c)\n'
            'add_test(NAME says COMMAND h)\n')


@row('build', 'cmake with ninja', want=('cmake', 'ninja'),
     version='ninja --version')
def ninja(j):
    cmake_project(j)
    equal(j.sh('cmake -G Ninja -S . -B out >log && ninja -C out >>log && '
               'out/h').out, 'hello C\n', 'output')


@row('build', 'meson setup, compile, test', want=('meson', 'ninja'),
     version='meson --version')
def meson(j):
    j.write('hello.c', HELLO_C)
    j.write('meson.build', "project('h', 'c')\n"
            "test('says', executable('h', 'hello.c'))\n")
    r = j.sh('meson setup out >log && meson compile -C out >>log && '
             'meson test -C out')
    check(re.search(r'Ok:\s+1', r.out), f'meson test: {r.out[-300:]}')


@row('build', 'java: javac and java', want=('javac', 'java'),
     version='java -version', core=True)
def java(j):
    j.write('Hello.java', 'public class Hello { public static void '
            'main(String[] a) { System.out.println("hello " + '
            'System.getProperty("user.home")); } }\n')
    r = j.sh('javac Hello.java && java Hello')
    equal(r.out, f'hello {j.dev.home}\n', 'output')


@row('build', 'sqlite3', want=('sqlite3',), version='sqlite3 --version')
def sqlite(j):
    j.sh('sqlite3 db "pragma journal_mode=wal; create table t(x); '
         'insert into t values(41),(1);"')
    equal(j.host('sqlite3 db "select sum(x) from t"').out, '42\n', 'outside')


@row('build', 'perl', want=('perl',), version="perl -e 'print $^V'")
def perl(j):
    equal(j.sh('perl -MPOSIX -e \'print POSIX::floor(42.5), "\\n"\'').out,
          '42\n', 'output')


@row('build', 'ruby', want=('ruby',), version='ruby --version')
def ruby(j):
    equal(j.sh('ruby -rjson -e \'puts JSON.dump({a: 1})\'').out,
          '{"a":1}\n', 'output')


@row('build', 'TypeScript: tsc, then node', want=('tsc', 'node'),
     version='tsc --version')
def tsc(j):
    j.write('a.ts', 'const x: number[] = [40, 2];\n'
            'console.log(x.reduce((a, b) => a + b));\n')
    equal(j.sh('tsc --target es2020 --types "" a.ts && node a.js').out,
          '42\n', 'output')


@row('build', 'gdb: breakpoint and backtrace in a child of its own',
     want=('gdb', 'gcc'), version='gdb --version')
def gdb(j):
    j.write('a.c', 'int sum(int a, int b) { return a + b; }\n'
            'int main(void) { return sum(40, 2) - 42; }\n')
    r = j.sh('gcc -g -o a a.c; gdb -q -batch -ex "break sum" -ex run '
             '-ex bt -ex "print a" -ex continue ./a')
    contains(r.out, '$1 = 40', 'the variable')
    contains(r.out, 'in main ()', 'the backtrace')


@row('build', 'strace of a child of its own', want=('strace',),
     version='strace --version')
def strace(j):
    j.write('seen', 'x\n')
    r = j.sh('strace -f -o trace -e trace=openat cat seen')
    equal(r.out, 'x\n', 'output')
    contains(j.read('trace'), '"seen"', 'the trace')
