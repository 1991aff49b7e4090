/* setup and unsetup: texts, records, plans of three systems, walked with fakes. */
#include "config.h"

#include "unit.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "setup/setup.h"
#include "xmalloc.h"

/* ---- hook.c ---- */

#define BEGIN	"# gatehouse begin: added by \"gatehouse setup\", removed by unsetup\n"
#define END	"# gatehouse end\n"
#define NAT	BEGIN "nat-anchor \"gatehouse\"\n" END
#define RDR	BEGIN "rdr-anchor \"gatehouse\"\n" END
#define FILTER	BEGIN "anchor \"gatehouse\"\n" END

static void
check_hook(const char *before, const char *after)
{
	char *cause, *got = setup_hook_add(before, "gatehouse", false, &cause), *again, *back;

	assert_non_null(got);
	assert_string_equal(got, after);
	again = setup_hook_add(got, "gatehouse", false, &cause);
	assert_string_equal(again, after);
	back = setup_hook_remove(got, &cause);
	/* But for the end of a last line that had none. */
	assert_int_equal(strncmp(back, before, strlen(before)), 0);
	assert_true(strlen(back) <= strlen(before) + 1);
	free(back);
	free(again);
	free(got);
}

static void
test_hooks_stand_first_in_their_section(void **state)
{
	check_hook("", RDR FILTER);
	check_hook("set skip on lo\nscrub in all\n", "set skip on lo\nscrub in all\n" RDR FILTER);
	check_hook("ext = em0\nset skip on lo\nnat on $ext -> ($ext)\npass quick all\n",
	    "ext = em0\nset skip on lo\n" RDR "nat on $ext -> ($ext)\n" FILTER "pass quick all\n");
	check_hook("scrub in\nanchor \"ftp-proxy/*\"\nblock all\n",
	    "scrub in\n" RDR FILTER "anchor \"ftp-proxy/*\"\nblock all\n");
	/* A section may begin before another ends, as far as words go. */
	check_hook("no nat on em0\n antispoof for em0\n",
	    RDR "no nat on em0\n" FILTER " antispoof for em0\n");
	check_hook("set limit { states 1,\n  pass 2 }\npass all\n",
	    "set limit { states 1,\n  pass 2 }\n" RDR FILTER "pass all\n");
	check_hook("table <t> { 10.0.0.1 \\\n  10.0.0.2 }\nblock all", "table <t> { 10.0.0.1 \\\n"
	    "  10.0.0.2 }\n" RDR FILTER "block all");
	check_hook("set ruleset-optimization \\\n none\n", "set ruleset-optimization \\\n none\n" RDR FILTER);
	check_hook("# pass { is a comment\nset skip on lo", "# pass { is a comment\nset skip on lo\n" RDR
	    FILTER);
	check_hook("pass = \"em0\"\nset skip on $pass\n", "pass = \"em0\"\nset skip on $pass\n" RDR FILTER);
	check_hook("x = \"{ pass\"\nset skip on lo\npass all\n", "x = \"{ pass\"\nset skip on lo\n" RDR
	    FILTER "pass all\n");
	/* Who knows what is in there. */
	check_hook("set skip on lo\ninclude \"/etc/pf.d/x\"\n", "set skip on lo\n" RDR FILTER
	    "include \"/etc/pf.d/x\"\n");
}

static void
test_hooks_of_a_person_stay(void **state)
{
	check_hook("rdr-anchor gatehouse\nanchor \"gatehouse\" all\npass all\n",
	    "rdr-anchor gatehouse\nanchor \"gatehouse\" all\npass all\n");
	check_hook("rdr-anchor \"gatehouse\"\npass all\n", "rdr-anchor \"gatehouse\"\n" FILTER "pass all\n");
	/* Others' anchors are none. */
	check_hook("anchor \"gatehouse-old\"\n", RDR FILTER "anchor \"gatehouse-old\"\n");
	check_hook("anchor \"gatehouse/x\"\n", RDR FILTER "anchor \"gatehouse/x\"\n");
	check_hook("rdr-anchor \"gatehouse\" # ours\nanchor gatehouse\tall # too\n",
	    "rdr-anchor \"gatehouse\" # ours\nanchor gatehouse\tall # too\n");
	/* One that is narrowed down is not asked about everything. */
	check_hook("rdr-anchor \"gatehouse\" inet\nanchor \"gatehouse\" on bridge0\n",
	    RDR "rdr-anchor \"gatehouse\" inet\n" FILTER "anchor \"gatehouse\" on bridge0\n");
	check_hook("#anchor \"gatehouse\"\n", "#anchor \"gatehouse\"\n" RDR FILTER);
}

