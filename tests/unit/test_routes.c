/* Neighbours as route(4) lists them, in the padding of FreeBSD and of macOS. */
#include "config.h"

#include "unit.h"

#include "addr.h"
#include "inventory/routes.h"

enum { LIST = 4096, STATIC = 0x800, OWN = 0x100000, NOW = 5000 };

static const struct routes_layout layouts[] = {
	/* FreeBSD, 64 bits */
	{ .header = 152, .flags = 8, .addrs = 12, .expire = 64, .expire_size = 8, .round = 8,
	    .own = OWN, .inet = 2, .inet6 = 28, .link = 18 },
	/* macOS */
	{ .header = 92, .flags = 8, .addrs = 12, .expire = 48, .expire_size = 4, .round = 4,
	    .own = OWN, .inet = 2, .inet6 = 30, .link = 18 },
};

static struct {
	uint8_t		bytes[LIST];
	size_t		len;
} list;

static const uint8_t mac[6] = { 2, 0x77, 0, 0, 0, 0x11 };

static void
put_sockaddr(const struct routes_layout *l, const uint8_t *sa)
{
	const size_t size = (sa[0] + l->round - 1) / l->round * l->round;

	memset(list.bytes + list.len, 0, size);
	memcpy(list.bytes + list.len, sa, sa[0]);
	list.len += size;
}

/* A neighbour that is forgotten left seconds from now; 0: never. */
static void
put(const struct routes_layout *l, const char *text, uint16_t link, uint32_t flags, int64_t left,
    const uint8_t *hardware)
{
	const size_t at = list.len;
	const uint32_t addrs = 3;
	const int64_t expire = left != 0 ? NOW + left : 0;
	uint8_t sin[28] = { 16, l->inet }, sdl[20] = { 20, l->link };
	struct addr a;
	uint16_t size;

	memset(list.bytes + at, 0, l->header);
	memcpy(list.bytes + at + l->flags, &flags, 4);
	memcpy(list.bytes + at + l->addrs, &addrs, 4);
	memcpy(list.bytes + at + l->expire, &expire, l->expire_size);
	list.len += l->header;
	assert_true(addr_parse(text, &a));
	memcpy(sin + 4, a.bytes, 4);
	if (a.family == 6) {
		sin[0] = 28;
		sin[1] = l->inet6;
		memset(sin + 4, 0, 4);
		memcpy(sin + 8, a.bytes, 16);
	}
	put_sockaddr(l, sin);
	memcpy(sdl + 2, &link, 2);
	memcpy(sdl + 8, "br0", 3);
	sdl[5] = 3;
	sdl[6] = hardware != NULL ? 6 : 0;
	if (hardware != NULL)
		memcpy(sdl + 11, hardware, 6);
	put_sockaddr(l, sdl);
	size = (uint16_t)(list.len - at);
	memcpy(list.bytes + at, &size, 2);
}

static struct nl_tables *
parse(const struct routes_layout *l)
{
	struct nl_tables *t = netlink_tables_new();
	uint8_t *exact = malloc(list.len);

	assert_non_null(exact);
	memcpy(exact, list.bytes, list.len);
	assert_null(routes_parse(t, l, exact, list.len, NOW));
	free(exact);
	return t;
}

static int
setup(void **state)
{
	list.len = 0;
	return 0;
}

static void
one_that_ended_at_an_impossible_time_is_an_old_one(void **state)
{
	const int64_t expire = INT64_MIN;
	struct nl_tables *t;

	put(&layouts[0], "10.77.0.11", 7, 0, 1, mac);
	memcpy(list.bytes + layouts[0].expire, &expire, sizeof(expire));
	t = parse(&layouts[0]);
	assert_int_equal(t->nneighs, 1);
	assert_int_equal(t->neighs[0].age, 1200);
	netlink_tables_free(t);
}

