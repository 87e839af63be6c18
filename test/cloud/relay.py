"""A port that passes bytes on to another one, until it is cut off."""

import select
import socket
import threading

CHUNK = 1 << 16


class Relay:
    """`cut`: connections stay, and nothing passes; new ones are accepted and get no answer. `mend`:
    what was held passes. As a network that loses packets for a while, and not as one that says
    so. `refuse`, until `mend`: connections end, and new ones are refused."""

    def __init__(self, port=0):
        """`port`: where it passes to; it may be set later."""
        self.target = port
        self.port = 0
        self.is_open = threading.Event()
        self.is_open.set()
        self.connections = set()
        self._listen()

    def cut(self):
        self.is_open.clear()

    def refuse(self):
        self._stop_listening()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has ended meanwhile

    def mend(self):
        self.is_open.set()
        if self.listener is None:
            self._listen()

    def close(self):
        self.is_open.set()
        self._stop_listening()

    def _listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def _stop_listening(self):
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)  # ends the thread that accepts
            self.listener.close()
            self.listener = None

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
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
            self.connections.add(client)
            self._pass(client, server)
            self.connections.discard(client)

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
