/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of other tools' settings: taken, left out by name, refused. */
#include "base/json.h"
#include "base/test.h"
#include "policy/import.h"
#include "policy/policy.h"

#define TEXT_MAX ((size_t)256 * 1024)

struct made {
	struct arena arena;
	struct buf text;
	struct diag why;
	int r;
};

static struct made make(const char *json, enum import_tool tool, bool of_user)
{
	struct made m = { .r = 0 };
	struct import im;

	arena_init(&m.arena, IMPORT_ARENA_MAX);
	buf_init(&m.text, TEXT_MAX);
	m.r = import_parse(&m.arena, str_of(json), of_user, tool, &im, &m.why);
	if (m.r == 0)
		import_format(&im, STR("f.json"), &m.text);
	return m;
}

static void done(struct made *m)
{
	arena_done(&m->arena);
	buf_done(&m->text);
}

/* What is made is always in the language. */
static void check_policy(const char *json, struct str text)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	const struct policy_doc *doc = NULL;
	struct diag d = { 0 };
	int r;

	arena_init(&a, POLICY_ARENA_MAX);
	r = policy_parse(&a, text, STR("user"), STR("f"), &doc, &d);
	if (r == 0)
		return;
	printf("# %s\n# gives %u:%u %s\n", json, d.line, d.column, d.text);
	test_failures++;
}

struct row {
	const char *json;
	enum import_tool tool;
	/* Each in the policy; with "-" in front: not in it.  NULL ends. */
	const char *want[8];
};

static void check_row(const struct row *row, bool of_user)
{
	struct made m = make(row->json, row->tool, of_user);
	const char *text = m.r == 0 ? buf_cstr(&m.text) : "";

	if (m.r != 0) {
		printf("# %s: refused: %s\n", row->json, m.why.text);
		test_failures++;
		done(&m);
		return;
	}
	check_policy(row->json, buf_str(&m.text));
	for (size_t i = 0; i < N_ELEMS(row->want) && row->want[i]; i++) {
		bool no = row->want[i][0] == '-';

		if ((strstr(text, row->want[i] + no) != NULL) != no)
			continue;
		printf("# %s\n# %s \"%s\" in\n# %s\n", row->json,
		       no ? "must not have" : "no", row->want[i] + no, text);
		test_failures++;
	}
	done(&m);
}

#define S       IMPORT_SRT
#define C       IMPORT_CLAUDE
#define F(x)    "{\"filesystem\":{" x "}}"
#define N(x)    "{\"network\":{" x "}}"
#define P(x)    "{\"permissions\":{" x "}}"
#define NOTE    "#   "
#define NEITHER "-\n    - ."

