# SPDX-License-Identifier: Apache-2.0
# usage: openapi.py SOCKET, of fake_control; see openapi.sh
#        openapi.py SOCKET live, of sluiced with a site-1: only that what is there to read is what the contract says
import json
import pathlib
import re
import sys

from jsonschema import Draft202012Validator

import contract as api
from contract import contract, nodes, operations, resolve, schema_of, wrong

failed = 0
golden = {f.stem: json.loads(f.read_text()) for f in pathlib.Path("tests/golden").glob("*.json")}


def say(ok, what, why=""):
    global failed
    failed |= not ok
    print(f"ok   {what}" if ok else f"FAIL {what}: {why}")


# ---- the contract itself ----
try:
    import openapi_spec_validator
    openapi_spec_validator.validate_spec(contract)
    say(True, "a validator of OpenAPI takes it")
except ImportError:
    pass  # Debian 12 has none
for at, o in nodes(contract):
    if isinstance(o, dict) and "$ref" in o:
        try:
            resolve(o)
        except KeyError:
            say(False, at, f"{o['$ref']} is nowhere")
used = {o["$ref"] for _, o in nodes(contract) if isinstance(o, dict) and "$ref" in o}
for kind, things in contract["components"].items():
    for name in things:
        if kind != "securitySchemes" and f"#/components/{kind}/{name}" not in used:
            say(False, f"components/{kind}/{name}", "nothing refers to it")
for name, schema in contract["components"]["schemas"].items():
    Draft202012Validator.check_schema(schema)
ids = [o["operationId"] for _, _, o in operations]
say(len(ids) == len(set(ids)), "operations have names of their own", ids)

# ---- what the sources say ----
verbs = open("user/ipc/verbs.c").read()
for name, value in re.findall(r'#define (API_\w+_PATH) +("/v1/[^"]*")', open("user/ipc/msg_api.h").read()):
    verbs = verbs.replace(name, value)
rows = re.findall(r"\t\[API_\w+\] = \{(.*?)\n?\},\n(?=\t\[|\})", verbs, re.S)
def method_of(row):
    own = re.search(r'\.method = "([A-Z]+)"', row)
    return own[1].lower() if own else "get" if "RIGHT_READ" in row else "post"


paths = {(p, method_of(row)): row for row in rows for p in re.findall(r'"(/v1/[^"]*)"', row)}
say(len(rows) > 20 and set(paths) == {(p, m) for p, m, _ in operations}, "each path of a verb is in it, and no other",
    set(paths) ^ {(p, m) for p, m, _ in operations})
problems = re.findall(r'\{(\d+), "(.*?)", "(.*?)"\}', open("user/ipc/problem.c").read())
problem = contract["components"]["schemas"]["Problem"]
say({c for _, _, c in problems} == set(problem["properties"]["code"]["enum"]), "each code of a refusal is in it, and no other")


# ---- documents ----
by_verb = {}
for (path, method), row in paths.items():
    words = re.match(r'\s*"([a-z -]+)"', row)
    if words:
        by_verb.setdefault(words[1].replace(" ", "-"), contract["paths"][path][method])
for name, document in golden.items():
    verb = max((v for v in by_verb if name == v or name.startswith(v + "-")), key=len, default=None)
    if not verb:
        say(False, f"{name}.json", "no verb answers so")
        continue
    schema = schema_of(by_verb[verb])
    why = wrong(schema, document)
    say(not why, f"{name}.json is what {by_verb[verb]['operationId']} answers", why)
    more, less = dict(document, nonsense=1), dict(document)
    less.pop(next(iter(less)) if verb != "show-route" else "paths")
    say(wrong(schema, more) and wrong(schema, less), f"{name}.json: one member more or less is noticed")


# ---- requests, understood by the daemon's own parser ----
def ask(method, path, query, body):
    return api.ask(sys.argv[1], method, path, query, body or None)[:2]


def sample(name, schema):
    kind = resolve(schema)["type"]
    text = {"prefix": "10.1.0.0/24", "step": "shift", "role": "viewer", "scope": "group=a", "token": "0badcafe", "secret": "store-1.0",
            "allow": "tunnel", "fail": "hub", "kind": "bgp,config", "since": "2026-11-30T02:13:00Z",
            "until": "2099-11-30T02:13:00+01:00", "around": "2026-11-30T02:13:00.5Z", "If-Match": '"1"'}
    return {"boolean": True, "integer": 1, "string": text.get(name, "store-1"), "object": {"rate": "5M"},
            "array": [{"site": "store-1", "values": {"rate": "5M"}}]}[kind]


def parameters(operation):
    """{name: (where, required, a value)}"""
    found = {}
    for p in map(resolve, operation.get("parameters", [])):
        found[p["name"]] = (p["in"], p.get("required", False), sample(p["name"], p["schema"]))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for name, schema in body.get("properties", {}).items():
        found[name] = ("body", name in body.get("required", []), sample(name, schema))
    return found


if sys.argv[2:] == ["live"]:
    for path, method, o in operations:
        named = {"site": "site-1", "new": "site-2", "prefix": "10.1.0.10", "tunnel": 0}
        own = {n: named.get(n, v) for n, (_, _, v) in parameters(o).items()}
        if method != "get":
            continue
        url = re.sub(r"\{(\w+)\}", lambda m: str(own[m[1]]), path)
        needed = {n: own[n] for n, (at, required, _) in parameters(o).items() if at == "query" and required}
        for query in [needed] + [{**needed, n: own[n]} for n in own if n in ("site", "since_s") and "{" + n not in path]:
            status, text = ask(method, url, query, {})
            if path == "/v1/diff" and status == 404:
                continue  # there may be one revision only
            why = text if status != 200 else ""
            if not why and "application/json" in o["responses"]["200"]["content"]:
                why = wrong(schema_of(o), json.loads(text))
            say(not why, f"{url} {query}: answered as it says", why)
    sys.exit(failed)

every = {name: value for _, _, o in operations for name, value in parameters(o).items()}
for path, method, o in operations:
    own = parameters(o)
    url = re.sub(r"\{(\w+)\}", lambda m: str(own[m[1]][2]), path)
    where = "query" if method in ("get", "delete") else "body"
    needed = {n: v for n, (at, required, v) in own.items() if at == where and required}
    taken = [{}] + [{n: v} for n, (at, _, v) in own.items() if at == where]
    bad = []
    for one in taken:
        given = {**needed, **one, **({"from": 1} if "to" in one else {})}
        status, text = ask(method, url, given if where == "query" else {}, given if where == "body" else {})
        why = status != 200 and text
        if status == 200 and "application/json" in o["responses"]["200"]["content"]:
            why = wrong(schema_of(o), json.loads(text))
        bad += [f"{given}: {why}"] if why else []
    say(not bad, f"{method} {path}: taken and answered as it says", bad)
    for name in {n for n, (at, _, _) in every.items() if at != "header"} - set(own) | {"nonsense"}:
        given = {**needed, name: every.get(name, (0, 0, 1))[2]}
        status, text = ask(method, url, given if where == "query" else {}, given if where == "body" else {})
        why = status != 400 and text or wrong({"$ref": "#/components/schemas/Problem"}, json.loads(text))
        if why:
            say(False, f"{method} {path} with {name}", why)
    for name in needed:
        status, text = ask(method, url, {}, {})
        say(status == 400, f"{method} {path} without {name} is refused", text)
    other = next(m for m in ("post", "get", "delete") if m not in contract["paths"][path])
    say(ask(other, url, {}, {})[0] == 405, f"{other} {path} is refused")
sys.exit(failed)
