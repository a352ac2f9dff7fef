/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in the language, and what is not: where, and in which words.  With
 * --rows the texts of the tables are printed, each as a JSON string, for
 * test-schema.py.
 */
#include "base/json.h"
#include "base/test.h"
#include "policy/policy-doc.h"
#include "policy/yaml-parse.h"

struct row {
	const char *text;
	/* NULL: accepted */
	const char *want; /* in the message */
	unsigned line, column;
};

static bool only_rows;

static void print_row(struct str text)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, (size_t)1024 * 1024);
	json_str(&w, text);
	puts(buf_cstr(&b));
}

static int parse(struct arena *a, struct str text, struct diag *d)
{
	const struct policy_doc *doc = NULL;

	arena_init(a, POLICY_ARENA_MAX);
	return policy_parse(a, text, STR("user"), STR("f.yaml"), &doc, d);
}

static void check_row(const struct row *row, struct str text)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct diag d = { 0 };
	int r;

	if (only_rows) {
		print_row(text);
		return;
	}
	r = parse(&a, text, &d);
	if (r == (row->want ? 1 : 0) &&
	    (r == 0 || (strstr(d.text, row->want) && d.line == row->line &&
			d.column == row->column)))
		return;
	printf("# %.*s\n# gives %d at %u:%u: %s\n", STR_ARG(text), r, d.line,
	       d.column, d.text);
	test_failures++;
}

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(&rows[i], str_of(rows[i].text));
}

/* The same rows below "version: 1", so lines count from 2. */
static void check_bodies(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		static char text[16384];
		int len = snprintf(text, sizeof(text), "version: 1\n%s",
				   rows[i].text);

		CHECK_EQ(len > 0 && (size_t)len < sizeof(text), 1);
		check_row(&rows[i], str_of(text));
	}
}

