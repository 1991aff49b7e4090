/*
 * Live capture, from a device that this test makes: a pipe with a pcap file in
 * it stands for the log device, so that it can lose packets, break and end.
 */
#include "config.h"

#include <sys/stat.h>

#include <event2/event.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "drops/device.h"
#include "drops/drops.h"
#include "unit.h"
#include "xmalloc.h"

enum { TURN_MS = 600 };

static struct {
	int		 ends[2];
	const char	*refuse;	/* why device_open() fails */
	uint64_t	 lost;
} device;

static struct {
	uint64_t	 count;
	unsigned	 calls, packets;
} got;

pcap_t *
device_open(const struct conf *conf, char **cause)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *p;

	(void)conf;
	if (device.refuse != NULL) {
		*cause = xstrdup(device.refuse);
		return NULL;
	}
	p = pcap_fopen_offline(fdopen(device.ends[0], "rb"), error);
	assert_non_null(p);
	return p;
}

int
device_link(void)
{
	return DLT_NFLOG;
}

bool
device_reads_empty(void)
{
	return false;
}

uint64_t
device_lost(pcap_t *p)
{
	(void)p;
	return device.lost;
}

void
device_forget_names(void)
{
}

static void
put(const void *bytes, size_t len)
{
	assert_int_equal(write(device.ends[1], bytes, len), len);
}

static void
put_file_header(void)
{
	const uint32_t header[] = { 0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, DLT_NFLOG };

	put(header, sizeof(header));
}

/* A record that has a sequence number and nothing else. */
static void
put_record(uint8_t seq)
{
	const uint8_t nflog[] = { 2, 0, 0, 0 }, value[] = { 0, 0, 0, seq };
	const uint16_t tlv[] = { 8, 12 };
	const uint32_t header[] = { 1763793810, 5, sizeof(nflog) + 8, sizeof(nflog) + 8 };

	put(header, sizeof(header));
	put(nflog, sizeof(nflog));
	put(tlv, sizeof(tlv));
	put(value, sizeof(value));
}

static void
emit(const struct drop *d, void *arg)
{
	(void)arg;
	got.calls++;
	got.count += d->count;
}

static bool
take(const struct drop *d, void *arg)
{
	emit(d, arg);
	return true;
}

static int
setup(void **state)
{
	(void)state;
	memset(&device, 0, sizeof(device));
	memset(&got, 0, sizeof(got));
	if (pipe(device.ends) == -1)
		return -1;
	put_file_header();
	return 0;
}

static struct capture *
open_capture(void)
{
	static const struct conf conf;
	struct capture *c;
	char *cause;

	c = capture_open(&conf, &cause);
	assert_non_null(c);
	return c;
}

/* Runs the loop through at least two flushes. */
static void
turn(struct event_base *base)
{
	const struct timeval a_while = { .tv_usec = TURN_MS * 1000 };

	event_base_loopexit(base, &a_while);
	event_base_dispatch(base);
}

static void
packets_are_handed_over_aggregated_and_gaps_are_counted(void **state)
{
	struct event_base *base = event_base_new();
	struct capture *c = open_capture();
	struct capture_stats s;

	put_record(2);		/* 0 and 1 never came */
	put_record(3);
	put_record(7);
	close(device.ends[1]);
	capture_start(c, base, take, NULL);
	turn(base);
	capture_stats(c, &s);
	assert_int_equal(s.seen, 3);
	assert_int_equal(s.missed, 2 + 3);
	assert_int_equal(got.count, 3);
	assert_int_equal(got.calls, 1);
	device.lost = 9;	/* known to the kernel, before a gap shows it */
	capture_stats(c, &s);
	assert_int_equal(s.missed, 9);
	capture_free(c);
	event_base_free(base);
}

static void
keep(const struct capture_packet *p, void *arg)
{
	struct capture_packet *kept = arg;

	assert_int_equal(p->time, UINT64_C(1763793810) * 1000000 + 5);
	assert_int_equal(p->caplen, 12);
	assert_int_equal(p->len, 12);
	assert_int_equal(p->bytes[11], got.packets == 0 ? 3 : 7);
	got.packets++;
	*kept = *p;
}

static void
a_tee_hands_over_each_packet_and_what_was_missed_since_it_began(void **state)
{
	struct event_base *base = event_base_new();
	struct capture *c = open_capture();
	struct capture_packet kept;

	put_record(3);		/* 0 to 2 never came, nor 4 to 6 */
	put_record(7);
	close(device.ends[1]);
	capture_tee(c, keep, &kept);
	capture_start(c, base, take, NULL);
	turn(base);
	assert_int_equal(got.count, 2);
	assert_int_equal(got.packets, 2);
	assert_int_equal(kept.missed, 3 + 3);
	capture_free(c);
	event_base_free(base);
}

/* A file as drops -w writes it, from packets that came another way. */
static void
a_file_holds_what_was_added_and_no_more_than_asked(void **state)
{
	const uint8_t record[] = { 2, 0, 0, 0 };
	char path[] = "/tmp/test_capture.XXXXXX", *cause;
	struct savefile *f;
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	close(fd);
	f = savefile_open(path, 2, &cause);
	assert_non_null(f);
	assert_null(capture_read_file(path, emit, NULL));	/* empty, but a file */
	assert_false(savefile_full(f));
	for (int i = 0; i < 3; i++)
		savefile_add(f, 1000000, record, sizeof(record), sizeof(record));
	assert_true(savefile_full(f));
	assert_int_equal(savefile_written(f), 2);
	assert_null(savefile_flush(f));
	assert_null(capture_read_file(path, emit, NULL));
	assert_int_equal(got.count, 2);
	savefile_close(f);
	unlink(path);
	close(device.ends[0]);
	close(device.ends[1]);
}