static void
test_a_hook_for_nat_is_added_where_it_is_needed(void **state)
{
	static const char before[] = "set skip on lo\nnat on em0 -> (em0)\npass all\n";
	char *cause, *got = setup_hook_add(before, "gatehouse", true, &cause), *again, *back;

	assert_non_null(got);
	assert_string_equal(got, "set skip on lo\n" NAT RDR "nat on em0 -> (em0)\n" FILTER
	    "pass all\n");
	again = setup_hook_add(got, "gatehouse", true, &cause);
	assert_string_equal(again, got);
	back = setup_hook_remove(got, &cause);
	assert_string_equal(back, before);
	free(back);
	free(again);
	free(got);
	/* A person's own stays. */
	got = setup_hook_add("nat-anchor \"gatehouse\"\n", "gatehouse", true, &cause);
	assert_string_equal(got, RDR "nat-anchor \"gatehouse\"\n" FILTER);
	free(got);
}

static void
test_broken_markers_are_told(void **state)
{
	char *cause;

	assert_null(setup_hook_add(BEGIN "x\n", "gatehouse", false, &cause));
	assert_cause(cause, "is missing");
	assert_null(setup_hook_remove(BEGIN BEGIN END, &cause));
	assert_cause(cause, "within such lines");
	/* An end alone is a comment. */
	check_hook(END "pass all\n", END RDR FILTER "pass all\n");
}

/* ---- record.c ---- */

static void
test_record_reads_what_it_writes(void **state)
{
	static const char text[] = "gatehouse-setup 1\ngroup gatehouse\ndir made /var/lib/gatehouse\n"
	    "dir 1775:0:991 /etc/gate house\nfile 00000000deadbeef /etc/x\nhook /etc/pf.conf\n"
	    "run enable\nend\n";
	struct setup_record r;
	char *back;

	assert_true(setup_record_parse(&r, text));
	assert_int_equal(r.n, 6);
	assert_true(setup_record_find(&r, SETUP_DIR, "/var/lib/gatehouse")->made);
	assert_int_equal(setup_record_find(&r, SETUP_DIR, "/etc/gate house")->mode, 01775);
	assert_int_equal(setup_record_find(&r, SETUP_FILE, "/etc/x")->hash, 0xdeadbeef);
	back = setup_record_format(&r);
	assert_string_equal(back, text);
	setup_record_drop(&r, setup_record_find(&r, SETUP_GROUP, "gatehouse"));
	assert_null(setup_record_find(&r, SETUP_GROUP, "gatehouse"));
	assert_int_equal(r.n, 5);
	free(back);
	setup_record_free(&r);
}

static void
test_record_refuses_what_it_did_not_write(void **state)
{
	static const char *const bad[] = {
		"", "gatehouse-setup 1\n", "gatehouse-setup 2\nend\n", "gatehouse-setup 1\ngroup\nend\n",
		"gatehouse-setup 1\ngroup \nend\n", "gatehouse-setup 1\nthing x\nend\n",
		"gatehouse-setup 1\ndir /x\nend\n", "gatehouse-setup 1\ndir made\nend\n",
		"gatehouse-setup 1\ndir 99:0:0 /x\nend\n", "gatehouse-setup 1\ndir 755:0 /x\nend\n",
		"gatehouse-setup 1\ndir 77777:0:0 /x\nend\n", "gatehouse-setup 1\nfile /x\nend\n",
		"gatehouse-setup 1\nfile zz /x\nend\n", "gatehouse-setup 1\nend\nrun x\n",
		"gatehouse-setup 1\nrun x\n",
	};
	struct setup_record r;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (setup_record_parse(&r, bad[i]))
			fail_msg("taken: %s", bad[i]);
	}
}