static const struct row yaml_rows[] = {
	{ "version: 1", NULL, 0, 0 },
	{ "version: 1\n", NULL, 0, 0 },
	{ "version: 1\r\nfiles: {}\r\n", NULL, 0, 0 },
	{ "---\nversion: 1\n...\n", NULL, 0, 0 },
	{ "# c\n\nversion: 1 # d\n", NULL, 0, 0 },
	{ "{version: 1}", NULL, 0, 0 },
	{ "{\"version\": 1, \"files\": {\"read\": [\"/usr\"]}}", NULL, 0, 0 },
	{ "{\"version\":1,\n\t\"files\":{\"read\":[\"\\/usr\"]}}", NULL, 0, 0 },
	{ "\"version\": 1", NULL, 0, 0 },
	{ "version: 1\nenv: {set: {A: \"b\xc3\xbc\", B: 'it''s'}}", NULL, 0,
	  0 },
	{ "version: 1\nenv:\n  set:\n    A: |\n      two\n      "
	  "lines\n",
	  NULL, 0, 0 },
	/* nothing, or not a mapping */
	{ "", "empty", 1, 1 },
	{ "# only\n", "empty", 1, 1 },
	{ "---\n", "empty", 1, 1 },
	{ "null\n", "empty", 1, 1 },
	{ "[]", "must be a mapping", 1, 1 },
	{ "version", "must be a mapping", 1, 1 },
	{ "files: {}\n", "version: missing", 1, 1 },
	{ "{}", "version: missing", 1, 1 },
	/* what YAML has beyond */
	{ "version: &a 1\n", "anchor", 1, 10 },
	{ "version: 1\nfiles: &a {}\n", "anchor", 2, 8 },
	{ "version: 1\nfiles: {read: &a []}\n", "anchor", 2, 15 },
	{ "version: 1\nfiles: {read: [*a]}\n", "alias", 2, 16 },
	{ "version: 1\nfiles: {hide: [**/.env]}\n", "needs quotes", 2, 16 },
	{ "version: 1\nfiles:\n  hide:\n    - **/.env\n", "needs quotes", 4,
	  7 },
	{ "version: 1\n<<: {}\n", "<<: unknown key", 2, 1 },
	{ "version: !!int 1\n", "tags", 1, 10 },
	{ "version: ! 1\n", "tags", 1, 10 },
	{ "version: 1\nfiles: !x {}\n", "tags", 2, 8 },
	{ "version: 1\nfiles: {read: !x []}\n", "tags", 2, 15 },
	{ "%YAML 1.1\n---\nversion: 1\n", "directives", 1, 1 },
	{ "%TAG ! tag:x,2000:\n---\nversion: 1\n", "directives", 1, 1 },
	{ "version: 1\n---\nversion: 1\n", "only one document", 2, 1 },
	{ "version: 1\n...\nversion: 1\n", "", 3, 1 },
	{ "? [a]\n: b\n", "a key must be text", 1, 3 },
	{ "? {a: b}\n: b\n", "a key must be text", 1, 3 },
	{ "version: 1\nversion: 1\n", "given before, in line 1", 2, 1 },
	{ "version: 1\n\"version\": 1\n", "given before", 2, 1 },
	{ "version: 1\nenv: {set: {A: a, A: b}}\n", "given before", 2, 19 },
	{ "version: 1\nnetwork: {allow: [{host: a.b, host: c.d}]}\n",
	  "given before", 2, 31 },
	/* not YAML */
	{ "version: 1\nfiles: [\n", "", 3, 1 },
	{ "version: 1\nfiles: {read: [/usr}\n", "", 2, 20 },
	{ "version: 1\n files: {}\n", "", 2, 7 },
	{ "version: 1\nfiles:\n\tread: []\n", "spaces, not tabs", 3, 1 },
	{ "version: 1\nenv: {pass: [@x]}\n", "needs quotes", 2, 14 },
	{ "version: 1\nenv: {set: {A: \"\\q\"}}\n", "escape", 2, 17 },
	{ "version: 1\nenv: {set: {A: \"\\0\"}}\n", "NUL", 2, 16 },
	{ "version: 1\nenv: {set: {A: \"\\x00\"}}\n", "NUL", 2, 16 },
	/* characters */
	{ "\xef\xbb\xbfversion: 1\n", "byte order mark", 1, 1 },
	{ "version: 1\nenv: \xff\n", "UTF-8", 2, 6 },
	{ "version: 1 # \xc0\xaf\n", "UTF-8", 1, 14 },
	{ "version: 1 # \xed\xa0\x80\n", "UTF-8", 1, 14 },
	{ "version: 1 # \x01\n", "control", 1, 14 },
	{ "version: 1 # \x7f\n", "control", 1, 14 },
	{ "version: 1 # \xc2\x85x\n", "control", 1, 14 },
	{ "version: 1\rfiles: {}\n", "control", 1, 11 },
	{ "version: 1 # \xe2\x80\xa8x\n", "line separator", 1, 14 },
	{ "version: 1 # \xe2\x80\xaex\n", "reorders", 1, 14 },
	{ "version: 1 # \xef\xbf\xbfx\n", "not a character", 1, 14 },
};

static void test_yaml(void)
{
	static const struct row nul = { "", "control", 1, 11 };

	check_rows(yaml_rows, N_ELEMS(yaml_rows));
	check_row(&nul, STR("version: 1\0\n"));
	/* UTF-16 is not guessed */
	check_row(&(struct row){ "", "UTF-8", 1, 1 }, STR("\xff\xfev\0"));
}

static void test_limits(void)
{
	static char text[POLICY_MAX_BYTES + 2];
	AUTO(arena) struct arena a = ARENA_NULL, b = ARENA_NULL, c = ARENA_NULL;
	AUTO(arena) struct arena e = ARENA_NULL, f = ARENA_NULL;
	struct diag d = { 0 };
	size_t n;

	/* bytes of the text */
	n = (size_t)snprintf(text, sizeof(text), "version: 1\n#");
	memset(text + n, 'x', sizeof(text) - n);
	CHECK_EQ(parse(&a, (struct str){ text, POLICY_MAX_BYTES }, &d), 0);
	CHECK_EQ(parse(&b, (struct str){ text, POLICY_MAX_BYTES + 1 }, &d), 1);
	CHECK_EQ(strstr(d.text, "256 KiB") != NULL, 1);

	/* depth */
	n = (size_t)snprintf(text, sizeof(text), "version: 1\nfiles: ");
	memset(text + n, '[', 100000);
	CHECK_EQ(parse(&c, (struct str){ text, n + 100000 }, &d), 1);
	CHECK_EQ(strstr(d.text, "nested too deeply") != NULL, 1);

	/* one scalar */
	n = (size_t)snprintf(text, sizeof(text), "version: 1\nenv: {set: {A: ");
	memset(text + n, 'x', YAML_MAX_SCALAR + 1);
	text[n + YAML_MAX_SCALAR + 1] = '}';
	text[n + YAML_MAX_SCALAR + 2] = '}';
	CHECK_EQ(parse(&e, (struct str){ text, n + YAML_MAX_SCALAR + 3 }, &d),
		 1);
	CHECK_EQ(strstr(d.text, "too long") != NULL, 1);

	/* one list, as the tree sees it */
	n = (size_t)snprintf(text, sizeof(text), "version: 1\nfiles: [");
	for (size_t i = 0; i <= YAML_MAX_KIDS; i++)
		memcpy(text + n + 2 * i, "x,", 2);
	CHECK_EQ(parse(&f, (struct str){ text, n + 2 * (YAML_MAX_KIDS + 1) },
		       &d),
		 1);
	CHECK_EQ(strstr(d.text, "too many entries") != NULL, 1);
}

