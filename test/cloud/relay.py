"""A port that passes bytes on to another one, until it is cut off."""

import select
import socket
import threading

CHUNK = 1 << 16


class Relay:
    """`cut`: connections stay, and nothing passes; new ones are accepted and get no answer. `mend`:
    what was held passes. As a network that loses packets for a while, and not as one that says
    so."""

    def __init__(self, port=0):
        """`port`: where it passes to; it may be set later."""
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.is_open = threading.Event()
        self.is_open.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self):
        self.is_open.clear()

    def mend(self):
        self.is_open.set()

    def close(self):
        self.mend()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client):
        self.is_open.wait()
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 5)
        except OSError:
            client.close()
            return
        with client, server:
            self._pass(client, server)

    def _pass(self, client, server):
        other = {client: server, server: client}
        while True:
            ready, _, _ = select.select([client, server], [], [], 1)
            self.is_open.wait()
            for one in ready:
                try:
                    chunk = one.recv(CHUNK)
                    other[one].sendall(chunk)
                except OSError:
                    return
                if not chunk:
                    return
