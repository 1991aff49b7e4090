/*
 * Frames between the roles.  One stream socket per pair of roles; a frame is
 * an eight-byte header and a body whose size is fixed by its type.  The
 * table in msg.c is the whole protocol: which type, which size, who may send
 * it to whom.  Anything else is a broken peer: the channel's error callback
 * runs once, with the reason, and the owner ends the peer.
 *
 * Bodies are structs in host order: both ends are the same binary on the
 * same machine.  A file descriptor may ride on a frame whose type says so.
 */
#ifndef MSG_H
#define MSG_H

#include "conf.h"
#include "drops/pflog.h"
#include "firewall/firewall.h"
#include "gatehouse.h"
#include "inventory/inventory.h"

struct event_base;

enum role { ROLE_PRIV, ROLE_ENGINE, ROLE_NET, ROLE_COUNT };

enum frame {
	FRAME_NONE,

	/* priv -> engine and net */
	FRAME_PEER,		/* struct msg_peer + fd: channel to the other one */

	/* priv -> engine */
	FRAME_FW_STATUS,		/* struct fw_status: after a change, and each check */
	FRAME_FW_RESULT,		/* struct msg_fw_result: answers a request */
	FRAME_FW_TEXT,		/* struct msg_fw_text: a piece of a listing or diff */
	FRAME_ROLE,		/* struct msg_role: a role started or ended */
	FRAME_RELOADED,		/* struct msg_reloaded: SIGHUP or FRAME_RELOAD done */
	FRAME_PROXY_SAVED,	/* struct msg_proxy: at its start, the last of what was saved */
	FRAME_FW_PINNED,	/* struct msg_fw_pinned: at its start all, then each that ends */
	FRAME_RAN,		/* struct msg_ran: a command of FRAME_RUN has ended, or was not run */
	FRAME_OUTPUT,		/* struct msg_output + fd: what it prints, from its start on */
	FRAME_KEPT,		/* struct msg_kept + fd: at its start, what FRAME_KEEP brought last */
	FRAME_NOTIFIED,		/* struct msg_notified: how the command of FRAME_NOTIFY went */

	/* priv -> net */
	FRAME_LOG_RULES,	/* struct msg_log_rules: a piece of the list of all */

	/* engine and net -> priv */
	FRAME_READY,		/* struct msg_empty: sandboxed, and does its work; net says so each second */

	/* engine -> priv */
	FRAME_FW_REQUEST,		/* struct msg_fw_request */
	FRAME_FW_PIN,		/* struct msg_fw_pin */
	FRAME_FW_RANGES,	/* struct msg_fw_ranges: a piece of the list of all */
	FRAME_FW_SENDERS,	/* struct msg_fw_senders: a piece of that list of all */
	FRAME_KEEP,		/* struct msg_kept + fd: for the engine after this one */
	FRAME_RELOAD,		/* struct msg_empty */
	FRAME_SHUTDOWN,		/* struct msg_empty */
	FRAME_PROXY_SAVE,	/* struct msg_proxy: remember over restarts */
	FRAME_RUN,		/* struct msg_run: an inventory command, as its user */
	FRAME_NOTIFY,		/* struct msg_notify: for [notify] command */

	/* net -> engine */
	FRAME_NET_STATE,		/* struct msg_net_state: each second, and on change */
	FRAME_HIT,		/* struct hit */
	FRAME_FLOW,		/* struct flow */
	FRAME_DROP,		/* struct drop */
	FRAME_PACKET,		/* struct msg_packet: while FRAME_TEE says so */
	FRAME_PIN,		/* struct msg_pin: DNS has addresses for a pinned name */

	/* engine -> net */
	FRAME_ALLOW,		/* struct msg_allow + fd: a compiled allowlist */
	FRAME_GUEST,		/* struct msg_guest: one address, MAC or uid, of one guest */
	FRAME_PROXY,		/* struct msg_proxy: start, stop */
	FRAME_TEE,		/* struct msg_tee: send packets, or no more */
	FRAME_PINNED,		/* struct msg_pinned: the guest may be told */

	FRAME_COUNT
};

struct msg_empty {
	uint64_t	zero;
};

struct msg_peer {
	uint32_t	generation;	/* of net; upper half of its hits' ids */
	uint32_t	pad;
};

struct msg_fw_request {
	uint32_t	verb;		/* enum fw_verb */
	uint32_t	serial;		/* comes back in the result */
	uint32_t	profile;	/* enum profile, for FW_APPLY and FW_DIFF */
	uint32_t	everyone;	/* for FW_FREEZE and FW_THAW, else and without it guest */
	struct fw_guest	guest;
};

