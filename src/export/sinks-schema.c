/* SPDX-License-Identifier: Apache-2.0 */
#include "export/sinks-schema.h"

#include <stdio.h>

#define AT(member) .target = offsetof(struct sink, member)
#define KIB        UINT64_C(1024)
#define MIB        (1024 * KIB)

/* clang-format off */
const struct sinks_row sinks_rows[] = {
	{ NULL, "name", SINKS_NAME, SINKS_ALL, SINKS_ALL, AT(name),
	  .help = "letters, digits and -; also the name of its cursor" },
	{ NULL, "type", SINKS_TYPE, SINKS_ALL, SINKS_ALL, AT(type),
	  .help = "what kind of receiver it is" },
	{ NULL, "url", SINKS_URL, SINKS_POSTED, SINKS_POSTED, AT(url),
	  .help = "where to post, in full: https://, or http:// to this "
		  "machine itself" },
	{ NULL, "address", SINKS_ADDRESS, SINKS_IN(SINK_SYSLOG),
	  SINKS_IN(SINK_SYSLOG), AT(host),
	  .help = "HOST:PORT; always TLS" },
	{ NULL, "path", SINKS_PATH, SINKS_IN(SINK_FILE), SINKS_IN(SINK_FILE),
	  AT(path), .help = "a file that is appended to" },
	{ NULL, "encoding", SINKS_ENCODING, SINKS_IN(SINK_OTLP), 0, AT(frame),
	  .help = "protobuf (without: this) or json" },
	{ NULL, "form", SINKS_FORM, SINKS_ALL & ~SINKS_IN(SINK_OTLP), 0,
	  AT(form), .help = "record, ocsf, ecs or cef" },
	{ NULL, "filter", SINKS_FILTER, SINKS_ALL, 0, AT(filter),
	  .help = "only the records for which it holds, as in ledger query" },
	{ NULL, "begin", SINKS_BEGIN, SINKS_ALL, 0, AT(begin_now),
	  .help = "start (without: this), or now: a new sink leaves out what "
		  "is on the ledger already" },
	{ NULL, "token", SINKS_SECRET, SINKS_POSTED,
	  SINKS_IN(SINK_SPLUNK) | SINKS_IN(SINK_DATADOG), AT(token),
	  .help = "the credential, as {from: {file: PATH}}, {from: {env: "
		  "NAME}} or {from: {command: [WORD, ...]}}" },
	{ NULL, "header", SINKS_TEXT,
	  SINKS_IN(SINK_OTLP) | SINKS_IN(SINK_HTTP), 0, AT(header), 1, 64,
	  "the header that the token is, in place of Authorization: Bearer" },
	{ NULL, "index", SINKS_TEXT,
	  SINKS_IN(SINK_SPLUNK) | SINKS_IN(SINK_ELASTIC), 0, AT(index), 1, 128,
	  "where it is stored there" },
	{ NULL, "source", SINKS_TEXT,
	  SINKS_IN(SINK_SPLUNK) | SINKS_IN(SINK_DATADOG), 0, AT(source), 1, 128,
	  "Splunk's source, Datadog's service; without: bawn" },
	{ "tls", "ca", SINKS_PATH, SINKS_NET, 0, AT(ca),
	  .help = "authorities of the receiver, in place of the system's" },
	{ "tls", "certificate", SINKS_PATH, SINKS_NET, 0, AT(certificate),
	  .help = "our certificate, PEM" },
	{ "tls", "key", SINKS_PATH, SINKS_NET, 0, AT(key),
	  .help = "its key, PEM" },
	{ "batch", "records", SINKS_COUNT, SINKS_ALL, 0, AT(max_records), 1,
	  10000, "at most so many at once" },
	{ "batch", "bytes", SINKS_SIZE, SINKS_ALL, 0, AT(max_bytes), 64 * KIB,
	  16 * MIB, "and so much" },
	{ "batch", "wait", SINKS_TIME, SINKS_ALL, 0, AT(wait_s), 1, 3600,
	  "gather that long before sending" },
};
/* clang-format on */

const size_t sinks_n_rows = N_ELEMS(sinks_rows);

const struct sinks_type_row sinks_types[SINK_TYPE_MAX_] = {
	[SINK_OTLP] = { "otlp", FRAME_OTLP_PROTO, FORM_RECORD, 1000, 2 * MIB,
			"an OpenTelemetry collector, by HTTP" },
	[SINK_SYSLOG] = { "syslog", FRAME_SYSLOG, FORM_RECORD, 1000, MIB,
			  "RFC 5424 over TLS (RFC 5425)" },
	[SINK_SPLUNK] = { "splunk", FRAME_SPLUNK, FORM_OCSF, 1000, 768 * KIB,
			  "Splunk's HTTP Event Collector" },
	[SINK_DATADOG] = { "datadog", FRAME_DATADOG, FORM_OCSF, 1000, 4 * MIB,
			   "Datadog's log intake, version 2" },
	[SINK_ELASTIC] = { "elastic", FRAME_ELASTIC, FORM_ECS, 1000, 4 * MIB,
			   "Elasticsearch's bulk interface" },
	[SINK_HTTP] = { "http", FRAME_LINES, FORM_OCSF, 1000, 2 * MIB,
			"JSON lines by POST" },
	[SINK_FILE] = { "file", FRAME_LINES, FORM_RECORD, 1000, 2 * MIB,
			"lines appended to a file" },
};

const char *sink_type_name(enum sink_type t)
{
	return sinks_types[t].name;
}

void sinks_reference(struct buf *b)
{
	for (unsigned t = 1; t < SINK_TYPE_MAX_; t++)
		(void)buf_printf(
			b, "type %-15s %s; form %s\n", sinks_types[t].name,
			sinks_types[t].help,
			t == SINK_OTLP
				? "its own"
				: export_forms[sinks_types[t].form].name);
	for (size_t i = 0; i < sinks_n_rows; i++) {
		const struct sinks_row *r = &sinks_rows[i];
		char name[64];

		(void)snprintf(name, sizeof(name), "%s%s%s",
			       r->section ? r->section : "",
			       r->section ? "." : "", r->name);
		(void)buf_printf(b, "%-20s %s\n", name, r->help);
	}
}
