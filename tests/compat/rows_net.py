# SPDX-License-Identifier: Apache-2.0
"""Package clients against the registries of this machine's configuration, and
servers and browsers inside."""

import os

from harness import check, contains, equal
from table import row

NODE = 'node --version'


@row('packages', 'npm install, npm run', want=('npm', 'node'),
     version='npm --version', network=True, seconds=180)
def npm(j):
    j.write('package.json', '{"name":"yard","version":"1.0.0","scripts":'
            '{"say":"node -p \\"require(\'is-number\')(5)\\""}}\n')
    j.sh('npm install --no-audit --no-fund is-number@7.0.0', timeout=150)
    contains(j.sh('npm run -s say').out, 'true', 'the script')
    check(os.path.isfile(j.path('package-lock.json')), 'the lock file')


@row('packages', 'npm: a package with a native addon (node-gyp)',
     want=('npm', 'node', 'g++', 'make'), network=True, seconds=300,
     note='node-gyp builds against the headers that npm\'s `nodedir` names, '
     'else against those that this node says where to fetch.')
def gyp(j):
    j.write('binding.gyp', '{"targets":[{"target_name":"a","sources":'
            '["a.c"]}]}\n')
    j.write('a.c', '#include <node_api.h>\nstatic napi_value init(napi_env e, '
            'napi_value x) { napi_value v; napi_create_int32(e, 42, &v); '
            'return v; }\nNAPI_MODULE(a, init)\n')
    j.write('package.json', '{"name":"yard","version":"1.0.0",'
            '"gypfile":true}\n')
    j.sh('npm install --no-audit --no-fund', timeout=240)
    equal(j.sh('node -p "require(\'./build/Release/a.node\')"').out, '42\n',
          'the addon')


@row('packages', 'npx', want=('npx',), network=True, seconds=180)
def npx(j):
    contains(j.sh('npx -y semver@7 1.2.3 -i minor', timeout=150).out, '1.3.0',
             'output')


@row('packages', 'pnpm add', want=('pnpm',), version='pnpm --version',
     network=True, seconds=180)
def pnpm(j):
    j.write('package.json', '{"name":"yard","version":"1.0.0"}\n')
    j.sh('pnpm add is-number@7.0.0', timeout=150)
    equal(j.sh('node -p "require(\'is-number\')(5)"').out, 'true\n',
          'the package')


@row('packages', 'yarn add', want=('yarn',), version='yarn --version',
     network=True, seconds=180)
def yarn(j):
    j.write('package.json', '{"name":"yard","version":"1.0.0"}\n')
    j.sh('yarn add --no-progress is-number@7.0.0', timeout=150)
    equal(j.sh('node -p "require(\'is-number\')(5)"').out, 'true\n',
          'the package')


@row('packages', 'Python venv and pip install', want=('python3',),
     version='/usr/bin/python3 --version', network=True, seconds=180)
def pip(j):
    j.sh('/usr/bin/python3 -m venv v; v/bin/pip install -q idna', timeout=150)
    equal(j.sh('. v/bin/activate; python -c "import idna, sys; '
               'print(idna.encode(\'\u00e4.test\').decode(), '
               'sys.prefix != sys.base_prefix)"').out,
          'xn--4ca.test True\n', 'the package')


@row('packages', 'pytest, installed in a venv', want=('python3',),
     network=True, seconds=180, version=None)
def pytest(j):
    j.write('test_a.py', 'def test_a(tmp_path):\n'
            '    (tmp_path / "x").write_text("1")\n\n'
            'def test_b():\n    assert 1 == 2\n')
    j.sh('/usr/bin/python3 -m venv v; v/bin/pip install -q pytest',
         timeout=150)
    r = j.run('v/bin/pytest', '-q')
    equal(r.code, 1, f'pytest: {r.out} {r.err}')
    contains(r.out, '1 failed, 1 passed', 'its sum')


@row('packages', 'uv venv, uv pip install, uv run', want=('uv',),
     version='uv --version', network=True, seconds=180)
def uv(j):
    j.write('pyproject.toml', '[project]\nname = "yard"\nversion = "1"\n'
            'requires-python = ">=3.9"\ndependencies = ["idna"]\n')
    r = j.sh('uv sync -q -p /usr/bin/python3; uv run -q python -c '
             '"import idna; print(idna.encode(\'\u00e4.test\').decode())"',
             timeout=150)
    equal(r.out, 'xn--4ca.test\n', 'the package')


