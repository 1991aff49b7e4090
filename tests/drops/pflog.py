#!/usr/bin/python3
"""Writes pflog.pcap: what pf's log interface gives on three systems; and pflog-guest.pcap.

The kernels that wrote such headers are not here, so they are made: the shapes
are those of if_pflog.h of FreeBSD 12 (61 bytes, padded), FreeBSD 14 (69), macOS
(61, another AF_INET6) and OpenBSD (100).  Then some that no kernel sends.

pflog-guest.pcap is in the shape of a real log of FreeBSD 12: what it holds while a guest
tries what guests try, packet by packet, and a guarded user something.  How tcpdump reads it
stands beside it: TZ=UTC tcpdump -enr pflog-guest.pcap >pflog-guest.tcpdump
"""
import ipaddress
import struct

BLOCK, PASS, RDR = 1, 0, 8
IN, OUT = 1, 2
NONE = 0xFFFFFFFF
GUEST4, HOST4, FAR4 = "10.77.0.11", "10.77.0.1", "198.51.100.7"
GUEST6, HOST6 = "fd77::11", "fd77::1"


def header(system, family, action=BLOCK, rule=7, direction=IN, uid=NONE, reason=0,
           ruleset=b"gatehouse", number=0, ifname=b"bridge100"):
    length = {"freebsd": 61, "macos": 61, "freebsd14": 69, "openbsd": 100}[system]
    inet6 = {"freebsd": 28, "macos": 30, "freebsd14": 28, "openbsd": 24}[system]
    h = struct.pack("<BBBB16s16s", length, 2 if family == 4 else inet6, action, reason, ifname,
                    ruleset)
    h += struct.pack(">II", number, rule) + struct.pack("<IiIi", uid, 100000, 0, 1)
    h += struct.pack("<B", direction)
    return h.ljust((length + 3) & ~3, b"\0")


def ip4(src, dst, proto, payload, offset=0, more=False, ident=1):
    frag = (0x2000 if more else 0) | offset // 8
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, frag, 64, proto, 0,
                       ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(dst).packed) + payload


def ip6(src, dst, proto, payload):
    return struct.pack(">IHBB16s16s", 6 << 28, len(payload), proto, 64,
                       ipaddress.ip_address(src).packed,
                       ipaddress.ip_address(dst).packed) + payload


def tcp(sport, dport):
    return struct.pack(">HHIIBBHHH", sport, dport, 1, 0, 0x50, 2, 65535, 0, 0)


def udp(sport, dport, data=b"hi"):
    return struct.pack(">HHHH", sport, dport, 8 + len(data), 0) + data


def icmp(kind, size=56):
    return struct.pack(">BBHHH", kind, 0, 0, 1, 0) + bytes(size)


def packets():
    for system in ("freebsd", "macos", "freebsd14", "openbsd"):
        yield header(system, 4, rule=3) + ip4(GUEST4, HOST4, 6, tcp(40001, 445))
        yield header(system, 4, rule=4) + ip4(GUEST4, HOST4, 17, udp(40002, 137))
        yield header(system, 4, rule=6) + ip4(GUEST4, FAR4, 17, udp(40003, 443))
        yield header(system, 4, rule=9) + ip4(GUEST4, FAR4, 1, icmp(8))
        yield header(system, 6, rule=8) + ip6(GUEST6, HOST6, 6, tcp(40004, 22))
        yield header(system, 6, rule=8) + ip6(GUEST6, HOST6, 58, icmp(136, 16))
        yield (header(system, 6, rule=11, direction=OUT, uid=1001) +
               ip6(HOST6, GUEST6, 6, tcp(40005, 9)))
    # A user is who would receive it; a redirection has no anchor; the main rules'.
    yield header("freebsd", 4, rule=7, uid=0) + ip4(GUEST4, HOST4, 6, tcp(40006, 22))
    yield (header("freebsd", 4, RDR, rule=NONE, ruleset=b"") +
           ip4(GUEST4, "127.0.0.1", 6, tcp(40007, 8643)))
    yield (header("freebsd", 4, RDR, rule=NONE, number=5, ruleset=b"") +
           ip4(GUEST4, "127.0.0.1", 6, tcp(40007, 8643)))
    yield header("freebsd", 4, rule=NONE, number=2, ruleset=b"") + ip4(GUEST4, FAR4, 6, tcp(40008, 25))
    yield header("freebsd", 4, rule=2, ruleset=b"pins") + ip4(GUEST4, FAR4, 6, tcp(40009, 5432))
    yield header("freebsd", 4, rule=99) + ip4(GUEST4, FAR4, 6, tcp(40010, 26))
    # The default rule, for a reason of its own.
    yield (header("freebsd", 4, rule=NONE, number=NONE, ruleset=b"", reason=3) +
           ip4(GUEST4, FAR4, 6, tcp(40011, 80)[:12]))
    # A ping of three fragments.
    data = icmp(8, 3000)
    for at in range(0, len(data), 1480):
        yield (header("freebsd", 4, rule=9) +
               ip4(GUEST4, FAR4, 1, data[at:at + 1480], at, at + 1480 < len(data), 9))
    # No kernel sends these: names without an end, of odd bytes; no family; cut short;
    # a length of nothing, of more than there is, and of what was never a header.
    yield (header("freebsd", 4, ifname=b"\x1b[31m" + b"x" * 11, ruleset=b"gatehouse.of.all") +
           ip4(GUEST4, FAR4, 6, tcp(40012, 80)))
    yield b"\x3d\x63" + header("freebsd", 4)[2:] + ip4(GUEST4, FAR4, 6, tcp(40013, 80))
    yield header("freebsd", 4)
    yield header("freebsd", 4) + ip4(GUEST4, FAR4, 6, tcp(40014, 80))[:10]
    yield header("freebsd", 4)[:60]
    yield b"\0" + header("freebsd", 4)[1:] + ip4(GUEST4, FAR4, 6, tcp(40015, 80))
    yield b"\xff" + header("freebsd", 4)[1:] + ip4(GUEST4, FAR4, 6, tcp(40016, 80))
    yield b"\x2d" + header("freebsd", 4)[1:] + ip4(GUEST4, FAR4, 6, tcp(40017, 80))


