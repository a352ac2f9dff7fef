/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn ledger cosigner: HTTP around cosigner_answer().
 *
 * libmicrohttpd runs one thread, so requests are answered one after the other,
 * as cosigner_answer() needs it.  This thread waits for a signal.
 */
#include <microhttpd.h>
#include <netdb.h>
#include <signal.h>

#include "base/clock.h"
#include "cmd/bawn-cosign.h"
#include "cmd/cosigner-state.h"

#define CONNECTIONS_MAX 64u
#define MEMORY_BYTES    ((size_t)32 * 1024) /* of headers, a connection */
#define IDLE_S          30u
#define PATH            "/add-checkpoint"

struct visit {
	struct buf body;
	bool too_long;
};

static enum MHD_Result say(struct MHD_Connection *to, unsigned status,
			   const char *type, struct str body)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(
		body.len, (void *)(uintptr_t)body.ptr, MHD_RESPMEM_MUST_COPY);
	enum MHD_Result ok;

	if (!r)
		return MHD_NO;
	ok = MHD_add_response_header(r, "Content-Type", type);
	if (ok == MHD_YES)
		ok = MHD_queue_response(to, status, r);
	MHD_destroy_response(r);
	return ok;
}

static enum MHD_Result say_plain(struct MHD_Connection *to, unsigned status,
				 const char *text)
{
	return say(to, status, "text/plain", str_of(text));
}

static enum MHD_Result begin(struct MHD_Connection *to, const char *url,
			     const char *method, void **ret)
{
	struct visit *v;

	if (strcmp(url, PATH) != 0)
		return say_plain(to, MHD_HTTP_NOT_FOUND, "not here\n");
	if (strcmp(method, "POST") != 0)
		return say_plain(to, MHD_HTTP_METHOD_NOT_ALLOWED, "POST it\n");
	v = calloc(1, sizeof(*v));
	if (!v)
		return MHD_NO;
	buf_init(&v->body, COSIGN_BODY_MAX);
	*ret = v;
	return MHD_YES;
}

static enum MHD_Result finish(struct cosigner *c, struct MHD_Connection *to,
			      const struct visit *v)
{
	struct cosigner_answer a;
	enum MHD_Result ok;

	if (v->too_long)
		return say_plain(to, MHD_HTTP_CONTENT_TOO_LARGE, "too long\n");
	cosigner_answer(c, buf_str(&v->body), clock_utc_ns() / NS_PER_S, &a);
	ok = say(to, a.status, a.type, buf_str(&a.body));
	buf_done(&a.body);
	return ok;
}

/* The parameters are the library's: NOLINTNEXTLINE(readability-function-size) */
static enum MHD_Result on_request(void *owner, struct MHD_Connection *to,
				  const char *url, const char *method,
				  const char *version, const char *data,
				  size_t *len, void **visit)
{
	struct visit *v = *visit;

	(void)version;
	if (!v)
		return begin(to, url, method, visit);
	if (*len == 0)
		return finish(owner, to, v);
	v->too_long =
		v->too_long || !buf_add(&v->body, (struct str){ data, *len });
	*len = 0;
	return MHD_YES;
}

static void on_end(void *owner, struct MHD_Connection *from, void **visit,
		   enum MHD_RequestTerminationCode why)
{
	struct visit *v = *visit;

	(void)owner;
	(void)from;
	(void)why;
	if (!v)
		return;
	buf_done(&v->body);
	free(v);
	*visit = NULL;
}

/* "ADDRESS:PORT" or "[ADDRESS]:PORT", no names. */
static bool parse_address(const char *text, struct sockaddr_storage *ret)
{
	const struct addrinfo how = { .ai_flags =
					      AI_NUMERICHOST | AI_NUMERICSERV,
				      .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(text, ':');
	struct addrinfo *found = NULL;
	char host[64];
	struct str h;

	if (!colon || colon == text)
		return false;
	h = (struct str){ text, (size_t)(colon - text) };
	if (str_starts(h, STR("[")) && str_ends(h, STR("]")))
		h = (struct str){ h.ptr + 1, h.len - 2 };
	if (h.len >= sizeof(host))
		return false;
	(void)snprintf(host, sizeof(host), "%.*s", STR_ARG(h));
	if (getaddrinfo(host, colon + 1, &how, &found) != 0)
		return false;
	memcpy(ret, found->ai_addr, found->ai_addrlen);
	freeaddrinfo(found);
	return true;
}

static int say_ready(const struct cosigner *c, struct MHD_Daemon *d)
{
	const union MHD_DaemonInfo *i =
		MHD_get_daemon_info(d, MHD_DAEMON_INFO_BIND_PORT);
	AUTO(buf) struct buf b = BUF_NULL;
	const char *vkey;

	buf_init(&b, NOTE_VKEY_SIZE);
	cosigner_vkey(c, &b);
	vkey = buf_cstr(&b);
	if (!vkey || !i)
		return BAWN_EXIT_TROUBLE;
	/* Port 0 means any: who started us has to be told. */
	printf("key %s\nport %u\n", vkey, (unsigned)i->port);
	return fflush(stdout) == 0 ? BAWN_EXIT_OK : BAWN_EXIT_TROUBLE;
}

static int serve(struct cosigner *c, const struct sockaddr_storage *at)
{
	struct MHD_Daemon *d;
	sigset_t ends;
	int signal = 0, r;

	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGINT);
	(void)sigaddset(&ends, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
	d = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
			(at->ss_family == AF_INET6 ? MHD_USE_IPv6 : 0),
		0, NULL, NULL, on_request, c, MHD_OPTION_SOCK_ADDR, at,
		MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_BYTES,
		MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S,
		MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL, MHD_OPTION_END);
	if (!d) {
		cosign_error("cosigner: --listen: cannot listen there: %s",
			     strerror(errno));
		return BAWN_EXIT_TROUBLE;
	}
	r = say_ready(c, d);
	if (r == BAWN_EXIT_OK)
		(void)sigwait(&ends, &signal);
	MHD_stop_daemon(d);
	return r;
}

int cosign_serve(const struct cosign_opts *o)
{
	AUTO(cosigner) struct cosigner *c = NULL;
	struct sockaddr_storage at = { 0 };
	struct diag d = { 0 };
	int r;

	if (!o->state || !o->listen || o->logs.n == 0) {
		cosign_error("usage: bawn ledger " COSIGNER_SYNOPSIS);
		return BAWN_EXIT_USAGE;
	}
	if (!parse_address(o->listen, &at)) {
		cosign_error("cosigner: --listen: '%s' is not ADDRESS:PORT",
			     o->listen);
		return BAWN_EXIT_USAGE;
	}
	r = cosigner_open(&c, o->state, o->name, &d);
	for (size_t i = 0; r == 0 && i < o->logs.n; i++)
		r = cosigner_add_log(c, str_of(o->logs.items[i]), &d);
	if (r == 1) {
		cosign_error("cosigner: %s", d.text);
		return BAWN_EXIT_USAGE;
	}
	if (r != 0) {
		cosign_error("cosigner: %s: %s", o->state,
			     r == -EBUSY ? "another one serves it"
					 : strerror(-r));
		return BAWN_EXIT_TROUBLE;
	}
	return serve(c, &at);
}
