"""DNS messages (RFC 1035, RFC 6891), honest and otherwise, and the servers that
the filter asks: they answer with what the row says whose number is in the name.

	dns TYPE [FLAG...]: RECORD, RECORD...
	    one message in answer to a query of that type; further lines, further
	    messages.  A RECORD is [NAME] TYPE DATA [TTL], its name that of the
	    question unless given.  Flags: an RCODE, "tc", "tcp" (only over TCP),
	    "wrong-id", "wrong-name", "wrong-type", "wrong-port", "upper" (the
	    question in upper case), "loop" (a name that points at itself),
	    "twice-asked" (two questions), "query" (not marked as an answer).
Without such a line every name has A 198.18.9.9 for a minute, and no AAAA.

	ask TYPE NAME [K=V...]
	    what a guest asks; edns=SIZE, count=N questions (all of them there),
	    claim=N questions (one there), class=N, opcode=N, flags=HHHH, answers=N,
	    loop=1 (the name points at itself), forward=1 (past the end),
	    behind=BYTES, cutoff=N bytes only
	raw BYTES   the same in hexadecimal
	answer RCODE [RECORD...] [EDE N REASON]   or: answer silence
	over udp|tcp   only so (each row is played over both, over TCP also cut)
"""
import ipaddress
import re
import select
import socket

from lab import inside
from play import NUMBER, PACE, PACE_BYTES, pieces
from table import TAG

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33,
         "OPT": 41, "SVCB": 64, "HTTPS": 65, "AXFR": 252, "ANY": 255, "HINFO": 13}
NAMES = {number: name for name, number in TYPES.items()}
RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"]
EDNS, EDE, TTL = 41, 15, 60


def name(labels):
    """A name in text (bytes, a label's dots as they are) as it is on the wire."""
    labels = labels.rstrip(b".")
    return b"".join(bytes([len(p)]) + p for p in labels.split(b".") if labels) + b"\0"


def read_name(message, at):
    labels, end, jumps = [], None, 0
    while message[at]:
        if message[at] >= 0xc0:
            end = end or at + 2
            at = int.from_bytes(message[at:at + 2], "big") & 0x3fff
            jumps += 1
            if jumps > 20:
                raise ValueError("a loop")
            continue
        labels.append(message[at + 1:at + 1 + message[at]])
        at += message[at] + 1
    return b".".join(labels), end or at + 1


def u16(n):
    return int(n).to_bytes(2, "big")


def header(number, flags, counts):
    return u16(number) + u16(flags) + b"".join(u16(c) for c in counts)


def query(number, kind, asked, options):
    """A guest's query; asked in bytes."""
    def get(key, default):
        return options.get(key, default)
    flags = int(get("flags", "0100"), 16) | int(get("opcode", 0)) << 11
    count = int(get("count", 1))
    wire = name(asked)
    if "loop" in options:
        wire = b"\xc0\x0c"
    if "forward" in options:
        wire = b"\xc0\xff"
    if "label" in options:      # one of that many bytes, whatever they may be
        wire = bytes([int(options["label"])]) + asked + b"\0"
    question = wire + u16(TYPES.get(kind) or int(kind)) + u16(get("class", 1))
    additional = b""
    if "edns" in options:
        additional = b"\0" + u16(EDNS) + u16(options["edns"]) + b"\0" + bytes([int(get("ednsversion", 0))]) + \
            b"\0\0" + u16(0)
    message = header(number, flags, (get("claim", count), get("answers", 0), 0, len(additional) > 0)) + \
        question * count + additional + get("behind", "").encode()
    return message[:int(options["cutoff"])] if "cutoff" in options else message


def data_text(kind, message, at, size):
    if kind in (1, 28):
        return str(ipaddress.ip_address(message[at:at + size]))
    if kind == 5:
        return read_name(message, at)[0].decode()
    return message[at:at + size].hex()


