# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml for tests: its operations, whether an answer is what it says, and a client of the control socket."""
import copy
import http.client
import json
import re
import socket
import urllib.parse

import yaml
from jsonschema import Draft202012Validator, FormatChecker

contract = yaml.safe_load(open("docs/openapi.yaml"))
formats = FormatChecker(formats=())
formats.checks("date-time")(
    lambda v: not isinstance(v, str) or bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", v)))
operations = [(path, method, o) for path, methods in contract["paths"].items() for method, o in methods.items()]


def nodes(o, at=""):
    yield at, o
    for k, v in o.items() if isinstance(o, dict) else enumerate(o) if isinstance(o, list) else ():
        yield from nodes(v, f"{at}/{k}")


def resolve(o):
    while isinstance(o, dict) and "$ref" in o:
        at = contract
        for name in o["$ref"].removeprefix("#/").split("/"):
            at = at[name]
        o = at
    return o


# A member that the contract does not name is a mistake here, though clients are to expect it.
closed = copy.deepcopy(contract["components"])
for _, o in nodes(closed):
    if isinstance(o, dict) and isinstance(o.get("properties"), dict) and "required" not in o["properties"]:
        o.setdefault("additionalProperties", False)


def wrong(schema, document):
    """What is wrong with a document; "": nothing"""
    v = Draft202012Validator({**schema, "components": closed}, format_checker=formats)
    return "; ".join(f"{e.json_path}: {e.message[:200]}" for e in v.iter_errors(document))


def schema_of(operation):
    """Of its answer."""
    return operation["responses"]["200"]["content"]["application/json"]["schema"]


class Control(http.client.HTTPConnection):
    def __init__(self, path, timeout=20):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(path_of_socket, method, path, query=None, body=None, headers=None):
    """The status, the text and the headers of an answer. What is no text is sent as JSON; None: no body."""
    c = Control(path_of_socket)
    query = {n: "true" if v is True else v for n, v in (query or {}).items()}
    url = path + ("?" + urllib.parse.urlencode(query) if query else "")
    data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
    try:
        c.request(method.upper(), url, data, headers or {})
        r = c.getresponse()
        return r.status, r.read().decode(), r.headers
    finally:
        c.close()
