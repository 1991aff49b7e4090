"""Tables of conformance rows, in files that are read as they are.

A line at the left margin names a row; what is indented below it says what is
sent and what must come of it, in order.  "#" at the start of a line is a comment.

	> TEXT      the guest sends TEXT and CRLF      >> TEXT   without the CRLF
	hello K=V   the guest sends a ClientHello, see hello.py
	hex BYTES   the guest sends these bytes
	= TEXT      the server gets TEXT and CRLF      == TEXT   without the CRLF
	=hello K=V  the server gets this ClientHello
	! TEXT      the server answers                 !! TEXT   without the CRLF
	< TEXT      the guest gets                     << TEXT   without the CRLF
	new         what follows is on another connection to a server
	close       the server ends its side after its answer
	allow REASON NAME [K=V...]   the decision that is told, and facts of it
	deny REASON NAME [K=V...]

What a guest sends behind an answer it sends when it has that answer.  Without
"=" the server must get the very bytes that the guest sent, without "<" the
guest the very bytes that the server sent.  A row with "deny" ends with the
refusal of its kind and the end of the stream, and no server gets a byte that
"=" does not name.

	port N      where the guest connects           via explicit   to the proxy's own port
	refuse K    page, head (a page without its body), bad (a 502), alert, end, cut
	cut K       all (whole, byte by byte, and in two at every place), few, whole
	dns, ask, raw, answer, over   see dns.py
	shut        the guest ends its side once it has sent everything
	upto        a server may also get only the beginning of what "=" says
	stall       the guest sends nothing more and waits

"table K V" sets such a thing for all rows below it.  In texts "@" is a number
that no other connection has, {N*x} is x N times, and \\0 \\r \\n \\t \\s \\xHH
are bytes.  A NAME of - is none.
"""
import re

import hello


class Wrong(Exception):
    pass


class Bytes:
    """Bytes that are known once the number in them is: texts, and hellos to be built."""

    def __init__(self):
        self.parts = []

    def add(self, part):
        self.parts.append(part)
        return self

    def fill(self, tag):
        out = b""
        for part in self.parts:
            out += hello.build({key: value.replace(TAG, tag) for key, value in part.items()}) \
                if isinstance(part, dict) else part.replace(TAG, tag)
        return out

    def __len__(self):
        return len(self.fill(TAG))


class Phase:
    """What the guest sends at once, and what it must get before it goes on."""

    def __init__(self):
        self.send, self.server, self.answers, self.gets = Bytes(), False, Bytes(), None
        self.denied = None


class Row:
    def __init__(self, name, where, settings):
        self.name, self.where = name, where
        self.settings = dict(settings)
        self.phases = [Phase()]
        self.servers = []       # connections: lists of [gets, answer, closes]
        self.verdicts = []      # (verdict, reason, name, facts)
        self.new_server = True
        self.asks, self.answers = [], []    # of dns.py

    def step(self):
        """The server's step that a line goes to."""
        if self.new_server:
            self.servers.append([])
            self.new_server = False
        steps = self.servers[-1]
        if not steps:
            steps.append([None, Bytes(), False])
        return steps[-1]

    def __repr__(self):
        return "%s: %s" % (self.where, self.name)


ESCAPES = {"0": "\0", "r": "\r", "n": "\n", "t": "\t", "s": " ", "\\": "\\"}


# Stands for the number until it is known; as long as that.
TAG = b"@" * 7


def text(s):
    """A text of a table as the bytes it stands for."""
    s = s.replace("@", TAG.decode())
    s = re.sub(r"\{(\d+)\*([^}]*)\}", lambda m: m.group(2) * int(m.group(1)), s)
    s = re.sub(r"\\(x[0-9a-fA-F]{2}|.)",
               lambda m: chr(int(m.group(1)[1:], 16)) if len(m.group(1)) > 1 else ESCAPES[m.group(1)], s)
    return s.encode("latin-1")


def guest_part(word, rest):
    if word == ">":
        return text(rest) + b"\r\n"
    if word == ">>":
        return text(rest)
    if word == "hex":
        return bytes.fromhex(rest)
    return {key: text(value) for key, value in (p.partition("=")[::2] for p in rest.split())}


def line_bytes(word, rest):
    return text(rest) + (b"\r\n" if len(word) == 1 else b"")


def add(row, word, rest):
    phase = row.phases[-1]
    if word in (">", ">>", "hex", "hello"):
        if phase.server or len(phase.answers) or phase.gets is not None:
            phase = Phase()
            row.phases.append(phase)
        phase.send.add(guest_part(word, rest))
    elif word in ("=", "==", "=hello"):
        step = row.step()
        if len(step[1]) or step[2]:
            step = [None, Bytes(), False]
            row.servers[-1].append(step)
        step[0] = (step[0] or Bytes()).add(
            guest_part("hello", rest) if word == "=hello" else line_bytes(word, rest))
        phase.server = True
    elif word in ("!", "!!"):
        step = row.step()
        if not phase.server and (len(step[1]) or step[0] is None):
            # The first answer to what this phase sent as it is.
            if len(step[1]):
                step = [None, Bytes(), False]
                row.servers[-1].append(step)
            step[0] = phase.send
        phase.server = True
        step[1].add(line_bytes(word, rest))
        phase.answers.add(line_bytes(word, rest))
    elif word in ("<", "<<"):
        phase.gets = (phase.gets or Bytes()).add(line_bytes(word, rest))
    elif word == "new":
        row.new_server = True
    elif word == "close":
        row.step()[2] = True
    elif word in ("allow", "deny"):
        reason, name, *facts = rest.split()
        row.verdicts.append((word, reason, b"" if name == "-" else text(name),
                             dict(f.split("=", 1) for f in facts)))
        if word == "deny":
            phase.denied = reason
    elif word == "dns":
        row.settings.setdefault("dns", []).append(rest)
    elif word == "ask":
        kind, asked, *options = rest.split()
        row.asks.append((kind, text(asked), dict(o.split("=", 1) for o in options)))
    elif word == "raw":
        row.asks.append(("hex", text(rest), {}))
    elif word == "answer":
        row.answers.append(rest)
    elif word in ("port", "via", "refuse", "cut", "shut", "stall", "upto", "over"):
        row.settings[word] = rest or True
    else:
        raise Wrong("%s: no such word: %s" % (row.where, word))


def complete(row):
    """What is let through without a word on servers reaches one, which says nothing."""
    if not row.verdicts and not row.answers:
        raise Wrong("%s: no verdict" % row)
    if row.verdicts and row.verdicts[-1][0] == "allow" and not row.servers:
        row.servers.append([[row.phases[0].send, Bytes(), False]])
    return row


def read(path):
    rows, row, settings = [], None, {}
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("table "):
            _, key, value = line.split(None, 2)
            settings[key] = value
        elif not line[0].isspace():
            if row:
                rows.append(complete(row))
            row = Row(line, "%s:%d" % (path.rsplit("/", 1)[-1], number), settings)
        else:
            word, _, rest = line.strip("\t").partition(" ")
            add(row, word, rest)
    return rows + [complete(row)]
