#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prints the hosts from which the package clients of this machine fetch, one
# "host[:port]" a line, by asking the clients: the names are theirs, not ours.
# Run by the keeper for `preset: package-registries`, which keeps the answer.
#
# Only what a client fetches from counts.  A proxy in the same configuration
# does not: a jail that could talk to it could talk to everybody.
set -u
PATH=${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin
# Asked for a setting, a shim must not fetch the client itself.
export COREPACK_ENABLE_NETWORK=0
cd / || exit 1

# URLs in any text on stdin; "host[:port]" on stdout.
hosts_of() {
	grep -oE 'https?://[^][/ "'"'"',|<>?#;]+' |
		sed -E 's,^(https?)://.*@,\1://,
			s,^http://([^:]*)$,\1:80,
			s,^https?://,,'
}

npm_hosts() {
	command -v npm >/dev/null || return 0
	npm config get registry | hosts_of
	# "@scope:registry = ..." is listed only when somebody set it.
	npm config ls | grep -E '^[^;]*registry *=' | hosts_of
	# A package with C in it is built against node's headers, which npm
	# fetches from where this node says, unless they are said to be here.
	[ -d "$(npm config get nodedir)" ] ||
		{ npm config get disturl; node -p process.release.headersUrl; } |
		hosts_of
}

# Whatever npm's registry is, yarn has one of its own; pnpm has not.
yarn_hosts() {
	command -v yarn >/dev/null || return 0
	yarn config get registry | hosts_of
	yarn config get npmRegistryServer | hosts_of # version 2 and later
}

# Without python's start-up files: a package installed from a project in place
# puts that project's directory among them.
python_without_site() {
	"$1" -I -S - "$(dirname "$(dirname "$(readlink -f "$(command -v "$1")")")")" <<'PY'
import glob, sys, sysconfig
sys.path += [sysconfig.get_path('purelib'), '/usr/lib/python3/dist-packages']
sys.path += glob.glob(sys.argv[1] + '/lib/python3*/site-packages')
try:
    from pip._internal.models.index import PyPI
    from pip._internal.configuration import Configuration
except ImportError:
    raise SystemExit(1)
print(PyPI.netloc)
print(PyPI.file_storage_domain)
c = Configuration(isolated=False)
c.load()
for key, value in c.items():
    values = value.values() if isinstance(value, dict) else [value]
    for name, text in zip(value if isinstance(value, dict) else [key], values):
        if name.endswith(('index-url', 'find-links')):
            print(text)
PY
}

pip_hosts() {
	for python in python3 /usr/bin/python3; do
		found=$(python_without_site "$python") && break
	done
	echo "$found" | sed 's,^[a-z0-9.-]*$,https://&,' | hosts_of
	grep -hE '(url|index) *=' "${XDG_CONFIG_HOME:-$HOME/.config}/uv/uv.toml" \
		/etc/uv/uv.toml | hosts_of
}

go_hosts() {
	command -v go >/dev/null || return 0
	go env GOPROXY | tr ',|' '\n\n' | hosts_of
	go env GOSUMDB | awk '{ print $1 }' | sed 's,+.*,,' |
		grep -E '^[a-z0-9.-]+\.[a-z]+$'
}

# The index a cargo was built with is a string in it.
cargo_indexes() {
	for cargo in "$(rustup which cargo)" "$(command -v cargo)"; do
		[ -f "$cargo" ] || continue
		found=$(grep -aoE 'sparse\+https://[a-z0-9.-]+/' "$cargo" |
			sort -u | head -n 4)
		[ -n "$found" ] || continue
		echo "$found"
		break
	done
	grep -hE '^ *(index|registry) *=' "$1/config.toml" "$1/config"
}

cargo_hosts() {
	dir=${CARGO_HOME:-$HOME/.cargo}
	command -v cargo >/dev/null || [ -d "$dir" ] || return 0
	cargo_indexes "$dir" | hosts_of
	# Where the crates themselves are is told by the index, which cargo
	# remembers from its first use on.
	cat "$dir"/registry/index/*/config.json \
		"$dir"/registry/index/*/.cache/config.json | hosts_of
}

# XML without its comments.
xml() {
	cat "$@" | tr '\n' ' ' | sed 's,-->,\n,g' | sed 's,<!--.*,,'
}

maven_hosts() {
	for jar in /usr/share/maven/lib/maven-model-builder-*.jar \
		/usr/share/java/maven-model-builder.jar; do
		[ -f "$jar" ] || continue
		unzip -p "$jar" org/apache/maven/model/pom-4.0.0.xml |
			xml - | grep -oE '<url>[^<]*' | hosts_of
		break
	done
	xml "$HOME/.m2/settings.xml" /etc/maven/settings.xml |
		grep -oE '<url>[^<]*' | hosts_of
}

# What mavenCentral(), google() and the plugin portal are is a string in it.
gradle_hosts() {
	command -v gradle >/dev/null || return 0
	gradle=$(readlink -f "$(command -v gradle)")
	lib=${gradle%/bin/gradle}/lib
	for jar in "$lib"/gradle-core-api-*.jar; do
		unzip -p "$jar" \
			org/gradle/api/artifacts/ArtifactRepositoryContainer.class
	done | grep -aoE 'https://[a-z0-9./-]+' | hosts_of
	for jar in "$lib"/plugins/gradle-plugin-use-*.jar; do
		unzip -p "$jar" '*.class'
	done | grep -aoE 'https://[a-z0-9.-]+/m2' | hosts_of
	grep -hoE 'https?://[^"'"'"']+' "$HOME"/.gradle/init.gradle \
		"$HOME"/.gradle/init.d/*.gradle | hosts_of
}

gem_hosts() {
	command -v gem >/dev/null || return 0
	gem sources --list | hosts_of
	# The index of the default source is on another host, which the
	# client's own code names.
	source=$(ruby -e 'require "rubygems/source"
		puts $LOADED_FEATURES.grep(%r{/rubygems/source\.rb$})')
	grep -ohE '"index\.[a-z.]+"' "$source" | tr -d '"'
	bundle config list --parseable | grep '^mirror' | hosts_of
}

{
	npm_hosts
	yarn_hosts
	pip_hosts
	go_hosts
	cargo_hosts
	maven_hosts
	gradle_hosts
	gem_hosts
} </dev/null 2>/dev/null | tr 'A-Z' 'a-z' |
	grep -E '^([a-z0-9-]+\.)*[a-z][a-z0-9-]*(:[0-9]+)?$' | sort -u
exit 0
