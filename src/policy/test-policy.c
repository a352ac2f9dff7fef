/* SPDX-License-Identifier: Apache-2.0 */
/* What policies mean: sections, joining, paths, forms, the network part. */
#include "base/json.h"
#include "base/test.h"
#include "policy/policy.h"
#include "policy/scalar-parse.h"

struct world {
	struct arena arena;
	struct policy p;
};

static void auto_world(struct world *w)
{
	arena_done(&w->arena);
}

/* @text NULL: no user layer. */
static bool load(struct world *w, const char *text)
{
	struct policy_stack in = { 0 };
	struct diag d = { 0 };
	int r;

	arena_init(&w->arena, POLICY_ARENA_MAX);
	r = policy_builtin(&w->arena, &in.builtin);
	if (r == 0 && text)
		r = policy_parse(&w->arena, str_of(text), STR("user"),
				 STR("f.yaml"), &in.layer[POLICY_USER], &d);
	if (r == 0)
		r = policy_effective(&w->arena, &in, &w->p, NULL, NULL, &d);
	if (r != 0) {
		printf("# %s: %u:%u: %s\n", text, d.line, d.column, d.text);
		test_failures++;
	}
	return r == 0;
}

static bool has(const struct policy *p, enum policy_key key, const char *text)
{
	const struct policy_value *v = &p->value[key];

	for (size_t i = 0; i < v->n; i++) {
		if (str_eq(v->items[i].text, str_of(text)))
			return true;
	}
	return false;
}

static void test_default(void)
{
	static const char *const never[] = {
		"*",
		"ANTHROPIC_API_KEY",
		"OPENAI_API_KEY",
		"GH_TOKEN",
		"AWS_SECRET_ACCESS_KEY",
		"HTTP_PROXY",
		"https_proxy",
		"LD_PRELOAD",
		"SSH_AUTH_SOCK",
		"IS_SANDBOX",
	};
	AUTO(world) struct world w = { 0 };
	struct net_policy net;

	if (!load(&w, NULL))
		return;
	CHECK_EQ(w.p.value[POLICY_NESTED].set, true);
	CHECK_EQ(w.p.value[POLICY_NESTED].number, 0);
	CHECK_EQ(has(&w.p, POLICY_FILES_READ, "/usr"), 1);
	CHECK_EQ(has(&w.p, POLICY_FILES_READ, "/etc"), 1);
	CHECK_EQ(has(&w.p, POLICY_FILES_READ, "/opt"), 1);
	CHECK_EQ(has(&w.p, POLICY_FILES_WRITE, "."), 1);
	CHECK_EQ(has(&w.p, POLICY_FILES_HIDE, "**/.env"), 1);
	CHECK_EQ(has(&w.p, POLICY_FILES_HIDE, "**/.env.*"), 1);
	CHECK_EQ(has(&w.p, POLICY_ENV_PASS, "TZ"), 1);
	CHECK_EQ(has(&w.p, POLICY_ENV_PASS, "SSL_CERT_FILE"), 1);
	for (size_t i = 0; i < N_ELEMS(never); i++)
		CHECK_EQ(has(&w.p, POLICY_ENV_PASS, never[i]), 0);
	CHECK_EQ(w.p.value[POLICY_ENV_SET].n, 0);
	CHECK_EQ(w.p.value[POLICY_LIMITS_MEMORY].number, UINT64_C(16) << 30);
	CHECK_EQ(w.p.value[POLICY_LIMITS_PROCESSES].number, 4096);
	CHECK_EQ(w.p.value[POLICY_LIMITS_DISK].number, UINT64_C(50) << 30);
	CHECK_EQ(w.p.value[POLICY_LIMITS_TIME].set, 0);
	CHECK_EQ(w.p.value[POLICY_LIMITS_CPU].set, 0);

	CHECK_EQ(policy_net(&w.arena, &w.p, NULL, NULL, &net, NULL), 0);
	CHECK_EQ(net.n_allow, 0);
	CHECK_EQ(net.n_deny, 0);
	CHECK_EQ(net.n_dns, 0);
	CHECK_EQ(str_eq(net.fallback.layer, STR("builtin")), 1);
	CHECK_EQ(net.fallback.line > 0, 1);
	CHECK_EQ(net_decide_name(&net, STR("a.example"), 443).verdict,
		 VERDICT_DENY);
}