/* ---- a root of a system, and fakes of its commands ---- */

struct rig {
	char			dir[64], root[80], tools[80];
	struct conf		conf;
	struct setup_site	site;
};

static void
put(const struct rig *r, const char *path, const char *text)
{
	char *full = xasprintf("%s%s", r->root, path);
	FILE *f = fopen(full, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(full);
}

static char *
get(const char *dir, const char *path)
{
	char *full = xasprintf("%s%s", dir, path), *text = setup_read(full);

	free(full);
	return text;
}

static void
assert_file(const struct rig *r, const char *path, const char *text)
{
	char *got = get(r->root, path);

	if (text == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got, text);
	}
	free(got);
}

static void
shell(const char *fmt, const char *a, const char *b)
{
	char *command = xasprintf("set -e; a=%s b=%s s=%s; %s", a, b, getenv("abs_srcdir") != NULL ?
	    getenv("abs_srcdir") : ".", fmt);

	assert_int_equal(system(command), 0);
	free(command);
}

static int
rig_setup(void **state)
{
	struct rig *r = xcalloc(1, sizeof(*r));

	strcpy(r->dir, "/tmp/gatehouse-setup-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->root, sizeof(r->root), "%s/root", r->dir);
	snprintf(r->tools, sizeof(r->tools), "%s/tools", r->dir);
	shell("mkdir -p $a/etc/newsyslog.d $a/Library/LaunchDaemons $a" PKGDATADIR "/setup $b; "
	    "touch $a/etc/passwd $a/etc/group $a/etc/rc.conf; cd $s/conf; cp allowlist gatehouse.service gatehouse.rc "
	    "com.gatehouse.daemon.plist $a" PKGDATADIR "/setup; for t in pw sysrc service pfctl kldload "
	    "dscl launchctl rm groupadd useradd groupdel userdel systemctl; do cp $s/tests/setup/fake-tool "
	    "$b/$t; done; touch $b/log", r->root, r->tools);
	conf_defaults(&r->conf);
	strcpy(r->conf.user, "_gatehouse");
	strcpy(r->conf.group, "gatehouse");
	strcpy(r->conf.state, "/var/db/gatehouse");
	strcpy(r->conf.control, "/var/run/gatehouse/control.sock");
	strcpy(r->conf.allowlist, "/usr/local/etc/gatehouse/allowlist");
	r->site = (struct setup_site){ .root = r->root, .exe = "/usr/local/bin/gatehouse",
		.conf_path = "/usr/local/etc/gatehouse/gatehouse.conf", .conf = &r->conf,
		.tools = r->tools, .systemd = true, .free_id = 400 };
	*state = r;
	return 0;
}

static int
rig_teardown(void **state)
{
	struct rig *r = *state;

	shell("rm -rf $a", r->dir, "");
	free(r);
	return 0;
}

/* What it said; *cause is of the walk. */
static char *
walk(struct rig *r, setup_plan_fn fn, bool undo, bool dry, char **cause)
{
	struct setup_plan plan = { .n = 0 };
	size_t size;
	char *said;
	FILE *f = xmemstream(&said, &size);

	r->site.undo = undo;
	assert_null(fn(&plan, &r->site));
	*cause = (undo ? setup_unwalk : setup_walk)(&plan, &r->site, dry, f);
	fclose(f);
	setup_plan_free(&plan);
	return said;
}

static void
walk_well(struct rig *r, setup_plan_fn fn, bool undo)
{
	char *cause, *said = walk(r, fn, undo, false, &cause);

	if (cause != NULL)
		fail_msg("%s\n%s", cause, said);
	free(said);
}

/* The words that commands were run with since the last look, the root as ROOT. */
static void
assert_ran(struct rig *r, const char *want)
{
	char *log, *path = xasprintf("%s/log", r->tools);

	shell("sed \"s|$a|ROOT|g\" $b/log >$b/log.new && mv $b/log.new $b/log", r->root, r->tools);
	log = setup_read(path);
	assert_string_equal(log, want);
	free(log);
	assert_int_equal(truncate(path, 0), 0);
	free(path);
}

/* All files of the root, with modes and contents, as one text. */
static char *
snapshot(const struct rig *r)
{
	char *text, *path = xasprintf("%s/snapshot", r->dir);

	shell("cd $a; { find . ! -path './usr/local/etc' ! -path './var/db' ! -path ./var ! -path "
	    "'./usr/local/etc/rc.d' -exec ls -ld {} + | awk '{ print $1, $NF }' | sort; "
	    "find . -type f -exec cksum {} + | sort; } "
	    ">$b/snapshot", r->root, r->dir);
	text = setup_read(path);
	free(path);
	return text;
}

static const char pf_conf[] = "set skip on lo0\nnat on em0 -> (em0)\npass all";

static void
test_freebsd_is_set_up_and_back(void **state)
{
	struct rig *r = *state;
	char *before, *after;

	put(r, "/etc/pf.conf", pf_conf);
	put(r, "/etc/rc.conf", "hostname=x\n");
	before = snapshot(r);
	walk_well(r, setup_freebsd, false);
	assert_ran(r, "pw -R ROOT groupadd gatehouse\n"
	    "pw -R ROOT useradd _gatehouse -c gatehouse -d /nonexistent -s /usr/sbin/nologin -w no\n"
	    "pfctl -n -f ROOT/etc/pf.conf.gatehouse-try\n"
	    "sysrc -R ROOT -c pf_enable=YES\nsysrc -R ROOT pf_enable=YES\n"
	    "sysrc -R ROOT -c gatehouse_enable=YES\nsysrc -R ROOT gatehouse_enable=YES\n");
	assert_file(r, "/etc/pf.conf", "set skip on lo0\n" RDR "nat on em0 -> (em0)\n" FILTER "pass all");
	assert_file(r, "/etc/pf.conf.before-gatehouse", pf_conf);
	assert_file(r, "/etc/pf.conf.gatehouse-try", NULL);
	assert_file(r, "/etc/rc.conf", "hostname=x\npf_enable=YES\ngatehouse_enable=YES\n");

	/* Again: nothing. */
	walk_well(r, setup_freebsd, false);
	assert_ran(r, "sysrc -R ROOT -c pf_enable=YES\nsysrc -R ROOT -c gatehouse_enable=YES\n");

	walk_well(r, setup_freebsd, true);
	assert_ran(r, "sysrc -R ROOT -x gatehouse_enable\nsysrc -R ROOT -x pf_enable\n"
	    "pfctl -n -f ROOT/etc/pf.conf.gatehouse-try\n"
	    "pw -R ROOT userdel _gatehouse\npw -R ROOT groupdel gatehouse\n");
	after = snapshot(r);
	assert_string_equal(after, before);
	free(after);
	free(before);
}

static void
test_what_was_there_before_stays(void **state)
{
	struct rig *r = *state;
	char *before, *after;

	shell("mkdir -p $a/usr/local/etc/gatehouse $a/var/db/gatehouse; chmod 700 $a/var/db/gatehouse; "
	    "echo gatehouse:x:$(id -g): >$a/etc/group; echo _gatehouse:x:$(id -u):$(id -g):::: "
	    ">$a/etc/passwd; echo _gatehouse:x:$(id -g): >>$a/etc/group; "
	    "echo mine >$a/usr/local/etc/gatehouse/allowlist; "
	    "echo '# mine' >$a/usr/local/etc/gatehouse/gatehouse.conf; "
	    "chmod 750 $a/usr/local/etc/gatehouse", r->root, "");
	put(r, "/etc/rc.conf", "pf_enable=YES\n");
	put(r, "/etc/pf.conf", "rdr-anchor \"gatehouse\"\nanchor \"gatehouse\"\n");
	before = snapshot(r);
	walk_well(r, setup_freebsd, false);
	walk_well(r, setup_freebsd, true);
	assert_ran(r, "sysrc -R ROOT -c pf_enable=YES\nsysrc -R ROOT -c gatehouse_enable=YES\n"
	    "sysrc -R ROOT gatehouse_enable=YES\nsysrc -R ROOT -x gatehouse_enable\n");
	after = snapshot(r);
	assert_string_equal(after, before);
	free(after);
	free(before);
}

/* As rc(8) finds it. */
static void
test_the_hook_is_where_rc_conf_has_the_rules(void **state)
{
	struct rig *r = *state;

	put(r, "/etc/pf.conf", pf_conf);
	put(r, "/etc/rules.conf", pf_conf);
	put(r, "/etc/rc.conf", "pf_rules=\"/etc/other.conf\"\nhostname=x\npf_rules=\"/etc/rules.conf\"  # ours\n");
	walk_well(r, setup_freebsd, false);
	assert_file(r, "/etc/pf.conf", pf_conf);
	assert_file(r, "/etc/rules.conf", "set skip on lo0\n" RDR "nat on em0 -> (em0)\n" FILTER "pass all");
	walk_well(r, setup_freebsd, true);
	assert_file(r, "/etc/rules.conf", pf_conf);
}

static void
test_a_pf_conf_that_does_not_load_is_not_changed(void **state)
{
	struct rig *r = *state;
	char *cause, *said;

	/* Options after what is in an include: the hooks cannot stand before it. */
	put(r, "/etc/pf.conf", "include \"/etc/a\"\nset skip on lo0\npass all\n");
	said = walk(r, setup_freebsd, false, false, &cause);
	assert_cause(cause, "was not changed: with gatehouse's lines in it, it would not load: ");
	assert_file(r, "/etc/pf.conf", "include \"/etc/a\"\nset skip on lo0\npass all\n");
	assert_file(r, "/etc/pf.conf.before-gatehouse", NULL);
	assert_file(r, "/etc/pf.conf.gatehouse-try", NULL);
	free(said);
	/* What was done until then can be undone. */
	walk_well(r, setup_freebsd, true);
	assert_file(r, "/etc/passwd", "");
}

static void
test_a_pf_conf_that_loads_only_when_tried_is_put_back(void **state)
{
	struct rig *r = *state;
	char *cause, *said;

	put(r, "/etc/pf.conf", pf_conf);
	shell("{ sed 2q $b/pfctl; "
	    "echo '[ \"$1\" != -f ] || { grep -q gatehouse \"$2\" && { echo busy; exit 1; }; }'; "
	    "sed 1,2d $b/pfctl; } >$b/new; rm $b/pfctl; mv $b/new $b/pfctl; chmod 755 $b/pfctl",
	    r->root, r->tools);
	r->site.now = true;
	said = walk(r, setup_freebsd, false, false, &cause);
	assert_cause(cause, "is as it was: with gatehouse's lines it did not load: ");
	assert_file(r, "/etc/pf.conf", pf_conf);
	free(said);
}

static void
test_a_command_that_fails_is_told(void **state)
{
	struct rig *r = *state;
	char *cause, *said;

	shell("touch $b/pw.fails", r->root, r->tools);
	said = walk(r, setup_freebsd, false, false, &cause);
	assert_cause(cause, "/pw exited with 1: pw: this one fails");
	free(said);
	shell("rm $b/pw.fails $b/pw", r->root, r->tools);
	said = walk(r, setup_freebsd, false, false, &cause);
	assert_cause(cause, "/pw exited with 127: No such file or directory");
	free(said);
}

static void
test_a_dry_run_changes_nothing(void **state)
{
	struct rig *r = *state;
	char *before = snapshot(r), *after, *cause, *said;

	said = walk(r, setup_freebsd, false, true, &cause);
	assert_null(cause);
	assert_ran(r, "sysrc -R ROOT -c pf_enable=YES\nsysrc -R ROOT -c gatehouse_enable=YES\n");
	after = snapshot(r);
	assert_string_equal(after, before);
	assert_non_null(strstr(said, "would   user _gatehouse\n        $ /usr/sbin/pw -R "));
	assert_non_null(strstr(said, "        | # PROVIDE: gatehouse\n"));
	assert_non_null(strstr(said, "would   hook in /etc/pf.conf\n        | # gatehouse begin"));
	assert_non_null(strstr(said, "        $ /sbin/pfctl -n -f FILE.gatehouse-try\n"));
	free(said);
	free(after);
	free(before);
}

static void
test_an_edited_file_stays(void **state)
{
	struct rig *r = *state;
	char *cause, *said;

	walk_well(r, setup_linux, false);
	shell("echo '# edited' >>$a/etc/systemd/system/gatehouse.service", r->root, "");
	said = walk(r, setup_linux, false, false, &cause);
	assert_null(cause);
	assert_non_null(strstr(said, "keep    file /etc/systemd/system/gatehouse.service, root:root 0644: "
	    "was edited since setup wrote it"));
	free(said);
	said = walk(r, setup_linux, true, false, &cause);
	assert_null(cause);
	assert_non_null(strstr(said, "keep    file /etc/systemd/system/gatehouse.service"));
	assert_non_null(strstr(said, "undone  user _gatehouse"));
	free(said);
}

static void
test_a_new_version_writes_its_own_files_anew(void **state)
{
	struct rig *r = *state;

	walk_well(r, setup_linux, false);
	put(r, PKGDATADIR "/setup/gatehouse.service", "# of version two: @exe@\n");
	walk_well(r, setup_linux, false);
	assert_file(r, "/etc/systemd/system/gatehouse.service",
	    "# of version two: /usr/local/bin/gatehouse\n");
	walk_well(r, setup_linux, true);
	assert_file(r, "/etc/systemd/system/gatehouse.service", NULL);
}

static void
test_linux_runs_just_that(void **state)
{
	struct rig *r = *state;

	walk_well(r, setup_linux, false);
	assert_ran(r, "groupadd --prefix ROOT --system gatehouse\n"
	    "useradd --prefix ROOT --system --user-group --no-create-home --home-dir /nonexistent "
	    "--shell /usr/sbin/nologin --comment gatehouse _gatehouse\n"
	    "systemctl --root ROOT is-enabled --quiet gatehouse.service\n"
	    "systemctl --root ROOT enable --quiet gatehouse.service\n");
	walk_well(r, setup_linux, true);
	assert_ran(r, "systemctl --root ROOT disable gatehouse.service\n"
	    "userdel --prefix ROOT _gatehouse\ngroupdel --prefix ROOT gatehouse\n");
}

static void
test_darwin_is_set_up_and_back(void **state)
{
	struct rig *r = *state;
	char *before = snapshot(r), *after;

	r->site.now = true;
	walk_well(r, setup_darwin, false);
	assert_ran(r, "dscl . -create /Groups/gatehouse\n"
	    "dscl . -create /Groups/gatehouse PrimaryGroupID 401\n"
	    "dscl . -create /Groups/gatehouse RealName gatehouse\n"
	    "dscl . -create /Groups/_gatehouse\n"
	    "dscl . -create /Groups/_gatehouse PrimaryGroupID 400\n"
	    "dscl . -create /Groups/_gatehouse RealName gatehouse\n"
	    "dscl . -create /Users/_gatehouse\n"
	    "dscl . -create /Users/_gatehouse UniqueID 400\n"
	    "dscl . -create /Users/_gatehouse PrimaryGroupID 400\n"
	    "dscl . -create /Users/_gatehouse UserShell /usr/bin/false\n"
	    "dscl . -create /Users/_gatehouse NFSHomeDirectory /var/empty\n"
	    "dscl . -create /Users/_gatehouse RealName gatehouse\n"
	    "dscl . -create /Users/_gatehouse IsHidden 1\n"
	    "launchctl bootstrap system /Library/LaunchDaemons/com.gatehouse.daemon.plist\n");
	assert_file(r, "/etc/newsyslog.d/gatehouse.conf", "# file\t\t\tmode count size when flags\n"
	    "/var/log/gatehouse.log\t640  3     1000 *    N\n");
	walk_well(r, setup_darwin, true);
	assert_ran(r, "launchctl print system/com.gatehouse.daemon\n"
	    "launchctl bootout system/com.gatehouse.daemon\n"
	    "rm -f /var/log/gatehouse.log /var/log/gatehouse.log.0 /var/log/gatehouse.log.1 "
	    "/var/log/gatehouse.log.2\n"
	    "dscl . -delete /Users/_gatehouse\ndscl . -delete /Groups/_gatehouse\n"
	    "dscl . -delete /Groups/gatehouse\n");
	after = snapshot(r);
	assert_string_equal(after, before);
	free(after);
	free(before);
}

static void
test_undoing_goes_on_after_what_fails(void **state)
{
	struct rig *r = *state;
	char *cause, *said;

	walk_well(r, setup_darwin, false);
	shell("touch $b/launchctl.fails $b/dscl.fails", r->root, r->tools);
	said = walk(r, setup_darwin, true, false, &cause);
	assert_cause(cause, "run \"gatehouse unsetup\" again");
	assert_non_null(strstr(said, "FAILED  user _gatehouse: "));
	assert_file(r, "/Library/LaunchDaemons/com.gatehouse.daemon.plist", NULL);
	free(said);
	shell("rm $b/dscl.fails", r->root, r->tools);
	walk_well(r, setup_darwin, true);
	assert_file(r, "/etc/passwd", "");
}

/* Its account could not be removed, but all that it needs would be. */
static void
test_no_account_goes_while_a_daemon_has_it(void **state)
{
	struct rig *r = *state;
	char *cause, *said, *path;
	int fd;

	walk_well(r, setup_darwin, false);
	path = xasprintf("%s/var/db/gatehouse/pid", r->root);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd != -1 && flock(fd, LOCK_EX) == 0);
	free(path);
	said = walk(r, setup_darwin, true, false, &cause);
	assert_cause(cause, "\"gatehouse shutdown\" ends it");
	assert_null(strstr(said, "user _gatehouse"));
	free(said);
	close(fd);
	walk_well(r, setup_darwin, true);
}