def answer_text(message, sent):
    """An answer in the words of a row, and the id of its refusal.  It must
    repeat the question as it was asked, in the case it was asked."""
    if message is None:
        return "silence", None
    number, flags, questions, answers, authority, additional = \
        (int.from_bytes(message[i:i + 2], "big") for i in range(0, 12, 2))
    if message[:2] != sent[:2] or not flags & 0x8000:
        return "an answer to another query", None
    words, at, id_, rcode = [], 12, None, flags & 15
    if questions:
        end = read_name(message, at)[1] + 4
        if message[12:end] != sent[12:end]:
            return "an answer to another question", None
        at = end
    for _ in range(answers + authority + additional):
        _, at = read_name(message, at)
        kind, size = int.from_bytes(message[at:at + 2], "big"), int.from_bytes(message[at + 8:at + 10], "big")
        ttl, at = int.from_bytes(message[at + 4:at + 8], "big"), at + 10
        if kind == EDNS:
            rcode |= ttl >> 24 << 4
            if size:
                text = message[at + 6:at + size].decode()
                match = re.fullmatch(r"gatehouse ([0-9]+-[0-9]+) ([a-z-]+)", text)
                id_ = match and match.group(1)
                words.append("EDE %d %s" % (int.from_bytes(message[at + 4:at + 6], "big"),
                                            match.group(2) if match else repr(text)))
        else:
            words.append("%s %s %d" % (NAMES.get(kind, kind), data_text(kind, message, at, size), ttl))
        at += size
    if at != len(message):
        words.append("and more")
    if flags & 0x200:
        words.insert(0, "TC")
    words.insert(0, RCODES[rcode] if rcode < len(RCODES) else str(rcode))
    return " ".join(words), id_


def record(text, asked):
    """[NAME] TYPE DATA [TTL]"""
    words = text.split()
    owner = b"\xc0\x0c" if words[0] in TYPES else name(words.pop(0).encode())
    kind, data = words[0], words[1]
    ttl = int(words[2]) if len(words) > 2 else TTL
    if kind in ("A", "AAAA"):
        data = ipaddress.ip_address(data).packed
    elif kind == "SOA":
        data = name(b"ns.test") + name(b"root.test") + b"\0" * 16 + int(data).to_bytes(4, "big")
    else:
        data = name(data.encode())
    return owner + u16(TYPES[kind]) + u16(1) + ttl.to_bytes(4, "big") + u16(len(data)) + data


def reply(asked, line, tag):
    """The message that a dns line makes of a query; None if it is not for this one."""
    flags, _, records = line.replace("@", tag).partition(":")
    flags = flags.split()
    question_end = read_name(asked, 12)[1]
    kind = int.from_bytes(asked[question_end:question_end + 2], "big")
    if flags.pop(0) != NAMES.get(kind):
        return None, flags
    number, question = int.from_bytes(asked[:2], "big"), asked[12:question_end + 4]
    if "wrong-id" in flags:
        number ^= 1
    if "wrong-name" in flags:
        question = name(b"other-%s.ok.test" % tag.encode()) + question[-4:]
    if "wrong-type" in flags:
        question = question[:-4] + u16(16) + question[-2:]
    if "upper" in flags:
        question = question[:-4].upper() + question[-4:]
    bits = 0x8180 | ("tc" in flags) << 9 | next((RCODES.index(f) for f in flags if f in RCODES), 0)
    if "query" in flags:
        bits &= 0x7fff
    parts = [p.strip() for p in records.split(",") if p.strip()]
    soa = [p for p in parts if p.startswith("SOA")]
    answers = [record(p, asked) for p in parts if p not in soa]
    if "loop" in flags:
        at = 12 + len(question)
        answers = [b"\xc0" + bytes([at]) + u16(kind) + u16(1) + b"\0\0\0\x3c" + u16(4) + b"\xc6\x12\x09\x09"]
    count = 2 if "twice-asked" in flags else 1
    return header(number, bits, (count, len(answers), len(soa), 0)) + question * count + \
        b"".join(answers) + b"".join(record(p, asked) for p in soa), flags


class Upstream:
    """The servers of the lab's internet; remembers each query."""

    ORDINARY = ["A: A 198.18.9.9", "AAAA: SOA 60"]

    def __init__(self, loop, plays):
        self.loop, self.plays, self.queries = loop, plays, []
        with inside("internet"):
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.tcp = socket.socket()
        self.udp.bind(("", 5300))
        self.other.bind(("198.18.9.53", 5301))
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(("", 5300))
        self.tcp.listen(64)
        for sock, ready in ((self.udp, self.datagram), (self.tcp, self.stream)):
            sock.setblocking(False)
            loop.watch(sock, select.EPOLLIN, ready)

    def messages(self, asked, peer, tcp):
        """What is sent in answer, as (message, flags)."""
        asked_name = read_name(asked, 12)[0]
        self.queries.append((asked_name, int.from_bytes(asked[:2], "big"), peer[1], tcp))
        match = NUMBER.search(asked_name)
        play = match and self.plays.get(match.group())
        lines = play.row.settings.get("dns") if play else None
        tag = match.group().decode() if match else ""
        made = [reply(asked, line, tag) for line in lines or self.ORDINARY]
        made = [m for m in made if m[0]] or [reply(asked, line, tag) for line in self.ORDINARY]
        return [m for m in made if m[0] and ("tcp" in m[1]) <= tcp and ("tc" in m[1]) + tcp < 2]

    def datagram(self, events):
        while True:
            try:
                asked, peer = self.udp.recvfrom(4096)
            except BlockingIOError:
                return
            for message, flags in self.messages(asked, peer, False):
                (self.other if "wrong-port" in flags else self.udp).sendto(message, peer)

    def stream(self, events):
        sock, peer = self.tcp.accept()
        sock.settimeout(2)
        data = sock.recv(4096)
        for message, _ in self.messages(data[2:], peer, True):
            sock.sendall(u16(len(message)) + message)
        sock.close()


