/* SPDX-License-Identifier: Apache-2.0 */
/* bawn policy schema: the JSON Schema of policies, for editors. */
#include "cmd/bawn-policy.h"
#include "policy/policy.h"

int policy_schema_verb(const struct policy_opts *o, int argc,
		       char *const argv[])
{
	AUTO(buf) struct buf out = BUF_NULL;

	(void)o;
	(void)argc;
	(void)argv;
	buf_init(&out, POLICY_OUTPUT_MAX);
	policy_schema_json(&out);
	return policy_put(&out);
}