struct msg_fw_result {
	uint32_t	serial;
	uint32_t	ok;
	char		cause[GH_CAUSE_SIZE];	/* why not, one line */
};

/* Pins are in force, and the answer is sent, together with what comes along. */
struct msg_fw_pin {
	uint32_t	serial;		/* 0: no answer */
	uint32_t	on;		/* 0: take it away, whatever it says but addresses and port */
	struct fw_pin	pin;
};

enum { FRAME_RANGES_MAX = 64 };
struct msg_fw_ranges {
	uint32_t	serial;		/* of the last piece, which is answered */
	uint32_t	first, last;	/* 1: begins a list, ends it */
	uint32_t	n;
	struct fw_range	range[FRAME_RANGES_MAX];
};

enum { FRAME_SENDERS_MAX = 128 };
struct msg_fw_senders {
	uint32_t	first, last;	/* as of ranges */
	uint32_t	n;
	struct fw_sender sender[FRAME_SENDERS_MAX];
};

struct msg_fw_pinned {
	struct fw_pin	pin;		/* seconds: what is left */
	uint32_t	gone;		/* 1: it is over */
	uint32_t	pad;
};

enum { FRAME_TEXT_MAX = 3072 };
struct msg_fw_text {
	uint32_t	serial;
	uint32_t	last;		/* 1: the text is complete */
	uint32_t	len;
	char		text[FRAME_TEXT_MAX];
};

enum { KEPT_SIZE_MAX = 8 << 20 };
struct msg_kept {
	uint64_t	size;		/* bytes in the fd, KEPT_SIZE_MAX at most */
};

struct msg_role {
	uint32_t	role;		/* enum role */
	uint32_t	up;
	int32_t		pid;
	int32_t		status;		/* as of waitpid, when it ended */
	uint32_t	restarts;
	uint32_t	delay_ms;	/* until it is started again */
	uint32_t	wanted;		/* 1: it ended because it was to, as for a reload */
	uint32_t	pad;
	char		why[GH_CAUSE_SIZE];	/* of its latest end: "killed by signal 9" */
};

struct msg_reloaded {
	uint32_t	ok;
	char		cause[GH_CAUSE_SIZE];	/* "gatehouse.conf:12: ..." */
};

struct msg_net_state {
	uint32_t	proxy_up;	/* listening */
	uint32_t	connections;	/* open now */
	uint64_t	accepted, allowed, denied;	/* since net started */
	uint64_t	limited;	/* of those denied, by a limit of [proxy] */
	uint64_t	bytes_up, bytes_down;
	uint64_t	hits_lost;	/* the engine was too slow to be told */
	uint64_t	drops_seen;	/* packets read from the log device */
	uint64_t	drops_missed;	/* packets the log device could not hold */
	uint64_t	drops_folded;	/* seen, but counted into "others" */
	uint64_t	packets_missed;	/* as in the latest msg_packet */
	uint32_t	capture_up;
	uint32_t	accept_paused;	/* out of descriptors or memory */
	uint32_t	allow_generation;	/* of the table in force, 0: none yet */
	uint32_t	dns_up;		/* answering guests */
	uint32_t	learning;	/* with the table in force */
	uint32_t	learn_lost;	/* 1, once: learning ended with the engine before */
	uint32_t	users_unknown;	/* 1: whose a connection on loopback is cannot be told */
	uint32_t	max_connections, max_per_guest;	/* that its descriptors are enough for */
	char		cause[GH_CAUSE_SIZE];	/* why something of this is down */
	char		upstream_cause[GH_CAUSE_SIZE];	/* the same of an upstream proxy */
};

struct msg_allow {
	uint64_t	size;		/* bytes of the image in the fd */
	uint32_t	generation;
	uint32_t	learn;		/* let names that are not listed through, */
	uint64_t	learn_for;	/* for so many microseconds; 0: until told otherwise */
};

/* By what a guest is known. */
enum guest_by { GUEST_BY_ADDR, GUEST_BY_USER, GUEST_BY_MAC, GUEST_BY_COUNT };

struct msg_guest {
	struct addr	addr;
	uint32_t	guest_id;	/* 0: it is nobody's any more */
	uint8_t		by;		/* enum guest_by: addr, uid or mac is meant */
	uint8_t		frozen;
	uint8_t		mac[6];		/* with an address the guest's first, zeroes: none */
	uint32_t	uid;
	char		name[GH_GUEST_SIZE];
};

struct msg_proxy {
	uint32_t	run;
	uint32_t	pad;
};

