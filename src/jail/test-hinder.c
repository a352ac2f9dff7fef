/* SPDX-License-Identifier: Apache-2.0 */
#include "base/test.h"
#include "jail/hinder.h"

/* Cause and remedy go into one line, which must not be cut. */
static void check_fits(const struct hindrance *h, const char *part)
{
	struct diag d;

	diag_set(&d, 0, 0, "%s: %s", h->why, h->mend);
	if (strlen(d.text) != strlen(h->why) + 2 + strlen(h->mend) ||
	    strlen(h->why) == sizeof(h->why) - 1 ||
	    strlen(h->mend) == sizeof(h->mend) - 1)
		printf("# cut: %s: %s\n", h->why, h->mend);
	CHECK_EQ(strlen(d.text), strlen(h->why) + 2 + strlen(h->mend));
	CHECK(strlen(h->why) < sizeof(h->why) - 1);
	CHECK(strlen(h->mend) < sizeof(h->mend) - 1);
	CHECK(strstr(d.text, part) != NULL);
	CHECK(strchr(d.text, '\n') == NULL);
}

static void test_texts(void)
{
	struct hindrance h;

	hinder_namespaces(-ENOSPC, NULL, &h);
	check_fits(&h, "ENOSPC");
	hinder_namespaces(-ENOSPC, "net", &h);
	check_fits(&h, "sysctl -w user.max_net_namespaces=65536");
	hinder_namespaces(-EPERM, NULL, &h);
	check_fits(&h, "refused here (EPERM)");
	hinder_namespaces(-ENOSYS, NULL, &h);
	check_fits(&h, "CONFIG_USER_NS");
	hinder_mounts(-EPERM, &h);
	check_fits(&h, "mounting is refused");
	hinder_proc(&h);
	check_fits(&h, "systempaths=unconfined");
	hinder_root(&h);
	check_fits(&h, "CAP_SYS_ADMIN");
	hinder_ids(4294967294u, &h);
	check_fits(&h, "4294967294");
}

int main(void)
{
	static const struct test tests[] = {
		{ "each in one line, with its remedy", test_texts },
	};

	return test_main(tests, N_ELEMS(tests));
}