static void test_keys(void)
{
	static const struct row rows[] = {
		{ "filse: {}", "filse: unknown key, did you mean files?", 2,
		  1 },
		{ "netwrok: {}", "did you mean network?", 2, 1 },
		{ "read: [.]", "did you mean files.read?", 2, 1 },
		{ "allow: []", "did you mean network.allow?", 2, 1 },
		{ "memory: 8G", "did you mean limits.memory?", 2, 1 },
		{ "Files: {}", "did you mean files?", 2, 1 },
		{ "files: {raed: []}", "did you mean files.read?", 2, 9 },
		{ "files: {reed: []}", "did you mean files.read?", 2, 9 },
		{ "limits: {ram: 8G}", "ram: unknown key", 2, 10 },
		{ "limits: {mem: 8G}", "did you mean limits.memory?", 2, 10 },
		{ "env: {passs: []}", "did you mean env.pass?", 2, 7 },
		{ "network: {alow: []}", "did you mean network.allow?", 2, 11 },
		{ "network: {files: {}}", "did you mean files?", 2, 11 },
		{ "net: {}", "net: unknown key, did you mean network?", 2, 1 },
		{ "zzzzzzzz: 1", "zzzzzzzz: unknown key", 2, 1 },
		{ "\"\\e[2J\": 1", "\\x1b[2J: unknown key", 2, 1 },
		{ "\"\": 1", ": unknown key", 2, 1 },
		{ "network: {allow: [{hots: a.b}]}", "did you mean host?", 2,
		  20 },
		{ "network: {allow: [{port: [1]}]}", "did you mean ports?", 2,
		  20 },
		{ "network: {deny: [{presett: x}]}", "unknown key", 2, 19 },
		/* every key of the language that is not built */
		{ "secrets: []", "secrets: not in this version", 2, 1 },
		{ "model: {}", "model: not in this version", 2, 1 },
		{ "inspect: {}", "inspect: not in this version", 2, 1 },
		{ "mcp: {}", "mcp: not in this version", 2, 1 },
		{ "network: {parent: {}}",
		  "network.parent: not in this version", 2, 11 },
		{ "network: {proxy: {}}", "network.proxy: not in this version",
		  2, 11 },
		{ "network: {publish: []}",
		  "network.publish: not in this version", 2, 11 },
		{ "network: {default: ask}",
		  "network.default: ask: not in this version", 2, 20 },
		{ "workspace: review", "workspace: review: not in this version",
		  2, 12 },
		{ "network: {allow: [{host: a.b, rules: []}]}",
		  "network.allow.rules: not in this version", 2, 31 },
		{ "network: {allow: [{host: a.b, tls: pass}]}",
		  "network.allow.tls: not in this version", 2, 31 },
	};

	check_bodies(rows, N_ELEMS(rows));
}

