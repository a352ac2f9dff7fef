/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 *   HEAD --head--> LENGTH or CHUNKS --whole body--> HEAD    answered
 *     |               |
 *     `---refused-----+--> LINGER --EOF, or LINGER_MS--> closed
 *
 * HEAD    bytes gather in `in` until the empty line
 * LENGTH  `left` bytes of the body are missing
 * CHUNKS  as h1-chunks-parse.h has it
 * LINGER  answered for the last time; what still comes is dropped, so that the
 *         answer is not lost to a reset
 *
 * `in` holds what was read and not yet used: less than a head, or the start of
 * a chunk's line.  Bodies are counted together; beyond RECEIVE_BYTES_MAX a
 * request is put off.  One request at a time is unpacked and read, within the
 * limits of otlp-parse.h.
 *
 * Clients are of one jail and may be its enemy: who opens more connections than
 * there may be ends the one whose time is up first.
 */
#include "relay/receive.h"

#include <stdio.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/json.h"
#include "http/h1-chunks-parse.h"
#include "http/h1-frame.h"
#include "relay/table.h"
#include "telemetry/gunzip.h"
#include "telemetry/otlp-event.h"
#include "telemetry/otlp-parse.h"
#include "telemetry/rate.h"

#define READ_MAX   ((size_t)64 * 1024)
#define ANSWER_MAX 1024u

enum state {
	STATE_HEAD,
	STATE_LENGTH,
	STATE_CHUNKS,
	STATE_LINGER,
};

struct client {
	struct list link;
	struct receive *receive;
	struct loop_io io;
	struct loop_timer timer;
	struct buf in, body;
	enum state state;
	/* of the request */
	enum otlp_signal signal;
	bool json, gzip, keep;
	uint64_t left;
	struct h1_chunks chunks;
	size_t counted; /* of body, in receive.bytes */
};

struct receive {
	struct loop *loop;
	struct receive_ops ops;
	struct list clients; /* any order */
	size_t n_clients, bytes;
	struct rate rate;
	struct loop_timer timer;
	uint64_t n_lost, progress;
	int error; /* of ops */
};

static const struct {
	unsigned status;
	const char *text;
} statuses[] = {
	{ 200, "OK" },
	{ 400, "Bad Request" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 413, "Content Too Large" },
	{ 415, "Unsupported Media Type" },
	{ 417, "Expectation Failed" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 501, "Not Implemented" },
	{ 503, "Service Unavailable" },
	{ 505, "HTTP Version Not Supported" },
};

static const char *status_text(unsigned status)
{
	for (size_t i = 0; i < N_ELEMS(statuses); i++) {
		if (statuses[i].status == status)
			return statuses[i].text;
	}
	return "";
}

/* ---- clients ---- */

static void drop_body(struct client *c)
{
	c->receive->bytes -= c->counted;
	c->counted = 0;
	buf_done(&c->body);
	buf_init(&c->body, RECEIVE_WIRE_MAX);
}

static void client_free(struct client *c)
{
	struct receive *r = c->receive;

	loop_io_remove(r->loop, &c->io);
	loop_timer_clear(r->loop, &c->timer);
	(void)close(c->io.fd);
	list_remove(&c->link);
	r->n_clients--;
	drop_body(c);
	buf_done(&c->body);
	buf_done(&c->in);
	free(c);
}

static int run_client_timer(struct loop_timer *t)
{
	client_free(t->owner);
	return 0;
}

static void set_timer(struct client *c, uint64_t ms)
{
	struct loop *l = c->receive->loop;

	if (loop_timer_set(l, &c->timer, loop_now_ns(l) + ms * NS_PER_MS) != 0)
		c->receive->error = -ENOMEM;
}

/* ---- answers ---- */

/* False: the client does not take it, and is to be closed. */
static bool say(struct client *c, struct str s)
{
	return send(c->io.fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)s.len;
}

static void add_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80u; v >>= 7)
		(void)buf_addc(b, (char)(unsigned char)(v | 0x80u));
	(void)buf_addc(b, (char)(unsigned char)v);
}

static void add_field(struct buf *b, unsigned char tag, struct str s)
{
	(void)buf_addc(b, (char)tag);
	add_varint(b, s.len);
	(void)buf_add(b, s);
}

/* Export...ServiceResponse with what was left out; empty: nothing was. */
static void format_partial(const struct client *c, uint64_t rejected,
			   struct buf *b)
{
	static const char why[] = "more than may be recorded";
	struct json_out w = JSON_OUT(b);
	char number[24];
	char room[64];
	struct buf inner;

	if (c->json) {
		json_open(&w, '{');
		if (rejected > 0) {
			(void)snprintf(number, sizeof(number), "%llu",
				       (unsigned long long)rejected);
			json_key(&w, "partialSuccess");
			json_open(&w, '{');
			json_kstr(&w, otlp_signals[c->signal].rejected,
				  str_of(number));
			json_kstr(&w, "errorMessage", str_of(why));
			json_close(&w, '}');
		}
		json_close(&w, '}');
		return;
	}
	if (rejected == 0)
		return;
	buf_init(&inner, sizeof(room));
	(void)buf_addc(&inner, 0x08);
	add_varint(&inner, rejected);
	add_field(&inner, 0x12, str_of(why));
	add_field(b, 0x0a, buf_str(&inner));
	buf_done(&inner);
}

/* google.rpc.Status, as OTLP wants of a failure. */
static void format_failure(const struct client *c, const char *text,
			   struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	if (!c->json) {
		add_field(b, 0x12, str_of(text));
		return;
	}
	json_open(&w, '{');
	json_kstr(&w, "message", str_of(text));
	json_close(&w, '}');
}

static bool answer(struct client *c, unsigned status, struct str body,
		   bool keep)
{
	AUTO(buf) struct buf b = BUF_NULL;
	bool later = status == 429 || status == 503;

	buf_init(&b, ANSWER_MAX);
	(void)buf_printf(&b,
			 "HTTP/1.1 %u %s\r\nContent-Type: %s\r\n"
			 "Content-Length: %zu\r\n%s%s%s\r\n",
			 status, status_text(status),
			 c->json ? "application/json"
				 : "application/x-protobuf",
			 body.len, later ? "Retry-After: 5\r\n" : "",
			 status == 405 ? "Allow: POST\r\n" : "",
			 keep ? "" : "Connection: close\r\n");
	(void)buf_add(&b, body);
	return !b.failed && say(c, buf_str(&b));
}

/* No more requests here. */
static void linger(struct client *c)
{
	drop_body(c);
	buf_clear(&c->in);
	c->state = STATE_LINGER;
	(void)shutdown(c->io.fd, SHUT_WR);
	set_timer(c, RECEIVE_LINGER_MS);
}

/* Where the next request begins is not known, or not worth reading on for. */
static bool refuse(struct client *c, unsigned status, const char *text)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, ANSWER_MAX / 2);
	format_failure(c, text, &b);
	if (!answer(c, status, buf_str(&b), false))
		return false;
	linger(c);
	return true;
}

static bool finish(struct client *c, unsigned status, struct str body)
{
	if (!answer(c, status, body, c->keep))
		return false;
	drop_body(c);
	c->state = STATE_HEAD;
	set_timer(c, RECEIVE_IDLE_MS);
	if (!c->keep)
		linger(c);
	return true;
}

static bool fail(struct client *c, unsigned status, const char *text)
{
	AUTO(buf) struct buf b = BUF_NULL;

	buf_init(&b, ANSWER_MAX / 2);
	format_failure(c, text, &b);
	return finish(c, status, buf_str(&b));
}

/* ---- a whole request ---- */

static bool take_record(void *owner, struct str record)
{
	struct receive *r = owner;
	int e;

	if (r->error != 0 ||
	    !rate_take(&r->rate, loop_now_ns(r->loop), record.len))
		return false;
	e = r->ops.record(r->ops.owner, record);
	if (e != 0)
		r->error = e;
	return e == 0;
}

static int run_lost(struct loop_timer *t)
{
	return receive_flush(t->owner);
}

static void count_lost(struct receive *r, uint64_t n)
{
	if (n == 0)
		return;
	r->n_lost += n;
	if (r->timer.heap_pos == 0 &&
	    loop_timer_set(r->loop, &r->timer,
			   loop_now_ns(r->loop) +
				   RECEIVE_TELL_MS * NS_PER_MS) != 0)
		r->error = -ENOMEM;
}

/* The tree of the body, which borrows @body.  0, or the status. */
static unsigned read_tree(const struct client *c, struct arena *a,
			  struct str body, struct json **ret)
{
	enum otlp_message m = otlp_signals[c->signal].request;
	int e = c->json ? otlp_json_parse(a, body, m, ret)
			: otlp_proto_parse(a, body, m, ret);

	return e == 0 ? 0 : e == 1 ? 400 : 413;
}

static bool take_tree(struct client *c, struct arena *a,
		      const struct json *root)
{
	struct receive *r = c->receive;
	struct otlp_sink sink = { .take = take_record, .owner = r };
	AUTO(buf) struct buf b = BUF_NULL;
	struct otlp_result result;
	int e = otlp_events(a, root, c->signal, &sink, &result);

	count_lost(r, result.n_rejected);
	if (e != 0)
		return fail(c, 413, "too much in one request");
	buf_init(&b, ANSWER_MAX / 2);
	format_partial(c, result.n_rejected, &b);
	return finish(c, 200, buf_str(&b));
}

/* False: close it. */
static bool take_request(struct client *c)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	AUTO(buf) struct buf plain = BUF_NULL;
	struct str body = buf_str(&c->body);
	struct json *root = NULL;
	unsigned status;
	int e;

	if (rate_is_dry(&c->receive->rate, loop_now_ns(c->receive->loop)))
		return fail(c, 429, "more than may be recorded");
	if (c->gzip) {
		buf_init(&plain, OTLP_BODY_MAX);
		e = gunzip(body, &plain);
		if (e == 1)
			return fail(c, 400, "not gzip");
		if (e != 0)
			return fail(c, 413, "too large when unpacked");
		body = buf_str(&plain);
	}
	arena_init(&a, OTLP_ARENA_MAX);
	status = read_tree(c, &a, body, &root);
	if (status == 400)
		return fail(c, 400, "not a request of OTLP");
	if (status != 0)
		return fail(c, status, "too much in one request");
	return take_tree(c, &a, root);
}

/* ---- heads ---- */

/* Whose encoding is @v.  False: it cannot be read here. */
static bool read_coding(struct client *c, struct str v)
{
	c->gzip = h1_is(v, "gzip");
	return c->gzip || !v.ptr || h1_is(v, "identity");
}

/* application/json; charset=utf-8 */
static bool is_type(struct str v, const char *type)
{
	struct str name = { 0 };

	(void)str_cut(&v, ';', &name);
	return h1_is(str_trim(name), type);
}

/* 0; else the status. */
static unsigned judge(struct client *c, const struct h1_head *h,
		      const struct h1_frame *f, const char **ret_text)
{
	struct str type = h1_find(h, "content-type");
	size_t s = 0;

	c->json = is_type(type, "application/json");
	*ret_text = "not here: POST /v1/logs, /v1/traces or /v1/metrics";
	while (s < OTLP_SIGNAL_MAX_ &&
	       !str_eq(h->target, str_of(otlp_signals[s].path)))
		s++;
	if (s == OTLP_SIGNAL_MAX_)
		return 404;
	if (!str_eq(h->method, STR("POST")))
		return 405;
	*ret_text = "application/x-protobuf or application/json, plain or gzip";
	if (!c->json && !is_type(type, "application/x-protobuf"))
		return 415;
	if (!read_coding(c, h1_find(h, "content-encoding")))
		return 415;
	*ret_text = "at most 1 MiB in one request";
	if (f->length > RECEIVE_WIRE_MAX)
		return 413;
	c->signal = (enum otlp_signal)s;
	c->keep = f->keep;
	return 0;
}

static bool begin_request(struct client *c, struct str head)
{
	struct h1_frame f = { .body = H1_BODY_NONE };
	const char *text = "not a request of HTTP/1.1";
	struct h1_head h;
	unsigned status = h1_request_parse(head, &h);
	size_t rest = c->in.len - head.len;

	if (status == 0 && h.n_fields > RECEIVE_FIELDS_MAX)
		status = 431;
	if (status == 0)
		status = h1_request_frame(&h, &f);
	if (status == 0)
		status = judge(c, &h, &f, &text);
	if (status != 0)
		return refuse(c, status, text);
	buf_consume(&c->in, head.len);
	c->chunks = (struct h1_chunks){ .state = H1_CHUNK_SIZE };
	c->left = f.length;
	c->state = f.body == H1_BODY_CHUNKED ? STATE_CHUNKS : STATE_LENGTH;
	set_timer(c, RECEIVE_REQUEST_MS);
	if (f.expects && rest == 0)
		return say(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
	return true;
}

/* ---- bytes ---- */

/* 0; 400, 413. */
static unsigned take_chunks(struct client *c, size_t *ret_used)
{
	struct str in = buf_str(&c->in);
	struct h1_piece_seen p = { .what = H1_PIECE_MORE };

	do {
		if (!h1_chunks_next(&c->chunks, &in, &p))
			return 400;
		if (c->chunks.left > c->body.max - c->body.len ||
		    (p.what == H1_PIECE_DATA && !buf_add(&c->body, p.data)))
			return 413;
	} while (p.what == H1_PIECE_DATA || p.what == H1_PIECE_TRAILER);
	*ret_used = c->in.len - in.len;
	return 0;
}

/* What came for the body, into it.  False: close it. */
static bool take_body(struct client *c, bool *ret_whole)
{
	struct receive *r = c->receive;
	struct str s = buf_str(&c->in);
	size_t used = 0;
	unsigned status = 0;

	if (r->bytes + s.len > RECEIVE_BYTES_MAX)
		return refuse(c, 503, "too much at once");
	if (c->state == STATE_LENGTH) {
		used = s.len < c->left ? s.len : (size_t)c->left;
		if (!buf_add(&c->body, (struct str){ s.ptr, used }))
			status = 413;
		c->left -= used;
		*ret_whole = c->left == 0;
	} else {
		status = take_chunks(c, &used);
		*ret_whole = c->chunks.state == H1_CHUNK_DONE;
	}
	if (status != 0)
		return refuse(c, status,
			      status == 413 ? "at most 1 MiB in one request"
					    : "not chunks");
	r->bytes += c->body.len - c->counted;
	c->counted = c->body.len;
	buf_consume(&c->in, used);
	return true;
}

/* False: close it; *ret_more: there may be more in what was read. */
static bool step(struct client *c, bool *ret_more)
{
	bool whole = false;
	size_t n;

	*ret_more = false;
	if (c->state == STATE_LINGER) {
		buf_clear(&c->in);
		return true;
	}
	if (c->state == STATE_HEAD) {
		n = h1_head_length(buf_str(&c->in), 0);
		if (n == 0 && c->in.len <= RECEIVE_HEAD_MAX)
			return true;
		if (n == 0 || n > RECEIVE_HEAD_MAX)
			return refuse(c, 431, "too long a head");
		*ret_more = true;
		return begin_request(c, (struct str){ buf_str(&c->in).ptr, n });
	}
	if (!take_body(c, &whole))
		return false;
	if (!whole || c->state == STATE_LINGER)
		return true;
	*ret_more = true;
	return take_request(c);
}

static bool take_bytes(struct client *c)
{
	bool more = true;

	while (more && c->receive->error == 0) {
		if (!step(c, &more))
			return false;
	}
	return true;
}

static int run_client(struct loop_io *io, uint32_t events)
{
	struct client *c = io->owner;
	struct receive *r = c->receive;
	bool fresh = c->state == STATE_HEAD && c->in.len == 0;
	char *dst = buf_reserve(&c->in, READ_MAX);
	ssize_t n = dst ? recv(io->fd, dst, READ_MAX, 0) : 0;

	(void)events;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		client_free(c);
		return 0;
	}
	buf_added(&c->in, (size_t)n);
	r->progress += (uint64_t)n;
	if (fresh)
		set_timer(c, RECEIVE_REQUEST_MS);
	if (!take_bytes(c))
		client_free(c);
	return r->error;
}

/* ---- the receiver ---- */

int receive_new(struct receive **ret, struct loop *loop,
		const struct receive_ops *ops)
{
	struct receive *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	list_init(&r->clients);
	r->loop = loop;
	r->ops = *ops;
	r->timer = (struct loop_timer){ .run = run_lost, .owner = r };
	rate_init(&r->rate, loop_now_ns(loop), 1);
	*ret = r;
	return 0;
}

void receive_free(struct receive *r)
{
	if (!r)
		return;
	LIST_EACH(it, &r->clients)
	{
		client_free(LIST_OWNER(it, struct client, link));
	}
	loop_timer_clear(r->loop, &r->timer);
	free(r);
}

static void make_room(struct receive *r)
{
	struct client *first = NULL;

	if (r->n_clients < RECEIVE_CONNS)
		return;
	LIST_EACH(it, &r->clients)
	{
		struct client *c = LIST_OWNER(it, struct client, link);

		if (!first || c->timer.at_ns < first->timer.at_ns)
			first = c;
	}
	ASSERT(first); /* n_clients counts the list */
	client_free(first);
}

int receive_take(struct receive *r, int take_fd)
{
	struct client *c = calloc(1, sizeof(*c));
	int e;

	if (!c) {
		(void)close(take_fd);
		return -ENOMEM;
	}
	make_room(r);
	c->receive = r;
	list_init(&c->link);
	list_add(&r->clients, &c->link);
	r->n_clients++;
	buf_init(&c->in, READ_MAX + 2 * RECEIVE_HEAD_MAX);
	buf_init(&c->body, RECEIVE_WIRE_MAX);
	c->io = (struct loop_io){
		.fd = take_fd, .events = EPOLLIN, .run = run_client, .owner = c
	};
	c->timer = (struct loop_timer){ .run = run_client_timer, .owner = c };
	e = loop_io_add(r->loop, &c->io);
	if (e == 0)
		set_timer(c, RECEIVE_REQUEST_MS);
	if (e == 0)
		e = r->error;
	if (e != 0)
		client_free(c);
	return e;
}

uint64_t receive_progress(const struct receive *r)
{
	return r->progress;
}

int receive_flush(struct receive *r)
{
	uint64_t n = r->n_lost;

	r->n_lost = 0;
	return n > 0 ? r->ops.lost(r->ops.owner, n) : 0;
}
