/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn ledger cosign: our checkpoint and the proof that it continues what was
 * cosigned last, to a cosigner; its signature, once verified, to
 *
 *     STATE/ledger-cosigned/HEX     HEX: the id of the cosigner's key
 *
 * which is what to hand to others, and what `bawn ledger verify --since` takes.
 *
 * Threats: the answer is foreign.  It is bounded, no redirect is followed, and
 * nothing of it is kept but a signature that the given key verifies.
 */
#include <curl/curl.h>
#include <fcntl.h>
#include <inttypes.h>

#include "base/clock.h"
#include "base/fd.h"
#include "cmd/bawn-cosign.h"
#include "ledger/cosign.h"
#include "ledger/reader.h"
#include "ledger/tiles.h"

#define COSIGNED_SUFFIX "-cosigned"
#define ANSWER_MAX      ((size_t)64 * 1024)
#define CONNECT_MS      10000L
#define TOTAL_MS        60000L
#define URL_MAX         2048u

struct submission {
	const struct cosign_opts *o;
	struct hash *hash;
	struct note_key key;
	const char *dir;
	char kept_dir[4096], file[16]; /* below kept_dir */
	struct buf note;               /* our checkpoint, signed by us */
	struct note parsed;
	struct checkpoint at;
};

struct answer {
	long status;
	bool is_size; /* by its type */
	struct buf body;
};

static int trouble(const char *what, int r)
{
	cosign_error("cosign: %s: %s", what, strerror(-r));
	return BAWN_EXIT_TROUBLE;
}

/* ---- what is there ---- */

static int load_checkpoint(struct submission *s)
{
	AUTO(fd) int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = fd == -1 ? neg_errno()
			 : file_load(fd, CHECKPOINT_NAME, &s->note);

	if (r == -ENOENT) {
		cosign_error("cosign: %s has no checkpoint yet: nothing was "
			     "recorded, or by an older bawn alone",
			     s->dir);
		return BAWN_EXIT_TROUBLE;
	}
	if (r != 0)
		return trouble(s->dir, r);
	if (!note_parse(buf_str(&s->note), &s->parsed) ||
	    !checkpoint_parse(s->parsed.text, &s->at)) {
		cosign_error("cosign: the file checkpoint is damaged; see "
			     "'bawn ledger verify'");
		return BAWN_EXIT_REFUSED;
	}
	return 0;
}

/* The size it signed last as far as we remember; 0 when we do not. */
static uint64_t load_last(const struct submission *s)
{
	AUTO(fd) int fd = open(s->kept_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(buf) struct buf b = BUF_NULL;
	struct checkpoint at;
	struct note n;
	uint64_t when;

	buf_init(&b, NOTE_MAX_BYTES);
	if (fd == -1 || file_load(fd, s->file, &b) != 0 ||
	    !note_parse(buf_str(&b), &n) ||
	    note_verify_cosignature(&n, &s->key, &when) != 0 ||
	    !checkpoint_parse(n.text, &at))
		return 0;
	return at.size <= s->at.size ? at.size : 0;
}

/* ---- asking ---- */

static size_t on_body(char *p, size_t one, size_t n, void *owner)
{
	struct answer *a = owner;

	return buf_add(&a->body, (struct str){ p, one * n }) ? n : 0;
}

static CURLcode set_up(CURL *c, const char *url, struct str body,
		       struct curl_slist *headers, struct answer *a)
{
	CURLcode e = CURLE_OK;

#define SET(option, value) \
	(e = e == CURLE_OK ? curl_easy_setopt(c, option, value) : e)
	SET(CURLOPT_URL, url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_POSTFIELDS, body.ptr);
	SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	SET(CURLOPT_HTTPHEADER, headers);
	SET(CURLOPT_USERAGENT, "bawn");
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, TOTAL_MS);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, a);
#undef SET
	return e;
}

/* 0 and the whole answer, or an exit code. */
static int post(const struct submission *s, struct str body, struct answer *a)
{
	struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: text/plain");
	CURL *c = curl_easy_init();
	char url[URL_MAX], *type = NULL;
	size_t len = strlen(s->o->to);
	CURLcode e = CURLE_OUT_OF_MEMORY;

	while (len > 0 && s->o->to[len - 1] == '/')
		len--;
	(void)snprintf(url, sizeof(url), "%.*s/add-checkpoint", (int)len,
		       s->o->to);
	buf_clear(&a->body);
	if (c && headers)
		e = set_up(c, url, body, headers, a);
	if (e == CURLE_OK)
		e = curl_easy_perform(c);
	if (e == CURLE_OK)
		e = curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &a->status);
	if (e == CURLE_OK)
		e = curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
	a->is_size =
		e == CURLE_OK && type && strcmp(type, COSIGN_SIZE_TYPE) == 0;
	if (e != CURLE_OK)
		cosign_error("cosign: %s: %s", url, curl_easy_strerror(e));
	curl_easy_cleanup(c);
	curl_slist_free_all(headers);
	return e == CURLE_OK ? 0 : BAWN_EXIT_TROUBLE;
}

static int prove(const struct submission *s, int dirfd, uint64_t old,
		 struct merkle_proof *ret)
{
	struct tiles *t = malloc(sizeof(*t)); /* too large for a stack */
	struct merkle_source from;
	int r;

	if (!t)
		return -ENOMEM;
	tiles_init(t, dirfd, s->at.size, s->hash);
	from = tiles_source(t);
	r = merkle_prove_consistency(&from, old, s->at.size, ret);
	free(t);
	return r;
}

