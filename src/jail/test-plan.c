/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "jail/plan.h"

#define ROOM ((size_t)1 << 20)

/* A plan in which everything occurs. */
static const char whole[] =
	"{\"session\":\"06gzp8ceyh2n6tczmxpz\",\"policy_hash\":\"12ab\","
	"\"project\":\"/home/u/p\",\"cwd\":\"/home/u/p/src\","
	"\"home\":\"/home/u\",\"hostname\":\"bawn\","
	"\"inside_uid\":0,\"inside_gid\":1000,\"host_uid\":1001,"
	"\"host_gid\":1002,\"owner_uid\":0,\"owner_gid\":1004,"
	"\"backend\":\"landlock\",\"nested\":true,"
	"\"audit\":\"all\",\"output\":true,\"telemetry\":true,"
	"\"mounts\":["
	"{\"op\":\"bind\",\"dst\":\"/usr\",\"src\":\"/usr\",\"optional\":true},"
	"{\"op\":\"bind\",\"dst\":\"/home/u/p\",\"src\":\"/srv/p\","
	"\"writable\":true,\"noexec\":true,\"public\":true},"
	"{\"op\":\"dir\",\"dst\":\"/run\",\"mode\":493},"
	"{\"op\":\"file\",\"dst\":\"/etc/a\",\"text\":\"a\\u0000\\nb\","
	"\"mode\":420},"
	"{\"op\":\"file\",\"dst\":\"/etc/b\",\"text\":\"\"},"
	"{\"op\":\"symlink\",\"dst\":\"/bin\",\"text\":\"usr/bin\"},"
	"{\"op\":\"tmpfs\",\"dst\":\"/tmp\",\"mode\":1023,\"size\":4096,"
	"\"noexec\":true},"
	"{\"op\":\"proc\",\"dst\":\"/proc\"},"
	"{\"op\":\"dev\",\"dst\":\"/dev\",\"size\":65536},"
	"{\"op\":\"socket\",\"dst\":\"/tmp/s\",\"src\":\"/run/s\"}],"
	"\"hide\":[\"/home/u/p/**/.env\"],"
	"\"hide_rule\":[\"builtin 7 builtin\"],"
	"\"unlocked\":[\"/home/u/p/.git/hooks\"],"
	"\"limit_rule\":[\"user 9 /a b.yaml\",\"\"],"
	"\"limit_hint\":[],\"env_pass\":[\"LC_*\"],"
	"\"env_only\":[\"LC_* TZ\"],"
	"\"env_set\":[\"A=b\"],\"lacks\":[\"hide\"],"
	"\"classes\":[{\"v4\":\"198.18.0.0/16\",\"v6\":\"fd18::/64\","
	"\"ports\":[80,443]}],"
	"\"cidrs\":[{\"range\":\"10.20.0.0/16\",\"ports\":[5432]},"
	"{\"range\":\"2001:db8::/32\",\"deny\":true,\"ports\":[]}],"
	"\"limits\":{\"memory\":8589934592,\"cpu_milli\":2000,"
	"\"processes\":512,\"disk\":0,\"time_s\":14400}}";

static void test_round_trip(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct diag why = { 0 };
	struct plan p;

	arena_init(&a, ROOM);
	buf_init(&b, PLAN_MAX_BYTES);
	CHECK_EQ(plan_parse(&a, str_of(whole), &p, &why), 0);
	CHECK_STR(str_of(why.text), STR(""));
	plan_format(&p, &b);
	CHECK(!b.failed);
	CHECK_STR(buf_str(&b), str_of(whole));
}

static void test_values(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct plan p;

	arena_init(&a, ROOM);
	CHECK_EQ(plan_parse(&a, str_of(whole), &p, NULL), 0);
	CHECK_EQ(p.inside_uid, 0);
	CHECK_EQ(p.host_uid, 1001);
	CHECK_EQ(p.host_gid, 1002);
	CHECK_EQ(p.owner_gid, 1004);
	CHECK_EQ(p.nested, true);
	CHECK_EQ(p.audit, PLAN_AUDIT_ALL);
	CHECK_EQ(p.output, true);
	CHECK_EQ(p.telemetry, true);
	CHECK_EQ(p.n_mounts, 10);
	CHECK_EQ(p.mounts[0].optional, true);
	CHECK_EQ(p.mounts[0].writable, false);
	CHECK_EQ(p.mounts[1].writable, true);
	CHECK_EQ(p.mounts[3].text_len, 4);
	CHECK_EQ(memcmp(p.mounts[3].text, "a\0\nb", 4), 0);
	CHECK_EQ(p.cidrs[0].bits, 112); /* v4 mapped */
	CHECK_EQ(p.cidrs[1].deny, true);
	CHECK_EQ(p.classes[0].ports[1], 443);
	CHECK_EQ(p.limits.memory, INT64_C(8) << 30);
}

