/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode.h"

const struct export_form_row export_forms[FORM_MAX_] = {
	[FORM_RECORD] = { "record", encode_record, true,
			  "the ledger's own members" },
	[FORM_OCSF] = { "ocsf", encode_ocsf, true, "OCSF 1.8.0" },
	[FORM_ECS] = { "ecs", encode_ecs, true, "Elastic Common Schema" },
	[FORM_CEF] = { "cef", encode_cef, false, "Common Event Format" },
};

bool export_form_find(struct str name, enum export_form *ret)
{
	for (unsigned i = 1; i < FORM_MAX_; i++) {
		if (str_eq(name, str_of(export_forms[i].name))) {
			*ret = (enum export_form)i;
			return true;
		}
	}
	return false;
}

void encode_record(const struct event *e, struct buf *b)
{
	struct json_out w = JSON_OUT(b);

	json_open(&w, '{');
	JSON_EACH (it, e->fields) {
		/* They are the ledger's own means, and say nothing alone. */
		if (str_eq(it->key, STR("prev")) ||
		    str_eq(it->key, STR("salt")) ||
		    str_eq(it->key, STR("payload")))
			continue;
		json_key_str(&w, it->key);
		event_value(&w, it);
	}
	if (!json_find(e->fields, "observer"))
		json_kstr(&w, "observer", e->from->host);
	json_close(&w, '}');
}