static const struct row scalar_rows[] = {
	{ "backend: namespaces", NULL, 0, 0 },
	{ "backend: landlock", NULL, 0, 0 },
	{ "backend: gvisor", "backend: must be namespaces", 2, 10 },
	{ "backend: [landlock]", "not a list", 2, 10 },
	{ "backend_accept: [hide, total-kill]", NULL, 0, 0 },
	{ "backend_accept: []", NULL, 0, 0 },
	{ "backend_accept: hide", "must be a list of words", 2, 17 },
	{ "backend_accept: [all]", "one of the words", 2, 18 },
	{ "audit: {files: off, output: true}", NULL, 0, 0 },
	{ "audit: {files: exact}", NULL, 0, 0 },
	{ "audit: {}", NULL, 0, 0 },
	{ "audit: {files: some}", "audit.files", 2, 16 },
	{ "audit: {files: true}", "audit.files", 2, 16 },
	{ "audit: {files: [all]}", "", 2, 16 },
	{ "audit: {output: yes}", "must be true or false", 2, 17 },
	{ "audit: {file: all}", "audit.files", 2, 9 },
	{ "audit: all", "", 2, 8 },
	{ "nested: true", NULL, 0, 0 },
	{ "nested: false", NULL, 0, 0 },
	{ "nested: \"true\"", "nested: must be true or false", 2, 9 },
	{ "nested: 'false'", "must be true or false", 2, 9 },
	{ "nested: True", "must be true or false", 2, 9 },
	{ "nested: yes", "must be true or false", 2, 9 },
	{ "nested: on", "must be true or false", 2, 9 },
	{ "nested: 1", "must be true or false", 2, 9 },
	{ "nested:", "nested: has no value", 2, 8 },
	{ "nested: null", "must be true or false", 2, 9 },
	{ "nested: {}", "not a mapping", 2, 9 },
	{ "nested: [true]", "not a list", 2, 9 },
	{ "nested: true\nnested: true", "", 3, 1 },
	{ "workspace: live", NULL, 0, 0 },
	{ "workspace: \"live\"", NULL, 0, 0 },
	{ "workspace: Live", "must be live", 2, 12 },
	{ "workspace:", "has no value", 2, 11 },
	{ "workspace: null", "must be live", 2, 12 },
	{ "workspace: [live]", "not a list", 2, 12 },
	{ "network: {default: deny}", NULL, 0, 0 },
	{ "network: {default: allow}", "must be deny", 2, 20 },
	{ "limits: {}", NULL, 0, 0 },
	{ "limits:", "limits: has no value", 2, 8 },
	{ "limits: []", "must be a mapping, not a list", 2, 9 },
	{ "limits: {memory: 8G, disk: 512M}", NULL, 0, 0 },
	{ "limits: {memory: \"8G\"}", NULL, 0, 0 },
	{ "limits: {memory: 1024T}", NULL, 0, 0 },
	{ "limits: {memory: 1025T}", "not within 16M and 1024T", 2, 18 },
	{ "limits: {memory: 15M}", "not within", 2, 18 },
	{ "limits: {memory: 8}", "must be a size", 2, 18 },
	{ "limits: {memory: 8g}", "must be a size", 2, 18 },
	{ "limits: {memory: 8GB}", "must be a size", 2, 18 },
	{ "limits: {memory: G}", "must be a size", 2, 18 },
	{ "limits: {memory: 08G}", "must be a size", 2, 18 },
	{ "limits: {memory: -8G}", "must be a size", 2, 18 },
	{ "limits: {memory: 8 G}", "must be a size", 2, 18 },
	{ "limits: {memory: 1.5G}", "must be a size", 2, 18 },
	{ "limits: {memory: 99999999999999999999G}", "must be a size", 2, 18 },
	{ "limits: {memory: 18446744073709551615T}", "must be a size", 2, 18 },
	{ "limits: {memory: {}}", "not a mapping", 2, 18 },
	{ "limits: {memory: }", "has no value", 2, 18 },
	{ "limits: {cpu: 2}", NULL, 0, 0 },
	{ "limits: {cpu: 0.5}", NULL, 0, 0 },
	{ "limits: {cpu: 0.01}", NULL, 0, 0 },
	{ "limits: {cpu: 1.125}", NULL, 0, 0 },
	{ "limits: {cpu: \"2\"}", "not \"2\"", 2, 15 },
	{ "limits: {cpu: 0}", "not within 0.01 and 1024", 2, 15 },
	{ "limits: {cpu: 0.001}", "not within", 2, 15 },
	{ "limits: {cpu: 1.1251}", "must be a number", 2, 15 },
	{ "limits: {cpu: .5}", "must be a number", 2, 15 },
	{ "limits: {cpu: 2.}", "must be a number", 2, 15 },
	{ "limits: {cpu: 1e3}", "must be a number", 2, 15 },
	{ "limits: {cpu: 0x2}", "must be a number", 2, 15 },
	{ "limits: {cpu: -1}", "must be a number", 2, 15 },
	{ "limits: {processes: 512}", NULL, 0, 0 },
	{ "limits: {processes: \"512\"}", "must be a whole", 2, 21 },
	{ "limits: {processes: 7}", "not within 8", 2, 21 },
	{ "limits: {processes: 5_000}", "must be a whole", 2, 21 },
	{ "limits: {processes: 0777}", "must be a whole", 2, 21 },
	{ "limits: {processes: 1.0}", "must be a whole", 2, 21 },
	{ "limits: {processes: true}", "must be a whole", 2, 21 },
	{ "limits: {time: 90s}", NULL, 0, 0 },
	{ "limits: {time: 365d}", NULL, 0, 0 },
	{ "limits: {time: 4h}", NULL, 0, 0 },
	{ "limits: {time: 30m}", NULL, 0, 0 },
	{ "limits: {time: 366d}", "not within 1s and 365d", 2, 16 },
	{ "limits: {time: 0s}", "not within", 2, 16 },
	{ "limits: {time: 1h30m}", "must be a duration", 2, 16 },
	{ "limits: {time: 90}", "must be a duration", 2, 16 },
	{ "limits: {time: 1:30}", "must be a duration", 2, 16 },
};

