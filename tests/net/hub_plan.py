#!/usr/bin/python3
"""What `sluice plan` says a change interrupts, against what it interrupts.

Every key of the schema (option_list) has a row here with another value. Each is planned and applied on a hub with two
sites under traffic, and taken back, which is a change as well. What was interrupted is told by sluiced's log, by SPIs
and by packets that did not come back; a key without a row fails. Usage: hub_plan.py [--sample | WHERE[.KEY]...]: these
rows only, or a sample of those that interrupt something; --base writes the configuration that all of it begins with.

Environment: LAB, P, BIN, HUB_AS, HUB_ID, as tests/net/lab.sh has them.
"""
import copy, json, os, re, subprocess, sys, time

LAB, P, BIN = os.environ["LAB"], os.environ["P"], os.environ["BIN"]
HUB_AS, HUB_ID = int(os.environ["HUB_AS"]), os.environ["HUB_ID"]
HOLDER = open(LAB + "/hub.holder").read().strip()
LOG = LAB + "/sluiced.log"
TUNNELS = [(n, t) for n in (1, 2) for t in (0, 1)]
ANNOUNCED = {1: 3, 2: 2}          # prefixes of each site, of both families
QUIET = ("none", "next")          # what a plan calls a change that interrupts nothing
SAMPLE = ("hub.identity", "hub.endpoints", "site.asn", "site.bgp_transport", "tunnel.inside", "tunnel.ike_versions", "tunnel.hub_cidrs")
ON_ITS_WAY = 10                   # echoes, a fifth of a second
WATCH_S = 2.5                     # for so long after an apply; what leaves takes a second


def file(name):
    return f"file:{LAB}/{name}"


def inside(n, t, host=0):
    k = 2 * n + t
    return f"169.254.{100 + k // 64}.{k % 64 * 4 + host}"


def endpoints(first=("198.51.100.1", "2001:db8:a::1"), second=("198.51.101.1", "2001:db8:b::1")):
    return [{"device": "wan0", "addresses": list(first)}, {"device": "wan1", "addresses": list(second)}]


def base():
    def tunnel(n, t):
        return {"identity": f"s{n}.t{t}.sluice.test", "inside": inside(n, t) + "/30",
                "inside6": f"fd00:ffff:{n}:{t}::/126", "psk": file(f"psk/{n}.{t}")}
    return {
        "concentrator": {
            "name": "lab", "asn": HUB_AS,
            "endpoints": endpoints(),
            "networks": ["10.0.0.0/24", "fd00:10::/64"], "identity": HUB_ID, "hold_time": 9, "keepalive": 3,
            "metrics": "127.0.0.1:9469", "log_directory": LAB + "/log",
            "api": "127.0.0.1:9471", "api_certificate": file("hub.pem"), "api_private_key": file("hub.key"),
            "ca": [file("ca/root/ca.pem")], "dataplane": os.environ.get("BACKEND", "auto")},
        "defaults": {"tunnel": {"dpd_interval": 3, "dpd_timeout": 30}},
        "sites": [dict({"name": f"site-{n}", "asn": 65000 + n}, **({"class": "gateway"} if n == 2 else {}),
                       tunnels=[tunnel(n, t) for t in (0, 1)]) for n in (1, 2)]}


# Row: where, key, edits {key: value}. `here` says which site or tunnel, where it matters; `sees` what must be
# seen where it depends on what was negotiated; `reach` False: what goes to hosts of the site may stop, because it is told to;
# `routes`: what it is about are routes, so that a session ends for those who use them only, and goes on.
class Row:
    def __init__(self, where, key, edits, here=None, sees=None, reach=True, routes=False, unlike=None):
        self.where, self.key, self.edits, self.here = where, key, edits, here
        self.sees, self.reach, self.routes = sees, reach, routes
        self.name = f"{where}.{key}" + (f" ({unlike})" if unlike else "")

    def edit(self, config, here):
        o = config["concentrator"] if self.where == "hub" else \
            config["sites"][here[0] - 1] if self.where == "site" else config["sites"][here[0] - 1]["tunnels"][here[1]]
        for key, value in self.edits.items():
            value = value(here) if callable(value) else value
            if value is None:
                o.pop(key, None)
            else:
                o[key] = value