static void
a_reader_that_has_gone_is_the_end_of_the_file_and_no_error(void **state)
{
	const uint8_t record[] = { 2, 0, 0, 0 };
	struct savefile *f;
	char dir[] = "/tmp/gatehouse-capture-XXXXXX", path[64], *cause;
	int reader;

	signal(SIGPIPE, SIG_IGN);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	f = savefile_open(path, 0, &cause);
	assert_non_null(f);
	close(reader);
	savefile_add(f, 1000000, record, sizeof(record), sizeof(record));
	assert_null(savefile_flush(f));
	assert_true(savefile_full(f));
	savefile_close(f);
	unlink(path);
	rmdir(dir);
	close(device.ends[0]);
	close(device.ends[1]);
}

static void
a_device_that_ends_is_reported_once_and_not_read_again(void **state)
{
	struct event_base *base = event_base_new();
	struct capture *c = open_capture();
	struct capture_stats s;

	put_record(0);
	capture_stats(c, &s);
	assert_true(s.up);
	assert_string_equal(s.cause, "");
	close(device.ends[1]);
	capture_start(c, base, take, NULL);
	turn(base);
	capture_stats(c, &s);
	assert_false(s.up);
	assert_string_not_equal(s.cause, "");
	assert_int_equal(got.count, 1);
	turn(base);
	assert_int_equal(got.count, 1);
	capture_free(c);
	event_base_free(base);
}

static void
a_device_that_breaks_says_how(void **state)
{
	const uint32_t absurd[] = { 0, 0, 0x7fffffff, 0x7fffffff };
	struct event_base *base = event_base_new();
	struct capture *c = open_capture();
	struct capture_stats s;

	for (int i = 0; i < 64; i++)
		put(absurd, sizeof(absurd));
	close(device.ends[1]);
	capture_start(c, base, take, NULL);
	turn(base);
	capture_stats(c, &s);
	assert_false(s.up);
	assert_string_not_equal(s.cause, "");
	assert_int_equal(s.seen, 0);
	capture_free(c);
	event_base_free(base);
}

static void
a_device_that_cannot_be_opened_gives_its_cause(void **state)
{
	static const struct conf conf;
	uint64_t written, missed;
	volatile int stop = 0;
	char *cause;

	device.refuse = "nflog group 7077: no";
	assert_null(capture_open(&conf, &cause));
	assert_string_equal(cause, device.refuse);
	free(cause);
	cause = capture_write_file(&conf, "/nonexistent/x", 0, &stop, &written, &missed);
	assert_string_equal(cause, device.refuse);
	free(cause);
	close(device.ends[0]);
	close(device.ends[1]);
}

/* The file is one that capture_read_file() reads, and no longer than asked. */
static void
written_packets_can_be_read_back(void **state)
{
	char path[] = "/tmp/test_capture.XXXXXX";
	static const struct conf conf;
	uint64_t written, missed;
	volatile int stop = 0;
	int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	close(fd);
	for (uint8_t i = 0; i < 9; i++)
		put_record(i);
	close(device.ends[1]);
	assert_null(capture_write_file(&conf, path, 5, &stop, &written, &missed));
	assert_int_equal(written, 5);
	assert_int_equal(missed, 0);
	assert_null(capture_read_file(path, emit, NULL));
	assert_int_equal(got.count, 5);
	unlink(path);
}

static void
a_file_that_cannot_be_written_says_why(void **state)
{
	static const struct conf conf;
	uint64_t written, missed;
	volatile int stop = 0;
	char *cause;

	put_record(0);
	cause = capture_write_file(&conf, "/nonexistent/x.pcap", 0, &stop, &written, &missed);
	assert_non_null(cause);
	assert_non_null(strstr(cause, "/nonexistent/x.pcap"));
	free(cause);
	close(device.ends[1]);
}

static void
a_full_disk_says_so(void **state)
{
	static const struct conf conf;
	uint64_t written, missed;
	volatile int stop = 0;
	char *cause;

	put_record(0);
	close(device.ends[1]);
	cause = capture_write_file(&conf, "/dev/full", 0, &stop, &written, &missed);
	assert_non_null(cause);
	assert_non_null(strstr(cause, "No space left"));
	free(cause);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(packets_are_handed_over_aggregated_and_gaps_are_counted,
		    setup),
		cmocka_unit_test_setup(a_tee_hands_over_each_packet_and_what_was_missed_since_it_began,
		    setup),
		cmocka_unit_test_setup(a_file_holds_what_was_added_and_no_more_than_asked, setup),
		cmocka_unit_test_setup(a_reader_that_has_gone_is_the_end_of_the_file_and_no_error,
		    setup),
		cmocka_unit_test_setup(a_device_that_ends_is_reported_once_and_not_read_again,
		    setup),
		cmocka_unit_test_setup(a_device_that_breaks_says_how, setup),
		cmocka_unit_test_setup(a_device_that_cannot_be_opened_gives_its_cause, setup),
		cmocka_unit_test_setup(written_packets_can_be_read_back, setup),
		cmocka_unit_test_setup(a_file_that_cannot_be_written_says_why, setup),
		cmocka_unit_test_setup(a_full_disk_says_so, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
