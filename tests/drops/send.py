"""What the guest of ./record sends, one scene for each pcap file."""
import socket
import struct
import sys

IFACE, MAC, PEER, HOST = "eth0", "020900000011", "020900000012", "020900000001"
V4, V6 = bytes([10, 9, 0, 11]), socket.inet_pton(socket.AF_INET6, "fd09::11")
HOST4, HOST6 = bytes([10, 9, 0, 1]), socket.inet_pton(socket.AF_INET6, "fd09::1")
PEER4 = bytes([10, 9, 0, 12])

raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
raw.bind((IFACE, 0))


def frame(ethertype, payload, to=HOST):
    raw.send(bytes.fromhex(to + MAC + ethertype) + payload)


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF & ~total


def ip4(proto, payload, dst=HOST4, total=None, options=b"", fragment=0, ihl=None, version=4):
    size = 20 + len(options)
    head = struct.pack("!BBHHHBBH4s4s", version << 4 | (size // 4 if ihl is None else ihl), 0,
                       size + len(payload) if total is None else total, 1, fragment, 64, proto, 0,
                       V4, dst) + options
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(proto, payload, dst=HOST6, length=None):
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload) if length is None else length, proto,
                       64, V6, dst) + payload


def tcp(dport, offset=5):
    return struct.pack("!HHIIBBHHH", 40000, dport, 1, 0, offset << 4, 2, 1024, 0, 0)


def udp(dport, payload=b"", length=None):
    return struct.pack("!HHHH", 40000, dport, 8 + len(payload) if length is None else length,
                       0) + payload


def ordinary():
    for family, host in ((socket.AF_INET, "10.9.0.1"), (socket.AF_INET6, "fd09::1")):
        for port in (445, 22):
            s = socket.socket(family, socket.SOCK_STREAM)
            s.setblocking(False)
            s.connect_ex((host, port))
            s.close()
        s = socket.socket(family, socket.SOCK_DGRAM)
        s.sendto(b"name", (host, 137))
        s.sendto(b"x" * 3000, (host, 443))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.sendto(b"q", ("224.0.0.251", 5353))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    s.sendto(b"q", ("10.9.0.255", 137))
    s.sendto(b"to a peer", ("10.9.0.12", 5000))
    frame("0800", ip4(1, struct.pack("!BBHI", 8, 0, checksum(b"\x08\0\0\0\0\0\0\0"), 0)))
    frame("0800", ip4(132, bytes.fromhex("9c400a1a") + bytes(12)))
    frame("0800", ip4(47, bytes(8)))


def frames():
    ip = ip4(17, udp(53), dst=PEER4)
    frame("0800", ip, PEER)
    frame("81000064" "0800", ip, PEER)
    frame("88a80064" "81000065" "0800", ip, PEER)
    frame("81000064" "81000065" "81000066" "0800", ip, PEER)
    frame("88cc", b"lldp" * 5, PEER)
    frame("0020", b"\xaa\xaa\x03" + b"llc" * 6, PEER)
    frame("88b5", b"experiment", PEER)
    arp = bytes.fromhex("0001080006040001" + MAC) + V4
    frame("0806", arp + bytes(6) + PEER4, "ffffffffffff")
    frame("0806", arp + bytes(6) + V4, "ffffffffffff")
    frame("0806", arp[:10], PEER)
    frame("0806", bytes.fromhex("00060800080400010102030405060708") + bytes(20), PEER)


def hostile():
    # Through the bridge, whose hooks see frames that IP has not yet judged.
    def v4(*args, **kw):
        frame("0800", ip4(*args, dst=PEER4, **kw), PEER)

    def v6(*args, **kw):
        frame("86dd", ip6(*args, dst=V6[:15] + b"\x12", **kw), PEER)

    v4(6, tcp(22), options=b"\x01" * 8)
    v4(6, tcp(22)[:6])
    v4(6, tcp(22), total=65535)
    v4(6, tcp(22), total=10)
    v4(6, tcp(22), ihl=4)
    v4(6, tcp(22), ihl=15)
    v4(6, tcp(22, offset=2))
    v4(6, tcp(22, offset=15))
    v4(6, tcp(22), fragment=0x2000)
    v4(6, tcp(22), fragment=0x0001)
    v4(17, udp(53, length=4))
    v4(17, udp(53, length=500))
    v4(17, udp(53)[:3])
    v4(1, b"\x08")
    v4(58, b"\x80\x00" + bytes(6))
    v4(255, b"anything")
    frame("0800", ip4(6, tcp(22), dst=PEER4)[:13], PEER)
    frame("86dd", ip4(6, tcp(22), dst=PEER4), PEER)
    frame("0800", ip6(6, tcp(22)), PEER)
    v6(0, b"\x06\x00" + bytes(6) + tcp(22))
    v6(0, b"\x3c\x00" + bytes(6) + b"\x2b\x00" + bytes(6) + b"\x06\x00" + bytes(6) + tcp(22))
    v6(60, b"\x00\x00" + bytes(6) + b"\x06\x00" + bytes(6) + tcp(22))
    v6(60, (b"\x3c\x00" + bytes(6)) * 20 + tcp(22))
    v6(60, b"\x06\xff" + bytes(6) + tcp(22))
    v6(44, b"\x06\x00\x00\x01" + bytes(4) + tcp(22))
    v6(44, b"\x06\x00\x00\x08" + bytes(4) + tcp(22))
    v6(44, b"\x06\x00\x00\x00" + bytes(4) + tcp(22))
    v6(51, b"\x06\x04" + bytes(22) + tcp(22))
    v6(51, b"\x06\x00" + bytes(6) + tcp(22))
    v6(50, bytes(16))
    v6(59, b"")
    v6(17, udp(53), length=9000)
    v6(6, tcp(22), length=3)
    v6(0, b"\x06\x00\xc2\x04\x00\x01\x00\x00" + tcp(22), length=0)
    v6(58, b"\x86\x00" + bytes(14))


globals()[sys.argv[1]]()
