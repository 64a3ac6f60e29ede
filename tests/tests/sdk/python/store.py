"""As much of an S3 store as the client needs: objects in memory."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import threading


class Store:
    def __init__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Requests)
        self.server.objects = {}
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def environment(self):
        return {
            "AWS_S3_ENDPOINT": "127.0.0.1:%d" % self.server.server_address[1],
            "AWS_S3_ACCESSKEY": "nobody",
            "AWS_S3_SECRETKEY": "secret",
            "AWS_S3_REGION": "us-east-1",
            "AWS_S3_TLS": "false",
            "AWS_S3_BUCKET": "bucket",
            "AWS_S3_SKIPVERIFY": "true",
            # Checksums at the end of a body would need a parser here.
            "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
            "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        }

    def close(self):
        self.server.shutdown()


class Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"0"')
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        found = self.path == "/bucket" or self.path in self.server.objects
        self.answer(200 if found else 404, self.server.objects.get(self.path, b""))

    def do_GET(self):
        if self.path in self.server.objects:
            self.answer(200, self.server.objects[self.path])
        else:
            self.answer(404)

    def do_PUT(self):
        self.server.objects[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def do_DELETE(self):
        self.server.objects.pop(self.path, None)
        self.answer(204)

    def log_message(self, *_):
        pass
