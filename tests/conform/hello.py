"""ClientHellos (RFC 8446 section 4.1.2), honest and otherwise.

	sni=NAME       a server_name; sni2= a second name in its list
	again=NAME     a second server_name extension
	type=N         the type of the name, where 0 is a host's
	tail=BYTES     inside server_name, behind its list
	behind=BYTES   behind the extensions
	alpn=A,B       tls=1.3|1.2  in supported_versions
	ech=N          an encrypted_client_hello of N bytes
	share=N        a key share of N bytes, as a post-quantum one of 1216
	pad=N          a padding extension of N bytes
	records=N      records of at most N bytes
	plain=1        no extensions at all
	version=HHHH   of the hello; record=HHHH of its records
	claim=N        the message says it is N bytes longer than it is
"""


def vector(size, body):
    return len(body).to_bytes(size, "big") + body


def extension(number, body):
    return number.to_bytes(2, "big") + vector(2, body)


def host(kind, name):
    return bytes([kind]) + vector(2, name)


def server_name(spec):
    names = host(int(spec.get("type", b"0")), spec["sni"])
    if "sni2" in spec:
        names += host(0, spec["sni2"])
    return extension(0, vector(2, names) + spec.get("tail", b""))


def extensions(spec):
    out = b""
    if "sni" in spec:
        out += server_name(spec)
    if "again" in spec:
        out += extension(0, vector(2, host(0, spec["again"])))
    if "alpn" in spec:
        out += extension(16, vector(2, b"".join(vector(1, p) for p in spec["alpn"].split(b","))))
    if "tls" in spec:
        offered = {b"1.3": b"\x03\x04\x03\x03", b"1.2": b"\x03\x03"}[spec["tls"]]
        out += extension(43, vector(1, b"\x0a\x0a" + offered))
    for key, number in (("ech", 0xfe0d), ("share", 51), ("pad", 21)):
        if key in spec:
            out += extension(number, b"\x5a" * int(spec[key]))
    return out


def build(spec):
    body = bytes.fromhex(spec.get("version", b"0303").decode()) + b"\xab" * 32
    body += vector(1, b"") + vector(2, b"\x13\x01\xc0\x2f") + vector(1, b"\0")
    if "plain" not in spec:
        body += vector(2, extensions(spec))
    body += spec.get("behind", b"")
    message = b"\x01" + (len(body) + int(spec.get("claim", b"0"))).to_bytes(3, "big") + body
    size = int(spec.get("records", b"16384"))
    record = b"\x16" + bytes.fromhex(spec.get("record", b"0301").decode())
    return b"".join(record + vector(2, message[at:at + size]) for at in range(0, len(message), size))
