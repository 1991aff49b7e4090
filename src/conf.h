/*
 * The configuration: one struct, filled from defaults and gatehouse.conf by
 * the one table in conf.c, and printed back by it (conf_print.c).
 */
#ifndef CONF_H
#define CONF_H

#include <stdint.h>
#include <stdio.h>

#include "gatehouse.h"

enum {
	CONF_NAMES_MAX = 32,	/* bridges, ports, providers in one list */
	CONF_PATH_SIZE = 256,
	CONF_PREFIX_SIZE = 52,	/* "address/bits" */
	CONF_UPSTREAMS_MAX = 8,
	CONF_COMMAND_WORDS = 12,
	CONF_WORD_SIZE = 128,
	CONF_PROVIDERS_MAX = 8,
	CONF_FIELD_SIZE = 96,
	CONF_AUTH_MAX = 510,	/* "user:password" */
	CONF_AUTH_SIZE = 688,	/* the same in base64, with its end */
};

struct conf_names {
	uint32_t	n;
	char		name[CONF_NAMES_MAX][GH_IFNAME_SIZE];
};

struct conf_ports {
	uint32_t	n;
	uint16_t	port[CONF_NAMES_MAX];
};

/* A host user whose processes are guarded like a guest. */
struct conf_uid {
	uint32_t		uid;
	char			user[32];	/* as written: a name or a number */
	struct conf_ports	ports;		/* loopback ports it may reach */
};

struct conf_accounts {
	uint32_t	n;
	char		name[CONF_NAMES_MAX][32];
};

/* A program by its absolute path, and its words; no shell splits them. */
struct conf_command {
	uint32_t	n;		/* 0: none */
	char		word[CONF_COMMAND_WORDS][CONF_WORD_SIZE];
};

/*
 * A VM manager that we do not know: what prints its guests as JSON, and where in it
 * to look.  Paths are field names and numbers with "." between; "" is not looked for.
 */
struct conf_provider {
	char			name[16];
	struct conf_command	command;
	char			user[32];	/* "": the first inventory user */
	char			rows[CONF_FIELD_SIZE];	/* the array or object of guests, "": all of it */
	char			field_name[CONF_FIELD_SIZE];	/* in each of them */
	char			field_state[CONF_FIELD_SIZE];
	char			running[32];	/* what the state is if it runs */
	char			field_mac[CONF_FIELD_SIZE];
	char			field_address[CONF_FIELD_SIZE];
};

enum { UNGUARDED_TELL, UNGUARDED_STOP };

struct conf_upstream {
	struct addr	addr;
	uint16_t	port;
};

