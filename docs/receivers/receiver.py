"""A receiver of webhooks: refuses what was not signed with the secret, and takes each event once and in order.

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_... python receiver.py 8080

It remembers in memory. Yours remembers in its database, in the transaction in which it does what the event asks for.
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MOST_BYTES = 1_000_000
webhook = Webhook(os.environ["WEBHOOK_SECRET"])
lock = threading.Lock()
seen = {}  # the ids of what was taken: the oldest go first
latest = {}  # the version of each record that was taken last


def take(message_id, sequence, event):
    """An event can come twice, and after a replay an old one can come late."""
    if message_id in seen:
        return "duplicate"
    seen[message_id] = True
    if len(seen) > 100_000:
        del seen[next(iter(seen))]
    if sequence <= latest.get(event["recordId"], 0):
        return "stale"
    latest[event["recordId"]] = sequence
    return "taken"  # here you do what the event is for, or put it into a queue of your own


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        length = int(self.headers.get("Content-Length", MOST_BYTES + 1))
        if length > MOST_BYTES:
            self.close_connection = True
            return self.answer(413)
        body = self.rfile.read(length)  # as it came: parsed and written anew it would have another signature
        try:
            webhook.verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError:
            print("refused", flush=True)
            return self.answer(400)
        event = json.loads(body)
        message_id, sequence = self.headers["webhook-id"], int(self.headers["webhook-sequence"])
        with lock:
            print(take(message_id, sequence, event), event["type"], event["recordId"], sequence, flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver)
print("listening on port", server.server_port, flush=True)
server.serve_forever()
