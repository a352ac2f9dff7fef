/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy that holds where the user says nothing, in the language itself,
 * so that `policy show` can name its lines and nothing about it is special.
 *
 * env.pass has no variable that usually carries a credential or a proxy; the
 * CA variables are there because a company's certificates live in them.
 */
#include "policy/policy-doc.h"

/* clang-format off */
static const char builtin_text[] =
	"version: 1\n"
	"backend: namespaces\n"
	"nested: false\n"
	"workspace: live\n"
	"files:\n"
	"  read: [/usr, /etc, /opt]\n"
	"  write: [.]\n"
	"  hide: [\"**/.env\", \"**/.env.*\"]\n"
	"env:\n"
	"  pass:\n"
	/* locale, time, terminal, colour */
	"    [LANG, LANGUAGE, LC_*, TZ,\n"
	"     TERM, COLORTERM, TERM_PROGRAM, TERM_PROGRAM_VERSION, TERMINFO,\n"
	"     COLUMNS, LINES, NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE,\n"
	"     LS_COLORS, EDITOR, VISUAL, PAGER, LESS, MANPAGER,\n"
	/* builds */
	"     CC, CXX, CPP, LD, AR, AS, NM, RANLIB, STRIP, OBJCOPY, FC,\n"
	"     CFLAGS, CXXFLAGS, CPPFLAGS, LDFLAGS, LDLIBS, FFLAGS, MAKEFLAGS,\n"
	"     PKG_CONFIG, PKG_CONFIG_PATH, PKG_CONFIG_LIBDIR, V, VERBOSE,\n"
	"     CMAKE_GENERATOR, CMAKE_BUILD_TYPE, CMAKE_PREFIX_PATH,\n"
	"     CMAKE_BUILD_PARALLEL_LEVEL, NINJA_STATUS, SOURCE_DATE_EPOCH,\n"
	"     RUSTFLAGS, RUST_BACKTRACE, RUST_LOG, CARGO_BUILD_JOBS,\n"
	"     CARGO_TERM_COLOR, CARGO_INCREMENTAL, CARGO_PROFILE_*,\n"
	"     GOFLAGS, GOOS, GOARCH, GOARM, GOAMD64, GOMAXPROCS, GODEBUG,\n"
	"     GOTOOLCHAIN, GO111MODULE, CGO_ENABLED, CGO_CFLAGS, CGO_LDFLAGS,\n"
	"     NODE_ENV, NODE_OPTIONS, PYTHONUNBUFFERED, PYTHONHASHSEED,\n"
	"     PYTHONDONTWRITEBYTECODE, PYTHONWARNINGS, PYTEST_ADDOPTS,\n"
	"     CI, DEBIAN_FRONTEND,\n"
	"     GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_AUTHOR_DATE,\n"
	"     GIT_COMMITTER_NAME, GIT_COMMITTER_EMAIL, GIT_COMMITTER_DATE,\n"
	/* certificates */
	"     SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS,\n"
	"     REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, GIT_SSL_CAINFO, PIP_CERT]\n"
	"network:\n"
	"  default: deny\n"
	"limits:\n"
	"  memory: 16G\n"
	"  processes: 4096\n"
	"  disk: 50G\n"
	"audit:\n"
	"  files: writes\n"
	"  output: false\n"
	"  telemetry: off\n";
/* clang-format on */

int policy_builtin(struct arena *a, const struct policy_doc **ret)
{
	struct diag err = { 0 };
	int r = policy_parse(a, str_of(builtin_text), STR("builtin"),
			     STR("builtin"), ret, &err);

	ASSERT(r <= 0); /* our own text is in the language */
	return r;
}
