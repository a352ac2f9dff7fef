/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls-out: one TLS connection that only we speak on, for RFC 5425.
 *
 * The receiver's name or address is verified, TLS is 1.2 at least.  Every call
 * takes a limit, a time of clock_mono_ns(), and ends by then.
 */
#pragma once

#include "export/sinks.h"

struct tls_out;

enum tls_out_error {
	TLS_OUT_E_LOST = 1, /* broken, refused, not verified: @reterr says */
	TLS_OUT_E_SILENT,   /* no answer in time */
};

must_check int tls_out_open(const struct sink *s, uint64_t limit_ns,
			    struct tls_out **ret, struct diag *reterr);
void tls_out_free(struct tls_out *t);
DEFINE_AUTO(tls_out, struct tls_out, tls_out_free);

/* 0: all is on its way; an enum tls_out_error. */
must_check int tls_out_send(struct tls_out *t, struct str bytes,
			    uint64_t limit_ns, struct diag *reterr);
/*
 * Says that no more comes and waits for the receiver to end it too.  0: it has
 * read everything; TLS_OUT_E_LOST: it may not have; TLS_OUT_E_SILENT: it does
 * not end.  Only tls_out_free() may follow.
 */
must_check int tls_out_end(struct tls_out *t, uint64_t limit_ns,
			   struct diag *reterr);