/* 0 and the answer, or an exit code. */
static int ask(const struct submission *s, uint64_t old, struct answer *a)
{
	struct cosign_request r = { .old = old, .note = buf_str(&s->note) };
	AUTO(fd) int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO(buf) struct buf b = BUF_NULL;
	int e = fd == -1 ? neg_errno() : 0;

	if (e == 0 && old > 0 && old < s->at.size)
		e = prove(s, fd, old, &r.proof);
	if (e != 0)
		return trouble("the tiles of the ledger cannot be read", e);
	buf_init(&b, COSIGN_BODY_MAX);
	cosign_request_add(&b, &r);
	if (b.failed)
		return trouble("the request", -ENOMEM);
	return post(s, buf_str(&b), a);
}

/* ---- the answer ---- */

static int save(const struct submission *s, struct str note)
{
	AUTO(fd) int fd = -1;
	int r = dir_make_private(s->kept_dir);

	if (r == 0) {
		fd = open(s->kept_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = fd == -1 ? neg_errno() : 0;
	}
	if (r == 0)
		r = file_save(fd, s->file, note, 0600, true);
	return r == 0 ? 0 : trouble(s->kept_dir, r);
}

static int take(const struct submission *s, const struct answer *a)
{
	AUTO(buf) struct buf b = BUF_NULL;
	char when_text[40];
	uint64_t when = 0;
	struct note n;
	int r;

	/* Behind our text and signature; the lines of others are left out. */
	buf_init(&b, NOTE_MAX_BYTES);
	(void)buf_add(&b, buf_str(&s->note));
	(void)buf_add(&b, buf_str(&a->body));
	if (b.failed || !note_parse(buf_str(&b), &n) ||
	    !str_eq(n.text, s->parsed.text) ||
	    note_verify_cosignature(&n, &s->key, &when) != 0) {
		cosign_error("cosign: %s did not answer with a signature of "
			     "the key that was given",
			     s->o->to);
		return BAWN_EXIT_REFUSED;
	}
	r = save(s, buf_str(&b));
	if (r != 0)
		return r;
	clock_format_utc(when * NS_PER_S, when_text, sizeof(when_text));
	printf("%" PRIu64 " records cosigned by %s at %s\n", s->at.size,
	       s->key.name, when_text);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

static int explain(const struct submission *s, const struct answer *a)
{
	switch (a->status) {
	case 404:
		cosign_error("cosign: %s does not know this ledger; give it "
			     "what 'bawn ledger key' prints",
			     s->o->to);
		return BAWN_EXIT_REFUSED;
	case 403:
		cosign_error("cosign: %s knows another key of this ledger",
			     s->o->to);
		return BAWN_EXIT_REFUSED;
	case 409:
	case 422:
		cosign_error("cosign: %s has signed another history of this "
			     "ledger than is here: records were cut or "
			     "replaced",
			     s->o->to);
		return BAWN_EXIT_REFUSED;
	default:
		cosign_error("cosign: %s answered %ld", s->o->to, a->status);
		return BAWN_EXIT_TROUBLE;
	}
}

static int submit(const struct submission *s, struct answer *a)
{
	uint64_t old = load_last(s), size;
	int r = ask(s, old, a);

	/* It knows better than we do what it signed. */
	if (r == 0 && a->status == 409 && a->is_size &&
	    cosign_size_parse(buf_str(&a->body), &size) && size != old) {
		if (size > s->at.size) {
			cosign_error("cosign: %s has signed %" PRIu64
				     " records, which is more than the %" PRIu64
				     " there are: the ledger was cut",
				     s->o->to, size, s->at.size);
			return BAWN_EXIT_REFUSED;
		}
		r = ask(s, size, a);
	}
	if (r != 0)
		return r;
	return a->status == 200 ? take(s, a) : explain(s, a);
}

static bool is_url(const char *s)
{
	struct str u = str_of(s);

	return (str_starts(u, STR("http://")) ||
		str_starts(u, STR("https://"))) &&
	       u.len < URL_MAX - sizeof("/add-checkpoint");
}

int cosign_submit(const struct cosign_opts *o)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct submission s = { .o = o };
	struct answer answer = { .status = 0 };
	int r;

	if (!o->to || !o->key || !is_url(o->to)) {
		cosign_error("usage: bawn ledger " COSIGN_SYNOPSIS
			     " (http:// or https://)");
		return BAWN_EXIT_USAGE;
	}
	arena_init(&a, 16384);
	buf_init(&s.note, NOTE_MAX_BYTES);
	buf_init(&answer.body, ANSWER_MAX);
	s.dir = reader_default_dir(&a);
	r = s.dir ? hash_new(&s.hash) : -ENOENT;
	if (r != 0)
		return trouble("HOME or BAWN_STATE_DIR", r);
	if (!note_vkey_parse(s.hash, str_of(o->key), NOTE_COSIGNATURE,
			     &s.key)) {
		cosign_error("cosign: --key: not a cosigner's verifier key, "
			     "which it prints when it starts");
		r = BAWN_EXIT_USAGE;
	}
	(void)snprintf(s.kept_dir, sizeof(s.kept_dir), "%s" COSIGNED_SUFFIX,
		       s.dir);
	(void)snprintf(s.file, sizeof(s.file), "%08x", s.key.id);
	if (r == 0)
		r = load_checkpoint(&s);
	if (r == 0)
		r = submit(&s, &answer);
	buf_done(&answer.body);
	buf_done(&s.note);
	hash_free(s.hash);
	return r;
}
