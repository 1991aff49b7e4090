/*
 * The command line: a command's words become a request, its result text or
 * JSON on stdout.  What goes wrong is said on stderr, with what to do next.
 *
 * Following (-f) is a subscription: each update is printed as it comes; of
 * drops and events only rows that were not printed yet.
 */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "control.h"
#include "doctor/doctor.h"
#include "engine.h"
#include "firewall/firewall.h"
#include "ui.h"
#include "xmalloc.h"

enum {
	CALL_SECONDS = 40,	/* longer than the engine waits for priv */
	FOLLOW_ROWS = 200,
};

struct options {
	bool	json, follow;
	bool	filtered;	/* the rows are not all there are */
};

enum exit_code
cli_fail(enum exit_code code, char *cause)
{
	fprintf(stderr, "gatehouse: %s\n", cause);
	free(cause);
	return code;
}

/* 0 where there is no terminal: every column whole. */
static int
columns(void)
{
	struct winsize ws;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 ? ws.ws_col : 0;
}

void
cli_print_json(const json_t *j)
{
	char *text = json_dumps(j, JSON_COMPACT);

	if (text != NULL)
		printf("%s\n", text);
	free(text);
}

/* Takes the words that every command knows out of argv. */
static int
options_take(int argc, char **argv, struct options *o)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (i > 0 && strcmp(argv[i], "-f") == 0)
			o->follow = true;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return n;
}

/* One call on a connection of its own. */
static json_t *
call(const struct conf *conf, const char *method, json_t *params, enum exit_code *code,
    char **cause)
{
	int fd = client_connect(conf->control, code, cause);
	json_t *result;

	if (fd == -1) {
		json_decref(params);
		return NULL;
	}
	result = client_call(fd, method, params, CALL_SECONDS, code, cause);
	close(fd);
	return result;
}

/* The same for "why": a guest is told the id of its refusal a moment before the
 * engine is, and who asks at once asks again. */
static json_t *
call_why(const struct conf *conf, json_t *params, enum exit_code *code, char **cause)
{
	const struct timespec moment = { .tv_nsec = 100 * 1000000L };
	json_t *result = call(conf, "why", json_incref(params), code, cause);

	if (result != NULL || *code != EXIT_NO) {
		json_decref(params);
		return result;
	}
	free(*cause);
	nanosleep(&moment, NULL);
	return call(conf, "why", params, code, cause);
}

/* ---- views ---- */

/* All rows, or as many as --limit says, however many windows that takes. */
static json_t *
view_call(const struct conf *conf, const char *view, json_t *params, enum exit_code *code,
    char **cause)
{
	json_t *limit = json_object_get(params, "limit"), *all = NULL, *page = NULL;
	json_int_t want = limit != NULL ? json_integer_value(limit) : INT32_MAX, got = 0;
	json_int_t offset = json_integer_value(json_object_get(params, "offset"));
	int fd = client_connect(conf->control, code, cause);

	while (fd != -1) {
		json_int_t n = want - got < CONTROL_ROWS_MAX ? want - got : CONTROL_ROWS_MAX;
		size_t rows;

		json_object_set_new(params, "limit", json_integer(n));
		json_object_set_new(params, "offset", json_integer(offset + got));
		page = client_call(fd, view, json_incref(params), CALL_SECONDS, code, cause);
		if (page == NULL) {
			json_decref(all);
			all = NULL;
			break;
		}
		rows = json_array_size(json_object_get(page, "rows"));
		if (all == NULL)
			all = json_incref(page);
		else
			json_array_extend(json_object_get(all, "rows"), json_object_get(page, "rows"));
		json_decref(page);
		got += (json_int_t)rows;
		if (rows < CONTROL_ROWS_MAX || got >= want)
			break;
	}
	if (fd != -1)
		close(fd);
	json_decref(params);
	return all;
}

/* ---- following ---- */

static json_int_t
row_id(const json_t *row)
{
	return json_integer_value(json_object_get(row, "id"));
}

static const char *
str(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s != NULL && *s != '\0' ? s : "-";
}

