/* SPDX-License-Identifier: Apache-2.0 */
/*
 * otlp-parse: a request's body, in either encoding, as the tree that JSON has.
 * Pure.
 */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "telemetry/otlp-schema.h"

#define OTLP_BODY_MAX  ((size_t)4 * 1024 * 1024)  /* unpacked */
#define OTLP_ARENA_MAX ((size_t)24 * 1024 * 1024) /* of its tree */
#define OTLP_DEPTH_MAX JSON_MAX_DEPTH

/*
 * Protocol buffers: what is in otlp_schema, in its JSON form, but that numbers
 * of 64 bits are JSON_INT where they fit; what is not is passed over.  Strict:
 * a field that may be there once is there once, with the wire type it has; no
 * groups; no more than OTLP_DEPTH_MAX levels.
 * 0; 1: not that; -ENOMEM when @a is full.
 */
must_check int otlp_proto_parse(struct arena *a, struct str body,
				enum otlp_message m, struct json **ret);
/*
 * The same of JSON: members that otlp_schema has are of its types (numbers of
 * 64 bits as numbers or as text), all others may be anything.
 */
must_check int otlp_json_parse(struct arena *a, struct str body,
			       enum otlp_message m, struct json **ret);
