/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * Syslog has no acknowledgement.  What TCP has acknowledged may still lie in
 * the buffer of a receiver that is then killed.  So a connection is ended in
 * order from time to time: close_notify and FIN from us, and then the
 * receiver's FIN, which it sends when it has read to the end.  A receiver that
 * dies with something unread answers with RST; one that was dead before our
 * last bytes came does not acknowledge them.  Only when neither is the case has
 * it read everything.
 */
#include "export/tls-out.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"

#define NAP_MS 5

struct tls_out {
	SSL_CTX *ctx;
	SSL *ssl;
	int fd;
};

static void auto_addrinfo(struct addrinfo **ai)
{
	if (*ai)
		freeaddrinfo(*ai);
}

void tls_out_free(struct tls_out *t)
{
	if (!t)
		return;
	SSL_free(t->ssl);
	SSL_CTX_free(t->ctx);
	if (t->fd != -1)
		(void)close(t->fd);
	free(t);
}

static int lost(struct diag *err, const char *what, const char *why)
{
	diag_set(err, 0, 0, "%s: %s", what, why);
	return TLS_OUT_E_LOST;
}

/* 0; TLS_OUT_E_SILENT. */
static int wait_for(int fd, short events, uint64_t limit_ns)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = clock_mono_ns();

		if (now >= limit_ns)
			return TLS_OUT_E_SILENT;
		if (poll(&p, 1, (int)((limit_ns - now) / NS_PER_MS) + 1) > 0)
			return 0;
	}
}

static int try_one(struct tls_out *t, const struct addrinfo *ai,
		   uint64_t limit_ns)
{
	int error = 0;
	socklen_t len = sizeof(error);

	t->fd = socket(ai->ai_family,
		       ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       ai->ai_protocol);
	if (t->fd == -1)
		return errno;
	if (connect(t->fd, ai->ai_addr, ai->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	if (wait_for(t->fd, POLLOUT, limit_ns) != 0)
		return ETIMEDOUT;
	if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return errno;
	return error;
}

static int dial(struct tls_out *t, const struct sink *s, uint64_t limit_ns,
		struct diag *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_ADDRCONFIG |
						    AI_NUMERICSERV };
	AUTO(addrinfo) struct addrinfo *all = NULL;
	int error = EHOSTUNREACH;
	int r = getaddrinfo(s->host, s->port, &hints, &all);

	if (r != 0)
		return lost(err, s->host, gai_strerror(r));
	for (const struct addrinfo *ai = all; ai; ai = ai->ai_next) {
		error = try_one(t, ai, limit_ns);
		if (error == 0)
			return 0;
		if (t->fd != -1)
			(void)close(TAKE_FD(t->fd));
	}
	return lost(err, s->host, strerror(error));
}

static bool is_address(const char *host)
{
	struct in6_addr any;

	return inet_pton(AF_INET, host, &any) == 1 ||
	       inet_pton(AF_INET6, host, &any) == 1;
}

static bool set_up(struct tls_out *t, const struct sink *s)
{
	X509_VERIFY_PARAM *param;
	char name[256];

	t->ctx = SSL_CTX_new(TLS_client_method());
	if (!t->ctx || !SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION))
		return false;
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
	if (s->ca ? !SSL_CTX_load_verify_locations(t->ctx, s->ca, NULL)
		  : !SSL_CTX_set_default_verify_paths(t->ctx))
		return false;
	if (s->certificate &&
	    (!SSL_CTX_use_certificate_chain_file(t->ctx, s->certificate) ||
	     !SSL_CTX_use_PrivateKey_file(t->ctx, s->key, SSL_FILETYPE_PEM)))
		return false;
	t->ssl = SSL_new(t->ctx);
	if (!t->ssl || !SSL_set_fd(t->ssl, t->fd))
		return false;
	if (!is_address(s->host)) {
		/* The macro for SNI takes no const. */
		(void)snprintf(name, sizeof(name), "%s", s->host);
		return SSL_set1_host(t->ssl, s->host) &&
		       SSL_set_tlsext_host_name(t->ssl, name);
	}
	param = SSL_get0_param(t->ssl);
	return X509_VERIFY_PARAM_set1_ip_asc(param, s->host);
}

