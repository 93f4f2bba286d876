#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Random sequences of create, set, put, delete and rollback against a hub with two sites under traffic; see sites.sh.

Each sequence begins and ends without sites of its own. In between, what the hub has in force is held against a model
here after each step, and now and then all that a site leaves anywhere against what was there before the first one:
files, documents, maps, routes, rules, SAs, descriptors, memory. Usage: sites.py SEQUENCES SEED

Environment: LAB, P, BIN, as tests/net/lab.sh has them.
"""
import collections, http.client, json, os, random, re, socket, subprocess, sys, time

LAB, P = os.environ["LAB"], os.environ["P"]
HOLDER = open(LAB + "/hub.holder").read().strip()
SOCKET = f"/proc/{HOLDER}/root/run/sluice/control.sock"
NAMES = [f"soak-{c}" for c in "abcdef"]
LOOK_EACH = 50        # sequences
STEPS = 6             # of a sequence, at most
ON_ITS_WAY = 10       # echoes, a fifth of a second
MEMORY_MAY_GROW = 1.25
KEPT_REVISIONS = 150  # fewer than the hub keeps, so that those are there


class Control(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("localhost", timeout=20)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(SOCKET)


def ask(method, path, body=None):
    c = Control()
    c.request(method, path, json.dumps(body) if body is not None else None)
    r = c.getresponse()
    document = json.loads(r.read())
    c.close()
    return r.status, document


def read(path):
    status, document = ask("GET", path)
    assert status == 200, (path, status, document)
    return document


def in_hub(*command):
    r = subprocess.run(["nsenter", "-t", HOLDER, "-m", "-n", "-r", *command], capture_output=True, text=True,
                       timeout=60, stdin=subprocess.DEVNULL)
    assert not r.returncode, (command, r.stderr)
    return r.stdout


class Train:
    """Echoes fifty times a second from a host behind the hub to one behind a site."""

    def __init__(self, to):
        self.path = f"{LAB}/train.{to}"
        self.process = subprocess.Popen(["ip", "netns", "exec", f"{P}-host", "ping", "-O", "-n", "-i", "0.02", to],
                                        stdout=open(self.path, "w"), stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL)
        open(LAB + "/pids", "a").write(f"{self.process.pid}\n")
        self.seen, self.waiting, self.sent, self.lost = 0, set(), 0, 0

    def look(self):
        """How many have not come back by now; the number of an echo has 16 bits."""
        with open(self.path) as f:
            f.seek(self.seen)
            text = f.read()
            text = text[:text.rfind("\n") + 1]
            self.seen += len(text)
        last = None
        for m in re.finditer(r"icmp_seq=(\d+)( ttl)?", text):
            last = int(m[1])
            if m[2]:
                self.sent += 1
                self.waiting.discard(last)
            else:
                self.waiting.add(last)
        gone = {n for n in self.waiting if last is None or (last - n) % 65536 > ON_ITS_WAY}
        self.lost += len(gone)
        self.waiting -= gone
        return len(gone)


def processes():
    found = {}
    for pid in [p for p in os.listdir("/proc") if p.isdigit()]:
        try:
            name = open(f"/proc/{pid}/cmdline").read().split("\0")[0]
            ns = os.readlink(f"/proc/{pid}/ns/net")
        except OSError:
            continue
        if ns == os.readlink(f"/proc/{HOLDER}/ns/net") and "sluice" in os.path.basename(name):
            found[pid] = open(f"/proc/{pid}/comm").read().strip() + " " + name
    return found


def descriptors():
    return {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in processes()}


def memory():
    """kB that a process has for itself"""
    return {pid: int(re.search(r"RssAnon:\s+(\d+)", open(f"/proc/{pid}/status").read())[1]) for pid in processes()}


def maps():
    """How many places of each map say something; counters of packets, and what is remembered of them, are not of sites."""
    found = {}
    for name in sorted(os.listdir(f"/proc/{HOLDER}/root/sys/fs/bpf/sluice")):
        path = f"/sys/fs/bpf/sluice/{name}"
        if not re.match(r"(route|source|closed|tunnels|services|sa_|outside_)", name) or "stats" in name or \
                "drops" in name or "generation" in name or "pairs" in name:
            continue
        try:
            entries = json.loads(in_hub("bpftool", "-j", "map", "dump", "pinned", path))
        except (AssertionError, ValueError):
            continue
        if name == "tunnels":  # what stays of one that is gone is the number of its site
            entries = [e for e in entries if e["formatted"]["value"]["group"]]
        found[name] = sum(any(b != "0x00" for b in e.get("value", [])) if isinstance(e.get("value"), list)
                          else bool(e) for e in entries)
    return found


def unnamed_keys():
    """Files of keys that no revision that is kept can bring back."""
    revisions = f"/proc/{HOLDER}/root/var/lib/sluice/revisions"
    text = "".join(open(os.path.join(d, f)).read() for d, _, names in os.walk(revisions)
                   for f in names if f.endswith(".yaml"))
    named = set(re.findall(r"/psk/([A-Za-z0-9._-]+)", text))
    return sorted(f for f in os.listdir(LAB + "/psk") if f not in named)


def left():
    """All that sites leave somewhere, as text that is the same when it is the same."""
    files = {"sites": sorted(os.listdir(LAB + "/sites")), "psk": unnamed_keys()}
    files["log"] = sorted(n for n in os.listdir(LAB + "/log") if "soak" in n) if os.path.isdir(LAB + "/log") else []
    routes = [re.sub(r" (expires|age) \S+", "", r) for f in ("-4", "-6")
              for r in in_hub("ip", f, "route", "show", "table", "all").splitlines()
              if " cache" not in r and not r.startswith(("multicast", "ff00"))]
    return {"files": files, "routes": sorted(routes), "rules": in_hub("ip", "rule"),
            "devices": in_hub("ip", "-br", "link"), "maps": maps(), "descriptors": descriptors(),
            "documents": [s["site"] for s in read("/v1/documents")["sites"]],
            "sites": [s["name"] for s in read("/v1/sites")["sites"]],
            "sas": len(read("/v1/sas")["sas"])}


def differs(was, now):
    return "; ".join(f"{k}: {str(was[k])[:300]} -> {str(now[k])[:300]}" if not isinstance(was[k], (list, str)) else
                     f"{k}: gone {[x for x in as_list(was[k]) if x not in as_list(now[k])][:5]}, "
                     f"new {[x for x in as_list(now[k]) if x not in as_list(was[k])][:5]}"
                     for k in was if was[k] != now[k])


def as_list(x):
    return x.splitlines() if isinstance(x, str) else x


class Model:
    """What the hub is to have of sites of this test: name -> {key: value}; and what each revision had."""

    def __init__(self, rng):
        self.rng, self.sites, self.revisions, self.counts = rng, {}, collections.OrderedDict(), collections.Counter()
        self.number = 100

    def remember(self, revision):
        self.revisions[revision] = {n: dict(v) for n, v in self.sites.items()}
        while len(self.revisions) > KEPT_REVISIONS:
            self.revisions.popitem(last=False)

    def values(self):
        r = self.rng
        value = {"rate": f"{r.randrange(1, 90)}M", "max_prefixes": r.randrange(10, 900),
                 "labels": {"ring": r.choice("xyz")}, "prefixes": [f"10.{r.randrange(60, 250)}.{r.randrange(256)}.0/24"],
                 "packets_per_second": r.randrange(1000, 99999), "allow_as_in": r.randrange(0, 3)}
        return {k: value[k] for k in r.sample(sorted(value), r.randrange(1, 4))}

    def create(self):
        free = [n for n in NAMES if n not in self.sites]
        if not free:
            return self.delete()
        name, values = self.rng.choice(free), self.values()
        self.number += 1
        status, d = ask("POST", "/v1/sites", {"site": name, "values": {"asn": 64512 + self.number % 400, **values}})
        if status == 200:
            self.sites[name] = values
        return "create", status, d

    def set(self):
        if not self.sites:
            return self.create()
        name, values = self.rng.choice(sorted(self.sites)), self.values()
        values = {k: v if self.rng.random() < 0.85 else None for k, v in values.items()}
        status, d = ask("PATCH", f"/v1/sites/{name}", {"values": values, "allow": "tunnel"})
        if status == 200:
            for k, v in values.items():
                self.sites[name].pop(k, None)
                if v is not None:
                    self.sites[name][k] = v
        return "set", status, d

    def delete(self):
        if not self.sites:
            return self.create()
        name = self.rng.choice(sorted(self.sites))
        status, d = ask("DELETE", f"/v1/sites/{name}?allow=tunnel")
        if status == 200:
            del self.sites[name]
        return "delete", status, d

    def try_(self):
        """Nothing comes of a try, and of what is refused."""
        name = self.rng.choice(NAMES)
        kind = self.rng.randrange(4)
        if kind == 0:
            status, d = ask("POST", "/v1/sites", {"site": name, "dry_run": True})
        elif kind == 1:
            status, d = ask("PATCH", f"/v1/sites/{name}", {"values": {"rate": "none of this"}})
        elif kind == 2:
            status, d = ask("DELETE", f"/v1/sites/{name}?allow=none")
        else:
            status, d = ask("POST", "/v1/sites", {"site": name, "values": {"prefixes": ["10.0.0.0/8"], "asn": 0}})
        return "try", 200 if status < 500 else status, d

    def rollback(self):
        if not self.revisions:
            return self.create()
        revision = self.rng.choice(list(self.revisions))
        status, d = ask("POST", f"/v1/revisions/{revision}/rollback", {})
        if status == 200:
            self.sites = {n: dict(v) for n, v in self.revisions[revision].items()}
        return "rollback", status, d

    def step(self, which):
        kind, status, d = which()
        self.counts[f"{kind} {'ok' if status == 200 else status}"] += 1
        if status >= 500:
            raise SystemExit(f"FAIL  {kind}: {status} {d}")
        if status == 200 and kind != "try":
            self.remember(d.get("revision", read("/v1/revisions")["revision"]))
        self.check(kind, d)

    def check(self, kind, d):
        have = {s["name"]: s for s in read("/v1/sites")["sites"] if s["name"] in NAMES}
        if set(have) != set(self.sites):
            raise SystemExit(f"FAIL  after {kind} ({d}): sites {sorted(have)}, and not {sorted(self.sites)}")
        for name, values in self.sites.items():
            rate = int(values["rate"][:-1]) * 1000000 if "rate" in values else 100000000
            if have[name]["rate_bps"] != rate:
                raise SystemExit(f"FAIL  after {kind} ({d}): {name} has {have[name]['rate_bps']} bit/s, not {rate}")

    def sequence(self):
        for _ in range(self.rng.randrange(2, STEPS + 1)):
            self.step(self.rng.choices([self.create, self.set, self.delete, self.try_, self.rollback],
                                       [4, 4, 2, 1, 2])[0])
        for _ in range(2 * len(NAMES)):
            if self.sites:
                self.step(self.delete)
        if self.sites:
            raise SystemExit(f"FAIL  these cannot be deleted: {sorted(self.sites)}; {dict(self.counts)}")


def main():
    sequences, seed = int(sys.argv[1]), int(sys.argv[2])
    trains = [Train(f"10.{n}.0.10") for n in (1, 2)]
    since = [(t["site"], t["tunnel"], t["since"]) for t in read("/v1/tunnels")["tunnels"]]
    time.sleep(2)
    [t.look() for t in trains]
    lost_before = [t.lost for t in trains]
    model, was, heap, bad = Model(random.Random(seed)), None, None, 0
    start = time.time()
    for i in range(1, sequences + 1):
        model.sequence()
        if i % LOOK_EACH and i != sequences:
            continue
        time.sleep(1)
        [t.look() for t in trains]
        now = left()
        if not was:     # the first of them fill what is filled once: caches, the list of revisions
            was, heap = now, memory()
        why = differs(was, now)
        if why:
            bad += 1
            print(f"FAIL  after {i} sequences something is left: {why}", flush=True)
            was = now
        else:
            print(f"ok    {i} sequences, {sum(model.counts.values())} steps, {time.time() - start:.0f} s: nothing is left",
                  flush=True)
    grown = {p: (heap[p], m) for p, m in memory().items() if p in heap and m > heap[p] * MEMORY_MAY_GROW + 2048}
    if grown:
        bad += 1
        print(f"FAIL  memory grows: {grown}, {processes()}")
    lost = [t.lost - b for t, b in zip(trains, lost_before)]
    if any(lost):
        bad += 1
    print(f"{'FAIL' if any(lost) else 'ok  '}  the two other sites: {lost} of {[t.sent for t in trains]} packets lost")
    same = [(t["site"], t["tunnel"], t["since"]) for t in read("/v1/tunnels")["tunnels"]] == since
    print(f"{'ok  ' if same else 'FAIL'}  their tunnels stand since before")
    print(", ".join(f"{n} {k}" for k, n in sorted(model.counts.items())), flush=True)
    sys.exit(1 if bad or not same else 0)


main()