static void
neighbours_of_both_families_are_rows(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		const struct routes_layout *l = &layouts[i];
		char text[ADDR_TEXT_SIZE];
		struct nl_tables *t;

		list.len = 0;
		put(l, "10.77.0.11", 7, 0, 1140, mac);
		put(l, "fd77::11", 7, 0, 20, mac);
		put(l, "fe80:7::11", 7, 0, 24 * 3600 - 600, mac);
		t = parse(l);
		assert_int_equal(t->nneighs, 3);
		assert_int_equal(t->neighs[0].link, 7);
		assert_memory_equal(t->neighs[0].mac, mac, 6);
		assert_string_equal(addr_format(&t->neighs[0].addr, text), "10.77.0.11");
		assert_int_equal(t->neighs[0].age, 60);
		assert_string_equal(addr_format(&t->neighs[1].addr, text), "fd77::11");
		assert_int_equal(t->neighs[1].age, 0);
		/* Its interface's number does not belong to it. */
		assert_string_equal(addr_format(&t->neighs[2].addr, text), "fe80::11");
		assert_int_equal(t->neighs[2].age, 600);
		netlink_tables_free(t);
	}
}

static void
what_is_no_guests_is_left_out(void **state)
{
	static const uint8_t all[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct routes_layout *l = &layouts[0];
	struct nl_tables *t;

	put(l, "10.77.0.12", 7, 0, 20, NULL);		/* nobody has answered */
	put(l, "10.77.0.1", 7, OWN, 0, mac);		/* this host's own */
	put(l, "10.77.0.255", 7, 0, 0, all);
	put(l, "224.0.0.251", 7, 0, 0, mac);
	put(l, "fd77::13", 7, 0, 4000, mac);		/* not heard for most of a day */
	t = parse(l);
	assert_int_equal(t->nneighs, 0);
	netlink_tables_free(t);
}

static void
one_set_by_hand_says_not_when_it_was_heard(void **state)
{
	const struct conf_names names = { .n = 1, .name = { "br0" } };
	const struct nl_link bridge = { .index = 7, .carrier = true, .name = "br0" };
	struct sighting rows[8];
	struct nl_tables *t;
	size_t n = 0;

	put(&layouts[1], "10.77.0.11", 7, STATIC, 0, mac);
	t = parse(&layouts[1]);
	netlink_add_link(t, &bridge);
	netlink_sightings(t, &names, rows, &n, 8);
	assert_int_equal(n, 2);
	assert_true(rows[0].hint);
	assert_int_equal(rows[0].age, NETLINK_FORGOTTEN);
	netlink_tables_free(t);
}

/* However it is cut, and whatever lengths it claims. */
static void
no_length_leads_out_of_the_list(void **state)
{
	for (size_t i = 0; i < 2; i++) {
		const struct routes_layout *l = &layouts[i];
		struct nl_tables *t = netlink_tables_new();
		uint8_t *exact;

		list.len = 0;
		put(l, "10.77.0.11", 7, 0, 1140, mac);
		for (size_t len = 1; len < list.len; len++) {
			exact = malloc(len);
			assert_non_null(exact);
			memcpy(exact, list.bytes, len);
			assert_non_null(routes_parse(t, l, exact, len, NOW));
			free(exact);
		}
		assert_int_equal(t->nneighs, 0);
		exact = malloc(list.len);
		assert_non_null(exact);
		for (size_t at = 0; at < list.len; at++) {
			for (unsigned v = 0; v < 256; v += 5) {
				memcpy(exact, list.bytes, list.len);
				exact[at] = (uint8_t)v;
				routes_parse(t, l, exact, list.len, NOW);
			}
		}
		free(exact);
		netlink_tables_free(t);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(neighbours_of_both_families_are_rows, setup),
		cmocka_unit_test_setup(one_that_ended_at_an_impossible_time_is_an_old_one, setup),
		cmocka_unit_test_setup(what_is_no_guests_is_left_out, setup),
		cmocka_unit_test_setup(one_set_by_hand_says_not_when_it_was_heard, setup),
		cmocka_unit_test_setup(no_length_leads_out_of_the_list, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