/* A section is the user's or the default's, never a mixture. */
static void test_sections(void)
{
	AUTO(world) struct world files = { 0 }, env = { 0 }, none = { 0 };
	AUTO(world) struct world limits = { 0 }, net = { 0 };

	if (!load(&files, "version: 1\nfiles: {read: [/usr]}\n") ||
	    !load(&env, "version: 1\nenv: {pass: [FOO], set: {A: b}}\n") ||
	    !load(&none, "version: 1\nfiles: {}\nlimits: {}\n") ||
	    !load(&limits, "version: 1\nlimits: {time: 4h}\n") ||
	    !load(&net, "version: 1\n\nnetwork: {}\n"))
		return;

	CHECK_EQ(files.p.value[POLICY_FILES_READ].n, 1);
	CHECK_EQ(files.p.value[POLICY_FILES_WRITE].n, 0);
	CHECK_EQ(files.p.value[POLICY_FILES_HIDE].n, 0);
	CHECK_EQ(files.p.value[POLICY_LIMITS_MEMORY].set, 1);
	CHECK_EQ(str_eq(files.p.value[POLICY_FILES_READ].items[0].origin.layer,
			STR("user")),
		 1);
	CHECK_EQ(files.p.value[POLICY_FILES_READ].items[0].origin.line, 2);

	/* but env.pass always adds to the built-in list */
	CHECK_EQ(has(&env.p, POLICY_ENV_PASS, "FOO"), 1);
	CHECK_EQ(has(&env.p, POLICY_ENV_PASS, "LANG"), 1);
	CHECK_EQ(env.p.value[POLICY_ENV_SET].n, 1);
	CHECK_EQ(has(&none.p, POLICY_ENV_PASS, "LANG"), 1);

	CHECK_EQ(none.p.value[POLICY_FILES_READ].n, 0);
	CHECK_EQ(none.p.value[POLICY_LIMITS_MEMORY].set, 0);
	CHECK_EQ(limits.p.value[POLICY_LIMITS_MEMORY].set, 0);
	CHECK_EQ(limits.p.value[POLICY_LIMITS_TIME].number, 14400);

	/* who says nothing about the default still decides it */
	CHECK_EQ(net.p.value[POLICY_NETWORK_DEFAULT].set, 1);
	CHECK_EQ(net.p.value[POLICY_NETWORK_DEFAULT].origin.line, 3);
}

static struct str env_of(void *ctx, struct str name)
{
	(void)ctx;
	if (str_eq(name, STR("XDG_CACHE_HOME")))
		return STR("/cache/./x/");
	if (str_eq(name, STR("SSH_AUTH_SOCK")))
		return STR("/run/agent.sock");
	if (str_eq(name, STR("XDG_DATA_HOME")))
		return STR("not/absolute");
	return (struct str){ 0 };
}