struct change {
	const char *from, *to;
	int want;
};

#define MORE_IDS "\"owner_uid\":0,\"owner_gid\":1004,\"backend\":"
#define IDS      "\"host_gid\":1002," MORE_IDS

static const struct change changes[] = {
	/* nothing */
	{ "{", "{", 0 },
	/* members that are missing, unknown, twice, of another type */
	{ "\"hostname\":\"bawn\",", "", 1 },
	{ "\"hostname\":", "\"hostnames\":", 1 },
	{ "\"session\":", "\"more\":1,\"session\":", 1 },
	{ "\"cwd\":", "\"home\":\"/a\",\"cwd\":", 1 },
	{ "\"hostname\":\"bawn\"", "\"hostname\":7", 1 },
	{ "\"hostname\":\"bawn\"", "\"hostname\":\"b\\u0000\"", 1 },
	{ "\"backend\":\"landlock\",", "", 1 },
	{ "\"landlock\"", "\"other\"", 1 },
	{ "\"landlock\"", "1", 1 },
	{ "\"landlock\"", "\"namespaces\"", 0 },
	{ "\"nested\":true,", "", 1 },
	{ "\"nested\":true", "\"nested\":1", 1 },
	{ "\"nested\":true", "\"nested\":false", 0 },
	{ "\"audit\":\"all\",", "", 1 },
	{ "\"audit\":\"all\"", "\"audit\":\"most\"", 1 },
	{ "\"audit\":\"all\"", "\"audit\":true", 1 },
	{ "\"audit\":\"all\"", "\"audit\":\"off\"", 0 },
	{ "\"audit\":\"all\"", "\"audit\":\"exact\"", 0 },
	{ "\"output\":true,", "", 1 },
	{ "\"telemetry\":true,", "", 1 },
	{ "\"telemetry\":true", "\"telemetry\":null", 1 },
	{ "\"telemetry\":true", "\"telemetry\":false", 0 },
	{ "\"output\":true", "\"output\":1", 1 },
	{ "\"output\":true", "\"output\":false", 0 },
	{ "\"limits\":{", "\"limits\":{\"luck\":1,", 1 },
	{ "\"memory\":8589934592,", "", 1 },
	/* paths */
	{ "\"project\":\"/home/u/p\"", "\"project\":\"home/u/p\"", 1 },
	{ "\"project\":\"/home/u/p\"", "\"project\":\"/home/../p\"", 1 },
	{ "\"dst\":\"/usr\"", "\"dst\":\"/usr/\"", 1 },
	{ "\"dst\":\"/usr\"", "\"dst\":\"//usr\"", 1 },
	{ "\"dst\":\"/usr\"", "\"dst\":\"/./usr\"", 1 },
	{ "\"dst\":\"/usr\"", "\"dst\":\"/\"", 1 },
	{ "\"dst\":\"/usr\"", "\"dst\":\"\"", 1 },
	{ "\"dst\":\"/usr\"", "\"dst\":\"/usr\\u0000\"", 1 },
	{ "\"src\":\"/usr\"", "\"src\":\"usr\"", 1 },
	{ "\"src\":\"/usr\"", "\"src\":\"/usr/..\"", 1 },
	/* ids */
	{ "\"host_uid\":1001", "\"host_uid\":0", 0 },
	{ "\"host_uid\":1001," IDS "\"landlock\"",
	  "\"host_uid\":0," IDS "\"namespaces\"", 1 },
	{ "\"host_gid\":1002," MORE_IDS "\"landlock\"",
	  "\"host_gid\":0," MORE_IDS "\"namespaces\"", 1 },
	{ "\"inside_gid\":1000,\"host_uid\":1001," IDS "\"landlock\"",
	  "\"inside_gid\":0,\"host_uid\":1001,\"host_gid\":0," MORE_IDS
	  "\"namespaces\"",
	  0 },
	{ "\"host_uid\":1001", "\"host_uid\":-1", 1 },
	{ "\"host_uid\":1001", "\"host_uid\":4294967295", 1 },
	{ "\"host_uid\":1001", "\"host_uid\":4294967296", 1 },
	{ "\"host_uid\":1001", "\"host_uid\":1001.5", 1 },
	{ "\"host_uid\":1001", "\"host_uid\":\"1001\"", 1 },
	/* mounts */
	{ "\"op\":\"bind\"", "\"op\":\"bond\"", 1 },
	{ "\"op\":\"bind\",", "", 1 },
	{ ",\"src\":\"/usr\"", "", 1 },
	{ "\"op\":\"dir\"", "\"op\":\"dir\",\"src\":\"/a\"", 1 },
	{ "\"op\":\"dir\"", "\"op\":\"dir\",\"public\":true", 1 },
	{ "\"public\":true", "\"public\":1", 1 },
	{ "\"op\":\"proc\"", "\"op\":\"proc\",\"writable\":true", 1 },
	{ "\"op\":\"dir\"", "\"op\":\"dir\",\"optional\":1", 1 },
	{ "\"mode\":493", "\"mode\":1024", 1 },
	{ "\"mode\":493", "\"mode\":2541", 1 }, /* 04755 */
	{ "\"size\":4096", "\"size\":-1", 1 },
	{ "\"text\":\"usr/bin\"", "\"text\":\"\"", 1 },
	{ "\"text\":\"usr/bin\"", "\"text\":\"usr\\u0000bin\"", 1 },
	{ ",\"text\":\"\"", "", 1 },
	/* the network */
	{ "198.18.0.0/16", "198.18.0.0/33", 1 },
	{ "198.18.0.0/16", "198.18.0.0", 1 },
	{ "198.18.0.0/16", "198.18.0/16", 1 },
	{ "198.18.0.0/16", "fd18::/64", 1 },
	{ "fd18::/64", "fd18::/129", 1 },
	{ "fd18::/64", "198.18.0.0/16", 1 },
	{ "\"ports\":[80,443]", "\"ports\":[0]", 1 },
	{ "\"ports\":[80,443]", "\"ports\":[65536]", 1 },
	{ "\"ports\":[80,443]", "\"ports\":[\"80\"]", 1 },
	{ "\"ports\":[80,443]", "\"ports\":80", 1 },
	{ "\"deny\":true", "\"deny\":1", 1 },
	{ "\"deny\":true", "\"allow\":true", 1 },
	{ "10.20.0.0/16", "10.20.0.0/016", 1 },
	/* lists and limits */
	{ "[\"A=b\"]", "[1]", 1 },
	{ "[\"A=b\"]", "\"A=b\"", 1 },
	{ "\"time_s\":14400", "\"time_s\":-1", 1 },
	{ "\"cpu_milli\":2000", "\"cpu_milli\":4294967296", 1 },
	{ "\"memory\":8589934592", "\"memory\":9223372036854775808", 1 },
};