/* Where a blocked packet went, as "gatehouse drops" has it. */
static char *
target_of(const json_t *row)
{
	const bool six = strchr(str(row, "dst"), ':') != NULL;
	const json_int_t port = json_integer_value(json_object_get(row, "dport"));

	if (port == 0)
		return xasprintf("%s %s", str(row, "dst"), str(row, "service"));
	return xasprintf(six ? "[%s]:%" JSON_INTEGER_FORMAT : "%s:%" JSON_INTEGER_FORMAT,
	    str(row, "dst"), port);
}

static double
time_of(const char *view, const json_t *row)
{
	const char *key = strcmp(view, "drops") == 0 ? "last" : "time";

	return json_number_value(json_object_get(row, key));
}

/* A row of drops or events as a line of a log. */
static void
print_line(const char *view, const json_t *row)
{
	bool drops = strcmp(view, "drops") == 0;
	time_t when = (time_t)time_of(view, row);
	char *target = target_of(row);
	char clock[16];
	struct tm tm;

	localtime_r(&when, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	if (drops)
		printf("%s %-12s %-5s %s %s %s\n", clock, str(row, "guest"), str(row, "proto"),
		    target, str(row, "label"), str(row, "note"));
	else
		printf("%s %-6s %-6s %-12s %s\n", clock, str(row, "severity"), str(row, "kind"),
		    str(row, "guest"), str(row, "text"));
	free(target);
}

struct followed {
	const json_t	*row;
	double		 time;
};

static int
followed_compare(const void *a, const void *b)
{
	const struct followed *x = a, *y = b;

	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return (row_id(x->row) > row_id(y->row)) - (row_id(x->row) < row_id(y->row));
}

/* Prints the rows after *last by their time: one that has come again has a later one than
 * others that are younger. */
static void
follow_rows(const char *view, const json_t *rows, const struct options *o, json_int_t *last)
{
	struct followed *list = xcalloc(json_array_size(rows) + 1, sizeof(*list));
	json_int_t newest = *last;
	size_t i, n = 0;
	json_t *row;

	json_array_foreach(rows, i, row) {
		if (row_id(row) > *last)
			list[n++] = (struct followed){ row, time_of(view, row) };
		if (row_id(row) > newest)
			newest = row_id(row);
	}
	qsort(list, n, sizeof(*list), followed_compare);
	for (i = 0; i < n; i++) {
		if (o->json)
			cli_print_json(list[i].row);
		else
			print_line(view, list[i].row);
	}
	free(list);
	*last = newest;
}

static bool
is_stream(const char *view)
{
	return strcmp(view, "drops") == 0 || strcmp(view, "events") == 0;
}

/* A filter that nothing passes does not mean that there is nothing. */
static void
print_rows(const struct command *c, const json_t *result, const struct options *o)
{
	if (o->filtered && json_integer_value(json_object_get(result, "total")) == 0)
		printf(" nothing matches the filter\n");
	else
		ui_table(c->method, result, stdout, columns());
}

static void
follow_update(const struct command *c, const json_t *params, const struct options *o,
    json_int_t *last)
{
	const json_t *view = json_object_get(json_object_get(params, "views"), c->method);
	const json_t *status = json_object_get(params, "status");
	char *text;

	if (strcmp(c->method, "status") == 0) {
		if (status == NULL)
			return;
		if (o->json)
			cli_print_json(status);
		else {
			text = c->to_text(status);
			printf("%s\n", text);
			free(text);
		}
	} else if (view == NULL)
		return;
	else if (is_stream(c->method))
		follow_rows(c->method, json_object_get(view, "rows"), o, last);
	else if (o->json)
		cli_print_json(view);
	else {
		print_rows(c, view, o);
		printf("\n");
	}
	fflush(stdout);
}

static json_t *
follow_request(const struct command *c, json_t *params)
{
	json_t *views = json_object();

	if (strcmp(c->method, "status") != 0) {
		if (is_stream(c->method)) {
			json_object_set_new(params, "sort", json_string("id"));
			json_object_set_new(params, "desc", json_true());
		}
		if (json_object_get(params, "limit") == NULL)
			json_object_set_new(params, "limit", json_integer(FOLLOW_ROWS));
		json_object_set(views, c->method, params);
	}
	json_decref(params);
	return json_pack("{s:s, s:i, s:s, s:{s:o}}", "jsonrpc", "2.0", "id", 1, "method", "subscribe",
	    "params", "views", views);
}

/* One line of the daemon; false ends the following. */
static bool
follow_line(const struct command *c, const char *line, const struct options *o, json_int_t *last,
    enum exit_code *code)
{
	json_t *message = json_loads(line, 0, NULL), *error = json_object_get(message, "error");
	const char *method = json_string_value(json_object_get(message, "method"));
	const char *text = json_string_value(json_object_get(error, "message"));
	bool go_on = message != NULL && error == NULL;

	if (message == NULL) {
		*code = EXIT_NO_DAEMON;
		cli_fail(*code, xstrdup("the daemon's answer is not JSON"));
	} else if (error != NULL) {
		*code = json_integer_value(json_object_get(error, "code")) == CONTROL_NOT_PERMITTED ?
		    EXIT_NOT_PERMITTED : EXIT_USAGE;
		cli_fail(*code, xstrdup(text != NULL ? text : "the daemon refused"));
	} else if (method != NULL && strcmp(method, "update") == 0)
		follow_update(c, json_object_get(message, "params"), o, last);
	json_decref(message);
	return go_on && !ferror(stdout);
}

static enum exit_code
follow(const struct conf *conf, const struct command *c, json_t *params, const struct options *o)
{
	enum exit_code code = EXIT_NO_DAEMON;
	char *cause, *line = NULL, *text, *sent;
	size_t size = 0;
	json_int_t last = 0;
	json_t *request = follow_request(c, params != NULL ? params : json_object());
	int fd = client_connect(conf->control, &code, &cause);
	FILE *f;

	if (fd == -1) {
		json_decref(request);
		return cli_fail(code, cause);
	}
	if ((f = fdopen(fd, "r")) == NULL) {
		close(fd);
		json_decref(request);
		return cli_fail(EXIT_NO, xasprintf("cannot read from the daemon: %s", strerror(errno)));
	}
	text = json_dumps(request, JSON_COMPACT);
	sent = xasprintf("%s\n", text != NULL ? text : "");
	json_decref(request);
	free(text);
	/* What it said before it closed is worth more than the error. */
	(void)!send(fd, sent, strlen(sent), MSG_NOSIGNAL);
	free(sent);
	while (getline(&line, &size, f) != -1 && follow_line(c, line, o, &last, &code))
		continue;
	if (feof(f))
		cli_fail(code, xstrdup("the daemon has gone; start it again with \"gatehouse daemon\""));
	free(line);
	fclose(f);
	return code;
}

/* ---- what needs no daemon ---- */

/* True if it was one of these: then *code is set. */
static bool
without_daemon(const struct conf *conf, int argc, char **argv, const struct options *o,
    enum exit_code *code)
{
	if (argc >= 2 && strcmp(argv[0], "rules") == 0 && strcmp(argv[1], "--text") == 0) {
		*code = cli_rules_text(conf, argc - 2, argv + 2);
		return true;
	}
	if (strcmp(argv[0], "doctor") == 0) {
		*code = argc > 1 ? cli_fail(EXIT_USAGE, xasprintf("doctor: one word too many: %s",
		    argv[1])) : (enum exit_code)doctor_main(conf, conf->path, o->json);
		return true;
	}
	return strcmp(argv[0], "drops") == 0 && cli_drops(conf, argc, argv, o->json, code);
}

/* ---- asking ---- */

static bool
has_word(int argc, char **argv, const char *word)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], word) == 0)
			return true;
	}
	return false;
}

