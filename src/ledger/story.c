/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * One row here for each kind that has a part in the story says what becomes
 * of its records.  A refusal is a refusal whatever its kind.
 *
 * The tree of programs is made of pids: a program hangs below the last one
 * that its parent's pid has executed, or, when a pid executes a second time,
 * below its first.  Nodes with one name below one parent are one, so a build
 * of thousands of processes is a tree of a dozen nodes.  A process that was
 * forked and never executed anything is not on the ledger: what it starts
 * hangs below the session itself.
 *
 * The timeline has a fixed number of bins.  When a record comes that lies
 * behind the last one, neighbours are joined until it fits.
 */
#include "ledger/story.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/sip.h"

#define LINE_ARENA ((size_t)1024 * 1024)
#define FIRST_BIN  UINT64_C(1000000) /* ns */

/* Not hostile to anybody but the one who reads about his own session. */
static const uint64_t hash_key[2] = { 0x62617766, 0x73746f72 };

int story_init(struct story *s, struct str id)
{
	*s = (struct story){ .bin_ns = FIRST_BIN };
	arena_init(&s->arena, STORY_BYTES_MAX);
	arena_init(&s->frame, 4 * LINE_ARENA);
	s->id = arena_str(&s->frame, id);
	s->nodes = calloc(1, sizeof(*s->nodes));
	s->n_nodes = s->nodes_size = s->nodes ? 1 : 0;
	return s->frame.failed || !s->nodes ? -ENOMEM : 0;
}

void story_done(struct story *s)
{
	for (size_t i = 0; i < STORY_TABLE_MAX_; i++) {
		free(s->tables[i].rows);
		free(s->tables[i].slots);
	}
	free(s->nodes);
	free(s->pids);
	arena_done(&s->arena);
	arena_done(&s->frame);
}

/* ---- rows ---- */

static uint64_t hash_of(struct str name, struct str about)
{
	return sip_hash(hash_key, name.ptr, name.len) * 31 +
	       sip_hash(hash_key, about.ptr, about.len);
}