/* @whole with the first @from replaced. */
static bool change(const struct change *c, struct buf *b)
{
	const char *at = strstr(whole, c->from);

	if (!at)
		return false;
	return buf_add(b, (struct str){ whole, (size_t)(at - whole) }) &&
	       buf_add(b, str_of(c->to)) &&
	       buf_add(b, str_of(at + strlen(c->from)));
}

static void test_refusals(void)
{
	for (size_t i = 0; i < N_ELEMS(changes); i++) {
		AUTO(arena) struct arena a = ARENA_NULL;
		AUTO(buf) struct buf b = BUF_NULL;
		struct diag why = { 0 };
		struct plan p;
		int r;

		arena_init(&a, ROOM);
		buf_init(&b, PLAN_MAX_BYTES);
		CHECK(change(&changes[i], &b));
		r = plan_parse(&a, buf_str(&b), &p, &why);
		if (r != changes[i].want)
			printf("# %s -> %s\n", changes[i].from, changes[i].to);
		CHECK_EQ(r, changes[i].want);
		CHECK_EQ(why.text[0] != '\0', r != 0);
	}
}

static void test_limits(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf b = BUF_NULL;
	struct change c = { "\"A=b\"", NULL, 1 };
	AUTO(buf) struct buf words = BUF_NULL;
	struct plan p;

	arena_init(&a, ROOM);
	buf_init(&b, PLAN_MAX_BYTES);
	buf_init(&words, PLAN_MAX_BYTES);
	for (unsigned i = 0; i < PLAN_MAX_ENV; i++)
		(void)buf_printf(&words, "\"A%u=b\",", i);
	(void)buf_add(&words, STR("\"A=b\""));
	c.to = buf_cstr(&words);
	CHECK(change(&c, &b));
	CHECK_EQ(plan_parse(&a, buf_str(&b), &p, NULL), 1);

	arena_done(&a);
	arena_init(&a, 1024);
	CHECK_EQ(plan_parse(&a, str_of(whole), &p, NULL), -ENOMEM);
}

int main(void)
{
	static const struct test tests[] = {
		{ "written and read again it is the same", test_round_trip },
		{ "values arrive", test_values },
		{ "what is no plan is refused", test_refusals },
		{ "limits are kept", test_limits },
	};

	return test_main(tests, N_ELEMS(tests));
}
