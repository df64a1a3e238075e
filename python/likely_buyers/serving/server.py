"""The server: uvicorn on an address, with what a stage needs around it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from threadpoolctl import threadpool_limits

from likely_buyers.serving.app import application
from likely_buyers.serving.errors import ServingError
from likely_buyers.serving.gate import Limits, Token, read_tokens
from likely_buyers.serving.state import Serving
from likely_buyers.terminal import say

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Address:
    """Where it listens, who may ask, and by which key it is known.

    Attributes:
        host: an address of this machine.
        port: 0 takes a free one.
        tokens: file of bearer tokens; None asks for none.
        certificate: PEM file; None is plain HTTP.
        key: PEM file of the certificate's key.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    tokens: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    limits: Limits = field(default_factory=Limits)


class TokenFile:
    """Its tokens, read again once it has changed. One that cannot be read is told once, and the tokens stay."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._refused = ""
        self._stamp = self._stamped()
        self._tokens = self._read()

    def __call__(self) -> Sequence[Token]:
        """Those that are known now."""
        try:
            stamp = self._stamped()
            if stamp != self._stamp:
                self._tokens = self._read()
                # of one that was read: one that is refused is tried again, whatever it waits for
                self._stamp = stamp
            self._refused = ""
        except ServingError as error:
            if str(error) != self._refused:
                say(f"tokens as they were: {error}")
            self._refused = str(error)
        return self._tokens

    def _stamped(self) -> tuple[int, ...] | None:
        """Another one after any change, of owner and mode, too; None where there is no file."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def _read(self) -> Sequence[Token]:
        tokens = read_tokens(self._file)
        if over := [
            f"that of {token.name} held until {token.until}" for token in tokens if token.is_over
        ]:
            nobody = " No other is there, so nobody may ask." if len(over) == len(tokens) else ""
            say(
                f"tokens of {self._file} are over: {', '.join(over)}.{nobody} Replace them: NAME TOKEN [last day]"
            )
        return tokens


def check_address(address: Address) -> None:
    """Whether it can be meant.

    Raises:
        ServingError: users' scores would be open to a network, or files are missing.
    """
    if address.host not in _LOOPBACK and address.tokens is None:
        raise ServingError(
            f"--host {address.host} is open to others than this machine, and nobody is asked for a token. Name a"
            " file of tokens, --tokens FILE, or leave --host out."
        )
    if (address.certificate is None) != (address.key is None):
        raise ServingError("--tls-certificate and --tls-key belong together: give both, or none.")
    for file in (address.certificate, address.key):
        if file and not file.is_file():
            raise ServingError(f"there is no file {file}, which TLS needs.")


def serve(
    serving: Serving,
    address: Address,
    refresh_seconds: float,
    started: Callable[[uvicorn.Server], None] | None = None,
) -> None:
    """Serve until the process is told to stop.

    Args:
        serving: what is served.
        address: where.
        refresh_seconds: how often to look for newer models and a newer copy.
        started: called with the server before it listens.

    Raises:
        ServingError: the address cannot be meant, or is taken.
    """
    check_address(address)
    tokens = TokenFile(address.tokens) if address.tokens else None
    config = uvicorn.Config(
        application(serving, address.limits, tokens),
        host=address.host,
        port=address.port,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
        log_level="warning",
        # a line would name a user
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
        lifespan="on",
    )
    server = uvicorn.Server(config)
    if started:
        started(server)
    # one row is no work for several threads: they wait for each other
    with threadpool_limits(limits=1):
        serving.refresh()
        threading.Thread(target=_announce, args=(server, address), daemon=True).start()
        serving.watch(refresh_seconds)
        try:
            server.run()
        except SystemExit as error:
            raise ServingError(
                f"port {address.port} of {address.host} cannot be listened on: is another server there? Choose another:"
                " --port"
            ) from error
        finally:
            serving.stop()


def _announce(server: uvicorn.Server, address: Address) -> None:
    waited = threading.Event()
    while not server.started and not server.should_exit:
        waited.wait(0.02)
    for one in server.servers:
        for socket in one.sockets:
            scheme = "https" if address.certificate else "http"
            say(f"listening on {scheme}://{address.host}:{socket.getsockname()[1]}")
