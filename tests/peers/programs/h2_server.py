"""A server on Python's h2. Argument: JSON of {cert, key, settings, pad, limit}. Prints `listening PORT`. What a path
gets is as in server.ts; `/fields/N` has N fields of 1,000 octets, `/early` a 103 first."""

import json
import socket
import ssl
import sys
import threading

import h2.config
import h2.connection
import h2.events
import h2.exceptions

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from common import fields_digest, give_back, pattern, start


class Stream:
    def __init__(self):
        self.out = bytearray()
        self.at = 0
        self.ended = False
        self.trailers = None
        self.over = False


def pump(connection, id, stream, pad):
    while not stream.over:
        left = len(stream.out) - stream.at
        if left == 0:
            stream.out.clear()
            stream.at = 0
            if stream.ended:
                stream.over = True
                if stream.trailers:
                    connection.send_headers(id, stream.trailers, end_stream=True)
                else:
                    connection.end_stream(id)
            return
        window = min(connection.local_flow_control_window(id), connection.max_outbound_frame_size)
        if pad is not None:
            window -= pad + 1
        if window <= 0:
            return
        piece = bytes(stream.out[stream.at : stream.at + window])
        stream.at += len(piece)
        connection.send_data(id, piece, pad_length=pad)


def serve(sock, options):
    config = h2.config.H2Configuration(client_side=False, header_encoding="latin-1")
    connection = h2.connection.H2Connection(config)
    start(connection, False, options.get("settings", {}))
    sock.sendall(connection.data_to_send())
    streams = {}
    pad = options.get("pad")
    while True:
        data = sock.recv(1 << 18)
        if not data:
            return
        events = connection.receive_data(data)
        for event in events:
            id = getattr(event, "stream_id", None)
            if isinstance(event, h2.events.RequestReceived):
                fields = dict(event.headers)
                _, kind, *count = fields[":path"].split("/")
                stream = streams[id] = Stream()
                answer = [(":status", "200"), ("seen", fields_digest(event.headers))]
                if kind == "fields":
                    answer += [(f"x-field-{i}", "%04d" % i + "v" * 996) for i in range(int(count[0]))]
                if kind == "early":
                    connection.send_headers(id, [(":status", "103"), ("link", "</style.css>")])
                if kind == "bytes":
                    stream.out += pattern(int(count[0]))
                connection.send_headers(id, answer)
            elif isinstance(event, h2.events.DataReceived):
                streams[id].out += event.data
                give_back(connection, event)
            elif isinstance(event, h2.events.TrailersReceived):
                streams[id].trailers = event.headers
            elif isinstance(event, h2.events.StreamEnded):
                streams[id].ended = True
            elif isinstance(event, h2.events.StreamReset):
                streams[id].over = True
        for id, stream in list(streams.items()):
            pump(connection, id, stream, pad)
            if stream.over:
                del streams[id]
        sock.sendall(connection.data_to_send())


def attend(sock, options):
    try:
        serve(sock, options)
    except (OSError, h2.exceptions.ProtocolError) as error:
        print("lost", repr(error), flush=True)
    finally:
        sock.close()


def main():
    options = json.loads(sys.argv[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options["cert"], options["key"])
    context.set_alpn_protocols(["h2"])
    listener = socket.create_server(("127.0.0.1", 0))
    print("listening", listener.getsockname()[1], flush=True)
    while True:
        raw, _ = listener.accept()
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            sock = context.wrap_socket(raw, server_side=True)
        except OSError:
            continue
        threading.Thread(target=attend, args=(sock, options), daemon=True).start()


main()