static void test_expand(void)
{
	static const struct {
		enum policy_key key;
		const char *text, *want; /* NULL: refused */
	} cases[] = {
		{ POLICY_FILES_READ, "/usr", "/usr" },
		{ POLICY_FILES_READ, "/usr//lib/", "/usr/lib" },
		{ POLICY_FILES_READ, "/", "/" },
		{ POLICY_FILES_WRITE, ".", "/h/u/[p]" },
		{ POLICY_FILES_WRITE, "..", "/h/u" },
		{ POLICY_FILES_WRITE, "../q", "/h/u/q" },
		{ POLICY_FILES_READ, "a b/c", "/h/u/[p]/a b/c" },
		{ POLICY_FILES_READ, "../../../../..", "/" },
		{ POLICY_FILES_READ, "~", "/h/u" },
		{ POLICY_FILES_READ, "~/", "/h/u" },
		{ POLICY_FILES_READ, "~/x", "/h/u/x" },
		{ POLICY_FILES_READ, "~//x", "/h/u/x" },
		{ POLICY_FILES_READ, "$HOME/x", "/h/u/x" },
		{ POLICY_FILES_READ, "$HOME", "/h/u" },
		{ POLICY_FILES_READ, "$XDG_CACHE_HOME/y", "/cache/x/y" },
		{ POLICY_NETWORK_SOCKETS, "$SSH_AUTH_SOCK", "/run/agent.sock" },
		{ POLICY_NETWORK_SOCKETS, "$XDG_RUNTIME_DIR/s", NULL },
		{ POLICY_FILES_READ, "$XDG_DATA_HOME/s", NULL },
		/* patterns: only the policy's own characters mean something */
		{ POLICY_FILES_HIDE, "**/.env", "/h/u/\\[p]/**/.env" },
		{ POLICY_FILES_HIDE, "secret", "/h/u/\\[p]/secret" },
		{ POLICY_FILES_HIDE, "~/.ssh", "/h/u/.ssh" },
		{ POLICY_FILES_HIDE, "/etc/*.key", "/etc/*.key" },
		{ POLICY_FILES_HIDE, "x/[a-z]?.pem",
		  "/h/u/\\[p]/x/[a-z]?.pem" },
	};
	struct policy_vars vars = { .home = STR("/h/u"),
				    .project = STR("/h/u/[p]"),
				    .env = env_of };

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct policy_item item = { .text = str_of(cases[i].text),
					    .origin = { .line = 9 } };
		struct str out = { 0 };
		struct diag d = { 0 };
		int r;

		arena_init(&a, 1 << 20);
		r = policy_expand(&a, cases[i].key, &item, &vars, &out, &d);
		CHECK_EQ(r, cases[i].want ? 0 : 1);
		if (cases[i].want && !str_eq(out, str_of(cases[i].want))) {
			printf("# %s -> %.*s\n", cases[i].text, STR_ARG(out));
			test_failures++;
		}
		if (!cases[i].want)
			CHECK_EQ(d.line, 9);
	}
}

static bool preset(void *ctx, struct str name, struct policy_preset_host *ret,
		   size_t max, size_t *ret_n)
{
	static const struct policy_preset_host hosts[] = {
		{ STR("Registry.Example"), 443 },
		{ STR("10.0.0.1"), 443 },
		{ STR("mirror.example"), 4873 },
		{ STR("zero.example"), 0 },
	};

	CHECK_EQ(max >= N_ELEMS(hosts), 1);
	CHECK_EQ(str_eq(name, STR("package-registries")), 1);
	memcpy(ret, hosts, sizeof(hosts));
	*ret_n = N_ELEMS(hosts);
	return ctx == NULL;
}

static void test_net(void)
{
	static const char text[] =
		"version: 1\n"
		"network:\n"
		"  deny:\n"
		"    - host: \"*.tele.example\"\n"
		"  allow:\n"
		"    - {host: api.example, ports: [443, 80, 8443]}\n"
		"    - preset: package-registries\n"
		"    - {host: b\xc3\xbc"
		"cher.example, connect: \"127.0.0.1:81\"}\n"
		"    - {cidr: 10.0.0.0/8, ports: [22]}\n"
		"  dns: [\"127.0.0.1:5353\", 1.1.1.1]\n";
	AUTO(world) struct world w = { 0 };
	struct net_policy net = { 0 };
	struct diag d = { 0 };
	int other;

	if (!load(&w, text))
		return;
	CHECK_EQ(policy_net(&w.arena, &w.p, preset, &other, &net, &d), 1);
	CHECK_EQ(d.line, 7);
	CHECK_EQ(policy_net(&w.arena, &w.p, preset, NULL, &net, &d), 0);
	CHECK_EQ(net.n_allow, 5);
	CHECK_EQ(net.n_deny, 1);
	CHECK_EQ(net.n_dns, 2);
	CHECK_EQ(net.dns[0].port, 5353);
	CHECK_EQ(net.dns[1].port, 53);
	CHECK_EQ(net.fallback.line, 2);

	const struct net_verdict mirror =
		net_decide_name(&net, STR("mirror.example"), 443);
	const struct net_verdict tele =
		net_decide_name(&net, STR("x.tele.example"), 443);
	const struct net_verdict preset_host =
		net_decide_name(&net, STR("registry.example"), 443);
	const struct net_verdict idn =
		net_decide_name(&net, STR("xn--bcher-kva.example"), 443);

	CHECK_EQ(preset_host.verdict, VERDICT_ALLOW);
	CHECK_EQ(preset_host.origin.line, 7);
	CHECK_EQ(preset_host.rule && preset_host.rule->preset, 1);
	CHECK_EQ(mirror.verdict, VERDICT_DENY);
	CHECK_EQ(idn.verdict, VERDICT_ALLOW);
	CHECK_EQ(idn.origin.line, 8);
	CHECK_EQ(idn.rule && idn.rule->connect_port == 81, 1);
	CHECK_EQ(tele.origin.line, 4);
	CHECK_EQ(net.allow[0].ports[0], 80);
	CHECK_EQ(net.allow[0].ports[2], 8443);
}