static void written_paths(void)
{
	static const struct row rows[] = {
		/* what is writable */
		{ F(""), S, { "  read:\n", "    - . ", "-  write:" } },
		{ F("\"allowWrite\":[\".\"]"), S, { "  write:\n    - . " } },
		{ P(""), C, { "  write:\n    - . " } },
		{ F("\"allowWrite\":[\"./\",\"dist\"]"),
		  S,
		  { "  write:\n    - . ", "-- \"dist\"",
		    "writable as a whole" } },
		{ F("\"allowWrite\":[\"dist\"]"),
		  S,
		  { "    - \"dist\"", "not writable" } },
		{ F("\"allowWrite\":[\"/srv/a/**\",\"~/b/\",\"//c\"]"),
		  S,
		  { "    - /srv/a ", "    - \"~/b\"", "    - /c " } },
		{ F("\"allowWrite\":[\"/tmp/a\",\"/dev/null\",\"/run\"]"),
		  S,
		  { "-    - /tmp", "-    - /dev", "-    - /run",
		    "a session has its own" } },
		{ F("\"allowWrite\":[\"/\",\"~\",\"/home\",\"/home/me\"]"),
		  S,
		  { "-\n    - / ", "-\"~\" ", "-    - /home",
		    "holds the home directory" } },
		{ F("\"allowWrite\":[\"../x\"]"),
		  S,
		  { "-- \"../x\"", "may not be the project" } },
		{ F("\"allowWrite\":[\"/srv/*.log\"]"),
		  S,
		  { "-- /srv", "no globs here" } },
		{ F("\"allowWrite\":[\"$XDG_RUNTIME_DIR/x\"]"),
		  S,
		  { "$XDG_RUNTIME_DIR/x" } },
		{ F("\"allowWrite\":[\"~root/x\"]"), S, { "\"./~root/x\"" } },
		/* denied for writing */
		{ F("\"allowWrite\":[\".\"],\"denyWrite\":[\".git/hooks\"]"),
		  S,
		  { "\"**/.git/hooks\"", "not to be written there" } },
		{ F("\"allowWrite\":[\".\"],\"denyWrite\":[\".\"]"),
		  S,
		  { "-write:", "not writable" } },
		{ F("\"allowWrite\":[\".\",\"~/x\"],\"denyWrite\":[\"~\"]"),
		  S,
		  { "-write:", "    - . ", "refused by another key" } },
		{ F("\"allowWrite\":[\".\",\"/srv\"],\"denyWrite\":[\"/\"]"),
		  S,
		  { "-write:", "-- /srv" } },
		{ F("\"allowWrite\":[\"/srv/a\"],\"denyWrite\":[\"/srv\"]"),
		  S,
		  { "-write:", "    - /srv " } },
		{ F("\"denyWrite\":[\"/etc\",\"/usr/lib/x\"]"),
		  S,
		  { "-    - /usr/lib/x", "    - /etc  ",
		    "nothing is writable there" } },
		{ F("\"allowWrite\":[\"/etc/x\"],\"denyWrite\":[\"/etc/*\"]"),
		  S,
		  { "\"/etc/*\"" } },
		{ F("\"allowWrite\":[\"/etc/x\"],\"denyWrite\":[\"/etc\"]"),
		  S,
		  { "-write:" } },
		{ F("\"denyWrite\":[\"/usr/local/src/p\"]"),
		  S,
		  { "    - /usr/local/src/p" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(&rows[i], false);
}

static void read_paths(void)
{
	static const struct row rows[] = {
		{ F("\"denyRead\":[\"~/.ssh\",\"/srv/k/**\",\"./**/*.pem\"]"),
		  S,
		  { "\"~/.ssh\"", "    - /srv/k ", "\"**/*.pem\"" } },
		{ F("\"denyRead\":[\"secrets\",\"a/b\",\"../up\"]"),
		  S,
		  { "\"**/secrets\"", "\"**/a/b\"", "    - \"../up\"" } },
		{ F("\"denyRead\":[\"~\"],\"allowRead\":[\".\"]"),
		  S,
		  { "    - . ", "-  hide:\n    - \"~\"" } },
		{ F("\"denyRead\":[\"/home/me/\"]"),
		  S,
		  { NEITHER, "the project is not there" } },
		{ F("\"denyRead\":[\"~/\"],\"allowWrite\":[\".\"]"),
		  S,
		  { "  write:\n    - . " } },
		{ F("\"denyRead\":[\"/\"],\"allowRead\":[\"/usr\"]"),
		  S,
		  { "    - /usr   ", "-- /etc", "-- /opt", NEITHER } },
		{ F("\"denyRead\":[\"/opt\"]"),
		  S,
		  { "-    - /opt", "not being in files.read" } },
		{ F("\"denyRead\":[\"**\"]"), S, { NEITHER } },
		{ F("\"denyRead\":[\"/srv/x\"],\"allowRead\":[\"/srv/x/y\"]"),
		  S,
		  { "    - /srv/x ", "-    - /srv/x/y",
		    "refused by another key" } },
		{ F("\"denyRead\":[{\"path\":\"~/a[1]*\",\"literal\":true}]"),
		  S,
		  { "\"~/a\\\\[1]\\\\*\"" } },
		{ F("\"denyRead\":[\"x**y\",\"[^a]\",\"$HOME/.k\",\"a$b\"]"),
		  S,
		  { "\"**/x*y\"", "\"**/[!a]\"", "\"~/.k\"", "\"**/a?b\"" } },
		{ F("\"denyRead\":[\"*.{pem,key}\"]"),
		  S,
		  { "\"**/*.pem\"", "\"**/*.key\"", "\"**/*.{pem,key}\"" } },
		{ F("\"denyRead\":[\"!keep\"]"),
		  S,
		  { "stricter", "-keep\" " } },
		{ F("\"denyRead\":[\"../a/../up\"]"), S, { "\"**/up\"" } },
		{ F("\"allowWrite\":[\".\"],\"denyRead\":[\"..\"]"),
		  S,
		  { NEITHER, "the project is not there" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(&rows[i], false);
}

static void user_file(void)
{
	static const struct row rows[] = {
		{ "{\"sandbox\":{\"filesystem\":{\"denyRead\":[\".env\"],"
		  "\"allowWrite\":[\"b\"]}}}",
		  C,
		  { "\"~/.claude/.env\"", "\"**/.env\"", "-- \"b\"",
		    "relative to ~/.claude" } },
		{ P("\"deny\":[\"Read(./x)\"]"),
		  C,
		  { "\"**/x\"", "-~/.claude/x\"" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(&rows[i], true);
}

static void hosts(void)
{
	static const struct row rows[] = {
		{ N("\"allowedDomains\":[\"a.example\",\"*.b.example\","
		    "\"c.example:8443\"]"),
		  S,
		  { "{host: \"a.example\"}", "{host: \"*.b.example\"}",
		    "{host: \"c.example\", ports: [8443]}" } },
		{ N("\"deniedDomains\":[\"a.example\",\"b.example:22\","
		    "\"1.2.3.4\"]"),
		  S,
		  { "deny:\n    - {host: \"a.example\"}",
		    "{host: \"b.example\", ports: [22]}",
		    "{cidr: \"1.2.3.4/32\"}" } },
		{ N("\"allowedDomains\":[\"a.example\",\"b.example:22\"],"
		    "\"deniedDomains\":[\"*\"]"),
		  S,
		  { "-allow:", "refuses every host" } },
		{ N("\"allowedDomains\":[\"a.example\",\"b.example:22\"],"
		    "\"deniedDomains\":[\"*:22\",\"*:80\"]"),
		  S,
		  { "{host: \"a.example\", ports: [443]}", "-{host: \"b",
		    "its ports are refused" } },
		{ N("\"allowedDomains\":[\"a.example\"],"
		    "\"deniedDomains\":[\"*:443\",\"*:80\"]"),
		  S,
		  { "-allow:" } },
		{ N("\"allowedDomains\":[\"*\",\"localhost\",\"10.0.0.1\","
		    "\"a_b\",\"*.*.c\",\"x:0\",\"8.8.8.8:53\"]"),
		  S,
		  { "every host", "the session's own", "special range",
		    "not a host name", "not a host and port",
		    "{cidr: \"8.8.8.8/32\", ports: [53]}", "-{host" } },
		{ N("\"allowedDomains\":[\"[2606:4700::1]:53\","
		    "\"[2606:4700::2]\"]"),
		  S,
		  { "{cidr: \"2606:4700::1/128\", ports: [53]}",
		    "{cidr: \"2606:4700::2/128\"}" } },
		{ N("\"deniedResolvedAddresses\":[\"10.0.0.0/8\",\"1.2.3.4\"]"),
		  S,
		  { "{cidr: \"10.0.0.0/8\"}", "{cidr: \"1.2.3.4/32\"}" } },
		{ N("\"allowedDomains\":[\"a.example\"],\"httpProxyPort\":"
		    "8080"),
		  S,
		  { "-allow:", "proxy of your own" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(&rows[i], false);
}

static void rules(void)
{
	static const struct row rows[] = {
		{ P("\"deny\":[\"Read(./.env)\",\"Read(*.key)\",\"Read(k)\","
		    "\"Grep(//srv/**)\"]"),
		  C,
		  { "\"**/.env\"", "\"**/*.key\"", "\"**/k\"",
		    "    - /srv " } },
		{ P("\"deny\":[\"Read(/conf/x)\"]"),
		  C,
		  { "    - /conf/x ", "\"~/conf/x\"", "\"**/conf/x\"",
		    "versions differ" } },
		{ P("\"allow\":[\"Read(/conf/x)\"]"),
		  C,
		  { "-    - /conf/x", "versions differ" } },
		{ P("\"deny\":[\"Edit(**)\"]"), C, { "-write:" } },
		{ P("\"ask\":[\"Write(b.lock)\"]"),
		  C,
		  { "\"**/b.lock\"", "asks nobody" } },
		{ P("\"deny\":[\"Bash(rm:*)\",\"Read\",\"mcp__x\",\"Read()\"]"),
		  C,
		  { "-hide:\n    - \"**\"", "the agent keeps it" } },
		{ P("\"deny\":[\"WebFetch(domain:a.example)\","
		    "\"WebFetch(domain:*.b.example)\"],"
		    "\"allow\":[\"WebFetch(domain:c.example)\"]"),
		  C,
		  { "{host: \"a.example\"}", "{host: \"*.a.example\"}",
		    "{host: \"*.b.example\"}", "-*.*.b",
		    "allow:\n    - {host: \"c.example\"}" } },
		{ P("\"additionalDirectories\":[\"~/lib\",\"../x\"]"),
		  C,
		  { "\"~/lib\"", "-- \"../x\"" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(&rows[i], false);
}

static void others(void)
{
	static const struct row rows[] = {
		{ "{\"allowNestedUserNamespaces\":true}",
		  S,
		  { "nested: true" } },
		{ "{\"allowNestedUserNamespaces\":false}", S, { "-nested" } },
		{ "{\"enableWeakerNestedSandbox\":true}",
		  S,
		  { "-\nnested: true", NOTE "enableWeakerNestedSandbox: " } },
		{ "{\"credentials\":{\"files\":[{\"path\":\"~/.netrc\","
		  "\"mode\":\"mask\"}],\"envVars\":[{\"name\":\"LANG\"},"
		  "{\"name\":\"TOKEN\"}]}}",
		  S,
		  { "\"~/.netrc\"", "masked there", "\"LANG\": \"\"",
		    "-\"TOKEN\": \"\"" } },
		{ "{\"sandbx\":1,\"hooks\":{}}",
		  C,
		  { "did you mean sandbox?", "hooks: the agent's own" } },
		{ "{\"sandbox\":{\"network\":{\"allowedDomain\":[]},"
		  "\"zzzz\":1}}",
		  C,
		  { "did you mean network.allowedDomains?",
		    "sandbox.zzzz: an unknown key" } },
		{ "{}", C, { "version: 1\n", "**/.env" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		check_row(&rows[i], false);
}

static void refusals(void)
{
	static const struct {
		const char *json, *want;
		enum import_tool tool;
	} rows[] = {
		{ "", "", S },
		{ "{\"a\":1,\"a\":2}", "", S },
		{ "// c\n{}", "a comment", S },
		{ "{\n  /* c */ \"a\": 1}", "a comment", S },
		{ "{\"a\": 1, // c\n \"b\": 2}", "a comment", S },
		{ "{\"sandbox\":{}}", "settings of Claude Code", S },
		{ "{\"filesystem\":{}}", "settings of sandbox-runtime", C },
		{ "[]", "not a JSON object", S },
		{ "{}", "whose settings", IMPORT_ANY },
		{ "{\"sandbox\":{},\"network\":{}}", "whose settings",
		  IMPORT_ANY },
		{ "{\"sandbox\":[]}", "must be an object", C },
		{ "{\"permissions\":1}", "must be an object", C },
		{ "{\"network\":[]}", "network: must be an object", S },
		{ N("\"allowedDomains\":\"x\""), "must be a list", S },
		{ N("\"allowedDomains\":[1]"), "must be text", S },
		{ N("\"deniedDomains\":[{}]"), "must be text", S },
		{ N("\"deniedDomains\":[\"*evil*\"]"), "only in front", S },
		{ N("\"deniedDomains\":[\"\"]"), "not a host", S },
		{ N("\"deniedDomains\":[\"x:99999\"]"), "not a host and port",
		  S },
		{ N("\"deniedResolvedAddresses\":[\"10.0.0.1/8\"]"),
		  "not ADDRESS/BITS", S },
		{ N("\"strictAllowlist\":1"), "must be true or false", S },
		{ N("\"httpProxyPort\":\"x\""), "must be a port", S },
		{ F("\"denyRead\":\"x\""), "must be a list", S },
		{ F("\"denyRead\":[\"\"]"), "empty path", S },
		{ F("\"denyRead\":[\"a\\u0000b\"]"), "a NUL", S },
		{ F("\"denyRead\":[\"a\\nb\"]"), "control characters", S },
		{ F("\"denyRead\":[\"[a\"]"), "not a glob", S },
		{ F("\"denyRead\":[\"../*.key\"]"), "..", S },
		{ F("\"denyRead\":[\"{a,{b,c}}\"]"), "braces within", S },
		{ F("\"denyRead\":[{\"literal\":true}]"), "must be text", S },
		{ P("\"deny\":[\"(x)\"]"), "not a rule", C },
		{ P("\"deny\":[\"WebFetch(x)\"]"), "no domain:", C },
		{ "{\"credentials\":{\"files\":[{}]}}", "with a path", S },
		{ "{\"credentials\":{\"envVars\":[1]}}", "with a name", S },
		{ "{\"allowNestedUserNamespaces\":\"yes\"}", "true or false",
		  S },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct made m = make(rows[i].json, rows[i].tool, false);

		if (m.r != 1 || !m.why.text[0] ||
		    !strstr(m.why.text, rows[i].want)) {
			printf("# %s: %d %s\n", rows[i].json, m.r, m.why.text);
			test_failures++;
		}
		done(&m);
	}
}

/* More than the lists hold: never a policy that refuses less. */
static void limits(void)
{
	static const struct {
		const char *front, *entry, *back;
		unsigned n;
		int want;
	} rows[] = {
		{ "{\"filesystem\":{\"denyRead\":[\"x\"", ",\"/d/%u\"", "]}}",
		  253, 0 },
		{ "{\"filesystem\":{\"denyRead\":[\"x\"", ",\"/d/%u\"", "]}}",
		  254, 1 },
		{ "{\"network\":{\"deniedDomains\":[\"x.y\"", ",\"h%u.test\"",
		  "]}}", 511, 0 },
		{ "{\"network\":{\"deniedDomains\":[\"x.y\"", ",\"h%u.test\"",
		  "]}}", 512, 1 },
		{ "{\"network\":{\"deniedDomains\":[\"x.y\"", ",\"h%u.test\"",
		  "]}}", 3000, 1 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		AUTO(buf) struct buf b = BUF_NULL;
		struct made m;

		buf_init(&b, TEXT_MAX);
		(void)buf_add(&b, str_of(rows[i].front));
		for (unsigned k = 0; k < rows[i].n; k++) {
			char entry[40];

			(void)snprintf(entry, sizeof(entry),
				       rows[i].entry[2] == '/'
					       ? ",\"/d/%u\""
					       : ",\"h%u.test\"",
				       k);
			(void)buf_add(&b, str_of(entry));
		}
		(void)buf_add(&b, str_of(rows[i].back));
		m = make(buf_cstr(&b), IMPORT_SRT, false);
		CHECK_EQ(m.r, rows[i].want);
		done(&m);
	}
	{
		static char big[IMPORT_MAX_BYTES + 3];
		struct made m;

		memset(big, ' ', sizeof(big) - 1);
		big[0] = '{';
		big[1] = '}';
		m = make(big, IMPORT_SRT, false);
		CHECK_EQ(m.r, 1);
		done(&m);
	}
}

/* A value for each key: nothing of the table vanishes in silence. */
static void every_key(void)
{
	static const char *const values[] = {
		"true",
		"[\"a.example\"]",
		"[{\"path\":\"~/p\",\"name\":\"P\"}]",
		"8080",
		"[\"Bash(x)\"]",
		"[\"10.0.0.0/8\"]",
	};
	enum import_tool tools = IMPORT_ANY;
	const char *name;

	for (size_t i = 0; (name = import_key(i, &tools)); i++) {
		const char *dot = strchr(name, '.');
		bool named = false;

		for (size_t v = 0; v < N_ELEMS(values) && !named; v++) {
			char json[300];
			struct made m;
			bool perm = strncmp(name, "permissions.", 12) == 0;

			if (dot)
				(void)snprintf(json, sizeof(json),
					       "{%s\"%.*s\":{\"%s\":%s}}%s",
					       perm || tools != C
						       ? ""
						       : "\"sandbox\":{",
					       (int)(dot - name), name, dot + 1,
					       values[v],
					       perm || tools != C ? "" : "}");
			else
				(void)snprintf(json, sizeof(json),
					       tools == C ? "{\"sandbox\":{"
							    "\"%s\":%s}}"
							  : "{\"%s\":%s}",
					       name, values[v]);
			m = make(json, tools == C ? C : S, false);
			named = m.r == 0 &&
				strstr(buf_cstr(&m.text), dot ? dot : name);
			done(&m);
		}
		if (!named) {
			printf("# %s leaves no trace\n", name);
			test_failures++;
		}
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "paths that are written", written_paths },
		{ "paths that are read", read_paths },
		{ "the user's own settings", user_file },
		{ "hosts", hosts },
		{ "permission rules", rules },
		{ "other keys", others },
		{ "refusals", refusals },
		{ "limits", limits },
		{ "every key of the table", every_key },
	};

	return test_main(tests, N_ELEMS(tests));
}
