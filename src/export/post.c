/* SPDX-License-Identifier: Apache-2.0 */
#include "export/post.h"

#include <curl/curl.h>
#include <stdio.h>

#include "base/build-id.h"

#define CONNECT_MS    10000L
#define WHOLE_MS      60000L
#define HEADER_MAX    (64u + 4200u)
#define AFTER_MAX     3600u /* s; nobody makes us wait longer */
#define KEEPALIVE_MAX 55L   /* s that an idle connection may be used again */

struct post {
	CURL *curl;
	struct curl_slist *headers;
	struct buf answer;
	enum frame_type frame;
	char error[CURL_ERROR_SIZE];
	bool (*give_up)(void *owner);
	void *owner;
};

static size_t on_body(char *ptr, size_t size, size_t n, void *owner)
{
	struct post *p = owner;

	/* More than that nobody reads; it is not an error of the transfer. */
	(void)buf_add(&p->answer, (struct str){ ptr, size * n });
	return size * n;
}

static int on_progress(void *owner, curl_off_t a, curl_off_t b, curl_off_t c,
		       curl_off_t d)
{
	struct post *p = owner;

	(void)a, (void)b, (void)c, (void)d;
	return p->give_up && p->give_up(p->owner) ? 1 : 0;
}

/* "NAME: SCHEME VALUE"; without a scheme the value alone. */
static int add_header(struct post *p, const char *name, const char *scheme,
		      struct str value)
{
	char line[HEADER_MAX];
	struct curl_slist *more;
	int n = snprintf(line, sizeof(line), "%s:%s%s%s%.*s", name,
			 *scheme ? " " : "", scheme, value.len ? " " : "",
			 STR_ARG(value));

	if (n < 0 || (size_t)n >= sizeof(line))
		return -E2BIG;
	more = curl_slist_append(p->headers, line);
	explicit_bzero(line, sizeof(line));
	if (!more)
		return -ENOMEM;
	p->headers = more;
	return 0;
}

static int add_token(struct post *p, const struct sink *s, struct str token)
{
	static const char *const schemes[SINK_TYPE_MAX_] = {
		[SINK_SPLUNK] = "Splunk",
		[SINK_ELASTIC] = "ApiKey",
	};
	const char *scheme = schemes[s->type];

	if (token.len == 0)
		return 0;
	if (s->header)
		return add_header(p, s->header, "", token);
	if (s->type == SINK_DATADOG)
		return add_header(p, "DD-API-KEY", "", token);
	return add_header(p, "Authorization", scheme ? scheme : "Bearer",
			  token);
}

static bool set_tls(CURL *c, const struct sink *s)
{
	bool ok = curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_SSLVERSION,
				   (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;

	if (s->ca)
		ok = ok &&
		     curl_easy_setopt(c, CURLOPT_CAINFO, s->ca) == CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_CAPATH, NULL) == CURLE_OK;
	if (s->certificate)
		ok = ok &&
		     curl_easy_setopt(c, CURLOPT_SSLCERT, s->certificate) ==
			     CURLE_OK &&
		     curl_easy_setopt(c, CURLOPT_SSLKEY, s->key) == CURLE_OK;
	return ok;
}

static bool set_up(struct post *p, const struct sink *s)
{
	CURL *c = p->curl;
	bool plain = strncmp(s->url, "http://", 7) == 0;
	bool ok = curl_easy_setopt(c, CURLOPT_URL, s->url) == CURLE_OK &&
		  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
				   plain ? "http" : "https") == CURLE_OK;

	ok = ok && curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) ==
			   CURLE_OK;
	ok = ok &&
	     curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, WHOLE_MS) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_MAXAGE_CONN, KEEPALIVE_MAX) ==
			   CURLE_OK;
	ok = ok &&
	     curl_easy_setopt(c, CURLOPT_ERRORBUFFER, p->error) == CURLE_OK;
	ok = ok &&
	     curl_easy_setopt(c, CURLOPT_HTTPHEADER, p->headers) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_USERAGENT,
				    "bawn/" BAWN_VERSION) == CURLE_OK;
	ok = ok &&
	     curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_WRITEDATA, p) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress) ==
			   CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_XFERINFODATA, p) == CURLE_OK;
	if (plain) /* to ourselves: through nobody */
		ok = ok && curl_easy_setopt(c, CURLOPT_PROXY, "") == CURLE_OK;
	return ok && set_tls(c, s);
}

int post_new(const struct sink *s, struct str token, struct post **ret)
{
	AUTO(post) struct post *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	buf_init(&p->answer, ANSWER_MAX_BYTES);
	p->frame = s->frame;
	p->curl = curl_easy_init();
	if (!p->curl)
		return -ENOMEM;
	r = add_header(p, "Content-Type", frame_content_type(s->frame),
		       STR(""));
	/* Nobody is asked whether he would take what he gets anyhow. */
	if (r == 0)
		r = add_header(p, "Expect", "", STR(""));
	if (r == 0)
		r = add_token(p, s, token);
	if (r != 0)
		return r;
	if (!set_up(p, s))
		return -ENOTSUP;
	*ret = TAKE(p);
	return 0;
}

void post_free(struct post *p)
{
	if (!p)
		return;
	if (p->curl)
		curl_easy_cleanup(p->curl);
	curl_slist_free_all(p->headers);
	buf_done(&p->answer);
	free(p);
}

void post_send(struct post *p, struct str body, uint32_t n,
	       bool (*give_up)(void *owner), void *owner, struct answer *ret,
	       uint32_t *ret_after_s)
{
	curl_off_t after = 0;
	long status = 0;
	CURLcode c;

	*ret_after_s = 0;
	p->give_up = give_up;
	p->owner = owner;
	p->error[0] = '\0';
	buf_clear(&p->answer);
	*ret = (struct answer){ .verdict = ANSWER_LATER };
	if (curl_easy_setopt(p->curl, CURLOPT_POSTFIELDSIZE_LARGE,
			     (curl_off_t)body.len) != CURLE_OK ||
	    curl_easy_setopt(p->curl, CURLOPT_POSTFIELDS, body.ptr) != CURLE_OK)
		return;
	c = curl_easy_perform(p->curl);
	if (c != CURLE_OK) {
		str_sanitise(
			str_of(p->error[0] ? p->error : curl_easy_strerror(c)),
			ret->why, sizeof(ret->why));
		return;
	}
	(void)curl_easy_getinfo(p->curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(p->curl, CURLINFO_RETRY_AFTER, &after);
	if (after > 0)
		*ret_after_s = after < AFTER_MAX ? (uint32_t)after : AFTER_MAX;
	answer_parse(p->frame, (unsigned)status, buf_str(&p->answer), n, ret);
	if (ret->verdict != ANSWER_TAKEN) {
		char said[sizeof(ret->why)];

		memcpy(said, ret->why, sizeof(said));
		(void)snprintf(ret->why, sizeof(ret->why), "HTTP %ld%s%.120s",
			       status, said[0] ? ": " : "", said);
	}
}
