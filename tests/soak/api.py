#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls of sluiced's API that are made up from its contract, valid and not; see api.sh. Usage: api.py CALLS SEED

Environment: LAB, BIN, as tests/net/lab.sh has them.
"""
import collections, json, os, random, re, socket, subprocess, sys, time, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "net"))
from contract import ask, operations, resolve, schema_of, wrong

LAB, BIN = os.environ["LAB"], os.environ["BIN"]
HOLDER = open(LAB + "/hub.holder").read().strip()
SOCKET = f"/proc/{HOLDER}/root/run/sluice/control.sock"
PID = open(LAB + "/sluiced.pid").read().strip()
# Codes of 500 and above that a hub that does as it should answers with here: none but these.
MAY_BE = {"too-many"}
OPTIONS = [l.split("\t")[:2] for l in
           subprocess.run([BIN + "/tests/net/option_list"], capture_output=True, text=True).stdout.splitlines()]
NAMES = ["site-1", "site-2"] + [f"fz-{i}" for i in range(1, 5)]
TEXTS = ["", " ", "a", "10.0.0.0/8", "::/0", "2001:db8::1", "5M", "0", "-1", "1e9", "none", "tunnel", "yes", "true", "on",
         "file:/etc/shadow", "secret:none", "secret:fz", "cred:x", "exec:/bin/true", "../../etc/passwd", "%00", "%2e%2e",
         "a" * 31, "a" * 32, "a" * 5000, "\u00e4\u00f6", "\u202e", "\u0000", "\U0001f600", "'", '"', "\n", "#", ": ", "{}", "[]",
         "&a", "*a", "!!python", "| x", "- x", "2026-01-01", "0x10", "010", "~", "null", "group=a", "sluice_0_0"]
NUMBERS = [0, 1, 2, -1, 3, 17, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53, 2**63 - 1, 2**63, 10**30, 1.5, 1e300]
WHAT_IT_MAY_BE = ["5M", "100M", 10, True, False, ["10.9.0.0/16"], ["aes256"], [14, 19], "bgp", "static", "10.8.0.0/16",
                  "off", "on", "strict", "loose", {"interval": "300ms", "multiplier": 3}, {"region": "north"}, 65010, "ikev2"]


def any_value(r, depth=0):
    kind = r.randrange(8 if depth < 4 else 5)
    if kind < 2:
        return r.choice(TEXTS)
    if kind < 4:
        return r.choice(NUMBERS)
    if kind == 4:
        return r.choice([True, False, None])
    if kind == 5:
        return [any_value(r, depth + 1) for _ in range(r.randrange(4))]
    if kind == 6:
        return r.choice(WHAT_IT_MAY_BE)
    return {r.choice(TEXTS + [k for _, k in OPTIONS]): any_value(r, depth + 1) for _ in range(r.randrange(4))}


def values(r):
    """Of the document of a site."""
    made = {}
    if r.random() < 0.5:
        return {"rate": f"{r.randrange(1, 90)}M", "labels.ring": r.choice("xyz")}
    for _ in range(r.randrange(1, 4)):
        where, key = r.choice(OPTIONS)
        value = r.choice(WHAT_IT_MAY_BE) if r.random() < 0.7 else any_value(r)
        if where == "tunnel":
            made[f"tunnels.{r.choice([0, 1, 1, 2])}.{key}"] = value
        else:
            made[key] = value
    return made


def fitting(r, name, schema):
    """What the schema takes, if it says that much."""
    schema = resolve(schema)
    if name == "values":
        return values(r)
    if name == "site":
        return r.choice(NAMES)
    if "enum" in schema:
        return r.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "integer":
        low = schema.get("minimum", 0)
        return r.randrange(low, min(schema.get("maximum", low + 20), low + 20) + 1)
    if kind == "boolean":
        return r.random() < 0.5
    if kind == "array":
        return [fitting(r, name, schema.get("items", {})) for _ in range(r.randrange(3))]
    if kind == "object":
        return {n: fitting(r, n, s) for n, s in schema.get("properties", {}).items()
                if n in schema.get("required", []) or r.random() < 0.6}
    return {"prefix": "10.1.0.0/24", "scope": r.choice(["group=a", ""]), "token": r.choice(tokens or ["0badcafe"]),
            "secret": "fz", "If-Match": f'"{r.randrange(9)}"', "document": {"asn": r.randrange(65010, 65020)}}.get(name) or r.choice(TEXTS)


tokens = []


def call(r, path, method, o):
    """One call of an operation, with something wrong in every second one."""
    bad = r.random() < 0.5
    spoil = lambda value: any_value(r) if bad and r.random() < 0.4 else value
    query, headers, url = {}, {}, path
    for p in map(resolve, o.get("parameters", [])):
        value = spoil(fitting(r, p["name"], p["schema"]))
        if p["in"] == "path":
            url = url.replace("{" + p["name"] + "}", urllib.parse.quote(str(value), safe="" if r.random() < 0.9 else "/.%"))
        elif p.get("required") and not (bad and r.random() < 0.2) or r.random() < 0.4:
            (query if p["in"] == "query" else headers)[p["name"]] = \
                value if p["in"] == "query" else re.sub(r"[^ -~]", "?", str(value))
    body = None
    if "requestBody" in o:
        schema = resolve(o["requestBody"]["content"]["application/json"]["schema"])
        body = fitting(r, "", schema) or {}
        if method == "put" and r.random() < 0.5:     # what is there already, a little different
            status, text, _ = ask(SOCKET, "get", url + "/document")
            if status == 200:
                body["values"] = {**json.loads(text)["document"], "rate": f"{r.randrange(1, 90)}M"}
        for name in list(body):
            body[name] = spoil(body[name])
        if bad and r.random() < 0.2:
            body[r.choice(TEXTS)] = any_value(r)
        if bad and r.random() < 0.1:
            body = any_value(r)
        body = json.dumps(body)
        if bad and r.random() < 0.1:
            at = r.randrange(len(body))
            body = (body[:at] + r.choice(["", "{", "\\u", "\x00", "[" * 3000]) + body[at + 1:])
        body = body.encode("utf-8", "surrogatepass")
    elif bad and r.random() < 0.05:
        body = b"{}"
    if bad and r.random() < 0.1:
        query[r.choice(TEXTS)] = r.choice(TEXTS)
    if bad and r.random() < 0.05:
        headers["Authorization"] = r.choice(["Bearer x", "Bearer " + "sluice_00000000_" + "0" * 64, "Basic eDp5", "Bearer"])
    return (method, url, {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in query.items()}, body, headers)


def judge(o, status, text, headers):
    """What is wrong with an answer; "": nothing"""
    if not headers.get("Content-Type", "").startswith("application/"):
        return "" if status == 200 and "application/json" not in o["responses"]["200"]["content"] or 400 <= status < 500 \
            else f"its type is {headers.get('Content-Type')}"
    document = json.loads(text)
    if status == 200:
        return wrong(schema_of(o), document)
    why = wrong({"$ref": "#/components/schemas/Problem"}, document)
    if not why and document["status"] != status:
        why = f"status {status}, and {document['status']} in the document"
    if not why and status >= 500 and document["code"] not in MAY_BE:
        why = "it is the hub's fault, it says"
    return why


def garbage(r):
    """Bytes that are hardly HTTP. The first line of an answer; nothing: it was shut, or left waiting."""
    line = r.choice([b"GET / HTTP/1.1\r\nHost: x\r\n", b"GET /v1/sites HTTP/1.1\r\n", b"POST /v1/apply HTTP/1.1\r\nHost: x\r\n",
                     b"PUT /v1/sites/a HTTP/1.0\r\n", b"\x16\x03\x01\x02\x00", b"GET /v1/sites\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                     b"OPTIONS * HTTP/1.1\r\nHost: x\r\n", b"HEAD /v1/sites HTTP/1.1\r\nHost: x\r\n"])
    more = b"".join(r.choice([b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n",
                              b"Content-Length: 3\r\nContent-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n",
                              b"Transfer-Encoding: gzip, chunked\r\n", b"Expect: 100-continue\r\n", b"X: " + b"y" * 9000 + b"\r\n",
                              b"If-Match: \"1\"\r\nIf-Match: \"2\"\r\n", b" folded\r\n", b"\x00: \xff\r\n", b"Connection: upgrade\r\n",
                              b"Host: x\r\n", b"X" * 100 + b": 1\r\n"]) for _ in range(r.randrange(4)))
    end = r.choice([b"\r\n", b"\r\n", b"", b"\r\nhello", b"\r\n5\r\nhello\r\n0\r\n\r\n", b"\r\nffffffffffffffffff\r\n", b"\n\n",
                    b"\r\n{}GET /v1/sites HTTP/1.1\r\nHost: x\r\n\r\n"])
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(0.2)
        s.connect(SOCKET)
        try:
            s.sendall(line + more + end)
            if r.random() < 0.5:
                s.shutdown(socket.SHUT_WR)
            return s.recv(65536).split(b"\r\n")[0]
        except OSError:
            return None


def main():
    calls, r = int(sys.argv[1]), random.Random(int(sys.argv[2]))
    counts, each, bad = collections.Counter(), collections.Counter(), 0
    of_sites = [o for o in operations if o[0] in ("/v1/sites", "/v1/sites/{site}") and o[1] != "get"]
    start = time.time()
    for i in range(calls):
        if i % 10 == 9:
            line = garbage(r)
            counts["no HTTP" if not line else "no HTTP " + line.split(b" ")[1].decode()] += 1
            if line and (not line.startswith(b"HTTP/1.") or line.split(b" ")[1][:1] == b"5" and line.split(b" ")[1] not in (b"501", b"505")):
                bad += 1
                print(f"FAIL  what is no HTTP: {line}", flush=True)
            continue
        path, method, o = r.choice(of_sites if r.random() < 0.3 else operations)
        made = call(r, path, method, o)
        try:
            status, text, headers = ask(SOCKET, *made)
            why = judge(o, status, text, headers)
        except Exception as e:      # whatever it is, the call has no answer that can be understood
            status, text, why = 0, "", repr(e)
        counts[status] += 1
        each[method, path, status == 200] += 1
        if status == 200 and path == "/v1/tokens/create":
            tokens.append(json.loads(text)["token"].split("_")[1])
        if why:
            bad += 1
            print(f"FAIL  {made}: {status} {text[:300]}: {why}"[:1500], flush=True)
        if not os.path.exists(f"/proc/{PID}"):
            print(f"FAIL  sluiced is gone after {made}")
            break
    never = [f"{m} {p}" for p, m, _ in operations if not each[m, p, True]]
    print(f"ok    {sum(counts.values())} calls in {time.time() - start:.0f} s: "
          + ", ".join(f"{n} {s}" for s, n in sorted(counts.items(), key=str)))
    print("      | never taken: " + (", ".join(never) or "none"), flush=True)
    sys.exit(1 if bad else 0)


main()
