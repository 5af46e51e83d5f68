"""Large files are never in memory as a whole."""

import hashlib
import io
import re
from pathlib import Path

from django.core.files.base import File

from .workers import WorkerTestCase

MIB = 1024 * 1024
SIZE = 200 * MIB
ALLOWED_GROWTH = 24 * MIB


class Memory(WorkerTestCase):
    def test_200_mib_go_up_and_come_down(self):
        files = self.storage("single")
        files.save("warm up", Generated(MIB))
        self.read(files, "warm up")
        before = peak()

        content = Generated(SIZE)
        self.assertEqual(files.save("large.bin", content), "large.bin")
        received = hashlib.sha256()
        with files.open("large.bin") as file:
            self.assertEqual(file.size, SIZE)
            for chunk in file.chunks():
                received.update(chunk)
            self.assertEqual(file.tell(), SIZE)
            file.seek(SIZE - 10)
            self.assertEqual(len(file.read()), 10)
        self.assertEqual(received.digest(), content.sent.digest())
        self.assertLess(peak() - before, ALLOWED_GROWTH)

        files.delete("large.bin")

    def test_so_do_files_of_unknown_length(self):
        files = self.storage("single")
        before = peak()
        content = Generated(64 * MIB)
        content.size = None
        self.assertEqual(files.save("large.bin", content), "large.bin")
        self.assertEqual(files.size("large.bin"), 64 * MIB)
        self.assertLess(peak() - before, ALLOWED_GROWTH)


class Generated(File):
    """Bytes that exist only while they are read."""

    def __init__(self, size):
        super().__init__(io.BytesIO(), "generated")
        self.size, self.length = size, size
        self.sent = hashlib.sha256()

    def chunks(self, chunk_size=File.DEFAULT_CHUNK_SIZE):
        for at in range(0, self.length, chunk_size):
            chunk = at.to_bytes(8, "big") * (min(chunk_size, self.length - at) // 8)
            self.sent.update(chunk)
            yield chunk


def peak():
    """The most memory that this process has used, in bytes."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024
