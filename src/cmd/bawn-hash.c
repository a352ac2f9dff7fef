/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bawn-hash CACHE: computes the SHA-256 of programs for a session's witness.
 *
 * Started by the supervisor when the witness asks for the first that nobody knows
 * (jail/witness-hash.h), with nothing but two sockets: 0, from which the witness's
 * questions are read, and 1, a writer of the ledger.  Ends when there is nobody to
 * ask any more.  A program of its own since OpenSSL is: `bawn` starts faster
 * without it.
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <sched.h>
#include <sys/resource.h>

#include "base/fd.h"
#include "base/json.h"
#include "ipc/ipc.h"
#include "ipc/protocol.h"
#include "jail/witness-hash.h"
#include "ledger/record.h"

#define CHUNK     ((size_t)256 * 1024)
#define CACHE_MAX (HASH_CACHE - 4096) /* then it begins anew */
#define NICE      10

/* 0, or -errno.  *ret_bytes: how many there were. */
static int compute(int fd, char hex[HASH_HEX], uint64_t *ret_bytes)
{
	static const char digits[] = "0123456789abcdef";
	static unsigned char chunk[CHUNK];
	unsigned char raw[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned len = 0;
	ssize_t n = 0;
	bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

	*ret_bytes = 0;
	while (ok && (n = read(fd, chunk, sizeof(chunk))) > 0) {
		ok = EVP_DigestUpdate(ctx, chunk, (size_t)n) == 1;
		*ret_bytes += (uint64_t)n;
	}
	if (n == -1) {
		int r = neg_errno();

		EVP_MD_CTX_free(ctx);
		return r;
	}
	ok = ok && EVP_DigestFinal_ex(ctx, raw, &len) == 1 &&
	     len == (HASH_HEX - 1) / 2;
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; ok && i < len; i++) {
		hex[2 * i] = digits[raw[i] >> 4];
		hex[2 * i + 1] = digits[raw[i] & 15];
	}
	hex[HASH_HEX - 1] = '\0';
	return ok ? 0 : -EIO;
}

/* One write: others may append at the same time. */
static void remember(const char *cache, const char *key, const char *hex)
{
	char line[HASH_KEY + HASH_HEX + 2];
	int n = snprintf(line, sizeof(line), "%s %s\n", key, hex);
	AUTO(fd)
	int fd = open(cache,
		      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		      0600);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return; /* it is computed again, then */
	if ((uint64_t)st.st_size > CACHE_MAX && ftruncate(fd, 0) == -1)
		return;
	(void)!write(fd, line, (size_t)n);
}

static int record(struct str path, const char *hex, uint64_t bytes,
		  const char *reason)
{
	AUTO(buf) struct buf b = BUF_NULL;
	struct json_out w = JSON_OUT(&b);

	buf_init(&b, RECORD_MAX_BODY);
	record_begin(&w, RECORD_PROCESS_HASH, "none", RECORD_KERNEL, NULL, 1);
	json_kstr(&w, "path", path);
	if (hex[0]) {
		json_kstr(&w, "sha256", str_of(hex));
		json_kuint(&w, "bytes", bytes);
	}
	if (reason)
		json_kstr(&w, "reason", str_of(reason));
	record_end(&w);
	return b.failed ? -ENOMEM
			: ipc_send(1, MSG_APPEND, 0, buf_str(&b), NULL, 0);
}

static int serve(struct ipc_msg *m, const char *cache)
{
	struct str body = buf_str(&m->body), key;
	AUTO(fd) int fd = ipc_take_fd(m, 0);
	char hex[HASH_HEX] = "", wanted[HASH_KEY], now[HASH_KEY];
	uint64_t bytes = 0;
	struct stat st;
	int r;

	if (!str_cut(&body, '\n', &key) || key.len >= sizeof(wanted))
		return -EPROTO;
	memcpy(wanted, key.ptr, key.len);
	wanted[key.len] = '\0';
	if (fd == -1)
		return record(body, "", 0, "it may not be read");
	r = compute(fd, hex, &bytes);
	if (r != 0)
		return record(body, "", 0, strerror(-r));
	if (fstat(fd, &st) == -1)
		return neg_errno();
	hash_key(&st, now);
	if (strcmp(now, wanted) != 0)
		return record(body, "", 0, "it was changed meanwhile");
	remember(cache, wanted, hex);
	return record(body, hex, bytes, NULL);
}

int main(int argc, char **argv)
{
	struct sched_param p = { 0 };
	struct ipc_msg m;
	int r;

	if (argc != 2)
		return 64;
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	(void)sched_setscheduler(0, SCHED_BATCH, &p);
	ipc_msg_init(&m);
	do {
		r = ipc_recv(0, &m, IPC_INLINE_MAX);
		if (r == 0)
			r = serve(&m, argv[1]);
	} while (r == 0);
	ipc_msg_done(&m);
	return r == -EPIPE ? 0 : 2;
}
