"""A client on Python's h2. Argument: JSON of {port, ca, settings, batches}; a batch is a list of requests that run
together: {path, size, seed, headers, header_octets, trailers, pad, piece}. Prints one JSON line per batch."""

import hashlib
import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from common import fields_digest, give_back, pattern, start


class Request:
    def __init__(self, spec, connection):
        self.spec = spec
        self.id = connection.get_next_available_stream_id()
        self.body = pattern(spec["size"], spec.get("seed", 1)) if "size" in spec else None
        self.sent = 0
        self.sending = self.body is not None
        self.hash = hashlib.sha256()
        self.answer = {"id": self.id, "informational": 0, "length": 0}
        self.done = False
        headers = [
            (":method", "POST" if self.sending else "GET"),
            (":scheme", "https"),
            (":path", spec.get("path", "/echo")),
            (":authority", "localhost"),
        ]
        headers += [tuple(each) for each in spec.get("headers", [])]
        # Fields of 10,000 octets.
        for i in range(spec.get("header_octets", 0) // 10_000):
            headers.append((f"x-large-{i}", "%04d" % i + "v" * 9_996))
        self.answer["seen"] = fields_digest(headers)
        connection.send_headers(self.id, headers, end_stream=not self.sending)

    def pump(self, connection):
        pad = self.spec.get("pad")
        while self.sending:
            window = min(connection.local_flow_control_window(self.id), connection.max_outbound_frame_size)
            if pad is not None:
                window -= pad + 1
            left = len(self.body) - self.sent
            if window < min(left, 1):
                return
            piece = self.body[self.sent : self.sent + min(window, self.spec.get("piece", left))]
            self.sent += len(piece)
            last = self.sent == len(self.body)
            trailers = self.spec.get("trailers")
            connection.send_data(self.id, piece, end_stream=last and not trailers, pad_length=pad)
            if last:
                self.sending = False
                if trailers:
                    connection.send_headers(self.id, [tuple(each) for each in trailers], end_stream=True)


def run(connection, sock, specs):
    requests = {}
    queue = list(specs)
    while True:
        while queue and connection.open_outbound_streams < connection.remote_settings.max_concurrent_streams:
            request = Request(queue.pop(0), connection)
            requests[request.id] = request
        for request in requests.values():
            if not request.done:
                request.pump(connection)
        sock.sendall(connection.data_to_send())
        if not queue and all(each.done for each in requests.values()):
            return [each.answer for each in requests.values()]
        data = sock.recv(1 << 18)
        if not data:
            return [dict(each.answer, lost=True) for each in requests.values()]
        for event in connection.receive_data(data):
            request = requests.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.ConnectionTerminated):
                return [dict(each.answer, goaway=event.error_code) for each in requests.values()]
            if request is None:
                continue
            answer = request.answer
            if isinstance(event, h2.events.ResponseReceived):
                fields = dict(event.headers)
                answer["status"] = fields[":status"]
                answer["seen_there"] = fields.get("seen")
                answer["fields"] = fields_digest(event.headers)
                answer["field_count"] = len(event.headers)
            elif isinstance(event, h2.events.InformationalResponseReceived):
                answer["informational"] += 1
            elif isinstance(event, h2.events.TrailersReceived):
                answer["trailers"] = [list(each) for each in event.headers]
            elif isinstance(event, h2.events.DataReceived):
                request.hash.update(event.data)
                answer["length"] += len(event.data)
                give_back(connection, event)
            elif isinstance(event, h2.events.StreamEnded):
                answer["sha256"] = request.hash.hexdigest()
                request.done = True
                if request.sending:
                    connection.reset_stream(request.id, 8)
                    request.sending = False
            elif isinstance(event, h2.events.StreamReset):
                answer["reset"] = int(event.error_code)
                request.done = True
                request.sending = False


def main():
    options = json.loads(sys.argv[1])
    context = ssl.create_default_context(cafile=options["ca"])
    context.set_alpn_protocols(["h2"])
    raw = socket.create_connection(("127.0.0.1", options["port"]))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock = context.wrap_socket(raw, server_hostname="localhost")
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="latin-1"))
    start(connection, True, options.get("settings", {}))
    # The server waits for it, and a body takes its time to make.
    sock.sendall(connection.data_to_send())
    for batch in options["batches"]:
        print(json.dumps(run(connection, sock, batch)), flush=True)
    connection.close_connection()
    sock.sendall(connection.data_to_send())
    sock.close()


main()