static void test_scalars(void)
{
	static const struct row versions[] = {
		{ "version: 2", "must be the number 1", 1, 10 },
		{ "version: \"1\"", "not \"1\"", 1, 10 },
		{ "version: 1.0", "must be the number 1", 1, 10 },
		{ "version: 01", "must be the number 1", 1, 10 },
		{ "version: +1", "must be the number 1", 1, 10 },
		{ "version:", "has no value", 1, 9 },
		{ "version: [1]", "not a list", 1, 10 },
	};

	check_bodies(scalar_rows, N_ELEMS(scalar_rows));
	check_rows(versions, N_ELEMS(versions));
}

static void test_paths(void)
{
	static const struct row rows[] = {
		{ "files: {}", NULL, 0, 0 },
		{ "files: {read: []}", NULL, 0, 0 },
		{ "files: {read: [/usr, ., .., ../x, ~, ~/a, a b, /]}", NULL, 0,
		  0 },
		{ "files: {read: [$HOME/x, $XDG_CACHE_HOME, $SSH_AUTH_SOCK]}",
		  NULL, 0, 0 },
		{ "files: {hide: [\"**/.env\", \"*.key\", ~/.ssh, a/[a-z]?]}",
		  "while parsing a flow", 2, 46 },
		{ "files: {hide: [\"**/.env\", \"*.key\", ~/.ssh, \"[a-z]?\"]}",
		  NULL, 0, 0 },
		{ "files: {read: /usr}", "must be a list of paths, not /usr", 2,
		  15 },
		{ "files: {read: {}}", "not a mapping", 2, 15 },
		{ "files: {read: }", "has no value", 2, 15 },
		{ "files: {read: [[/usr]]}", "must be a path, not a list", 2,
		  16 },
		{ "files: {read: [\"\"]}", "empty", 2, 16 },
		{ "files: {read: [null]}", "must be a path", 2, 16 },
		{ "files: {read: [\"/a\\nb\"]}", "control", 2, 16 },
		{ "files: {read: [\"/a\\u202eb\"]}", "control", 2, 16 },
		{ "files: {read: [\"/a\\u0085b\"]}", "control", 2, 16 },
		{ "files: {read: [\"*.c\"]}", "no globs", 2, 16 },
		{ "files: {write: [\"/x/?\"]}", "no globs", 2, 17 },
		{ "files: {write: [\"/x/[a]\"]}", "no globs", 2, 17 },
		{ "files: {read: [~root/x]}", "own home", 2, 16 },
		{ "files: {read: [$USER/x]}", "only $HOME", 2, 16 },
		{ "files: {read: [$XDG_]}", "only $HOME", 2, 16 },
		{ "files: {read: [\"${HOME}/x\"]}", "braces", 2, 16 },
		{ "files: {read: [$HOMEx]}", "only $HOME", 2, 16 },
		{ "files: {read: [$]}", "only $HOME", 2, 16 },
		{ "files: {read: [/a/$HOME]}", "at the beginning", 2, 16 },
		{ "files: {read: [$HOME/$HOME]}", "at the beginning", 2, 16 },
		{ "files: {hide: [\"[a\"]}", "not a glob", 2, 16 },
		{ "files: {hide: [\"a**\"]}", "not a glob", 2, 16 },
		{ "files: {hide: [\"**/../x\"]}", "no .. in a glob", 2, 16 },
		{ "network: {ca: [/etc/ca.pem]}", NULL, 0, 0 },
		{ "network: {ca: /etc/ca.pem}", "must be a list", 2, 15 },
		{ "network: {sockets: [$SSH_AUTH_SOCK, /run/x.sock]}", NULL, 0,
		  0 },
		{ "network: {sockets: [\"@abstract\"]}", "abstract", 2, 21 },
		{ "network: {sockets: [\"/run/*\"]}", "no globs", 2, 21 },
	};

	check_bodies(rows, N_ELEMS(rows));
}

