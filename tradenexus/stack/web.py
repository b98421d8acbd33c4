"""The web process: uvicorn on a socket the supervisor listens on, so that a restart refuses no connection.

Clients that connect while the server is being restarted wait in the socket's queue and are answered by the new process.
"""

import socket
import sys

import uvicorn


def serve(application: str, descriptor: int) -> None:
    """Serve an ASGI application on an inherited listening socket until SIGTERM."""
    config = uvicorn.Config(
        application, http="httptools", access_log=False, timeout_graceful_shutdown=8, log_level="warning"
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
