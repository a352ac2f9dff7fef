/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte is the frame, two are the status, one is how many were sent.
 * Laws: there is a verdict, and only a 2xx can be taken; no more is rejected
 * than was sent, each once and in order; the reason can be shown.
 */
#include "export/answer-parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void law(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum frame_type frame;
	struct answer a;
	unsigned status;
	uint32_t n;

	if (size < 4)
		return 0;
	frame = (enum frame_type)(1u + data[0] % (FRAME_TYPE_MAX_ - 1u));
	status = (unsigned)data[1] << 8 | data[2];
	n = data[3];
	answer_parse(frame, status,
		     (struct str){ (const char *)data + 4, size - 4 }, n, &a);
	law(a.verdict >= ANSWER_TAKEN && a.verdict <= ANSWER_DENIED);
	if (a.verdict == ANSWER_TAKEN)
		law(status >= 200 && status < 300);
	law(a.n_unnamed <= n && a.n_rejected <= n);
	law(a.n_rejected <= ANSWER_REJECTED_MAX);
	for (uint32_t i = 0; i < a.n_rejected; i++)
		law(a.rejected[i] < n &&
		    (i == 0 || a.rejected[i] > a.rejected[i - 1]));
	law(memchr(a.why, 0, sizeof(a.why)) != NULL);
	for (const char *c = a.why; *c; c++)
		law((unsigned char)*c >= 0x20 && *c != 0x7f);
	return 0;
}