static int complain(const struct tls_out *t, struct diag *err, const char *what)
{
	long v = t->ssl ? SSL_get_verify_result(t->ssl) : X509_V_OK;
	unsigned long e = ERR_peek_last_error();
	char text[160] = "the connection broke";

	if (e != 0)
		ERR_error_string_n(e, text, sizeof(text));
	ERR_clear_error();
	return lost(err, what,
		    v != X509_V_OK ? X509_verify_cert_error_string(v) : text);
}

/* What @r of an SSL function asks for.  0: try again; enum tls_out_error. */
static int retry(struct tls_out *t, int r, uint64_t limit_ns, struct diag *err,
		 const char *what)
{
	int e = SSL_get_error(t->ssl, r);

	if (e == SSL_ERROR_WANT_READ)
		return wait_for(t->fd, POLLIN, limit_ns);
	if (e == SSL_ERROR_WANT_WRITE)
		return wait_for(t->fd, POLLOUT, limit_ns);
	return complain(t, err, what);
}

int tls_out_open(const struct sink *s, uint64_t limit_ns, struct tls_out **ret,
		 struct diag *reterr)
{
	AUTO(tls_out) struct tls_out *t = calloc(1, sizeof(*t));
	const int one = 1;
	int r;

	if (!t)
		return -ENOMEM;
	t->fd = -1;
	ERR_clear_error();
	r = dial(t, s, limit_ns, reterr);
	if (r != 0)
		return r;
	(void)setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(t->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	if (!set_up(t, s))
		return complain(t, reterr, "certificates");
	for (;;) {
		int n = SSL_connect(t->ssl);

		if (n == 1)
			break;
		r = retry(t, n, limit_ns, reterr, "TLS");
		if (r != 0)
			return r;
	}
	*ret = TAKE(t);
	return 0;
}

/*
 * The receiver has nothing to say, so what can be read is the end, or messages
 * of TLS itself.  0: it is there; TLS_OUT_E_LOST.
 */
static int look(struct tls_out *t, struct diag *err)
{
	char c;
	int n = SSL_read(t->ssl, &c, 1);

	if (n > 0)
		return 0; /* what it says counts for nothing */
	if (SSL_get_error(t->ssl, n) == SSL_ERROR_WANT_READ)
		return 0;
	return complain(t, err, "the receiver has ended the connection");
}

int tls_out_send(struct tls_out *t, struct str bytes, uint64_t limit_ns,
		 struct diag *reterr)
{
	int r = look(t, reterr);

	while (r == 0 && bytes.len > 0) {
		int part = bytes.len < 16384 ? (int)bytes.len : 16384;
		int n = SSL_write(t->ssl, bytes.ptr, part);

		if (n > 0)
			bytes = str_skip(bytes, (size_t)n);
		else
			r = retry(t, n, limit_ns, reterr, "sending");
	}
	return r;
}

/* Its FIN is there.  Has it acknowledged our last byte? */
static int check_acknowledged(const struct tls_out *t, uint64_t limit_ns,
			      struct diag *err)
{
	for (;;) {
		int left = 1, error = 0;
		socklen_t len = sizeof(error);

		if (getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
			error = errno;
		if (error != 0)
			return lost(err, "ending", strerror(error));
		if (ioctl(t->fd, SIOCOUTQ, &left) == -1)
			return lost(err, "ending", strerror(errno));
		if (left == 0)
			return 0;
		if (clock_mono_ns() >= limit_ns)
			return lost(err, "ending",
				    "the last bytes were not "
				    "taken");
		(void)poll(NULL, 0, NAP_MS);
	}
}

int tls_out_end(struct tls_out *t, uint64_t limit_ns, struct diag *reterr)
{
	int r = look(t, reterr);
	char rest[512];

	if (r != 0)
		return r;
	if (SSL_shutdown(t->ssl) < 0)
		return complain(t, reterr, "ending");
	if (shutdown(t->fd, SHUT_WR) == -1)
		return lost(reterr, "ending", strerror(errno));
	for (;;) {
		/* TLS has nothing more to tell: only FIN or RST counts. */
		ssize_t n = read(t->fd, rest, sizeof(rest));

		if (n == 0)
			return check_acknowledged(t, limit_ns, reterr);
		if (n > 0)
			continue;
		if (errno != EAGAIN && errno != EINTR)
			return lost(reterr, "ending", strerror(errno));
		r = wait_for(t->fd, POLLIN, limit_ns);
		if (r != 0) {
			diag_set(reterr, 0, 0,
				 "the receiver does not end the "
				 "connection");
			return r;
		}
	}
}