/* Whether it is meant, of what opens the way for every guest. Without --yes someone must
 * be there to say so. */
static bool
opening_confirmed(const struct conf *conf, const struct command *c, const json_t *params, int argc,
    char **argv, enum exit_code *code)
{
	char answer[16], *cause = NULL, *question;
	json_t *status;
	bool typed;

	free(command_danger(NULL, c->method, params, &typed));
	if (!typed || has_word(argc, argv, "--yes"))
		return true;
	if (!isatty(STDIN_FILENO)) {
		*code = cli_fail(EXIT_USAGE, xasprintf("this opens the way for every guest, and nobody is "
		    "here to confirm it: use \"gatehouse %s%s%s --yes\"", c->name, argc > 1 ? " " : "",
		    argc > 1 ? argv[1] : ""));
		return false;
	}
	if ((status = call(conf, "status", NULL, code, &cause)) == NULL) {
		*code = cli_fail(*code, cause);
		return false;
	}
	question = command_danger(status, c->method, params, &typed);
	fprintf(stderr, "%s\nType yes: ", question);
	free(question);
	json_decref(status);
	if (fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0)
		return true;
	fprintf(stderr, "gatehouse: not done: nothing was changed\n");
	*code = EXIT_NO;
	return false;
}

static enum exit_code
usage_of(const struct command *c, char *cause)
{
	char *usage = command_usage(c);

	fprintf(stderr, "gatehouse: %s\n%s\n", cause, usage);
	free(usage);
	free(cause);
	return EXIT_USAGE;
}

