"""Plays a row over real sockets: a guest that says what the row says, cut as
told, and servers that answer, each of which remembers what it got."""
import errno
import re
import select
import socket

from lab import inside
from table import TAG, Bytes

READ, WRITE = select.EPOLLIN | select.EPOLLRDHUP, select.EPOLLOUT
NUMBER = re.compile(rb"(?<![0-9])[0-9]{7}(?![0-9])")
PACE = 0.004            # between two pieces
PACE_BYTES = 0.001      # between two bytes
DEADLINE = 90           # seconds for one connection

ADDRESS = {4: "203.0.113.9", 6: "2001:db8::9"}
PROXY = {4: "10.77.0.1", 6: "fd77::1"}


def pieces(data, cut):
    """data in the pieces that a cut makes of it: None, "bytes", or a place."""
    if cut is None or not data:
        return [data] if data else []
    if cut == "bytes":
        return [data[i:i + 1] for i in range(len(data))]
    return [p for p in (data[:cut], data[cut:]) if p]


def message(data):
    """What a ClientHello says, without the heads of the records it comes in."""
    out, at = b"", 0
    while data[at:at + 2] == b"\x16\x03":
        size = int.from_bytes(data[at + 3:at + 5], "big")
        out += data[at + 5:at + 5 + size]
        at += 5 + size
    return out or data


class Talker:
    """One end of a connection that sends piece by piece."""

    def __init__(self, loop, sock):
        self.loop, self.sock, self.got = loop, sock, b""
        self.queue, self.sending, self.eof, self.reset = [], False, False, False
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(self, data, cut):
        # However many bytes there are, they come in time.
        self.pace = min(PACE_BYTES, 1 / (len(data) or 1)) if cut == "bytes" else PACE
        self.queue += pieces(data, cut)
        if not self.sending:
            self.next_piece()

    def next_piece(self):
        self.sending = bool(self.queue) and self.sock is not None and not self.eof
        if not self.sending:
            self.said()
            return
        data = self.queue.pop(0)
        try:
            sent = self.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.queue.clear()
            sent = len(data)
        if sent < len(data):
            self.queue.insert(0, data[sent:])
        self.loop.after(self.pace if self.queue else 0, self.next_piece)

    def said(self):
        pass

    def read(self):
        """True: something came, be it the end."""
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError as e:
            self.reset, data = e.errno == errno.ECONNRESET, b""
        self.got += data
        self.eof = not data
        return True

    def close(self):
        if self.sock is not None:
            self.loop.forget(self.sock)
            self.sock.close()
            self.sock = None