def hub(key, value, **more):
    return Row("hub", key, {key: value, **more.pop("also", {})}, **more)


def site(key, value, **more):
    return Row("site", key, {key: value, **more.pop("also", {})}, **more)


def tunnel(key, value, **more):
    return Row("tunnel", key, {key: value, **more.pop("also", {})}, **more)


CERT = {"certificate": file("hub.pem"), "private_key": file("hub.key")}
# What the sites have negotiated: AES-GCM-128, PRF-SHA-256, ECP-256; no ESN.
ROWS = [
    hub("name", "other"), hub("asn", 64998), hub("router_id", "192.0.2.9"),
    hub("endpoints", endpoints(second=["198.51.101.1"]), sees="none", unlike="one that no tunnel ends at goes"),
    hub("endpoints", endpoints(second=["198.51.101.9", "2001:db8:b::1"]), sees="tunnel", unlike="the second"),
    hub("endpoints", endpoints(first=["198.51.100.9", "2001:db8:a::1"]), sees="tunnel", unlike="the first"),
    hub("networks", ["10.0.0.0/24", "fd00:10::/64", "10.200.0.0/16"], routes=True),
    hub("identity", "other.sluice.test"), hub("site_rate", "90M"), hub("site_packets_per_second", "130000"),
    hub("aggregate_rate", "4G"), hub("burst", "300k"), hub("rate_bytes", "outer"), hub("pacing_horizon", "20ms"),
    hub("ecn_marking", True), hub("outside_forwarding", True), hub("dataplane", "xfrm"), hub("df", "clear"),
    hub("workers", 2), hub("route_table", 100), hub("hold_time", 12), hub("keepalive", 2), hub("site_to_site", False, routes=True),
    hub("site_services", ["tcp/22"]), hub("source_check", "loose"), hub("graceful_restart", False),
    hub("med_mode", "primary-backup"), hub("drain_med", 20),
    hub("allow_fast_dpd", True), hub("metrics", "127.0.0.1:9470"), hub("log_directory", LAB + "/log2"),
    hub("certificate", CERT["certificate"], also=CERT), hub("private_key", CERT["private_key"], also=CERT),
    hub("ca", [file("ca/root/ca.pem"), file("ca/branches/ca.pem")], sees="none"),
    hub("crl", [file("ca/root/crl.pem")], sees="none"),
    hub("crl_required", True, sees="none"), hub("alarms", [{"rule": "over_rate", "enabled": False}], sees="none"), hub("access", [{"group": "daemon", "role": "viewer"}]),
    hub("api", "127.0.0.1:9472"), hub("api_role", "operator"), hub("api_certificate", file("hub.pem.again")),
    hub("api_private_key", file("hub.key.again")), hub("api_ca", [file("ca/root/ca.pem")]),
    hub("api_crl", [file("ca/root/crl.pem")], also={"api_ca": [file("ca/root/ca.pem")]}),

    site("name", lambda h: f"other-{h[0]}"), site("class", "gateway", here=1), site("bandwidth", "large", here=2),
    site("asn", 65099), site("group", "town"),
    site("takes_over", "site-1", here=2),
    site("takes_over_now", True, here=2, also={"takes_over": "site-1"}),
    site("labels", {"region": "north"}),
    site("address", "203.0.113.9"), site("outer", "ipv6"), site("rate", "80M"),
    site("packets_per_second", "100k"), site("max_prefixes", 500),
    site("max_prefixes", 1, here=1, sees="bgp-session", reach=False, unlike="less than it announces"), site("max_prefixes_out", 500),
    site("allow_default", True), site("share_default", True, also={"allow_default": True}),
    site("source_check", "loose"), site("propagate", False, reach=False, routes=True), site("as_override", True),
    site("allow_as_in", 3), site("bgp_transport", "ipv6"), site("ttl_security", True),
    site("bgp_password", file("bgp")), site("bfd", True),
    site("prefixes", lambda h: [f"10.{h[0]}.0.0/16", f"fd00:10:{h[0]}::/48"]),
    site("accept", ["0.0.0.0/0", "10.0.0.0/8 le 24", "fd00::/8 le 64"]),
    site("routing", "static", here=2, also={"static_routes": ["10.2.0.0/24"]}),
    site("static_routes", ["10.2.0.0/24"], here=2, also={"routing": "static"}), site("ecmp", True, here=2),
    site("tunnels", lambda h: base()["sites"][h[0] - 1]["tunnels"][:1], unlike="one of two"),

    tunnel("inside", lambda h: f"169.254.200.{8 * h[0] + 4 * h[1]}/30"),
    tunnel("inside6", lambda h: f"fd00:eeee:{h[0]}:{h[1]}::/126"),
    tunnel("identity", lambda h: f"other{h[0]}{h[1]}.sluice.test"),
    tunnel("address", lambda h: f"100.{64 + h[1]}.{h[0]}.2", sees="none", unlike="where it is"),
    tunnel("address", "203.0.113.9", sees="tunnel", unlike="elsewhere"),
    tunnel("psk", lambda h: file(f"psk/{h[0]}.{h[1]}.again"), sees="none", unlike="the same"),
    tunnel("psk", file("other"), sees="tunnel", unlike="another"),
    tunnel("psk_previous", file("other"), sees="none"),
    tunnel("ppk", file("other"), also={"ppk_identity": "p1", "ike_versions": ["ikev2"]}),
    tunnel("ppk_identity", "p1", also={"ppk": file("other"), "ike_versions": ["ikev2"]}),
    tunnel("algorithms", "compatible", sees="none"), tunnel("activity_log", "text"), tunnel("bgp_log", "off"),
    tunnel("proposal_order", "lowest-first"), tunnel("ike_versions", ["ikev2"], sees="none"),
    tunnel("ike_versions", ["ikev1"], sees="tunnel", unlike="not the one in use"),
    tunnel("esn", False, sees="none"), tunnel("rekey_fuzz_mode", "early"),
    tunnel("p1_encryption", ["aes128-gcm16"], sees="none", unlike="the one in use"),
    tunnel("p1_encryption", ["aes256"], sees="tunnel", unlike="another"),
    tunnel("p1_integrity", ["sha512"], sees="none"),
    tunnel("p1_prf", ["sha384"], sees="tunnel"), tunnel("p1_dh_groups", [20], sees="tunnel"),
    tunnel("p2_encryption", ["aes256-gcm16"], sees="tunnel"), tunnel("p2_integrity", ["sha512"], sees="none"),
    tunnel("p2_dh_groups", [20], sees="none"),
    tunnel("p1_lifetime", 7200), tunnel("p2_lifetime", 1800), tunnel("rekey_margin", 120), tunnel("rekey_fuzz", 50),
    tunnel("replay_window", 128), tunnel("dpd_interval", 5), tunnel("dpd_timeout", 40), tunnel("dpd_action", "none"),
    tunnel("startup_action", "start", also={"address": lambda h: f"100.{64 + h[1]}.{h[0]}.2"}),
    tunnel("encap", "force", sees="none"),
    tunnel("auth", "cert", also={**CERT, "psk": None}),
    tunnel("certificate", CERT["certificate"], also=CERT), tunnel("private_key", CERT["private_key"], also=CERT),
    tunnel("hub_cidrs", ["10.0.0.0/8", "169.254.0.0/16", "fd00::/8"]),
    tunnel("site_cidrs", ["10.0.0.0/8", "169.254.0.0/16", "fd00::/8"]),
    tunnel("hub_identity", "other.sluice.test"), tunnel("med", 200),
]