/* ---- fill.c ---- */

static void
test_a_template_takes_plain_words_only(void **state)
{
	struct rig *r = *state;
	char *cause, *text = setup_fill("a@b @user@:@group@ @ @run@ @conf@\n@", &r->site, &cause);

	assert_string_equal(text, "a@b _gatehouse:gatehouse @ /var/run/gatehouse "
	    "/usr/local/etc/gatehouse/gatehouse.conf\n@");
	free(text);
	assert_null(setup_fill("@nothing@", &r->site, &cause));
	assert_cause(cause, "@nothing@ stands for nothing");
	r->site.exe = "/opt/my tools/gatehouse";
	assert_null(setup_fill("x @exe@", &r->site, &cause));
	assert_cause(cause, "\"/opt/my tools/gatehouse\" has a character");
	r->site.exe = "/opt/<gatehouse>";
	assert_null(setup_fill("x @exe@", &r->site, &cause));
	assert_cause(cause, "has a character");
}

#define RIG(f)	cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hooks_stand_first_in_their_section),
		cmocka_unit_test(test_hooks_of_a_person_stay),
		cmocka_unit_test(test_a_hook_for_nat_is_added_where_it_is_needed),
		cmocka_unit_test(test_a_hook_for_nat_is_added_where_it_is_needed),
		cmocka_unit_test(test_broken_markers_are_told),
		cmocka_unit_test(test_record_reads_what_it_writes),
		cmocka_unit_test(test_record_refuses_what_it_did_not_write),
		RIG(test_freebsd_is_set_up_and_back),
		RIG(test_what_was_there_before_stays),
		RIG(test_the_hook_is_where_rc_conf_has_the_rules),
		RIG(test_a_pf_conf_that_does_not_load_is_not_changed),
		RIG(test_a_pf_conf_that_loads_only_when_tried_is_put_back),
		RIG(test_a_command_that_fails_is_told),
		RIG(test_a_dry_run_changes_nothing),
		RIG(test_an_edited_file_stays),
		RIG(test_a_new_version_writes_its_own_files_anew),
		RIG(test_linux_runs_just_that),
		RIG(test_darwin_is_set_up_and_back),
		RIG(test_undoing_goes_on_after_what_fails),
		RIG(test_no_account_goes_while_a_daemon_has_it),
		RIG(test_a_template_takes_plain_words_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
