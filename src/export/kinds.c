/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kinds.h"

const struct export_level_row export_levels[LEVEL_MAX_] = {
	[LEVEL_INFO] = { "Informational", 1, 6, 9, "INFO", 2 },
	[LEVEL_LOW] = { "Low", 2, 5, 10, "INFO2", 4 },
	[LEVEL_MEDIUM] = { "Medium", 3, 4, 13, "WARN", 5 },
	[LEVEL_HIGH] = { "High", 4, 3, 17, "ERROR", 8 },
	[LEVEL_CRITICAL] = { "Critical", 5, 2, 21, "FATAL", 10 },
};

static const struct export_class classes[] = {
	{ OCSF_BASE, "Base Event", 0, "Uncategorized" },
	{ OCSF_FILE, "File System Activity", 1, "System Activity" },
	{ OCSF_KERNEL, "Kernel Activity", 1, "System Activity" },
	{ OCSF_PROCESS, "Process Activity", 1, "System Activity" },
	{ OCSF_FINDING, "Detection Finding", 2, "Findings" },
	{ OCSF_ENTITY, "Entity Management", 3, "Identity & Access Management" },
	{ OCSF_NETWORK, "Network Activity", 4, "Network Activity" },
	{ OCSF_LIFECYCLE, "Application Lifecycle", 6, "Application Activity" },
	{ OCSF_API, "API Activity", 6, "Application Activity" },
};

/* clang-format off */
const struct export_kind export_kinds[] = {
	/* sorted by name */
	{ "agent.event", "Agent's own telemetry", OCSF_API, 99, "Other",
	  LEVEL_INFO, "process", "info", false },
	{ "agent.lost", "Telemetry of an agent is missing", OCSF_LIFECYCLE, 99,
	  "Lost", LEVEL_LOW, "process", "info", false },
	{ "daemon.start", "Daemon started", OCSF_LIFECYCLE, 3, "Start",
	  LEVEL_INFO, "process", "start", false },
	{ "daemon.stop", "Daemon stopped", OCSF_LIFECYCLE, 4, "Stop",
	  LEVEL_INFO, "process", "end", false },
	{ "file.change", "File changed", OCSF_FILE, 3, "Update", LEVEL_INFO,
	  "file", "change", false },
	{ "file.chmod", "File mode or owner changed", OCSF_FILE, 6,
	  "Set Attributes", LEVEL_INFO, "file", "change", false },
	{ "file.create", "File created", OCSF_FILE, 1, "Create", LEVEL_INFO,
	  "file", "creation", false },
	{ "file.hide", "File covered", OCSF_FILE, 7, "Set Security",
	  LEVEL_LOW, "file", "change", false },
	{ "file.later", "File that runs later changed", OCSF_FINDING, 1,
	  "Create", LEVEL_MEDIUM, "file", "change", false },
	{ "file.link", "File linked", OCSF_FILE, 1, "Create", LEVEL_INFO,
	  "file", "creation", false },
	{ "file.open", "File opened", OCSF_FILE, 14, "Open", LEVEL_INFO,
	  "file", "access", false },
	{ "file.rename", "File renamed", OCSF_FILE, 5, "Rename", LEVEL_INFO,
	  "file", "change", false },
	{ "file.unlink", "File removed", OCSF_FILE, 4, "Delete", LEVEL_INFO,
	  "file", "deletion", false },
	{ "ledger.erase", "Payloads erased", OCSF_LIFECYCLE, 99, "Erase",
	  LEVEL_MEDIUM, "configuration", "deletion", false },
	{ "ledger.first", "First form taken in", OCSF_LIFECYCLE, 99, "Convert",
	  LEVEL_INFO, "configuration", "change", false },
	{ "ledger.key", "Ledger's key changed", OCSF_LIFECYCLE, 99, "Key",
	  LEVEL_MEDIUM, "configuration", "change", false },
	{ "ledger.start", "Ledger opened", OCSF_LIFECYCLE, 3, "Start",
	  LEVEL_INFO, "process", "start", false },
	{ "ledger.torn", "Ledger repaired", OCSF_FINDING, 1, "Create",
	  LEVEL_HIGH, "file", "change", false },
	{ "limit.hit", "Limit reached", OCSF_LIFECYCLE, 99, "Limit",
	  LEVEL_MEDIUM, "process", "info", false },
	{ "net.bind", "Address bound", OCSF_NETWORK, 7, "Listen", LEVEL_INFO,
	  "network", "start", false },
	{ "net.connect", "Connection tried", OCSF_NETWORK, 1, "Open",
	  LEVEL_INFO, "network", "connection", false },
	{ "net.grant", "Connection allowed", OCSF_NETWORK, 1, "Open",
	  LEVEL_INFO, "network", "allowed", false },
	{ "net.listen", "Socket listens", OCSF_NETWORK, 7, "Listen",
	  LEVEL_INFO, "network", "start", false },
	{ "net.refuse", "Connection refused", OCSF_NETWORK, 5, "Refuse",
	  LEVEL_MEDIUM, "network", "denied", false },
	{ "net.send", "Datagram sent", OCSF_NETWORK, 6, "Traffic", LEVEL_INFO,
	  "network", "connection", false },
	{ "peer.killed", "Process broke its protocol", OCSF_FINDING, 1,
	  "Create", LEVEL_HIGH, "intrusion_detection", "denied", false },
	{ "policy.accept", "Policy accepted", OCSF_ENTITY, 3, "Update",
	  LEVEL_LOW, "configuration", "change", false },
	{ "process.exec", "Program executed", OCSF_PROCESS, 1, "Launch",
	  LEVEL_INFO, "process", "start", false },
	{ "process.hash", "Program identified", OCSF_PROCESS, 99, "Hash",
	  LEVEL_INFO, "process", "info", false },
	{ "session.close", "Session ended", OCSF_PROCESS, 2, "Terminate",
	  LEVEL_INFO, "process", "end", false },
	{ "session.narrow", "Policy narrowed", OCSF_ENTITY, 3, "Update",
	  LEVEL_LOW, "configuration", "change", false },
	{ "session.open", "Session opened", OCSF_PROCESS, 1, "Launch",
	  LEVEL_INFO, "process", "start", false },
	{ "session.output", "Terminal output", OCSF_LIFECYCLE, 99, "Output",
	  LEVEL_INFO, "process", "info", false },
	{ "session.start", "Session confined", OCSF_LIFECYCLE, 3, "Start",
	  LEVEL_INFO, "process", "start", false },
	{ "sink.reject", "Record set aside by a sink", OCSF_FINDING, 1,
	  "Create", LEVEL_MEDIUM, "configuration", "error", false },
	{ "socket.grant", "Host socket used", OCSF_NETWORK, 1, "Open",
	  LEVEL_INFO, "network", "allowed", false },
	{ "syscall.refuse", "System call refused", OCSF_KERNEL, 4, "Invoke",
	  LEVEL_MEDIUM, "process", "denied", false },
	{ "", "Record of kind", OCSF_BASE, 99, "Other", LEVEL_INFO, "host",
	  "info", true },
};