struct conf {
	/* [daemon] */
	char			user[32], group[32];
	char			control[CONF_PATH_SIZE];	/* Unix socket */
	char			state[CONF_PATH_SIZE];		/* directory */
	bool			others_may_watch;
	/* [guard] */
	struct conf_names	bridges;	/* "br0", "virbr*" */
	uint32_t		nuids;
	struct conf_uid		uids[CONF_NAMES_MAX];
	uint32_t		profile;	/* enum profile at the first start */
	struct conf_ports	block_tcp, block_udp;
	char			rules[2][CONF_PATH_SIZE];	/* tried in order; [1] may be "" */
	uint32_t		check_seconds;	/* between drift checks */
	bool			repair;		/* load again on drift */
	bool			auto_apply;	/* rules are loaded at the start, by nobody's word */
	uint32_t		on_unguarded;	/* UNGUARDED_TELL, UNGUARDED_STOP */
	uint32_t		rest_seconds;	/* without guests until they are flushed, 0: never */
	struct conf_names	egress;		/* pf: pinned traffic is masqueraded there */
	/* [allow] */
	char			allowlist[CONF_PATH_SIZE];
	char			presets[2][CONF_PATH_SIZE];	/* as rules */
	/* [proxy] */
	bool			proxy_run;	/* at the first start */
	uint16_t		proxy_port;
	uint16_t		explicit_port;	/* 0: none */
	uint32_t		workers;	/* 0: one for each processor */
	uint32_t		max_connections, max_per_guest;
	uint32_t		max_new_in_all, max_new_per_guest;	/* a second, 0: any */
	uint32_t		head_seconds;	/* until a name must be known */
	uint32_t		connect_seconds;
	uint32_t		handshake_seconds;	/* until a TLS server must answer */
	uint32_t		idle_seconds;
	uint32_t		lifetime_seconds;	/* 0: no end */
	uint32_t		head_bytes, hello_bytes;
	char			resolv_conf[CONF_PATH_SIZE];
	char			reach[CONF_NAMES_MAX][CONF_PREFIX_SIZE];
	uint32_t		nreach;		/* private prefixes that may be dialled */
	char			chain_host[GH_NAME_SIZE];	/* upstream proxy: "" none */
	uint16_t		chain_port;
	char			chain_auth_file[CONF_PATH_SIZE];	/* "": none */
	char			chain_direct[CONF_NAMES_MAX][GH_NAME_SIZE];
	uint32_t		nchain_direct;	/* names that do not go through it */
	char			chain_auth[CONF_AUTH_SIZE];	/* of the file, chain_credentials() */
	/* [dns] */
	uint16_t		dns_port;	/* of our filter */
	struct conf_upstream	upstreams[CONF_UPSTREAMS_MAX];
	uint32_t		nupstreams;	/* 0: those of resolv_conf */
	/* [drops] */
	uint16_t		nflog_group;
	uint16_t		pflog;		/* number of the interface, "pflog7" */
	/* [inventory] */
	char			leases[CONF_PATH_SIZE];		/* dnsmasq: globs, ", " between */
	char			libvirt_status[CONF_PATH_SIZE];	/* the same */
	char			dhcpd_leases[CONF_PATH_SIZE];	/* bootpd: the same */
	uint32_t		inventory_seconds;
	struct conf_accounts	inventory_users;	/* whose VMs; none: found out */
	struct conf_names	managers;	/* asked for guests; globs */
	/* Where a user's VMs are kept; "~/" is that user's home. */
	char			tart_home[CONF_PATH_SIZE], lima_home[CONF_PATH_SIZE],
				colima_home[CONF_PATH_SIZE];
	char			command_path[CONF_PATH_SIZE];	/* directories, ", " between */
	/* [provider NAME] */
	struct conf_provider	providers[CONF_PROVIDERS_MAX];
	uint32_t		nproviders;
	/* [notify] */
	struct conf_command	notify;
	char			notify_user[32];	/* "": [daemon] user */
	bool			notify_drops;
	uint32_t		notify_seconds;	/* between two of a kind */
	/* where it came from, for messages */
	char			path[CONF_PATH_SIZE];
	bool			partial;	/* something was wrong with it */
	bool			unread;		/* there was no file to read */
};

/* conf_provider.c: one "key = value" of a [provider NAME] section; adds it if it is
 * new. NULL or a cause, caller frees. */
char	*conf_provider_take(struct conf *, const char *name, const char *key, const char *value);
/* Those sections, as conf_load would take them. */
void	 conf_provider_print(const struct conf *, FILE *);
/* What is missing in one of them. NULL or a cause, caller frees. */
char	*conf_provider_check(const struct conf *);
/* "/usr/bin/notify --now" to words. NULL or a cause, caller frees. */
char	*conf_command_parse(struct conf_command *, const char *value);
void	 conf_command_print(const struct conf_command *, FILE *);

/* Whether one of the names, which may be globs, fits. */
bool	 conf_names_fit(const struct conf_names *, const char *name);
/* The name of the guarded user with this uid, of the struct; NULL: none such is guarded. */
const char *conf_guarded_user(const struct conf *, uint32_t uid);

/* Built-in defaults. */
void	 conf_defaults(struct conf *);
/*
 * Reads the file over the defaults into a fresh struct.  On any error leaves
 * *conf alone and returns "FILE:LINE: what, and what to do" (caller frees);
 * NULL when done.  A missing file is an error.
 */
char	*conf_load(struct conf *, const char *path);
/* The same from memory; path is only for messages. */
char	*conf_parse(struct conf *, const char *text, size_t len, const char *path);
/*
 * For who only talks to the daemon, which must be possible while the file has
 * an error: always fills *conf, leaving out what is wrong, and returns the
 * first cause (caller frees) or NULL.
 */
char	*conf_load_partly(struct conf *, const char *path);
/* Every option with its effective value, as a file conf_load would take. */
void	 conf_print(const struct conf *, FILE *);
/* Every option explained, commented out at its default: conf/gatehouse.conf. */
void	 conf_sample(FILE *);
/* GATEHOUSE_CONF, unless privilege came with the exec; else the built-in path. */
const char *conf_default_path(void);

#endif