@row('packages', 'cargo build and test with a dependency', want=('cargo',),
     version='cargo --version', network=True, seconds=400)
def cargo(j):
    j.write('Cargo.toml', '[package]\nname = "yard"\nversion = "0.1.0"\n'
            'edition = "2021"\n[dependencies]\nitoa = "1"\n')
    j.write('src/main.rs', 'fn main() { println!("{}", '
            'itoa::Buffer::new().format(42)); }\n'
            '#[test]\nfn t() { assert_eq!(itoa::Buffer::new().format(1), '
            '"1"); }\n')
    equal(j.sh('cargo run -q', timeout=300).out, '42\n', 'the program')
    contains(j.sh('cargo test -q', timeout=300).out, '1 passed', 'the test')


@row('packages', 'go build and test with a module', want=('go',),
     version='go version', network=True, seconds=400)
def go(j):
    j.write('go.mod', 'module yard\n\ngo 1.18\n')
    j.write('main.go', 'package main\n\nimport (\n\t"fmt"\n\n'
            '\t"github.com/google/uuid"\n)\n\nfunc main() {\n'
            '\tfmt.Println(uuid.Nil)\n}\n')
    j.write('main_test.go', 'package main\n\nimport "testing"\n\n'
            'func TestA(t *testing.T) {}\n')
    equal(j.sh('go mod tidy && go run .', timeout=300).out,
          '00000000-0000-0000-0000-000000000000\n', 'the program')
    contains(j.sh('go test ./...', timeout=300).out, 'ok', 'the test')


POM = '''<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion>
<groupId>yard</groupId><artifactId>yard</artifactId><version>1</version>
<properties><maven.compiler.source>17</maven.compiler.source>
<maven.compiler.target>17</maven.compiler.target>
<project.build.sourceEncoding>UTF-8</project.build.sourceEncoding></properties>
<dependencies><dependency><groupId>org.slf4j</groupId>
<artifactId>slf4j-api</artifactId><version>2.0.9</version></dependency>
</dependencies></project>
'''
JAVA = ('public class App { public static void main(String[] a) { '
        'System.out.println("made " + '
        'org.slf4j.spi.SLF4JServiceProvider.class.getSimpleName()); } }\n')


@row('packages', 'maven: compile with a dependency', want=('mvn', 'java'),
     version='mvn --version', network=True, seconds=400)
def maven(j):
    j.write('pom.xml', POM)
    j.write('src/main/java/App.java', JAVA)
    j.sh('mvn -q -B compile dependency:build-classpath '
         '-Dmdep.outputFile=cp', timeout=380)
    equal(j.sh('java -cp target/classes:$(cat cp) App').out,
          'made SLF4JServiceProvider\n', 'the program')


@row('packages', 'gradle: build with a dependency', want=('gradle', 'java'),
     version='gradle --version', network=True, seconds=400)
def gradle(j):
    j.write('settings.gradle', "rootProject.name = 'yard'\n")
    j.write('build.gradle', "apply plugin: 'java'\n"
            'repositories { mavenCentral() }\n'
            "dependencies { compile 'org.slf4j:slf4j-api:2.0.9' }\n"
            "task run(type: JavaExec) { main = 'App'\n"
            '  classpath = sourceSets.main.runtimeClasspath }\n')
    j.write('src/main/java/App.java', JAVA)
    r = j.sh('gradle -q run', timeout=380)
    contains(r.out, 'made SLF4JServiceProvider', 'the program')


@row('packages', 'gem install', want=('gem',), version='gem --version',
     network=True, seconds=180)
def gem(j):
    j.sh('gem install --user-install --no-document rainbow -v 3.1.1',
         timeout=150)
    equal(j.sh('ruby -rrainbow -e "puts Rainbow::VERSION"').out.strip()[:1],
          '3', 'the gem')


# ---- a tool installed by the agent, for itself ----

@row('packages', 'pip install --user of a tool, and running it',
     want=('python3',), network=True, seconds=180)
def pip_user(j):
    j.sh('/usr/bin/python3 -m pip install -q --user '
         '--break-system-packages pyflakes', timeout=150)
    contains(j.sh('pyflakes --version').out, 'Python', 'the tool')
    # What the developer has installed for himself is there as before.
    contains(j.sh('/usr/bin/python3 -m pip list').out, 'uv', 'the list')
    check(j.bare or not os.path.exists(j.dev.home + '/.local/bin/pyflakes'),
          'it is in the real home')


