# SPDX-License-Identifier: Apache-2.0
# A thin front: the work is done by meson and by the scripts in tools/.
# HACKING.md says what each target is for.

CMD =
TORTURE = BAWN_BIN=$(CURDIR)/build/src/cmd /usr/bin/python3

.PHONY: all deps build run check check-vm weaken analyze soak bench races torture compat probe
.PHONY: install uninstall clean

all: build

# Installs what is missing of Debian's packages; does nothing when all is there.
deps:
	@tools/deps build

build:
	@tools/deps build
	@tools/build

# The tour; or, with CMD='claude', that command, governed.
run: build
	@tools/deps tour
	@if [ -n '$(value CMD)' ]; then build/bawn run -- $(CMD); else tools/tour; fi

check:
	@tools/deps build tour test
	@tools/check

# On Debian 12's own kernel, emulated: an hour.  VM='--suite escape' is a part.
VM = --suite unit --suite escape --suite e2e
check-vm: build
	@tools/deps test vm
	@tools/vm-check $(VM) build

# As root the tests run as an ordinary user, whom it adds.
weaken:
	@tools/deps build test
	@tools/weaken

analyze:
	@tools/deps build test
	@tools/deps-analyze
	@tools/analyze

# A thousand kills and thousands of sessions; AS=USER: as root, be that user.
AS =
soak: build
	tests/soak/kills.py $(if $(AS),--as $(AS))
	tests/soak/many.py $(if $(AS),--as $(AS))

# Ten thousand starts while somebody swaps what they are about; half an hour.
races: build
	@tools/deps test
	BAWN_RACES=1400 BAWN_BIN=$(CURDIR)/build/src/cmd tests/e2e/test-races.py
	BAWN_RACES=1 BAWN_BIN=$(CURDIR)/build/src/cmd tests/e2e/test-hostile-tree.py

# Every message in every phase, and each call failing in turn; hours.
torture: build
	@tools/deps test
	BAWN_HOSTILE_ALL=1 $(TORTURE) tests/hostile/test-hostile.py
	BAWN_HOSTILE_ALL=1 $(TORTURE) tests/hostile/test-reverse.py
	BAWN_HOSTILE_ALL=1 $(TORTURE) tests/hostile/test-init.py
	BAWN_HOSTILE_ALL=1 $(TORTURE) tests/hostile/test-mangled.py
	BAWN_TORTURE_ALL=1 $(TORTURE) tests/torture/test-torture.py
	BAWN_TORTURE_ALL=1 $(TORTURE) tests/torture/test-units.py
	build/src/ledger/test-ledger-torture 1 10000 131072 1000

bench: build
	@tools/deps bench
	@bench/run

# Some ten minutes; as root also as an ordinary user, which it adds.
compat: build
	@tools/deps test compat
	@BAWN_BIN=$(CURDIR)/build/src/cmd /usr/bin/python3 tests/compat/run.py \
		--doc doc/compatibility.md

# Some five minutes: what bawn and other sandboxes let through; as root also as
# an ordinary user, which it adds.
probe: build
	@tools/deps test probe
	@BAWN_BIN=$(CURDIR)/build/src/cmd /usr/bin/python3 tests/probe/run.py \
		--doc doc/containment.md

# PREFIX=/usr configures the build for it; DESTDIR=DIR puts all below DIR.
install: build
	@if [ -n '$(PREFIX)' ]; then \
		meson configure build --prefix '$(PREFIX)' && tools/build; fi
	@meson install --quiet -C build

# What the last install has put there.
uninstall:
	@ninja --quiet -C build uninstall

clean:
	rm -rf build build-*
