"""An agent in Python without any package: POST /run, an answer of one JSON object a line."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PACE_SECONDS = 0.05


class Handler(BaseHTTPRequestHandler):
    """Repeats what the user said, word by word, as often as is asked for."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        words = body["messages"][-1]["content"].split()
        times = 1_000 if "forever" in words else 1
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.end_headers()
        try:
            for word in words * times:
                self.say({"text": word + " "})
                time.sleep(PACE_SECONDS)
            count = len(words) * times
            usage = {"prompt_tokens": len(words), "completion_tokens": count}
            self.say({"usage": {**usage, "total_tokens": len(words) + count}})
            print("finished", flush=True)
        except (BrokenPipeError, ConnectionResetError):
            # The caller left, and the worker closed the connection.
            print("stopped", flush=True)

    def say(self, line):
        self.wfile.write(json.dumps(line).encode() + b"\n")

    def log_message(self, format, *args):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8001"))), Handler)
    print("listening on", server.server_port, flush=True)
    server.serve_forever()
