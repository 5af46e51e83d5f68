"""The storage class."""

import base64
import hashlib
import hmac
import itertools
import posixpath
import time
from datetime import datetime
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.storage import Storage
from django.utils import timezone

from .client import Client, encode_name
from .errors import WorkerError
from .files import Download, WorkerFile

SETTING = "FALLBACK_STORAGE"
CHUNK_BYTES = 64 * 1024
DEFAULT_EXPIRY = 60 * 60
# They must not end up in migrations, which are under version control.
SECRETS = ("token", "signing_key")
# A backend failed, or its answer came too late: whether it has a file is unknown.
UNDECIDED = (502, 503, 504)


class WorkerStorage(Storage):
    """
    Files in a fallback-storage Worker. Options that are not given as arguments, or as OPTIONS in STORAGES, are taken from
    the setting FALLBACK_STORAGE.

    base_url      the Worker's media root, e.g. "https://media.example.com/"
    token         a bearer token with the scope "write"
    location      a directory: all names are below it
    media_url     what URLs begin with, if browsers reach the media root by another URL
    signing_key   (id, key), one of URL_SIGNING_KEYS: `url` signs, for MEDIA_ACCESS = "signed"
    expires_in    how many seconds signed URLs are valid; default: an hour
    urls_from_api asks the Worker for each URL, for backends with a `public_url` and presigned URLs
    timeout       seconds without a byte from the Worker after which a request fails; default: 30
    """

    def __init__(self, **options):
        self._options = options
        self._configure(**{**getattr(settings, SETTING, {}), **options})

    def _configure(
        self,
        *,
        base_url=None,
        token=None,
        location="",
        media_url=None,
        signing_key=None,
        expires_in=None,
        urls_from_api=False,
        timeout=30,
    ):
        for option, url in (("base_url", base_url), ("media_url", media_url or base_url)):
            parts = urlsplit(url or "")
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
                raise ImproperlyConfigured(
                    f"{option} must be the URL of a Worker's media root, like https://media.example.com/, not {url!r}"
                )
        self._client = Client(_with_slash(base_url), token, timeout)
        self._location = _with_slash(location.strip("/"))
        self._media_url = _with_slash(media_url or base_url)
        self._signing_key, self._expires_in, self._urls_from_api = signing_key, expires_in, urls_from_api

    def deconstruct(self):
        options = {option: value for option, value in self._options.items() if option not in SECRETS}
        return "fallback_storage_django.WorkerStorage", (), options

    def delete(self, name):
        if not name:
            raise ValueError("The name must be given to delete().")
        self._call("DELETE", "delete", name)

    def exists(self, name):
        return self._call("GET", "exists", name)["exists"]

    def listdir(self, path):
        path = str(path).strip("/")
        key = self._location if path in ("", ".") else self._key(path)
        directories, files, cursor = [], [], None
        while True:
            query = f"?{urlencode({'cursor': cursor})}" if cursor else ""
            page = self._client.call("GET", f"-/api/listdir/{encode_name(key)}{query}", path)
            _check_complete(page, path)
            directories += page["directories"]
            files += page["files"]
            cursor = page["cursor"]
            if cursor is None:
                return directories, files

    def size(self, name):
        return self._call("GET", "size", name)["size"]

    def url(self, name):
        key = self._key(name)
        if self._urls_from_api:
            query = f"?expires_in={self._expires_in}" if self._expires_in else ""
            return self._client.call("GET", f"-/api/url/{encode_name(key)}{query}", name)["url"]
        url = self._media_url + encode_name(key)
        return url + self._signature(url) if self._signing_key else url

    def get_accessed_time(self, name):
        return self._time(name, "accessed_time")

    def get_created_time(self, name):
        return self._time(name, "created_time")

    def get_modified_time(self, name):
        return self._time(name, "modified_time")

    def get_available_name(self, name, max_length=None):
        name = str(name).replace("\\", "/")
        try:
            return super().get_available_name(name, max_length)
        except WorkerError as error:
            if error.status not in UNDECIDED:
                raise
            # A backend that fails may have the file. A random name is free all the same.
            return self._random_name(name, max_length)

    def _random_name(self, name, max_length):
        directory, file_name = posixpath.split(name)
        root, extension = posixpath.splitext(file_name)
        random = posixpath.join(directory, self.get_alternative_name(root, extension))
        excess = len(random) - max_length if max_length else 0
        if excess <= 0:
            return random
        if excess >= len(root):
            raise SuspiciousFileOperation(f"{name!r} cannot be shortened to {max_length} characters")
        return posixpath.join(directory, self.get_alternative_name(root[:-excess], extension))

    def _open(self, name, mode="rb"):
        return WorkerFile(self, name, mode)

    def _download(self, name):
        return Download(self._client, self._route("open", name), name)

    def _save(self, name, content):
        name = str(name).replace("\\", "/")
        stored = self._upload("POST", self._route("save", name), name, content)["name"]
        return stored[len(self._location) :]

    def _replace(self, name, content):
        self._upload("PUT", encode_name(self._key(name)), name, content)

    def _upload(self, method, path, name, content):
        chunks = content.chunks(CHUNK_BYTES)
        first = next(chunks, b"")
        # The size of a text is that of its characters.
        size = None if isinstance(first, str) else getattr(content, "size", None)
        headers = {} if size is None else {"Content-Length": str(size)}
        content_type = getattr(content, "content_type", None)
        # What browsers send for an extension that they don't know, but the Worker may.
        if content_type and content_type != "application/octet-stream":
            headers["Content-Type"] = content_type
        return self._client.call(method, path, name, headers, _body(itertools.chain((first,), chunks), size))

    def _time(self, name, kind):
        told = datetime.fromisoformat(self._call("GET", kind, name)[kind].replace("Z", "+00:00"))
        return told if settings.USE_TZ else timezone.make_naive(told, timezone.get_default_timezone())

    def _call(self, method, route, name):
        return self._client.call(method, self._route(route, name), name)

    def _route(self, route, name):
        return f"-/api/{route}/{encode_name(self._key(name))}"

    def _key(self, name):
        """The name in the Worker, which has no directories: nothing leads out of the location."""
        name = str(name).replace("\\", "/")
        if name == "" or name.startswith("/") or not {".", ".."}.isdisjoint(name.split("/")):
            raise SuspiciousFileOperation(f"{name!r} is not the name of a file in this storage")
        return self._location + name

    def _signature(self, url):
        """See docs/access.md, "Sign URLs yourself"."""
        key_id, key = self._signing_key
        expires = str(int(time.time()) + (self._expires_in or DEFAULT_EXPIRY))
        lines = ("fallback-storage-url-v1", "read", urlsplit(url).path, expires, key_id, "")
        digest = hmac.new(key.encode(), "\n".join(lines).encode(), hashlib.sha256).digest()
        signature = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        return f"?expires={expires}&key={quote(key_id)}&signature={signature}"


def _with_slash(path):
    return path if path == "" or path.endswith("/") else f"{path}/"


def _body(chunks, size):
    """The chunks as bytes. Throws if they are not as long as announced: the rest would be taken for another request."""
    sent = 0
    for chunk in chunks:
        data = chunk.encode() if isinstance(chunk, str) else chunk
        sent += len(data)
        if size is not None and sent > size:
            break
        yield data
    if size is not None and sent != size:
        raise OSError(f"the content has another length than its size of {size} bytes")


def _check_complete(page, path):
    """Throws if a backend failed. One that cannot list at all is left out, as one without the method."""
    failed = [backend for backend in page.get("backends", []) if backend["error"] != "unsupported"]
    if failed:
        reasons = "; ".join(f"{backend['name']}: {backend['detail']}" for backend in failed)
        raise WorkerError(f"the listing of {path!r} is not complete [{reasons}]", 502, {"backends": failed})
