"""Files of the Worker as Python's file objects."""

import http.client
import io
import os
import re
import tempfile

from django.core.files import File

from .errors import WorkerError

BUFFER_BYTES = 64 * 1024
CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class Download(io.RawIOBase):
    """A file that is read as its bytes arrive. After a seek, the rest is requested with a range."""

    def __init__(self, client, path, name):
        self._client, self._path, self.name = client, path, name
        self._position = 0
        self._response = client.open("GET", path, name)
        # Where the response's next byte is in the file.
        self._at = 0
        length = self._response.headers.get("Content-Length")
        self.size = None if length is None else int(length)
        self._etag = self._response.headers.get("ETag")

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self._position

    def seek(self, offset, whence=io.SEEK_SET):
        if whence == io.SEEK_END and self.size is None:
            raise io.UnsupportedOperation("the length of the file is unknown")
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer):
        if self.closed:
            raise ValueError("I/O operation on closed file")
        if self.size is not None and self._position >= self.size:
            return 0
        if self._response is None or self._at != self._position:
            self._request_rest()
        try:
            count = self._response.readinto(buffer)
        except http.client.HTTPException as error:
            raise WorkerError(f"the download of {self.name!r} was interrupted") from error
        self._position += count
        self._at = self._position
        if count == 0 and len(buffer) > 0 and self.size is not None:
            raise WorkerError(f"the download of {self.name!r} ended after {self._position} of {self.size} bytes")
        return count

    def close(self):
        self._release()
        super().close()

    def _request_rest(self):
        self._release()
        headers = {"Range": f"bytes={self._position}-"}
        # If the file is replaced meanwhile, its parts don't belong together.
        if self._etag is not None and not self._etag.startswith("W/"):
            headers["If-Match"] = self._etag
        self._response = self._client.open("GET", self._path, self.name, headers)
        self._at = self._position
        found = CONTENT_RANGE.fullmatch(self._response.headers.get("Content-Range", ""))
        if self._response.status != 206 or not found or int(found[1]) != self._position:
            raise WorkerError(f"{self.name!r}: no answer with the range from {self._position}")

    def _release(self):
        response, self._response = getattr(self, "_response", None), None
        if response is not None:
            self._client.release(response)


class WorkerFile(File):
    """What `WorkerStorage.open` returns. What is written is stored when the file is closed, replacing the old one."""

    def __init__(self, storage, name, mode="rb"):
        super().__init__(None, name)
        self._storage = storage
        self._open(mode)

    def open(self, mode=None):
        """Begins again, also after the file was closed."""
        if self.closed or mode not in (None, self.mode):
            self.close()
            self._open(mode or self.mode)
        else:
            self.seek(0)
        return self

    def close(self):
        if self.closed:
            return
        try:
            if self._is_written:
                self.file.flush()
                self._written.seek(0)
                self._storage._replace(self.name, File(self._written))
        finally:
            self.file.close()

    def __exit__(self, kind, value, traceback):
        # What an error has interrupted is not a whole file.
        if kind is not None and self._is_written:
            self.file.close()
        self.close()

    @property
    def size(self):
        if self._is_written:
            self.file.flush()
            return os.fstat(self._written.fileno()).st_size
        if self._download.size is None:
            return self._storage.size(self.name)
        return self._download.size

    def _open(self, mode):
        kind = mode.replace("b", "").replace("t", "")
        if kind not in ("r", "w"):
            raise ValueError(f"mode {mode!r}: files of a Worker are opened with 'r' or 'w', and 'b'")
        self._is_written = kind == "w"
        if self._is_written:
            file = self._written = tempfile.TemporaryFile()
        else:
            self._download = self._storage._download(self.name)
            file = io.BufferedReader(self._download, BUFFER_BYTES)
        self.file = file if "b" in mode else io.TextIOWrapper(file, encoding="utf-8")
        self.mode = mode