class Wrong(Exception):
    pass


def sluice(*args):
    return subprocess.run(["nsenter", "-t", HOLDER, "-m", "-n", "-r", BIN + "/sluice", *args],
                          capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def document(*args):
    r = sluice(*args, "--json")
    if r.returncode and not (args[0] == "plan" and r.stdout):    # a plan of what would be refused
        raise Wrong(f"sluice {' '.join(args)}: {r.stderr.strip()}")
    return json.loads(r.stdout)


class Train:
    """Echoes fifty times a second; those that did not come back are lost."""

    def __init__(self, ns, *how):
        self.path = f"{LAB}/train.{ns}.{how[-1]}"
        self.process = subprocess.Popen(["ip", "netns", "exec", f"{P}-{ns}", "ping", "-O", "-n", "-i", "0.02", *how],
                                        stdout=open(self.path, "w"), stderr=subprocess.DEVNULL,
                                        stdin=subprocess.DEVNULL)
        open(LAB + "/pids", "a").write(f"{self.process.pid}\n")

    def lost(self, since):
        """Of what was sent since then: no answer came, also not by now. The last ones are on their way."""
        text = open(self.path).read()[since:]
        sent = {int(n) for n in re.findall(r"icmp_seq=(\d+)", text)}
        answered = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl", text)}
        return len([n for n in sent - answered if n < max(sent) - ON_ITS_WAY])

    def mark(self):
        return os.path.getsize(self.path)


def spis():
    found = {}
    for sa in document("show", "sa")["sas"]:
        found.setdefault((int(sa["site"][-1]), sa["tunnel"]), set()).add(sa["spi_in"])
    return found


def carrying():
    return {(int(t["site"][-1]), t["tunnel"]) for t in document("show", "tunnels")["tunnels"]
            if t["state"] == "up" and t["bgp"] == "established"}


def all_up():
    """All sessions are there, and have said again what they announce: a plan counts it."""
    return len(carrying()) == 4 and all(t["prefixes_in"] == ANNOUNCED[int(t["site"][-1])]
                                        for t in document("show", "tunnels")["tunnels"])


def until(seconds, what):
    end = time.time() + seconds
    while time.time() < end:
        if what():
            return True
        time.sleep(0.2)
    return False


def write(config):
    with open(LAB + "/sluice.yaml", "w") as f:
        json.dump(config, f)


def predicted(config):
    """What the plan says of each tunnel."""
    write(config)
    plan = document("plan")
    said = {}
    for t in plan["tunnels"]:
        said[(int(t["site"][-1]), t["tunnel"])] = t["effect"]
    return plan, said


class Table:
    def __init__(self):
        self.trains = {}
        for n, t in TUNNELS:
            self.trains[n, t] = Train(f"b{n}", "-I", inside(n, t, 2), inside(n, t, 1))
        for n in (1, 2):
            self.trains[n] = Train("host", f"10.{n}.0.10")
        self.now = base()
        self.counts = {}
        self.applies = 0

    def interrupted(self, log, was):
        """What has happened to each tunnel since then: nothing, bgp-session or tunnel."""
        seen, news = {}, open(LOG).read()[log:]
        is_ = spis()
        for n, t in TUNNELS:
            mark = rf"site (?:site|other)-{n} tunnel {t}: "
            if is_.get((n, t)) != was.get((n, t)) or re.search(mark + r"(up|down|negotiating), peer", news):
                seen[n, t] = "tunnel"
            elif re.search(mark + "BGP (closed|established)", news):
                seen[n, t] = "bgp-session"
            else:
                seen[n, t] = "none"
        return seen, news

    def change(self, config, rows, watch=WATCH_S):
        """Plans and applies; raises Wrong when anything else was interrupted than was said. Returns what was."""
        if config == self.now:
            return {}
        plan, said = predicted(config)
        up = carrying()
        was, log, marks = spis(), os.path.getsize(LOG), {k: t.mark() for k, t in self.trains.items()}
        r = sluice("apply")
        self.applies += 1
        refused = plan.get("refused")
        if bool(r.returncode) != bool(refused):
            raise Wrong(f"planned {plan['effect']}, applied: {r.stdout.strip()} {r.stderr.strip()}")
        time.sleep(0.3 if refused else watch)
        seen, news = self.interrupted(log, was)
        wrong = []
        for k in sorted(up):             # what was down already cannot be interrupted
            want = "none" if refused else said.get(k, "none")
            want = "none" if want in QUIET else want
            if want == "bgp-session" and any(row.routes for row in rows):
                want = "none"
            if seen[k] != want:
                wrong.append(f"site-{k[0]} tunnel {k[1]}: said {want}, was {seen[k]}")
            lost = self.trains[k].lost(marks[k])
            if seen[k] != "tunnel" and lost:
                wrong.append(f"site-{k[0]} tunnel {k[1]}: {lost} packets lost, effect {want}")
        for n in (1, 2):
            lost = self.trains[n].lost(marks[n])
            if lost and all((n, t) in up and seen[n, t] == "none" for t in (0, 1)) and all(row.reach for row in rows):
                wrong.append(f"hosts of site-{n}: {lost} packets lost")
        if not refused:
            self.now = config
        if wrong:
            raise Wrong("; ".join(wrong) + "\n" + "\n".join("      | " + l for l in news.splitlines()[-12:]))
        return seen

    def settle(self):
        write(base())
        if self.now != base():
            sluice("apply")
            self.now = base()
        if until(3, all_up):
            return
        for t in document("show", "tunnels")["tunnels"]:    # a device that was refused does not come by itself
            if t["state"] != "up":
                d = f"{LAB}/b{t['site'][-1]}/{t['tunnel']}"
                subprocess.Popen(["swanctl", "--initiate", "--child", "t", "--timeout", "5", "--uri", f"unix://{d}/vici"],
                                 env={**os.environ, "STRONGSWAN_CONF": d + "/strongswan.conf"},
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not until(40, all_up):
            print(sluice("show", "tunnels").stdout)
            raise SystemExit("FAIL  the tunnels did not come back")
        time.sleep(0.3)

    # ---- cases ----

    def case(self, name, work):
        try:
            text = work()
            print(f"ok    {name}" + (f" ({text})" if text else ""), flush=True)
        except Wrong as e:
            self.counts["wrong"] = self.counts.get("wrong", 0) + 1
            print(f"FAIL  {name} ({e})", flush=True)
            self.settle()

    def there_and_back(self, pairs):
        """Applies the rows, each at its place, and takes them back. Returns what was seen of the tunnels."""
        config = base()
        for row, here in pairs:
            row.edit(config, here)
        rows = [row for row, _ in pairs]
        seen = self.change(config, rows)
        self.change(base(), rows)
        if any(s != "none" for s in seen.values()):
            self.settle()
        for row, here in pairs:
            mine = {seen[t] for t in TUNNELS if here is None or t[:len(here)] == here[:len(t)]} if seen else {"none"}
            if row.sees and row.sees not in mine:
                raise Wrong(f"{row.name} at {here}: {row.sees} was expected, {', '.join(sorted(mine))} was seen")
        return seen

    def quiet(self, pairs):
        """Rows that interrupt nothing, all at once; halved until the one that does is found."""
        try:
            self.there_and_back(pairs)
            return f"{len(pairs)} keys"
        except Wrong as e:
            self.settle()
            if len(pairs) == 1:
                raise Wrong(f"{pairs[0][0].name}: {e}")
        halves = pairs[:len(pairs) // 2], pairs[len(pairs) // 2:]
        wrong = []
        for half in halves:
            try:
                self.quiet(half)
            except Wrong as e:
                wrong.append(str(e))
        raise Wrong("\n".join(wrong) or "only together: " + ", ".join(r.name for r, _ in pairs))

    def loud(self, pairs):
        try:
            seen = self.there_and_back(pairs)
        except Wrong as e:
            raise Wrong(", ".join(r.name for r, _ in pairs) + f": {e}")
        return ", ".join(f"site-{n} tunnel {t}: {s}" for (n, t), s in seen.items() if s != "none") or "nothing"


def is_quiet(row):
    return row.effect in QUIET


def places(row, k):
    """Where a row is tried, the k-th of its kind."""
    if row.where == "hub":
        return None
    if row.where == "site":
        return (row.here or 1 + k % 2,)
    return ((1, 0), (2, 1), (1, 1), (2, 0))[k % 4]


def main():
    keys = [tuple(l.split("\t")[:2]) for l in
            subprocess.run([BIN + "/tests/net/option_list"], capture_output=True, text=True).stdout.splitlines()]
    have = {(r.where, r.key) for r in ROWS}
    missing, stray = [k for k in keys if k not in have], [k for k in have if k not in keys]
    print(("FAIL  " if missing or stray else "ok    ") + f"every key of the schema has a row ({len(keys)} keys, "
          f"{len(ROWS)} rows)" + "".join(f"\n      | without: {'.'.join(k)}" for k in missing)
          + "".join(f"\n      | there is no such key: {'.'.join(k)}" for k in stray), flush=True)
    wanted = [a for a in sys.argv[1:] if a != "--sample"]
    rows = [r for r in ROWS if not wanted or r.where in wanted or f"{r.where}.{r.key}" in wanted]
    table = Table()
    table.settle()
    kinds = {}
    for row in rows:        # what the plan says of each alone says with which others it goes
        config, here = base(), places(row, len(kinds.get(row.where, [])))
        row.edit(config, here)
        try:
            plan, said = predicted(config)
        except Wrong as e:
            print(f"FAIL  {row.name} is planned ({e})", flush=True)
            table.counts["wrong"] = table.counts.get("wrong", 0) + 1
            continue
        row.effect = plan["effect"]
        kinds.setdefault(row.where, []).append((row, here))
        table.counts[row.effect] = table.counts.get(row.effect, 0) + 1
    write(base())
    every = [p for k in kinds.values() for p in k]

    for row, here in every:
        if row.effect == "refused":
            table.case(f"{row.name}: refused, and nothing changes", lambda: table.loud([(row, here)]))
    for where, pairs in kinds.items():
        quiet = [p for p in pairs if is_quiet(p[0])]
        rounds = []                      # rows that set the same key of the same place take turns
        for p in quiet:
            for r in rounds:
                if not any(q[1] == p[1] and (set(q[0].edits) & set(p[0].edits)) for q in r):
                    r.append(p)
                    break
            else:
                rounds.append([p])
        for r in rounds:
            table.case(f"{where}: " + ", ".join(p[0].key for p in r) + ": nothing is interrupted",
                       lambda: table.quiet(r))
        loud = [p for p in pairs if not is_quiet(p[0]) and p[0].effect != "refused"]
        if sys.argv[1:] == ["--sample"]:
            loud = [p for p in loud if f"{where}.{p[0].key}" in SAMPLE]
        while loud:                      # at places that have nothing to do with each other, at once
            now, rest, taken = [], [], set()
            for p in loud:
                # Half of the tunnels only: the others show that they have nothing to do with it.
                room = where == "hub" and not now or where != "hub" and p[1] not in taken and len(now) < 2
                (now if room else rest).append(p)
                taken.add(p[1] if room else None)
            loud = rest
            table.case("; ".join(f"{p[0].name}: {p[0].effect}" for p in now), lambda: table.loud(now))
    print(f"{len(every)} rows, {table.applies} applies: "
          + ", ".join(f"{n} {e}" for e, n in sorted(table.counts.items())), flush=True)
    sys.exit(1 if table.counts.get("wrong") or missing or stray else 0)


if len(sys.argv) == 2 and sys.argv[1] == "--base":
    write(base())
else:
    main()
