"""A console in a terminal of a fixed size, and what it is told by an engine.

A Terminal is a tmux server of its own with one window.  Nothing here waits for
a time: it polls the screen until it is as expected or a deadline has passed.
"""
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
DEADLINE = 30


class Failed(Exception):
    pass


def until(what, probe, deadline=DEADLINE):
    """Calls probe until it gives something true, and returns that."""
    end = time.monotonic() + deadline
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(what() if callable(what) else what)
        time.sleep(0.03)


def looks(text):
    """What tmux captured with -e, in one form: {bold in117} where a look begins.

    tmux writes one and the same screen in several ways, by what was on it before."""
    look, lines = [], []
    for line in text.split("\n"):
        cells = []
        for part in re.split("(\x1b\\[[0-9;:]*m)", line):
            if part.startswith("\x1b"):
                look = change(look, part[2:-1].split(";"))
            else:
                cells += [(character, look) for character in part]
        # Spaces at the end are seen only if they have a ground.
        while cells and cells[-1][0] == " " and not re.search("on|reverse", " ".join(cells[-1][1])):
            cells.pop()
        out, before = "", []
        for character, look_here in cells:
            if look_here != before:
                out += "{%s}" % " ".join(look_here)
                before = look_here
            out += character
        lines.append(out)
    return "\n".join(lines)


def change(look, codes):
    """The look after a Select Graphic Rendition sequence, ECMA-48 8.3.117."""
    names = {"1": "bold", "2": "dim", "4": "underline", "7": "reverse"}
    look = list(look)
    while codes:
        code = codes.pop(0)
        if code in ("", "0"):
            look = []
        elif code in names:
            look.append(names[code])
        else:
            ground = "on" if code[0] == "4" or code.startswith("10") else "in"
            look = [word for word in look if not word.startswith(ground)]
            if code in ("38", "48"):
                codes.pop(0)
                look.append(ground + codes.pop(0))
            elif code not in ("39", "49"):
                look.append(ground + "-" + code)
    return sorted(set(look))


class Engine:
    """A fake engine on a socket, started anew from a fixture."""

    def __init__(self, directory, fixture="fixture.json"):
        self.path = os.path.join(directory, "control.sock")
        self.fixture = os.path.join(HERE, fixture)
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen([os.path.join(HERE, "fake-engine"), self.path,
                                         self.fixture])
        until("the fake engine does not start", self.answers)

    def answers(self):
        try:
            return self.call("fake.calls") is not None
        except OSError:
            return False

    def call(self, method, params=None):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(self.path)
            sock.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method,
                                     "params": params or {}}).encode() + b"\n")
            return json.loads(sock.makefile().readline()).get("result")

    def calls(self, method):
        return self.call("fake.calls").count(method)

    def kill(self):
        self.process.kill()
        self.process.wait()


class Terminal:
    def __init__(self, command, size="120x40", term="tmux-256color", env=None):
        self.directory = tempfile.mkdtemp(prefix="console.")
        self.socket = os.path.join(self.directory, "tmux")
        self.engine = Engine(self.directory)
        words = {"TERM": term, "TZ": "UTC", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
                 "PATH": os.environ["PATH"], "HOME": self.directory,
                 "ASAN_OPTIONS": "log_path=%s/asan" % self.directory}
        words.update(env or {})
        inner = "exec env -i %s %s" % (
            " ".join("%s='%s'" % pair for pair in words.items()),
            command.replace("SOCKET", self.engine.path))
        columns, rows = size.split("x")
        self.tmux("start-server", ";", "set-option", "-g", "remain-on-exit", "on", ";",
                  "set-option", "-g", "status", "off", ";",
                  "new-session", "-d", "-x", columns, "-y", rows, inner, ";",
                  "resize-window", "-x", columns, "-y", rows)

    def tmux(self, *words):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TMUX")}
        environment.update(LC_ALL="C.UTF-8", TERM="xterm-256color")
        done = subprocess.run(["tmux", "-f", "/dev/null", "-S", self.socket, "-u", *words],
                              env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed("tmux %s: %s" % (words[0], done.stderr.strip()))
        return done.stdout

    def screen(self, colour=False):
        text = self.tmux("capture-pane", "-p", *(["-e"] if colour else []))
        if colour:
            text = looks(text)
        return "\n".join(line.rstrip() for line in text.split("\n")).rstrip("\n") + "\n"

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def shows(self, *texts):
        until(lambda: "the screen does not show %r:\n%s" % (texts, self.screen()),
              lambda: all(text in self.screen() for text in texts))

    def hides(self, *texts):
        until(lambda: "the screen still shows one of %r:\n%s" % (texts, self.screen()),
              lambda: not any(text in self.screen() for text in texts))

    def format(self, what):
        return self.tmux("display-message", "-p", "#{%s}" % what).strip()

    def close(self):
        try:
            self.tmux("kill-server")
        except Failed:
            pass
        self.engine.kill()
        complaints = [f for f in os.listdir(self.directory) if f.startswith("asan")]
        text = "".join(open(os.path.join(self.directory, f)).read() for f in complaints)
        shutil.rmtree(self.directory, ignore_errors=True)
        if text:
            raise Failed("the sanitizer complains:\n" + text)
