"""Ports to give to servers: below those that the system hands out, and apart from those of other tests."""

import itertools
import os
import socket

FIRST, LAST = 15_000, 32_000  # the system takes its own from 32,768 on (Linux) or 49,152 on (IANA)
APART = 1_009  # tests that run beside each other are neighbours by process id
_numbers = itertools.count(os.getpid() * APART)


def free_port():
    """A port of 127.0.0.1 that neither UDP nor TCP uses, and that this process has not been given before."""
    for number in itertools.islice(_numbers, LAST - FIRST):
        address = "127.0.0.1", FIRST + number % (LAST - FIRST)
        with socket.socket(type=socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind(address)
                tcp.bind(address)
            except OSError:
                continue
        return address[1]
    raise OSError("every port is taken")