static void test_net_limits(void)
{
	static char text[65536];
	AUTO(world) struct world cidrs = { 0 }, ports = { 0 };
	struct net_policy net;
	struct diag d = { 0 };
	size_t n;

	n = (size_t)snprintf(text, sizeof(text),
			     "version: 1\nnetwork:\n  deny:\n");
	for (unsigned i = 0; i < 257; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "    - cidr: 10.%u.%u.0/24\n", i / 256,
				      i % 256);
	if (load(&cidrs, text))
		CHECK_EQ(policy_net(&cidrs.arena, &cidrs.p, NULL, NULL, &net,
				    &d),
			 1);
	CHECK_EQ(d.line, 260);

	n = (size_t)snprintf(text, sizeof(text),
			     "version: 1\nnetwork:\n  allow:\n");
	for (unsigned i = 0; i < 65; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "    - {host: a.b, ports: [%u]}\n",
				      i + 1);
	if (load(&ports, text))
		CHECK_EQ(policy_net(&ports.arena, &ports.p, NULL, NULL, &net,
				    &d),
			 1);
	CHECK_EQ(strstr(d.text, "more than 64 ports") != NULL, 1);
}

static const char full[] =
	"version: 1\n"
	"backend: landlock\n"
	"backend_accept: [hide, protect]\n"
	"nested: true\n"
	"workspace: live\n"
	"files:\n"
	"  read: [/usr, \"/a b\", \"yes\", \"1\", \"/x: y\", \"/#q\", \"-\"]\n"
	"  write: []\n"
	"  hide: [\"**/.env\", \"!x\", \"/\\\"q\\\\*\", \"\xc3\xa9\"]\n"
	"env:\n"
	"  pass: [FOO, \"B_*\"]\n"
	"  set: {CI: \"1\", N: \"null\", NL: \"a\\n\\tb\", E: \"\",\n"
	"        C: \"\\x01\\x7f\\u202e\\ufeff\\U0001fffe\", S: \" x \",\n"
	"        U: \"\xf0\x9f\x98\x80\"}\n"
	"network:\n"
	"  deny:\n"
	"    - host: \"*.tele.example\"\n"
	"    - {cidr: \"::/0\", ports: [25]}\n"
	"  allow:\n"
	"    - {host: \"*.a.example\", connect: \"[::1]:8\", ports: [7, 5]}\n"
	"    - preset: package-registries\n"
	"    - cidr: 10.0.0.0/8\n"
	"  dns: [\"::1\"]\n"
	"  ca: [~/ca.pem]\n"
	"  sockets: [$SSH_AUTH_SOCK]\n"
	"limits: {memory: 1536M, cpu: 0.25, processes: 9, disk: 2T, time: "
	"90s}\n"
	"audit: {files: all, output: true}\n";

/* What is shown is a policy again, and means the same. */
static void test_show_round_trip(void)
{
	static const char *const texts[] = {
		NULL,
		"version: 1\n",
		"version: 1\nfiles: {}\nenv: {}\nnetwork: {}\nlimits: {}\n",
		"version: 1\nlimits: {time: 2d}\nnetwork: {allow: []}\n",
		full,
	};

	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		AUTO(world) struct world w = { 0 }, back = { 0 };
		AUTO(buf) struct buf b = BUF_NULL, c = BUF_NULL;
		char one[POLICY_HASH_TEXT], two[POLICY_HASH_TEXT];

		buf_init(&b, 1 << 20);
		buf_init(&c, 1 << 20);
		if (!load(&w, texts[i]))
			continue;
		policy_show(&w.p, &b);
		CHECK_EQ(b.failed, 0);
		if (!load(&back, buf_cstr(&b)))
			continue;
		CHECK_EQ(policy_hash(&w.p, one), 0);
		CHECK_EQ(policy_hash(&back.p, two), 0);
		CHECK_EQ(strcmp(one, two), 0);
		CHECK_EQ(strlen(one), 64);
		buf_clear(&b);
		CHECK_EQ(policy_canonical(&w.arena, &w.p, &b), 0);
		CHECK_EQ(policy_canonical(&back.arena, &back.p, &c), 0);
		if (!str_eq(buf_str(&b), buf_str(&c))) {
			printf("# %.*s\n# %.*s\n", STR_ARG(buf_str(&b)),
			       STR_ARG(buf_str(&c)));
			test_failures++;
		}
	}
}

