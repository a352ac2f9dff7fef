/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kinds: what each kind of record is in the words of others.  Pure tables;
 * doc/PROTOCOL.sinks has them for readers.
 */
#pragma once

#include "base/base.h"

/* OCSF 1.8.0 class_uid */
enum ocsf_class {
	OCSF_BASE = 0,
	OCSF_FILE = 1001,
	OCSF_KERNEL = 1003,
	OCSF_PROCESS = 1007,
	OCSF_FINDING = 2004, /* Detection Finding */
	OCSF_ENTITY = 3004,  /* Entity Management */
	OCSF_NETWORK = 4001,
	OCSF_LIFECYCLE = 6002, /* Application Lifecycle */
	OCSF_API = 6003,
};

enum export_level {
	LEVEL_INFO,
	LEVEL_LOW,
	LEVEL_MEDIUM,
	LEVEL_HIGH,
	LEVEL_CRITICAL,
	LEVEL_MAX_,
};

struct export_level_row {
	const char *name;
	unsigned ocsf;   /* severity_id */
	unsigned syslog; /* RFC 5424 section 6.2.1 */
	unsigned otlp;   /* SeverityNumber */
	const char *otlp_text;
	unsigned cef; /* 0 to 10 */
};

extern const struct export_level_row export_levels[LEVEL_MAX_];

struct export_kind {
	const char *name;
	const char *title;
	enum ocsf_class class_uid;
	unsigned activity; /* activity_id of that class; 99: none fits */
	const char *activity_name;
	enum export_level level;
	const char *ecs_category, *ecs_type;
	bool is_other; /* the row of what is in no other row */
};

/* Never NULL. */
const struct export_kind *export_kind_find(struct str name);
/* All rows; the last is that of the others. */
extern const struct export_kind export_kinds[];
extern const size_t export_n_kinds;

struct export_class {
	enum ocsf_class uid;
	const char *name;
	unsigned category_uid;
	const char *category_name;
};

const struct export_class *export_class_get(enum ocsf_class uid);

/*
 * A member of the ledger that has a name elsewhere too; NULL: has none there.
 * Network members are those of the far end.
 */
struct export_member {
	const char *name;
	const char *otel; /* OpenTelemetry semantic conventions */
	const char *ecs;  /* Elastic Common Schema */
	const char *cef;  /* extension key */
};

const struct export_member *export_member_find(struct str name);
