#include "config.h"

#include "firewall/pf.h"

enum { RUN_SECONDS = 10 };

/* The stock pf.conf has no place for others' anchors: the hook is an edit of it. */
const struct pf_host pf_host_freebsd = {
	.pfctl = "/sbin/pfctl",
	.ifconfig = "/sbin/ifconfig",
	.anchor = "gatehouse",
	.pins = "gatehouse/pins",
	.hook = "gatehouse",
	.advice = "\"gatehouse setup\" adds them, or put them before the other lines of their kind "
	    "in /etc/pf.conf and run \"pfctl -f /etc/pf.conf\"",
	.groups = true,
	.kills_labels = true,
	.members = true,
	.self_follows = true,
	.seconds = RUN_SECONDS,
};

/*
 * The stock pf.conf evaluates every anchor below com.apple.  Interfaces have no
 * groups there; bridges of virtual machines are numbered from 100, and bridge0
 * is another's.
 */
const struct pf_host pf_host_macos = {
	.pfctl = "/sbin/pfctl",
	.ifconfig = "/sbin/ifconfig",
	.anchor = "com.apple/gatehouse",
	.pins = "com.apple/gatehouse/pins",
	.hook = "com.apple/*",
	.advice = "they are in the system's own /etc/pf.conf: put them back there and run "
	    "\"pfctl -f /etc/pf.conf\"",
	.first = 100,
	.binds = true,
	.tokens = true,
	.seconds = RUN_SECONDS,
};