static void test_show_json(void)
{
	AUTO(world) struct world w = { 0 };
	AUTO(buf) struct buf b = BUF_NULL;
	struct json *j = NULL;

	buf_init(&b, 1 << 20);
	if (!load(&w, full))
		return;
	policy_show_json(&w.p, &b);
	CHECK_EQ(json_parse(&w.arena, buf_str(&b), &j, NULL), 0);

	const struct json *net = json_find(j, "network");
	const struct json *allow = json_find(net, "allow");
	const struct json *first = allow ? allow->kids.first : NULL;
	const struct json *env = json_find(json_find(j, "env"), "set");

	CHECK_EQ(str_eq(json_find_str(first, "host"), STR("*.a.example")), 1);
	CHECK_EQ(json_find_int(first, "line", 0), 20);
	CHECK_EQ(str_eq(json_find_str(first, "file"), STR("f.yaml")), 1);
	CHECK_EQ(env && env->kids.n == 7, 1);
	CHECK_EQ(json_find_int(json_find(json_find(j, "limits"), "memory"),
			       "value", 0),
		 INT64_C(1536) << 20);
}

/* The hash is about meaning: not lines, order, or what is said twice. */
static void test_hash(void)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "version: 1\n", "# c\nversion: 1\n\n", true },
		{ "version: 1\nfiles: {read: [/a, /b]}\n",
		  "files:\n  read: [/b, /a, /b]\nversion: 1\n", true },
		{ "version: 1\nfiles: {read: [/a]}\n",
		  "version: 1\nfiles: {read: [/a], write: []}\n", true },
		{ "version: 1\nnetwork: {}\n", "version: 1\n", true },
		{ "version: 1\nlimits: {memory: 1G}\n",
		  "version: 1\nlimits: {memory: 1024M}\n", true },
		{ "version: 1\nfiles: {read: [/a]}\n",
		  "version: 1\nfiles: {write: [/a]}\n", false },
		{ "version: 1\nlimits: {}\n", "version: 1\n", false },
		{ "version: 1\nbackend: landlock\n", "version: 1\n", false },
		{ "version: 1\nbackend_accept: [hide]\n", "version: 1\n",
		  false },
		{ "version: 1\nnested: false\n", "version: 1\n", true },
		{ "version: 1\nnested: true\n", "version: 1\n", false },
		{ "version: 1\naudit: {}\n", "version: 1\n", true },
		{ "version: 1\naudit: {files: writes, output: false}\n",
		  "version: 1\n", true },
		{ "version: 1\naudit: {output: true}\n",
		  "version: 1\naudit: {files: writes, output: true}\n", true },
		{ "version: 1\naudit: {files: all}\n", "version: 1\n", false },
		{ "version: 1\nnetwork: {dns: [1.1.1.1, 2.2.2.2]}\n",
		  "version: 1\nnetwork: {dns: [2.2.2.2, 1.1.1.1]}\n", false },
		{ "version: 1\nnetwork: {allow: [{host: a.b}]}\n",
		  "version: 1\nnetwork: {deny: [{host: a.b}]}\n", false },
		{ "version: 1\nnetwork: {allow: [{host: a.b}]}\n",
		  "version: 1\nnetwork: {allow: [{host: A.B., ports: [443, "
		  "80]}]}\n",
		  true },
		{ "version: 1\nenv: {set: {A: b}}\n",
		  "version: 1\nenv: {set: {A: c}}\n", false },
	};

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		AUTO(world) struct world a = { 0 }, b = { 0 };
		char one[POLICY_HASH_TEXT] = "", two[POLICY_HASH_TEXT] = "";

		if (!load(&a, cases[i].a) || !load(&b, cases[i].b))
			continue;
		CHECK_EQ(policy_hash(&a.p, one), 0);
		CHECK_EQ(policy_hash(&b.p, two), 0);
		if ((strcmp(one, two) == 0) != cases[i].same) {
			printf("# row %zu\n", i);
			test_failures++;
		}
	}
}