static void test_env(void)
{
	static const struct row rows[] = {
		{ "env: {pass: [LANG, \"LC_*\", A1_b, \"*_X\"]}", NULL, 0, 0 },
		{ "env: {pass: []}", NULL, 0, 0 },
		{ "env: {pass: LANG}", "must be a list of names", 2, 13 },
		{ "env: {pass: [\"*\"]}", "not for all", 2, 14 },
		{ "env: {pass: [\"**\"]}", "not for all", 2, 14 },
		{ "env: {pass: [1A]}", "variable's name", 2, 14 },
		{ "env: {pass: [A-B]}", "variable's name", 2, 14 },
		{ "env: {pass: [A=b]}", "variable's name", 2, 14 },
		{ "env: {pass: [\"\"]}", "variable's name", 2, 14 },
		{ "env: {set: {CI: \"1\", N: 1, T: true, E: \"\"}}", NULL, 0,
		  0 },
		{ "env: {set: {}}", NULL, 0, 0 },
		{ "env: {set: [CI=1]}", "must be a mapping", 2, 12 },
		{ "env: {set: {CI: }}", "has no value", 2, 17 },
		{ "env: {set: {CI: null}}", "must be text", 2, 17 },
		{ "env: {set: {CI: ~}}", "no value", 2, 17 },
		{ "env: {set: {CI: [1]}}", "not a list", 2, 17 },
		{ "env: {set: {\"A*\": x}}", "variable's name", 2, 13 },
		{ "env: {set: {\"A=B\": x}}", "variable's name", 2, 13 },
		{ "env: {set: {\"\": x}}", "variable's name", 2, 13 },
	};

	check_bodies(rows, N_ELEMS(rows));
}

#define A(rule) "network: {allow: [" rule "]}"
#define D(rule) "network: {deny: [" rule "]}"

