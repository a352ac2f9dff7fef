/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "keeper/clients-parse.h"

static void urls(void)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} rows[] = {
		{ "https://r.test/npm/", "https://r.test/npm/" },
		{ "http://r.test:8080", "http://r.test:8080" },
		{ "https://user:pass@r.test/x", "https://r.test/x" },
		{ "https://tok@en@r.test/x", "https://r.test/x" },
		{ "https://r.test/a@b", "https://r.test/a@b" },
		{ "https://r.test/x?token=1", "https://r.test/x" },
		{ "https://r.test/x#frag", "https://r.test/x" },
		{ "https://r.test?u=x@y.test/", "https://r.test" },
		{ "sparse+https://u@i.test/", "sparse+https://i.test/" },
		{ "https://", NULL },
		{ "https://user@", NULL },
		{ "https:///x", NULL },
		{ "ftp://r.test/", NULL },
		{ "file:///etc/passwd", NULL },
		{ "r.test", NULL },
		{ "https://r.test/a b", NULL },
		{ "https://r.test/\n", NULL },
		{ "https://r.test\\@evil.test/", NULL },
		{ "https://r.\xc3\xa4.test/", NULL },
		{ "", NULL },
	};
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, 65536);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str got = { 0 };
		bool ok = clients_public_url(&a, str_of(rows[i].in), &got);

		CHECK_EQ(ok, rows[i].want != NULL);
		if (ok && rows[i].want && !str_eq(got, str_of(rows[i].want)))
			test_note(__FILE__, __LINE__, rows[i].in, 0, 1);
	}
}

typedef void (*parse_fn)(struct arena *a, struct str text,
			 struct clients_config *ret);

static void files(void)
{
	static const struct {
		parse_fn parse;
		const char *text;
		enum clients_var var;
		const char *want; /* NULL: not set */
	} rows[] = {
		{ clients_parse_npmrc, "registry=https://r.test/\n",
		  CLIENTS_NPM_REGISTRY, "https://r.test/" },
		{ clients_parse_npmrc, "; c\n registry = \"https://r.test/\"\n",
		  CLIENTS_NPM_REGISTRY, "https://r.test/" },
		{ clients_parse_npmrc, "registry=https://u:p@r.test/\n",
		  CLIENTS_NPM_REGISTRY, "https://r.test/" },
		{ clients_parse_npmrc, "cafile=/etc/ca.pem\n",
		  CLIENTS_NPM_CAFILE, "/etc/ca.pem" },
		{ clients_parse_npmrc, "cafile=ca.pem\n", CLIENTS_NPM_CAFILE,
		  NULL },
		{ clients_parse_npmrc, "nodedir=/usr\n", CLIENTS_NPM_NODEDIR,
		  "/usr" },
		{ clients_parse_npmrc, "nodedir=../x\n", CLIENTS_NPM_NODEDIR,
		  NULL },
		{ clients_parse_npmrc, "registry=${SECRET}\n",
		  CLIENTS_NPM_REGISTRY, NULL },
		{ clients_parse_npmrc, "//r.test/:_authToken=abc\n",
		  CLIENTS_NPM_REGISTRY, NULL },
		{ clients_parse_npmrc, "@acme:registry=https://r.test/\n",
		  CLIENTS_NPM_REGISTRY, NULL },
		{ clients_parse_pip, "[global]\nindex-url = https://i.test/s\n",
		  CLIENTS_PIP_INDEX, "https://i.test/s" },
		{ clients_parse_pip, "[install]\nindex-url: https://i.test/s\n",
		  CLIENTS_PIP_INDEX, "https://i.test/s" },
		{ clients_parse_pip, "[list]\nindex-url = https://i.test/s\n",
		  CLIENTS_PIP_INDEX, NULL },
		{ clients_parse_pip,
		  "[global]\nextra-index-url =\n  https://u:p@a.test/\n"
		  "  https://b.test/\ncert=/etc/x\n",
		  CLIENTS_PIP_EXTRA, "https://a.test/ https://b.test/" },
		{ clients_parse_pip, "[global]\ncert=/etc/x\n",
		  CLIENTS_PIP_CERT, "/etc/x" },
		{ clients_parse_pip, "[global]\nproxy = http://p.test\n",
		  CLIENTS_PIP_INDEX, NULL },
		{ clients_parse_go, "GOPROXY=https://u:p@g.test,direct\n",
		  CLIENTS_GOPROXY, "https://g.test,direct" },
		{ clients_parse_go, "GOPROXY=off\n", CLIENTS_GOPROXY, "off" },
		{ clients_parse_go, "GOPROXY=file:///x|direct\n",
		  CLIENTS_GOPROXY, NULL },
		{ clients_parse_go, "GOPRIVATE=*.corp.test\n",
		  CLIENTS_GOPRIVATE, "*.corp.test" },
		{ clients_parse_go, "GOSUMDB=s.test+ab12+key https://s.test\n",
		  CLIENTS_GOSUMDB, "s.test+ab12+key https://s.test" },
		{ clients_parse_go, "GOAUTH=secret\n", CLIENTS_GOPROXY, NULL },
	};
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, 65536);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct clients_config c = { 0 };
		const char *want = rows[i].want;
		struct str got;

		rows[i].parse(&a, str_of(rows[i].text), &c);
		got = c.value[rows[i].var];
		if (want ? !str_eq(got, str_of(want)) : got.ptr != NULL)
			test_note(__FILE__, __LINE__, rows[i].text,
				  (int64_t)got.len, (int64_t)i);
	}
}

static void first_wins(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct clients_config c = { 0 };

	arena_init(&a, 65536);
	clients_take_var(&a, CLIENTS_NPM_REGISTRY, STR("https://env.test/"),
			 &c);
	clients_parse_npmrc(&a, STR("registry=https://file.test/\n"), &c);
	CHECK_EQ(
		str_eq(c.value[CLIENTS_NPM_REGISTRY], STR("https://env.test/")),
		1);
}

static void cargo(void)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str got;

	arena_init(&a, 65536);
	clients_filter_cargo(
		&a,
		STR("[build]\njobs = 4\n[http]\nproxy = \"http://p.test\"\n"
		    "[source.main]\nreplace-with = \"corp\"\n"
		    "registry = \"sparse+https://u:tok@c.test/\"\n"
		    "token = \"abc\"\nindex = \"https://x\\u0022.test\"\n"
		    "[registries.corp]\nindex = \"https://c.test/git\"\n"
		    "[registries.\"o\\dd\"]\nindex = \"https://d.test\"\n"
		    "[credential]\nregistry = \"https://no.test\"\n"),
		&got);
	CHECK_EQ(str_eq(got, STR("[source.main]\nreplace-with = \"corp\"\n"
				 "registry = \"sparse+https://c.test/\"\n"
				 "[registries.corp]\n"
				 "index = \"https://c.test/git\"\n")),
		 1);
	clients_filter_cargo(&a, STR("[net]\nretry = 1\n"), &got);
	CHECK_EQ(got.len, 0);
}

int main(void)
{
	static const struct test tests[] = {
		{ "public URLs", urls },
		{ "npmrc, pip.conf, go env", files },
		{ "what was said first counts", first_wins },
		{ "cargo", cargo },
	};

	return test_main(tests, N_ELEMS(tests));
}