static int grow(struct story_table *t)
{
	size_t size = t->size ? t->size * 2 : 64;
	struct story_row *rows = reallocarray(t->rows, size, sizeof(*rows));
	uint32_t *slots;

	if (!rows)
		return -ENOMEM;
	t->rows = rows;
	slots = calloc(size * 2, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->size = size;
	t->n_slots = size * 2;
	for (size_t i = 0; i < t->n; i++) {
		size_t at = hash_of(rows[i].name, rows[i].about);

		while (slots[at % t->n_slots] != 0)
			at++;
		slots[at % t->n_slots] = (uint32_t)i + 1;
	}
	return 0;
}

/* The row of @name and @about, new or not; NULL: no room, counted so. */
static struct story_row *row_of(struct story *s, struct story_table *t,
				struct str name, struct str about)
{
	size_t at = hash_of(name, about);
	struct story_row *row;

	for (; t->n_slots > 0 && t->slots[at % t->n_slots] != 0; at++) {
		row = &t->rows[t->slots[at % t->n_slots] - 1];
		if (str_eq(row->name, name) && str_eq(row->about, about))
			return row;
	}
	if (t->n == STORY_ROWS_MAX || (t->n == t->size && grow(t) != 0))
		return NULL;
	name = arena_str(&s->arena, name);
	about = arena_str(&s->arena, about);
	if (s->arena.failed) {
		s->arena.failed = false; /* what is there is still told */
		return NULL;
	}
	row = &t->rows[t->n++];
	*row = (struct story_row){ .name = name, .about = about };
	for (at = hash_of(name, about); t->slots[at % t->n_slots] != 0; at++)
		;
	t->slots[at % t->n_slots] = (uint32_t)t->n;
	return row;
}

static struct story_row *count_row(struct story *s, enum story_table_id id,
				   const struct record *r, struct str name,
				   struct str about)
{
	struct story_table *t = &s->tables[id];
	struct story_row *row = row_of(s, t, name, about);

	t->total += r->head.count;
	if (!row) {
		t->left_out += r->head.count;
		return NULL;
	}
	if (row->count == 0) {
		row->first = r->head.seq;
		row->at = r->head.at;
	}
	t->n_gone -= row->count == 0 && t->n_gone > 0 && row->last > 0;
	row->count += r->head.count;
	row->last = r->head.seq;
	row->until = r->head.at;
	row->claimed |= str_eq(r->head.trust, STR("claimed"));
	return row;
}

static struct str keep(struct story *s, struct str text)
{
	struct str k = arena_str(&s->arena, text);

	s->arena.failed = false;
	return k;
}

/* ---- the timeline ---- */

static void join_bins(struct story *s)
{
	for (size_t lane = 0; lane < STORY_LANE_MAX_; lane++) {
		uint32_t *b = s->bins[lane];

		for (size_t i = 0; i < STORY_BINS; i++)
			b[i] = i < STORY_BINS / 2 ? b[2 * i] + b[2 * i + 1] : 0;
	}
	s->bin_ns *= 2;
}

static void mark(struct story *s, enum story_lane lane, const struct record *r)
{
	uint64_t since =
		r->head.at > s->first_at ? r->head.at - s->first_at : 0;
	uint32_t *bin;

	while (since / s->bin_ns >= STORY_BINS)
		join_bins(s);
	bin = &s->bins[lane][since / s->bin_ns];
	if (ckd_add(bin, *bin,
		    (uint32_t)(r->head.count > UINT32_MAX ? UINT32_MAX
							  : r->head.count)))
		*bin = UINT32_MAX;
}

/* ---- programs ---- */

struct story_pid {
	int64_t pid;            /* 0: free */
	uint32_t node, row;     /* @row: index + 1; 0: none */
	uint64_t count;         /* of its last exec */
	uint64_t left, entered; /* hashes of the programs of that */
};

#define PIDS_MAX ((size_t)1 << 20)

static int grow_pids(struct story *s)
{
	size_t size = s->pids_size ? s->pids_size * 2 : 256;
	struct story_pid *old = s->pids;
	struct story_pid *v;

	if (size > PIDS_MAX) { /* the oldest are gone anyway */
		memset(s->pids, 0, s->pids_size * sizeof(*s->pids));
		s->n_pids = 0;
		return 0;
	}
	v = calloc(size, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < s->pids_size; i++) {
		size_t at = (size_t)old[i].pid;

		if (old[i].pid == 0)
			continue;
		while (v[at % size].pid != 0)
			at++;
		v[at % size] = old[i];
	}
	free(old);
	s->pids = v;
	s->pids_size = size;
	return 0;
}

static struct story_pid *find_pid(const struct story *s, int64_t pid)
{
	for (size_t at = (size_t)pid; pid > 0 && s->pids_size > 0; at++) {
		struct story_pid *p = &s->pids[at % s->pids_size];

		if (p->pid == pid)
			return p;
		if (p->pid == 0)
			break;
	}
	return NULL;
}

/* The entry of @pid, made when there was none; NULL: no room, or no pid. */
static struct story_pid *take_pid(struct story *s, int64_t pid)
{
	struct story_pid *p = find_pid(s, pid);
	size_t at = (size_t)pid;

	if (p || pid <= 0)
		return p;
	if (s->n_pids * 2 >= s->pids_size && grow_pids(s) != 0)
		return NULL;
	while (s->pids[at % s->pids_size].pid != 0)
		at++;
	s->n_pids++;
	p = &s->pids[at % s->pids_size];
	*p = (struct story_pid){ .pid = pid };
	return p;
}

static struct str last_part(struct str path)
{
	const char *slash =
		path.len > 0 ? memrchr(path.ptr, '/', path.len) : NULL;

	return slash && slash + 1 < path.ptr + path.len
		       ? str_skip(path, (size_t)(slash - path.ptr) + 1)
		       : path;
}

/* The child of @parent with @name; 0 when there is no room for another. */
static uint32_t node_of(struct story *s, uint32_t parent, struct str name)
{
	uint32_t *end = &s->nodes[parent].child;
	struct str kept;

	for (; *end != 0; end = &s->nodes[*end].next) {
		if (str_eq(s->nodes[*end].name, name))
			return *end;
	}
	kept = keep(s, name);
	if (s->n_nodes == STORY_NODES_MAX || (name.len > 0 && kept.len == 0))
		return 0;
	if (s->n_nodes == s->nodes_size) {
		size_t size = s->nodes_size * 2;
		size_t at = (size_t)((char *)end - (char *)s->nodes);
		struct story_node *v = reallocarray(s->nodes, size, sizeof(*v));

		if (!v)
			return 0;
		s->nodes = v;
		s->nodes_size = size;
		end = (uint32_t *)(void *)((char *)v + at);
	}
	*end = (uint32_t)s->n_nodes;
	s->nodes[s->n_nodes] =
		(struct story_node){ .name = kept, .parent = parent };
	return (uint32_t)s->n_nodes++;
}

/*
 * The exec before of this process failed when the program that it leaves now is
 * the one that it wanted to leave then: a search along PATH is one program.
 */
static void take_back_failed(struct story *s, struct story_pid *p,
			     uint64_t left)
{
	struct story_table *t = &s->tables[STORY_PROGRAMS];
	struct story_row *row;

	if (p->row == 0 || p->left != left || p->entered == left)
		return;
	row = &t->rows[p->row - 1];
	row->count -= p->count;
	t->n_gone += row->count == 0;
	t->total -= p->count;
	s->nodes[p->node].count -= p->count;
	p->node = s->nodes[p->node].parent;
	p->row = 0;
}

static void note_exec(struct story *s, const struct record *r, struct str exe,
		      struct story_row *row)
{
	struct str left = json_find_str(r->fields, "exe");
	struct story_pid *p = take_pid(s, json_find_int(r->fields, "pid", 0));
	const struct story_pid *parent =
		find_pid(s, json_find_int(r->fields, "ppid", 0));
	uint32_t above = p && p->node ? p->node : parent ? parent->node : 0;
	uint32_t node = node_of(s, above, last_part(exe));

	if (node == 0)
		return;
	s->nodes[node].count += r->head.count;
	if (!p)
		return;
	*p = (struct story_pid){
		.pid = p->pid,
		.node = node,
		.row = row ? (uint32_t)(row - s->tables[STORY_PROGRAMS].rows) +
				       1
			   : 0,
		.count = r->head.count,
		.left = hash_of(left, (struct str){ 0 }),
		.entered = hash_of(exe, (struct str){ 0 }),
	};
}

/*
 * A path that the witness could not read, which the first mostly is: init, who
 * executes the session's command, lets nobody read it.
 */
static struct str name_of_unread(const struct story *s)
{
	struct str argv = json_find_str(s->open.fields, "argv"), word;

	if (story_table(s, STORY_PROGRAMS)->total > 0 ||
	    !str_word(&argv, &word))
		return STR("?");
	return word;
}

static int take_exec(struct story *s, const struct record *r)
{
	/* exe is the program that executes another, and so leaves. */
	struct str exe = json_find_str(r->fields, "path");
	struct str left = json_find_str(r->fields, "exe");
	struct story_pid *before =
		find_pid(s, json_find_int(r->fields, "pid", 0));
	struct story_row *row;

	if (exe.len == 0)
		exe = name_of_unread(s);
	if (before)
		take_back_failed(s, before, hash_of(left, (struct str){ 0 }));
	row = count_row(s, STORY_PROGRAMS, r, exe, (struct str){ 0 });
	if (row && row->hint.len == 0)
		row->hint = keep(s, json_find_str(r->fields, "argv"));
	mark(s, STORY_LANE_RAN, r);
	note_exec(s, r, exe, row);
	return 0;
}

/* ---- files ---- */

/* What an open is for: access is read, write or both. */
static unsigned open_facts(const struct json *fields)
{
	struct str access = json_find_str(fields, "access");

	return str_eq(access, STR("write"))  ? STORY_WROTE
	       : str_eq(access, STR("both")) ? STORY_WROTE | STORY_READ
					     : STORY_READ;
}

static void count_file(struct story *s, const struct record *r, struct str path,
		       unsigned facts)
{
	struct story_row *row;

	if (path.len == 0)
		return;
	row = count_row(s, STORY_FILES, r, path, (struct str){ 0 });
	if (row)
		row->facts |= facts;
}

static int take_file(struct story *s, const struct record *r, unsigned facts)
{
	struct str to = json_find_str(r->fields, "to");

	if (facts == 0)
		facts = open_facts(r->fields);
	count_file(s, r, json_find_str(r->fields, "path"), facts);
	/* Of a symbolic link it is what stands in it. */
	if ((facts & (STORY_RENAMED | STORY_LINKED)) != 0)
		count_file(s, r, to, facts);
	mark(s,
	     (facts & STORY_CHANGED) != 0 ? STORY_LANE_CHANGED
					  : STORY_LANE_READ,
	     r);
	return 0;
}

static int take_later(struct story *s, const struct record *r, unsigned unused)
{
	const struct json *f = r->fields;
	struct story_row *row =
		count_row(s, STORY_LATER, r, json_find_str(f, "path"),
			  json_find_str(f, "reason"));

	(void)unused;
	mark(s, STORY_LANE_CHANGED, r);
	if (!row)
		return 0;
	row->urgent |= json_find_bool(f, "urgent", false);
	row->what = keep(s, json_find_str(f, "what"));
	row->row = keep(s, json_find_str(f, "row"));
	row->of = keep(s, json_find_str(f, "class"));
	row->hint = keep(s, json_find_str(f, "detail"));
	return 0;
}

/* ---- the network ---- */

/* HOST:PORT, [ADDR]:PORT; "/udp" and such unless it is TCP. */
static void format_peer(const struct json *f, struct buf *b)
{
	struct str host = json_find_str(f, "host");
	struct str addr = json_find_str(f, "addr");
	struct str path = json_find_str(f, "path");
	struct str proto = json_find_str(f, "proto");
	int64_t port = json_find_int(f, "port", 0);

	if (host.len > 0) {
		(void)buf_add(b, host);
	} else if (addr.len > 0) {
		bool v6 = memchr(addr.ptr, ':', addr.len) != NULL;

		(void)buf_add(b, v6 ? STR("[") : STR(""));
		(void)buf_add(b, addr);
		(void)buf_add(b, v6 ? STR("]") : STR(""));
	} else {
		(void)buf_add(b, path);
	}
	if (port > 0)
		(void)buf_printf(b, ":%" PRId64, port);
	if (proto.len > 0 && !str_eq(proto, STR("tcp"))) {
		(void)buf_addc(b, '/');
		(void)buf_add(b, proto);
	}
}

static void format_rule(const struct json *f, struct buf *b)
{
	struct str layer = json_find_str(f, "rule.layer");
	struct str file = json_find_str(f, "rule.file");
	int64_t line = json_find_int(f, "rule.line", 0);

	if (layer.len == 0)
		return;
	(void)buf_add(b, layer);
	if (file.len > 0) {
		(void)buf_addc(b, ' ');
		(void)buf_add(b, file);
	}
	if (line > 0)
		(void)buf_printf(b, ":%" PRId64, line);
}

static uint64_t positive(const struct json *f, const char *key)
{
	int64_t v = json_find_int(f, key, 0);

	return v > 0 ? (uint64_t)v : 0;
}

static int take_net(struct story *s, const struct record *r, unsigned table)
{
	AUTO(buf) struct buf peer = BUF_NULL;
	AUTO(buf) struct buf about = BUF_NULL;
	struct story_row *row;

	buf_init(&peer, RECORD_MAX_BYTES);
	buf_init(&about, RECORD_MAX_BYTES);
	format_peer(r->fields, &peer);
	if (table == STORY_HOSTS)
		format_rule(r->fields, &about);
	else
		(void)buf_add(&about, json_find_str(r->fields, "kind"));
	row = count_row(s, (enum story_table_id)table, r, buf_str(&peer),
			buf_str(&about));
	mark(s, STORY_LANE_NET, r);
	if (row) {
		row->bytes_in += positive(r->fields, "bytes_in");
		row->bytes_out += positive(r->fields, "bytes_out");
	}
	return 0;
}

/* ---- refusals and limits ---- */

static void format_refused(const struct record *r, struct buf *what)
{
	const struct json *f = r->fields;
	struct str kind = json_find_str(f, "kind");
	struct str call = json_find_str(f, "syscall");
	struct str args = json_find_str(f, "args");

	if (call.len > 0) {
		(void)buf_add(what, call);
		(void)buf_addc(what, '(');
		(void)buf_add(what, args);
		(void)buf_addc(what, ')');
		return;
	}
	if (!str_starts(kind, STR("net."))) {
		(void)buf_add(what, kind);
		(void)buf_addc(what, ' ');
	}
	format_peer(f, what);
}

/* What would allow it: as the record says, or where to ask. */
static void format_hint(const struct record *r, struct buf *hint)
{
	struct str kind = json_find_str(r->fields, "kind");
	struct str path = json_find_str(r->fields, "path");
	struct str said = json_find_str(r->fields, "hint");

	if (said.len > 0) {
		(void)buf_add(hint, said);
	} else if (str_starts(kind, STR("file.")) && path.len > 0) {
		(void)buf_printf(hint, "see: bawn policy why %s ",
				 open_facts(r->fields) == STORY_READ &&
						 str_eq(kind, STR("file.open"))
					 ? "read"
					 : "write");
		(void)buf_add(hint, path);
	} else if (str_eq(kind, STR("syscall.refuse"))) {
		(void)buf_add(hint,
			      STR("nested: true, where an inner sandbox needs "
				  "it"));
	}
}

static int take_refused(struct story *s, const struct record *r)
{
	AUTO(buf) struct buf what = BUF_NULL;
	AUTO(buf) struct buf hint = BUF_NULL;
	struct str why = json_find_str(r->fields, "reason");
	struct story_row *row;

	buf_init(&what, RECORD_MAX_BYTES);
	buf_init(&hint, RECORD_MAX_BYTES);
	format_refused(r, &what);
	format_hint(r, &hint);
	row = count_row(s, STORY_REFUSED, r, buf_str(&what), why);
	mark(s, STORY_LANE_REFUSED, r);
	if (row && row->hint.len == 0)
		row->hint = keep(s, buf_str(&hint));
	return 0;
}

static int take_limit(struct story *s, const struct record *r, unsigned unused)
{
	AUTO(buf) struct buf what = BUF_NULL;
	const struct json *value = json_find(r->fields, "value");
	struct story_row *row;

	(void)unused;
	buf_init(&what, RECORD_MAX_BYTES);
	(void)buf_add(&what, json_find_str(r->fields, "limit"));
	if (json_is(value, JSON_INT))
		(void)buf_printf(&what, " %" PRId64, value->integer);
	else if (json_is(value, JSON_STRING)) {
		(void)buf_addc(&what, ' ');
		(void)buf_add(&what, value->string);
	}
	row = count_row(s, STORY_LIMITS, r, buf_str(&what),
			json_find_str(r->fields, "reason"));
	mark(s, STORY_LANE_LIMIT, r);
	if (row && row->hint.len == 0)
		row->hint = keep(s, json_find_str(r->fields, "hint"));
	return 0;
}

/* ---- records ---- */

static int take_program(struct story *s, const struct record *r,
			unsigned unused)
{
	(void)unused;
	return take_exec(s, r);
}

/* Nothing but the header, which story_add() keeps. */
static int take_frame(struct story *s, const struct record *r, unsigned unused)
{
	(void)s;
	(void)r;
	(void)unused;
	return 0;
}

static void add_up(uint64_t *sum, uint64_t v)
{
	if (ckd_add(sum, *sum, v))
		*sum = UINT64_MAX;
}

/* Metrics are sums of what the others say one by one. */
static int take_event(struct story *s, const struct record *r, unsigned unused)
{
	struct str signal = json_find_str(r->fields, "signal");
	uint64_t in = positive(r->fields, "tokens_in");
	uint64_t out = positive(r->fields, "tokens_out");
	uint64_t cost = positive(r->fields, "cost_microusd");
	size_t i = str_eq(signal, STR("span"));

	(void)unused;
	s->said.events += r->head.count;
	if (in + out + cost == 0 || str_eq(signal, STR("metric")))
		return 0;
	s->said.by[i].n++;
	add_up(&s->said.by[i].tokens_in, in);
	add_up(&s->said.by[i].tokens_out, out);
	add_up(&s->said.by[i].cost_microusd, cost);
	return 0;
}

static int take_lost(struct story *s, const struct record *r, unsigned unused)
{
	(void)unused;
	s->said.lost += r->head.count;
	return 0;
}

static const struct {
	struct str kind;
	int (*take)(struct story *s, const struct record *r, unsigned arg);
	unsigned arg;
	bool is_whole; /* a refusal of this kind is no refusal row */
} kinds[] = {
	{ STR("session.open"), take_frame, 0, true },
	{ STR("session.start"), take_frame, 0, true },
	{ STR("session.close"), take_frame, 0, true },
	{ STR("process.exec"), take_program, 0, false },
	{ STR("process.hash"), take_frame, 0, true },
	{ STR("session.output"), take_frame, 0, true },
	{ STR("file.open"), take_file, 0, false },
	{ STR("file.create"), take_file, STORY_CREATED, false },
	{ STR("file.rename"), take_file, STORY_RENAMED, false },
	{ STR("file.unlink"), take_file, STORY_REMOVED, false },
	{ STR("file.link"), take_file, STORY_LINKED, false },
	{ STR("file.chmod"), take_file, STORY_MODE, false },
	{ STR("file.change"), take_file, STORY_MODE, false },
	{ STR("file.later"), take_later, 0, true },
	{ STR("net.grant"), take_net, STORY_HOSTS, false },
	{ STR("socket.grant"), take_net, STORY_HOSTS, false },
	{ STR("net.connect"), take_net, STORY_SOCKETS, false },
	{ STR("net.send"), take_net, STORY_SOCKETS, false },
	{ STR("net.bind"), take_net, STORY_SOCKETS, false },
	{ STR("net.listen"), take_net, STORY_SOCKETS, false },
	{ STR("limit.hit"), take_limit, 0, true },
	{ STR("agent.event"), take_event, 0, true },
	{ STR("agent.lost"), take_lost, 0, true },
};

static int take(struct story *s, const struct record *r)
{
	struct str kind = json_find_str(r->fields, "kind");
	bool deny = str_eq(r->head.verdict, STR("deny"));

	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		if (!str_eq(kinds[i].kind, kind))
			continue;
		return deny && !kinds[i].is_whole
			       ? take_refused(s, r)
			       : kinds[i].take(s, r, kinds[i].arg);
	}
	if (deny)
		return take_refused(s, r);
	(void)count_row(s, STORY_OTHER, r, kind, (struct str){ 0 });
	return 0;
}

