#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the hosts that the package clients of this machine use, one
# "host[:port]" a line, by asking the clients: the names are theirs, not ours.
# Run by the keeper for `preset: package-registries`; the result is kept a day.
set -u
PATH=$PATH:/usr/local/bin:/usr/bin:/bin

hosts_of() {
	# URLs on stdin, in any text; hosts on stdout.
	grep -oE 'https?://[^][/ "'"'"',|<>]+' | sed -E 's,^https?://,,; s,^.*@,,' || :
}

npm_hosts() {
	command -v npm >/dev/null || return 0
	{ npm config get registry; npm config ls; } 2>/dev/null | hosts_of
}

pip_hosts() {
	for py in python3 /usr/bin/python3; do
		"$py" - 2>/dev/null <<'PY' && break
try:
    from pip._internal.models.index import PyPI
except ImportError:
    raise SystemExit(1)
print(PyPI.netloc)
print(PyPI.file_storage_domain)
PY
	done
	{ pip config list || pip3 config list; } 2>/dev/null | hosts_of
}

go_hosts() {
	command -v go >/dev/null || return 0
	go env GOPROXY | tr ',|' '\n\n' | hosts_of
	go env GOSUMDB | awk '{ print $1 }' | grep -E '^[a-z0-9.-]+\.[a-z]+$' || :
}

cargo_hosts() {
	dir=${CARGO_HOME:-$HOME/.cargo}
	for d in "$dir"/registry/index/*/; do
		[ -d "$d" ] || continue
		basename "$d" | sed -E 's/-[0-9a-f]{16}$//'
		cat "$d/config.json" "$d/.cache/config.json" 2>/dev/null | hosts_of
	done
	cat "$dir/config.toml" "$dir/config" 2>/dev/null | hosts_of
	# The client carries its default in itself.
	for bin in "$(rustup which cargo 2>/dev/null)" /usr/bin/cargo; do
		[ -f "$bin" ] || continue
		grep -aoE 'sparse\+https://[a-z0-9.-]+/|https://static\.[a-z0-9.-]+/crates' "$bin" |
			hosts_of | sort -u | head -4
		break
	done
}

maven_hosts() {
	for jar in /usr/share/maven/lib/maven-model-builder-*.jar /usr/share/java/maven-model-builder.jar; do
		[ -f "$jar" ] || continue
		unzip -p "$jar" org/apache/maven/model/pom-4.0.0.xml 2>/dev/null |
			grep -E '<url>' | hosts_of
		break
	done
	grep -hE '<url>' "$HOME/.m2/settings.xml" /etc/maven/settings.xml 2>/dev/null |
		grep -v '<!--' | hosts_of
}

{
	npm_hosts
	pip_hosts
	go_hosts
	cargo_hosts
	maven_hosts
} </dev/null 2>/dev/null | tr 'A-Z' 'a-z' |
	grep -E '^[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)?$' | sort -u
exit 0
