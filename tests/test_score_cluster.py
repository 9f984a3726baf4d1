"""A cluster gives the bytes that one machine gives, also when it loses a worker midway."""

import hashlib


def bytes_of(folder):
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.iterdir())
        if path.name.startswith("part-")
    }
