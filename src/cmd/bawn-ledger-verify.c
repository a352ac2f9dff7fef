/* SPDX-License-Identifier: Apache-2.0 */
/* bawn ledger verify: is the ledger whole and unchanged? */
#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "cmd/bawn-ledger.h"
#include "ledger/reader.h"
#include "ledger/verify.h"

#define BAR_STEP_NS (100 * NS_PER_MS)

/* A bar on a terminal, once it takes long enough to wonder. */
struct bar {
	uint64_t next_ns;
	bool shown;
};

static void draw(void *arg, uint64_t done, uint64_t all)
{
	static const char full[] = "########################################";
	struct bar *b = arg;
	uint64_t now = clock_mono_ns();
	int n = all > 0 ? (int)((double)done / (double)all * 40) : 0;

	if (now < b->next_ns)
		return;
	b->next_ns = now + BAR_STEP_NS;
	b->shown = true;
	fprintf(stderr, "\rverifying [%-40.*s] %" PRIu64 " records", n, full,
		done);
}

static void clear(const struct bar *b)
{
	if (b->shown)
		fprintf(stderr, "\r%-70s\r", "");
}

static int show_json(const struct verify_report *rep, bool ok)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 4096);
	json_open(&w, '{');
	json_kbool(&w, "ok", ok);
	json_kuint(&w, "records", rep->records);
	json_kuint(&w, "size", rep->size);
	json_kuint(&w, "first_form", rep->first_form);
	json_kuint(&w, "erased", rep->erased);
	json_kuint(&w, "since", rep->since);
	json_kstr(&w, "key", str_of(rep->key));
	json_kbool(&w, "key_was_told", rep->key_was_told);
	json_kuint(&w, "bytes", rep->bytes);
	json_kuint(&w, "last_seq", rep->last_seq);
	json_kuint(&w, "torn_bytes", rep->torn_bytes);
	json_kuint(&w, "repairs", rep->repairs);
	if (!ok) {
		json_kstr(&w, "file", str_of(rep->file));
		json_kuint(&w, "line", rep->line);
		json_kstr(&w, "text", str_of(rep->text));
	}
	json_close(&w, '}');
	(void)buf_addc(&b, '\n');
	if (b.failed || fwrite(buf_str(&b).ptr, 1, b.len, stdout) != b.len)
		return BAWN_EXIT_TROUBLE;
	return 0;
}

static void show_text(const struct verify_report *rep, bool ok)
{
	if (!ok) {
		if (rep->line > 0)
			printf("%s:%" PRIu64 ": %s\n", rep->file, rep->line,
			       rep->text);
		else
			printf("%s: %s\n", rep->file, rep->text);
		printf("not whole: %" PRIu64 " records looked at\n",
		       rep->records);
		return;
	}
	printf("whole: %" PRIu64 " records, the last is number %" PRIu64
	       "; %" PRIu64 " of them below the signed checkpoint\n",
	       rep->records, rep->last_seq, rep->size);
	if (rep->since > 0)
		printf("nothing of the first %" PRIu64 " has changed since it "
		       "was verified before\n",
		       rep->since);
	printf("%s %s\n",
	       rep->key_was_told ? "signed by the key known before:"
				 : "signed by a key seen for the first time:",
	       rep->key);
	if (rep->erased > 0)
		printf("%" PRIu64 " payloads were erased, and records say so\n",
		       rep->erased);
	if (rep->repairs > 0)
		printf("%" PRIu64 " times a write that was never acknowledged "
		       "was cut short; see kind = ledger.torn\n",
		       rep->repairs);
	if (rep->torn_bytes > 0)
		printf("%" PRIu64 " bytes at the end are not acknowledged: "
		       "being written now, or to be cut at the next start\n",
		       rep->torn_bytes);
}

int verb_verify(const struct verb *v, int argc, char *const argv[])
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct bar bar = { .next_ns = clock_mono_ns() + 5 * BAR_STEP_NS };
	struct verify_report rep;
	struct verb_opts o = { 0 };
	AUTO(buf) struct buf since = BUF_NULL;
	struct verify_options vo = { .seen = NULL };
	const char *dir;
	int first = 0;
	int r = verb_parse(v, argc, argv, &o, &first);

	if (r >= 0)
		return r;
	arena_init(&a, 65536);
	dir = ledger_dir(&a);
	if (!dir)
		return BAWN_EXIT_TROUBLE;
	vo.seen = arena_printf(&a, "%s-seen", dir);
	vo.key = str_trim(str_of(o.key));
	if (o.since) {
		r = ledger_load(NULL, o.since, &since);
		if (r != 0)
			return r;
		vo.since = buf_str(&since);
	}
	r = verify_ledger(dir, &vo, isatty(STDERR_FILENO) ? draw : NULL, &bar,
			  &rep);
	clear(&bar);
	if (r == -EINVAL && o.key) {
		ledger_error(
			"--key: not a verifier key; see 'bawn ledger key'");
		return BAWN_EXIT_USAGE;
	}
	if (r < 0) {
		AUTO(reader) struct reader *none = NULL;

		/* That says why, when it is not there or of another form. */
		if (r == -ENOENT && ledger_open_dir(dir, false, &none) == 0)
			ledger_error("no ledger in %s yet", dir);
		else if (r != -ENOENT)
			ledger_error("%s: %s", dir, strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	if (r == 0 && rep.unseen != 0)
		ledger_error("%s: what was found good could not be remembered: "
			     "%s",
			     vo.seen, strerror(-rep.unseen));
	if (!o.json)
		show_text(&rep, r == 0);
	else if (show_json(&rep, r == 0) != 0)
		return BAWN_EXIT_TROUBLE;
	if (fflush(stdout) != 0) {
		ledger_error("cannot write: %s", strerror(errno));
		return BAWN_EXIT_TROUBLE;
	}
	return r == 0 ? BAWN_EXIT_OK : BAWN_EXIT_REFUSED;
}