/* The first of each of the three that frame a session. */
static int keep_frame(struct story *s, const struct record *r, struct str line)
{
	struct record *to = r->head.kind == RECORD_SESSION_OPEN    ? &s->open
			    : r->head.kind == RECORD_SESSION_START ? &s->start
			    : r->head.kind == RECORD_SESSION_CLOSE ? &s->close
								   : NULL;
	struct str copy;

	if (!to || to->fields)
		return 0;
	copy = arena_str(&s->frame, line);
	return s->frame.failed ? -ENOMEM : record_read(&s->frame, copy, to);
}

int story_add(struct story *s, struct str line)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct record r;
	int e;

	arena_init(&a, LINE_ARENA);
	e = record_read(&a, line, &r);
	if (e != 0)
		return e < 0 ? e : 0;
	if (!str_eq(r.head.session, s->id))
		return 0;
	if (s->n_records++ == 0) {
		s->first = r.head.seq;
		s->first_at = r.head.at;
	}
	s->last = r.head.seq;
	s->last_at = r.head.at;
	if (r.head.kind > 0 && r.head.kind < RECORD_KIND_MAX_)
		s->counts[r.head.kind] += r.head.count;
	e = keep_frame(s, &r, line);
	return e < 0 ? e : take(s, &r);
}

/* ---- what renderers ask ---- */

bool story_is_over(const struct story *s)
{
	return s->close.fields != NULL;
}

uint64_t story_elapsed_ns(const struct story *s, uint64_t now_ns)
{
	int64_t ms = json_find_int(s->close.fields, "ms", -1);
	uint64_t from = s->open.fields ? s->open.head.at : s->first_at;
	uint64_t to = story_is_over(s) ? s->close.head.at : now_ns;

	if (ms >= 0 && ms < INT64_MAX / 1000000)
		return (uint64_t)ms * 1000000;
	return to > from ? to - from : 0;
}

size_t story_count_files(const struct story *s, unsigned facts)
{
	const struct story_table *t = story_table(s, STORY_FILES);
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += (t->rows[i].facts & facts) != 0;
	return n;
}

void story_format_end(const struct story *s, struct buf *b)
{
	const struct json *f = s->close.fields;
	int64_t signal = json_find_int(f, "signal", 0);

	if (!f)
		(void)buf_add(b, STR("running, or its end was not recorded"));
	else if (signal > 0)
		(void)buf_printf(b, "killed by signal %" PRId64, signal);
	else
		(void)buf_printf(b, "exited with %" PRId64,
				 json_find_int(f, "code", -1));
}