static void test_units(void)
{
	static const struct {
		uint64_t v;
		const char *size, *time, *cpu;
	} cases[] = {
		{ 1024, "1K", "1024s", "1.024" },
		{ 3600, NULL, "1h", "3.6" },
		{ 5, NULL, "5s", "0.005" },
		{ 500, NULL, "500s", "0.5" },
		{ 2000, NULL, "2000s", "2" },
		{ 172800, NULL, "2d", "172.8" },
		{ UINT64_C(3) << 40, "3T", NULL, NULL },
		{ UINT64_C(1536) << 20, "1536M", NULL, NULL },
	};

	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		char text[24];
		uint64_t v;

		if (cases[i].size) {
			scalar_size_format(cases[i].v, text, sizeof(text));
			CHECK_EQ(strcmp(text, cases[i].size), 0);
			CHECK_EQ(scalar_size(str_of(text), &v), 1);
			CHECK_EQ(v, cases[i].v);
		}
		if (cases[i].time) {
			scalar_time_format(cases[i].v, text, sizeof(text));
			CHECK_EQ(strcmp(text, cases[i].time), 0);
			CHECK_EQ(scalar_time(str_of(text), &v), 1);
			CHECK_EQ(v, cases[i].v);
		}
		if (cases[i].cpu) {
			scalar_cpu_format(cases[i].v, text, sizeof(text));
			CHECK_EQ(strcmp(text, cases[i].cpu), 0);
			CHECK_EQ(scalar_cpu(str_of(text), &v), 1);
			CHECK_EQ(v, cases[i].v);
		}
	}
}

/* Whatever the arena's limit, the answer is -ENOMEM or the right one. */
static void test_out_of_memory(void)
{
	unsigned done = 0;

	for (size_t max = 0; max < 120000; max += 97) {
		AUTO(arena) struct arena a = ARENA_NULL;
		struct policy_stack in = { 0 };
		struct net_policy net;
		struct policy p;
		int r;

		arena_init(&a, max);
		r = policy_builtin(&a, &in.builtin);
		if (r == 0)
			r = policy_parse(&a, str_of(full), STR("user"),
					 STR("f"), &in.layer[POLICY_USER],
					 NULL);
		if (r == 0)
			r = policy_effective(&a, &in, &p, NULL, NULL, NULL);
		if (r == 0)
			r = policy_net(&a, &p, NULL, NULL, &net, NULL);
		if (r != 0)
			CHECK_EQ(r, -ENOMEM);
		done += r == 0;
	}
	CHECK_EQ(done > 0, 1);
}

/* doc/PROTOCOL.policy; the program's argument. */
static const char *document = "doc/PROTOCOL.policy";

/* The document holds the reference that the table makes, word for word. */
static void test_document(void)
{
	AUTO(buf) struct buf b = BUF_NULL;
	static char text[POLICY_MAX_BYTES];
	FILE *f = fopen(document, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	CHECK_EQ(f != NULL, 1);
	if (!f)
		return;
	(void)fclose(f);
	text[n] = 0;
	buf_init(&b, 1 << 16);
	policy_reference(&b);
	CHECK_EQ(buf_cstr(&b) && strstr(text, buf_cstr(&b)), 1);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		{ "the built-in default", test_default },
		{ "sections come whole", test_sections },
		{ "paths are expanded", test_expand },
		{ "the network part", test_net },
		{ "limits of the network part", test_net_limits },
		{ "show parses to the same", test_show_round_trip },
		{ "JSON", test_show_json },
		{ "the hash is about meaning", test_hash },
		{ "units", test_units },
		{ "out of memory", test_out_of_memory },
		{ "the document has every key", test_document },
	};

	if (argc > 1)
		document = argv[1];
	return test_main(tests, N_ELEMS(tests));
}
