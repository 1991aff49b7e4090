/*
 * A bar on system calls, as a BPF program made from a table.  It names what a
 * role must not do rather than what it may: the rest of the sandbox holds
 * without it, and a list of everything that libevent, libc and a sanitizer
 * may call would break with the next version of any of them.
 *
 * A barred call fails with EPERM; clone3 with ENOSYS, so that libc falls back
 * to clone, whose flags the program can see.
 */
#include "config.h"

#include "seccomp.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "xmalloc.h"

#if defined(__x86_64__)
enum { OUR_ARCH = 1 };
#define ARCH_TOKEN AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
enum { OUR_ARCH = 1 };
#define ARCH_TOKEN AUDIT_ARCH_AARCH64
#else
enum { OUR_ARCH = 0 };
#define ARCH_TOKEN 0
#endif

enum { PROGRAM_MAX = 256, X32_BIT = 0x40000000 };

/* Running programs, other processes, namespaces and mounts, keys, and the
 * interfaces that kernel exploits like best. */
static const int barred[] = {
	SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
	SYS_unshare, SYS_setns, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
	SYS_open_tree, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
	SYS_open_by_handle_at, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,
	SYS_io_uring_setup, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_init_module,
	SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_reboot, SYS_swapon,
	SYS_swapoff, SYS_acct, SYS_settimeofday, SYS_clock_settime, SYS_personality,
};

struct program {
	struct sock_filter	code[PROGRAM_MAX];
	unsigned short		len;
};

static void
put(struct program *p, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
	p->code[p->len++] = (struct sock_filter){ code, jt, jf, k };
}

static void
put_load(struct program *p, size_t offset)
{
	put(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void
put_return(struct program *p, uint32_t action)
{
	put(p, BPF_RET | BPF_K, 0, 0, action);
}

/* If the loaded word is k, the call ends with the action. */
static void
put_if(struct program *p, uint32_t k, uint32_t action)
{
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
	put_return(p, action);
}

/* The low half of an argument, which is all an int needs. */
static size_t
argument(unsigned n)
{
	const uint16_t order = 1;
	uint8_t first;

	memcpy(&first, &order, 1);
	return offsetof(struct seccomp_data, args) + 8u * n + (first == 1 ? 0 : 4);
}

/* net makes threads but no processes, and internet sockets but no others. */
static void
put_net(struct program *p)
{
	const uint32_t deny = SECCOMP_RET_ERRNO | EPERM;

	put_if(p, SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_clone);
	put_load(p, argument(0));
	put(p, BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_THREAD);
	put_return(p, deny);
	put_return(p, SECCOMP_RET_ALLOW);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 5, SYS_socket);
	put_load(p, argument(0));
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, AF_INET);
	put(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_INET6);
	put_return(p, deny);
	put_return(p, SECCOMP_RET_ALLOW);
}

char *
seccomp_enter(bool net)
{
	struct program p = { .len = 0 };
	struct sock_fprog prog;
	const uint32_t deny = SECCOMP_RET_ERRNO | EPERM;

	if (!OUR_ARCH)
		return NULL;
	put_load(&p, offsetof(struct seccomp_data, arch));
	put(&p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, ARCH_TOKEN);
	put_return(&p, deny);
	put_load(&p, offsetof(struct seccomp_data, nr));
	/* The x32 calls of x86-64 are the same ones under other numbers. */
	put(&p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, X32_BIT);
	put_return(&p, deny);
	for (size_t i = 0; i < sizeof(barred) / sizeof(barred[0]); i++)
		put_if(&p, (uint32_t)barred[i], deny);
	if (net)
		put_net(&p);
	put_return(&p, SECCOMP_RET_ALLOW);
	prog = (struct sock_fprog){ p.len, p.code };
	/* A kernel without seccomp leaves the rest of the sandbox as it is. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0) == -1 && errno != EINVAL)
		return xasprintf("cannot bar system calls: %s", strerror(errno));
	return NULL;
}