static const struct row network_rows[] = {
	{ "network: {}", NULL, 0, 0 },
	{ "network: {allow: [], deny: []}", NULL, 0, 0 },
	{ A("{host: api.example}"), NULL, 0, 0 },
	{ A("{host: API.Example.}"), NULL, 0, 0 },
	{ A("{host: \"*.example\"}"), NULL, 0, 0 },
	{ A("{host: b\xc3\xbc"
	    "cher.example}"),
	  NULL, 0, 0 },
	{ A("{host: \"*.B\xc3\x9c"
	    "CHER.example\"}"),
	  NULL, 0, 0 },
	{ A("{host: a.b, ports: [443, 80, 65535, 1]}"), NULL, 0, 0 },
	{ A("{host: a.b, connect: \"127.0.0.1:8123\"}"), NULL, 0, 0 },
	{ A("{host: a.b, connect: \"[::1]:8123\"}"), NULL, 0, 0 },
	{ A("{cidr: 10.0.0.0/8}"), NULL, 0, 0 },
	{ A("{cidr: \"fd00::/8\", ports: [22]}"), NULL, 0, 0 },
	{ A("{preset: package-registries}"), NULL, 0, 0 },
	{ A("{preset: git-hosts}"), NULL, 0, 0 },
	{ D("{host: a.b}"), NULL, 0, 0 },
	{ D("{host: \"*.b\", ports: [25]}"), NULL, 0, 0 },
	{ D("{cidr: 10.0.0.0/8}"), NULL, 0, 0 },
	{ D("{cidr: 198.18.0.0/16}"), "names inside the jail", 2, 25 },
	{ "network: {dns: [\"127.0.0.1:5353\", 1.1.1.1, \"::1\", "
	  "\"[::1]:53\"]}",
	  NULL, 0, 0 },
	/* lists and rules of the wrong type */
	{ "network: {allow: a.b}", "must be a list of rules", 2, 18 },
	{ "network: {allow: {host: a.b}}", "not a mapping", 2, 18 },
	{ A("a.b"), "must be a mapping such as {host", 2, 19 },
	{ A("[a.b]"), "must be a mapping", 2, 19 },
	{ A("{}"), "one of host, cidr and preset", 2, 19 },
	{ A("{ports: [1]}"), "one of host, cidr and preset", 2, 19 },
	{ A("{host: a.b, cidr: 10.0.0.0/8}"), "one of host", 2, 19 },
	{ A("{host: a.b, preset: package-registries}"), "one of host", 2, 19 },
	{ D("{}"), "one of host and cidr", 2, 18 },
	{ D("{preset: package-registries}"),
	  "network.deny.preset: only in network.allow", 2, 19 },
	{ D("{host: a.b, connect: \"1.1.1.1:1\"}"),
	  "network.deny.connect: only in network.allow", 2, 30 },
	{ D("{host: a.b, rules: []}"), "only in network.allow", 2, 30 },
	/* hosts */
	{ A("{host: }"), "has no value", 2, 26 },
	{ A("{host: \"\"}"), "empty", 2, 26 },
	{ A("{host: \"*\"}"), "name hosts", 2, 26 },
	{ A("{host: \"*.\"}"), "empty", 2, 26 },
	{ A("{host: \"*.*.b\"}"), "only in front", 2, 26 },
	{ A("{host: a.*.b}"), "only in front", 2, 26 },
	{ A("{host: a*.b}"), "only in front", 2, 26 },
	{ A("{host: 127.0.0.1}"), "use cidr", 2, 26 },
	{ A("{host: \"::1\"}"), "use cidr", 2, 26 },
	{ A("{host: 127.1}"), "not a host name", 2, 26 },
	{ A("{host: 0x7f000001}"), "not a host name", 2, 26 },
	{ A("{host: \"*.1\"}"), "not a host name", 2, 26 },
	{ A("{host: \"\xef\xbc\x91\xef\xbc\x92\xef\xbc\x97.1\"}"),
	  "not a host name", 2, 26 },
	{ A("{host: \"a.b:443\"}"), "no port here", 2, 26 },
	{ A("{host: https://a.b/}"), "", 2, 26 },
	{ A("{host: a.b/c}"), "not a URL", 2, 26 },
	{ A("{host: a_b.c}"), "not a host name", 2, 26 },
	{ A("{host: a b.c}"), "not a host name", 2, 26 },
	{ A("{host: a..b}"), "not a host name", 2, 26 },
	{ A("{host: \"a\\u200db.c\"}"), "not a host name", 2, 26 },
	{ A("{host: [a.b]}"), "must be a host name", 2, 26 },
	/* ports */
	{ A("{host: a.b, ports: 443}"), "a list of ports", 2, 38 },
	{ A("{host: a.b, ports: []}"), "1 to 32", 2, 38 },
	{ A("{host: a.b, ports: [0]}"), "1 to 65535", 2, 39 },
	{ A("{host: a.b, ports: [65536]}"), "1 to 65535", 2, 39 },
	{ A("{host: a.b, ports: [\"443\"]}"), "without quotes", 2, 39 },
	{ A("{host: a.b, ports: [443, 443]}"), "given twice", 2, 44 },
	{ A("{host: a.b, ports: [1-9]}"), "1 to 65535", 2, 39 },
	{ A("{host: a.b, ports: [https]}"), "1 to 65535", 2, 39 },
	{ A("{host: a.b, ports: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,"
	    "16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33]}"),
	  "1 to 32", 2, 38 },
	{ A("{preset: package-registries, ports: [1]}"), "ports of its own", 2,
	  55 },
	/* cidr */
	{ A("{cidr: 10.0.0.1}"), "write 10.0.0.1/32", 2, 26 },
	{ A("{cidr: \"fd00::1\"}"), "write fd00::1/128", 2, 26 },
	{ A("{cidr: 10.0.0.1/8}"), "beyond the length", 2, 26 },
	{ A("{cidr: 10.0.0.0/33}"), "ADDRESS/BITS", 2, 26 },
	{ A("{cidr: a.b/8}"), "ADDRESS/BITS", 2, 26 },
	{ A("{cidr: \"::ffff:10.0.0.0/104\"}"), "ADDRESS/BITS", 2, 26 },
	{ A("{cidr: 198.18.0.0/15}"), "names inside the jail", 2, 26 },
	{ A("{cidr: 198.19.0.0/16}"), "names inside the jail", 2, 26 },
	{ A("{cidr: \"fd18::/48\"}"), "names inside the jail", 2, 26 },
	{ A("{cidr: \"fd18::/47\"}"), NULL, 0, 0 },
	{ A("{cidr: 0.0.0.0/0}"), NULL, 0, 0 },
	/* connect, preset, dns */
	{ A("{host: a.b, connect: 127.0.0.1}"), "ADDRESS:PORT", 2, 40 },
	{ A("{host: a.b, connect: \"::1:80\"}"), "ADDRESS:PORT", 2, 40 },
	{ A("{host: a.b, connect: \"b.c:80\"}"), "ADDRESS:PORT", 2, 40 },
	{ A("{host: a.b, connect: \"1.1.1.1:0\"}"), "ADDRESS:PORT", 2, 40 },
	{ A("{cidr: 10.0.0.0/8, connect: \"1.1.1.1:1\"}"),
	  "connect goes with host", 2, 47 },
	{ A("{preset: packages}"), "must be package-registries or git-hosts", 2,
	  28 },
	{ "network: {dns: []}", "1 to 8", 2, 16 },
	{ "network: {dns: 1.1.1.1}", "must be a list", 2, 16 },
	{ "network: {dns: [a.b]}", "ADDRESS", 2, 17 },
	{ "network: {dns: [\"1.1.1.1:0\"]}", "ADDRESS", 2, 17 },
};