static void
print_result(const struct command *c, const json_t *result, const struct options *o)
{
	char *text;

	if (o->json)
		cli_print_json(result);
	else if (c->to_text == NULL)
		print_rows(c, result, o);
	else if ((text = c->to_text(result)) != NULL) {
		fputs(text, stdout);
		free(text);
	}
}

void
cli_help(FILE *f)
{
	fprintf(f, "usage: gatehouse [-b] [-f FILE] [COMMAND]\n"
	    "  without a command: the console; -b prints its panes once, as text\n"
	    "  COMMAND --help: that command alone\n\n");
	for (const struct command *c = command_table; c->name != NULL; c++)
		fprintf(f, "  %-9s %s\n            %s\n", c->name, c->args, c->help);
}

bool
cli_help_of(FILE *f, const char *name)
{
	const size_t len = strlen(name);
	bool any = false;

	for (const struct command *c = command_table; c->name != NULL; c++) {
		/* "allow" is also "allow --learned". */
		if (strncmp(c->name, name, len) != 0 || (c->name[len] != '\0' && c->name[len] != ' '))
			continue;
		char *usage = command_usage(c);

		fprintf(f, "%s%s\n  %s\n", any ? "\n" : "", usage, c->help);
		free(usage);
		any = true;
	}
	return any;
}

/* Whether a script that asked should stop: refused, or something is wrong. */
static bool
answer_is_no(const struct command *c, const json_t *result)
{
	const char *verdict = json_string_value(json_object_get(result, "verdict"));

	if (strcmp(c->name, "status") == 0)
		return json_array_size(json_object_get(result, "alerts")) > 0;
	return strcmp(c->name, "check") == 0 && (verdict == NULL || strcmp(verdict, "allow") != 0);
}

int
cli_main(const struct conf *conf, int argc, char **argv)
{
	const struct command *c = command_of(argc, argv);
	struct options o = { false, false, false };
	enum exit_code code = EXIT_DONE;
	json_t *params = NULL, *result;
	char *cause = NULL;

	if (c == NULL || c->method == NULL)
		return cli_fail(EXIT_USAGE, xasprintf("there is no command \"%s\"; "
		    "\"gatehouse --help\" lists them", argc > 0 ? argv[0] : ""));
	argc = options_take(argc, argv, &o);
	if (without_daemon(conf, argc, argv, &o, &code))
		return code;
	if ((cause = c->to_request(argc, argv, &params)) != NULL)
		return usage_of(c, cause);
	o.filtered = json_object_get(params, "filter") != NULL;
	if (o.follow && c->to_text != NULL && strcmp(c->name, "status") != 0) {
		json_decref(params);
		return usage_of(c, xasprintf("%s cannot be followed", c->name));
	}
	if (o.follow)
		return follow(conf, c, params, &o);
	if (!opening_confirmed(conf, c, params, argc, argv, &code)) {
		json_decref(params);
		return code;
	}
	result = c->to_text == NULL ? view_call(conf, c->method, params, &code, &cause) :
	    strcmp(c->name, "why") == 0 ? call_why(conf, params, &code, &cause) :
	    call(conf, c->method, params, &code, &cause);
	if (result == NULL)
		return cli_fail(code, cause);
	print_result(c, result, &o);
	code = answer_is_no(c, result) ? EXIT_NO : EXIT_DONE;
	json_decref(result);
	return code;
}
