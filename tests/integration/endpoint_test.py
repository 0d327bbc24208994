#!/usr/bin/env python3
# endpoint_test.py - participants that are HTTP endpoints, good ones and bad ones: an HTTP server in this
# program answers as each case demands, and endpoint_probe delivers commands to it. Prints TAP.
#
# The cases run side by side, each with a store and a server of its own.
import concurrent.futures
import hashlib
import hmac
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback

PROBE = os.environ["ENDPOINT_PROBE"]
FACTUM = os.environ.get("FACTUM", "")  # empty: no server is running
WAIT = 60  # seconds for things that should happen at once; a busy machine may need them
work = tempfile.mkdtemp(prefix="factum-endpoint.")
SECRET = "canary-0123456789"


class Failure(Exception):
    pass


def check(condition, *what):
    if not condition:
        raise Failure(*what)


def wait_for(condition, what, seconds=WAIT):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Failure("does not happen: " + what)


# ---- the endpoint ---------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = {"path": self.path, "headers": self.headers, "body": body,
                   "id": json.loads(body)["id"], "at": time.monotonic()}
        site = self.server.site
        with site.lock:
            site.requests.append(request)
            number = sum(1 for r in site.requests if r["id"] == request["id"])
        try:
            site.answer(self, request, number)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def do_GET(self):
        self.server.site.others.append(self.path)
        self.send_error(500)

    def say(self, status, body=b"", **headers):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Quiet(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass


class Site:
    """A server whose |answer| each case gives."""

    def __init__(self, answer=None, address="127.0.0.1", context=None):
        self.lock = threading.Lock()
        self.requests = []
        self.others = []
        self.answer = answer or (lambda h, r, n: h.say(200, {"type": "Done", "data": {"id": r["id"]}}))
        self.server = Quiet((address, 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.site = self
        self.port = self.server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/in"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def ids(self):
        with self.lock:
            return [r["id"] for r in self.requests]


# ---- the host -------------------------------------------------------------------------------------


class Host:
    def __init__(self, name, *options, fresh=True):
        self.name = name
        self.options = options
        self.dir = os.path.join(work, name)
        os.makedirs(self.dir, exist_ok=True)
        self.start()

    def start(self):
        self.log = open(os.path.join(self.dir, "log"), "ab")
        self.process = subprocess.Popen(
            [PROBE, os.path.join(self.dir, "store"), os.path.join(self.dir, "models"), *self.options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.read()

    def read(self):
        lines = []
        while True:
            line = self.process.stdout.readline()
            if line == "":
                raise Failure("the host has ended", self.said())
            line = line.rstrip("\n")
            if line == ".":
                return lines
            if line.startswith("! "):
                raise Failure(line[2:])
            lines.append(line)

    def ask(self, *words):
        self.process.stdin.write("\t".join(str(w) for w in words) + "\n")
        self.process.stdin.flush()
        return [line.split("\t") for line in self.read()]

    def refused(self, *words):
        try:
            self.ask(*words)
        except Failure as failure:
            return str(failure.args[0])
        raise Failure("is not refused", words)

    def status(self, service="stock"):
        """The state of the service: disabled, waiting, parked, delivered, problem; zeros while it is unknown."""
        rows = [row for row in self.ask("status") if row[0] == service]
        return rows[0][1:] if rows else ["0", "0", "0", "0", ""]

    def said(self):
        with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as log:
            return log.read()

    def command(self, key, number, service="stock", undoes=None, kind="do"):
        command_id = f"saga:o-{key}/{service}_s{number}/{kind}/1"
        words = [f"command:{service}-o-{key}", f"{service}.Go", command_id, json.dumps({"n": number})]
        self.ask("command", *words, *([undoes] if undoes else []))
        return command_id

    def replies(self, command_id):
        """The events that are caused by the command."""
        return [e for e in self.ask("events", "") if json.loads(e[3] or "{}").get("$causationId")
                == command_id]

    def reply(self, command_id):
        return wait_for(lambda: self.replies(command_id), f"a reply to {command_id}")[0]

    def parked(self, count=1):
        return wait_for(lambda: (lambda p: p if len(p) == count else None)(self.ask("parked")),
                        f"{count} parked commands")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        self.process.stdin.close()
        code = self.process.wait(WAIT)
        check(code == 0, "the host ends with", code, self.said())


cases = []


def case(function):
    cases.append(function)
    return function


# ---- good answers ---------------------------------------------------------------------------------


@case
def a_command_is_delivered_and_its_answer_is_the_reply():
    site = Site(lambda h, r, n: h.say(200, {"type": "StockReserved", "data": {"q": 1.50},
                                            "stream": "stock-7"}))
    host = Host("good", "allow=" + site.host, "secret=shared:" + SECRET)
    host.ask("deploy", "stock", site.url, "shared")
    command = host.command("1", 1)
    reply = host.reply(command)
    check(reply[0] == "stock-7" and reply[1] == "StockReserved" and reply[2] == '{"q": 1.5}', reply)
    meta = json.loads(reply[3])
    check(meta["$sagaId"] == "o-1" and meta["$correlationId"] == "c-1" and reply[4] == command, reply)
    request = site.requests[0]
    headers, body = request["headers"], json.loads(request["body"])
    check(body["specversion"] == "1.0" and body["type"] == "stock.Go" and body["data"] == {"n": 1}, body)
    check(body["source"] == "/factum/command/stock" and body["subject"] == "o-1", body)
    check(headers["Content-Type"] == "application/cloudevents+json; charset=UTF-8", headers)
    check(headers["Idempotency-Key"] == command, headers)
    trace = headers["traceparent"]
    check(trace[:36] == body["traceparent"][:36] and trace != body["traceparent"], trace)
    check(meta["traceparent"] == trace, meta)
    stamp, sum_ = headers["Factum-Signature"].split(",v1=")
    check(stamp.startswith("t=") and abs(int(stamp[2:]) - time.time()) < 60, stamp)
    wanted = hmac.new(SECRET.encode(), stamp[2:].encode() + b"." + request["body"], hashlib.sha256)
    check(hmac.compare_digest(sum_, wanted.hexdigest()), "signature")
    # A command that is answered is not delivered again, nor one of a service without an endpoint.
    host.ask("command", "command:stock-o-1", "stock.Go", command, "{}")
    host.command("1", 1, "other")
    last = host.command("1", 2)
    host.reply(last)
    check(site.ids() == [command, last], site.ids())
    # The secret appears only in the configuration.
    shown = json.dumps([host.ask("list"), host.ask("status"), host.ask("events", "")]) + host.said()
    check(SECRET not in shown and "shared" in shown, "secret")
    host.stop()
    for folder, _, files in os.walk(host.dir):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                check(SECRET.encode() not in file.read(), "the secret is in", name)


@case
def an_answer_may_come_later():
    site = Site(lambda h, r, n: h.say(202))
    host = Host("later", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    first = host.command("1", 1)
    wait_for(lambda: host.status()[3] == "1", "delivered")
    # Silence: the saga sends it again, so it is delivered again.
    host.ask("command", "command:stock-o-1", "stock.Go", first, "{}")
    wait_for(lambda: len(site.ids()) == 2, "the second delivery")
    wait_for(lambda: host.status()[3] == "1", "delivered")
    host.ask("append", "stock-1", "Reserved", first, first)
    host.ask("command", "command:stock-o-1", "stock.Go", first, "{}")
    second = host.command("1", 2)  # the key is not held up by a command that waits for its answer
    wait_for(lambda: second in site.ids(), "the next command")
    check(site.ids() == [first, first, second], site.ids())
    host.stop()


@case
def a_refusal_is_a_failed_command():
    site = Site(lambda h, r, n: h.say(422, {"code": "out_of_stock", "text": "none left"}))
    host = Host("refusal", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    reply = host.reply(host.command("1", 1))
    check(reply[0] == "command:stock-o-1" and reply[1] == "CommandFailed", reply)
    check(json.loads(reply[2]) == {"code": "out_of_stock", "text": "none left"}, reply)
    host.stop()


# ---- bad endpoints --------------------------------------------------------------------------------


@case
def an_endpoint_that_fails_for_long_is_parked_and_others_go_on():
    bad = Site(lambda h, r, n: h.say(500) if "o-bad" in r["id"] else h.say(200, {"type": "Done"}))
    good = Site()
    host = Host("long", "allow=" + bad.host, "allow=" + good.host, "first=20", "last=100", "give_up=3000")
    host.ask("deploy", "stock", bad.url)
    host.ask("deploy", "pay", good.url)
    first, second = host.command("bad", 1), host.command("bad", 2)
    other_key, other_service = host.command("fine", 1), host.command("bad", 1, "pay")
    host.reply(other_key)
    host.reply(other_service)
    row = host.parked()[0]
    check(row[2] == first and int(row[3]) > 1 and row[4] == "1", row)
    check("500" in row[5] and "given up" in row[5], row)
    check(second not in bad.ids() and not host.replies(first), "order")
    # DL-05: parked commands are delivered again before what came later, while others come.
    bad.answer = lambda h, r, n: h.say(200, {"type": "Done"})
    third = host.command("bad", 3)
    check(host.ask("retry")[0][0] == "1", "retry")
    fourth = host.command("bad", 4)
    for command in (first, second, third, fourth):
        host.reply(command)
    order = [i for i in bad.ids() if "o-bad" in i]
    check(list(dict.fromkeys(order)) == [first, second, third, fourth], order)
    check(host.status()[4] == "", host.status())
    host.stop()


@case
def a_parked_command_can_be_skipped():
    site = Site(lambda h, r, n: h.say(400) if "_s1/" in r["id"] else h.say(200, {"type": "Done"}))
    host = Host("skip", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    first, second = host.command("1", 1), host.command("1", 2)
    row = host.parked()[0]
    check(row[2] == first and row[4] == "0", row)
    check("NOT_FOUND" in host.refused("skip", "1", "x"), "skip")
    host.ask("skip", row[0], "of no use")
    check(json.loads(host.reply(first)[2]) == {"code": "skipped", "text": "of no use"}, "skipped")
    host.reply(second)
    check(host.ask("parked") == [], "parked")
    # A command that may have been done is not reported as failed.
    site.answer = lambda h, r, n: h.say(200, b"no json")
    third = host.command("1", 3)
    row = host.parked()[0]
    check(row[4] == "1" and "JSON" in row[5], row)
    host.ask("skip", row[0], "unknown")
    check(host.ask("parked") == [] and host.replies(third) == [], "silence")
    host.stop()


@case
def gone_disables_the_endpoint_until_it_is_enabled():
    site = Site(lambda h, r, n: h.say(410))
    host = Host("gone", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    command = host.command("1", 1)
    wait_for(lambda: host.status()[0] == "1", "disabled")
    check(host.ask("list")[0][3] == "1" and "410" in host.ask("list")[0][5], host.ask("list"))
    check(any(e[1] == "$EndpointDisabled" for e in host.ask("events", "$definition:")), "event")
    count = len(site.ids())
    second = host.command("2", 1)
    time.sleep(1.5)
    check(len(site.ids()) == count and host.status()[1] == "2", "they wait")
    site.answer = lambda h, r, n: h.say(200, {"type": "Done"})
    host.ask("act", "stock", "1")
    host.reply(command)
    host.reply(second)
    host.ask("act", "stock", "3")
    check("NOT_FOUND" in host.refused("act", "stock", "1"), "removed")
    third = host.command("3", 1)
    time.sleep(0.5)
    check(third not in site.ids() and host.ask("status") == [], "removed")
    # A forgotten command is delivered when it is sent again and the service has an endpoint again.
    host.ask("deploy", "stock", site.url)
    host.ask("act", "stock", "2")
    fourth = host.command("4", 1)
    wait_for(lambda: host.status()[1] == "1", "it waits")
    host.ask("act", "stock", "3")
    host.ask("deploy", "stock", site.url)
    host.ask("command", "command:stock-o-4", "stock.Go", fourth, "{}")
    host.reply(fourth)
    host.stop()


@case
def retry_after_is_honoured():
    later = lambda: time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 3))
    answers = {"1": (429, lambda: "2"), "2": (503, later)}

    def answer(h, r, n):
        status, value = answers[r["id"].split("-")[1][0]]
        h.say(status, Retry_After=value()) if n == 1 else h.say(200, {"type": "Done"})

    sites = [Site(answer), Site(answer)]
    host = Host("after", "allow=" + sites[0].host, "allow=" + sites[1].host, "first=1", "last=2")
    host.ask("deploy", "stock", sites[0].url)
    host.ask("deploy", "pay", sites[1].url)
    commands = [host.command("1", 1), host.command("2", 1, "pay")]
    for command, site in zip(commands, sites):
        host.reply(command)
        check(len(site.requests) == 2, site.ids())
        check(site.requests[1]["at"] - site.requests[0]["at"] > 1.9, "too early")
    host.stop()


@case
def a_slow_answer_is_cut_off():
    others_go_on = threading.Event()

    def answer(h, r, n):
        others_go_on.wait(50)
        h.send_response(200)
        h.send_header("Content-Length", "1000")
        h.end_headers()
        for _ in range(1000):
            h.wfile.write(b" ")
            h.wfile.flush()
            time.sleep(1)

    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    site, other = Site(answer), Site()
    mute = f"127.0.0.1:{silent.getsockname()[1]}"
    host = Host("slow", "allow=" + site.host, "allow=" + other.host, "allow=" + mute, "attempts=1")
    host.ask("deploy", "stock", site.url, "", "60000")
    host.ask("deploy", "pay", other.url)
    host.ask("deploy", "mute", f"http://{mute}/", "", "700")
    host.command("1", 1)
    host.command("1", 1, "mute")
    host.reply(host.command("1", 1, "pay"))  # while the answer of stock has not begun
    check("stock" not in [row[1] for row in host.ask("parked")], "others wait")
    others_go_on.set()
    began = time.monotonic()
    rows = {row[1]: row for row in host.parked(2)}
    check(time.monotonic() - began < 55, "not cut off")
    check("too slowly" in rows["stock"][5] and rows["stock"][4] == "1", rows)
    check("imed out" in rows["mute"][5] or "imeout" in rows["mute"][5], rows)
    host.stop()


@case
def an_answer_that_is_too_big_or_no_answer_is_parked():
    bodies = {"big": b'{"type":"A","data":"' + b"x" * 70000 + b'"}', "list": b"[]", "cut": b'{"type":',
              "saga": b'{"type":"SagaDone","stream":"saga:o-1"}', "sys": b'{"type":"$Evil"}'}
    site = Site(lambda h, r, n: h.say(200, bodies[r["id"].split("-")[1].split("/")[0]]))
    host = Host("wrong", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    commands = {key: host.command(key, 1) for key in bodies}
    rows = {row[2]: row[5] for row in host.parked(len(bodies))}
    check("bigger" in rows[commands["big"]] and "JSON" in rows[commands["cut"]], rows)
    check("type" in rows[commands["list"]] and "saga:o-1" in rows[commands["saga"]], rows)
    check(len(host.ask("events", "saga:")) == 0 and len(site.ids()) == len(bodies), "nothing written")
    host.stop()


@case
def a_redirect_is_not_followed():
    target = Site()
    site = Site(lambda h, r, n: h.say(int(r["id"].split("-")[1][:3]), Location=target.url))
    host = Host("redirect", "allow=" + site.host, "allow=" + target.host)
    host.ask("deploy", "stock", site.url)
    for status in ("301", "302", "307", "308"):
        host.command(status, 1)
    rows = host.parked(4)
    check(all(target.url in row[5] and row[4] == "0" for row in rows), rows)
    check(target.requests == [] and target.others == [], "followed")
    host.stop()


# ---- where nothing may go -------------------------------------------------------------------------


def never_called(name, url, *options, reason=""):
    host = Host(name, "attempts=1", *options)
    host.ask("deploy", "stock", url)
    host.command("1", 1)
    row = host.parked()[0]
    check(row[4] == "0", "it counts as perhaps done", row)
    check(reason in row[5], row)
    host.stop()


@case
def nothing_is_called_that_is_not_listed():
    site = Site()
    never_called("unlisted", site.url, reason="not on the list")
    never_called("port", site.url, "allow=127.0.0.1", reason="not on the list")
    never_called("named", f"http://localhost:{site.port}/", f"allow=localhost:{site.port}",
                 reason="loopback")
    never_called("any", f"http://0.0.0.0:{site.port}/", "private", f"allow=*.example.com:{site.port}",
                 reason="not on the list")
    check(site.requests == [], "called")


@case
def an_address_that_is_not_public_is_refused_when_it_is_connected_to():
    site = Site()
    addresses = {"loop": ("127.0.0.1", "loopback"), "loop6": ("::1", "loopback"),
                 "mapped": ("::ffff:127.0.0.1", "loopback"), "zero": ("0.0.0.0", "reserved"),
                 "private": ("10.1.2.3", "private"), "meta": ("169.254.169.254", "reserved"),
                 "link": ("fe80::1", "reserved"), "nat64": ("64:ff9b::7f00:1", "loopback"),
                 "local": ("fd00::1", "private")}
    host = Host("ssrf", "attempts=1", f"allow=*.in.test:{site.port}",
                *[f"resolve={name}.in.test:{address}"
                  for name, (address, _) in addresses.items()])
    for name in addresses:
        host.ask("deploy", name, f"http://{name}.in.test:{site.port}/")
        host.command("1", 1, name)
    rows = {row[1]: row for row in host.parked(len(addresses))}
    for name, (address, reason) in addresses.items():
        check(reason in rows[name][5] and address in rows[name][5] and rows[name][4] == "0", rows[name])
    check(site.requests == [], "called")
    host.stop()
    # allow_private lets names be loopback and private addresses, and nothing more.
    host = Host("private", "private", "attempts=1", f"allow=*.in.test:{site.port}",
                "resolve=loop.in.test:127.0.0.1", "resolve=meta.in.test:169.254.169.254",
                "resolve=mapped.in.test:::ffff:169.254.169.254")
    for name in ("loop", "meta", "mapped"):
        host.ask("deploy", name, f"http://{name}.in.test:{site.port}/")
        command = host.command("1", 1, name)
        host.reply(command) if name == "loop" else None
    check(all("reserved" in row[5] for row in host.parked(2)), "private")
    host.stop()


@case
def a_name_that_means_something_else_the_next_time_is_looked_at_again():
    def answer(h, r, n):
        h.close_connection = True
        h.say(500, Connection="close")

    site = Site(answer)
    host = Host("rebind", "private", "attempts=2", "first=1", f"allow=name.in.test:{site.port}",
                "resolve=name.in.test:127.0.0.1,169.254.169.254")
    host.ask("deploy", "stock", f"http://name.in.test:{site.port}/")
    host.command("1", 1)
    row = host.parked()[0]
    check("169.254.169.254" in row[5] and len(site.requests) == 1, row)
    check(row[4] == "1", "the first attempt may have been done", row)
    host.stop()


@case
def a_url_with_a_password_is_not_deployed():
    host = Host("url", "idle")
    for url in ("http://u:p@a.com/", "ftp://a.com/", "http://a.com/\x01", "http://a.com/#x"):
        check("INVALID" in host.refused("deploy", "stock", url), url)
    check("INVALID" in host.refused("deploy", "Stock", "http://a.com/"), "service")
    check("INVALID" in host.refused("deploy", "stock", "http://a.com/", "not a name"), "secret")
    check("NOT_FOUND" in host.refused("list", "stock"), "list")
    host.stop()


@case
def a_header_cannot_be_smuggled_in():
    site = Site()
    host = Host("header", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    saga = "o-1\\r\\nX-Evil: 1"
    host.ask("command", "command:stock-" + saga, "stock.Go", f"saga:{saga}/s/do/1", "{}")
    wait_for(lambda: site.requests, "a request")
    headers = site.requests[0]["headers"]
    check(headers["X-Evil"] is None, headers)
    check(headers["Idempotency-Key"] == "saga:o-1%0D%0AX-Evil:%201/s/do/1", headers)
    host.stop()


@case
def a_secret_that_is_not_known_sends_nothing():
    site = Site()
    host = Host("unknown", "allow=" + site.host, "attempts=1")
    host.ask("deploy", "stock", site.url, "shared")
    host.command("1", 1)
    check("secret shared" in host.parked()[0][5] and site.requests == [], "sent")
    host.stop()


@case
def a_certificate_is_verified():
    key, cert = os.path.join(work, "key.pem"), os.path.join(work, "cert.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
                    cert, "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    site = Site(context=context)
    names = ["private", f"allow=localhost:{site.port}", f"allow=127.0.0.1:{site.port}"]
    never_called("tls-unknown", f"https://localhost:{site.port}/", *names, reason="certificate")
    never_called("tls-name", f"https://127.0.0.1:{site.port}/", "ca=" + cert, *names, reason="")
    check(site.requests == [], "called")
    host = Host("tls-good", "ca=" + cert, *names)
    host.ask("deploy", "stock", f"https://localhost:{site.port}/")
    host.reply(host.command("1", 1))
    host.stop()


# ---- while a server runs --------------------------------------------------------------------------


class Serving:
    """factum serve on a store of its own, and the command line at its address or in its directory."""

    def __init__(self, name, allow):
        self.dir = os.path.join(work, name)
        os.makedirs(self.dir)
        self.store = os.path.join(self.dir, "store")
        self.allow = allow

    def start(self):
        log = os.path.join(self.dir, "log")
        with open(log, "wb") as out:
            self.process = subprocess.Popen([FACTUM, "--store", self.store, "serve", "--listen",
                                             "127.0.0.1:0", "--insecure", "--endpoints-allow",
                                             self.allow], stdout=out, stderr=out)
        line = wait_for(lambda: [l for l in open(log, encoding="utf-8") if " serving " in l],
                        "a server")[0]
        self.address = line.split(" on ")[1].split(",")[0].strip()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        check(self.process.wait(WAIT) == 0, "the server ends")

    def run(self, *words, code=0, at=True):
        place = ["--connect", "factum://" + self.address] if at else ["--store", self.store]
        done = subprocess.run([FACTUM, *place, *words], capture_output=True, text=True, timeout=WAIT,
                              env={**os.environ, "USER": "ann"})
        check(done.returncode == code, words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def http(self, method, path, body=None):
        """Status and body."""
        connection = http.client.HTTPConnection(self.address, timeout=WAIT)
        connection.request(method, "/api/v1/" + path, body and json.dumps(body),
                           {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = json.loads(answer.read())
        connection.close()
        return answer.status, text

    def command(self, key, number, service="stock"):
        command_id = f"saga:o-{key}/{service}_s{number}/do/1"
        self.run("append", f"command:{service}-o-{key}", f"{service}.Go", "{}", "--quiet", "--metadata",
                 json.dumps({"$commandId": command_id, "$sagaId": f"o-{key}"}))
        return command_id

    def parked(self, count, query=""):
        def look():
            status, text = self.http("GET", "parked-deliveries" + query)
            check(status == 200, status, text)
            return [text["deliveries"]] if len(text["deliveries"]) == count else None
        return wait_for(look, f"{count} parked deliveries")[0]


@case
def what_is_parked_is_seen_and_moved_while_a_server_runs():
    if not FACTUM:
        return
    site = Site(lambda h, r, n: h.say(400))
    server = Serving("served", site.host)
    server.run("endpoint", "deploy", "stock", site.url + "?token=canary", at=False)
    server.start()
    first, second = server.command("1", 1), server.command("1", 2)
    other = server.command("2", 1)
    rows = server.parked(2)
    check([r["commandId"] for r in rows] == [first, other], rows)
    check(rows[0]["key"] == "command:stock-o-1" and "400" in rows[0]["reason"], rows)
    check(not rows[0]["mayBeDone"] and rows[0]["attempts"] == 1, rows)
    check(server.parked(1, "?key=command%3Astock-o-2&service=stock")[0] == rows[1], "a key")
    check(server.parked(0, "?service=pay") == [], "a service")
    status, text = server.http("GET", "endpoints")
    check(status == 200 and text["endpoints"][0]["parked"] == 2, text)
    check(text["endpoints"][0]["service"] == "stock" and "canary" not in json.dumps(text), text)
    # The command line lists the same at an address and in a directory.
    listed = server.run("parked", "list", "--json")
    lines = [json.loads(line) for line in listed.splitlines()]
    check([(l["kind"], l["commandId"], l["position"]) for l in lines]
          == [("delivery", r["commandId"], r["position"]) for r in rows], lines)
    server.stop()
    check(server.run("parked", "list", "--json", at=False) == listed, "the directory")
    # Marked in a directory, they go out with the next server, each before the later ones of its key.
    printed = server.run("parked", "retry", "stock", rows[0]["key"], "--delivery", at=False)
    check(f"1 delivery of stock, key command:stock-o-1: position {rows[0]['position']}\n" in printed, printed)
    check("nothing is delivered by this command" in printed, printed)
    check(len(site.ids()) == 2, site.ids())
    site.answer = lambda h, r, n: h.say(200, {"type": "Done"}) if "_s1/" in r["id"] else h.say(400)
    server.start()
    wait_for(lambda: second in site.ids(), "the later one")
    check([i for i in site.ids() if "o-1/" in i] == [first, first, second], site.ids())
    # At an address the running server delivers them.
    rows = {r["commandId"]: r for r in server.parked(2)}
    answer = json.loads(server.run("parked", "retry", "stock", "--delivery", "--json"))
    check(answer["retried"] == 2 and answer["hosted"], answer)
    check(sorted(p for k in answer["keys"] for p in k["positions"])
          == sorted(r["position"] for r in rows.values()), answer)
    wait_for(lambda: site.ids().count(other) == 2, "the other key")
    row = server.parked(1)[0]
    check(row["commandId"] == second, row)
    # Refused: a service without parked commands, a missing reason, a position of another service.
    check("parked" in server.run("parked", "retry", "pay", "--delivery", code=4), "retry")
    check("recorded" in server.run("parked", "retry", "stock", "--delivery", "--why", "x", code=2), "why")
    check("--why" in server.run("parked", "skip", "stock", str(row["position"]), "--delivery", code=2), "why")
    check(server.http("POST", "endpoints/pay/skip", {"position": row["position"], "reason": "x"})[0] == 404, "pay")
    check(server.http("POST", "endpoints/stock/skip", {"position": row["position"]})[0] == 400, "reason")
    check(server.http("POST", "endpoints/stock/skip", {"reason": "x"})[0] == 400, "position")
    check(server.http("POST", "endpoints/stock/retry", {"key": "nothing"})[0] == 404, "key")
    check(server.http("POST", "endpoints/stock/retry", {"keys": "x"})[0] == 400, "member")
    server.run("parked", "skip", "stock", str(row["position"]), "--why", "of no use", "--delivery", "--by", "ann")
    server.parked(0)
    events = server.run("read", "command:stock-o-1", "--json")
    failed = [e for e in map(json.loads, events.splitlines()) if e["type"] == "CommandFailed"]
    check(len(failed) == 1 and failed[0]["data"] == {"code": "skipped", "text": "of no use (by ann)"}, events)
    # Over HTTP; a model of the same name is not confused with the service.
    third = server.command("3", 2)
    row = server.parked(1)[0]
    check("stock" in server.run("parked", "retry", "stock", code=4), "a model")
    site.answer = lambda h, r, n: h.say(200, {"type": "Done"})
    status, text = server.http("POST", "endpoints/stock/retry")
    check((status, text) == (200, {"service": "stock", "retried": 1}), status, text)
    wait_for(lambda: site.ids().count(third) == 2, "the third")
    server.parked(0)
    server.stop()


# ---- undo, and crashes ----------------------------------------------------------------------------


@case
def an_undo_before_its_do_was_sent_cancels_it():
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))  # nobody listens: nothing is ever sent
    place = f"127.0.0.1:{closed.getsockname()[1]}"
    host = Host("tombstone", "allow=" + place, "first=20", "last=50")
    host.ask("deploy", "stock", f"http://{place}/")
    do = host.command("1", 1)
    wait_for(lambda: "onnect" in host.status()[4], "a failure")
    undo = host.command("1", 1, undoes=do, kind="undo")
    check(host.reply(undo)[1] == "CommandSucceeded", "undo")
    check([e[1] for e in host.replies(do)] == ["CommandCancelled"], host.replies(do))
    check(host.replies(do)[0][4] == do, "key")
    wait_for(lambda: host.status()[1] == "0", "nothing waits")
    host.stop()


@case
def an_undo_of_a_do_that_may_be_done_is_delivered():
    def answer(h, r, n):
        h.say(500) if "/do/" in r["id"] else h.say(200, {"type": "Released"})

    site = Site(answer)
    host = Host("undo", "allow=" + site.host, "first=300", "last=300")
    host.ask("deploy", "stock", site.url)
    do = host.command("1", 1)
    wait_for(lambda: site.ids(), "the do")
    undo = host.command("1", 1, undoes=do, kind="undo")
    after = host.command("1", 2)
    check(host.reply(undo)[1] == "Released" and host.replies(do) == [], "undo")
    wait_for(lambda: after in site.ids(), "the next command of the key")
    body = json.loads([r for r in site.requests if r["id"] == undo][0]["body"])
    check(body["undoes"] == do, body)
    count = site.ids().count(do)
    time.sleep(0.8)
    host.ask("command", "command:stock-o-1", "stock.Go", do, "{}")
    time.sleep(0.3)
    check(site.ids().count(do) == count, "the do is delivered after its undo")
    # And the undo of a do that was answered.
    site.answer = lambda h, r, n: h.say(200, {"type": "Done"})
    do = host.command("2", 1)
    host.reply(do)
    undo = host.command("2", 1, undoes=do, kind="undo")
    check(host.reply(undo)[1] == "Done" and undo in site.ids(), "undo")
    host.stop()


@case
def a_crash_gives_one_effect():
    block = threading.Event()

    def answer(h, r, n):
        if n == 1:
            block.wait(WAIT)
        h.say(200, {"type": "Done", "data": {"n": n}})

    site = Site(answer)
    host = Host("crash", "allow=" + site.host)
    host.ask("deploy", "stock", site.url)
    commands = [host.command(str(key), 1) for key in range(6)]
    wait_for(lambda: len(site.ids()) == 4, "four deliveries at a time")
    host.kill()
    block.set()
    host.start()
    last = host.command("0", 2)
    for command in commands + [last]:
        host.reply(command)
    for _ in range(2):  # and again, after what was derived is lost
        for command in commands + [last]:
            check(len(host.replies(command)) == 1, "one effect", host.replies(command))
        host.stop()
        shutil.rmtree(os.path.join(host.dir, "models"))
        count = len(site.ids())
        host.start()
        wait_for(lambda: host.ask("status") != [] and host.status()[1] == "0", "all is known")
        check(len(site.ids()) == count, "delivered again")
    host.stop()


@case
def one_host_at_a_time():
    host = Host("alone")
    try:
        subprocess.run([PROBE, os.path.join(work, "alone-2"), os.path.join(host.dir, "models")],
                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
        raise Failure("a second host")
    except subprocess.CalledProcessError as error:
        check(b"LOCKED" in error.stdout, error.stdout)
    host.stop()


def run(function):
    try:
        function()
        return None
    except Exception:  # the failure is printed with the case
        return traceback.format_exc()


def main():
    wanted = sys.argv[1:]
    chosen = [c for c in cases if not wanted or c.__name__ in wanted]
    failed = False
    print(f"1..{len(chosen)}")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for number, (function, trouble) in enumerate(zip(chosen, pool.map(run, chosen)), 1):
            print(f"{'not ' if trouble else ''}ok {number} - {function.__name__.replace('_', ' ')}",
                  flush=True)
            if trouble:
                failed = True
                print("".join(f"# {line}\n" for line in trouble.splitlines()), end="")
    shutil.rmtree(work, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
