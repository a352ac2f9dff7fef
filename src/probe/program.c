/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation
 *
 * An ELF file of one segment is written into a memfd and executed in a child.  It
 * loads its registers, makes the call, and ends with what errno would be.
 *
 *   killed by SIGSYS    the filter does not know such programs
 *   ENOEXEC             this kernel does not run them
 */
#include "probe/program.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BASE   0x400000u
#define N_ARGS 5u
/* How the child says that no program began. */
#define NO_SUCH_PROGRAM SIGUSR1
#define NOT_STARTED     SIGUSR2

#ifdef __aarch64__
#define MACHINE EM_ARM
#define FLAGS   0x05000000u /* EABI 5 */

#define N_CODE  13u
struct code {
	uint32_t text[N_CODE], pool[N_ARGS + 2];
};

/* ldr rN, [pc, #...]: the pc is two instructions ahead. */
static uint32_t load(uint32_t reg, uint32_t at, uint32_t pool)
{
	return 0xe59f0000u | reg << 12 | (4 * (N_CODE + pool) - (4 * at + 8));
}

static void write_code(struct code *c, int nr, const long *args)
{
	uint32_t n = 0;

	for (; n < N_ARGS; n++) {
		c->text[n] = load(n, n, n);
		c->pool[n] = (uint32_t)args[n];
	}
	c->text[n] = load(5, n, N_ARGS); /* zero */
	n++;
	c->text[n] = load(7, n, N_ARGS + 1);
	c->pool[N_ARGS + 1] = (uint32_t)nr;
	n++;
	c->text[n++] = 0xef000000u; /* svc #0 */
	c->text[n++] = 0xe3500000u; /* cmp r0, #0 */
	c->text[n++] = 0xa3a00000u; /* movge r0, #0 */
	c->text[n++] = 0xe2600000u; /* rsb r0, r0, #0 */
	c->text[n++] = 0xe3a07001u; /* mov r7, #1: exit */
	c->text[n] = 0xef000000u;   /* svc #0 */
}
#else
#define MACHINE EM_386
#define FLAGS   0u

struct code {
	unsigned char text[64];
};

static size_t put(struct code *c, size_t at, const char *bytes, size_t n)
{
	(void)memcpy(c->text + at, bytes, n);
	return at + n;
}

static void write_code(struct code *c, int nr, const long *args)
{
	/* mov imm, %ebx ecx edx esi edi eax */
	static const char movs[] = "\xbb\xb9\xba\xbe\xbf\xb8";
	size_t at = 0;

	for (size_t i = 0; i <= N_ARGS; i++) {
		uint32_t v = i < N_ARGS ? (uint32_t)args[i] : (uint32_t)nr;
		char bytes[sizeof(v)];

		(void)memcpy(bytes, &v, sizeof(v));
		at = put(c, at, movs + i, 1);
		at = put(c, at, bytes, sizeof(bytes));
	}
	/* int $0x80; test %eax,%eax; js +2; xor %eax,%eax; neg %eax */
	at = put(c, at, "\xcd\x80\x85\xc0\x78\x02\x31\xc0\xf7\xd8", 10);
	/* mov %eax,%ebx; mov $1,%eax; int $0x80: exit */
	(void)put(c, at, "\x89\xc3\xb8\x01\x00\x00\x00\xcd\x80", 9);
}
#endif

struct image {
	Elf32_Ehdr head;
	Elf32_Phdr segment;
	struct code code;
};

static void write_image(struct image *m, int nr, const long *args)
{
	*m = (struct image){
		.head = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3,
				     ELFCLASS32, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = MACHINE,
			.e_version = EV_CURRENT,
			.e_entry = BASE + (uint32_t)offsetof(struct image, code),
			.e_phoff = offsetof(struct image, segment),
			.e_flags = FLAGS,
			.e_ehsize = sizeof(m->head),
			.e_phentsize = sizeof(m->segment),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD,
			.p_vaddr = BASE,
			.p_paddr = BASE,
			.p_filesz = sizeof(*m),
			.p_memsz = sizeof(*m),
			.p_flags = PF_R | PF_X,
			.p_align = 0x10000,
		},
	};
	write_code(&m->code, nr, args);
}

static _Noreturn void child(int fd)
{
	char *argv[] = { (char[]){ "bawn-probe" }, NULL }, *env[] = { NULL };

	(void)fexecve(fd, argv, env);
	(void)raise(errno == ENOEXEC ? NO_SUCH_PROGRAM : NOT_STARTED);
	_exit(0);
}

/* What became of it: false when no call was made. */
static bool understand(int status, struct result *out, long *ret)
{
	if (WIFEXITED(status)) {
		errno = WEXITSTATUS(status);
		*ret = errno ? -1 : 0;
		return true;
	}
	if (WTERMSIG(status) == SIGSYS) {
		say_refused(out, 0, "killed by the filter");
		out->signal = SIGSYS;
	} else if (WTERMSIG(status) == NO_SUCH_PROGRAM) {
		say_absent(out, ENOEXEC, "no programs of 32 bits");
	} else {
		say_refused(out, 0, "it did not start");
	}
	return false;
}

bool program_call(int nr, const long *args, struct result *out, long *ret)
{
	struct image image;
	int fd = memfd_create("bawn-probe", MFD_CLOEXEC), status = 0;
	pid_t pid;

	write_image(&image, nr, args);
	if (fd == -1 || write(fd, &image, sizeof(image)) != sizeof(image)) {
		say_refused(out, errno, "no file for a program");
		return false;
	}
	pid = fork();
	if (pid == 0)
		child(fd);
	(void)close(fd);
	if (pid == -1 || waitpid(pid, &status, 0) != pid) {
		say_untried(out, "no process for it");
		return false;
	}
	return understand(status, out, ret);
}