static const struct export_member members[] = {
	/* sorted by name */
	{ "addr", "network.peer.address", "destination.ip", "dst" },
	{ "argv", "process.command_line", "process.command_line", NULL },
	{ "bytes_in", NULL, "destination.bytes", "in" },
	{ "bytes_out", NULL, "source.bytes", "out" },
	{ "code", "process.exit.code", "process.exit_code", NULL },
	{ "conversation", "gen_ai.conversation.id", NULL, NULL },
	{ "cwd", "process.working_directory", "process.working_directory",
	  NULL },
	{ "exe", "process.executable.path", "process.executable", "sproc" },
	{ "host", "server.address", "destination.domain", "dhost" },
	{ "model", "gen_ai.request.model", NULL, NULL },
	{ "path", "file.path", "file.path", "filePath" },
	{ "pid", "process.pid", "process.pid", "spid" },
	{ "port", "server.port", "destination.port", "dpt" },
	{ "ppid", "process.parent_pid", "process.parent.pid", NULL },
	{ "proto", "network.transport", "network.transport", "proto" },
	{ "provider", "gen_ai.provider.name", NULL, NULL },
	{ "reason", NULL, "event.reason", "reason" },
	{ "service", NULL, "service.name", NULL },
	{ "sha256", NULL, "file.hash.sha256", "fileHash" },
	{ "sni", NULL, "tls.client.server_name", NULL },
	{ "span_id", NULL, "span.id", NULL },
	{ "tokens_cache_read", "gen_ai.usage.cache_read.input_tokens", NULL,
	  NULL },
	{ "tokens_cache_write", "gen_ai.usage.cache_creation.input_tokens",
	  NULL, NULL },
	{ "tokens_in", "gen_ai.usage.input_tokens", NULL, NULL },
	{ "tokens_out", "gen_ai.usage.output_tokens", NULL, NULL },
	{ "tool", "gen_ai.tool.name", NULL, NULL },
	{ "trace_id", NULL, "trace.id", NULL },
};
/* clang-format on */

const size_t export_n_kinds = N_ELEMS(export_kinds);

const struct export_kind *export_kind_find(struct str name)
{
	for (size_t i = 0; i + 1 < N_ELEMS(export_kinds); i++) {
		if (str_eq(name, str_of(export_kinds[i].name)))
			return &export_kinds[i];
	}
	return &export_kinds[N_ELEMS(export_kinds) - 1];
}

const struct export_class *export_class_get(enum ocsf_class uid)
{
	for (size_t i = 0; i < N_ELEMS(classes); i++) {
		if (classes[i].uid == uid)
			return &classes[i];
	}
	return &classes[0];
}

const struct export_member *export_member_find(struct str name)
{
	for (size_t i = 0; i < N_ELEMS(members); i++) {
		if (str_eq(name, str_of(members[i].name)))
			return &members[i];
	}
	return NULL;
}