@row('packages', 'npm install -g of a tool, and running it', want=('npm',),
     network=True, seconds=180)
def npm_global(j):
    j.sh('npm install -g --no-audit --no-fund semver@7', timeout=150)
    contains(j.sh('semver 1.2.3 -i minor').out, '1.3.0', 'the tool')


@row('packages', 'cargo install of a tool, and running it', want=('cargo',),
     network=True, seconds=400)
def cargo_install(j):
    j.sh('cargo install -q hexyl --version 0.4.0', timeout=380)
    contains(j.sh('hexyl --version').out, '0.4.0', 'the tool')


@row('packages', 'go install of a tool, and running it', want=('go',),
     network=True, seconds=400)
def go_install(j):
    j.sh('go install github.com/google/addlicense@latest', timeout=380)
    contains(j.run('addlicense').err, 'Usage', 'the tool')


# ---- agents ----

def agent_row(name, command, want_text, note=''):
    @row('agents', name, want=(command,), version=command + ' --version',
         seconds=120, note=note)
    def version(j):
        r = j.sh(f'{command} --version; {command} --help', timeout=100)
        check(any(c.isdigit() for c in r.out.splitlines()[0]), r.out[:200])
        contains(r.out, want_text, 'its help')


OWN = 'Its own sandbox works inside with `nested: true`.'
agent_row('Claude Code: --version, --help', 'claude', '--print', OWN)
agent_row('Codex CLI: --version, --help', 'codex', 'exec', OWN)
agent_row('Gemini CLI: --version, --help', 'gemini', '--prompt')


# ---- servers and browsers ----

@row('servers', 'a node HTTP server, curled inside', want=('node', 'curl'),
     version=NODE, core=True)
def node_server(j):
    j.write('s.mjs', 'import http from "http";\nhttp.createServer((q, r) => '
            'r.end("served " + q.url + "\\n")).listen(3000);\n')
    equal(j.sh('node s.mjs & curl -sSf --retry-connrefused --retry 20 '
               '--retry-delay 1 http://localhost:3000/x; '
               'curl -sSf http://127.0.0.1:3000/y; kill $!').out,
          'served /x\nserved /y\n', 'answers')


@row('servers', 'python -m http.server, curled inside',
     want=('python3', 'curl'), core=True)
def python_server(j):
    j.write('page', 'a page\n')
    equal(j.sh('/usr/bin/python3 -m http.server 8000 >log 2>&1 & curl -sSf '
               '--retry-connrefused --retry 20 --retry-delay 1 '
               'http://localhost:8000/page; kill $!').out,
          'a page\n', 'the page')


@row('servers', 'vite: install, dev server curled inside, build',
     want=('npm', 'curl'), network=True, seconds=300)
def vite(j):
    j.write('package.json', '{"name":"yard","version":"1.0.0"}\n')
    j.write('index.html', '<script type="module" src="/m.js"></script>\n')
    j.write('m.js', 'document.title = `v${40 + 2}`;\n')
    j.sh('npm install --no-audit --no-fund vite@6', timeout=200)
    r = j.sh('npx vite --port 5173 >log 2>&1 & curl -sSf --retry-connrefused '
             '--retry 30 --retry-delay 1 http://localhost:5173/m.js; '
             'npx vite build >>log 2>&1; kill $!', timeout=120)
    contains(r.out, 'document.title', 'the module')
    check(os.listdir(j.path('dist/assets')), 'the bundle')


PAGE = '<script>document.title = "sum " + (40 + 2)</script><p>hi\n'
DUMP = ('chromium --headless {0} --disable-gpu --dump-dom '
        'file://$(pwd)/page.html; '
        'chromium --headless {0} --disable-gpu --screenshot=shot.png '
        'file://$(pwd)/page.html')


def browse(j, flag):
    j.write('page.html', PAGE)
    r = j.sh(DUMP.format(flag), timeout=110)
    contains(r.out, '<title>sum 42</title>', 'the page after its script')
    with open(j.path('shot.png'), 'rb') as f:
        equal(f.read(4), b'\x89PNG', 'the picture')


@row('servers', 'Chromium headless with its own --no-sandbox',
     want=('chromium',), version='chromium --version', seconds=240,
     note='bawn is the sandbox; the flag is Chromium\'s.')
def chromium(j):
    browse(j, '--no-sandbox')


@row('servers', 'Chromium headless with its own sandbox',
     want=('chromium',), seconds=240, needs={'nested': True})
def chromium_nested(j):
    browse(j, '')
