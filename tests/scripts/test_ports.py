import socket

from scripts.ports import free_port


def test_a_port_is_free_and_is_not_given_twice() -> None:
    ports = [free_port() for _ in range(200)]
    assert len(set(ports)) == 200
    with socket.socket() as one:
        one.bind(("127.0.0.1", ports[0]))