/* Rules by the numbers that pf's log has for them. */
enum { MSG_LOG_RULES_MAX = 32 };
struct msg_log_rules {
	uint8_t			first;		/* forget what was told before */
	uint8_t			n;
	uint8_t			pad[2];
	struct pflog_rule	rules[MSG_LOG_RULES_MAX];
};

struct msg_tee {
	uint32_t	on;
	uint32_t	pad;
};

/* What a guest asked for and is about to be told. */
enum { FRAME_PIN_ADDRS = 16 };
struct msg_pin {
	uint32_t	serial;		/* comes back */
	uint32_t	guest_id;
	struct addr	guest;
	uint32_t	ttl;		/* seconds */
	uint32_t	naddrs;
	struct addr	addrs[FRAME_PIN_ADDRS];
	char		name[GH_NAME_SIZE];
};

struct msg_pinned {
	uint32_t	serial;
	uint32_t	ok;		/* 0: not all of it is open */
};

/* A blocked packet as the log device gave it; the engine hands it on unread.
 * A record that is longer than bytes is cut. */
enum { PACKET_BYTES_MAX = 768 };
struct msg_packet {
	uint64_t	time;
	uint64_t	missed;		/* that should have been sent, since net began */
	uint32_t	caplen;		/* of bytes */
	uint32_t	len;		/* before it was cut, at least caplen */
	uint8_t		bytes[PACKET_BYTES_MAX];
};

/* A command of the inventory's fixed list (inventory/commands.h). priv runs it as
 * the user, and never reads what it prints: engine is given the pipes' ends. */
struct msg_run {
	uint32_t	serial;		/* comes back */
	uint32_t	command;	/* enum inventory_command */
	uint32_t	custom;		/* number of the [provider] section, for COMMAND_CUSTOM */
	uint32_t	uid;		/* who runs it: one that inventory_users() has */
	char		key[GUEST_KEY_SIZE];	/* of the guest, for those that take one */
};

struct msg_output {
	uint32_t	serial;
	uint32_t	error;		/* 0: stdout, 1: stderr */
};

enum ran {
	RAN_EXITED,	/* status is its exit status, 0 of one that lasts */
	RAN_ABSENT,	/* there is no such program, or the user has no such VMs */
	RAN_KILLED,	/* it took too long, or ended by a signal: cause */
	RAN_FAILED,	/* it could not be run: cause */
	RAN_COUNT
};
struct msg_ran {
	uint32_t	serial;
	uint32_t	how;		/* enum ran */
	uint32_t	status;
	char		cause[GH_CAUSE_SIZE];
};

/* One message for [notify] command: a JSON object in one line. */
enum { NOTIFY_TEXT_MAX = 2048 };
struct msg_notify {
	uint32_t	len;
	char		text[NOTIFY_TEXT_MAX];
};

struct msg_notified {
	char		cause[GH_CAUSE_SIZE];	/* why it was not told, "" */
};

/* What a channel delivers: body is aligned, valid during the call only.
 * fd is -1 or now the callee's to close. */
struct msg_channel;
typedef void	(*msg_cb)(enum frame, const void *body, int fd, void *arg);
typedef void	(*msg_error_cb)(const char *why, void *arg);

/*
 * Takes over the socket.  self and peer say which types may go each way.
 * The error callback runs once (end of stream is an error too), never from
 * within msg_send; the owner frees the channel, also inside the callback.
 */
struct msg_channel	*msg_channel_new(struct event_base *, int fd, enum role self,
			    enum role peer, msg_cb, msg_error_cb, void *arg);
void			 msg_channel_free(struct msg_channel *);

/*
 * Queues a frame; fd (or -1) is duplicated.  Sending a type that self may not
 * send to peer is fatal: our own bug.  Returns false, and sends nothing, when
 * more than FRAME_QUEUE_MAX bytes wait already: the caller counts the loss (or,
 * for what must not be lost, treats the peer as dead).
 */
enum { FRAME_QUEUE_MAX = 4 << 20 };
bool			 msg_send(struct msg_channel *, enum frame, const void *body, int fd);
size_t			 msg_queued(const struct msg_channel *);
/* Microseconds since the peer took the last byte of what waits for it; 0: its
 * socket has room. */
uint64_t		 msg_stuck(const struct msg_channel *);

/* Shared by fuzzing and tests: NULL if a frame of this header is acceptable. */
const char		*msg_check(enum role from, enum role to, uint32_t type, uint32_t size);
const char		*frame_name(enum frame);
const char		*role_name(enum role);

#endif
