/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "keeper/signing-parse.h"

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIKcxYW=="

static void ssh_keys(void)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} rows[] = {
		{ "ssh-ed25519 " KEY, "ssh-ed25519 " KEY },
		{ "ssh-ed25519 " KEY "\n", "ssh-ed25519 " KEY },
		{ "ssh-rsa " KEY " me@here and there\n", "ssh-rsa " KEY },
		{ "ecdsa-sha2-nistp256 " KEY, "ecdsa-sha2-nistp256 " KEY },
		{ "sk-ssh-ed25519@openssh.com " KEY,
		  "sk-ssh-ed25519@openssh.com " KEY },
		{ "", NULL },
		{ "\n", NULL },
		{ "ssh-ed25519", NULL },
		{ "ssh-ed25519 ", NULL },
		{ "ssh- " KEY, NULL },
		{ "dsa " KEY, NULL },
		{ "ssh-ED25519 " KEY, NULL },
		{ "ssh-ed25519\t" KEY, NULL },
		{ " ssh-ed25519 " KEY, NULL },
		{ "ssh-ed25519  " KEY, NULL },
		{ "ssh-ed25519 AAAA", NULL },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA===", NULL },
		{ "ssh-ed25519 AAAAC3Nz=aC1lZDI1NTE5AAAA", NULL },
		{ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5A\"AA", NULL },
		{ "ssh-ed25519 " KEY "\nssh-rsa " KEY "\n", NULL },
		{ "ssh-ed25519 " KEY "\n\n", NULL },
		{ "command=\"x\" ssh-ed25519 " KEY, NULL },
		{ "-----BEGIN OPENSSH PRIVATE KEY-----\n" KEY "\n", NULL },
	};
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, 65536);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str got = { 0 };
		bool ok = signing_ssh_key(&a, str_of(rows[i].in), &got);

		CHECK_EQ(ok, rows[i].want != NULL);
		if (ok && rows[i].want && !str_eq(got, str_of(rows[i].want)))
			test_note(__FILE__, __LINE__, rows[i].in, 0, 1);
	}
}

static void ssh_key_too_long(void)
{
	static char text[SIGNING_KEY_MAX + 2];
	AUTO(arena) struct arena a = ARENA_NULL;
	struct str got;

	arena_init(&a, 65536);
	memset(text, 'A', sizeof(text) - 1);
	memcpy(text, "ssh-rsa ", 8);
	CHECK_EQ(signing_ssh_key(&a, str_of(text), &got), false);
	text[SIGNING_KEY_MAX] = '\0';
	CHECK_EQ(signing_ssh_key(&a, str_of(text), &got), true);
}

#define HEADER  "\0\0\0\x10\1\1\0\0KBXf\0\0\0\0"
#define OPENPGP "\0\0\0\x14\2\1\0\0public key.."
#define X509    "\0\0\0\x14\3\1\0\0certificate."
#define DELETED "\0\0\0\x10\0\1\0\0gone...."

#define BYTES(s)                       \
	{                              \
		(s), sizeof(s "") - 1U \
	}

static void keyboxes(void)
{
	static const struct {
		struct str in, want; /* .ptr NULL: refused */
	} rows[] = {
		{ BYTES(HEADER), BYTES(HEADER) },
		{ BYTES(HEADER OPENPGP), BYTES(HEADER OPENPGP) },
		{ BYTES(HEADER X509 OPENPGP DELETED OPENPGP),
		  BYTES(HEADER OPENPGP OPENPGP) },
		{ BYTES(""), { 0 } },
		{ BYTES("\0\0\0\x10\1\1\0\0"), { 0 } },
		{ BYTES("\0\0\0\x10\1\1\0\0KBXe\0\0\0\0"), { 0 } },
		{ BYTES("\0\0\0\x10\2\1\0\0KBXf\0\0\0\0"), { 0 } },
		{ BYTES(OPENPGP HEADER), { 0 } },
		{ BYTES(HEADER HEADER), { 0 } },
		{ BYTES(HEADER "\0\0\0\x0f\2\1\0\0public "), { 0 } },
		{ BYTES(HEADER "\0\0\0\x15\2\1\0\0public key.."), { 0 } },
		{ BYTES(HEADER "\xff\xff\xff\xff\2\1\0\0public key.."), { 0 } },
		{ BYTES(HEADER "\0\0\0\x14\4\1\0\0what is it?."), { 0 } },
		{ BYTES(HEADER "\0\0\0\x14\xff\1\0\0what is it?."), { 0 } },
		{ BYTES(HEADER OPENPGP "\0"), { 0 } },
		{ BYTES("-----BEGIN PGP PRIVATE KEY BLOCK-----"), { 0 } },
	};
	AUTO(arena) struct arena a = ARENA_NULL;

	arena_init(&a, 65536);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct str got = { 0 };
		int r = signing_keybox(&a, rows[i].in, &got);

		CHECK_EQ(r, rows[i].want.ptr ? 0 : 1);
		if (r == 0 && !str_eq(got, rows[i].want))
			test_note(__FILE__, __LINE__, "keybox", (long)i, -1);
	}
}

int main(void)
{
	static const struct test tests[] = {
		{ "ssh public keys", ssh_keys },
		{ "an ssh key that is too long", ssh_key_too_long },
		{ "keyboxes", keyboxes },
	};

	return test_main(tests, N_ELEMS(tests));
}
