/* Whatever a guest or a server sends as DNS: the readers stay inside it, and
 * what is written about it can be read again. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
answer_query(const struct dns_query *q)
{
	static struct addr addrs[DNS_ADDRS_MAX];
	struct dns_response r = { .ttl = 60, .naddrs = q->id % (DNS_ADDRS_MAX + 1), .addrs = addrs,
		.ede = q->id & 1 ? DNS_EDE_BLOCKED : DNS_EDE_NONE };
	uint8_t msg[DNS_UDP_MAX];
	struct dns_reply reply;
	char name[DNS_TEXT_SIZE];
	size_t len;

	memset(r.text, 'x', r.ede == DNS_EDE_NONE ? 0 : sizeof(r.text) - 1);
	len = dns_response_write(msg, q->udp_size, q, &r);
	if (len > q->udp_size)
		abort();
	if (q->opcode != 0 || q->question.class != DNS_CLASS_IN ||
	    dns_name_text(name, q->question.name, q->question.name_len) == 0 ||
	    strlen(name) + 2 != q->question.name_len || (q->question.type != DNS_TYPE_A &&
	    q->question.type != DNS_TYPE_AAAA))
		return;
	if (!dns_reply_read(&reply, msg, len, q->id, name, q->question.type) ||
	    (!reply.truncated && reply.naddrs != r.naddrs))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	const uint16_t id = len < 2 ? 0 : (uint16_t)(data[0] << 8 | data[1]);
	struct dns_query q;
	struct dns_reply a;
	enum dns_rcode rcode;

	if (dns_query_read(&q, data, len, &rcode) && q.asked)
		answer_query(&q);
	for (int i = 0; i < 2; i++) {
		if (dns_reply_read(&a, data, len, id, "www.example", types[i]) &&
		    (a.naddrs > DNS_ADDRS_MAX || (a.naddrs > 0 && a.negative)))
			abort();
	}
	return 0;
}
