#!/usr/bin/env bash
# MLflow's client of a scoring server sends a missing number as NaN, which is no JSON.
#
# Version: mlflow-skinny 3.17.2 (Python 3.11).
# Behaviour: ScoringServerClient.invoke of a data frame with a missing value puts the bare word NaN into the body, under the content
# type application/json. Parsers that keep to RFC 8259 refuse the whole request: a server written with one answers 400 to
# MLflow's own client as soon as a value is missing.
# Expected: null, which is what JSON has for it.
# Fails when the behaviour changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mlflow-skinny==3.17.2 pandas==2.3.3 numpy==2.4.6 requests==2.34.2 scipy==1.17.1
cd "$folder"
cat > ask.py <<'PY'
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

bodies = []


class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        bodies.append((self.headers["Content-Type"], self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"predictions": [0.5, 0.5]}')

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = ScoringServerClient("127.0.0.1", server.server_port)
client.invoke(pd.DataFrame({"views": [3.0, None]}))
((content_type, body),) = bodies
print(content_type, body.decode())
assert content_type == "application/json"


def refuse(word):
    raise ValueError(f"{word} is no JSON")


try:
    json.loads(body, parse_constant=refuse)
except ValueError as error:
    print("a parser by the standard:", error)
else:
    raise SystemExit("the body is JSON")
PY
MLFLOW_DISABLE_TELEMETRY=true "$folder/venv/bin/python" ask.py
