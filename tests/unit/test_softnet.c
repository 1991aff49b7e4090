/* Which softnet tart uses, and what is said of it: a directory of binaries that are none. */
#include "config.h"

#include "unit.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/doctor.h"
#include "inventory/softnet.h"
#include "xmalloc.h"

static char dir[] = "/tmp/gatehouse-softnet-XXXXXX", path[512];
static struct softnet_facts facts;

static int
forget(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int
setup(void **state)
{
	static const char *const dirs[] = { "own", "brew", "Cellar", "Cellar/softnet",
		"Cellar/softnet/7.8.9", "Cellar/softnet/7.8.9/bin" };
	char name[256];

	snprintf(dir, sizeof(dir), "/tmp/gatehouse-softnet-XXXXXX");
	assert_non_null(mkdtemp(dir));
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(name, sizeof(name), "%s/%s", dir, dirs[i]);
		assert_int_equal(mkdir(name, 0755), 0);
	}
	snprintf(path, sizeof(path), "relative:%s/own:%s/brew::/no/such", dir, dir);
	return 0;
}

static int
teardown(void **state)
{
	return nftw(dir, forget, 8, FTW_DEPTH | FTW_PHYS);
}

static void
binary(const char *name, mode_t mode)
{
	char file[256];
	int fd;

	snprintf(file, sizeof(file), "%s/%s", dir, name);
	assert_int_not_equal(fd = open(file, O_WRONLY | O_CREAT, 0600), -1);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void
packaged(mode_t mode)
{
	char link[256];

	binary("Cellar/softnet/7.8.9/bin/softnet", mode);
	snprintf(link, sizeof(link), "%s/brew/softnet", dir);
	assert_int_equal(symlink("../Cellar/softnet/7.8.9/bin/softnet", link), 0);
}

static void
ask_doctor(json_t *rows)
{
	static struct conf conf;

	assert_true(copy_string(conf.command_path, path, sizeof(conf.command_path)) <
	    sizeof(conf.command_path));
	doctor_softnet(rows, &conf);
}

/* What doctor says: "STATE TEXT -> TODO", "" if nothing. */
static void
assert_doctor(const char *state, const char *in_text, const char *in_todo)
{
	json_t *rows = json_array(), *row;

	ask_doctor(rows);
	assert_int_equal(json_array_size(rows), 1);
	row = json_array_get(rows, 0);
	assert_string_equal(json_string_value(json_object_get(row, "state")), state);
	if (strstr(json_string_value(json_object_get(row, "text")), in_text) == NULL)
		fail_msg("%s", json_string_value(json_object_get(row, "text")));
	if (strstr(json_string_value(json_object_get(row, "todo")), in_todo) == NULL)
		fail_msg("%s", json_string_value(json_object_get(row, "todo")));
	json_decref(rows);
}

static void
nothing_is_said_where_there_is_no_tart(void **state)
{
	json_t *rows = json_array();

	packaged(0755);
	ask_doctor(rows);
	assert_int_equal(json_array_size(rows), 0);
	json_decref(rows);
}

static void
a_packaged_one_has_path_and_version(void **state)
{
	char *text;

	packaged(0755);
	binary("brew/tart", 0755);
	softnet_look(path, &facts);
	assert_true(facts.tart);
	assert_int_equal(facts.n, 1);
	assert_string_equal(facts.found[0].version, "7.8.9");
	assert_non_null(strstr(facts.found[0].path, "/Cellar/softnet/7.8.9/bin/softnet"));
	assert_int_equal(softnet_judge(&facts), SOFTNET_NO_SETUID);
	assert_doctor("warn", "version 7.8.9, not SUID root", "chmod u+s");
	assert_doctor("warn", "own ports open", "chown root");
	text = softnet_guest_text(&facts, true, "");
	assert_non_null(strstr(text, "version 7.8.9"));
	assert_non_null(strstr(text, "SMB"));
	free(text);
	text = softnet_guest_text(&facts, false, "");
	assert_non_null(strstr(text, "not behind softnet"));
	free(text);
}

static void
the_suid_bit_counts_if_it_is_roots(void **state)
{
	packaged(04755);
	binary("brew/tart", 0755);
	softnet_look(path, &facts);
	assert_int_equal(facts.found[0].setuid, geteuid() == 0);
	facts.found[0].setuid = true;
	assert_int_equal(softnet_judge(&facts), SOFTNET_WELL);
	if (geteuid() == 0)
		assert_doctor("ok", "SUID root", "cover tart's bridge");
}

static void
a_source_built_one_that_shadows_it_is_told(void **state)
{
	char *text, *todo;

	packaged(04755);
	binary("own/softnet", 04755);
	binary("own/tart", 0755);
	softnet_look(path, &facts);
	assert_int_equal(facts.n, 2);
	assert_string_equal(facts.found[0].version, "");
	facts.found[0].setuid = false;
	assert_int_equal(softnet_judge(&facts), SOFTNET_SHADOWED);
	facts.found[0].setuid = true;
	assert_int_equal(softnet_judge(&facts), SOFTNET_SHADOWED);
	text = softnet_text(&facts, &todo);
	assert_non_null(strstr(text, "/own/softnet (built from source, version unknown, SUID root), "
	    "which shadows "));
	assert_non_null(strstr(text, "version 7.8.9"));
	assert_non_null(strstr(todo, "/own/softnet"));
	free(text);
	free(todo);
	/* The other way round nothing is hidden that should not be. */
	snprintf(path, sizeof(path), "%s/brew:%s/own", dir, dir);
	softnet_look(path, &facts);
	facts.found[0].setuid = true;
	assert_int_equal(softnet_judge(&facts), SOFTNET_WELL);
}

/* The one that runs for a guest is told, whichever that would be by the path. */
static void
the_one_that_runs_is_told(void **state)
{
	char name[256], *text;

	packaged(0755);
	binary("own/softnet", 0755);
	snprintf(path, sizeof(path), "%s/brew", dir);
	softnet_look(path, &facts);
	snprintf(name, sizeof(name), "%s/own/softnet", dir);
	text = softnet_guest_text(&facts, true, name);
	assert_non_null(strstr(text, "/own/softnet (built from source"));
	free(text);
	text = softnet_guest_text(&facts, true, "/no/such/softnet");
	assert_non_null(strstr(text, "behind a softnet that is not on the path"));
	free(text);
}

static void
one_that_a_user_has_built_may_shadow_it(void **state)
{
	char name[256], *text, *todo;

	packaged(04755);
	binary("brew/tart", 0755);
	softnet_look(path, &facts);
	snprintf(name, sizeof(name), "%s/.cargo", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	snprintf(name, sizeof(name), "%s/.cargo/bin", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	binary(".cargo/bin/softnet", 04755);
	softnet_look_home(dir, &facts);
	assert_int_equal(facts.n, 2);
	assert_int_equal(softnet_judge(&facts), SOFTNET_USERS);
	text = softnet_text(&facts, &todo);
	assert_non_null(strstr(text, ".cargo/bin/softnet where its directory comes first in PATH"));
	assert_non_null(strstr(todo, ".cargo/bin/softnet' away"));
	free(text);
	free(todo);
}

static void
one_that_others_can_write_is_wrong(void **state)
{
	binary("own/softnet", 0777);
	binary("own/tart", 0755);
	assert_doctor("fail", "others than its owner can replace", "chmod go-w");
}

static void
a_directory_of_that_name_is_no_binary(void **state)
{
	char name[256];

	snprintf(name, sizeof(name), "%s/own/softnet", dir);
	assert_int_equal(mkdir(name, 0755), 0);
	binary("own/tart", 0755);
	softnet_look(path, &facts);
	assert_int_equal(facts.n, 0);
	assert_doctor("ok", "there is no softnet", "cover tart's bridge");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_said_where_there_is_no_tart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_packaged_one_has_path_and_version, setup, teardown),
		cmocka_unit_test_setup_teardown(the_suid_bit_counts_if_it_is_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(a_source_built_one_that_shadows_it_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(the_one_that_runs_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_a_user_has_built_may_shadow_it, setup, teardown),
		cmocka_unit_test_setup_teardown(one_that_others_can_write_is_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(a_directory_of_that_name_is_no_binary, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