def syn(sport, dport, mss):
    """With the options of a system that opens a connection."""
    options = struct.pack(">BBHBBBBBBBBII", 2, 4, mss, 1, 3, 3, 6, 4, 2, 8, 10, 7, 0)
    return struct.pack(">HHIIBBHHH", sport, dport, sport * 7, 0, 0xA0, 2, 65535, 0, 0) + options


def guest_packets():
    def at(rule, packet, **more):
        return header("freebsd", more.pop("family", 4), rule=rule, ifname=b"bridge7", **more) + packet

    def turned(number, sport):
        return at(NONE, ip4(GUEST4, "127.0.0.1", 6, syn(sport, 8643, 1460)), action=RDR,
                  number=number, ruleset=b"")

    for rule, sport, dport in ((3, 21001, 445), (2, 21002, 139), (7, 21003, 22)):
        for _ in range(2):      # sent again when no answer comes
            yield at(rule, ip4(GUEST4, HOST4, 6, syn(sport, dport, 1460)))
    yield at(9, ip4(GUEST4, FAR4, 6, syn(21004, 25, 1460)))
    yield turned(0, 21005)
    yield at(4, ip4(GUEST4, HOST4, 17, udp(21006, 137)))
    yield at(5, ip4(GUEST4, HOST4, 17, udp(21007, 138)))
    yield at(6, ip4(GUEST4, FAR4, 17, udp(21008, 443)))
    yield at(9, ip4(GUEST4, FAR4, 17, udp(21009, 5353)))
    yield at(7, ip4(GUEST4, HOST4, 1, icmp(8)))
    data = icmp(8, 3000)
    for offset in range(0, len(data), 1480):
        yield at(9, ip4(GUEST4, FAR4, 1, data[offset:offset + 1480], offset,
                        offset + 1480 < len(data), 12))
    yield at(8, ip6(GUEST6, HOST6, 58, struct.pack(">BBHHH", 128, 0, 0, 5, 0) + bytes(8)), family=6)
    for _ in range(3):
        yield at(8, ip6(GUEST6, HOST6, 58, struct.pack(">BBHI", 136, 0, 0, 0x60000000) +
                        ipaddress.ip_address(GUEST6).packed), family=6)
    for _ in range(2):
        yield at(8, ip6(GUEST6, HOST6, 6, syn(21010, 445, 1440)), family=6)
    yield turned(1, 21011)
    yield turned(0, 21012)
    yield at(11, ip6(HOST6, GUEST6, 6, syn(21013, 9, 1440)), family=6, direction=OUT, uid=1001)


def write(path, records, cut):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 117))
        for i, p in enumerate(records):
            caplen = min(len(p), cut)
            f.write(struct.pack("<IIII", 1795370400 + i, 1000 * i, caplen, len(p)) + p[:caplen])


if __name__ == "__main__":
    write("pflog.pcap", packets(), 576)
    write("pflog-guest.pcap", guest_packets(), 256)