class Play(Talker):
    """A row being played by a guest."""

    def __init__(self, loop, row, tag, guest, family=4, cut=None, answer_cut=None):
        self.row, self.tag, self.cut, self.answer_cut = row, b"%07d" % tag, cut, answer_cut
        self.servers, self.phase, self.done, self.wrong = [], -1, False, None
        explicit = row.settings.get("via") == "explicit"
        port = 3128 if explicit else int(row.settings.get("port", 80))
        with inside(guest):
            sock = socket.socket(socket.AF_INET if family == 4 else socket.AF_INET6)
        super().__init__(loop, sock)
        self.place = self.offsets()
        try:
            sock.connect(((PROXY if explicit else ADDRESS)[family], port))
        except BlockingIOError:
            pass
        loop.watch(sock, WRITE, self.connected)
        loop.after(DEADLINE, self.late)

    def how(self):
        if self.cut is None and self.answer_cut is None:
            return "whole"
        which = " of the answer" if self.cut is None else ""
        cut = self.answer_cut if self.cut is None else self.cut
        return "byte by byte" + which if cut == "bytes" else "cut at byte %d%s" % (cut, which)

    def fill(self, data):
        """Bytes of a table, with the number of this play."""
        return data.replace(TAG, self.tag) if isinstance(data, bytes) else data.fill(self.tag)

    def offsets(self):
        """A cut counts the bytes of all phases."""
        out, at = [], 0
        for phase in self.row.phases:
            size = len(phase.send)
            inside_it = isinstance(self.cut, int) and at < self.cut < at + size
            out.append(self.cut - at if inside_it else "bytes" if self.cut == "bytes" else None)
            at += size
        return out

    def connected(self, events):
        error = self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            self.finish("cannot connect: errno %d" % error)
            return
        self.loop.watch(self.sock, READ, self.readable)
        self.next_phase()

    def next_phase(self):
        self.phase += 1
        self.got_before = len(self.got)
        self.say(self.fill(self.row.phases[self.phase].send), self.place[self.phase])

    def said(self):
        if self.row.settings.get("shut") and self.phase == len(self.row.phases) - 1 and not self.eof:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
        self.look()

    def wanted(self):
        """What the guest must get in this phase."""
        phase = self.row.phases[self.phase]
        return self.fill(phase.answers if phase.gets is None else phase.gets)

    def ends(self):
        """The proxy ends the connection, not the guest."""
        return self.row.phases[-1].denied or self.row.settings.get("refuse") in ("bad", "cut")

    def readable(self, events):
        while not self.eof and self.read():
            pass
        self.look()

    def look(self):
        """Is this phase over, and with it the row?"""
        if self.done or self.sock is None or self.sending:
            return
        last = self.phase == len(self.row.phases) - 1
        if self.eof:
            self.finish(None if last else "the connection ended before all was sent")
        elif last and self.ends():
            return      # the end of the stream is still to come
        elif len(self.got) - self.got_before >= len(self.wanted()):
            if not last:
                self.next_phase()
            elif all(s.complete() for s in self.servers) and len(self.servers) >= len(self.row.servers):
                self.finish(None)

    def late(self):
        if not self.done:
            self.finish("nothing more came within %d s" % DEADLINE)

    def finish(self, wrong):
        self.wrong, self.done = self.wrong or wrong, True
        self.close()


class Server(Talker):
    """A connection that the proxy made; which row it belongs to its bytes tell."""

    def __init__(self, loop, sock, plays):
        super().__init__(loop, sock)
        self.plays, self.play, self.steps, self.step, self.taken = plays, None, [], 0, 0
        loop.watch(sock, READ, self.readable)
        self.readable(0)

    def complete(self):
        return self.step >= len(self.steps) and not self.sending and not self.queue

    def find(self):
        match = NUMBER.search(message(self.got))
        if self.play or not match:
            return
        self.play = self.plays.get(match.group())
        if self.play:
            scripts = self.play.row.servers
            if len(self.play.servers) < len(scripts):
                self.steps = [(self.play.fill(gets or Bytes()), self.play.fill(answer), closes)
                              for gets, answer, closes in scripts[len(self.play.servers)]]
            self.play.servers.append(self)

    def readable(self, events):
        while self.sock is not None and not self.eof and self.read():
            pass
        self.find()
        self.advance()
        if self.eof:
            self.close()
            if self.play:
                self.play.look()

    def advance(self):
        if self.sending or self.step >= len(self.steps):
            return
        gets, answer, _ = self.steps[self.step]
        if len(self.got) - self.taken >= len(gets):
            self.taken += len(gets)
            self.say(answer, self.play.answer_cut)

    def said(self):
        closes = self.steps[self.step][2]
        self.step += 1
        if closes and self.sock is not None:
            self.sock.shutdown(socket.SHUT_WR)
        self.advance()
        self.play.look()


class Internet:
    """Servers behind every name: what reaches 198.18.9.9 comes to these."""

    def __init__(self, loop, plays):
        self.loop, self.plays, self.all = loop, plays, []
        for port in (8080, 8443, 8999):
            with inside("internet"):
                sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("", port))
            sock.listen(1024)
            sock.setblocking(False)
            loop.watch(sock, select.EPOLLIN, lambda events, sock=sock: self.accept(sock))

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except BlockingIOError:
                return
            self.all.append(Server(self.loop, sock, self.plays))
