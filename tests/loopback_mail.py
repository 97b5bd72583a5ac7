"""A mail server on loopback that keeps what it is handed."""

import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_string, policy
from email.message import EmailMessage
from typing import Any

import pytest


@dataclass
class Post:
    """A mail server on this machine: what it was handed, and what it answers to a message."""

    port: int = 0
    answers: list[str] = field(default_factory=list)
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            to: list[str] = []
            self.say("220 here")
            while line := self.rfile.readline().decode().strip():
                word = line.split(" ")[0].upper()
                if word == "DATA":
                    self.say("354 go on")
                    self.take(to)
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                else:
                    if word == "RCPT":
                        to.append(line.partition("<")[2].partition(">")[0])
                    self.say("250 fine")

        def say(self, words: str) -> None:
            self.wfile.write(f"{words}\r\n".encode())

        def take(self, to: list[str]) -> None:
            lines = iter(self.rfile.readline, b".\r\n")
            text = b"".join(lines).decode()
            answer = made.answers.pop(0) if made.answers else "250 taken"
            if answer.startswith("250"):
                made.mails.append((list(to), message_from_string(text, policy=policy.default)))
            self.say(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()


def by_mail(post: Post) -> dict[str, Any]:
    said = {"host": "127.0.0.1", "port": post.port, "security": "none", "sender": "gtm@example.org"}
    return {"email": said | {"to": "ann@example.org", "escalate_to": "ben@example.org"}}
