/* SPDX-License-Identifier: Apache-2.0 */
#include "jail/init-say.h"

#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "base/json.h"
#include "ipc/protocol.h"

#define FAILED 125

noreturn_fn void say_failed(int sock, int error, const char *text)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, 4096);
	json_open(&w, '{');
	json_kstr(&w, "text", str_of(text));
	json_kint(&w, "errno", error < 0 ? -error : error);
	json_close(&w, '}');
	/* When this fails too, the end of the socket says as much. */
	int r = ipc_say(sock, MSG_INIT_FAILED, 0, buf_str(&b));

	_exit(r == 0 ? FAILED : FAILED + 1);
}

void say_exit(int sock, int code, int sig, int exec_errno)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);
	struct rusage u = { 0 };

	(void)getrusage(RUSAGE_CHILDREN, &u); /* cannot fail */
	buf_init(&b, 4096);
	json_open(&w, '{');
	json_kint(&w, "code", code);
	json_kint(&w, "signal", sig);
	json_kint(&w, "exec_errno", exec_errno);
	json_kint(&w, "utime_us",
		  u.ru_utime.tv_sec * 1000000 + u.ru_utime.tv_usec);
	json_kint(&w, "stime_us",
		  u.ru_stime.tv_sec * 1000000 + u.ru_stime.tv_usec);
	json_kint(&w, "maxrss_kb", u.ru_maxrss);
	json_close(&w, '}');
	if (ipc_say(sock, MSG_INIT_EXIT, 0, buf_str(&b)) != 0)
		_exit(FAILED); /* the supervisor is gone: nobody wants to know */
}

void say_stopped(int sock, int sig)
{
	char body[64];
	int len = snprintf(body, sizeof(body), "{\"stopped\":%d}", sig);
	struct str s = { .ptr = body, .len = (size_t)len };

	if (ipc_say(sock, MSG_INIT_SIGNAL, 0, s) != 0)
		_exit(FAILED); /* nobody there */
}

/* NULL with *ret_error. */
static char **read_words(struct arena *a, const struct json *list,
			 int *ret_error)
{
	char **words;
	size_t n = 0;

	*ret_error = -EPROTO;
	if (!json_is(list, JSON_ARRAY))
		return NULL;
	words = arena_array(a, list->kids.n + 1, sizeof(*words));
	if (!words)
		*ret_error = -ENOMEM;
	JSON_EACH (j, list) {
		if (!words || !json_is(j, JSON_STRING))
			return NULL;
		words[n] = arena_cstr(a, j->string); /* NULL: it holds NUL */
		if (!words[n])
			return NULL;
		n++;
	}
	return words;
}

static void resize_terminal(int tty, const struct json *go)
{
	struct winsize ws = {
		.ws_col = (unsigned short)json_find_int(go, "cols", 0),
		.ws_row = (unsigned short)json_find_int(go, "rows", 0),
	};

	/* A terminal without a size is one too. */
	if (tty != -1 && ws.ws_col > 0 && ws.ws_row > 0)
		(void)ioctl(tty, TIOCSWINSZ, &ws);
}

/* "stdio": for each stream, whether it is the terminal. */
static int take_stdio(struct ipc_msg *m, const struct json *go, struct child *c)
{
	size_t i = 0, at = 0;

	JSON_EACH (j, json_find(go, "stdio")) {
		if (i == 3 || !json_is(j, JSON_BOOL))
			return -EPROTO;
		c->stdio[i] = j->boolean ? -1 : ipc_take_fd(m, at++);
		if (c->stdio[i] == -1 && (!j->boolean || c->tty == -1))
			return -EPROTO;
		i++;
	}
	return i == 3 ? 0 : -EPROTO;
}

int go_parse(struct arena *a, struct ipc_msg *m, struct child *c)
{
	struct json *go = NULL;
	int r = json_parse(a, buf_str(&m->body), &go, NULL);

	if (r != 0)
		return r < 0 ? r : -EPROTO;
	c->argv = read_words(a, json_find(go, "argv"), &r);
	if (!c->argv)
		return r;
	c->env = read_words(a, json_find(go, "env"), &r);
	if (!c->env)
		return r;
	if (!c->argv[0])
		return -EPROTO;
	r = take_stdio(m, go, c);
	if (r == 0)
		resize_terminal(c->tty, go);
	return r;
}

int signal_parse(struct ipc_msg *m)
{
	AUTO(arena) struct arena a = ARENA_NULL;
	struct json *j = NULL;
	int64_t sig;

	arena_init(&a, 4096);
	if (json_parse(&a, buf_str(&m->body), &j, NULL) != 0)
		return -EPROTO;
	sig = json_find_int(j, "signal", 0);
	return sig > 0 && sig < NSIG ? (int)sig : 0;
}