static void test_network(void)
{

	check_bodies(network_rows, N_ELEMS(network_rows));
}

/* Every row of the table is named by a row above or refuses a wrong type. */
static void test_every_key_is_typed(void)
{
	for (unsigned i = 0; i < POLICY_KEY_MAX_; i++) {
		AUTO(arena) struct arena a = ARENA_NULL, b = ARENA_NULL;
		const struct schema_row *row = &policy_schema[i];
		const char *s = schema_section_name(row->section);
		struct diag d = { 0 };
		char text[256], name[64];

		CHECK_EQ(row->help != NULL && row->type != 0, 1);
		schema_key_name((enum policy_key)i, name, sizeof(name));
		for (unsigned k = 0; k < 2; k++) {
			const char *wrong = k ? "[[[]]]" : "{a: {}}";
			struct arena *arena = k ? &a : &b;

			(void)snprintf(text, sizeof(text),
				       row->name ? "%s: {%s: %s}" : "%s: %s%s",
				       s, row->name ? row->name : wrong,
				       row->name ? wrong : "");
			CHECK_EQ(parse(arena, str_of(text), &d), 1);
			if (!strstr(d.text, name)) {
				printf("# %s: %s\n", text, d.text);
				test_failures++;
			}
		}
	}
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "YAML, and what of it", test_yaml },
		{ "limits", test_limits },
		{ "keys", test_keys },
		{ "scalars", test_scalars },
		{ "paths", test_paths },
		{ "environment", test_env },
		{ "network", test_network },
		{ "every key has a type", test_every_key_is_typed },
	};

	if (argc > 1 && strcmp(argv[1], "--rows") == 0) {
		only_rows = true;
		test_yaml();
		test_keys();
		test_scalars();
		test_paths();
		test_env();
		test_network();
		return 0;
	}
	return test_main(tests, N_ELEMS(tests));
}