class Ask:
    """A row of DNS being asked by a guest: each query over UDP, or all of them
    over one TCP connection, cut as told."""

    PATIENCE = 6        # seconds for an answer
    SILENCE = 0.7       # seconds after which there is none

    def __init__(self, loop, row, tag, guest, family=4, over="udp", cut=None):
        self.loop, self.row, self.tag, self.guest = loop, row, b"%07d" % tag, guest
        self.family, self.cut, self.over = family, cut, over
        self.done, self.wrong, self.answers, self.got, self.ended = False, None, [], b"", False
        self.sent = [self.message(n, ask) for n, ask in enumerate(row.asks)]
        with inside(guest):
            self.sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6,
                                      socket.SOCK_DGRAM if over == "udp" else socket.SOCK_STREAM)
        self.sock.setblocking(False)
        try:
            self.sock.connect(("198.18.0.1" if family == 4 else "2001:2::1", 53))
        except BlockingIOError:
            pass
        if over == "tcp":
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop.watch(self.sock, select.EPOLLOUT, self.connected)

    @classmethod
    def sizes(cls, row):
        """The queries of a row, as long as they will be."""
        return [bytes.fromhex(asked.decode()) if kind == "hex" else query(0, kind, asked, options)
                for kind, asked, options in row.asks]

    def fill(self, data):
        return data.replace(TAG, self.tag)

    def message(self, n, ask):
        kind, asked, options = ask
        if kind == "hex":
            return bytes.fromhex(asked.decode())
        return query(0x4100 + n, kind, asked.replace(TAG, self.tag), options)

    def connected(self, events):
        self.loop.watch(self.sock, select.EPOLLIN, self.readable)
        stream = b"".join(u16(len(m)) + m for m in self.sent)
        self.queue = list(self.sent) if self.over == "udp" else pieces(stream, self.cut)
        silent = any(a == "silence" for a in self.row.answers)
        self.loop.after(self.SILENCE if silent else self.PATIENCE, self.late)
        self.send()

    def send(self):
        if self.done or not self.queue:
            return
        try:
            self.sock.send(self.queue.pop(0))
        except OSError:
            self.queue.clear()
        self.loop.after(PACE_BYTES if self.cut == "bytes" else PACE, self.send)

    def readable(self, events):
        try:
            data = self.sock.recv(65536)
        except OSError:
            data = b""
        if self.over == "udp":
            self.answers.append(data)
        else:
            self.ended = not data
            self.got += data
            while len(self.got) >= 2 and len(self.got) - 2 >= int.from_bytes(self.got[:2], "big"):
                size = int.from_bytes(self.got[:2], "big")
                self.answers.append(self.got[2:2 + size])
                self.got = self.got[2 + size:]
        if len(self.answers) >= len(self.sent) or self.ended:
            self.finish()

    def late(self):
        if not self.done:
            self.finish()

    def finish(self):
        self.done = True
        self.loop.forget(self.sock)
        self.sock.close()

    def unanswered(self):
        """The connection was closed although there was something to say."""
        return self.ended and not self.answers and "silence" not in self.row.answers

    def how(self):
        cut = {None: "", "bytes": ", byte by byte"}.get(self.cut, ", cut at byte %s" % self.cut)
        return "over %s%s" % (self.over.upper(), cut)

    def told(self):
        """What came, in the words of the row, and the ids of refusals."""
        by_id = {a[:2]: a for a in self.answers}
        both = [answer_text(by_id.get(m[:2]), m) for m in self.sent]
        return [text for text, _ in both], [id_ for _, id_ in both if id_]
