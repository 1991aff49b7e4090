"""What a runner needs of the lab: sockets in the network of a guest or of the
internet, one loop over all of them, and the daemon's control socket."""
import contextlib
import ctypes
import heapq
import itertools
import json
import os
import select
import socket
import time

LAB = os.environ["LAB_DIR"]
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def network(fd):
    if libc.setns(fd, CLONE_NEWNET) == -1:
        raise OSError(ctypes.get_errno(), "setns")


def holder(name):
    pid = open("%s/holders/%s" % (LAB, name)).read().strip()
    return os.open("/proc/%s/ns/net" % pid, os.O_RDONLY)


HOST = os.open("/proc/self/ns/net", os.O_RDONLY)
NETWORKS = {name: holder(name) for name in os.listdir(LAB + "/holders")}


@contextlib.contextmanager
def inside(name):
    """Sockets made here are of that guest, or of the internet."""
    network(NETWORKS[name])
    try:
        yield
    finally:
        network(HOST)


class Loop:
    """Sockets and timers.  A handler is called with the events that poll() told."""

    def __init__(self):
        self.poll, self.handlers = select.epoll(), {}
        self.timers, self.count = [], itertools.count()

    def watch(self, sock, events, handler):
        if sock.fileno() in self.handlers:
            self.poll.modify(sock.fileno(), events)
        else:
            self.poll.register(sock.fileno(), events)
        self.handlers[sock.fileno()] = handler

    def forget(self, sock):
        if sock.fileno() != -1 and self.handlers.pop(sock.fileno(), None):
            self.poll.unregister(sock.fileno())

    def after(self, seconds, call):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.count), call))

    def turn(self):
        while self.timers and self.timers[0][0] <= time.monotonic():
            heapq.heappop(self.timers)[2]()
        wait = min(self.timers[0][0] - time.monotonic(), 0.1) if self.timers else 0.1
        for fd, events in self.poll.poll(max(wait, 0)):
            if fd in self.handlers:
                self.handlers[fd](events)

    def until(self, done, seconds):
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            self.turn()
        return done()


class Control:
    """The daemon's control socket, one request at a time."""

    def __init__(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(LAB + "/run/control.sock")
        self.file, self.serial = self.sock.makefile("rb"), 0

    def ask(self, method, **params):
        self.serial += 1
        self.sock.sendall(json.dumps({"jsonrpc": "2.0", "id": self.serial, "method": method,
                                      "params": params}).encode() + b"\n")
        while True:
            answer = json.loads(self.file.readline())
            if answer.get("id") == self.serial:
                break
        if "error" in answer:
            raise RuntimeError("%s: %s" % (method, answer["error"]["message"]))
        return answer["result"]

    def domains(self, text=None):
        """All rows of Domains, or those in which the text stands, by name."""
        rows = []
        while True:
            part = self.ask("domains", offset=len(rows), limit=1000, sort="name", filter=text)
            rows += part["rows"]
            if len(part["rows"]) < 1000:
                return {row["name"]: row for row in rows}

    def hit(self, name):
        """The newest decision about a name."""
        # A filter is short, and looks at what stands in a row as it is.
        row = self.domains(name[-100:].lower()).get(name)
        return self.ask("why", id=row["last_id"]) if row else None
